/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "compat/exim/ex_setup.h"

/* What is in lines of set-up, and in hardly another's. */
static const char *const marks[] = { "mailrace", "$received_port}{",
	"F,4d,1m" };

/* The settings that get one more address. */
static const char *const lists[] = { "local_interfaces = ",
	"dc_local_interfaces='" };

/* ---- lines ----------------------------------------------------------------- */

static bool
has_line(struct slice text, const char *line)
{
	size_t at;

	return line[0] != '\0' && ex_text_count(text, line, &at) > 0;
}

/* The next line of a text that the other does not have; NULL: no more. */
static const char *
own_line(struct region *rg, const char **text, const char *before)
{
	while (**text != '\0') {
		const size_t len = strcspn(*text, "\n");
		const char *line = region_strndup(rg, *text, len);

		*text += len + ((*text)[len] == '\n');
		if (len > 0 && !has_line(slice_of(before), line))
			return line;
	}
	return NULL;
}

static bool
is_marked(const char *line)
{
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (strstr(line, marks[i]) != NULL)
			return true;
	return false;
}

/* Is anything of what set-up wrote still there, with its comment or not? */
static bool
is_left(const struct host_change *c, const struct ex_source *is,
    struct region *rg)
{
	const char *rest = c->value, *line = own_line(rg, &rest, c->before);

	if (line == NULL || has_line(is->text, line))
		return true;
	while ((line = own_line(rg, &rest, c->before)) != NULL)
		if (is_marked(line) && has_line(is->text, line))
			return true;
	return false;
}

/* ---- changes back ---------------------------------------------------------- */

static void
change_back(const struct host_change *c, struct host_plan *p)
{
	host_add_change(p,
	    &(struct host_change){ .kind = c->kind,
		.name = c->name,
		.value = c->before,
		.before = c->value });
}

static void
refuse(const struct host_change *c, struct host_plan *p)
{
	host_refuse(p, "%s: what set-up wrote there was changed since",
	    c->name);
}

/* ---- an address in a list --------------------------------------------------- */

/* The address that set-up put behind a list; NULL: this is no such change. */
static const char *
added_address(const struct host_change *c, struct region *rg)
{
	const char *rest = c->value, *line;

	while ((line = own_line(rg, &rest, c->before)) != NULL)
		for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
			const size_t len = strlen(lists[i]);
			const char *last = strrchr(line, ' ');

			if (strncmp(line, lists[i], len) != 0)
				continue;
			last = last == NULL || last < line + len ? line + len :
								   last + 1;
			return region_strndup(rg, last, strcspn(last, "'"));
		}
	return NULL;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* In a list with colons these separate items, else they are of addresses. */
static bool
is_separator(const char *line, char c)
{
	return c == (strchr(line, ';') == NULL ? ':' : ';');
}

static bool
is_end(const char *line, char c)
{
	return is_blank(c) || strchr("='\"\\\n", c) != NULL ||
	    is_separator(line, c);
}

/* An address as an item of the line; NULL: none. */
static const char *
find_item(const char *line, const char *address)
{
	const size_t len = strlen(address);

	if (line[strspn(line, " \t")] == '#')
		return NULL;
	for (const char *p = line; (p = strstr(p, address)) != NULL; p++)
		if ((p == line || is_end(line, p[-1])) && is_end(line, p[len]))
			return p;
	return NULL;
}

/* Does it have a text that is no part of another number? */
static bool
has_number(const char *line, const char *text)
{
	const size_t len = strlen(text);

	for (const char *p = line; (p = strstr(p, text)) != NULL; p++)
		if ((p == line || !is_digit(p[-1])) && !is_digit(p[len]))
			return true;
	return false;
}

/* "127.0.0.1.28", but as no item, or as "[127.0.0.1]:28". */
static bool
has_otherwise(const char *line, const char *address, struct region *rg)
{
	const char *port = strrchr(address, '.');
	const char *host;

	if (line[strspn(line, " \t")] == '#')
		return false;
	if (port == NULL || has_number(line, address))
		return has_number(line, address);
	host = region_printf(rg, "[%.*s]:", (int)(port - address), address);
	return has_number(line, REGION_JOIN(rg, host, port + 1)) ||
	    has_number(line, REGION_JOIN(rg, host, ":", port + 1));
}

/* A line that has an address as an item. */
struct found {
	const char *line, *item;
	size_t n;       /* such lines */
	bool otherwise; /* some line has it, and not as an item */
};

