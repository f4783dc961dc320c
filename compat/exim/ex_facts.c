/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/exim/ex_facts.h"

#include <string.h>

#define FILE_IS "Configuration file is "
#define TRANSPORTS "Transports:"

/* The next line, without its end; false: there is none. */
static bool
next_line(struct slice *text, struct slice *line_r)
{
	const char *end;

	if (text->len == 0)
		return false;
	end = memchr(text->p, '\n', text->len);
	line_r->p = text->p;
	line_r->len = end == NULL ? text->len : (size_t)(end - text->p);
	text->p += line_r->len + (end != NULL);
	text->len -= line_r->len + (end != NULL);
	return true;
}

static bool
begins(struct slice line, const char *with)
{
	const size_t len = strlen(with);

	return line.len >= len && memcmp(line.p, with, len) == 0;
}

static bool
is_name(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((s.p[i] < 'a' || s.p[i] > 'z') &&
		    (s.p[i] < '0' || s.p[i] > '9') && s.p[i] != '_')
			return false;
	return s.len > 0;
}

/* ---- reading ------------------------------------------------------------- */

void
ex_facts_version(struct ex_facts *f, struct slice text)
{
	struct slice line;

	while (next_line(&text, &line)) {
		if (begins(line, FILE_IS))
			f->file = region_strndup(f->rg,
			    line.p + strlen(FILE_IS),
			    line.len - strlen(FILE_IS));
		else if (begins(line, TRANSPORTS))
			f->has_lmtp = memmem(line.p, line.len, " lmtp", 5) !=
			    NULL;
	}
}

static void
add(struct region *rg, struct ex_options *o, struct slice name,
    const char *value)
{
	o->v = region_grow(rg, o->v, o->n, sizeof(*o->v));
	o->v[o->n++] = (struct ex_option){ name, value };
}

/* "name = value", "name", "no_name"; others belong to the value before. */
static void
read_option(struct region *rg, struct ex_options *o, struct slice line)
{
	const char *is = memmem(line.p, line.len, " =", 2);
	struct slice name = line;
	size_t at;

	if (is != NULL)
		name.len = (size_t)(is - line.p);
	if (!is_name(name))
		return;
	if (is != NULL) {
		at = name.len + 2;
		at += at < line.len; /* the blank */
		add(rg, o, name,
		    region_strndup(rg, line.p + at, line.len - at));
	} else if (begins(name, "no_")) {
		add(rg, o, (struct slice){ name.p + 3, name.len - 3 }, "no");
	} else {
		add(rg, o, name, "yes");
	}
}

void
ex_facts_main(struct ex_facts *f, struct slice text)
{
	struct slice line;

	text = (struct slice){ region_dup(f->rg, text.p, text.len), text.len };
	while (next_line(&text, &line))
		read_option(f->rg, &f->main, line);
}

/* Each begins with its name and what it is: "dnslookup router:". */
static void
read_drivers(struct region *rg, struct ex_drivers *d, struct slice text,
    const char *what)
{
	const size_t tail = strlen(what);
	struct slice line;

	text = (struct slice){ region_dup(rg, text.p, text.len), text.len };
	while (next_line(&text, &line)) {
		if (line.len > tail &&
		    memcmp(line.p + line.len - tail, what, tail) == 0) {
			d->v = region_grow(rg, d->v, d->n, sizeof(*d->v));
			d->v[d->n++] = (struct ex_driver){
				.name = region_strndup(rg, line.p,
				    line.len - tail),
			};
		} else if (d->n > 0) {
			read_option(rg, &d->v[d->n - 1].options, line);
		}
	}
}

void
ex_facts_routers(struct ex_facts *f, struct slice text)
{
	read_drivers(f->rg, &f->routers, text, " router:");
}

void
ex_facts_transports(struct ex_facts *f, struct slice text)
{
	read_drivers(f->rg, &f->transports, text, " transport:");
}

void
ex_facts_config(struct ex_facts *f, struct slice text)
{
	struct slice line;

	while (next_line(&text, &line))
		if (begins(line, "domainlist relay_to_domains "))
			f->has_relay_to = true;
}

/* ---- asking -------------------------------------------------------------- */

const char *
ex_value(const struct ex_options *o, const char *name)
{
	for (size_t i = 0; i < o->n; i++)
		if (slice_eq(o->v[i].name, name))
			return o->v[i].value;
	return "";
}

const struct ex_driver *
ex_driver(const struct ex_drivers *d, const char *name)
{
	for (size_t i = 0; i < d->n; i++)
		if (strcmp(d->v[i].name, name) == 0)
			return &d->v[i];
	return NULL;
}

bool
ex_list_item(struct region *rg, const char **list, char *separator,
    const char **item_r)
{
	struct buf b = { .p = NULL };
	const char *p = *list;
	struct slice item;

	p += strspn(p, " \t");
	if (*separator == '\0') {
		*separator = ':';
		if (p[0] == '<' && p[1] != '\0' && strchr(";,|/!%^&@", p[1])) {
			*separator = p[1];
			p += 2 + strspn(p + 2, " \t");
		}
	}
	if (*p == '\0') {
		*list = p;
		return false;
	}
	for (; *p != '\0'; p++) {
		if (*p == *separator && *++p != *separator)
			break;
		buf_byte(&b, *p);
	}
	item = slice_trim((struct slice){ buf_cstr(&b), b.len });
	*item_r = region_strndup(rg, item.p, item.len);
	buf_fini(&b);
	*list = p;
	return true;
}
