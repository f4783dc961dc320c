/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suppress check: which lists have an address, by a row of the configuration
 * or by an entry.  suppress stats: how large they are, and why.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "lib/net.h"
#include "mail/suppress_input.h"
#include "transport/suppress_priv.h"

/* What one list says. */
struct answer {
	const struct suppress_list *list;
	const char *file; /* the row of the configuration; NULL: none */
	unsigned line;
	bool asks; /* the keeper, too */
	unsigned char digest[SUPPRESS_DIGEST_MAX];
	bool listed;
	struct suppress_meta meta;
	const char *fault; /* it could not be asked; NULL: it could */
};

struct check {
	struct suppress_call call;
	struct answer *answers;
	size_t count;
};

/* ---- check: on the keeper's thread --------------------------------------- */

static void
ask_one(struct check *c, struct suppress_store *s, struct answer *a)
{
	struct suppress_owned *l;
	struct suppress_listed found;
	struct err e;

	if (suppress_call_owned(s, a->list, &l, &e) == -1 ||
	    suppress_store_find(l, a->digest, &found, &e) == -1) {
		a->fault = region_strdup(c->call.rg, e.text);
		return;
	}
	if (!found.listed)
		return;
	a->listed = true;
	a->meta = found.meta;
	a->meta.reason = region_strdup(c->call.rg, found.meta.reason);
	a->meta.source = region_strdup(c->call.rg, found.meta.source);
}

static void
on_check(struct suppress_errand *r, struct suppress_store *s)
{
	struct check *c = post_owner(r, struct check, call.errand);

	for (size_t i = 0; i < c->count; i++)
		if (c->answers[i].asks)
			ask_one(c, s, &c->answers[i]);
}

/* ---- check: on main ------------------------------------------------------ */

static json_t *
row_json(const struct answer *a)
{
	return json_pack("{s:s,s:s,s:o,s:I}", "list", a->list->name, "entry",
	    "configuration", "file", ctl_string(a->file), "line",
	    (json_int_t)a->line);
}

static json_t *
entry_json(const struct answer *a)
{
	return json_pack("{s:s,s:s,s:s,s:s,s:o,s:o}", "list", a->list->name,
	    "entry", "published", "reason", a->meta.reason, "source",
	    a->meta.source, "since", suppress_time_json(a->meta.created_s),
	    "until", suppress_time_json(a->meta.expires_s));
}

static void
answer(struct check *c)
{
	json_int_t found = 0, unsure = 0;

	for (size_t i = 0; i < c->count; i++) {
		const struct answer *a = &c->answers[i];

		if (a->file != NULL)
			ctl_item(c->call.request, row_json(a));
		if (a->listed)
			ctl_item(c->call.request, entry_json(a));
		if (a->fault != NULL)
			ctl_item(c->call.request,
			    json_pack("{s:s,s:s,s:o}", "list", a->list->name,
				"entry", "unknown", "error",
				ctl_string(a->fault)));
		found += a->file != NULL || a->listed;
		unsure += a->fault != NULL;
	}
	ctl_done(c->call.request,
	    json_pack("{s:b,s:I,s:I,s:I}", "listed", (int)(found > 0), "found",
		found, "unknown", unsure, "asked", (json_int_t)c->count));
	suppress_call_free(&c->call);
}

static void
on_checked(struct post *p)
{
	answer(post_owner(p, struct check, call.home));
}

