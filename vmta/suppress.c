/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/suppress.h"

#include <string.h>

#include "mail/addr.h"
#include "vmta/suppress_rows.h"

/* ---- sets ---------------------------------------------------------------- */

void
suppress_set_add(struct suppress_set *set, size_t number)
{
	set->bits[number / 64] |= UINT64_C(1) << number % 64;
}

bool
suppress_set_has(const struct suppress_set *set, size_t number)
{
	return (set->bits[number / 64] & UINT64_C(1) << number % 64) != 0;
}

bool
suppress_set_is_empty(const struct suppress_set *set)
{
	for (size_t w = 0; w < SUPPRESS_LISTS_MAX / 64; w++)
		if (set->bits[w] != 0)
			return false;
	return true;
}

static void
add_names(const struct snapshot *s, const struct conf_strs *names,
    struct suppress_set *set)
{
	for (size_t i = 0; i < names->n; i++) {
		const struct suppress_list *l = snapshot_suppress(s,
		    names->v[i]);

		if (l != NULL) /* or the load had failed */
			suppress_set_add(set, l->number);
	}
}

void
suppress_set_of(const struct snapshot *s, const struct suppress_scope *c,
    struct suppress_set *set_r)
{
	const struct vmta *v = c->vmta == NULL ? NULL :
						 snapshot_vmta(s, c->vmta);
	const struct pool *p = c->pool == NULL || c->pool[0] == '\0' ?
	    NULL :
	    snapshot_pool(s, c->pool);
	const struct job_conf *j = c->job == NULL || c->job[0] == '\0' ?
	    NULL :
	    snapshot_job(s, c->job);

	*set_r = (struct suppress_set){ 0 };
	if (snapshot_suppress_count(s) == 0)
		return;
	add_names(s, &snapshot_global(s)->suppression_lists, set_r);
	if (c->source != NULL)
		add_names(s, &c->source->suppression_lists, set_r);
	if (v != NULL)
		add_names(s, &v->suppression_lists, set_r);
	if (p != NULL)
		add_names(s, &p->suppression_lists, set_r);
	if (j != NULL)
		add_names(s, &j->suppression_lists, set_r);
}

/* ---- one address --------------------------------------------------------- */

enum {
	FORMS = 8,        /* of the text: three choices */
	FORM_PATTERN = 1, /* case kept, nothing left out */
	DIGESTS = 8       /* kept; lists that hash in more ways hash again */
};

struct digest {
	size_t choices;
	unsigned char v[SUPPRESS_DIGEST_MAX];
};

/* What has been found out of it, each thing once. */
struct asked {
	const struct suppress_ask *ask;
	struct region *rg;
	struct slice address;
	bool alone; /* a local part */
	bool tried[FORMS];
	const char *text[FORMS]; /* NULL: it has none */
	struct digest digests[DIGESTS];
	size_t digest_count;
};

static size_t
form_of(const struct suppress_norm *n)
{
	return (n->keep_case ? 1u : 0u) | (n->drop_dots ? 2u : 0u) |
	    (n->drop_tag ? 4u : 0u);
}

/* A local part alone is compared as that of an address is. */
static const char *
form_text(struct asked *a, size_t form)
{
	const struct suppress_norm n = { .keep_case = (form & 1) != 0,
		.drop_dots = (form & 2) != 0,
		.drop_tag = (form & 4) != 0 };
	struct slice s = a->address;
	struct err ignored;
	const char *text;

	if (a->tried[form])
		return a->text[form];
	a->tried[form] = true;
	if (a->alone)
		s = slice_of(REGION_JOIN(a->rg,
		    region_strndup(a->rg, s.p, s.len), "@x.invalid", NULL));
	if (suppress_norm_address(&n, s, a->rg, &text, &ignored) == -1)
		return NULL;
	if (a->alone)
		text = region_strndup(a->rg, text,
		    (size_t)(strrchr(text, '@') - text));
	a->text[form] = text;
	return text;
}

