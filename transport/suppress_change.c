/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suppress add, suppress remove: a few thousand addresses at a time, as many as
 * a request has room for.  All or, where one of them is none, nothing, unless
 * the others are wanted.  An address is in memory for as long as this takes.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "lib/mem.h"
#include "mail/suppress_input.h"
#include "transport/suppress_priv.h"

/* So many are told by their numbers; all are counted. */
#define REFUSED_TOLD 100

struct refused {
	size_t n;
	const char *why;
};

struct change {
	struct suppress_call call;
	bool adding, dry_run, skip_errors;
	struct suppress_meta meta;
	struct slice *subjects;
	size_t count;
	unsigned char *digests; /* of those that are well formed */
	size_t good;
	struct refused *refused; /* the first of them */
	size_t refused_count;
	uint64_t changed;
};

/* ---- on the keeper's thread ---------------------------------------------- */

static int
read_subjects(struct change *c)
{
	const struct suppress_norm norm = suppress_call_norm(&c->call,
	    c->call.list);
	size_t len = suppress_digest_len(norm.hash);
	struct suppress_hasher *h;
	unsigned char digest[SUPPRESS_DIGEST_MAX];
	struct err e;

	if (suppress_hasher_new(&norm, &h, &c->call.error) == -1)
		return -1;
	c->digests = region_array(c->call.rg, c->count, len);
	c->refused = region_array(c->call.rg, REFUSED_TOLD,
	    sizeof(*c->refused));
	for (size_t i = 0; i < c->count; i++) {
		struct slice s = slice_trim(c->subjects[i]);
		int rc = suppress_subject(h, s, c->call.rg, digest, &e);

		/* By its own digest, as export shows it. */
		if (rc == -1 && !c->adding)
			rc = suppress_digest_read(s, norm.hash, digest, &e);
		if (rc == 0) {
			memcpy(c->digests + c->good++ * len, digest, len);
			continue;
		}
		if (c->refused_count < REFUSED_TOLD)
			c->refused[c->refused_count] = (struct refused){ i + 1,
				region_strdup(c->call.rg, e.text) };
		c->refused_count++;
	}
	suppress_hasher_free(&h);
	return 0;
}

/* What would change: those that are not there, or that are. */
static int
look(struct change *c, struct suppress_owned *l, size_t len)
{
	struct suppress_listed found;

	for (size_t i = 0; i < c->good; i++) {
		if (suppress_store_find(l, c->digests + i * len, &found,
			&c->call.error) == -1)
			return -1;
		c->changed += found.listed != c->adding;
	}
	return 0;
}

static int
add(struct change *c, struct suppress_owned *l, size_t len)
{
	struct suppress_entry *entries = region_array(c->call.rg, c->good,
	    sizeof(*entries));

	for (size_t i = 0; i < c->good; i++)
		entries[i] = (struct suppress_entry){ c->digests + i * len,
			c->meta };
	return suppress_store_add(l, entries, c->good, &c->changed,
	    &c->call.error);
}

static void
on_keeper(struct suppress_errand *r, struct suppress_store *s)
{
	struct change *c = post_owner(r, struct change, call.errand);
	size_t len = suppress_digest_len(c->call.list->norm.hash);
	struct suppress_owned *l;
	int rc;

	if (read_subjects(c) == -1 ||
	    suppress_call_owned(s, c->call.list, &l, &c->call.error) == -1 ||
	    c->good == 0 || (c->refused_count > 0 && !c->skip_errors))
		return;
	if (c->dry_run) {
		(void)look(c, l, len);
		return;
	}
	rc = c->adding ? add(c, l, len) :
			 suppress_store_remove(l,
			     (struct suppress_digests){ c->digests, c->good },
			     &c->changed, &c->call.error);
	if (rc == 0 && suppress_store_commit(s, &c->call.error) == 0)
		r->changed = l;
}

/* ---- on main ------------------------------------------------------------- */

static void
tell_refused(const struct change *c)
{
	size_t n = c->refused_count < REFUSED_TOLD ? c->refused_count :
						     REFUSED_TOLD;

	for (size_t i = 0; i < n; i++)
		ctl_item(c->call.request,
		    json_pack("{s:I,s:o}", "n", (json_int_t)c->refused[i].n,
			"refused", ctl_string(c->refused[i].why)));
}

