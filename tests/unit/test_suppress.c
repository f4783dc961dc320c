/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which suppression lists hold for a message; whether one of them has an
 * address, and by which row; what of a configuration of them is wrong.
 */
#include "vmta/suppress.h"

#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/conf_file.h"

static const char conf[] =
    "domain-macro free aol.example, yahoo.example\n"
    "suppression-lists everywhere\n"
    "<address-list everywhere>\n" /* line 3 */
    " address Joe.Roe@Example.COM\n"
    " address postmaster\n"
    " address /^noreply\\+[0-9]*@/\n"
    " domain blocked.example, *.below.example\n"
    " domain [*.]$free\n"
    " address *@whole.example\n"
    " address-file more.txt\n"
    "</address-list>\n"
    "<suppression-list News>\n"
    " address kept@example.net\n"
    " ignore-dots yes\n"
    " ignore-tag yes\n"
    "</suppression-list>\n"
    "<suppression-list case>\n"
    " keep-case yes\n"
    " address Kept@example.org\n"
    "</suppression-list>\n"
    "<suppression-list hashed>\n"
    " hashed sha256\n"
    "</suppression-list>\n"
    "<suppression-list hashed2>\n"
    " hashed SHA256\n"
    "</suppression-list>\n"
    "<suppression-list vendor>\n"
    " hashed hmac-sha256\n"
    " key-file key\n"
    "</suppression-list>\n"
    "<source 0/0>\n suppression-lists case\n</source>\n"
    "<source narrow>\n suppression-lists NEWS,case\n</source>\n"
    "<virtual-mta v>\n suppression-lists hashed\n</virtual-mta>\n"
    "<virtual-mta-pool p>\n virtual-mta v\n suppression-lists hashed2\n"
    "</virtual-mta-pool>\n"
    "<job a*>\n suppression-lists vendor\n</job>\n";

static const char more[] = "\xef\xbb\xbf# some\r\n"
			   "\r\n"
			   "  File@example.com\r\n"
			   "abuse\n"
			   "*@file.example\n"
			   "\"quoted local\"@example.com\n"
			   "joe.roe@example.com";

static struct snapshot *
load(void)
{
	struct conf_errors errs = { 0 };
	struct snapshot *s;

	conf_file_put("main", conf);
	conf_file_put("key", "geheim\n");
	conf_file_put("more.txt", more);
	s = snapshot_load(conf_file_path("main"), &errs);
	if (s == NULL || errs.n > 0)
		(void)conf_file_said(&errs, "nothing");
	ok(s != NULL && errs.n == 0, "loads without a word");
	conf_errors_fini(&errs);
	return s;
}

/* ---- what stands in the configuration -------------------------------------- */

static const struct {
	const char *address;
	const char *list; /* NULL: on none */
	unsigned line;
	bool in_file; /* the line is that of more.txt */
} rows[] = {
	{ "joe.roe@example.com", "everywhere", 4, false },
	{ "JOE.ROE@EXAMPLE.com", "everywhere", 4, false },
	{ "\"joe.roe\"@example.com", "everywhere", 4, false },
	{ "joeroe@example.com", NULL, 0, false },
	{ "postmaster@any.example", "everywhere", 5, false },
	{ "Postmaster", "everywhere", 5, false },
	{ "postmaster2@any.example", NULL, 0, false },
	{ "NoReply+77@any.example", "everywhere", 6, false },
	{ "\"noreply+7\"@any.example", "everywhere", 6, false },
	{ "x-noreply+7@any.example", NULL, 0, false },
	{ "x@blocked.example", "everywhere", 7, false },
	{ "x@a.blocked.example", NULL, 0, false },
	{ "x@a.below.example", "everywhere", 7, false },
	{ "x@below.example", NULL, 0, false },
	{ "x@AOL.example", "everywhere", 8, false },
	{ "x@mail.yahoo.example", "everywhere", 8, false },
	{ "x@whole.example", "everywhere", 9, false },
	{ "file@EXAMPLE.com", "everywhere", 3, true },
	{ "abuse@x.example", "everywhere", 4, true },
	{ "y@file.example", "everywhere", 5, true },
	{ "\"Quoted Local\"@example.com", "everywhere", 6, true },
	{ "k.e.p.t+tag@example.net", "News", 13, false },
	{ "+kept@example.net", NULL, 0, false },
	{ "Kept@example.org", "case", 19, false },
	{ "kept@example.org", NULL, 0, false },
	{ "not an address", NULL, 0, false },
	{ "", NULL, 0, false },
};

