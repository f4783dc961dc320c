/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/exim/ex_options.h"

#include <ctype.h>
#include <string.h>

#include "lib/strmap.h"

#define LINE_MAX_LEN ((size_t)65536)
#define DRIVERS_MAX 5000

/* What the configuration itself sets. */
struct set_option {
	const char *name;
	bool hidden;
};

static const char *const kind_names[EX_KINDS] = {
	[EX_MAIN] = "main section",
	[EX_ROUTER] = "router",
	[EX_TRANSPORT] = "transport",
	[EX_AUTHENTICATOR] = "authenticator",
};

/* What `exim -bP` was asked for it. */
static const char *const kind_texts[EX_KINDS] = {
	[EX_MAIN] = "exim -bP",
	[EX_ROUTER] = "exim -bP routers",
	[EX_TRANSPORT] = "exim -bP transports",
	[EX_AUTHENTICATOR] = "exim -bP authenticators",
};

static struct ex_instance *
add_driver(struct ex_conf *c, enum ex_conf_kind kind, const char *name)
{
	struct ex_instance *d = region_new_obj(c->rg, struct ex_instance);

	d->kind = kind;
	d->name = name;
	d->where = kind == EX_MAIN ?
	    kind_names[kind] :
	    REGION_JOIN(c->rg, kind_names[kind], " ", name);
	d->values = strmap_new();
	d->set = strmap_new();
	*c->end[kind] = d;
	c->end[kind] = &d->next;
	return d;
}

struct ex_conf *
ex_conf_new(struct region *rg)
{
	struct ex_conf *c = region_new_obj(rg, struct ex_conf);

	c->rg = rg;
	for (int i = 0; i < EX_KINDS; i++)
		c->end[i] = &c->first[i];
	c->lists = strmap_new();
	c->path = "";
	(void)add_driver(c, EX_MAIN, "");
	return c;
}

void
ex_conf_free(struct ex_conf **cp)
{
	struct ex_conf *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	for (int i = 0; i < EX_KINDS; i++)
		for (struct ex_instance *d = c->first[i]; d != NULL;
		     d = d->next) {
			strmap_free(&d->values);
			strmap_free(&d->set);
		}
	strmap_free(&c->lists);
}

/* ---- lines ----------------------------------------------------------------- */

struct reader {
	struct slice rest;
	const char *what; /* is read, for errors */
	unsigned number;
};

static int
check_line(const struct reader *r, struct slice line, struct err *e)
{
	if (line.len > LINE_MAX_LEN)
		return err_set(e, "%s, line %u: longer than %zu bytes", r->what,
		    r->number, LINE_MAX_LEN);
	for (size_t i = 0; i < line.len; i++)
		if ((unsigned char)line.p[i] < ' ' && line.p[i] != '\t')
			return err_set(e,
			    "%s, line %u: a control character: this is no "
			    "text",
			    r->what, r->number);
	return 0;
}

/* 1: the next line, without its end; 0: no more. */
static int
next_line(struct reader *r, struct slice *line_r, struct err *e)
{
	const char *lf;

	if (r->rest.len == 0)
		return 0;
	lf = memchr(r->rest.p, '\n', r->rest.len);
	line_r->p = r->rest.p;
	line_r->len = lf == NULL ? r->rest.len : (size_t)(lf - r->rest.p);
	r->rest.p += line_r->len + (lf != NULL);
	r->rest.len -= line_r->len + (lf != NULL);
	r->number++;
	return check_line(r, *line_r, e) == -1 ? -1 : 1;
}

static bool
is_name_char(char c)
{
	return isalnum((unsigned char)c) != 0 || c == '_';
}

static size_t
name_len(struct slice s)
{
	size_t n = 0;

	while (n < s.len && is_name_char(s.p[n]))
		n++;
	return n;
}

static struct slice
behind(struct slice s, size_t n)
{
	return slice_trim((struct slice){ s.p + n, s.len - n });
}

