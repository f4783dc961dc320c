/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a string of Exim depends on, and what of it Exim may be asked: nothing
 * that runs, calls or asks anybody.
 */
#include "compat/exim/ex_expand.h"

#include <string.h>

#include "compat/exim/ex_lookup.h"
#include "tests/tap.h"

/* What stands in files. */
static bool
keys(void *ctx, struct ex_lookup *l)
{
	static const char *const files[][2] = {
		{ "/t", "k.example: 1\n" },
		{ "/joe", "joe@a.example 1\n*@b.example 2\n*.c.example 3\n" },
		{ "/run", "${run{/bin/false}}: 1\n" },
		{ "/code", "\\x24{run{/bin/false}}: 1\n" },
		{ "/other", "dsearch;/: 1\n" },
		{ "/re", "\\N^a\\N 1\n" },
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (strcmp(l->path, files[i][0]) == 0)
			return ex_lookup_read(ctx, slice_of(files[i][1]), l);
	l->why = "no such file";
	return false;
}

#define S EX_BY_SENDER
#define R EX_BY_RCPT

static const struct {
	const char *text;
	unsigned by;
	bool open;        /* not all that it says is known */
	const char *keys; /* with a blank behind each */
} good[] = {
	{ "plain {text}", 0, false, "" },
	{ "$primary_hostname", 0, false, "" },
	{ "\\$domain", 0, false, "" },
	{ "\\N$domain\\N $value", 0, false, "" },
	{ "mail.$sender_address_domain", S, true, "" },
	{ "${lc:$domain}", R, true, "" },
	{ "${if eq{$domain}{a.example}{$domain}{x}}", R, true, "a.example " },
	{ "mail.$sending_ip_address", EX_BY_IP, false, "" },
	{ "${lookup{$sender_address_domain}lsearch{/t}{$value}{x}}", S, false,
	    "k.example " },
	{ "${lookup{${lc:$domain}}lsearch*{/t}{$value}fail}", R, false,
	    "k.example " },
	{ "${lookup{${domain:$sender_address}}lsearch{/t}}", S, false,
	    "k.example " },
	{ "${if eq{$sender_address_domain}{a.example}{1}{0}}", S, false,
	    "a.example " },
	{ "${if !eqi{b.example}{${lc:$domain}}{1}{0}}", R, false,
	    "b.example " },
	{ "${if or{{eq{$domain}{a.example}}{eq{$domain}{b.example}}}}", R,
	    false, "a.example b.example " },
	{ "${if and {{ ! eq {$domain}{a.example}}{>={$value}{2}}} {1}fail}", R,
	    false, "a.example " },
	{ "${if >{${lookup{$domain}lsearch{/t}{$value}{0}}} {5}{1}{0}}", R,
	    false, "k.example " },
	{ "${if inlist{$domain}{a.example : b.example}}", R, false,
	    "a.example b.example " },
	{ "${if eq{$primary_hostname}{x}{${lookup{$domain}lsearch{/t}}}}", R,
	    false, "k.example " },
	{ "${if eq{$sender_address}{}{1}{0}}", S, true, "" },
	{ "${if eqi{$sender_address_local_part}{bounce}}", S, true, "" },
	{ "${lookup{$sender_address_local_part}lsearch{/t}}", S, true, "" },
	{ "${if inlist{$sender_address}{joe@a.example : \"j d\"@a.example}}", S,
	    true, "a.example " },
	{ "${if eq{$sender_address}{Joe@a.example}}", S, true, "" },
	{ "${if eqi{$sender_address}{Joe@a.example}}", S, false, "a.example " },
	{ "${if eq{$sending_ip_address}{2001:db8::1}}", EX_BY_IP, false, "" },
	{ "${lookup{x$domain}lsearch{/t}}", R, true, "" },
	{ "${if eq{$domain}{$qualify_domain}}", R, true, "" },
	{ "${if match{$domain}{x}}", R, true, "" },
	{ "${if exists{/d/$domain}{/d/$domain}}", R, true, "" },
	{ "${extract{1}{.}{$domain}}", R, true, "" },
	{ "${extract{1}{.}{${lookup{$domain}lsearch{/t}}}}", R, false,
	    "k.example " },
	{ "${lookup{$sending_ip_address}iplsearch{/t}}", EX_BY_IP, false, "" },
	{ "${lookup{$sender_address}lsearch{/joe}}", S, false, "a.example " },
	{ "${lookup{$sender_address}lsearch*@{/joe}}", S, false,
	    "a.example b.example " },
	{ "${lookup{$domain}partial-lsearch{/joe}}", R, false,
	    "a.example c.example c.example " },
	{ "${lookup{$host}wildlsearch{/re}}", EX_BY_HOST, true, "" },
	{ "${lookup{$host}nwildlsearch{/run}}", EX_BY_HOST, true, "" },
	{ "${lc:${domain:$h_from:}}", EX_BY_FROM, false, "" },
	{ "/d/$dkim_domain.$dkim_selector", EX_BY_DOMAIN_KEY | EX_BY_SELECTOR,
	    false, "" },
};

static const char *const bad[] = { "${run{/bin/sh -c x}}", "${perl{f}}",
	"${readsocket{/s}{x}}", "${dlfunc{/x.so}{f}}", "${acl{x}}",
	"${readfile{/etc/shadow}}", "${lookup mysql{select 1}}",
	"${lookup dnsdb{a=x.example}}", "${lookup{x}sqlite{/x}}",
	"$h_subject:", "${if def:sender_address {a}}", "$sender_host_address",
	"$acl_m_x", "${env{PATH}}", "${lookup{$domain}lsearch{/none}}",
	"${if eq{$domain}{a}", "$sender_address $domain",
	"${if {{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{$value", "$",
	"${map{a:b}{$item}}", "x${expand:$domain}",
	"${if def:h_list-id:{yes}{no}}", "${if ! def:h_list-id: {yes}{no}}",
	"${if and{{def:authenticated_id}{eq{$domain}{a.example}}}}",
	"${if or{{eq{$value}{x}}{!first_delivery}}{1}}",
	"${if and { {or{{queue_running}}}}{$value}{}}",
	"${if first_delivery{$value}{}}", "${if first_delivery}$value",
	"${if {$value}{1}}", "${if $value{1}}",
	"${if match_ip{$sending_ip_address}{+relays}}",
	"${if match_ip{$sending_ip_address}{net-mysql;select 1}}",
	"${lookup{$host}wildlsearch{/run}}",
	"${lookup{$host}wildlsearch{/code}}",
	"${lookup{$domain}wildlsearch{/run}}",
	"${lookup{$domain}wildlsearch{/re}}",
	"${lookup{$host}wildlsearch{/t.$host}}",
	"${lookup{$host}nwildlsearch{/other}}" };

static void
test_good(void)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct region *rg = region_new();
		const struct ex_files files = { keys, rg };
		struct buf b = { 0 };
		struct ex_expr x;

		ex_expr_read(rg, &files, good[i].text, &x);
		for (size_t j = 0; j < x.keys.n; j++)
			buf_printf(&b, "%s ", x.keys.v[j].domain);
		is_str(buf_cstr(&b), good[i].keys, good[i].text);
		ok(x.why == NULL && x.by == good[i].by &&
			ex_expr_is_listed(&x) != good[i].open,
		    "%s: %u%s%s", good[i].text, x.by,
		    ex_expr_is_listed(&x) ? "" : ", open",
		    x.why == NULL ? "" : x.why);
		buf_fini(&b);
		region_free(&rg);
	}
}