static void
test_rows(const struct snapshot *s)
{
	const struct suppress_ask none = { 0 };
	struct region *rg = region_new();
	struct source_conf source;
	struct suppress_set set;

	snapshot_source_conf(s, &(struct net_addr){ 0 }, "narrow", &source);
	suppress_set_of(s, &(struct suppress_scope){ .source = &source }, &set);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct suppress_found f;
		enum suppress_state state = suppress_check(s, &set, &none,
		    slice_of(rows[i].address), rg, &f);
		const char *file = conf_file_path(
		    rows[i].in_file ? "more.txt" : "main");

		if (rows[i].list == NULL)
			ok(state == SUPPRESS_CLEAR, "\"%s\": clear",
			    rows[i].address);
		else
			ok(state == SUPPRESS_LISTED &&
				strcmp(f.list->name, rows[i].list) == 0 &&
				strcmp(f.file, file) == 0 &&
				f.line == rows[i].line,
			    "\"%s\": %s, line %u", rows[i].address,
			    rows[i].list, rows[i].line);
	}
	region_free(&rg);
}

/* ---- scopes ------------------------------------------------------------------ */

static const struct {
	const char *label, *source, *vmta, *pool, *job;
	const char *lists; /* first letters; v: vendor, H: hashed2 */
} scopes[] = {
	{ "nothing is known", NULL, NULL, NULL, NULL, "e" },
	{ "any source", "", NULL, NULL, NULL, "ec" },
	{ "a narrower one", "narrow", NULL, NULL, NULL, "eNc" },
	{ "a virtual MTA", NULL, "V", NULL, "", "eh" },
	{ "that a pool gave", NULL, "v", "P", NULL, "ehH" },
	{ "the pool alone", NULL, NULL, "p", NULL, "eH" },
	{ "a job", NULL, NULL, NULL, "abc", "ev" },
	{ "another job", NULL, "", "", "b", "e" },
	{ "all", "narrow", "v", "p", "a", "eNchHv" },
	{ "names that there are not", NULL, "x", "x", "x", "e" },
};

static void
test_scopes(const struct snapshot *s)
{
	for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
		struct source_conf source;
		struct suppress_scope c = { NULL, scopes[i].vmta,
			scopes[i].pool, scopes[i].job };
		struct suppress_set set;
		char got[8] = "";

		snapshot_source_conf(s, &(struct net_addr){ 0 },
		    scopes[i].source, &source);
		if (scopes[i].source != NULL)
			c.source = &source;
		suppress_set_of(s, &c, &set);
		for (size_t k = 0; k < snapshot_suppress_count(s); k++)
			if (suppress_set_has(&set, k))
				(void)strncat(got, &"eNchHv"[k], 1);
		ok(strcmp(got, scopes[i].lists) == 0, "%s: %s (got %s)",
		    scopes[i].label, scopes[i].lists, got);
	}
}

/* ---- published lists ----------------------------------------------------------- */

struct publisher {
	const struct snapshot *s;
	const char *has; /* the list that has every address; NULL: none */
	const char *broken;
	unsigned asked, digests; /* that differ from the one before */
	unsigned char last[32], hashed[4];
	bool no_digest;
};

static int
has(void *ctx, const struct suppress_list *l, const unsigned char *digest,
    struct err *e)
{
	struct publisher *p = ctx;

	p->asked++;
	p->no_digest = digest == NULL;
	if (digest != NULL && memcmp(digest, p->last, 32) != 0) {
		memcpy(p->last, digest, 32);
		p->digests++;
	}
	if (digest != NULL && strcmp(l->name, "hashed") == 0)
		memcpy(p->hashed, digest, sizeof(p->hashed));
	if (p->broken != NULL && strcmp(l->name, p->broken) == 0)
		return err_set(e, "cut off");
	return p->has != NULL && strcmp(l->name, p->has) == 0;
}

static enum suppress_state
ask(struct publisher *p, const char *secret, struct suppress_found *f)
{
	const struct suppress_ask how = { has, p, slice_of(secret) };
	struct region *rg = region_new();
	struct suppress_set set = { 0 };
	enum suppress_state state;

	p->asked = p->digests = 0;
	for (size_t i = 0; i < snapshot_suppress_count(p->s); i++)
		suppress_set_add(&set, i);
	state = suppress_check(p->s, &set, &how, SLICE_LIT("a.B@example.com"),
	    rg, f);
	region_free(&rg);
	return state;
}

