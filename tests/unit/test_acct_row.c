/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of accounting files are what readers of PowerMTA's expect, to the
 * letter; JSON lines say the same; and no memory is asked for to write one.
 */
#include "mail/acct_row.h"

#include <jansson.h>

#include "lib/clock.h"
#include "lib/csv.h"
#include "lib/csv_write.h"
#include "lib/mem.h"
#include "mail/classify.h"
#include "tests/support/fake_layout.h"
#include "tests/tap.h"

static const struct acct_id id = { 0x7c1f09a2, 18842, 3 };

static const struct acct_extra extras[] = { { "header_from",
						"A <a@b.example>" },
	{ "header_subject", "Hello, \"you\"" }, { "header_x-job", "" } };

/* 2026-11-20 23:40:01 UTC. */
enum { LOGGED = 1795218001 };

#define SECONDS(s) ((int64_t)(s)*1000000)

/* One with every field, whatever its type has. */
static struct acct_record
full(enum acct_type type)
{
	return (struct acct_record){ .type = type,
		.id = 1,
		.logged_us = SECONDS(LOGGED) + 999999,
		.queued_us = SECONDS(LOGGED - 61),
		.first_attempt_us = SECONDS(LOGGED - 60),
		.orig = "orig@news.example",
		.rcpt = "alice@example.com",
		.orcpt = "Alice@example.com",
		.dsn_action = "failed",
		.dsn_status = { { 5, 1, 1 } },
		.dsn_diag = "smtp;550 5.1.1 <alice@example.com>: unknown",
		.dsn_mta = "mx1.example.com (192.0.2.1)",
		.dsn_reporting_mta = "mx2.example.com",
		.bounce_cat = "bad-mailbox",
		.src_type = "smtp",
		.src_mta = "client.example (192.0.2.9)",
		.rcv_source_ip = "192.0.2.9",
		.rcv_destination_ip = "192.0.2.10",
		.rcv_smtp_user = "bill",
		.dlv_type = "smtp",
		.dlv_source_ip = "192.0.2.20",
		.dlv_destination_ip = "192.0.2.1",
		.dlv_esmtp = "8BITMIME,DSN,SIZE",
		.dlv_tls_protocol = "TLSv1.3",
		.dlv_tls_cipher = "TLS_AES_128_GCM_SHA256",
		.dlv_size = 4711,
		.vmta = "out1",
		.vmta_pool = "pool",
		.job_id = "news-47",
		.env_id = "e1",
		.queue = "example.com/out1",
		.format = "arf",
		.rep_source_ip = "192.0.2.77",
		.feedback_type = "abuse",
		.user_agent = "Loop/1.0",
		.reporting_mta = "fbl.example",
		.reported_domain = "news.example",
		.extras = extras,
		.extra_count = sizeof(extras) / sizeof(extras[0]) };
}

static const char *
row_of(struct acct_rows *rs, const struct acct_layout *l,
    const struct acct_record *r, struct buf *out)
{
	buf_clear(out);
	acct_row_add(rs, l, r, &id, out);
	return buf_cstr(out);
}

static const char *
header_of(const struct acct_layout *l, struct buf *out)
{
	buf_clear(out);
	acct_row_header(l, out);
	return buf_cstr(out);
}

/* ---- CSV ----------------------------------------------------------------- */

