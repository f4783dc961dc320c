/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of the outbox: a damaged record is refused; one that is read is the
 * same written again and read once more, its CSV row and its JSON line say the
 * same to readers of both, and a policy leaves no trace of the recipient.
 *
 * The first byte picks how rows are written, the rest are records.
 */
#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/csv.h"
#include "lib/mem.h"
#include "mail/acct_record.h"
#include "mail/acct_row.h"
#include "mail/addr.h"
#include "tests/support/fake_layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OPT_UNIX_TIMES = 1, OPT_MAPPED = 2, OPT_KIND = 4 /* and 8 */ };

#define MARK "\1" /* stands for a local part */

static const struct acct_id id = { 0x7c1f09a2, 18842, 3 };
static const char *const mapped[] = { "header_x-job", "arf_source-ip" };

/* ---- the record ---------------------------------------------------------- */

/* What was read, written: all that is in it is in these bytes. */
static void
check_again(const struct acct_record *r, struct region *rg)
{
	struct buf once = { 0 }, twice = { 0 };
	struct acct_record again;
	const char *p;
	size_t left;

	acct_record_pack(r, &once);
	p = once.p;
	left = once.len;
	CHECK(acct_record_unpack(&p, &left, rg, &again) == ACCT_RECORD);
	CHECK(left == 0 && again.type == r->type && again.id == r->id &&
	    again.extra_count == r->extra_count);
	acct_record_pack(&again, &twice);
	CHECK(once.len == twice.len && memcmp(once.p, twice.p, once.len) == 0);
	buf_fini(&once);
	buf_fini(&twice);
}

/* ---- its rows ------------------------------------------------------------ */

static struct fake_layout *
make_layout(struct region *rg, unsigned options)
{
	struct fake_layout *l = fake_layout_new(rg);

	for (enum acct_type t = 0; t < ACCT_TYPES; t++) {
		struct acct_cell *c;

		fake_layout_add(l, t, acct_type_columns(t));
		fake_layout_add(l, t,
		    "recordId,userString,totalSecondsQueued,timeFirstAttempt,"
		    "header_x-job,arf_source-ip");
		c = fake_layout_cell(l, t, "envId");
		if ((options & OPT_MAPPED) != 0) {
			c->mapped = mapped;
			c->mapped_count = 2;
		}
	}
	l->pub.user_string = "\"we, ourselves\"";
	l->pub.iso = (options & OPT_UNIX_TIMES) == 0;
	return l;
}