static void
test_published(const struct snapshot *s)
{
	/* printf a.b@example.com | sha256sum */
	static const unsigned char sha[] = { 0xa6, 0xf1, 0xba, 0xd1 };
	struct publisher p = { .s = s };
	struct suppress_found f;

	ok(ask(&p, "secret", &f) == SUPPRESS_CLEAR && p.asked == 5 &&
		p.digests == 4,
	    "each published list is asked; two of one kind share the digest "
	    "(%u, %u)",
	    p.asked, p.digests);
	p.has = "vendor";
	ok(ask(&p, "secret", &f) == SUPPRESS_LISTED && f.file == NULL &&
		strcmp(f.list->name, "vendor") == 0,
	    "the list that has it is told");
	p.broken = "News";
	ok(ask(&p, "secret", &f) == SUPPRESS_LISTED,
	    "listed, though another cannot be asked");
	p.has = NULL;
	ok(ask(&p, "secret", &f) == SUPPRESS_UNSURE &&
		strcmp(f.list->name, "News") == 0 &&
		strcmp(f.error.text, "cut off") == 0,
	    "one cannot be asked: not sure");
	p.broken = "hashed2";
	ok(ask(&p, "secret", &f) == SUPPRESS_UNSURE &&
		strcmp(f.list->name, "hashed2") == 0,
	    "whichever it is");
	ok(memcmp(p.hashed, sha, sizeof(sha)) == 0, "the digest is SHA-256");
	p.broken = NULL;
	ok(ask(&p, "", &f) == SUPPRESS_CLEAR && p.asked == 5,
	    "without a secret plain lists are asked all the same");
	p.has = "News";
	ok(ask(&p, "", &f) == SUPPRESS_LISTED && p.no_digest,
	    "without a digest");
}

/* ---- ids ------------------------------------------------------------------------ */

static void
test_ids(const struct snapshot *s)
{
	const struct suppress_list *l = snapshot_suppress(s, "NEWS");
	struct suppress_norm n = l->norm;
	uint64_t other;

	ok(strcmp(l->store, "news.list") == 0 && l->published,
	    "its file has its name in lower case");
	ok(suppress_norm_id("NEWs", &n) == l->id, "case of the name is none");
	ok(suppress_norm_id("news2", &n) != l->id, "another name, another id");
	n.keep_case = true;
	ok(suppress_norm_id("News", &n) != l->id, "another choice, too");
	n = snapshot_suppress(s, "vendor")->norm;
	ok(n.key.len == 6, "a key's line break is none of it");
	other = suppress_norm_id("vendor", &n);
	n.key = SLICE_LIT("gehein");
	ok(suppress_norm_id("vendor", &n) != other, "another key, too");
	ok(snapshot_suppress(s, "hashed")->choices ==
		    snapshot_suppress(s, "hashed2")->choices &&
		snapshot_suppress(s, "hashed")->choices !=
		    snapshot_suppress(s, "vendor")->choices,
	    "lists of one kind know it");
	ok(!snapshot_suppress(s, "everywhere")->published,
	    "an <address-list> has no file");
}

/* ---- mistakes --------------------------------------------------------------------- */