/* Takes the word off the front, with the blanks behind it. */
static bool
take_word(struct slice *s, const char *word)
{
	size_t len = strlen(word);

	if (s->len <= len || memcmp(s->p, word, len) != 0 ||
	    (s->p[len] != ' ' && s->p[len] != '\t'))
		return false;
	*s = behind(*s, len);
	return true;
}

/* ---- values ---------------------------------------------------------------- */

/* "name = value", "name =", "name" or "no_name". */
static int
read_value(struct ex_conf *c, struct ex_instance *d, const struct reader *r,
    struct slice line, struct err *e)
{
	size_t len = name_len(line);
	struct slice rest = behind(line, len);
	const char *name = region_strndup(c->rg, line.p, len);

	if (line.p[0] == '*')
		return 0; /* Exim's own, that is set nowhere */
	if (len == 0 || (rest.len > 0 && rest.p[0] != '='))
		return err_set(e, "%s, line %u: not an option", r->what,
		    r->number);
	if (rest.len > 0)
		rest = behind(rest, 1);
	else if (strncmp(name, "no_", 3) == 0)
		name += 3, rest = SLICE_LIT("false");
	else if (line.len == len)
		rest = SLICE_LIT("true");
	if (slice_eq(rest, "<value not displayable>"))
		return err_set(e,
		    "%s hides values from this user: run it as root", r->what);
	strmap_put(d->values, name, region_strndup(c->rg, rest.p, rest.len));
	return 0;
}

/* "NAME router:" */
static bool
is_heading(enum ex_conf_kind kind, struct slice line, size_t *len_r)
{
	const char *word = kind_names[kind];
	size_t len = strlen(word);

	if (kind == EX_MAIN || line.len < len + 3 ||
	    line.p[line.len - 1] != ':' ||
	    memcmp(line.p + line.len - 1 - len, word, len) != 0)
		return false;
	*len_r = name_len(line);
	return *len_r > 0 && *len_r == line.len - len - 2 &&
	    line.p[*len_r] == ' ';
}

int
ex_conf_read(struct ex_conf *c, enum ex_conf_kind kind, struct slice text,
    struct err *e)
{
	struct ex_instance *d = kind == EX_MAIN ? c->first[EX_MAIN] : NULL;
	struct reader r = { text, kind_texts[kind], 0 };
	struct slice line;
	size_t len, drivers = 0;
	int rc;

	while ((rc = next_line(&r, &line, e)) == 1) {
		line = slice_trim(line);
		if (line.len == 0)
			continue;
		if (is_heading(kind, line, &len)) {
			if (++drivers > DRIVERS_MAX)
				return err_set(e, "%s, line %u: more than %d",
				    r.what, r.number, DRIVERS_MAX);
			d = add_driver(c, kind,
			    region_strndup(c->rg, line.p, len));
		} else if (d == NULL) {
			return err_set(e, "%s, line %u: not the name of a %s",
			    r.what, r.number, kind_names[kind]);
		} else if (read_value(c, d, &r, line, e) == -1) {
			return -1;
		}
	}
	return rc;
}

/* ---- the configuration ----------------------------------------------------- */

enum section {
	SECTION_MAIN,
	SECTION_ROUTERS,
	SECTION_TRANSPORTS,
	SECTION_AUTHENTICATORS,
	SECTION_RETRY,
	SECTION_REWRITE,
	SECTION_OTHER /* ACLs, local_scan */
};

static const struct {
	const char *name;
	enum section section;
	enum ex_conf_kind kind; /* of its drivers; EX_KINDS: it has none */
} sections[] = {
	{ "routers", SECTION_ROUTERS, EX_ROUTER },
	{ "transports", SECTION_TRANSPORTS, EX_TRANSPORT },
	{ "authenticators", SECTION_AUTHENTICATORS, EX_AUTHENTICATOR },
	{ "retry", SECTION_RETRY, EX_KINDS },
	{ "rewrite", SECTION_REWRITE, EX_KINDS },
};

