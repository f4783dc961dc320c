/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/postfix/pf_conf.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "lib/strmap.h"

struct param {
	const char *name, *value;
	unsigned line; /* in main.cf; 0: not there */
};

struct pf_conf {
	struct region *rg;
	struct strmap *set, *values, *defaults; /* of param, by name */
	struct strmap *own;                     /* by "service/type/name" */
	struct strmap *lines;                   /* of main.cf */
	struct strmap *by_name;                 /* unix services */
	struct pf_service *services, **services_end;
};

struct pf_conf *
pf_conf_new(struct region *rg)
{
	struct pf_conf *c = region_new_obj(rg, struct pf_conf);

	c->rg = rg;
	c->set = strmap_new();
	c->values = strmap_new();
	c->defaults = strmap_new();
	c->own = strmap_new();
	c->lines = strmap_new();
	c->by_name = strmap_new();
	c->services_end = &c->services;
	return c;
}

void
pf_conf_free(struct pf_conf **cp)
{
	struct pf_conf *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	strmap_free(&c->set);
	strmap_free(&c->values);
	strmap_free(&c->defaults);
	strmap_free(&c->own);
	strmap_free(&c->lines);
	strmap_free(&c->by_name);
}

/* ---- lines ------------------------------------------------------------------ */

/* Takes a line from the front; false at the end. */
static bool
next_line(struct slice *text, struct slice *line_r)
{
	const char *lf;
	size_t len;

	if (text->len == 0)
		return false;
	lf = memchr(text->p, '\n', text->len);
	len = lf == NULL ? text->len : (size_t)(lf - text->p);
	*line_r = (struct slice){ text->p, len };
	text->p += len + (lf != NULL);
	text->len -= len + (lf != NULL);
	return true;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool
is_between(char c)
{
	return is_blank(c) || c == ',' || c == '\n' || c == '\r';
}

/* Takes from the front up to an end outside of braces; empty at the end. */
static struct slice
take(struct slice *rest, bool (*ends)(char c))
{
	struct slice taken;
	size_t depth = 0;

	while (rest->len > 0 && ends(rest->p[0])) {
		rest->p++;
		rest->len--;
	}
	taken = (struct slice){ rest->p, 0 };
	for (; taken.len < rest->len; taken.len++) {
		const char c = taken.p[taken.len];

		if (c == '{')
			depth++;
		else if (c == '}' && depth > 0)
			depth--;
		else if (depth == 0 && ends(c))
			break;
	}
	rest->p += taken.len;
	rest->len -= taken.len;
	return taken;
}

/* Blanks only: a comma belongs to the word of a line of master.cf. */
static struct slice
next_word(struct slice *line)
{
	return take(line, is_blank);
}

struct slice
pf_list_item(struct slice *rest)
{
	return take(rest, is_between);
}

static char *
keep(struct pf_conf *c, struct slice s)
{
	return region_strndup(c->rg, s.p, s.len);
}

/* "name = value"; NULL: it is none. */
static struct param *
param_of(struct pf_conf *c, struct slice line)
{
	const char *equals = memchr(line.p, '=', line.len);
	struct param *p;
	size_t len;

	if (equals == NULL)
		return NULL;
	len = (size_t)(equals - line.p);
	p = region_new_obj(c->rg, struct param);
	p->name = keep(c, slice_trim((struct slice){ line.p, len }));
	p->value = keep(c,
	    slice_trim((struct slice){ equals + 1, line.len - len - 1 }));
	return p;
}

static void
read_params(struct pf_conf *c, struct slice text, struct strmap *into)
{
	struct slice line;

	while (next_line(&text, &line)) {
		struct param *p = param_of(c, line);

		if (p != NULL)
			strmap_put(into, p->name, p);
	}
}

void
pf_conf_read_set(struct pf_conf *c, struct slice text)
{
	read_params(c, text, c->set);
}

void
pf_conf_read_values(struct pf_conf *c, struct slice text)
{
	read_params(c, text, c->values);
}

void
pf_conf_read_defaults(struct pf_conf *c, struct slice text)
{
	read_params(c, text, c->defaults);
}

void
pf_conf_read_overrides(struct pf_conf *c, struct slice text)
{
	read_params(c, text, c->own);
}

/* name type private unpriv chroot wakeup maxproc command [args] */
static void
read_service(struct pf_conf *c, struct slice line)
{
	enum { COLUMNS = 8 };
	struct slice column[COLUMNS] = { { NULL, 0 } }, word;
	struct buf all = { .p = NULL };
	struct pf_service *s;
	size_t n = 0;

	while ((word = next_word(&line)).len > 0) {
		if (n < COLUMNS)
			column[n] = word;
		if (n++ > 0)
			buf_byte(&all, ' ');
		buf_add(&all, word.p, word.len);
	}
	if (n >= COLUMNS) {
		s = region_new_obj(c->rg, struct pf_service);
		s->name = keep(c, column[0]);
		s->type = keep(c, column[1]);
		s->key = REGION_JOIN(c->rg, s->name, "/", s->type);
		s->chroot = keep(c, column[4]);
		s->maxproc = keep(c, column[6]);
		s->command = keep(c, column[7]);
		s->text = region_strdup(c->rg, buf_cstr(&all));
		*c->services_end = s;
		c->services_end = &s->next;
		if (strcmp(s->type, "unix") == 0)
			strmap_put(c->by_name, s->name, s);
	}
	buf_fini(&all);
}

void
pf_conf_read_services(struct pf_conf *c, struct slice text)
{
	struct slice line;

	while (next_line(&text, &line))
		read_service(c, line);
}

/* ---- where it stands ------------------------------------------------------- */

/* Does it begin something, other than a comment? */
static bool
is_beginning(struct slice line)
{
	return line.len > 0 && line.p[0] != '#' && line.p[0] != ' ' &&
	    line.p[0] != '\t';
}

void
pf_conf_read_main(struct pf_conf *c, struct slice text)
{
	struct slice line;

	for (unsigned n = 1; next_line(&text, &line); n++) {
		struct param *p = is_beginning(line) ? param_of(c, line) : NULL;

		if (p == NULL)
			continue;
		p->line = n;
		strmap_put(c->lines, p->name, p);
	}
}

void
pf_conf_read_master(struct pf_conf *c, struct slice text)
{
	struct slice line;

	for (unsigned n = 1; next_line(&text, &line); n++) {
		struct slice name, type;

		if (!is_beginning(line))
			continue;
		name = next_word(&line);
		type = next_word(&line);
		for (struct pf_service *s = c->services; s != NULL; s = s->next)
			if (slice_eq(name, s->name) && slice_eq(type, s->type))
				s->line = n;
	}
}

static const struct param *
own_param(const struct pf_conf *c, const struct pf_service *s, const char *name)
{
	if (s == NULL)
		return NULL;
	return strmap_get(c->own,
	    REGION_JOIN(c->rg, s->name, "/", s->type, "/", name));
}

const char *
pf_where(const struct pf_conf *c, const struct pf_service *s, const char *name)
{
	const struct param *p;

	if (own_param(c, s, name) != NULL)
		return s->line == 0 ?
		    "master.cf" :
		    region_printf(c->rg, "master.cf:%u", s->line);
	p = strmap_get(c->lines, name);
	if (p != NULL)
		return region_printf(c->rg, "main.cf:%u", p->line);
	return strmap_get(c->set, name) != NULL ? "main.cf" :
						  "Postfix's default";
}

/* ---- values ---------------------------------------------------------------- */

const struct pf_service *
pf_services(const struct pf_conf *c)
{
	return c->services;
}

const struct pf_service *
pf_service(const struct pf_conf *c, const char *name)
{
	return strmap_get(c->by_name, name);
}

const char *
pf_value(const struct pf_conf *c, const struct pf_service *s, const char *name)
{
	const struct param *p = own_param(c, s, name);

	if (p == NULL)
		p = strmap_get(c->values, name);
	return p == NULL ? "" : p->value;
}

bool
pf_is_own(const struct pf_conf *c, const struct pf_service *s, const char *name)
{
	return own_param(c, s, name) != NULL;
}

const char *
pf_own_at(const struct pf_conf *c, const struct pf_service *s, size_t i)
{
	const char *front = REGION_JOIN(c->rg, s->name, "/", s->type, "/");
	size_t len = strlen(front);

	for (size_t at = 0; at < strmap_count(c->own); at++) {
		const struct param *p = strmap_at(c->own, at);

		if (strncmp(p->name, front, len) == 0 && i-- == 0)
			return p->name + len;
	}
	return NULL;
}

bool
pf_is_changed(const struct pf_conf *c, const char *name)
{
	const struct param *set = strmap_get(c->set, name);
	const struct param *dflt = strmap_get(c->defaults, name);

	return set != NULL &&
	    (dflt == NULL || strcmp(set->value, dflt->value) != 0);
}

const char *
pf_set_at(const struct pf_conf *c, size_t i)
{
	const struct param *p;

	if (i >= strmap_count(c->set))
		return NULL;
	p = strmap_at(c->set, i);
	return p->name;
}

bool
pf_is_known(const struct pf_conf *c, const char *name)
{
	return strmap_get(c->defaults, name) != NULL;
}

const char *
pf_set(const struct pf_conf *c, const char *name)
{
	const struct param *p = strmap_get(c->set, name);

	return p == NULL ? NULL : p->value;
}

const struct pf_service *
pf_entry(const struct pf_conf *c, struct slice key)
{
	for (const struct pf_service *s = c->services; s != NULL; s = s->next)
		if (slice_eq(key, s->key))
			return s;
	return NULL;
}

/* "name=value", or "{ name = value }"; p of the name NULL: neither. */
static struct slice
parse_option(struct slice option, struct slice *name_r)
{
	const char *eq;

	if (option.len >= 2 && option.p[0] == '{')
		option = (struct slice){ option.p + 1, option.len - 2 };
	eq = option.len == 0 ? NULL : memchr(option.p, '=', option.len);
	*name_r = (struct slice){ NULL, 0 };
	if (eq == NULL)
		return *name_r;
	*name_r = slice_trim(
	    (struct slice){ option.p, (size_t)(eq - option.p) });
	return slice_trim(
	    (struct slice){ eq + 1, option.len - (size_t)(eq - option.p) - 1 });
}

bool
pf_next_option(struct slice *rest, struct slice *text_r, struct slice *name_r)
{
	struct slice word;

	while ((word = next_word(rest)).len > 0) {
		if (slice_eq(word, "-o"))
			*text_r = next_word(rest);
		else if (word.len > 2 && strncmp(word.p, "-o", 2) == 0)
			*text_r = (struct slice){ word.p + 2, word.len - 2 };
		else
			continue;
		(void)parse_option(*text_r, name_r);
		if (name_r->p != NULL)
			return true;
	}
	return false;
}

const char *
pf_option(const struct pf_conf *c, const struct pf_service *s, const char *name)
{
	struct slice rest = slice_of(s->text), text, is;
	const char *found = NULL;

	while (pf_next_option(&rest, &text, &is))
		if (slice_eq(is, name)) { /* the last one counts */
			const struct slice value = parse_option(text, &is);

			found = region_strndup(c->rg, value.p, value.len);
		}
	return found;
}

int64_t
pf_time_s(const char *text, char unit)
{
	static const struct {
		char letter;
		int64_t s;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 },
		{ 'w', 604800 } };
	size_t digits = strspn(text, "0123456789");
	int64_t n = 0;

	if (digits == 0 || digits > 9)
		return -1;
	for (size_t i = 0; i < digits; i++)
		n = n * 10 + (text[i] - '0');
	if (text[digits] != '\0') {
		if (text[digits + 1] != '\0')
			return -1;
		unit = (char)tolower((unsigned char)text[digits]);
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (units[i].letter == unit)
			return n * units[i].s;
	return -1;
}
