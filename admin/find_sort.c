/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/find_sort.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/iso_time.h"
#include "lib/mem.h"

/* How many more than asked for are kept before the last ones go. */
#define SURPLUS 10000

#define POINTER sizeof(void *) /* in the lists of rows and headers */

struct header {
	uint64_t number;
	const char **names;
	size_t columns;
	int key; /* the column that is sorted by, or -1 */
};

/* What a row is sorted by: a value, or else text. */
struct key {
	bool has_value;
	int64_t value;
	struct slice text;
};

struct kept {
	struct header *header;
	struct key key;
	uint64_t came;   /* the how manyeth */
	uint32_t ends[]; /* of the cells in the bytes behind */
};

struct find_sort {
	char *column;
	bool descending, by_time;
	size_t most, count, cap;
	uint64_t came;
	struct kept **rows;
	struct region *rg; /* headers and names */
	struct header **headers;
	size_t header_count;
	struct slice *cells; /* of the row that is given */
};

int
find_sort_new(const char *order, size_t most, struct find_sort **s_r,
    struct err *e)
{
	size_t len = strcspn(order, ",");
	const char *rest = order + len;
	struct find_sort *s;

	*s_r = NULL;
	if (len == 0 ||
	    (rest[0] != '\0' && strcmp(rest, ",desc") != 0 &&
		strcmp(rest, ",asc") != 0))
		return err_set(e,
		    "\"%s\" is no column, nor COLUMN,desc or COLUMN,asc",
		    order);
	s = mem_new(struct find_sort);
	s->column = mem_strndup(order, len);
	s->descending = strcmp(rest, ",desc") == 0;
	s->by_time = strncasecmp(s->column, "time", 4) == 0;
	s->most = most;
	s->rg = region_new();
	*s_r = s;
	return 0;
}

void
find_sort_free(struct find_sort **sp)
{
	struct find_sort *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->count; i++)
		free(s->rows[i]);
	free(s->rows);
	free(s->headers);
	free(s->cells);
	free(s->column);
	region_free(&s->rg);
	free(s);
}

const char *
find_sort_column(const struct find_sort *s)
{
	return s->column;
}

/* ---- order --------------------------------------------------------------- */

static int
compare_text(struct slice a, struct slice b)
{
	size_t n = a.len < b.len ? a.len : b.len;

	for (size_t i = 0; i < n; i++) {
		unsigned char x = (unsigned char)a.p[i];
		unsigned char y = (unsigned char)b.p[i];

		x = x >= 'A' && x <= 'Z' ? (unsigned char)(x + 32) : x;
		y = y >= 'A' && y <= 'Z' ? (unsigned char)(y + 32) : y;
		if (x != y)
			return x < y ? -1 : 1;
	}
	return a.len == b.len ? 0 : a.len < b.len ? -1 : 1;
}

static int
compare_keys(const struct key *a, const struct key *b)
{
	if (a->has_value != b->has_value)
		return a->has_value ? -1 : 1;
	if (!a->has_value)
		return compare_text(a->text, b->text);
	return a->value == b->value ? 0 : a->value < b->value ? -1 : 1;
}

static int
compare(const void *pa, const void *pb, void *ctx)
{
	const struct kept *a = *(struct kept *const *)pa;
	const struct kept *b = *(struct kept *const *)pb;
	const struct find_sort *s = ctx;
	int d = compare_keys(&a->key, &b->key);

	/* Those without are last, whichever way it goes. */
	if ((a->key.text.len == 0) != (b->key.text.len == 0))
		return a->key.text.len == 0 ? 1 : -1;
	if (d != 0)
		return s->descending ? -d : d;
	return a->came < b->came ? -1 : 1;
}

static void
sort(struct find_sort *s)
{
	if (s->count > 1)
		qsort_r(s->rows, s->count, POINTER, compare, s);
	while (s->most > 0 && s->count > s->most)
		free(s->rows[--s->count]);
}

