/* SPDX-License-Identifier: Apache-2.0 */
/* What has an effect is written, with its place; all else is told, and why. */
#include "compat/import_conf.h"

#include "tests/tap.h"
#include "vmta/effect.h"

static const struct {
	const char *block, *name, *value;
	enum effect effect;
} lines[] = {
	{ "", "host-name", "a.example", EFFECT_TAKES },
	{ "domain", "max-smtp-out", "5", EFFECT_TAKES },
	{ "domain", "max-smtp-out", "0", EFFECT_WRONG },
	{ "domain", "max-smtp-out", "5 # x", EFFECT_WRONG },
	{ "domain", "max-smtp-out", "", EFFECT_WRONG },
	{ "pattern-list", "mail-from", "/x( virtual-mta=a", EFFECT_WRONG },
	{ "domain", "auth-password", "\"a${b}\"", EFFECT_WRONG },
	{ "domain", "auth-password", "\"a{b}\"", EFFECT_TAKES },
	{ "domain", "smtp-hosts", "\"\"", EFFECT_TAKES },
	{ "domain", "route", "[192.0.2.1]:25", EFFECT_TAKES },
	{ "pattern-list", "mail-from", "/x/ virtual-mta=a", EFFECT_TAKES },
	{ "domain", "check-pra-outbound", "yes", EFFECT_NONE },
	{ "domain", "host-name", "a.example", EFFECT_UNKNOWN },
	{ "nothing", "host-name", "a.example", EFFECT_UNKNOWN },
	{ "virtual-mta-pool", "virtual-mta", "a 0", EFFECT_WRONG },
	{ "", "relay-domain", "$macro", EFFECT_WRONG },
};

static void
test_effects(void)
{
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct err why = { "" };
		enum effect got = effect_of(lines[i].block, lines[i].name,
		    lines[i].value, &why);

		ok(got == lines[i].effect &&
			(why.text[0] == '\0') == (got == EFFECT_TAKES),
		    "%s %s in <%s>: %s", lines[i].name, lines[i].value,
		    lines[i].block, why.text);
	}
}

static const char wanted[] =
    "host-name a.example\n"
    "#mark-key-file /k  # make it\n"
    "\n# ---- where mail goes out from\n"
    "\n"
    "# the first\n"
    "<virtual-mta a>\n"
    "    max-smtp-out 7  # maxproc, master.cf:3\n"
    "    <domain *>\n"
    "        max-smtp-out 4  # why?\?not\n"
    "    </domain>\n"
    "</virtual-mta>\n"
    "\n# ---- how mail goes out: everywhere, then to "
    "single domains\n"
    "\n"
    "<domain *>\n"
    "    retry-after 5m  # x, main.cf:1\n"
    "    #helo-host (only with --output)  # y, main.cf:2\n"
    "</domain>\n"
    "\n# ---- what is recorded of it\n"
    "\n"
    "<acct-file /a>\n"
    "    records d\n"
    "</acct-file>\n";

/* A secret that takes effect: no directive of <domain> is one yet. */
static void
take_all(struct import_conf *c)
{
	struct import_block *top = import_top(c);
	struct import_block *all = import_block(c, top, "domain", "*");
	struct import_block *a = import_block(c, top, "virtual-mta", "a");
	const struct import_fact maxproc = { "maxproc", "7", "master.cf:3",
		false };
	const struct import_fact x = { "x", "300", "main.cf:1", false };
	const struct import_fact y = { "y", "s3cret", "main.cf:2", true };

	ok(import_take(all, &x, "retry-after", "5m", NULL), "taken");
	ok(import_take(all, &y, "helo-host", "s3cret", "so to speak"),
	    "a secret");
	ok(!import_take(all, &x, "max-smtp-out", "many", NULL), "wrong");
	ok(!import_take(all, &y, "use-it", "s3cret", NULL), "unknown");
	ok(import_add(top, "host-name", "a.example", NULL), "added");
	ok(!import_add(top, "host-name", "a#b", NULL), "not added");
	ok(import_offer(top, "mark-key-file", "/k", "make it"), "offered");
	ok(!import_offer(top, "check-pra-outbound", "yes", NULL),
	    "not offered");
	ok(import_add(import_block(c, top, "acct-file", "/a"), "records", "d",
	       NULL),
	    "at the end");
	import_remark(a, "the first");
	ok(import_take(a, &maxproc, "max-smtp-out", "7", NULL), "in a block");
	ok(import_add(import_block(c, a, "domain", "*"), "max-smtp-out", "4",
	       "why?\nnot"),
	    "in a block of it");
	ok(import_block(c, a, "domain", "*") != all, "of its own");
	ok(import_block(c, top, "virtual-mta", "a") == a, "found again");
	(void)import_block(c, top, "source", "127.0.0.1"); /* stays empty */
}

static void
test_report(const struct import_report *r)
{
	struct buf out = { 0 };
	json_t *list = import_report_json(r);

	import_report_print(r, &out);
	is_str(buf_cstr(&out),
	    "Not taken over: 2\n"
	    "  x = 300  (main.cf:1)\n"
	    "      max-smtp-out many in <domain *>: \"many\" is not a "
	    "number\n"
	    "  y = (hidden)  (main.cf:2)\n"
	    "      use-it (hidden) in <domain *>: use-it is not known here\n"
	    "\nDifferently expressed: 1\n"
	    "  y = (hidden)  (main.cf:2)\n"
	    "      helo-host (hidden) in <domain *>: so to speak\n"
	    "\nTaken over: 2\n"
	    "  x = 300  (main.cf:1)\n"
	    "      retry-after 5m in <domain *>\n"
	    "  maxproc = 7  (master.cf:3)\n"
	    "      max-smtp-out 7 in <virtual-mta a>\n",
	    "the report");
	is_int((int64_t)json_array_size(list), 5, "the same as JSON");
	is_str(
	    json_string_value(json_object_get(json_array_get(list, 1), "fate")),
	    "changed", "in the order told");
	json_decref(list);
	buf_fini(&out);
}

int
main(void)
{
	struct region *rg = region_new();
	struct import_report *r = import_report_new(rg);
	struct import_conf *c = import_conf_new(rg, r);
	struct buf shown = { 0 }, whole = { 0 };
	const struct import_fact odd = { "n", "\xff\n", "w", false };

	test_effects();
	take_all(c);
	import_conf_print(c, false, &shown);
	import_conf_print(c, true, &whole);
	is_str(buf_cstr(&shown), wanted, "as text");
	ok(strstr(buf_cstr(&shown), "s3cret") == NULL, "without secrets");
	ok(strstr(buf_cstr(&whole), "    helo-host s3cret  # y") != NULL,
	    "with secrets");
	test_report(r);
	is_int((int64_t)import_report_count(r, IMPORT_UNSAFE), 0, "none yet");
	import_tell(r, IMPORT_UNSAFE, &odd, "why");
	is_int((int64_t)import_report_count(r, IMPORT_UNSAFE), 1, "one");
	json_decref(import_report_json(r));
	import_conf_free(&c);
	import_conf_free(&c);
	buf_fini(&shown);
	buf_fini(&whole);
	region_free(&rg);
	return done_testing();
}
