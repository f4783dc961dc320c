/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A chain of ARC sets passes if it is whole, and each kind of fault is found
 * and named; what DNS could not say never becomes a fail.
 */
#include "mail/arc_verify.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/sealed.h"
#include "tests/tap.h"

/* The first `from` in a chain of so many sets becomes `to`. */
static const struct {
	const char *label;
	unsigned sets;
	const char *from, *to;
	enum arc_result result;
	const char *reason; /* part of it; NULL: none */
} cases[] = {
	{ "no set", 0, "", "", ARC_NONE, NULL },
	{ "one set", 1, "", "", ARC_PASS, NULL },
	{ "three sets", 3, "", "", ARC_PASS, NULL },

	/* what may change */
	{ "a field that is not signed", 2, "From: A", "X-New: x\r\nFrom: A",
	    ARC_PASS, NULL },
	{ "case and blanks of a field", 1, "Subject: hello", "SUBJECT:  hello ",
	    ARC_PASS, NULL },
	{ "case of a seal's name", 2, "ARC-Seal:", "arc-SEAL:", ARC_PASS,
	    NULL },
	{ "blanks at the end of the body", 1, "morning \r\n", "morning\r\n",
	    ARC_PASS, NULL },

	/* what may not */
	{ "a signed field", 1, "Subject: hello", "Subject: Hello", ARC_FAIL,
	    "ARC-Message-Signature 1: the signature does not hold" },
	{ "a From more", 1, "From: A", "From: B <b@x>\r\nFrom: A", ARC_FAIL,
	    "ARC-Message-Signature 1: the signature does not hold" },
	{ "a DKIM signature", 1, "b=abc", "b=abd", ARC_FAIL,
	    "ARC-Message-Signature 1: the signature does not hold" },
	{ "the body", 2, "Good", "Bad", ARC_FAIL,
	    "ARC-Message-Signature 2: the body has changed" },
	{ "the results of the last set", 2, "dkim=pass", "dkim=fail", ARC_FAIL,
	    "ARC-Seal 2: the signature does not hold" },
	{ "the time of a seal", 1, "t=1790000000", "t=1790000001", ARC_FAIL,
	    "ARC-Seal 1: the signature does not hold" },

	/* structure */
	{ "no AAR", 1, "ARC-Authentication-Results:", "X:", ARC_FAIL,
	    "no ARC-Authentication-Results of instance 1" },
	{ "no message signature", 2, "ARC-Message-Signature:", "X:", ARC_FAIL,
	    "no ARC-Message-Signature of instance 2" },
	{ "no seal", 1, "ARC-Seal:", "X:", ARC_FAIL,
	    "no ARC-Seal of instance 1" },
	{ "two AAR", 1, "From: A",
	    "ARC-Authentication-Results: i=1; x; none\r\nFrom: A", ARC_FAIL,
	    "two ARC-Authentication-Results" },
	{ "two seals", 1, "From: A",
	    "ARC-Seal: i=1; cv=none; a=x; d=x; s=x; b=x\r\nFrom: A", ARC_FAIL,
	    "two ARC-Seal of one instance" },
	{ "a gap", 1, "From: A",
	    "ARC-Authentication-Results: i=3; x; none\r\nFrom: A", ARC_FAIL,
	    "no ARC-Authentication-Results of instance 2" },
	{ "a set of instance 51", 1, "From: A",
	    "ARC-Authentication-Results: i=51; x; none\r\nFrom: A", ARC_FAIL,
	    "more than 50 sets" },
	{ "a set of an instance without end", 1, "From: A",
	    "ARC-Seal: i=99999999999999999999; cv=pass\r\nFrom: A", ARC_FAIL,
	    "more than 50 sets" },
	{ "an instance of nothing", 1, " i=1; a", " i=; a", ARC_FAIL,
	    "ARC-Seal without an instance" },
	{ "instance 0", 1, " i=1; a", " i=0; a", ARC_FAIL,
	    "ARC-Seal without an instance" },
	{ "an AAR without its instance in front", 1, " i=1; mx", " mx; i=1; mx",
	    ARC_FAIL, "ARC-Authentication-Results without an instance" },
	{ "an AAR without a semicolon", 1, " i=1; mx", " i=1 mx", ARC_FAIL,
	    "ARC-Authentication-Results without an instance" },

	/* cv= */
	{ "the first seal with cv=pass", 1, "cv=none", "cv=pass", ARC_FAIL,
	    "cv= of instance 1 is not none" },
	{ "the second with cv=none", 2, "cv=pass", "cv=none", ARC_FAIL,
	    "cv= of instance 2 is not pass" },
	{ "the last with cv=fail", 2, "cv=pass", "cv=fail", ARC_FAIL,
	    "the last seal says cv=fail" },
	{ "no cv=", 1, "cv=none;", "", ARC_FAIL, "ARC-Seal without cv=" },
	{ "cv= in another case", 1, "cv=none", "cv=None", ARC_FAIL,
	    "cv= of instance 1 is not none" },

	/* tags */
	{ "a seal with h=", 1, "cv=none;", "cv=none; h=From;", ARC_FAIL,
	    "ARC-Seal with h=" },
	{ "a tag twice", 1, "cv=none;", "cv=none; cv=none;", ARC_FAIL,
	    "ARC-Seal: twice the tag" },
	{ "an empty tag", 1, "cv=none;", "cv=none;;", ARC_FAIL,
	    "ARC-Seal: an empty tag" },
	{ "a name in another case", 1, "cv=none; d=", "cv=none; D=", ARC_FAIL,
	    "ARC-Seal without d=" },
	{ "a seal without s=", 1, "s=s1;", "", ARC_FAIL,
	    "ARC-Seal without s=" },
	{ "t= that is no number", 1, "t=1790000000", "t=now", ARC_FAIL,
	    "ARC-Seal: t= is no number" },
	{ "rsa-sha1", 1, "a=rsa-sha256; cv", "a=rsa-sha1; cv", ARC_FAIL,
	    "ARC-Seal 1: a= is unknown" },
	{ "another algorithm than the key's", 1, "a=rsa-sha256; cv",
	    "a=ed25519-sha256; cv", ARC_FAIL,
	    "ARC-Seal 1: the signature does not hold" },
	{ "b= that is no base64", 1, " b=", " b=!", ARC_FAIL,
	    "ARC-Seal 1: the signature does not hold" },
	{ "c= that is none", 1, "c=relaxed/relaxed", "c=relaxed/loose",
	    ARC_FAIL, "ARC-Message-Signature 1: c= is unknown" },
	{ "no c= is simple", 1, "c=relaxed/relaxed;", "", ARC_FAIL,
	    "ARC-Message-Signature 1: the body has changed" },
	{ "no h=", 1, "h=From", "hh=From", ARC_FAIL,
	    "ARC-Message-Signature without h=" },
	{ "h= with a seal", 1, "h=From", "h=ARC-Seal:From", ARC_FAIL,
	    "ARC-Message-Signature 1: it covers ARC-Seal" },
	{ "expired", 1, "c=relaxed", "x=1789999999; c=relaxed", ARC_FAIL,
	    "ARC-Message-Signature 1: it has expired" },
	{ "a part of the body", 1, "c=relaxed", "l=4; c=relaxed", ARC_FAIL,
	    "ARC-Message-Signature 1: it covers another length" },
	{ "a domain that is none", 1, "d=one.example", "d=one..example",
	    ARC_FAIL, "ARC-Seal 1: there is no key" },
};

