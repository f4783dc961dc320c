/* SPDX-License-Identifier: Apache-2.0 */
/* Our Received field, and those of others: without the client, and the id in them. */
#include "transport/trace.h"

#include "tests/tap.h"

static const struct {
	const char *label, *value, *hidden;
} cases[] = {
	{ "Postfix's, of SMTP",
	    " from c.example (unknown [192.0.2.9])\r\n\tby mx.example (Postfix)"
	    " with ESMTPS id 4FX\r\n\tfor <b@c.example>; Sun, 1 Nov 2026",
	    "\tby mx.example (Postfix) with ESMTPS id 4FX\r\n\t"
	    "for <b@c.example>; Sun, 1 Nov 2026" },
	{ "with all comments",
	    " from [192.0.2.9] (c.example [192.0.2.9])\r\n\t(using TLSv1.3"
	    " with cipher X (256/256 bits))\r\n\t(No client certificate"
	    " requested)\r\n\t(Authenticated sender: joe)\r\n\tby mx.example"
	    " id 4",
	    "\tby mx.example id 4" },
	{ "local submission: there is none",
	    " by mx.example (Postfix, from userid 0)\r\n\tid 4FX; x",
	    " by mx.example (Postfix, from userid 0)\r\n\tid 4FX; x" },
	{ "a comment that has one", " from a (x by y) BY mx id 1",
	    " BY mx id 1" },
	{ "a quoted parenthesis", " from a (x \\) by y) by mx id 1",
	    " by mx id 1" },
	{ "a quoted string", " from \"a by b\" by mx", " by mx" },
	{ "a name that begins so", " from by.example (by x) by mx", " by mx" },
	{ "a fold on both sides", " from a\r\n by\r\n mx", " by\r\n mx" },
	{ "without", " from a (b) with SMTP; x", "" },
	{ "a comment without an end", " from a (b by mx", "" },
	{ "nothing", "", "" },
};

/* From which Received field which id is taken. */
static const struct {
	const char *label, *value, *id;
} ids[] = {
	{ "Postfix", " by mx (Postfix, from userid 0) id 4FX; x", "4FX" },
	{ "in capitals, behind a fold", " by mx\r\n\tID 4FX\r\n\tfor <a@b>; x",
	    "4FX" },
	{ "none", " by mx (Postfix); x", "" },
	{ "nothing behind it", " by mx id ; x", "" },
	{ "at the end", " by mx id 4FX", "4FX" },
	{ "part of a word", " by mx id4FX; x", "" },
	{ "a user's name", " from c\r\n (user: a id FAKE b) by mx id 4FX; x",
	    "4FX" },
	{ "a certificate's", " from c (CN \"a id FAKE\") by mx id 4FX; x",
	    "4FX" },
	{ "a certificate's, with a bracket behind a quote",
	    " from c (CN \"( \" ) id FAKE\") by mx id 4FX; x", "" },
	{ "Exim's sender", " by mx (env <\"a id FAKE b\"@c>) id 1x-2-3; x",
	    "1x-2-3" },
	{ "with brackets", " by mx (env <\"a) id FAKE (b\"@c>) id 1x-2-3; x",
	    "" },
	{ "and a quote", " by mx (env <\"a\\\") id FAKE (\"@c>) id 1x-2; x",
	    "" },
	{ "and a quote in Exim's greeting, which ends its quoting",
	    " from [192.0.2.9] (helo=\")\r\n\tby mx with esmtp (Exim 4.96)\r\n\t"
	    "(envelope-from <\"x) id 1xAAAA-000000-00 (\"@guest.example>)\r\n\t"
	    "id 1xBBBB-000000-00; x",
	    "" },
	{ "a comment that does not end", " by mx id 4FX (x; x", "" },
	{ "a quoted string that does not end", " by mx id 4FX; \"x", "" },
	{ "a recipient", " by mx for <\"a id FAKE b\"@c> id 4FX; x", "4FX" },
};

int
main(void)
{
	struct region *rg = region_new();
	struct net_addr addr;
	struct trace_client client = { "a;b c\xC3\xA9", "c.example", &addr,
		false };
	struct err e;
	struct trace t = { "c.example ([192.0.2.9])", "mx.example", "LMTP",
		1000000 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slice s = trace_hidden(slice_of(cases[i].value));

		is_str(region_strndup(rg, s.p, s.len), cases[i].hidden,
		    cases[i].label);
	}
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct slice s = trace_queue_id(slice_of(ids[i].value));

		is_str(region_strndup(rg, s.p, s.len), ids[i].id, ids[i].label);
	}
	is_str(trace_field(&t, rg),
	    "Received: from c.example ([192.0.2.9])\r\n"
	    "\tby mx.example (Mailrace) with LMTP;\r\n"
	    "\tThu, 01 Jan 1970 00:00:01 +0000\r\n",
	    "ours");
	t.from = NULL;
	is_str(trace_field(&t, rg),
	    "Received: by mx.example (Mailrace) with LMTP;\r\n"
	    "\tThu, 01 Jan 1970 00:00:01 +0000\r\n",
	    "ours, without the client");
	(void)net_addr_parse(slice_of("2001:db8::1"), &addr, &e);
	is_str(trace_client_text(&client, rg),
	    "a?b c?? (c.example [IPv6:2001:db8::1])", "who brought it");
	client.utf8 = true;
	client.name = "";
	is_str(trace_client_text(&client, rg),
	    "a?b c\xC3\xA9 ([IPv6:2001:db8::1])", "with SMTPUTF8");
	region_free(&rg);
	return done_testing();
}