static const struct {
	enum acct_type type;
	const char *header, *row; /* line ends apart */
} defaults[] = {
	{ ACCT_D,
	    "type,timeLogged,timeQueued,orig,rcpt,orcpt,dsnAction,dsnStatus,"
	    "dsnDiag,dsnMta,bounceCat,srcType,srcMta,dlvType,dlvSourceIp,"
	    "dlvDestinationIp,dlvEsmtpAvailable,dlvSize,vmta,jobId,envId,queue,"
	    "vmtaPool",
	    "d,2026-11-20 23:40:01+0000,2026-11-20 23:39:00+0000,"
	    "orig@news.example,alice@example.com,Alice@example.com,failed,"
	    "5.1.1 (bad destination mailbox address),"
	    "smtp;550 5.1.1 <alice@example.com>: unknown,"
	    "mx1.example.com (192.0.2.1),bad-mailbox,smtp,"
	    "client.example (192.0.2.9),smtp,192.0.2.20,192.0.2.1,"
	    "\"8BITMIME,DSN,SIZE\",4711,out1,news-47,e1,example.com/out1,pool" },
	{ ACCT_TQ,
	    "type,timeLogged,dsnStatus,dsnDiag,dsnMta,dlvType,dlvSourceIp,"
	    "dlvDestinationIp,vmta,queue",
	    "tq,2026-11-20 23:40:01+0000,"
	    "5.1.1 (bad destination mailbox address),"
	    "smtp;550 5.1.1 <alice@example.com>: unknown,"
	    "mx1.example.com (192.0.2.1),smtp,192.0.2.20,192.0.2.1,out1,"
	    "example.com/out1" },
	{ ACCT_R,
	    "type,timeLogged,orig,rcpt,orcpt,srcType,srcMta,rcvSourceIp,"
	    "rcvDestinationIp,vmta,jobId,envId",
	    "r,2026-11-20 23:40:01+0000,orig@news.example,alice@example.com,"
	    "Alice@example.com,smtp,client.example (192.0.2.9),192.0.2.9,"
	    "192.0.2.10,out1,news-47,e1" },
	{ ACCT_RB,
	    "type,timeLogged,orig,rcpt,orcpt,dsnStatus,dsnDiag,dsnMta,"
	    "dsnReportingMta,bounceCat,srcType,srcMta,envId,format",
	    "rb,2026-11-20 23:40:01+0000,orig@news.example,alice@example.com,"
	    "Alice@example.com,5.1.1 (bad destination mailbox address),"
	    "smtp;550 5.1.1 <alice@example.com>: unknown,"
	    "mx1.example.com (192.0.2.1),mx2.example.com,bad-mailbox,smtp,"
	    "client.example (192.0.2.9),e1,arf" },
	{ ACCT_RS,
	    "type,timeLogged,orig,rcpt,orcpt,dsnAction,dsnStatus,dsnDiag,"
	    "dsnMta,bounceCat,srcType,srcMta,envId,format",
	    "rs,2026-11-20 23:40:01+0000,orig@news.example,alice@example.com,"
	    "Alice@example.com,failed,5.1.1 (bad destination mailbox address),"
	    "smtp;550 5.1.1 <alice@example.com>: unknown,"
	    "mx1.example.com (192.0.2.1),bad-mailbox,smtp,"
	    "client.example (192.0.2.9),e1,arf" },
	{ ACCT_F,
	    "type,timeLogged,format,userAgent,repSourceIp,feedbackType,envId,"
	    "orig,rcpt,reportingMta,dlvSourceIp,reportedDomain,header_From,"
	    "header_Return-Path,header_X-job,header_Subject",
	    "f,2026-11-20 23:40:01+0000,arf,Loop/1.0,192.0.2.77,abuse,e1,"
	    "orig@news.example,alice@example.com,fbl.example,192.0.2.20,"
	    "news.example,A <a@b.example>,,,\"Hello, \"\"you\"\"\"" },
};

static void
test_defaults(struct acct_rows *rs, struct region *rg)
{
	struct buf out = { 0 };

	for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++) {
		struct fake_layout *l = fake_layout_new(rg);
		struct acct_record r = full(defaults[i].type);

		fake_layout_add(l, r.type, acct_type_columns(r.type));
		is_str(header_of(&l->pub, &out),
		    region_printf(rg, "%s\r\n", defaults[i].header), "header");
		is_str(row_of(rs, &l->pub, &r, &out),
		    region_printf(rg, "%s\r\n", defaults[i].row),
		    acct_type_letter(r.type));
	}
	buf_fini(&out);
}

/*
 * Two types in one file, of which only the second has bounceCat in its list:
 * the union in the order of first mention, and empty cells.
 */
static void
test_mixed(struct acct_rows *rs, struct region *rg)
{
	struct fake_layout *l = fake_layout_new(rg);
	struct acct_record d = full(ACCT_D), b = full(ACCT_B);
	struct buf out = { 0 };

	d.dsn_status = (struct acct_status){ { 2, 0, 0 } };
	fake_layout_add(l, ACCT_D, "timeLogged,rcpt,dsnStatus,dlvSize,jobId");
	fake_layout_add(l, ACCT_B, "timeLogged,rcpt,dsnStatus,jobId,bounceCat");
	is_str(header_of(&l->pub, &out),
	    "type,timeLogged,rcpt,dsnStatus,dlvSize,jobId,bounceCat\r\n",
	    "header of two types");
	is_str(row_of(rs, &l->pub, &d, &out),
	    "d,2026-11-20 23:40:01+0000,alice@example.com,2.0.0 (success),4711,"
	    "news-47,\r\n",
	    "a delivery has no bounceCat");
	is_str(row_of(rs, &l->pub, &b, &out),
	    "b,2026-11-20 23:40:01+0000,alice@example.com,"
	    "5.1.1 (bad destination mailbox address),,news-47,bad-mailbox\r\n",
	    "a bounce has no dlvSize");
	buf_fini(&out);
}

