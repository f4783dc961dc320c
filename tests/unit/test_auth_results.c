/* SPDX-License-Identifier: Apache-2.0 */
/* Results of this host's filters are merged, without versions and comments. */
#include "mail/auth_results.h"

#include <stdlib.h>
#include <string.h>

#include "tests/tap.h"

#define AR "Authentication-Results:"

static const struct {
	const char *label, *fields, *results; /* with | between them */
} cases[] = {
	{ "none at all", "Subject: x\r\n\r\n", "" },
	{ "one", AR " mx.example; spf=pass smtp.mailfrom=a.example\r\n\r\n",
	    "spf=pass smtp.mailfrom=a.example" },
	{ "several in one", AR " mx.example; spf=pass; dkim=fail\r\n\r\n",
	    "spf=pass|dkim=fail" },
	{ "several fields, in their order",
	    AR " mx.example; dmarc=pass\r\n" AR " mx.example; spf=pass\r\n\r\n",
	    "dmarc=pass|spf=pass" },
	{ "those of another host",
	    AR " evil.example; dmarc=pass\r\n" AR
	       " mx.example.evil; dmarc=pass\r\n" AR
	       " mx.example; spf=fail\r\n\r\n",
	    "spf=fail" },
	{ "case of the id and the name",
	    "AUTHENTICATION-RESULTS: MX.Example; spf=pass\r\n\r\n",
	    "spf=pass" },
	{ "none says nothing", AR " mx.example; none\r\n\r\n", "" },
	{ "a version", AR " mx.example 1; spf=pass\r\n\r\n", "spf=pass" },
	{ "what is no version", AR " mx.example 1a; spf=pass\r\n\r\n", "" },
	{ "comments",
	    AR " (x) mx.example (a (nested; \\) one)) 1; (b) spf=pass (c;d) "
	       "smtp.helo=h(e)\r\n\r\n",
	    "spf=pass smtp.helo=h" },
	{ "a comment between words",
	    AR " mx.example; spf=pass(why)reason=x\r\n\r\n",
	    "spf=pass reason=x" },
	{ "folds",
	    AR "\r\n\tmx.example;\r\n\tspf=pass\r\n\t  smtp.helo=h;\r\n "
	       "dkim=none\r\n\r\n",
	    "spf=pass smtp.helo=h|dkim=none" },
	{ "a quoted string stays",
	    AR " mx.example; dkim=fail reason=\"a; (b) \\\" c\"\r\n\r\n",
	    "dkim=fail reason=\"a; (b) \\\" c\"" },
	{ "a quoted id", AR " \"mx.example\"; spf=pass\r\n\r\n", "spf=pass" },
	{ "a quoted control character",
	    AR " mx.example; dkim=fail reason=\"a\\\001\" b\"\r\n\r\n", "" },
	{ "a comment without end", AR " mx.example; spf=pass (x\r\n\r\n", "" },
	{ "a string without end", AR " mx.example; spf=pass \"x\r\n\r\n", "" },
	{ "a field without results", AR " mx.example\r\n\r\n", "" },
	{ "empty results", AR " mx.example;; spf=pass;\r\n\r\n", "spf=pass" },
	{ "what is no result", AR " mx.example; spf; =x; a=\r\n\r\n", "" },
	{ "nothing", AR "\r\n\r\n", "" },
};

static const char *
merged(struct region *rg, const char *text, struct auth_results *r)
{
	const char *out = "";
	struct header_list headers;
	size_t body;

	header_parse(text, strlen(text), rg, &headers, &body);
	auth_results_read(&headers, "mx.example", rg, r);
	for (size_t i = 0; i < r->n; i++)
		out = REGION_JOIN(rg, out, i == 0 ? "" : "|", r->v[i]);
	return out;
}