static void
test_bad(void)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct region *rg = region_new();
		const struct ex_files files = { keys, rg };
		struct ex_expr x;

		ex_expr_read(rg, &files, bad[i], &x);
		ok(x.why != NULL, "%s: %s", bad[i],
		    x.why == NULL ? "taken" : x.why);
		region_free(&rg);
	}
}

static void
test_values(void)
{
	struct region *rg = region_new();
	const struct ex_files files = { keys, rg };
	const struct ex_point sender = { "joe", "a.example", false };
	const struct ex_point below = { NULL, "b.example", true };
	const struct ex_given given = { &sender, &below, "mx.example",
		"192.0.2.1", "d.example", "s1" };
	const struct ex_given none = { 0 };
	struct ex_expr x;

	ex_expr_read(rg, &files,
	    "${lc:$sender_address} ${sender_address_domain} \\$domain $host "
	    "$sending_ip_address $dkim_domain $dkim_selector $value",
	    &x);
	is_str(ex_expr_with(rg, &x, &given),
	    "${lc:joe@a.example} a.example \\$domain mx.example 192.0.2.1 "
	    "d.example s1 $value",
	    "with values");
	is_str(ex_expr_with(rg, &x, &none), x.text, "with none");
	ex_expr_read(rg, &files, "${domain:$h_from:}:x", &x);
	is_str(ex_expr_with(rg, &x, &given), "${domain:joe@a.example}:x",
	    "the address in From");
	ex_expr_read(rg, &files, "$domain", &x);
	is_str(ex_expr_with(rg, &x, &given), "nobody.b.example",
	    "any domain below");
	region_free(&rg);
}

int
main(void)
{
	test_good();
	test_bad();
	test_values();
	return done_testing();
}