/* The row of the configuration; or a digest for the keeper. */
static void
look(struct check *c, struct answer *a, const char *address)
{
	const struct suppress_ask none = { .has = NULL };
	struct suppress_set set = { 0 };
	struct suppress_found found;
	struct suppress_hasher *h;
	struct suppress_norm norm;
	struct err e;

	suppress_set_add(&set, a->list->number);
	if (suppress_check(c->call.conf, &set, &none, slice_of(address),
		c->call.rg, &found) == SUPPRESS_LISTED) {
		a->file = found.file;
		a->line = found.line;
	}
	if (!a->list->published || c->call.keeper == NULL)
		return;
	norm = suppress_call_norm(&c->call, a->list);
	if (suppress_hasher_new(&norm, &h, &e) == -1) {
		a->fault = region_strdup(c->call.rg, e.text);
		return;
	}
	a->asks = suppress_subject(h, slice_of(address), c->call.rg, a->digest,
		      &e) == 0 ||
	    suppress_digest_read(slice_of(address), norm.hash, a->digest, &e) ==
		0;
	suppress_hasher_free(&h);
}

/* ---- check: which lists -------------------------------------------------- */

/* The settings of a client by its address, or of a <source> by its name. */
static void
read_source(const struct snapshot *conf, const char *name,
    struct source_conf *out)
{
	struct net_addr client = { .family = 0 };
	struct err e;
	bool is_address = net_addr_parse(slice_of(name), &client, &e) == 0;

	if (!is_address)
		client.family = 0;
	snapshot_source_conf(conf, &client, is_address ? NULL : name, out);
}

/* By the words of the request: one list, those of a scope, or all. */
static bool
choose(const struct snapshot *conf, struct ctl_request *r, const json_t *args,
    struct suppress_set *set)
{
	const char *list = control_text(args, "list");
	const char *vmta = control_text(args, "vmta");
	const char *job = control_text(args, "jobId");
	const char *source = control_text(args, "source");
	struct suppress_scope scope = { .job = job };
	const struct suppress_list *l;
	struct source_conf sc;

	memset(set, 0, sizeof(*set));
	if (list != NULL) {
		l = snapshot_suppress(conf, list);
		if (l == NULL)
			ctl_fail(r, "there is no suppression list \"%s\"",
			    list);
		else
			suppress_set_add(set, l->number);
		return l != NULL;
	}
	if (vmta == NULL && job == NULL && source == NULL) {
		for (size_t i = 0; i < snapshot_suppress_count(conf); i++)
			suppress_set_add(set, i);
		return true;
	}
	if (vmta != NULL && snapshot_vmta(conf, vmta) == NULL &&
	    snapshot_pool(conf, vmta) == NULL) {
		ctl_fail(r, "there is no virtual MTA or pool \"%s\"", vmta);
		return false;
	}
	if (vmta != NULL && snapshot_pool(conf, vmta) != NULL)
		scope.pool = vmta;
	else
		scope.vmta = vmta;
	if (source != NULL) {
		read_source(conf, source, &sc);
		scope.source = &sc;
	}
	suppress_set_of(conf, &scope, set);
	return true;
}

/* Does any list have something to say about it?  Or is it an address at all? */
static bool
is_subject(const struct check *c, const char *address)
{
	const struct suppress_norm norm = { .hash = SUPPRESS_SHA256 };
	const char *text;
	struct err e;

	for (size_t i = 0; i < c->count; i++)
		if (c->answers[i].asks || c->answers[i].file != NULL)
			return true;
	return suppress_norm_address(&norm, slice_of(address), c->call.rg,
		   &text, &e) == 0;
}

void
control_suppress_check(struct control *control, struct ctl_request *r,
    const json_t *args)
{
	const struct snapshot *conf = control->opt.snapshot(control->opt.ctx);
	const char *address = control_text(args, "address");
	struct suppress_set set;
	struct check *c;

	if (address == NULL || address[0] == '\0') {
		ctl_fail(r, "the request has no address");
		return;
	}
	if (!choose(conf, r, args, &set))
		return;
	c = suppress_call_new(sizeof(*c), control, r, NULL);
	c->answers = region_array(c->call.rg, snapshot_suppress_count(conf),
	    sizeof(*c->answers));
	for (size_t i = 0; i < snapshot_suppress_count(conf); i++) {
		if (!suppress_set_has(&set, i))
			continue;
		c->answers[c->count].list = snapshot_suppress_at(c->call.conf,
		    i);
		look(c, &c->answers[c->count], address);
		c->count++;
	}
	if (!is_subject(c, address)) {
		ctl_fail(r,
		    "\"%s\" is neither an address nor a digest of these lists",
		    address);
		suppress_call_free(&c->call);
	} else if (c->call.keeper == NULL) {
		answer(c);
	} else {
		suppress_call_go(&c->call, on_check, on_checked);
	}
}

