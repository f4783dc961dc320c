/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/exim/ex_list.h"

#include <ctype.h>
#include <string.h>

#include "compat/exim/ex_lookup.h"
#include "lib/check.h"
#include "lib/conf_hosts.h"
#include "lib/strmap.h"

#define DEPTH_MAX 10
#define ITEMS_MAX 200000

/* ---- cursors --------------------------------------------------------------- */

struct ex_cursor
ex_cursor_of(const char *list)
{
	struct ex_cursor at = { list + strspn(list, " \t"), ':', false };

	if (at.rest[0] == '<' && ispunct((unsigned char)at.rest[1]) != 0) {
		at.separator = at.rest[1];
		at.rest += 2;
	}
	return at;
}

const char *
ex_cursor_next(struct ex_cursor *at, struct region *rg)
{
	struct buf b = { 0 };
	const char *item = NULL;
	struct slice s;

	while (item == NULL && *at->rest != '\0') {
		buf_clear(&b);
		for (; *at->rest != '\0'; at->rest++) {
			if (at->rest[0] == at->separator &&
			    *++at->rest != at->separator)
				break;
			buf_byte(&b, *at->rest);
		}
		s = slice_trim((struct slice){ b.p, b.len });
		if (s.len > 0)
			item = region_strndup(rg, s.p, s.len);
		/* Behind the last separator there is none. */
		else if (at->rest[0] != '\0' || at->rest[-1] == at->separator)
			at->empty = true;
	}
	buf_fini(&b);
	return item;
}

/* ---- points ---------------------------------------------------------------- */

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool
ex_point_eq(const struct ex_point *a, const struct ex_point *b)
{
	return a->below == b->below && same_text(a->local, b->local) &&
	    same_text(a->domain, b->domain);
}

void
ex_points_add(struct ex_points *p, struct region *rg,
    const struct ex_point *point)
{
	for (size_t i = 0; i < p->n; i++)
		if (ex_point_eq(&p->v[i], point))
			return;
	p->v = region_grow(rg, p->v, p->n, sizeof(*p->v));
	p->v[p->n++] = *point;
}

bool
ex_is_plain_host(const char *p)
{
	if (!conf_is_host_name(slice_of(p)))
		return false;
	for (; *p != '\0'; p++)
		if (isalnum((unsigned char)*p) == 0 &&
		    strchr("-_.", *p) == NULL)
			return false;
	return true;
}

/* What can stand in a text for Exim as it is. */
static bool
is_plain_local(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (isalnum((unsigned char)p[i]) == 0 &&
		    strchr("-_.+=", p[i]) == NULL)
			return false;
	return len > 0;
}

bool
ex_point_parse(struct region *rg, const char *text, struct ex_point *point_r)
{
	const char *at = strrchr(text, '@');
	char *domain, *local = NULL;

	*point_r = (struct ex_point){ 0 };
	if (at != NULL) {
		if (at > text && strncmp(text, "*@", 2) != 0) {
			if (!is_plain_local(text, (size_t)(at - text)))
				return false;
			local = region_strndup(rg, text, (size_t)(at - text));
			str_lower(local);
		}
		text = at + 1;
	}
	if (strncmp(text, "*.", 2) == 0) {
		point_r->below = true;
		text += 2;
	}
	if (!ex_is_plain_host(text))
		return false;
	domain = region_strdup(rg, text);
	str_lower(domain);
	point_r->local = local;
	point_r->domain = domain;
	return conf_is_domain_pattern(
	    slice_of(point_r->below ? REGION_JOIN(rg, "*.", domain) : domain));
}

/* ---- reading --------------------------------------------------------------- */

/* Lists within each other: where each goes on. */
struct frame {
	struct ex_cursor at;
	bool negated;
};

struct list_reader {
	const struct ex_conf *conf;
	const struct ex_files *files;
	const char *kind;
	struct ex_list *list;
	struct frame frames[DEPTH_MAX];
	size_t depth;
};

static void
add_item(struct list_reader *r, enum ex_item_kind kind, bool negated,
    const struct ex_point *point)
{
	struct ex_list *l = r->list;

	if (l->n >= ITEMS_MAX) {
		l->unknown = "it has too many items";
		return;
	}
	l->v = region_grow(r->conf->rg, l->v, l->n, sizeof(*l->v));
	l->v[l->n] = (struct ex_item){ .kind = kind, .negated = negated };
	if (point != NULL)
		l->v[l->n].point = *point;
	l->n++;
}

/* +name: its items come here. */
static void
enter_list(struct list_reader *r, const char *name, bool negated)
{
	const char *text = ex_named_list(r->conf, r->kind, name);

	/* A list of addresses may name domains. */
	if (text == NULL)
		text = ex_named_list(r->conf, "domainlist", name);
	if (text == NULL || r->depth == DEPTH_MAX) {
		r->list->unknown = REGION_JOIN(r->conf->rg, "+", name);
		return;
	}
	if (strchr(text, '$') != NULL) {
		r->list->unknown = REGION_JOIN(r->conf->rg, "+", name, " is ",
		    text);
		return;
	}
	add_item(r, EX_ITEM_ENTER, negated, NULL);
	r->frames[r->depth++] = (struct frame){ ex_cursor_of(text), negated };
}

