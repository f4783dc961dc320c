/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/dkim_fields.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/glob.h"
#include "lib/regex.h"

/*
 * More of one name than this are not listed, and no more names than that are
 * found by expressions: a message with thousands of odd fields must not get a
 * signature of its own size.  Those at the bottom are signed.
 */
#define SAME_NAME_MAX 50
#define FOUND_MAX 100

#define NONE UINT32_MAX

struct kind {
	struct slice name;
	bool no_adding;
};

struct kinds {
	size_t n;
	const struct kind *v;
};

struct regexes {
	size_t n;
	struct regex **v;
};

struct dkim_fields {
	struct region *rg;
	struct kinds kinds; /* in the order of h= */
	struct regexes more, no_adding;
	char *omit; /* a glob_list: not found by expressions; or NULL */
};

#define KIND(name_, no_adding_) \
	{ \
		{ (name_), sizeof(name_) - 1 }, (no_adding_) \
	}

static const struct kind fixed_kinds[] = {
	KIND("From", true),
	KIND("Sender", false),
	KIND("Reply-To", false),
	KIND("To", false),
	KIND("Cc", false),
	KIND("Subject", false),
	KIND("Date", false),
	KIND("Message-ID", false),
	KIND("MIME-Version", false),
	KIND("Content-Type", false),
	KIND("Content-Transfer-Encoding", false),
	KIND("Content-ID", false),
	KIND("Content-Description", false),
	KIND("Content-Disposition", false),
	KIND("Content-Language", false),
	KIND("In-Reply-To", false),
	KIND("References", false),
	KIND("Feedback-ID", false),
	KIND("List-Id", false),
	KIND("List-Help", false),
	KIND("List-Unsubscribe", false),
	KIND("List-Unsubscribe-Post", false),
	KIND("List-Subscribe", false),
	KIND("List-Post", false),
	KIND("List-Owner", false),
	KIND("List-Archive", false),
	KIND("Resent-From", false),
	KIND("Resent-Sender", false),
	KIND("Resent-To", false),
	KIND("Resent-Cc", false),
	KIND("Resent-Date", false),
	KIND("Resent-Message-ID", false),
};

#define FIXED_COUNT (sizeof(fixed_kinds) / sizeof(fixed_kinds[0]))

static const struct dkim_fields fixed = {
	.kinds = { FIXED_COUNT, fixed_kinds },
};

/*
 * Other hosts add to these, take them away or write them anew (RFC 6376
 * section 5.4; RFC 8617 section 4.1.2 for those of ARC).
 */
static const char *const changing[] = {
	"ARC-Authentication-Results",
	"ARC-Message-Signature",
	"ARC-Seal",
	"Authentication-Results",
	"Bcc",
	"DKIM-Signature",
	"Received",
	"Resent-Bcc",
	"Return-Path",
};