/* Made once each: it takes longer than to read a record. */
static struct fake_layout *
the_layout(unsigned options)
{
	static struct fake_layout *made[OPT_KIND];
	static struct region *rg;
	struct fake_layout **l = &made[options % OPT_KIND];

	if (rg == NULL)
		rg = region_new();
	if (*l == NULL)
		*l = make_layout(rg, options);
	return *l;
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

/* An empty cell has no key; what is no UTF-8 only JSON changes. */
static void
check_cell(struct slice cell, const json_t *j)
{
	char number[32];

	if (cell.len == 0) {
		CHECK(j == NULL);
		return;
	}
	if (json_is_integer(j)) {
		(void)snprintf(number, sizeof(number), "%lld",
		    (long long)json_integer_value(j));
		CHECK(slice_eq(cell, number));
		return;
	}
	CHECK(json_is_string(j));
	if (addr_utf8_valid(cell))
		CHECK(slice_eq(cell, json_string_value(j)));
}

static void
compare(struct buf *file, const json_t *j)
{
	struct slice rest = { file->p, file->len };
	struct input in;
	struct csv *c;
	struct err e;

	input_init(&in, take, &rest, CSV_LINE_MAX);
	c = csv_new(&in, "type");
	CHECK(csv_next(c, &e) == CSV_HEADER);
	CHECK(csv_next(c, &e) == CSV_ROW);
	for (size_t i = 0; i < csv_columns(c); i++)
		check_cell(csv_cells(c)[i], json_object_get(j, csv_name(c, i)));
	CHECK(csv_next(c, &e) == CSV_END);
	CHECK(csv_counts(c)->narrow == 0 && csv_counts(c)->wide == 0 &&
	    csv_counts(c)->damaged == 0 && !csv_counts(c)->cut);
	csv_free(&c);
	input_fini(&in);
}

static void
check_rows(struct acct_rows *rs, struct fake_layout *l, struct acct_record *r)
{
	struct buf csv = { 0 }, json = { 0 };
	json_error_t why;
	json_t *j;

	r->dlv_size &= INT64_MAX; /* jansson knows no more */
	l->pub.json = false;
	acct_row_header(&l->pub, &csv);
	acct_row_add(rs, &l->pub, r, &id, &csv);
	l->pub.json = true;
	acct_row_add(rs, &l->pub, r, &id, &json);
	j = json_loadb(json.p, json.len, JSON_REJECT_DUPLICATES, &why);
	CHECK(json_is_object(j) && json.p[json.len - 1] == '\n' &&
	    memchr(json.p, '\n', json.len - 1) == NULL);
	if (csv.len < CSV_LINE_MAX)
		compare(&csv, j);
	json_decref(j);
	buf_fini(&csv);
	buf_fini(&json);
}

/* ---- privacy ------------------------------------------------------------- */

static bool
begins_nocase(const char *text, struct slice with)
{
	for (size_t i = 0; i < with.len; i++)
		if (tolower((unsigned char)text[i]) !=
		    tolower((unsigned char)with.p[i]))
			return false; /* also at the end of text */
	return true;
}

/* Nowhere the local part, "@" or "=", and the domain. */
static void
check_absent(const char *text, struct slice local, struct slice domain)
{
	for (; *text != '\0'; text++) {
		const char *sep = text + local.len;

		if (begins_nocase(text, local) && (*sep == '@' || *sep == '='))
			CHECK(!begins_nocase(sep + 1, domain));
	}
}

static void
check_hidden(const char *address, const struct acct_record *hidden)
{
	const char *at = strrchr(address, '@');
	struct slice local, domain;

	if (at == NULL || at == address || strchr(address, MARK[0]) != NULL)
		return;
	local = (struct slice){ address, (size_t)(at - address) };
	domain = slice_of(at + 1);
	check_absent(hidden->orig, local, domain);
	check_absent(hidden->env_id, local, domain);
	check_absent(hidden->job_id, local, domain);
	check_absent(hidden->dsn_diag, local, domain);
	for (size_t i = 0; i < hidden->extra_count; i++)
		check_absent(hidden->extras[i].value, local, domain);
}

static void
check_hash(const struct privacy *p, const char *rcpt, const char *shown,
    struct region *rg)
{
	const char *at = strrchr(rcpt, '@');
	struct buf want = { 0 };
	char *local;

	if (at == NULL || at == rcpt) {
		CHECK(at == rcpt || strcmp(rcpt, "") != 0 || *shown == '\0');
		return;
	}
	local = region_strndup(rg, rcpt, (size_t)(at - rcpt));
	str_lower(local);
	privacy_digest(p, slice_of(local), &want);
	buf_str(&want, at);
	CHECK(strcmp(buf_cstr(&want), shown) == 0);
	buf_fini(&want);
}

static void
check_privacy(struct acct_rows *rs, const struct privacy *p,
    const struct acct_record *r)
{
	struct acct_record hidden = *r;

	privacy_apply(&rs->keys, p, rs->rg, &hidden);
	if (p->kind == PRIVACY_REDACT) {
		check_hidden(r->rcpt, &hidden);
		if (strchr(r->orcpt, ';') == NULL)
			check_hidden(r->orcpt, &hidden);
	} else if (p->kind != PRIVACY_RETAIN) {
		check_hash(p, r->rcpt, hidden.rcpt, rs->rg);
	}
}

/* ---- all ----------------------------------------------------------------- */

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct acct_rows rs;
	unsigned options = size == 0 ? 0 : data[0];
	struct privacy privacy = { .kind = (enum privacy_kind)(
				       options / OPT_KIND % 4),
		.text = MARK,
		.key = "openmta",
		.key_len = 16 };
	struct fake_layout *l = the_layout(options);
	struct acct_record r;
	const char *p = (const char *)data + (size > 0);
	size_t left = size - (size > 0);

	if (rs.rg == NULL)
		acct_rows_init(&rs);
	while (acct_record_unpack(&p, &left, rs.rg, &r) == ACCT_RECORD) {
		check_again(&r, rs.rg);
		check_privacy(&rs, &privacy, &r);
		l->pub.privacy = NULL;
		check_rows(&rs, l, &r);
		l->pub.privacy = &privacy;
		check_rows(&rs, l, &r);
		region_reset(rs.rg);
	}
	region_reset(rs.rg);
	return 0;
}
