/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/exim/ex_own.h"

#include <string.h>

/* ---- domains --------------------------------------------------------------- */

/* Names of lists, those to be read behind those that are. */
struct names {
	const char **v;
	size_t n;
};

static void
add_name(struct names *names, struct region *rg, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (strcmp(names->v[i], name) == 0)
			return;
	names->v = region_grow(rg, names->v, names->n, sizeof(*names->v));
	names->v[names->n++] = name;
}

static void
add_items(const struct ex_facts *f, struct region *rg, const char *list,
    struct names *names, struct ex_points *out)
{
	struct ex_cursor at = ex_cursor_of(list);
	struct ex_point point;
	const char *item;

	if (strchr(list, '$') != NULL)
		return;
	while ((item = ex_cursor_next(&at, rg)) != NULL) {
		item += strspn(item, "! \t");
		if (strcmp(item, "@") == 0)
			item = ex_main_value(f, "primary_hostname");
		if (item[0] == '+')
			add_name(names, rg, item + 1);
		else if (ex_point_parse(rg, item, &point) &&
		    point.local == NULL && point.domain != NULL)
			ex_points_add(out, rg, &point);
	}
}

void
ex_own_points(const struct ex_facts *f, struct region *rg,
    struct ex_points *out)
{
	struct names names = { .n = 0 };

	*out = (struct ex_points){ .n = 0 };
	add_name(&names, rg, "local_domains");
	add_name(&names, rg, "relay_to_domains");
	for (const struct ex_instance *r = f->conf->first[EX_ROUTER]; r != NULL;
	     r = r->next)
		add_items(f, rg, ex_conf_value(r, "domains"), &names, out);
	for (size_t i = 0; i < names.n; i++) {
		const char *list = ex_named_list(f->conf, "domainlist",
		    names.v[i]);

		if (list != NULL)
			add_items(f, rg, list, &names, out);
	}
}

const char *
ex_own_address(struct region *rg, const struct ex_point *point)
{
	return REGION_JOIN(rg, "postmaster@", point->below ? "any." : "",
	    point->domain);
}

/* ---- routes ---------------------------------------------------------------- */

/* "router = dnslookup, transport = remote_smtp": is it a way out? */
static bool
leads_out(const struct ex_setup *s, const char *line)
{
	static const char begin[] = "router = ";
	const char *name = line + sizeof(begin) - 1;

	if (strncmp(line, begin, sizeof(begin) - 1) != 0)
		return false;
	name = region_strndup(s->p->rg, name, strcspn(name, ","));
	if (strcmp(name, EX_OUR_ROUTER) == 0)
		return true;
	for (const struct ex_instance *r = s->f->conf->first[EX_ROUTER];
	     r != NULL; r = r->next)
		if (strcmp(r->name, name) == 0)
			return ex_is_general(s, r);
	return false;
}

/*
 * By which routers and transports it goes, without ways out and what cannot go
 * at all: hosts and their order change by themselves.
 */
static const char *
ways(const struct ex_setup *s, const char *text)
{
	struct region *rg = s->p->rg;
	const char *all = "";

	while (*text != '\0') {
		const size_t len = strcspn(text, "\n");
		const char *line = region_strndup(rg, text, len);
		const char *words = line + strspn(line, " ");

		text += len + (text[len] == '\n');
		if (strncmp(words, "router = ", 9) != 0 &&
		    strncmp(words, "transport = ", 12) != 0 &&
		    strstr(words, " -> ") == NULL)
			continue;
		if (!leads_out(s, words))
			all = REGION_JOIN(rg, all, all[0] == '\0' ? "" : "; ",
			    words);
	}
	return all;
}

/* Itself, and not by an alias of the host's own. */
static bool
comes_to_us(const char *address, const char *text)
{
	static const char ours[] = "\n  router = " EX_OUR_ROUTER ",";
	const size_t len = strlen(address);

	return strncmp(text, address, len) == 0 &&
	    strncmp(text + len, ours, sizeof(ours) - 1) == 0;
}

const char *
ex_own_left(const struct ex_setup *s, const char *address, const char *now,
    const char *then)
{
	const char *is = ways(s, now);

	if (strcmp(is, ways(s, then)) != 0)
		return is[0] == '\0' ? "nothing" : is;
	if (strstr(now, " is undeliverable") != NULL &&
	    comes_to_us(address, then))
		return "undeliverable";
	return NULL;
}