static bool
is_changing(struct slice name)
{
	for (size_t i = 0; i < sizeof(changing) / sizeof(changing[0]); i++)
		if (slice_eq_nocase(name, changing[i]))
			return true;
	return false;
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool
same_name(struct slice a, struct slice b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (a.p[i] != b.p[i] && lower(a.p[i]) != lower(b.p[i]))
			return false;
	return true;
}

/* ftext of RFC 5322, but a ";", which would end the tag. */
static bool
can_be_named(struct slice name)
{
	for (size_t i = 0; i < name.len; i++)
		if (name.p[i] <= ' ' || name.p[i] >= 0x7f || name.p[i] == ':' ||
		    name.p[i] == ';')
			return false;
	return name.len > 0;
}

static bool
any_match(const struct regexes *r, struct slice name)
{
	for (size_t i = 0; i < r->n; i++)
		if (regex_match(r->v[i], name.p, name.len))
			return true;
	return false;
}

/* ---- made at load -------------------------------------------------------- */

struct maker {
	struct dkim_fields *f;
	struct kind *kinds;
	size_t n;
};

static struct kind *
kind_named(struct maker *m, struct slice name)
{
	struct kind *k;

	for (size_t i = 0; i < m->n; i++)
		if (same_name(m->kinds[i].name, name))
			return &m->kinds[i];
	m->kinds = region_grow(m->f->rg, m->kinds, m->n, sizeof(*m->kinds));
	k = &m->kinds[m->n++];
	k->name.p = region_strndup(m->f->rg, name.p, name.len);
	k->name.len = name.len;
	return k;
}

static int
add_name(struct maker *m, struct slice name, bool no_adding, struct err *e)
{
	struct kind *k;

	if (!can_be_named(name))
		return err_set(e, "\"%.*s\" is no name of a header field",
		    (int)(name.len < 100 ? name.len : 100), name.p);
	if (is_changing(name))
		return err_set(e,
		    "%.*s changes on the way and cannot be signed",
		    (int)name.len, name.p);
	k = kind_named(m, name);
	k->no_adding = k->no_adding || no_adding;
	return 0;
}

static int
add_regex(struct maker *m, struct slice pattern, struct regexes *to,
    struct err *e)
{
	struct regex *re;

	if (regex_new(pattern, &re, e) == -1)
		return -1;
	to->v = region_grow(m->f->rg, to->v, to->n, sizeof(struct regex *));
	to->v[to->n++] = re;
	return 0;
}

static struct slice
tail(struct slice s, size_t from)
{
	return slice_trim((struct slice){ s.p + from, s.len - from });
}

/* An expression ends at a "/" that a comma or the end follows. */
static size_t
expression_len(struct slice s)
{
	for (size_t i = 1; i < s.len; i++) {
		struct slice rest;

		if (s.p[i] == '\\') {
			i++;
			continue;
		}
		if (s.p[i] != '/')
			continue;
		rest = tail(s, i + 1);
		if (rest.len == 0 || rest.p[0] == ',')
			return i + 1;
	}
	return 0;
}

/* item *( "," item ) ; item = name / "/" pattern "/" */
static int
add_list(struct maker *m, struct slice list, bool no_adding, struct err *e)
{
	struct regexes *to = no_adding ? &m->f->no_adding : &m->f->more;
	struct slice rest = slice_trim(list);

	while (rest.len > 0) {
		size_t len;

		if (rest.p[0] == '/') {
			len = expression_len(rest);
			if (len == 0)
				return err_set(e,
				    "the regular expression lacks its last /");
			if (add_regex(m, (struct slice){ rest.p + 1, len - 2 },
				to, e) == -1)
				return -1;
		} else {
			const char *comma = memchr(rest.p, ',', rest.len);

			len = comma == NULL ? rest.len :
					      (size_t)(comma - rest.p);
			if (add_name(m,
				slice_trim((struct slice){ rest.p, len }),
				no_adding, e) == -1)
				return -1;
		}
		rest = tail(rest, len);
		if (rest.len > 0)
			rest = tail(rest, 1);
	}
	return 0;
}

/* What nobody may add by expression are those of known name, too. */
static void
mark_known(struct maker *m)
{
	for (size_t i = 0; i < m->n; i++)
		if (any_match(&m->f->no_adding, m->kinds[i].name))
			m->kinds[i].no_adding = true;
}

static void
add_fixed(struct maker *m, bool all)
{
	for (size_t i = 0; i < (all ? FIXED_COUNT : 1); i++)
		kind_named(m, fixed_kinds[i].name)->no_adding =
		    fixed_kinds[i].no_adding;
}

/* The first kind is From. */
static void
take_away(struct maker *m, struct slice list)
{
	char *omit = glob_list(region_strndup(m->f->rg, list.p, list.len));

	for (size_t i = m->n; i-- > 1;)
		if (glob_list_match(omit, m->kinds[i].name)) {
			memmove(m->kinds + i, m->kinds + i + 1,
			    (m->n - i - 1) * sizeof(*m->kinds));
			m->n--;
		}
	m->f->omit = omit;
}

int
dkim_fields_pick(const struct dkim_pick *pick, struct dkim_fields **fields_r,
    struct err *e)
{
	struct region *rg = region_new();
	struct dkim_fields *f = region_new_obj(rg, struct dkim_fields);
	struct maker m = { .f = f };
	int rc;

	*fields_r = NULL;
	f->rg = rg;
	add_fixed(&m, pick->fixed);
	if (pick->open_from)
		kind_named(&m, fixed_kinds[0].name)->no_adding = false;
	rc = add_list(&m, pick->more, false, e);
	if (rc == 0) {
		take_away(&m, pick->omit);
		rc = add_list(&m, pick->no_adding, true, e);
	}
	if (rc == -1) {
		dkim_fields_free(&f);
		return -1;
	}
	mark_known(&m);
	f->kinds = (struct kinds){ m.n, m.kinds };
	*fields_r = f;
	return 0;
}

int
dkim_fields_new(struct slice more, struct slice no_adding,
    struct dkim_fields **fields_r, struct err *e)
{
	const struct dkim_pick pick = { .fixed = true,
		.more = more,
		.omit = { "", 0 },
		.no_adding = no_adding };

	return dkim_fields_pick(&pick, fields_r, e);
}

void
dkim_fields_free(struct dkim_fields **fp)
{
	struct dkim_fields *f = *fp;
	struct region *rg;

	*fp = NULL;
	if (f == NULL)
		return;
	for (size_t i = 0; i < f->more.n; i++)
		regex_free(&f->more.v[i]);
	for (size_t i = 0; i < f->no_adding.n; i++)
		regex_free(&f->no_adding.v[i]);
	free(f->omit);
	rg = f->rg;
	region_free(&rg);
}

/* ---- choosing ------------------------------------------------------------ */

/* Fields of one kind, the lowest first. */
struct pile {
	uint32_t top; /* index of a header, or NONE */
	uint32_t n;
};

struct chooser {
	const struct dkim_fields *f;
	const struct header_list *headers;
	struct region *rg;
	struct pile *piles; /* of the kinds, then of the found */
	uint32_t *next;     /* by index of the headers: the one above it */
	struct kind found[FOUND_MAX];
	size_t found_n;
};

static size_t
known_kind(const struct dkim_fields *f, struct slice name)
{
	for (size_t i = 0; i < f->kinds.n; i++)
		if (same_name(f->kinds.v[i].name, name))
			return i;
	return SIZE_MAX;
}

bool
dkim_fields_names(const struct dkim_fields *f, const char *name)
{
	return known_kind(f == NULL ? &fixed : f, slice_of(name)) != SIZE_MAX;
}

static size_t
found_kind(struct chooser *c, struct slice name)
{
	const struct dkim_fields *f = c->f;
	bool no_adding;

	for (size_t i = 0; i < c->found_n; i++)
		if (same_name(c->found[i].name, name))
			return f->kinds.n + i;
	if (c->found_n == FOUND_MAX || !can_be_named(name) || is_changing(name))
		return SIZE_MAX;
	no_adding = any_match(&f->no_adding, name);
	if (!no_adding &&
	    (!any_match(&f->more, name) ||
		(f->omit != NULL && glob_list_match(f->omit, name))))
		return SIZE_MAX;
	c->found[c->found_n] = (struct kind){ name, no_adding };
	return f->kinds.n + c->found_n++;
}

static size_t
kind_of(struct chooser *c, struct slice name)
{
	size_t kind = known_kind(c->f, name);

	if (kind == SIZE_MAX && c->f->more.n + c->f->no_adding.n > 0)
		kind = found_kind(c, name);
	return kind;
}

/* Puts each field on the pile of its kind; how many there are at most. */
static size_t
pile_up(struct chooser *c, const bool *skip)
{
	size_t piles = c->f->kinds.n + FOUND_MAX, total = 0;

	c->piles = region_alloc(c->rg, piles * sizeof(*c->piles));
	c->next = region_alloc(c->rg, c->headers->n * sizeof(*c->next));
	for (size_t i = 0; i < piles; i++)
		c->piles[i] = (struct pile){ NONE, 0 };
	for (size_t i = 0; i < c->headers->n; i++) {
		size_t kind;

		if (skip != NULL && skip[i])
			continue;
		kind = kind_of(c, c->headers->v[i].name);
		if (kind == SIZE_MAX)
			continue;
		c->next[i] = c->piles[kind].top;
		c->piles[kind].top = (uint32_t)i;
		c->piles[kind].n++;
		total++;
	}
	return total;
}

static const struct kind *
kind_at(const struct chooser *c, size_t i)
{
	return i < c->f->kinds.n ? &c->f->kinds.v[i] :
				   &c->found[i - c->f->kinds.n];
}

size_t
dkim_fields_choose(const struct dkim_fields *f,
    const struct header_list *headers, const bool *skip, struct region *rg,
    struct dkim_field **v_r)
{
	struct chooser c = { .f = f == NULL ? &fixed : f,
		.headers = headers,
		.rg = rg };
	size_t total = pile_up(&c, skip), kinds = c.f->kinds.n + c.found_n;
	struct dkim_field *v = region_alloc(rg, (total + kinds) * sizeof(*v));
	size_t n = 0;

	for (size_t k = 0; k < kinds; k++) {
		uint32_t at = c.piles[k].top;

		for (int i = 0; i < SAME_NAME_MAX && at != NONE; i++) {
			v[n++] = (struct dkim_field){ kind_at(&c, k)->name,
				&headers->v[at] };
			at = c.next[at];
		}
	}
	/* Not where some are left out: it would be one of those that is meant. */
	for (size_t k = 0; k < kinds; k++)
		if (kind_at(&c, k)->no_adding && c.piles[k].n <= SAME_NAME_MAX)
			v[n++] = (struct dkim_field){ kind_at(&c, k)->name,
				NULL };
	*v_r = v;
	return n;
}