struct place {
	enum section section;
	enum ex_conf_kind kind;
	struct ex_instance *driver;
};

static void
enter_section(struct place *at, struct slice name)
{
	*at = (struct place){ SECTION_OTHER, EX_KINDS, NULL };
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
		if (slice_eq(name, sections[i].name))
			*at = (struct place){ sections[i].section,
				sections[i].kind, NULL };
}

static struct ex_instance *
find(const struct ex_conf *c, enum ex_conf_kind kind, struct slice name)
{
	for (struct ex_instance *d = c->first[kind]; d != NULL; d = d->next)
		if (slice_eq(name, d->name))
			return d;
	return NULL;
}

/*
 * That the option is set: under the name that `exim -bP` has for it.  What that
 * does not list is no option (a macro, say).
 */
static void
note_set(struct ex_conf *c, struct ex_instance *d, struct slice line)
{
	bool hidden = take_word(&line, "hide");
	size_t len = name_len(line);
	const char *name = region_strndup(c->rg, line.p, len);
	struct set_option *o;

	if (strmap_get(d->values, name) == NULL) {
		if (strncmp(name, "no_", 3) == 0)
			name += 3;
		else if (strncmp(name, "not_", 4) == 0)
			name += 4;
	}
	if (strmap_get(d->values, name) == NULL)
		return;
	o = region_new_obj(c->rg, struct set_option);
	o->name = name;
	o->hidden = hidden;
	strmap_put(d->set, name, o);
}

/* "domainlist NAME = ..."; false: it is none of the four kinds. */
static bool
note_list(struct ex_conf *c, struct slice line)
{
	static const char *const kinds[] = { "domainlist", "hostlist",
		"addresslist", "localpartlist" };
	struct slice rest = line;
	struct ex_named *list;
	size_t len;

	(void)take_word(&rest, "hide");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!take_word(&rest, kinds[i]))
			continue;
		(void)take_word(&rest, "cache");
		len = name_len(rest);
		line = behind(rest, len);
		if (line.len == 0 || line.p[0] != '=')
			return true;
		line = behind(line, 1);
		list = region_new_obj(c->rg, struct ex_named);
		list->text = region_strndup(c->rg, line.p, line.len);
		strmap_put(c->lists,
		    REGION_JOIN(c->rg, kinds[i], " ",
			region_strndup(c->rg, rest.p, len)),
		    list);
		return true;
	}
	return false;
}

static void
add_text(struct ex_conf *c, struct ex_lines *to, struct slice line)
{
	to->v = region_grow(c->rg, to->v, to->n, sizeof(*to->v));
	to->v[to->n].text = region_strndup(c->rg, line.p, line.len);
	to->v[to->n].number = (unsigned)to->n + 1;
	to->n++;
}

/* A line of a section with drivers: "NAME:", or an option of the last. */
static void
read_driver_line(struct ex_conf *c, struct place *at, struct slice line)
{
	size_t len = name_len(line);

	if (len > 0 && len + 1 == line.len && line.p[len] == ':')
		at->driver = find(c, at->kind, (struct slice){ line.p, len });
	else if (at->driver != NULL)
		note_set(c, at->driver, line);
}

static void
read_file_line(struct ex_conf *c, struct place *at, struct slice line)
{
	switch (at->section) {
	case SECTION_MAIN:
		if (!note_list(c, line))
			note_set(c, c->first[EX_MAIN], line);
		break;
	case SECTION_ROUTERS:
	case SECTION_TRANSPORTS:
	case SECTION_AUTHENTICATORS:
		read_driver_line(c, at, line);
		break;
	case SECTION_RETRY:
		add_text(c, &c->retry, line);
		break;
	case SECTION_REWRITE:
		add_text(c, &c->rewrite, line);
		break;
	case SECTION_OTHER:
		break;
	}
}