/* NULL: it cannot be made, e says why; or, without an error, there is no key. */
static const unsigned char *
digest_of(struct asked *a, const struct suppress_list *l, const char *text,
    struct err *e)
{
	struct suppress_norm n = l->norm;
	struct digest *d;

	e->text[0] = '\0';
	if (n.hash == SUPPRESS_PLAIN)
		n.key = a->ask->secret;
	if (n.hash == SUPPRESS_PLAIN && n.key.len == 0)
		return NULL;
	for (size_t i = 0; i < a->digest_count; i++)
		if (a->digests[i].choices == l->choices)
			return a->digests[i].v;
	if (a->digest_count == DIGESTS)
		a->digest_count--;
	d = &a->digests[a->digest_count];
	if (suppress_norm_digest(&n, text, d->v, e) == -1)
		return NULL;
	d->choices = l->choices;
	a->digest_count++;
	return d->v;
}

static enum suppress_state
ask_published(struct asked *a, const struct suppress_list *l,
    struct suppress_found *f)
{
	const char *text = form_text(a, form_of(&l->norm));
	const unsigned char *digest;
	int has;

	if (text == NULL || a->alone || a->ask->has == NULL)
		return SUPPRESS_CLEAR;
	digest = digest_of(a, l, text, &f->error);
	has = digest == NULL && f->error.text[0] != '\0' ?
	    -1 :
	    a->ask->has(a->ask->ctx, l, digest, &f->error);
	f->list = l;
	f->file = NULL;
	f->line = 0;
	return has == 0 ? SUPPRESS_CLEAR :
	    has == 1    ? SUPPRESS_LISTED :
			  SUPPRESS_UNSURE;
}

static enum suppress_state
ask_list(struct asked *a, const struct suppress_list *l,
    struct suppress_found *f)
{
	struct suppress_row row;

	if (suppress_rows_count(l->rows) > 0) {
		const struct suppress_probe p = {
			.text = form_text(a, form_of(&l->norm)),
			.pattern = suppress_rows_patterns(l->rows) == 0 ?
			    NULL :
			    form_text(a, FORM_PATTERN),
			.given = a->address,
		};

		if (suppress_rows_find(l->rows, &p, &row)) {
			*f = (struct suppress_found){ .list = l,
				.file = row.file,
				.line = row.line };
			return SUPPRESS_LISTED;
		}
	}
	return l->published ? ask_published(a, l, f) : SUPPRESS_CLEAR;
}

enum suppress_state
suppress_check(const struct snapshot *s, const struct suppress_set *set,
    const struct suppress_ask *ask, struct slice address, struct region *rg,
    struct suppress_found *found_r)
{
	enum suppress_state state = SUPPRESS_CLEAR;
	struct asked a;

	found_r->list = NULL;
	found_r->file = NULL;
	if (suppress_set_is_empty(set))
		return SUPPRESS_CLEAR;
	a.ask = ask;
	a.rg = rg;
	a.address = slice_trim(address);
	a.alone = memchr(a.address.p, '@', a.address.len) == NULL;
	a.digest_count = 0;
	memset(a.tried, 0, sizeof(a.tried));
	memset(a.text, 0, sizeof(a.text));
	for (size_t w = 0; w < SUPPRESS_LISTS_MAX / 64; w++)
		for (uint64_t left = set->bits[w]; left != 0;
		     left &= left - 1) {
			size_t i = w * 64 + (size_t)__builtin_ctzll(left);
			struct suppress_found f;
			enum suppress_state one = ask_list(&a,
			    snapshot_suppress_at(s, i), &f);

			if (one == SUPPRESS_LISTED) {
				*found_r = f;
				return one;
			}
			if (one == SUPPRESS_UNSURE && state == SUPPRESS_CLEAR) {
				*found_r = f;
				state = one;
			}
		}
	return state;
}