static void
test_quotes(struct acct_rows *rs, struct region *rg)
{
	struct fake_layout *l = fake_layout_new(rg);
	struct acct_record r = { .type = ACCT_B,
		.orig = "\"a,b\"@example.com",
		.rcpt = "a\"b@example.com",
		.dsn_diag = "smtp;550-no\r\n550 such, \"user\"",
		.job_id = ",",
		.env_id = " e ",
		.queue = "\303\244.example/v",
		.vmta = "it's" };
	struct buf out = { 0 };

	fake_layout_add(l, ACCT_B, "orig,rcpt,dsnDiag,jobId,envId,queue,vmta");
	is_str(row_of(rs, &l->pub, &r, &out),
	    "b,\"\"\"a,b\"\"@example.com\",\"a\"\"b@example.com\","
	    "\"smtp;550-no\r\n550 such, \"\"user\"\"\",\",\", e ,"
	    "\303\244.example/v,it's\r\n",
	    "quoted where it is necessary");
	buf_fini(&out);
}

static ssize_t
take(void *ctx, void *p, size_t len)
{
	struct slice *rest = ctx;
	size_t n = rest->len < len ? rest->len : len;

	memcpy(p, rest->p, n);
	rest->p += n;
	rest->len -= n;
	return (ssize_t)n;
}

/* Is a cell filled exactly where the type's own columns are? */
static void
check_cells(const struct csv *c, enum acct_type t)
{
	const char *own = acct_type_columns(t);
	size_t right = 0;

	for (size_t i = 1; i < csv_columns(c); i++) {
		const char *name = csv_name(c, i);
		bool mine = false, empty = csv_cells(c)[i].len == 0;

		for (const char *p = own; *p != '\0';) {
			struct slice s = { p, strcspn(p, ",") };

			mine |= slice_eq(s, name);
			p += s.len + (p[s.len] == ',');
		}
		/* Two of the header fields of a report are not there. */
		right += empty == !mine || strcmp(name, "header_X-job") == 0 ||
		    strcmp(name, "header_Return-Path") == 0;
	}
	is_int((int64_t)right, (int64_t)csv_columns(c) - 1,
	    acct_type_letter(t));
}

static void
test_union(struct acct_rows *rs, struct region *rg)
{
	struct fake_layout *l = fake_layout_new(rg);
	struct buf file = { 0 };
	enum acct_type t = 0;
	struct slice rest;
	struct input in;
	struct csv *c;
	struct err e;

	for (t = 0; t < ACCT_TYPES; t++)
		fake_layout_add(l, t, acct_type_columns(t));
	acct_row_header(&l->pub, &file);
	for (t = 0; t < ACCT_TYPES; t++) {
		struct acct_record r = full(t);

		acct_row_add(rs, &l->pub, &r, &id, &file);
	}
	rest = (struct slice){ file.p, file.len };
	input_init(&in, take, &rest, CSV_LINE_MAX);
	c = csv_new(&in, "type");
	is_int(csv_next(c, &e), CSV_HEADER, "one header of eight types");
	is_int((int64_t)csv_columns(c), 36, "its columns");
	for (t = 0; csv_next(c, &e) == CSV_ROW; t++) {
		ok(slice_eq(csv_cells(c)[0], acct_type_letter(t)), "type");
		check_cells(c, t);
	}
	is_int(t, ACCT_TYPES, "a row of each");
	is_int((int64_t)(csv_counts(c)->narrow + csv_counts(c)->wide), 0,
	    "each as wide as the header");
	csv_free(&c);
	input_fini(&in);
	buf_fini(&file);
}

/* ---- columns that are made ----------------------------------------------- */