/* # 12 "/etc/exim4/exim4.conf" */
static void
note_path(struct ex_conf *c, struct slice line)
{
	const char *quote = memchr(line.p, '"', line.len);

	if (quote != NULL && c->path[0] == '\0' &&
	    quote + 1 < line.p + line.len && line.p[line.len - 1] == '"')
		c->path = region_strndup(c->rg, quote + 1,
		    (size_t)(line.p + line.len - quote) - 2);
}

int
ex_conf_read_file(struct ex_conf *c, struct slice text, struct err *e)
{
	struct place at = { SECTION_MAIN, EX_MAIN, NULL };
	struct reader r = { text, "exim -bP config", 0 };
	struct slice line;
	int rc;

	while ((rc = next_line(&r, &line, e)) == 1) {
		line = slice_trim(line);
		if (line.len == 0)
			continue;
		if (line.p[0] == '#')
			note_path(c, line);
		else if (take_word(&line, "begin"))
			enter_section(&at, line);
		else
			read_file_line(c, &at, line);
	}
	return rc;
}

/* ---- asked ----------------------------------------------------------------- */

const struct ex_instance *
ex_main(const struct ex_conf *c)
{
	return c->first[EX_MAIN];
}

const struct ex_instance *
ex_conf_instance(const struct ex_conf *c, enum ex_conf_kind kind,
    const char *name)
{
	return find(c, kind, slice_of(name));
}

const char *
ex_conf_value(const struct ex_instance *d, const char *name)
{
	const char *value = strmap_get(d->values, name);

	return value == NULL ? "" : value;
}

bool
ex_is_true(const struct ex_instance *d, const char *name)
{
	return strcmp(ex_conf_value(d, name), "true") == 0;
}

bool
ex_is_set(const struct ex_instance *d, const char *name)
{
	return strmap_get(d->set, name) != NULL;
}

const char *
ex_set_at(const struct ex_instance *d, size_t i)
{
	const struct set_option *o;

	if (i >= strmap_count(d->set))
		return NULL;
	o = strmap_at(d->set, i);
	return o->name;
}

bool
ex_is_hidden(const struct ex_instance *d, const char *name)
{
	const struct set_option *o = strmap_get(d->set, name);

	return o != NULL && o->hidden;
}

const char *
ex_named_list(const struct ex_conf *c, const char *kind, const char *name)
{
	const struct ex_named *list = strmap_get(c->lists,
	    REGION_JOIN(c->rg, kind, " ", name));

	return list == NULL ? NULL : list->text;
}

int64_t
ex_time_s(const char *text)
{
	static const struct {
		char unit;
		int64_t s;
	} units[] = { { 'w', 604800 }, { 'd', 86400 }, { 'h', 3600 },
		{ 'm', 60 }, { 's', 1 } };
	int64_t total = 0;

	if (*text == '\0')
		return -1;
	while (*text != '\0') {
		int64_t n = 0, of = 0;

		if (isdigit((unsigned char)*text) == 0)
			return -1;
		for (; isdigit((unsigned char)*text) != 0; text++)
			if ((n = n * 10 + (*text - '0')) > 1000000000)
				return -1;
		for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
			if (units[i].unit == *text)
				of = units[i].s;
		if (of == 0 || (total += n * of) > INT32_MAX)
			return -1;
		text++;
	}
	return total;
}

int64_t
ex_number(const char *text)
{
	int64_t n = 0, of = 1;
	const char *p = text;

	for (; isdigit((unsigned char)*p) != 0; p++)
		if ((n = n * 10 + (*p - '0')) > INT32_MAX)
			return -1;
	if (*p == 'K' || *p == 'k')
		of = 1024, p++;
	else if (*p == 'M' || *p == 'm')
		of = 1048576, p++;
	else if (*p == 'G' || *p == 'g')
		of = 1073741824, p++;
	return p == text || *p != '\0' ? -1 : n * of;
}
