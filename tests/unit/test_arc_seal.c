/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set says what RFC 8617 asks for, in the order that it asks for.  That it
 * holds is shown by test_arc_verify, and to others by arc_oracle.
 */
#include "mail/arc_seal.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/sealed.h"
#include "tests/tap.h"

static struct arc_chain
chain_of(const struct sealed *s, const char *text)
{
	struct header_list headers;
	struct arc_chain chain;
	size_t body;

	header_parse(text, strlen(text), s->rg, &headers, &body);
	arc_chain_read(&headers, s->rg, &chain);
	return chain;
}

static const char *
tags_of(const struct sealed *s, const struct tag_list *tags)
{
	const char *out = "";

	for (size_t i = 0; i < tags->n; i++)
		out = REGION_JOIN(s->rg, out, i == 0 ? "" : " ",
		    region_strndup(s->rg, tags->v[i].name.p,
			tags->v[i].name.len));
	return out;
}

static const char *
value_of(const struct sealed *s, const struct tag_list *tags, const char *name)
{
	struct slice v = tag_flat(*tag_list_get(tags, name), s->rg);

	return region_strndup(s->rg, v.p, v.len);
}

static void
test_form(const struct sealed *s)
{
	const char *text = sealed_message(s, 2);
	struct arc_chain c = chain_of(s, text);

	ok(strncmp(text, "ARC-Seal: i=2; ", 15) == 0, "the seal is on top");
	ok(strstr(text, "\r\nARC-Message-Signature: i=2; ") <
		strstr(text, "\r\nARC-Authentication-Results: i=2; "),
	    "the message signature, then the results");
	is_str(tags_of(s, &c.set[2].seal.tags), "i a cv d s t b",
	    "tags of a seal");
	is_str(tags_of(s, &c.set[2].ams.tags), "i a c d s t h bh b",
	    "tags of a message signature");
	is_str(value_of(s, &c.set[1].seal.tags, "cv"), "none", "cv= of 1");
	is_str(value_of(s, &c.set[2].seal.tags, "cv"), "pass", "cv= of 2");
	is_str(value_of(s, &c.set[2].ams.tags, "h"),
	    "From:To:Subject:From:DKIM-Signature",
	    "signed: no field of ARC, but those of DKIM");
	is_str(region_strndup(s->rg, c.set[1].aar->value.p,
		   c.set[1].aar->value.len),
	    " i=1; mx.one.example;\r\n\tdkim=pass header.d=x.example",
	    "the results, each on a line");
}

/* Under a failed chain there is the own set alone, and nothing above it. */
static void
test_failed(const struct sealed *s)
{
	const char *text = sealed_message(s, 2), *at = strstr(text, "Good");
	struct arc_chain c;

	text = region_printf(s->rg, "%.*sBad%s", (int)(at - text), text,
	    at + 4);
	text = sealed_add(s, text, ARC_FAIL);
	c = chain_of(s, text);
	is_str(value_of(s, &c.set[3].seal.tags, "cv"), "fail", "cv= of 3");
	ok(c.ended && !arc_seal_may(&c), "it has ended");
	/* Seen alone, it is a first set but for its number and its cv=. */
	is_str(sealed_judge(s, text).reason, "the last seal says cv=fail",
	    "and fails");
}

static const char *
long_word(const struct sealed *s)
{
	char *text = region_alloc(s->rg, 2001);

	memset(text, 'x', 2000);
	memcpy(text, "spf=", 4);
	text[2000] = '\0';
	return text;
}

static void
test_results(const struct sealed *s)
{
	struct auth_results none = { 0 };
	struct header_list headers;
	struct arc_chain chain;
	static const uint8_t hash[32];
	struct arc_seal_in in = { .key = s->key,
		.selector = "s1",
		.domain = "one.example",
		.authserv_id = "mx.one.example",
		.results = &none,
		.chain = &chain,
		.headers = &headers,
		.body_hash = hash };
	struct arc_seal_out out;
	size_t body;
	struct err e;

	header_parse("\r\n", 2, s->rg, &headers, &body);
	arc_chain_read(&headers, s->rg, &chain);
	is_int(arc_seal(&in, s->rg, &out, &e), 0, "a message without fields");
	is_str(out.value[ARC_PART_AAR], "i=1; mx.one.example; none",
	    "no results");
	auth_results_add(&none,
	    "dkim=fail reason=\"one two three four five six seven eight\" "
	    "header.d=one.example header.s=s1",
	    s->rg);
	auth_results_add(&none, long_word(s), s->rg);
	(void)arc_seal(&in, s->rg, &out, &e);
	is_str(out.value[ARC_PART_AAR],
	    "i=1; mx.one.example;\r\n\tdkim=fail reason=\"one two three four "
	    "five six seven eight\"\r\n\theader.d=one.example header.s=s1",
	    "a long result is folded at a blank, and one that cannot be is "
	    "left out");
}

/* cv= as it is known without a look at signatures. */
static const struct {
	const char *label;
	unsigned sets;
	bool broken;
	const char *said;
	enum arc_result cv;
} known[] = {
	{ "no set", 0, false, NULL, ARC_NONE },
	{ "no set, whatever is said", 0, false, "arc=pass", ARC_NONE },
	{ "a whole chain", 2, false, NULL, ARC_TROUBLE },
	{ "a whole chain, said to pass", 2, false, "arc=pass", ARC_PASS },
	{ "a whole chain, said to fail", 2, false, "arc=fail", ARC_FAIL },
	{ "a whole chain, said to be none", 2, false, "arc=none", ARC_TROUBLE },
	{ "a broken chain", 2, true, NULL, ARC_FAIL },
	{ "a broken chain, said to pass", 2, true, "arc=pass", ARC_FAIL },
};

static void
test_known(const struct sealed *s)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		const char *text = sealed_message(s, known[i].sets);
		struct auth_results r = { 0 };
		struct arc_chain c;

		if (known[i].said != NULL)
			auth_results_add(&r, known[i].said, s->rg);
		if (known[i].broken)
			text = REGION_JOIN(s->rg, "ARC-Seal: i=3\r\n", text);
		c = chain_of(s, text);
		is_int(arc_seal_cv(&c, &r, s->rg), known[i].cv, known[i].label);
	}
}

int
main(void)
{
	struct sealed s;

	sealed_init(&s, "RSA", 1024);
	test_form(&s);
	test_failed(&s);
	test_known(&s);
	test_results(&s);
	sealed_fini(&s);
	return done_testing();
}