/* ---- rows ---------------------------------------------------------------- */

static struct header *
header_of(struct find_sort *s, const struct acct_row *row)
{
	struct header *h;

	if (s->header_count > 0 &&
	    s->headers[s->header_count - 1]->number == row->header)
		return s->headers[s->header_count - 1];
	h = region_new_obj(s->rg, struct header);
	h->number = row->header;
	h->columns = row->columns;
	h->names = region_array(s->rg, row->columns, sizeof(*h->names));
	h->key = -1;
	for (size_t i = row->columns; i-- > 0;) {
		h->names[i] = region_strdup(s->rg, row->names[i]);
		if (str_eq_nocase(h->names[i], s->column))
			h->key = (int)i;
	}
	s->headers = mem_realloc(s->headers, (s->header_count + 1) * POINTER);
	s->headers[s->header_count++] = h;
	return h;
}

static struct slice
kept_cell(const struct kept *k, size_t i)
{
	const char *text = (const char *)&k->ends[k->header->columns];
	uint32_t from = i == 0 ? 0 : k->ends[i - 1];

	return (struct slice){ text + from, k->ends[i] - from };
}

static struct key
key_of(const struct find_sort *s, const struct kept *k)
{
	struct key key = { .text = { "", 0 } };
	struct err e;
	uint64_t v;

	if (k->header->key >= 0)
		key.text = kept_cell(k, (size_t)k->header->key);
	if (s->by_time) {
		key.value = iso_time(key.text);
		key.has_value = key.value != ISO_TIME_NONE;
	} else if (str_to_u64(key.text, &v, &e) == 0 && v <= INT64_MAX) {
		key.value = (int64_t)v;
		key.has_value = true;
	}
	return key;
}

static struct kept *
keep(const struct acct_row *row, struct header *h)
{
	size_t text_at = sizeof(struct kept) + h->columns * sizeof(uint32_t);
	size_t len = 0;
	struct kept *k;
	char *to;

	for (size_t i = 0; i < h->columns; i++)
		len += row->cells[i].len;
	k = mem_alloc(text_at + len);
	*k = (struct kept){ .header = h };
	to = (char *)k + text_at;
	len = 0;
	for (size_t i = 0; i < h->columns; i++) {
		if (row->cells[i].len > 0)
			memcpy(to + len, row->cells[i].p, row->cells[i].len);
		len += row->cells[i].len;
		k->ends[i] = (uint32_t)len;
	}
	return k;
}

void
find_sort_add(struct find_sort *s, const struct acct_row *row)
{
	struct kept *k = keep(row, header_of(s, row));

	k->key = key_of(s, k);
	k->came = s->came++;
	if (s->count == s->cap) {
		s->cap = s->cap == 0 ? 1024 : s->cap * 2;
		s->rows = mem_realloc(s->rows, s->cap * POINTER);
	}
	s->rows[s->count++] = k;
	if (s->most > 0 && s->count >= s->most + SURPLUS)
		sort(s);
}

void
find_sort_each(struct find_sort *s, find_names_fn *names, find_row_fn *row,
    void *ctx)
{
	size_t widest = 0;

	sort(s);
	for (size_t i = 0; i < s->header_count; i++) {
		names(ctx, s->headers[i]->names, s->headers[i]->columns);
		if (s->headers[i]->columns > widest)
			widest = s->headers[i]->columns;
	}
	s->cells = mem_realloc(s->cells, (widest + 1) * sizeof(*s->cells));
	for (size_t i = 0; i < s->count; i++) {
		const struct kept *k = s->rows[i];

		for (size_t c = 0; c < k->header->columns; c++)
			s->cells[c] = kept_cell(k, c);
		row(ctx,
		    &(struct acct_row){ .cells = s->cells,
			.names = k->header->names,
			.columns = k->header->columns,
			.header = k->header->number });
	}
}