/* lsearch;/path: a point for each key; of an address all of it is sought. */
static void
read_lookup(struct list_reader *r, const char *item, bool negated)
{
	const char *semicolon = strchr(item, ';');
	struct ex_lookup l = {
		.type = region_strndup(r->conf->rg, item,
		    (size_t)(semicolon - item)),
		.path = semicolon + 1 + strspn(semicolon + 1, " \t"),
		.sought = strcmp(r->kind, "addresslist") == 0 ?
		    EX_SOUGHT_ADDRESS :
		    EX_SOUGHT_DOMAIN,
	};

	if (!r->files->keys(r->files->ctx, &l)) {
		r->list->unknown = REGION_JOIN(r->conf->rg, item, ": ", l.why);
		return;
	}
	for (size_t i = 0; i < l.points.n; i++) {
		const bool any = l.points.v[i].domain == NULL;

		add_item(r, any ? EX_ITEM_ANY : EX_ITEM_POINT, negated,
		    &l.points.v[i]);
		/* Nothing is looked up for an empty text. */
		r->list->null_differs |= any;
	}
}

static void
read_item(struct list_reader *r, const char *item)
{
	const char *name = ex_conf_value(ex_main(r->conf), "primary_hostname");
	struct ex_point point;
	bool negated = false;

	while (item[0] == '!') {
		negated = !negated;
		item += 1 + strspn(item + 1, " \t");
	}
	/* Addresses alone: nobody has an empty one. */
	r->list->null_differs |= strcmp(item, "*@*") == 0;
	if (item[0] == '+')
		enter_list(r, item + 1, negated);
	else if (strchr(item, ';') != NULL)
		read_lookup(r, item, negated);
	else if (strcmp(item, "*") == 0 || strcmp(item, "*@*") == 0)
		add_item(r, EX_ITEM_ANY, negated, NULL);
	/* "@mx_any" is this host, too, but nobody knows where. */
	else if ((item[0] != '@' || item[1] == '\0') &&
	    ex_point_parse(r->conf->rg, strcmp(item, "@") == 0 ? name : item,
		&point))
		add_item(r, EX_ITEM_POINT, negated, &point);
	else
		r->list->unknown = item;
}

void
ex_list_read(const struct ex_conf *c, const struct ex_files *files,
    const char *kind, const char *text, struct ex_list *list_r)
{
	struct list_reader r = { c, files, kind, list_r, { { { 0 }, false } },
		1 };

	*list_r = (struct ex_list){ 0 };
	if (strchr(text, '$') != NULL) {
		list_r->unknown = text;
		return;
	}
	r.frames[0].at = ex_cursor_of(text);
	while (r.depth > 0 && list_r->unknown == NULL) {
		struct frame *f = &r.frames[r.depth - 1];
		const char *item = ex_cursor_next(&f->at, c->rg);

		list_r->null_differs |= f->at.empty;
		if (item != NULL) {
			read_item(&r, item);
		} else {
			r.depth--;
			if (r.depth > 0)
				add_item(&r, EX_ITEM_LEAVE, f->negated, NULL);
		}
	}
}

/* ---- asked ----------------------------------------------------------------- */

static bool
is_below(const char *name, const char *domain)
{
	size_t n = strlen(name), d = strlen(domain);

	return n > d && strcmp(name + n - d, domain) == 0 &&
	    name[n - d - 1] == '.';
}

static bool
fits(const struct ex_item *item, const struct ex_point *p)
{
	const struct ex_point *own = &item->point;

	if (item->kind == EX_ITEM_ANY)
		return true;
	if (p->domain == NULL ||
	    (own->local != NULL && !same_text(own->local, p->local)))
		return false;
	if (own->below)
		return is_below(p->domain, own->domain) ||
		    (p->below && strcmp(p->domain, own->domain) == 0);
	return !p->below && strcmp(p->domain, own->domain) == 0;
}

/* Behind the end of the list in which that item is. */
static size_t
leave(const struct ex_list *list, size_t i)
{
	for (size_t depth = 1; i < list->n; i++) {
		if (list->v[i].kind == EX_ITEM_ENTER)
			depth++;
		else if (list->v[i].kind == EX_ITEM_LEAVE && --depth == 0)
			break;
	}
	return i;
}

/* Where somebody is in lists within each other. */
struct walk {
	size_t i, depth;
	bool last[DEPTH_MAX]; /* was the last item of each negated? */
};

/*
 * The innermost list says so, and its end is at i: that is the match of the
 * item that named it.  True: it was the outermost one, or leads to its answer.
 */
static bool
on_answer(const struct ex_list *list, struct walk *w, bool *answer)
{
	while (w->depth > 0) {
		bool negated = list->v[w->i].negated;

		w->depth--;
		if (!*answer) {
			w->last[w->depth] = negated;
			return false;
		}
		*answer = !negated;
		if (w->depth > 0)
			w->i = leave(list, w->i + 1);
	}
	return true;
}

/*
 * The first item that fits decides: yes, or no if it is negated.  Where none
 * does it is the other of what the last one would say.
 */
bool
ex_list_has(const struct ex_list *list, const struct ex_point *point)
{
	struct walk w = { 0 };

	CHECK(list->unknown == NULL);
	for (; w.i < list->n; w.i++) {
		const struct ex_item *item = &list->v[w.i];
		bool answer = w.last[w.depth];

		if (item->kind == EX_ITEM_ENTER) {
			w.last[++w.depth] = false;
			continue;
		}
		if (item->kind != EX_ITEM_LEAVE) {
			if (!fits(item, point)) {
				w.last[w.depth] = item->negated;
				continue;
			}
			answer = !item->negated;
			if (w.depth > 0)
				w.i = leave(list, w.i + 1);
		}
		if (on_answer(list, &w, &answer))
			return answer;
	}
	return w.last[0];
}

void
ex_list_points(const struct ex_list *list, struct region *rg,
    struct ex_points *points)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->v[i].kind == EX_ITEM_POINT)
			ex_points_add(points, rg, &list->v[i].point);
}
