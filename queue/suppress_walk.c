/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "queue/suppress_store_priv.h"

struct suppress_walk {
	struct suppress_owned *l;
	struct suppress_base *base; /* as it was at the beginning, or NULL */
	uint64_t place, folded, limit;
	struct env_scan sc;
	bool has_row, is_at_end; /* the next row; there is none */
	unsigned char row_digest[SUPPRESS_LEN_MAX];
	struct row_entry row;
	unsigned char digest[SUPPRESS_LEN_MAX]; /* of the last item */
};

int
suppress_walk_new(struct suppress_owned *l, struct suppress_walk **w_r,
    struct err *e)
{
	const struct row_key from = row_key_entry(l->row.number, NULL, 0);
	struct suppress_walk *w;

	*w_r = NULL;
	if (l->fault != NULL)
		return err_set(e, "%s", l->fault);
	w = mem_new(struct suppress_walk);
	w->l = l;
	w->base = l->base == NULL ? NULL : suppress_base_ref(l->base);
	w->folded = l->row.folded;
	w->limit = UINT64_MAX;
	suppress_scan_seek(&w->sc, TABLE_ENTRY, &from);
	l->walks++;
	*w_r = w;
	return 0;
}

void
suppress_walk_free(struct suppress_walk **wp)
{
	struct suppress_walk *w = *wp;

	*wp = NULL;
	if (w == NULL)
		return;
	CHECK(w->l->walks > 0);
	w->l->walks--;
	if (w->base != NULL)
		suppress_base_rest(w->base);
	suppress_base_unref(&w->base);
	env_scan_fini(&w->sc);
	free(w);
}

void
suppress_walk_limit(struct suppress_walk *w, uint64_t mark)
{
	w->limit = mark;
}

static int
read_row(struct suppress_walk *w, struct err *e)
{
	const unsigned char *digest;
	enum env_result r;

	CHECK(!w->l->store->in_txn);
	while (!w->has_row && !w->is_at_end) {
		r = suppress_scan_entry(w->l, &w->sc, &digest, &w->row, e);
		if (r != ENV_OK && r != ENV_ABSENT)
			return -1;
		w->is_at_end = r == ENV_ABSENT;
		w->has_row = r == ENV_OK && w->row.mark > w->folded &&
		    w->row.mark <= w->limit;
		if (w->has_row)
			memcpy(w->row_digest, digest, w->l->row.digest_len);
	}
	return 0;
}

/* Below 0: the base's next comes first; 0: the row is about the same. */
static int
order(const struct suppress_walk *w, const unsigned char *of_base)
{
	if (of_base == NULL)
		return 1;
	if (!w->has_row)
		return -1;
	return memcmp(of_base, w->row_digest, w->base->file.head.digest_len);
}

int
suppress_walk_item(struct suppress_walk *w, struct suppress_item *item_r,
    struct err *e)
{
	for (;;) {
		const unsigned char *of_base = NULL;
		int by;

		*item_r = (struct suppress_item){ .digest = NULL };
		if (read_row(w, e) == -1)
			return -1;
		if (w->base != NULL && w->place < w->base->file.head.listed)
			of_base = w->base->file.listed +
			    w->place * w->base->file.head.digest_len;
		if (of_base == NULL && !w->has_row)
			return 0;
		by = order(w, of_base);
		if (by < 0) {
			item_r->digest = of_base;
			item_r->column = suppress_columns_at(&w->base->columns,
			    w->place++);
			return 0;
		}
		w->place += by == 0 ? 1 : 0;
		w->has_row = false;
		if (!w->row.listed)
			continue;
		memcpy(w->digest, w->row_digest, sizeof(w->digest));
		item_r->digest = w->digest;
		item_r->column = w->row.column;
		return 0;
	}
}

int
suppress_walk_next(struct suppress_walk *w, struct suppress_entry *entry_r,
    struct err *e)
{
	struct suppress_item item;
	const struct suppress_origin *o;

	*entry_r = (struct suppress_entry){ .digest = NULL };
	if (suppress_walk_item(w, &item, e) == -1)
		return -1;
	if (item.digest == NULL)
		return 0;
	o = suppress_origins_get(w->l->origins, item.column.origin);
	entry_r->digest = item.digest;
	entry_r->meta = (struct suppress_meta){ .reason = o == NULL ? "" :
								      o->reason,
		.source = o == NULL ? "" : o->source,
		.created_s = item.column.created_s,
		.expires_s = item.column.expires_s };
	return 0;
}