static const char *
edited(struct region *rg, const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);

	return at == NULL ? NULL :
			    region_printf(rg, "%.*s%s%s", (int)(at - text),
				text, to, at + strlen(from));
}

static void
test_cases(const struct sealed *s)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *text = edited(s->rg,
		    sealed_message(s, cases[i].sets), cases[i].from,
		    cases[i].to);
		struct arc_verdict v = { 0 };

		if (text != NULL)
			v = sealed_judge(s, text);
		ok(text != NULL && v.result == cases[i].result &&
			(cases[i].reason == NULL ? v.reason == NULL :
						   v.reason != NULL &&
				    strstr(v.reason, cases[i].reason) != NULL),
		    "%s: %s (%s)", cases[i].label, arc_result_text(v.result),
		    v.reason == NULL ? "" : v.reason);
	}
}

/* An older message signature is broken by whoever sealed again. */
static void
test_older(const struct sealed *s)
{
	const char *text = edited(s->rg, sealed_message(s, 2), "hello",
	    "[list] hello");

	is_int(sealed_judge(s, text).result, ARC_FAIL,
	    "a subject that was changed");
	text = edited(s->rg, sealed_message(s, 1), "hello", "[list] hello");
	text = sealed_add(s, text, ARC_PASS);
	is_int(sealed_judge(s, text).result, ARC_PASS,
	    "one that was changed before the second set");
}