/* Who was removed may still stand in the configuration. */
static size_t
tell_still_listed(struct change *c)
{
	const struct suppress_ask ask = { .has = NULL };
	struct suppress_set set = { 0 };
	size_t still = 0;

	suppress_set_add(&set, c->call.list->number);
	for (size_t i = 0; i < c->count; i++) {
		struct suppress_found found;

		if (suppress_check(c->call.conf, &set, &ask,
			slice_trim(c->subjects[i]), c->call.rg,
			&found) != SUPPRESS_LISTED)
			continue;
		if (still++ < REFUSED_TOLD)
			ctl_item(c->call.request,
			    json_pack("{s:I,s:o,s:I}", "n", (json_int_t)i + 1,
				"file", ctl_string(found.file), "line",
				(json_int_t)found.line));
	}
	return still;
}

static void
answer(struct change *c)
{
	const char *did = c->adding ? "added" : "removed";
	json_t *out = json_pack("{s:s,s:I,s:I,s:I}", "list", c->call.list->name,
	    did, (json_int_t)c->changed, c->adding ? "there" : "absent",
	    (json_int_t)(c->good - c->changed), "refused",
	    (json_int_t)c->refused_count);

	if (!c->adding)
		(void)json_object_set_new(out, "configured",
		    json_integer((json_int_t)tell_still_listed(c)));
	if (!c->dry_run)
		(void)json_object_set_new(out, "published",
		    json_boolean(c->call.errand.published ||
			c->call.errand.changed == NULL));
	ctl_done(c->call.request, out);
}

static void
on_home(struct post *p)
{
	struct change *c = post_owner(p, struct change, call.home);

	tell_refused(c);
	if (c->refused_count > 0 && !c->skip_errors)
		ctl_fail(c->call.request,
		    "%zu of %zu are refused: nothing was changed",
		    c->refused_count, c->count);
	else if (c->call.error.text[0] != '\0')
		ctl_fail(c->call.request, "%s", c->call.error.text);
	else
		answer(c);
	if (c->call.errand.changed != NULL)
		log_note(LOG_L_INFO, "suppress",
		    "list %s: %" PRIu64 " of %zu %s by the operator",
		    c->call.list->name, c->changed, c->good,
		    c->adding ? "added" : "removed");
	suppress_call_free(&c->call);
}

static int
keep_subjects(struct change *c, const json_t *list)
{
	c->count = json_array_size(list);
	c->subjects = region_array(c->call.rg, c->count, sizeof(struct slice));
	for (size_t i = 0; i < c->count; i++) {
		const json_t *v = json_array_get(list, i);
		size_t len = json_string_length(v);

		if (!json_is_string(v))
			return -1;
		c->subjects[i] = (struct slice){ region_strndup(c->call.rg,
						     json_string_value(v), len),
			len };
	}
	return c->count == 0 ? -1 : 0;
}

static void
go(struct control *control, struct ctl_request *r, const json_t *args,
    bool adding)
{
	const struct suppress_list *l = suppress_call_list(control, r, args);
	struct change *c;

	if (l == NULL)
		return;
	c = suppress_call_new(sizeof(*c), control, r, l);
	c->adding = adding;
	c->dry_run = json_is_true(json_object_get(args, "dry-run"));
	c->skip_errors = json_is_true(json_object_get(args, "skip-errors"));
	if (keep_subjects(c, json_object_get(args, "addresses")) == -1)
		ctl_fail(r, "addresses takes a list of texts");
	else if (!adding || suppress_call_meta(&c->call, args, &c->meta)) {
		suppress_call_go(&c->call, on_keeper, on_home);
		return;
	}
	suppress_call_free(&c->call);
}

void
control_suppress_add(struct control *c, struct ctl_request *r,
    const json_t *args)
{
	go(c, r, args, true);
}

void
control_suppress_remove(struct control *c, struct ctl_request *r,
    const json_t *args)
{
	go(c, r, args, false);
}