static const struct {
	const char *text, *said;
} wrong[] = {
	{ "suppression-lists a,b\n<address-list b>\n</address-list>\n",
	    "main:1: suppression-lists: there is no <suppression-list a>" },
	{ "<virtual-mta v>\nsuppression-lists a\n</virtual-mta>\n",
	    "main:2: suppression-lists: there is no" },
	{ "<job v>\nsuppression-lists a\n</job>\n", "main:2: suppression-lis" },
	{ "<suppression-list a>\n</suppression-list>\n"
	  "<address-list A>\n</address-list>\n",
	    "main:3: <address-list A>: there is a list of that name at" },
	{ "<address-list a>\n</address-list>\n<address-list a>\n"
	  "</address-list>\n",
	    "main:3: <address-list a>: there is a list of that name" },
	{ "<address-list>\naddress a\n</address-list>\n", "argument missing" },
	{ "<suppression-list a:b>\n</suppression-list>\n",
	    "main:1: <suppression-list a:b>: a name of up to 100 letters" },
	{ "<suppression-list ..>\n</suppression-list>\n", "a name of up to" },
	{ "<suppression-list a>\nhashed hmac-sha256\n</suppression-list>\n",
	    "main:1: <suppression-list a>: hashed hmac-sha256 needs a key" },
	{ "<suppression-list a>\nhashed sha1\nkey-file key\n"
	  "</suppression-list>\n",
	    "main:3: key-file: only hashed hmac-sha256 has a key" },
	{ "<suppression-list a>\nhashed hmac-sha256\nkey-file none\n"
	  "</suppression-list>\n",
	    "main:3: key-file: " },
	{ "<suppression-list a>\nhashed hmac-sha256\nkey-file empty\n"
	  "</suppression-list>\n",
	    "it is empty" },
	{ "<suppression-list a>\nhashed sha512\n</suppression-list>\n",
	    "main:2: hashed: \"sha512\" is none of plain|sha256|sha1|md5" },
	{ "<suppression-list a>\nkeep-cases yes\n</suppression-list>\n",
	    "did you mean keep-case" },
	{ "<suppression-list a>\naddress x@\n</suppression-list>\n",
	    "main:2: address: " },
	{ "<suppression-list a>\naddress /(/\n</suppression-list>\n",
	    "main:2: address: " },
	{ "<suppression-list a>\ndomain a..b\n</suppression-list>\n",
	    "main:2: domain: " },
	{ "<suppression-list a>\naddress-file none\n</suppression-list>\n",
	    "main:2: address-file: " },
	{ "<suppression-list a>\naddress-file bad\n</suppression-list>\n",
	    "bad:2: \"@example.com\" is not an address or local part" },
	{ "<suppression-list a>\naddress-file bad\n</suppression-list>\n",
	    "bad:4: patterns stand in the configuration" },
	{ "suppression-dir here\n",
	    "main:1: suppression-dir: an absolute path is needed" },
};

static void
test_wrong(void)
{
	conf_file_put("empty", "\n");
	conf_file_put("bad", "a@example.com\n@example.com\nb\n/x/\n");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct conf_errors errs = { 0 };
		struct snapshot *s;

		conf_file_put("main", wrong[i].text);
		s = snapshot_load(conf_file_path("main"), &errs);
		ok(s == NULL && conf_file_said(&errs, wrong[i].said), "%s",
		    wrong[i].said);
		snapshot_unref(&s);
		conf_errors_fini(&errs);
	}
}

/* No file of thousands of mistakes is told line by line. */
static void
test_many_mistakes(void)
{
	struct conf_errors errs = { 0 };
	struct buf text = { 0 };
	struct snapshot *s;

	for (int i = 0; i < 1000; i++)
		buf_str(&text, "a b\n");
	conf_file_put("bad", buf_cstr(&text));
	conf_file_put("main",
	    "<address-list a>\naddress-file bad\n</address-list>\n");
	s = snapshot_load(conf_file_path("main"), &errs);
	ok(s == NULL && errs.fatal == 20 &&
		conf_file_said(&errs,
		    "bad:20: \"a b\" is not an address or "
		    "local part; the rest was not read"),
	    "twenty mistakes of a file are told");
	conf_errors_fini(&errs);
	buf_fini(&text);
}

static void
test_open_key(void)
{
	struct conf_errors errs = { 0 };
	struct snapshot *s;

	conf_file_put("key", "geheim");
	ok(chmod(conf_file_path("key"), 0644) == 0, "a key for everybody");
	conf_file_put("main",
	    "<suppression-list a>\nhashed hmac-sha256\nkey-file key\n"
	    "</suppression-list>\n");
	s = snapshot_load(conf_file_path("main"), &errs);
	ok(s != NULL && conf_file_said(&errs, "main:3: key-file: "),
	    "is warned of");
	snapshot_unref(&s);
	conf_errors_fini(&errs);
}

int
main(void)
{
	struct snapshot *s;

	conf_file_begin();
	s = load();
	if (s != NULL) {
		test_rows(s);
		test_scopes(s);
		test_published(s);
		test_ids(s);
	}
	snapshot_unref(&s);
	test_wrong();
	test_many_mistakes();
	test_open_key();
	conf_file_end();
	return done_testing();
}
