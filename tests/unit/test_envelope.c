/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An envelope survives packing; broken bytes are refused, never read past.
 * How the number of a message is written.
 */
#include <stdlib.h>

#include "mail/envelope.h"
#include "mail/message.h"
#include "tests/tap.h"

/* What is still to be signed; without it the bytes are as they were. */
static void
test_signing(struct envelope *in, const struct buf *before, struct region *rg)
{
	struct env_signing signing = { .text = "s=s1; d=example.net",
		.room = 1234,
		.body_len = { 7, UINT32_MAX },
		.body_hash = { "simple", "relaxed" } };
	static const struct span day = { 1796025600000000, 1796040000000000 };
	struct envelope out;
	struct buf b = { 0 };
	struct err e;
	size_t refused = 0;

	in->signing = &signing;
	in->rcpts[1].signatures = 2;
	envelope_pack(in, &b);
	ok(envelope_unpack(b.p, b.len, rg, &out, &e) == 0 &&
		out.signing != NULL,
	    "with signatures to come");
	is_str(out.signing->text, signing.text, "what it says of them");
	is_int(out.signing->room, 1234, "room");
	ok(memcmp(out.signing->body_hash, signing.body_hash,
	       sizeof(signing.body_hash)) == 0 &&
		memcmp(out.signing->body_len, signing.body_len,
		    sizeof(signing.body_len)) == 0,
	    "hashes and lengths of the body");
	ok(out.rcpts[0].signatures == 0 && out.rcpts[1].signatures == 2,
	    "how many of each recipient");
	is_str(out.rcpts[0].pool, "p", "pools are in their place");
	is_str(out.rcpts[1].addr, "b@example.org", "and addresses");
	for (size_t len = 0; len < b.len; len++) {
		char *cut = mem_dup(b.p, len);

		refused += envelope_unpack(cut, len, rg, &out, &e) == -1;
		free(cut);
	}
	is_int((int64_t)refused, (int64_t)b.len,
	    "every shorter form is refused");
	in->lists = "one,two";
	buf_clear(&b);
	envelope_pack(in, &b);
	ok(envelope_unpack(b.p, b.len, rg, &out, &e) == 0 &&
		out.signing != NULL && out.rcpts[1].signatures == 2,
	    "with suppression lists, too");
	is_str(out.lists, "one,two", "which");
	in->signing = NULL;
	buf_clear(&b);
	envelope_pack(in, &b);
	ok(envelope_unpack(b.p, b.len, rg, &out, &e) == 0 &&
		out.signing == NULL,
	    "with lists alone");
	is_str(out.lists, "one,two", "the same");
	is_str(out.rcpts[1].addr, "b@example.org", "and addresses");
	in->lists = "";
	in->spans = (struct spans){ 1, &day };
	buf_clear(&b);
	envelope_pack(in, &b);
	ok(envelope_unpack(b.p, b.len, rg, &out, &e) == 0 &&
		spans_equal(&out.spans, &in->spans) && out.signing == NULL,
	    "with times in which it may be delivered");
	is_str(out.lists, "", "and no lists");
	is_str(out.rcpts[1].addr, "b@example.org", "and addresses");
	in->spans = (struct spans){ 0 };
	buf_clear(&b);
	envelope_pack(in, &b);
	ok(b.len == before->len && memcmp(b.p, before->p, b.len) == 0,
	    "without, it is as it was before there were any");
	buf_fini(&b);
}

int
main(void)
{
	struct env_rcpt rcpts[2] = {
		{ "a@example.net", "example.net", "v1", "p",
		    "rfc822;a@example.net", NOTIFY_FAILURE, 50, 0 },
		{ "b@example.org", "example.org", "", "", "", 0, 90, 0 },
	};
	static const struct env_header headers[] = { { "x-job", "spring" },
		{ "subject", "" } };
	struct envelope in = { .arrival_us = 1234567890123456,
		.sender = "",
		.envid = "E1",
		.job = "spring",
		.auth_user = "u",
		.host_id = "4ABC",
		.src_mta = "h (127.0.0.1)",
		.ret = RET_HDRS,
		.headers = headers,
		.header_count = 2,
		.flags = ENVELOPE_8BIT,
		.rcpt_count = 2,
		.rcpts = rcpts };
	struct envelope out;
	struct region *rg = region_new();
	struct buf b = { 0 };
	struct err e;
	char id[MESSAGE_ID_TEXT];
	int refused = 0;

	envelope_pack(&in, &b);
	ok(envelope_unpack(b.p, b.len, rg, &out, &e) == 0, "unpacks");
	is_int(out.arrival_us, in.arrival_us, "arrival");
	is_str(out.sender, "", "the null sender");
	is_str(out.host_id, "4ABC", "host id");
	is_int(out.rcpt_count, 2, "two recipients");
	is_str(out.rcpts[1].addr, "b@example.org", "the second one");
	is_str(out.rcpts[0].orcpt, "rfc822;a@example.net", "ORCPT");
	is_int(out.rcpts[1].priority, 90, "priority");
	is_int(out.header_count, 2, "two header fields");
	is_str(out.headers[0].name, "x-job", "the name of one");
	is_str(out.headers[0].value, "spring", "and its value");
	is_str(out.headers[1].value, "", "an empty one");
	is_str(out.rcpts[0].pool, "p", "the pool of one");
	is_str(out.rcpts[1].pool, "", "and no pool of the other");
	for (size_t len = 0; len < b.len; len++) {
		char *cut = mem_dup(b.p, len); /* ASan sees a read past it */

		if (envelope_unpack(cut, len, rg, &out, &e) == -1)
			refused++;
		free(cut);
	}
	is_int(refused, (int64_t)b.len, "every shorter form is refused");
	test_signing(&in, &b, rg);
	b.p[0] = 9;
	ok(envelope_unpack(b.p, b.len, rg, &out, &e) == -1,
	    "an unknown version is refused: %s", e.text);
	is_str(message_id_text(0x0123456789ABCDEF, id), "0123456789ABCDEF",
	    "a message's number as it is written");
	is_str(message_id_text(UINT64_MAX, id), "FFFFFFFFFFFFFFFF",
	    "the largest");
	buf_fini(&b);
	region_free(&rg);
	return done_testing();
}