static void
test_made(struct acct_rows *rs, struct region *rg)
{
	struct fake_layout *l = fake_layout_new(rg);
	struct acct_record r = full(ACCT_D);
	struct buf out = { 0 };

	fake_layout_add(l, ACCT_D,
	    "timeFirstAttempt,totalSecondsQueued,userString,recordId,spoolId,dlvSize,"
	    "header_X-Job,header_Subject,header_none");
	l->pub.user_string = "a, b";
	is_str(row_of(rs, &l->pub, &r, &out),
	    "d,2026-11-20 23:39:01+0000,61,\"a, b\",7c1f09a2-18842-3,"
	    "0000000000000001,4711,,"
	    "\"Hello, \"\"you\"\"\",\r\n",
	    "all there");
	r.first_attempt_us = r.queued_us = 0;
	r.dlv_size = 0;
	r.id = 0;
	is_str(row_of(rs, &l->pub, &r, &out),
	    "d,,,\"a, b\",7c1f09a2-18842-3,,,,\"Hello, \"\"you\"\"\",\r\n",
	    "what is not known is empty");
	r.queued_us = r.logged_us + 1;
	r.dlv_size = UINT64_MAX;
	is_str(row_of(rs, &l->pub, &r, &out),
	    "d,,,\"a, b\",7c1f09a2-18842-3,,18446744073709551615,,"
	    "\"Hello, \"\"you\"\"\",\r\n",
	    "a clock that went back; the largest number");
	buf_fini(&out);
}

static void
test_largest_id(struct acct_rows *rs, struct region *rg)
{
	const struct acct_id largest = { 0xffffffff, UINT64_MAX, UINT32_MAX },
			     smallest = { 0, 0, 0 };
	struct fake_layout *l = fake_layout_new(rg);
	struct acct_record r = full(ACCT_TQ);
	struct buf out = { 0 };

	fake_layout_add(l, ACCT_TQ, "recordId");
	acct_row_add(rs, &l->pub, &r, &largest, &out);
	acct_row_add(rs, &l->pub, &r, &smallest, &out);
	is_str(buf_cstr(&out),
	    "tq,ffffffff-18446744073709551615-4294967295\r\n"
	    "tq,00000000-0-0\r\n",
	    "ids at both ends");
	buf_fini(&out);
}

static void
test_unix_times(struct acct_rows *rs, struct region *rg)
{
	struct fake_layout *l = fake_layout_new(rg);
	struct acct_record r = full(ACCT_D);
	struct buf out = { 0 };

	fake_layout_add(l, ACCT_D, "timeLogged,timeQueued,timeFirstAttempt");
	l->pub.iso = false;
	r.first_attempt_us = 0;
	is_str(row_of(rs, &l->pub, &r, &out), "d,1795218001,1795217940,\r\n",
	    "Unix seconds");
	r.logged_us = -SECONDS(1);
	is_str(row_of(rs, &l->pub, &r, &out), "d,,1795217940,\r\n",
	    "before 1970: a damaged record");
	buf_fini(&out);
}

static const char *const from_to[] = { "header_x-job", "header_from" };

static void
test_mapped(struct acct_rows *rs, struct region *rg)
{
	struct fake_layout *l = fake_layout_new(rg);
	struct acct_record r = full(ACCT_D);
	struct acct_cell *c;
	struct buf out = { 0 };

	fake_layout_add(l, ACCT_D, "jobId,envId");
	c = fake_layout_cell(l, ACCT_D, "jobId");
	c->mapped = from_to;
	c->mapped_count = 2;
	is_str(row_of(rs, &l->pub, &r, &out), "d,,e1\r\n",
	    "the first that is there, though it is empty");
	c->mapped = from_to + 1;
	c->mapped_count = 1;
	is_str(row_of(rs, &l->pub, &r, &out), "d,A <a@b.example>,e1\r\n",
	    "a header field in place of the job");
	r.extra_count = 0;
	is_str(row_of(rs, &l->pub, &r, &out), "d,news-47,e1\r\n",
	    "the job, where there is no such field");
	buf_fini(&out);
}