/* The line without that item and a separator; NULL: it has no other item. */
static const char *
without_item(struct region *rg, const struct found *f, size_t len)
{
	const char *line = f->line, *from = f->item, *to = f->item + len;

	while (from > line && is_blank(from[-1]))
		from--;
	if (from > line + 1 && is_separator(line, from[-1]) &&
	    from[-2] != '<') {
		from--;
		while (from > line && is_blank(from[-1]))
			from--;
	} else {
		from = f->item;
		to += strspn(to, " \t");
		if (!is_separator(line, *to))
			return NULL;
		to++;
		to += strspn(to, " \t");
	}
	return region_printf(rg, "%.*s%s", (int)(from - line), line, to);
}

/* One line for another, of a file. */
static void
edit_line(const char *name, const char *line, const char *value,
    struct host_plan *p)
{
	host_add_change(p,
	    &(struct host_change){ .kind = EX_TEXT,
		.name = name,
		.value = value,
		.before = line });
}

/* In the last of all lines that have it. */
static void
find_in(const struct ex_source *is, const char *address, struct region *rg,
    struct found *f)
{
	const char *rest = region_strndup(rg, is->text.p, is->text.len);

	*f = (struct found){ .n = 0 };
	while (*rest != '\0') {
		const size_t len = strcspn(rest, "\n");
		const char *line = region_strndup(rg, rest,
		    len + (rest[len] == '\n'));
		const char *item = find_item(line, address);

		if (item != NULL)
			*f = (struct found){ line, item, f->n + 1,
				f->otherwise };
		else if (has_otherwise(line, address, rg))
			f->otherwise = true;
		rest += strlen(line);
	}
}

/* Out of the one line that has it; the rest stays. */
static void
take_item(const struct host_change *c, const struct found *f,
    const char *address, struct host_plan *p)
{
	const char *value = f->n == 1 && !f->otherwise ?
	    without_item(p->rg, f, strlen(address)) :
	    NULL;

	if (value == NULL) {
		host_refuse(p,
		    "%s: %s cannot be taken out of what was edited since: %s",
		    c->name, address,
		    f->n > 1 ?
			"it stands there more than once" :
			f->otherwise ?
			"it stands there otherwise than set-up wrote it" :
			"its line has no other item");
		return;
	}
	edit_line(c->name, f->line, value, p);
	host_note(p, "%s: of what was edited since this stays: %.*s", c->name,
	    (int)strcspn(value, "\n"), value);
}

/* Somebody has edited the list: our address goes, and our comment. */
static void
take_address(const struct host_change *c, const struct ex_source *is,
    const char *address, struct host_plan *p)
{
	const char *comment = region_strndup(p->rg, c->value,
	    strcspn(c->value, "\n"));
	struct found f;

	find_in(is, address, p->rg, &f);
	if (f.n > 0 || f.otherwise)
		take_item(c, &f, address, p);
	if (comment[0] == '#' && has_line(is->text, comment))
		edit_line(c->name, REGION_JOIN(p->rg, comment, "\n"), "", p);
}

/* ---- all ------------------------------------------------------------------- */

static void
take_file(const struct host_change *c, const struct ex_text *t,
    struct host_plan *p)
{
	const struct ex_source *is = ex_text_source(t, c->name);

	if (is == NULL)
		return;
	if (slice_eq(is->text, c->value))
		change_back(c, p);
	else
		refuse(c, p);
}

static void
take_text(const struct host_change *c, const struct ex_text *t,
    struct host_plan *p)
{
	const struct ex_source *is = ex_text_source(t, c->name);
	const char *address = added_address(c, p->rg);
	size_t at;

	if (is == NULL)
		host_refuse(p, "%s is gone", c->name);
	else if (ex_text_count(is->text, c->value, &at) == 1)
		change_back(c, p);
	else if (address != NULL)
		take_address(c, is, address, p);
	else if (is_left(c, is, p->rg))
		refuse(c, p);
}

void
ex_undo(const struct host_change *made, size_t count, const struct ex_text *t,
    struct host_plan *p)
{
	for (size_t i = count; i-- > 0;)
		if (made[i].kind == EX_FILE)
			take_file(&made[i], t, p);
		else
			take_text(&made[i], t, p);
}

/* ---- does it lead here? -------------------------------------------------- */

static bool
names_us(const struct ex_conf *c, const struct ex_instance *router)
{
	const char *name = ex_conf_value(router, "transport");
	const struct ex_instance *t = ex_conf_instance(c, EX_TRANSPORT, name);

	return strcmp(router->name, EX_OUR_ROUTER) == 0 ||
	    strstr(name, EX_OUR_ROUTER) != NULL ||
	    (t != NULL &&
		strstr(ex_conf_value(t, "socket"), EX_OUR_ROUTER) != NULL);
}

const char *
ex_leads_here(const struct ex_facts *f)
{
	const struct ex_instance *r = f->conf->first[EX_ROUTER];

	while (r != NULL && !names_us(f->conf, r))
		r = r->next;
	return r == NULL ? NULL : r->name;
}
