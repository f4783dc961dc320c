/* SPDX-License-Identifier: Apache-2.0 */
/* A record survives the outbox, in the form of today and in the first one. */
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "mail/acct_record.h"
#include "tests/tap.h"

static const struct acct_extra extras[] = { { "header_x-job", "j, 1" },
	{ "header_subject", "" } };

static const struct acct_record in = { .type = ACCT_B,
	.id = UINT64_C(0x123456789abcdef0),
	.rcpt_number = 7,
	.logged_us = INT64_C(86400000000),
	.queued_us = 1000000,
	.orig = "a@example.com",
	.rcpt = "b@example.net",
	.dsn_status = { { 5, 1, 1 } },
	.dsn_diag = "smtp;550 5.1.1 no \"b\", sorry",
	.dlv_size = 4711,
	.queue = "example.net/v1",
	.dlv_tls_cipher = "TLS_AES_128_GCM_SHA256",
	.extras = extras,
	.extra_count = 2 };

static void
is_same(const struct acct_record *r)
{
	is_int(r->type, ACCT_B, "type");
	ok(r->id == in.id && r->rcpt_number == 7, "message and recipient");
	ok(r->logged_us == in.logged_us && r->queued_us == in.queued_us &&
		r->first_attempt_us == 0,
	    "times");
	is_str(r->orig, in.orig, "orig");
	is_str(r->rcpt, in.rcpt, "rcpt");
	is_str(r->dsn_diag, in.dsn_diag, "diagnosis");
	is_str(r->dsn_action, "", "what was NULL is empty");
	ok(memcmp(&r->dsn_status, &in.dsn_status, 3) == 0, "status");
	is_int((int64_t)r->dlv_size, 4711, "size");
	is_str(r->queue, in.queue, "queue");
	is_str(r->dlv_tls_cipher, in.dlv_tls_cipher, "a field of form 2");
	if (is_int((int64_t)r->extra_count, 2, "extras")) {
		is_str(r->extras[0].name, "header_x-job", "name");
		is_str(r->extras[0].value, "j, 1", "value");
		is_str(r->extras[1].value, "", "an empty one is there");
	}
}

static void
test_round_trip(struct region *rg)
{
	struct buf bytes = { 0 };
	struct acct_record out;
	size_t left, one;
	const char *p;

	acct_record_pack(&in, &bytes);
	one = bytes.len;
	acct_record_pack(&in, &bytes);
	p = bytes.p;
	left = bytes.len;
	ok(get_be64(bytes.p + ACCT_RECORD_ID_AT) == in.id, "the id's place");
	is_int(acct_record_unpack(&p, &left, rg, &out), ACCT_RECORD, "first");
	is_same(&out);
	ok(p == bytes.p + one, "it moved on");
	is_int(acct_record_unpack(&p, &left, rg, &out), ACCT_RECORD, "second");
	is_int(acct_record_unpack(&p, &left, rg, &out), ACCT_END, "no third");
	buf_fini(&bytes);
}

/* Bytes in memory of exactly their size, so that ASan sees a step beyond. */
static enum acct_next
unpack_copy(const void *bytes, size_t len, struct region *rg)
{
	char *copy = mem_dup(bytes, len);
	const char *p = copy;
	struct acct_record out;
	enum acct_next next = acct_record_unpack(&p, &len, rg, &out);

	free(copy);
	region_reset(rg);
	return next;
}

static void
test_cut(struct region *rg)
{
	struct buf bytes = { 0 };
	size_t broken = 0;

	acct_record_pack(&in, &bytes);
	for (size_t len = 1; len < bytes.len; len++)
		if (unpack_copy(bytes.p, len, rg) == ACCT_BROKEN)
			broken++;
	is_int((int64_t)broken, (int64_t)bytes.len - 1,
	    "every shorter form is refused");
	bytes.p[4] = 3;
	is_int(unpack_copy(bytes.p, bytes.len, rg), ACCT_BROKEN, "form 3");
	bytes.p[4] = 2;
	bytes.p[5] = ACCT_TYPES;
	is_int(unpack_copy(bytes.p, bytes.len, rg), ACCT_BROKEN, "no type");
	bytes.p[5] = ACCT_B;
	bytes.p[18] = 127;
	is_int(unpack_copy(bytes.p, bytes.len, rg), ACCT_RECORD,
	    "a field that a later version has");
	buf_fini(&bytes);
}

/* As version 0.1 wrote it: all 22 fields, in order, and no id. */
static void
form_1(struct buf *out)
{
	static const char *const strings[] = { "a@example.com", "b@example.net",
		"", "relayed" };
	unsigned char be[8];
	size_t start = out->len;

	buf_add(out, "\0\0\0\0\1d", 6);
	put_be64(be, 86400000000);
	buf_add(out, be, 8);
	put_be64(be, 1000000);
	buf_add(out, be, 8);
	for (size_t i = 0; i < 20; i++) {
		const char *s = i < 4 ? strings[i] : i == 18 ? "q/v" : "";

		if (i == 4) {
			buf_add(out, "\2\0\0", 3);
			continue;
		}
		if (i == 14) {
			put_be64(be, 99);
			buf_add(out, be, 8);
			continue;
		}
		put_be16(be, (uint16_t)strlen(s));
		buf_add(out, be, 2);
		buf_add(out, s, strlen(s) + 1);
	}
	put_be32(out->p + start, (uint32_t)(out->len - start - 4));
}

static void
test_form_1(struct region *rg)
{
	struct buf bytes = { 0 };
	struct acct_record out;
	const char *p;
	size_t left, broken = 0;

	form_1(&bytes);
	p = bytes.p;
	left = bytes.len;
	is_int(acct_record_unpack(&p, &left, rg, &out), ACCT_RECORD, "form 1");
	ok(out.type == ACCT_D && out.id == 0 && out.extra_count == 0,
	    "its type; it has no id");
	is_str(out.rcpt, "b@example.net", "its recipient");
	is_str(out.dsn_action, "relayed", "its action");
	is_int(out.dsn_status.code[0], 2, "its status");
	is_int((int64_t)out.dlv_size, 99, "its size");
	is_str(out.queue, "q/v", "its queue");
	for (size_t len = 1; len < bytes.len; len++)
		if (unpack_copy(bytes.p, len, rg) == ACCT_BROKEN)
			broken++;
	is_int((int64_t)broken, (int64_t)bytes.len - 1,
	    "every shorter one is refused");
	buf_fini(&bytes);
}

static void
test_long(struct region *rg)
{
	char *text = mem_alloc(70001);
	struct acct_record r = { .type = ACCT_D, .dsn_diag = text }, out;
	struct buf bytes = { 0 };
	const char *p;
	size_t left;

	memset(text, 'x', 70000);
	text[70000] = '\0';
	memcpy(text + 65534, "\303\244", 2);
	acct_record_pack(&r, &bytes);
	p = bytes.p;
	left = bytes.len;
	is_int(acct_record_unpack(&p, &left, rg, &out), ACCT_RECORD, "long");
	is_int((int64_t)strlen(out.dsn_diag), 65534,
	    "cut before the character that does not fit");
	buf_fini(&bytes);
	free(text);
}

int
main(void)
{
	struct region *rg = region_new();

	test_round_trip(rg);
	test_cut(rg);
	test_form_1(rg);
	test_long(rg);
	region_free(&rg);
	return done_testing();
}