static void
test_methods(struct region *rg)
{
	struct auth_results r;

	(void)merged(rg, AR " mx.example; DKIM/1 = pass; spf=none\r\n\r\n", &r);
	is_str(auth_results_find(&r, "dkim", rg), "pass", "DKIM/1 is dkim");
	is_str(auth_results_find(&r, "spf", rg), "none", "spf");
	ok(auth_results_find(&r, "dk", rg) == NULL &&
		auth_results_find(&r, "dkim-atps", rg) == NULL,
	    "parts of a name are others");
	auth_results_add(&r, "arc=pass", rg);
	is_str(auth_results_find(&r, "arc", rg), "pass", "what was added");
}

/* Of mx.example, or of nobody knows whom. */
static const struct {
	const char *label, *field;
	bool theirs;
} owners[] = {
	{ "ours", AR " mx.example; spf=pass", false },
	{ "ours in any case", "authentication-Results:MX.EXAMPLE;spf=pass",
	    false },
	{ "ours, quoted", AR " \"mx.example\"; none", false },
	{ "ours in quoted pairs", AR " \"m\\x\\.example\"; spf=pass", false },
	{ "ours with half of it quoted", AR " mx.\"example\" 1; none", false },
	{ "ours in pairs without quotes", AR " mx\\.example; none", false },
	{ "ours behind a quoted blank", AR " \" mx.example\"; none", false },
	{ "another's in quoted pairs", AR " \"m\\y.example\"; none", true },
	{ "ours behind a comment", AR " (x)\r\n mx.example ; spf=pass", false },
	{ "ours with a version that is none", AR " mx.example x; spf=pass",
	    false },
	{ "ours alone", AR " mx.example", false },
	{ "no id", AR " ; spf=pass", false },
	{ "nothing", AR, false },
	{ "a comment without end", AR " (mx.example; spf=pass", false },
	{ "quotes without end", AR " \"other.example; spf=pass", false },
	{ "another's", AR " other.example; spf=pass", true },
	{ "another's with a version", AR " other.example 1; spf=pass", true },
	{ "one below ours", AR " a.mx.example; spf=pass", true },
	{ "another field", "Subject: mx.example; spf=pass", true },
};

static void
test_owners(struct region *rg)
{
	for (size_t i = 0; i < sizeof(owners) / sizeof(owners[0]); i++) {
		struct header_list h;
		size_t body;

		header_parse(owners[i].field, strlen(owners[i].field), rg, &h,
		    &body);
		ok(h.n == 1 &&
			auth_results_may_be_of(&h.v[0], "mx.example") !=
			    owners[i].theirs,
		    "whose field: %s", owners[i].label);
	}
}

static void
test_written(struct region *rg)
{
	struct auth_results r = { 0 }, again;

	is_str(auth_results_write(&r, "mx.example", rg), " mx.example; none",
	    "nothing was found");
	auth_results_add(&r, "spf=pass smtp.helo=a.example", rg);
	auth_results_add(&r, "dkim=none", rg);
	is_str(auth_results_write(&r, "mx.example", rg),
	    " mx.example;\r\n\tspf=pass smtp.helo=a.example;\r\n\tdkim=none",
	    "two results");
	is_str(merged(rg,
		   REGION_JOIN(rg, AR, auth_results_write(&r, "mx.example", rg),
		       "\r\n\r\n"),
		   &again),
	    "spf=pass smtp.helo=a.example|dkim=none", "which can be read");
}

static void
test_values(struct region *rg)
{
	ok(auth_results_is_id("mx.example.net"), "an id");
	ok(!auth_results_is_id(""), "not an empty one");
	ok(!auth_results_is_id("mx example"), "not two words");
	ok(!auth_results_is_id("mx;x"), "not a semicolon");
	is_str(auth_results_quote("a.example", rg), "a.example", "plain");
	is_str(auth_results_quote("@a; \"b\\\n", rg), "\"@a; \\\"b\\\\\"",
	    "quoted");
}

int
main(void)
{
	struct region *rg = region_new();

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct auth_results r;

		is_str(merged(rg, cases[i].fields, &r), cases[i].results,
		    cases[i].label);
	}
	test_methods(rg);
	test_values(rg);
	test_owners(rg);
	test_written(rg);
	region_free(&rg);
	return done_testing();
}
