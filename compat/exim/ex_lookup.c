/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/exim/ex_lookup.h"

#include <string.h>

#define KEYS_MAX 10000

/* Kinds of files whose keys stand in them as text, and how they count. */
static const struct type {
	const char *name;
	bool wild;     /* a key may be a pattern, or a look-up by itself */
	bool expanded; /* by Exim, before it is compared */
	bool partial;  /* "*.a.example" is a.example, and all below */
} types[] = {
	{ "lsearch", false, false, false },
	{ "wildlsearch", true, true, false },
	{ "nwildlsearch", true, false, false },
	{ "partial-lsearch", false, false, true },
};

struct reader {
	struct region *rg;
	const struct type *type;
	bool star, star_at; /* "lsearch*", "lsearch*@" */
	struct ex_lookup *l;
};

static const struct type *
type_of(const char *text)
{
	const struct slice name = { text, strcspn(text, ",*") };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (slice_eq(name, types[i].name))
			return &types[i];
	return NULL;
}

bool
ex_lookup_is_known(const char *type)
{
	return type_of(type) != NULL;
}

bool
ex_lookup_is_wild(const char *type)
{
	const struct type *t = type_of(type);

	return t != NULL && t->wild;
}

/* A key of a file: up to a blank or a colon, or in quotes. */
static const char *
key_of_line(struct region *rg, struct slice line)
{
	size_t len = 0;

	if (line.len > 1 && line.p[0] == '"') {
		const char *end = memchr(line.p + 1, '"', line.len - 1);

		return end == NULL ?
		    "" :
		    region_strndup(rg, line.p + 1, (size_t)(end - line.p) - 1);
	}
	while (len < line.len && strchr(": \t", line.p[len]) == NULL)
		len++;
	return region_strndup(rg, line.p, len);
}

/*
 * To ask for such a key is to run what is in it: a look-up of any kind behind
 * ";", and what an expansion has, or makes by a code ("\x24").
 */
static bool
does_something(const struct type *t, const char *key)
{
	if (!t->wild)
		return false;
	if (strchr(key, ';') != NULL)
		return true;
	for (const char *p = key; t->expanded && *p != '\0'; p++)
		if (*p == '$' ||
		    (*p == '\\' && p[1] != '\0' &&
			strchr("x01234567", p[1]) != NULL))
			return true;
	return false;
}

static void
add(struct reader *r, const struct ex_point *point)
{
	ex_points_add(&r->l->points, r->rg, point);
}

/* "*.a.example" */
static void
add_below(struct reader *r, const struct ex_point *point)
{
	const struct ex_point itself = { NULL, point->domain, false };

	if (r->type->wild) {
		add(r, point);
		return;
	}
	/* Exim looks for no "*." before less than two parts of a name. */
	if (!r->type->partial || r->l->sought == EX_SOUGHT_ADDRESS)
		return;
	add(r, &itself);
	if (strchr(point->domain, '.') != NULL)
		add(r, point);
}

/* Begins with "*": all that fits, or a default.  False: it is a pattern. */
static bool
add_starred(struct reader *r, const char *key)
{
	const bool wild = r->type->wild;
	struct ex_point point = { 0 };

	if (key[1] == '\0') {
		if (wild || r->star)
			add(r, &point);
		return true;
	}
	if (!ex_point_parse(r->rg, key, &point) ||
	    (key[1] == '@' && point.below))
		return !wild;
	if (key[1] == '.')
		add_below(r, &point);
	else if ((wild || r->star_at) && r->l->sought != EX_SOUGHT_DOMAIN)
		add(r, &point);
	return true;
}

/* A text that is compared as it stands. */
static bool
add_plain(struct reader *r, const char *key)
{
	const bool is_address = strchr(key, '@') != NULL;
	struct ex_point point;

	if ((r->l->sought == EX_SOUGHT_DOMAIN && is_address) ||
	    (r->l->sought == EX_SOUGHT_ADDRESS && !is_address) ||
	    key[0] == '\0')
		return true;
	if (ex_point_parse(r->rg, key, &point) && !point.below &&
	    (point.local != NULL) == is_address)
		add(r, &point);
	else if (r->type->wild)
		return false;
	else if (r->l->odd == NULL)
		r->l->odd = key;
	return true;
}

static bool
add_key(struct reader *r, const char *key)
{
	if (does_something(r->type, key)) {
		r->l->why = "a key of it is more than text to Exim";
		return false;
	}
	if (r->l->sought == EX_SOUGHT_OTHER)
		return true;
	/* Those begin patterns also where no address or domain does. */
	if ((r->type->wild && strchr("^!\\/+", key[0]) != NULL &&
		key[0] != '\0') ||
	    !(key[0] == '*' ? add_starred(r, key) : add_plain(r, key))) {
		r->l->why = "a key of it is a pattern";
		return false;
	}
	return true;
}

bool
ex_lookup_read(struct region *rg, struct slice text, struct ex_lookup *l)
{
	const char *stars = strchr(l->type, '*');
	struct reader r = { rg, type_of(l->type), stars != NULL,
		stars != NULL && stars[1] == '@', l };

	l->why = NULL;
	if (r.type == NULL)
		l->why = "keys of such files cannot be listed";
	else if (text.len > 0 && memchr(text.p, '\0', text.len) != NULL)
		l->why = "it is no text";
	while (text.len > 0 && l->why == NULL) {
		const char *lf = memchr(text.p, '\n', text.len);
		size_t len = lf == NULL ? text.len : (size_t)(lf - text.p);
		const struct slice line = { text.p, len };

		text.p += len + (lf != NULL);
		text.len -= len + (lf != NULL);
		/* Comments, and values that go on. */
		if (len == 0 || strchr("# \t", line.p[0]) != NULL)
			continue;
		if (l->points.n > KEYS_MAX)
			l->why = "it has more than 10000 keys";
		else
			(void)add_key(&r, key_of_line(rg, line));
	}
	return l->why == NULL;
}
