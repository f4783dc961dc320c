/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/acct_row.h"

#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/csv_write.h"
#include "lib/json_text.h"
#include "mail/classify.h"
#include "mail/message.h"

void
acct_rows_init(struct acct_rows *rs)
{
	memset(rs, 0, sizeof(*rs));
	rs->rg = region_new();
	rs->own = region_new();
}

void
acct_rows_fini(struct acct_rows *rs)
{
	privacy_keys_fini(&rs->keys);
	region_free(&rs->own);
	region_free(&rs->rg);
}

/* ---- numbers ------------------------------------------------------------- */

enum { ID_MAX = 8 + 1 + 20 + 1 + 10 };

/* Not printf: a row has up to five of them. */
static char *
put_number(char *to, uint64_t v)
{
	char digits[20];
	size_t n = 0;

	do {
		digits[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	while (n > 0)
		*to++ = digits[--n];
	return to;
}

/* "7c1f09a2-18842-3" */
static char *
put_id(char *to, const struct acct_id *id)
{
	static const char hex[] = "0123456789abcdef";

	for (int shift = 28; shift >= 0; shift -= 4)
		*to++ = hex[id->origin >> shift & 15];
	*to++ = '-';
	to = put_number(to, id->seq);
	*to++ = '-';
	return put_number(to, id->index);
}

/* ---- values -------------------------------------------------------------- */

/* One row and what it is made of. */
struct row {
	struct acct_rows *rows;
	const struct acct_layout *layout;
	const struct acct_record *record;
	const struct acct_id *id;
	char scratch[ID_MAX]; /* of the value at hand */
};

/* Of a cell: an empty one is not known, or there is none. */
struct value {
	struct slice text;
	bool number; /* digits and a sign: nothing to quote */
};

static struct value
text_value(struct slice text)
{
	return (struct value){ text, false };
}

static struct value
number_value(struct row *r, uint64_t v)
{
	char *end = put_number(r->scratch, v);

	return (
	    struct value){ { r->scratch, (size_t)(end - r->scratch) }, true };
}

/* Rows come by the thousand a second: most have the times of one before. */
static struct slice
iso_time(struct acct_rows *rs, int64_t us)
{
	int64_t second = us / US_PER_S;
	struct acct_time_text *t =
	    &rs->times[(uint64_t)second % ACCT_ROWS_KEPT];

	if (t->len == 0 || t->second != second) {
		t->second = second;
		t->len = clock_iso(t->text, sizeof(t->text), us);
	}
	return (struct slice){ t->text, t->len };
}

static struct value
value_of_TIME(struct row *r, const int64_t *v)
{
	if (*v <= 0) /* nobody knows, or a damaged record */
		return text_value(SLICE_LIT(""));
	if (r->layout->iso)
		return text_value(iso_time(r->rows, *v));
	return number_value(r, (uint64_t)(*v / US_PER_S));
}

static struct value
value_of_SIZE(struct row *r, const uint64_t *v)
{
	return *v > 0 ? number_value(r, *v) : text_value(SLICE_LIT(""));
}

static struct value
value_of_STR(struct row *r, const char *const *v)
{
	(void)r;
	return text_value(*v == NULL ? SLICE_LIT("") : slice_of(*v));
}

static struct value
value_of_STATUS(struct row *r, const struct acct_status *v)
{
	const uint8_t *c = v->code;
	struct acct_status_text *t =
	    &r->rows->statuses[(c[0] + 3u * c[1] + c[2]) % ACCT_ROWS_KEPT];

	if (t->len == 0 || memcmp(t->status.code, c, sizeof(v->code)) != 0) {
		t->status = *v;
		t->len = strlen(dsn_status_text(c, t->text, sizeof(t->text)));
	}
	return text_value((struct slice){ t->text, t->len });
}

static struct value
seconds_queued(struct row *r)
{
	const struct acct_record *a = r->record;

	if (a->queued_us <= 0 || a->logged_us < a->queued_us)
		return text_value(SLICE_LIT(""));
	return number_value(r,
	    (uint64_t)(a->logged_us - a->queued_us) / US_PER_S);
}

static struct value
id_value(struct row *r)
{
	char *end = put_id(r->scratch, r->id);

	return text_value(
	    (struct slice){ r->scratch, (size_t)(end - r->scratch) });
}

/* As the log and `mailrace list` name the message; form 1 does not know it. */
static struct value
spool_id(struct row *r)
{
	if (r->record->id == 0)
		return text_value(SLICE_LIT(""));
	return text_value(slice_of(message_id_text(r->record->id, r->scratch)));
}

static struct value
value_of_field(struct row *r, enum acct_field f)
{
	switch (f) {
#define A(number, name, column, member, kind, types) \
	case ACCT_##name: \
		return value_of_##kind(r, &r->record->member);
#include "mail/acct_fields.def"
#undef A
	case ACCT_TOTAL_SECONDS_QUEUED:
		return seconds_queued(r);
	case ACCT_USER_STRING:
		return text_value(slice_of(r->layout->user_string));
	case ACCT_SPOOL_ID:
		return spool_id(r);
	case ACCT_RECORD_ID:
		return id_value(r);
	case ACCT_FIELDS:
		break;
	}
	CHECK_NEVER("a field");
}

static const char *
extra_of(const struct acct_record *r, const char *name)
{
	for (size_t i = 0; i < r->extra_count; i++)
		if (strcmp(r->extras[i].name, name) == 0)
			return r->extras[i].value;
	return NULL;
}

static struct value
value_of(struct row *r, const struct acct_cell *c)
{
	const char *extra = NULL;

	for (size_t i = 0; i < c->mapped_count && extra == NULL; i++)
		extra = extra_of(r->record, c->mapped[i]);
	if (extra == NULL && c->kind == ACCT_CELL_EXTRA)
		extra = extra_of(r->record, c->extra);
	if (extra != NULL)
		return text_value(slice_of(extra));
	if (c->kind == ACCT_CELL_FIELD)
		return value_of_field(r, c->field);
	return text_value(SLICE_LIT(""));
}

/* ---- CSV ----------------------------------------------------------------- */

void
acct_row_header(const struct acct_layout *l, struct buf *out)
{
	if (l->json)
		return;
	buf_str(out, "type");
	for (size_t i = 0; i < l->count; i++) {
		buf_byte(out, ',');
		csv_cell(out, slice_of(l->columns[i].name));
	}
	buf_add(out, "\r\n", 2);
}

static void
csv_row(struct row *r, struct buf *out)
{
	enum acct_type type = r->record->type;

	buf_str(out, acct_type_letter(type));
	for (size_t i = 0; i < r->layout->count; i++) {
		struct value v;

		buf_byte(out, ',');
		v = value_of(r, &r->layout->columns[i].by_type[type]);
		if (v.number)
			buf_add(out, v.text.p, v.text.len);
		else
			csv_cell(out, v.text);
	}
	buf_add(out, "\r\n", 2);
}

/* ---- JSON ---------------------------------------------------------------- */

static void
json_member(struct buf *out, const char *name, struct value v)
{
	buf_byte(out, ',');
	json_text(out, slice_of(name));
	buf_byte(out, ':');
	if (v.number)
		buf_add(out, v.text.p, v.text.len);
	else
		json_text(out, v.text);
}

static void
json_row(struct row *r, struct buf *out)
{
	enum acct_type type = r->record->type;
	bool has_id = false;

	buf_str(out, "{\"type\":");
	json_text(out, slice_of(acct_type_letter(type)));
	for (size_t i = 0; i < r->layout->count; i++) {
		const struct acct_column *col = &r->layout->columns[i];
		const struct acct_cell *c = &col->by_type[type];
		struct value v = value_of(r, c);

		if (v.text.len == 0)
			continue;
		has_id |= c->kind == ACCT_CELL_FIELD &&
		    c->field == ACCT_RECORD_ID;
		json_member(out, col->name, v);
	}
	if (!has_id)
		json_member(out, acct_field_column(ACCT_RECORD_ID),
		    id_value(r));
	buf_add(out, "}\n", 2);
}

/* ---- rows ---------------------------------------------------------------- */

void
acct_row_add(struct acct_rows *rs, const struct acct_layout *l,
    const struct acct_record *r, const struct acct_id *id, struct buf *out)
{
	struct row row = { .rows = rs, .layout = l, .record = r, .id = id };
	struct acct_record hidden;

	if (l->privacy != NULL) {
		hidden = *r;
		privacy_apply(&rs->keys, l->privacy, rs->own, &hidden);
		row.record = &hidden;
	}
	if (l->json)
		json_row(&row, out);
	else
		csv_row(&row, out);
	region_reset(rs->own);
}