/* More seconds and states than are kept, in turn: each row has its own. */
static void
test_kept_texts(struct acct_rows *rs, struct region *rg)
{
	struct fake_layout *l = fake_layout_new(rg);
	struct acct_record r = full(ACCT_D);
	struct buf out = { 0 }, want = { 0 };
	size_t right = 0;
	char text[96];

	fake_layout_add(l, ACCT_D, "timeLogged,dsnStatus");
	for (int i = 0; i < 1000; i++) {
		r.logged_us = SECONDS(LOGGED + i * 8 % 60 + i % 3);
		r.dsn_status = (struct acct_status){ { 4, (uint8_t)(i * 7 % 10),
		    (uint8_t)(i % 5) } };
		(void)clock_iso(text, sizeof(text), r.logged_us);
		buf_clear(&want);
		buf_printf(&want, "d,%s,", text);
		csv_cell(&want,
		    slice_of(dsn_status_text(r.dsn_status.code, text,
			sizeof(text))));
		buf_str(&want, "\r\n");
		right += strcmp(row_of(rs, &l->pub, &r, &out),
			     buf_cstr(&want)) == 0;
	}
	is_int((int64_t)right, 1000, "a thousand rows, each with its own");
	buf_fini(&out);
	buf_fini(&want);
}

/* ---- privacy ------------------------------------------------------------- */

static void
test_privacy(struct acct_rows *rs, struct region *rg)
{
	struct fake_layout *l = fake_layout_new(rg);
	struct acct_record r = full(ACCT_D);
	struct buf out = { 0 };
	struct privacy p;
	struct err e;

	fake_layout_add(l, ACCT_D, "rcpt,orcpt,dsnDiag");
	is_int(privacy_parse(SLICE_LIT("siphash openmta"), rg, &p, &e), 0, "p");
	l->pub.privacy = &p;
	is_str(row_of(rs, &l->pub, &r, &out),
	    "d,B8C20B1AC3BB95C1@example.com,B8C20B1AC3BB95C1@example.com,"
	    "smtp;550 5.1.1 <B8C20B1AC3BB95C1@example.com>: unknown\r\n",
	    "a row that does not tell");
	l->pub.json = true;
	ok(strstr(row_of(rs, &l->pub, &r, &out), "alice") == NULL,
	    "nor does its JSON: %s", out.p);
	l->pub.json = false;
	l->pub.privacy = NULL;
	is_str(row_of(rs, &l->pub, &r, &out),
	    "d,alice@example.com,Alice@example.com,"
	    "smtp;550 5.1.1 <alice@example.com>: unknown\r\n",
	    "the record is as it was, for the next file");
	buf_fini(&out);
}

/* ---- JSON ---------------------------------------------------------------- */

static void
test_json(struct acct_rows *rs, struct region *rg)
{
	struct fake_layout *l = fake_layout_new(rg);
	struct acct_record r = full(ACCT_D);
	struct buf out = { 0 };

	fake_layout_add(l, ACCT_D,
	    "timeLogged,rcpt,dsnDiag,bounceCat,dlvSize,totalSecondsQueued,"
	    "header_Subject,header_X-job");
	l->pub.json = true;
	r.dsn_diag = "smtp;550 \377\t\\";
	r.bounce_cat = "";
	is_str(header_of(&l->pub, &out), "", "no header");
	is_str(row_of(rs, &l->pub, &r, &out),
	    "{\"type\":\"d\",\"timeLogged\":\"2026-11-20 23:40:01+0000\","
	    "\"rcpt\":\"alice@example.com\","
	    "\"dsnDiag\":\"smtp;550 \357\277\275\\u0009\\\\\","
	    "\"dlvSize\":4711,\"totalSecondsQueued\":61,"
	    "\"header_Subject\":\"Hello, \\\"you\\\"\","
	    "\"recordId\":\"7c1f09a2-18842-3\"}\n",
	    "a line of JSON");
	l->pub.iso = false;
	fake_layout_add(l, ACCT_TQ, "timeLogged,recordId,queue");
	r.type = ACCT_TQ;
	is_str(row_of(rs, &l->pub, &r, &out),
	    "{\"type\":\"tq\",\"timeLogged\":1795218001,"
	    "\"recordId\":\"7c1f09a2-18842-3\","
	    "\"queue\":\"example.com/out1\"}\n",
	    "Unix times; recordId where its column is");
	r = (struct acct_record){ .type = ACCT_TQ };
	is_str(row_of(rs, &l->pub, &r, &out),
	    "{\"type\":\"tq\",\"recordId\":\"7c1f09a2-18842-3\"}\n",
	    "what is empty is left out");
	buf_fini(&out);
}