/* ---- stats --------------------------------------------------------------- */

struct stats {
	struct suppress_call call;
	json_t *rows, *origins; /* made on the keeper's thread */
};

static void
add_origin(void *ctx, const char *reason, const char *source, uint64_t entries)
{
	(void)json_array_append_new(ctx,
	    json_pack("{s:s,s:s,s:I}", "reason", reason, "source", source,
		"entries", (json_int_t)entries));
}

static void
add_counts(struct suppress_store *s, const struct suppress_list *l, json_t *row,
    json_t *origins)
{
	struct suppress_owned *owned;
	struct suppress_stats st;
	struct err e;

	if (suppress_call_owned(s, l, &owned, &e) == -1) {
		(void)json_object_set_new(row, "error", ctl_string(e.text));
		return;
	}
	suppress_store_stats(owned, &st);
	(void)json_object_update_new(row,
	    json_pack("{s:I,s:I,s:I,s:I,s:I,s:o,s:b,s:b}", "entries",
		(json_int_t)st.entries, "base", (json_int_t)st.base, "added",
		(json_int_t)st.added, "removed", (json_int_t)st.removed,
		"generation", (json_int_t)st.generation, "changed",
		suppress_time_json(st.changed_s), "importing",
		(int)st.importing, "folding", (int)st.folding));
	if (suppress_store_fault(owned) != NULL)
		(void)json_object_set_new(row, "error",
		    ctl_string(suppress_store_fault(owned)));
	else if (origins != NULL)
		suppress_store_origins(owned, add_origin, origins);
}

static void
on_stats(struct suppress_errand *r, struct suppress_store *s)
{
	struct stats *st = post_owner(r, struct stats, call.errand);

	for (size_t i = 0; i < snapshot_suppress_count(st->call.conf); i++) {
		const struct suppress_list *l = snapshot_suppress_at(
		    st->call.conf, i);
		json_t *row;

		if (!l->published ||
		    (st->call.list != NULL && st->call.list != l))
			continue;
		row = json_pack("{s:s,s:s}", "list", l->name, "hashed",
		    suppress_hash_name(l->norm.hash));
		add_counts(s, l, row,
		    st->call.list == NULL ? NULL : st->origins);
		(void)json_array_append_new(st->rows, row);
	}
}

static void
tell_stats(struct stats *st)
{
	size_t i;
	json_t *row;

	json_array_foreach(st->rows, i, row)
	    ctl_item(st->call.request, json_incref(row));
	ctl_done(st->call.request,
	    json_pack("{s:I,s:I,s:O}", "shown",
		(json_int_t)json_array_size(st->rows), "matched",
		(json_int_t)json_array_size(st->rows), "reasons", st->origins));
	json_decref(st->rows);
	json_decref(st->origins);
	suppress_call_free(&st->call);
}

static void
on_counted(struct post *p)
{
	tell_stats(post_owner(p, struct stats, call.home));
}

void
control_suppress_stats(struct control *c, struct ctl_request *r,
    const json_t *args)
{
	const struct suppress_list *l = NULL;
	struct stats *st;

	if (control_text(args, "list") != NULL &&
	    (l = suppress_call_list(c, r, args)) == NULL)
		return;
	st = suppress_call_new(sizeof(*st), c, r, l);
	st->rows = json_array();
	st->origins = json_array();
	if (st->call.keeper == NULL)
		tell_stats(st);
	else
		suppress_call_go(&st->call, on_stats, on_counted);
}
