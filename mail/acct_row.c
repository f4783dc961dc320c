/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/acct_row.h"

#include <string.h>

#include "lib/clock.h"
#include "lib/csv_write.h"
#include "mail/classify.h"

void
acct_rows_init(struct acct_rows *rs)
{
	memset(rs, 0, sizeof(*rs));
	rs->rg = region_new();
}

void
acct_rows_fini(struct acct_rows *rs)
{
	region_free(&rs->rg);
}

/* ---- values -------------------------------------------------------------- */

/* One row and what it is made of. */
struct row {
	struct acct_rows *rows;
	const struct acct_layout *layout;
	const struct acct_record *record;
	const struct acct_id *id;
	struct buf *out;
};

/* Rows come by the thousand a second: most have the times of one before. */
static const char *
iso_time(struct acct_rows *rs, int64_t us)
{
	int64_t second = us / 1000000;
	struct acct_time *t = &rs->times[(uint64_t)second % ACCT_ROWS_TIMES];

	if (t->second != second || t->text[0] == '\0') {
		t->second = second;
		(void)clock_iso(t->text, sizeof(t->text), us);
	}
	return t->text;
}

static void
cell_TIME(const struct row *r, const int64_t *v)
{
	if (*v == 0) /* nobody knows */
		return;
	if (r->layout->iso)
		buf_str(r->out, iso_time(r->rows, *v));
	else
		buf_printf(r->out, "%lld", (long long)(*v / 1000000));
}

static void
cell_SIZE(const struct row *r, const uint64_t *v)
{
	if (*v > 0)
		buf_printf(r->out, "%llu", (unsigned long long)*v);
}

static void
cell_STR(const struct row *r, const char *const *v)
{
	csv_cell(r->out, slice_of(*v));
}

static void
cell_STATUS(const struct row *r, const struct acct_status *v)
{
	char text[96];

	csv_cell(r->out,
	    slice_of(dsn_status_text(v->code, text, sizeof(text))));
}

static void
cell_field(const struct row *r, enum acct_field f)
{
	const struct acct_record *a = r->record;

	switch (f) {
#define A(number, name, column, member, kind, types) \
	case ACCT_##name: \
		cell_##kind(r, &a->member); \
		break;
#include "mail/acct_fields.def"
#undef A
	case ACCT_TOTAL_SECONDS_QUEUED:
		if (a->queued_us > 0 && a->logged_us >= a->queued_us)
			buf_printf(r->out, "%lld",
			    (long long)((a->logged_us - a->queued_us) /
				1000000));
		break;
	case ACCT_USER_STRING:
		csv_cell(r->out, slice_of(r->layout->user_string));
		break;
	case ACCT_RECORD_ID:
		buf_printf(r->out, "%08x-%llu-%u", r->id->origin,
		    (unsigned long long)r->id->seq, r->id->index);
		break;
	case ACCT_FIELDS:
		break;
	}
}

static const char *
extra_of(const struct acct_record *r, const char *name)
{
	for (size_t i = 0; i < r->extra_count; i++)
		if (strcmp(r->extras[i].name, name) == 0)
			return r->extras[i].value;
	return NULL;
}

static void
cell(const struct row *r, const struct acct_cell *c)
{
	const char *extra = NULL;

	for (size_t i = 0; i < c->mapped_count && extra == NULL; i++)
		extra = extra_of(r->record, c->mapped[i]);
	if (extra == NULL && c->kind == ACCT_CELL_EXTRA)
		extra = extra_of(r->record, c->extra);
	if (extra != NULL)
		csv_cell(r->out, slice_of(extra));
	else if (c->kind == ACCT_CELL_FIELD)
		cell_field(r, c->field);
}

/* ---- rows ---------------------------------------------------------------- */

void
acct_row_header(const struct acct_layout *l, struct buf *out)
{
	buf_str(out, "type");
	for (size_t i = 0; i < l->count; i++) {
		buf_byte(out, ',');
		csv_cell(out, slice_of(l->columns[i].name));
	}
	buf_str(out, "\r\n");
}

void
acct_row_add(struct acct_rows *rs, const struct acct_layout *l,
    const struct acct_record *r, const struct acct_id *id, struct buf *out)
{
	struct row row = { rs, l, r, id, out };

	buf_str(out, acct_type_letter(r->type));
	for (size_t i = 0; i < l->count; i++) {
		buf_byte(out, ',');
		cell(&row, &l->columns[i].by_type[r->type]);
	}
	buf_str(out, "\r\n");
}