/* Any JSON reader takes each line, and has the keys of the columns. */
static void
test_json_read(struct acct_rows *rs, struct region *rg)
{
	struct fake_layout *l = fake_layout_new(rg);
	struct buf out = { 0 };

	for (enum acct_type t = 0; t < ACCT_TYPES; t++)
		fake_layout_add(l, t, acct_type_columns(t));
	l->pub.json = true;
	for (enum acct_type t = 0; t < ACCT_TYPES; t++) {
		struct acct_record r = full(t);
		json_error_t why;
		json_t *j;

		row_of(rs, &l->pub, &r, &out);
		j = json_loadb(out.p, out.len, JSON_REJECT_DUPLICATES, &why);
		is_str(json_string_value(json_object_get(j, "type")),
		    acct_type_letter(t), "read again");
		is_str(json_string_value(json_object_get(j, "timeLogged")),
		    "2026-11-20 23:40:01+0000", "its time");
		is_int((int64_t)json_object_size(j),
		    t == ACCT_F      ? 15 :
			t == ACCT_TQ ? 11 :
			t == ACCT_R  ? 13 :
			t <= ACCT_T  ? 24 :
				       15,
		    "its keys");
		json_decref(j);
	}
	buf_fini(&out);
}

/* ---- memory -------------------------------------------------------------- */

static unsigned long asked;

void *__real_malloc(size_t len);
void *__real_calloc(size_t n, size_t len);
void *__real_realloc(void *p, size_t len);
void *__wrap_malloc(size_t len);
void *__wrap_calloc(size_t n, size_t len);
void *__wrap_realloc(void *p, size_t len);

void *
__wrap_malloc(size_t len)
{
	asked++;
	return __real_malloc(len);
}

void *
__wrap_calloc(size_t n, size_t len)
{
	asked++;
	return __real_calloc(n, len);
}

void *
__wrap_realloc(void *p, size_t len)
{
	asked++;
	return __real_realloc(p, len);
}

/* From the bytes of the outbox to the row, as the writer does it. */
static void
write_all(struct acct_rows *rs, const struct acct_layout *l,
    const struct buf *records, struct buf *out)
{
	const char *at = records->p;
	size_t left = records->len;
	struct acct_record r;

	buf_clear(out);
	while (acct_record_unpack(&at, &left, rs->rg, &r) == ACCT_RECORD) {
		acct_row_add(rs, l, &r, &id, out);
		region_reset(rs->rg);
	}
}

static void
test_memory(struct acct_rows *rs, struct region *rg)
{
	struct fake_layout *l = fake_layout_new(rg);
	struct buf records = { 0 }, out = { 0 };
	struct privacy p;
	struct err e;

	is_int(privacy_parse(SLICE_LIT("hmac-sha256 k"), rg, &p, &e), 0, "p");
	for (enum acct_type t = 0; t < ACCT_TYPES; t++) {
		struct acct_record r = full(t);

		fake_layout_add(l, t, acct_type_columns(t));
		for (int i = 0; i < 20; i++) {
			r.rcpt = region_printf(rg, "person%d@example.com", i);
			r.logged_us += SECONDS(1);
			acct_record_pack(&r, &records);
		}
	}
	l->pub.privacy = &p;
	for (int json = 0; json < 2; json++) {
		l->pub.json = json == 1;
		write_all(rs, &l->pub, &records, &out);
		asked = 0;
		write_all(rs, &l->pub, &records, &out);
		ok(out.len > 16000, "160 rows: %zu bytes", out.len);
		is_int((int64_t)asked, 0, "and no memory asked for");
	}
	ok((asked = 0, buf_reserve(&out, out.cap * 2), asked > 0),
	    "it would have been counted");
	buf_fini(&records);
	buf_fini(&out);
}

int
main(void)
{
	struct region *rg = region_new();
	struct acct_rows rs;

	acct_rows_init(&rs);
	test_defaults(&rs, rg);
	test_mixed(&rs, rg);
	test_quotes(&rs, rg);
	test_union(&rs, rg);
	test_made(&rs, rg);
	test_largest_id(&rs, rg);
	test_unix_times(&rs, rg);
	test_mapped(&rs, rg);
	test_kept_texts(&rs, rg);
	test_privacy(&rs, rg);
	test_json(&rs, rg);
	test_json_read(&rs, rg);
	test_memory(&rs, rg);
	acct_rows_fini(&rs);
	region_free(&rg);
	return done_testing();
}