static void
test_many(const struct sealed *s)
{
	struct header_list headers;
	struct arc_chain chain;
	const char *text = sealed_message(s, ARC_SETS_MAX);
	size_t body;

	is_int(sealed_judge(s, text).result, ARC_PASS, "50 sets");
	header_parse(text, strlen(text), s->rg, &headers, &body);
	arc_chain_read(&headers, s->rg, &chain);
	ok(!arc_seal_may(&chain), "a 51st cannot be added");
}

/* Of a seal each: what DNS says, in the order of SEALED_ODD, SEALED_EVEN. */
static const struct {
	const char *label;
	enum dkim_answer odd, even;
	const char *from, *to; /* as above */
	enum arc_result result;
} answers[] = {
	{ "both keys", DKIM_ANSWER_RECORD, DKIM_ANSWER_RECORD, "", "",
	    ARC_PASS },
	{ "no key for the older", DKIM_ANSWER_NONE, DKIM_ANSWER_RECORD, "", "",
	    ARC_FAIL },
	{ "trouble with the older", DKIM_ANSWER_TROUBLE, DKIM_ANSWER_RECORD, "",
	    "", ARC_TROUBLE },
	{ "trouble with the newer", DKIM_ANSWER_RECORD, DKIM_ANSWER_TROUBLE, "",
	    "", ARC_TROUBLE },
	{ "trouble with both", DKIM_ANSWER_TROUBLE, DKIM_ANSWER_TROUBLE, "", "",
	    ARC_TROUBLE },
	{ "trouble, and a seal that does not hold", DKIM_ANSWER_TROUBLE,
	    DKIM_ANSWER_RECORD, "dkim=pass", "dkim=none", ARC_FAIL },
	{ "trouble, and another body", DKIM_ANSWER_TROUBLE, DKIM_ANSWER_TROUBLE,
	    "Good", "Bad", ARC_FAIL },
};

static enum arc_result
judge_with(const struct sealed *s, const char *text, enum dkim_answer odd,
    enum dkim_answer even)
{
	struct dkim_answers *a = dkim_answers_new();
	struct arc_verify_in in = { .answers = a, .now_s = SEALED_NOW };
	struct header_list headers;
	struct arc_verdict v;
	struct arc_chain chain;
	size_t body;

	header_parse(text, strlen(text), s->rg, &headers, &body);
	arc_chain_read(&headers, s->rg, &chain);
	arc_names(&chain, a);
	for (size_t i = 0; i < dkim_answers_count(a); i++)
		dkim_answers_set(a, i,
		    strcmp(dkim_answers_name(a, i), SEALED_ODD) == 0 ? odd :
								       even,
		    slice_of(s->record));
	in.chain = &chain;
	in.headers = &headers;
	in.body = canon_body_of(text + body, strlen(text) - body);
	arc_verify(&in, s->rg, &v);
	canon_body_free(&in.body);
	dkim_answers_free(&a);
	return v.result;
}

static void
test_answers(const struct sealed *s)
{
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		const char *text = edited(s->rg, sealed_message(s, 2),
		    answers[i].from, answers[i].to);

		is_int(judge_with(s, text, answers[i].odd, answers[i].even),
		    answers[i].result, answers[i].label);
	}
}

int
main(void)
{
	struct sealed s;

	sealed_init(&s, "RSA", 1024);
	test_cases(&s);
	test_older(&s);
	test_many(&s);
	test_answers(&s);
	sealed_fini(&s);
	sealed_init(&s, "ED25519", 0);
	is_int(sealed_judge(&s, sealed_message(&s, 2)).result, ARC_PASS,
	    "Ed25519 is read");
	sealed_fini(&s);
	return done_testing();
}
