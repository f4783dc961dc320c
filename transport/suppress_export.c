/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suppress export: the entries of a list in the order of their digests, a
 * chunk at a time, as fast as the client reads.
 *
 *	main: asks for a chunk -> keeper: reads it -> main: sends it as the
 *	client takes it, asks for the next
 */
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "transport/suppress_priv.h"

enum { CHUNK = 512 };

struct row {
	char digest[2 * SUPPRESS_DIGEST_MAX + 1];
	struct suppress_meta meta;
};

struct export
{
	struct suppress_call call;
	struct suppress_walk *walk; /* the keeper's */
	struct suppress_hold hold;  /* of it */
	size_t digest_len;
	struct row *rows; /* of this chunk, in its region */
	size_t count, at;
	bool last;   /* nothing is behind this chunk */
	bool ending; /* the walk is to be freed */
	json_int_t sent;
};

/* ---- on the keeper's thread ---------------------------------------------- */

static void
keep_row(struct export *x, const struct suppress_entry *entry)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *d = entry->digest;
	struct row *row = &x->rows[x->count++];

	for (size_t i = 0; i < x->digest_len; i++) {
		row->digest[2 * i] = digits[d[i] >> 4];
		row->digest[2 * i + 1] = digits[d[i] & 15];
	}
	row->meta = entry->meta;
	row->meta.reason = region_strdup(x->call.rg, entry->meta.reason);
	row->meta.source = region_strdup(x->call.rg, entry->meta.source);
}

static void
drop_walk(struct suppress_hold *h)
{
	suppress_walk_free(&post_owner(h, struct export, hold)->walk);
}

static int
open_walk(struct export *x, struct suppress_store *s)
{
	struct suppress_owned *l;

	if (suppress_call_owned(s, x->call.list, &l, &x->call.error) == -1)
		return -1;
	if (suppress_walk_new(l, &x->walk, &x->call.error) == -1)
		return -1;
	x->hold.drop = drop_walk;
	suppress_keeper_hold(x->call.keeper, &x->hold);
	return 0;
}

static void
on_keeper(struct suppress_errand *r, struct suppress_store *s)
{
	struct export *x = post_owner(r, struct export, call.errand);
	struct suppress_entry entry;

	if (!x->ending && x->walk == NULL && open_walk(x, s) == -1)
		x->ending = true;
	while (!x->ending && !x->last && x->count < CHUNK) {
		if (suppress_walk_next(x->walk, &entry, &x->call.error) == -1)
			x->ending = true;
		else if (entry.digest == NULL)
			x->last = true;
		else
			keep_row(x, &entry);
	}
	if (x->walk != NULL && (x->ending || x->last)) {
		suppress_keeper_release(x->call.keeper, &x->hold);
		drop_walk(&x->hold);
	}
}

/* ---- on main ------------------------------------------------------------- */

static void on_home(struct post *p);

static void
fetch(struct export *x)
{
	region_reset(x->call.rg);
	x->rows = region_array(x->call.rg, CHUNK, sizeof(*x->rows));
	x->count = x->at = 0;
	suppress_call_go(&x->call, on_keeper, on_home);
}

static json_t *
row_json(const struct row *row)
{
	return json_pack("{s:s,s:s,s:s,s:o,s:o}", "digest", row->digest,
	    "reason", row->meta.reason, "source", row->meta.source, "created",
	    suppress_time_json(row->meta.created_s), "expires",
	    suppress_time_json(row->meta.expires_s));
}

static bool
send_more(void *ctx, struct ctl_request *r)
{
	struct export *x = ctx;

	/* After the last thread but main there is no walk any more. */
	if (x->ending || x->call.control->stopping) {
		ctl_fail(r, "%s",
		    x->call.error.text[0] == '\0' ? "the client has gone" :
						    x->call.error.text);
		suppress_call_free(&x->call);
		return false;
	}
	if (x->at < x->count && !ctl_is_gone(r)) {
		ctl_item(r, row_json(&x->rows[x->at++]));
		x->sent++;
		return true;
	}
	if (x->last) {
		ctl_done(r,
		    json_pack("{s:s,s:I}", "list", x->call.list->name, "count",
			x->sent));
		suppress_call_free(&x->call);
		return false;
	}
	x->ending = ctl_is_gone(r);
	ctl_pause(r);
	fetch(x);
	return false;
}

static void
on_home(struct post *p)
{
	struct export *x = post_owner(p, struct export, call.home);

	ctl_stream(x->call.request, send_more, x);
}

void
control_suppress_export(struct control *c, struct ctl_request *r,
    const json_t *args)
{
	const struct suppress_list *l = suppress_call_list(c, r, args);
	struct export *x;

	if (l == NULL)
		return;
	x = suppress_call_new(sizeof(*x), c, r, l);
	x->digest_len = suppress_digest_len(l->norm.hash);
	fetch(x);
}
