/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures are judged, each by itself, with words of RFC 8601; no odd field
 * or answer can do more than make one of them invalid.
 */
#include "mail/dkim_verify.h"

#include <stdlib.h>
#include <string.h>

#include "mail/dkim_sign.h"
#include "tests/support/sealed.h"
#include "tests/tap.h"

#define MESSAGE \
	"From: A <a@one.example>\r\n" \
	"To: b@two.example\r\n" \
	"Subject: hello\r\n" \
	"\r\n" \
	"Good  morning \r\n\r\n"

static struct dkim_verifier *verifier;

static const char *
signed_by(const struct sealed *s, const char *text, const char *selector,
    enum canon how)
{
	static const struct dkim_sign_opts opts[] = {
		{ .header_canon = CANON_SIMPLE,
		    .body_canon = CANON_SIMPLE,
		    .query_method = "" },
		{ .header_canon = CANON_RELAXED,
		    .body_canon = CANON_RELAXED,
		    .query_method = "" },
	};
	struct header_list headers;
	struct dkim_sign_in in = { .key = s->key,
		.selector = selector,
		.domain = "one.example",
		.identity = "@one.example",
		.opts = &opts[how],
		.headers = &headers };
	struct canon_body *b;
	const char *value;
	size_t body;
	struct err e;

	header_parse(text, strlen(text), s->rg, &headers, &body);
	b = canon_body_of(text + body, strlen(text) - body);
	in.body_hash = canon_body_hash(b, how);
	value = dkim_sign_field(&in, s->rg, &e);
	canon_body_free(&b);
	return REGION_JOIN(s->rg, DKIM_HEADER ": ", value, "\r\n", text);
}

/* "pass, fail (why)": all verdicts; what DNS says of names with "s2" differs. */
static const char *
judged(const struct sealed *s, const char *text, enum dkim_answer s2)
{
	struct dkim_answers *a = dkim_answers_new();
	struct header_list headers;
	struct dkim_verdict *v;
	struct dkim_verify *dv;
	const char *out = "";
	size_t at, n;

	header_parse(text, strlen(text), s->rg, &headers, &at);
	dv = dkim_verify_new(verifier, &headers);
	if (dv == NULL) {
		dkim_answers_free(&a);
		return "nothing";
	}
	dkim_verify_names(dv, a);
	for (size_t i = 0; i < dkim_answers_count(a); i++)
		dkim_answers_set(a, i,
		    strncmp(dkim_answers_name(a, i), "s2", 2) == 0 ?
			s2 :
			DKIM_ANSWER_RECORD,
		    slice_of(s->record));
	/* In two pieces. */
	dkim_verify_body(dv, text + at, (strlen(text) - at) / 2);
	at += (strlen(text) - at) / 2;
	dkim_verify_body(dv, text + at, strlen(text) - at);
	n = dkim_verify_end(dv, a, s->rg, &v);
	for (size_t i = 0; i < n; i++)
		out = REGION_JOIN(s->rg, out, i == 0 ? "" : ", ", v[i].result,
		    v[i].reason[0] == '\0' ? "" : " (", v[i].reason,
		    v[i].reason[0] == '\0' ? "" : ")");
	dkim_verify_free(&dv);
	dkim_answers_free(&a);
	return out;
}

/* The first `from` of a message with one signature becomes `to`. */
static const struct {
	const char *label, *from, *to, *verdict;
} cases[] = {
	{ "as it was signed", "", "", "pass" },
	{ "another field", "hello", "Hello",
	    "fail (signature verification failed)" },
	{ "another body", "Good", "Bad", "fail (the body has changed)" },
	{ "no end of the last line", "morning \r\n\r\n", "morning ", "pass" },
	{ "expired", "c=relaxed", "t=1; x=2; c=relaxed",
	    "fail (signature expired)" },
	{ "rsa-sha1", "a=rsa-sha256", "a=rsa-sha1",
	    "permerror (rsa-sha1 is not accepted)" },
	{ "an unknown algorithm", "a=rsa-sha256", "a=dsa",
	    "permerror (signature algorithm invalid)" },
	{ "no d=", " d=one.example;", "",
	    "permerror (the field is malformed)" },
	{ "no bh=", "bh=", "hb=", "permerror (body hash missing)" },
	{ "8-bit in the field", "s=s1", "s=s1; z=\xff",
	    "permerror (not ASCII)" },
	{ "no list of tags", "v=1;", "v",
	    "permerror (the field is malformed)" },
	{ "no From any more", "From: A", "X: A",
	    "fail (signature verification failed)" },
};

static const char *
edited(struct region *rg, const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);

	return at == NULL ? "" :
			    region_printf(rg, "%.*s%s%s", (int)(at - text),
				text, to, at + strlen(from));
}

static void
test_cases(const struct sealed *s)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		is_str(judged(s,
			   edited(s->rg,
			       signed_by(s, MESSAGE, "s1", CANON_RELAXED),
			       cases[i].from, cases[i].to),
			   DKIM_ANSWER_RECORD),
		    cases[i].verdict, cases[i].label);
}

/* One that cannot be judged does not hide another. */
static void
test_two(const struct sealed *s)
{
	const char *text = signed_by(s,
	    signed_by(s, MESSAGE, "s1", CANON_SIMPLE), "s2", CANON_RELAXED);

	is_str(judged(s, text, DKIM_ANSWER_RECORD), "pass, pass", "two");
	is_str(judged(s, text, DKIM_ANSWER_NONE),
	    "permerror (key not found in DNS), pass", "no key for the first");
	is_str(judged(s, text, DKIM_ANSWER_TROUBLE),
	    "temperror (DNS does not say its key), pass",
	    "trouble with the first");
	is_str(judged(s, edited(s->rg, text, "v=1", "v=2"), DKIM_ANSWER_RECORD),
	    "permerror (unsupported signature version), pass",
	    "the first is malformed");
	is_str(judged(s, MESSAGE, DKIM_ANSWER_RECORD), "nothing", "none");
}

static void
test_many(const struct sealed *s)
{
	const char *text = signed_by(s, MESSAGE, "s1", CANON_RELAXED), *got;
	size_t len = strlen(text) - strlen(MESSAGE);
	char *field = region_strndup(s->rg, text, len);
	unsigned ignored = 0;

	for (int i = 0; i < 20; i++)
		text = REGION_JOIN(s->rg, field, text);
	got = judged(s, text, DKIM_ANSWER_RECORD);
	ok(strncmp(got, "pass, pass", 10) == 0, "the uppermost are judged");
	while ((got = strstr(got, "policy (too many signatures)")) != NULL) {
		ignored++;
		got++;
	}
	is_int(ignored, 21 - DKIM_VERIFY_MAX, "the others are not");
}

int
main(void)
{
	struct sealed s;
	struct err e;

	if (!ok(dkim_verifier_new(&verifier, &e) == 0, "the library"))
		return done_testing();
	sealed_init(&s, "RSA", 1024);
	test_cases(&s);
	test_two(&s);
	test_many(&s);
	sealed_fini(&s);
	sealed_init(&s, "ED25519", 0);
	is_str(judged(&s, signed_by(&s, MESSAGE, "s1", CANON_RELAXED),
		   DKIM_ANSWER_RECORD),
	    "pass", "Ed25519");
	sealed_fini(&s);
	dkim_verifier_free(&verifier);
	return done_testing();
}
