/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/exim/ex_own.h"

#include <string.h>

#include "compat/exim/ex_expand.h"
#include "compat/exim/ex_lookup.h"

/* ---- domains --------------------------------------------------------------- */

/* Texts, each once. */
struct names {
	const char **v;
	size_t n;
};

struct reader {
	const struct ex_own_asks *asks;
	struct region *rg;
	struct names lists; /* those to be read behind those that are */
	struct names unknown;
	struct ex_own *out;
};

static void
add_name(struct reader *r, struct names *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (strcmp(names->v[i], name) == 0)
			return;
	names->v = region_grow(r->rg, names->v, names->n, sizeof(*names->v));
	names->v[names->n++] = name;
}

static void
add_unknown(struct reader *r, const char *item, const char *why)
{
	add_name(r, &r->unknown, REGION_JOIN(r->rg, item, ": ", why));
}

static void
add_keys(struct reader *r, const struct ex_points *keys)
{
	size_t taken = 0;

	for (size_t i = 0; i < keys->n; i++) {
		const struct ex_point *p = &keys->v[i];

		if (p->domain == NULL)
			continue;
		if (taken < EX_OWN_OF_FILE)
			ex_points_add(&r->out->points, r->rg,
			    &(struct ex_point){ .domain = p->domain,
				.below = p->below });
		else
			r->out->left++;
		taken++;
	}
}

/* "lsearch;/path" */
static void
add_lookup(struct reader *r, const char *item, const char *semicolon)
{
	const struct ex_files *files = r->asks->files;
	struct ex_lookup l = {
		.type = region_strndup(r->rg, item, (size_t)(semicolon - item)),
		.path = semicolon + 1 + strspn(semicolon + 1, " \t"),
		.sought = EX_SOUGHT_DOMAIN,
	};

	if (files->keys(files->ctx, &l))
		add_keys(r, &l.points);
	else
		add_unknown(r, item, l.why);
}

static void
add_item(struct reader *r, const char *item)
{
	const char *semicolon = strchr(item, ';');
	struct ex_point point;

	if (strstr(item, EX_OTHER) != NULL)
		return;
	if (strcmp(item, "@") == 0)
		item = ex_main_value(r->asks->f, "primary_hostname");
	if (item[0] == '+')
		add_name(r, &r->lists, item + 1);
	else if (semicolon != NULL)
		add_lookup(r, item, semicolon);
	else if (ex_point_parse(r->rg, item, &point) && point.local == NULL)
		ex_points_add(&r->out->points, r->rg, &point);
	else if (strcmp(item, "*") != 0 && strcmp(item, "@[]") != 0)
		add_unknown(r, item, "no name of a domain");
}

/* What Exim makes of the list; "fail" in it: there is no such list. */
static const char *
value_of(struct reader *r, const char *list, const char *text)
{
	static const char failed[] = "Failed: ";
	const char *said = r->asks->expand(r->asks->site, text);

	if (said == NULL)
		add_unknown(r, list, "Exim could not be asked");
	else if (strncmp(said, failed, sizeof(failed) - 1) != 0)
		return said;
	else if (strstr(said, "\"fail\" requested") == NULL)
		add_unknown(r, list, said + sizeof(failed) - 1);
	return "";
}

/*
 * What it depends on decides: one value for all, or one by keys and one for all
 * others, where names may stand beside what is looked up.
 */
static const char *
constant(struct reader *r, const char *list)
{
	static const struct ex_point other = { .domain = EX_OTHER };
	static const char open[] = "not every value can be known";
	struct ex_expr x;
	const char *said;

	ex_expr_read(r->rg, r->asks->files, list, &x);
	if (x.why != NULL || (x.by & ~EX_BY_RCPT) != 0) {
		add_unknown(r, list, x.why != NULL ? x.why : open);
		return "";
	}
	if (x.by == 0)
		return value_of(r, list, list);
	add_keys(r, &x.keys);
	said = value_of(r, list,
	    ex_expr_with(r->rg, &x, &(struct ex_given){ .rcpt = &other }));
	if (x.open || strstr(said, EX_OTHER) != NULL)
		add_unknown(r, list, open);
	return said;
}

static void
add_items(struct reader *r, const char *list)
{
	struct ex_cursor at = ex_cursor_of(
	    strchr(list, '$') == NULL ? list : constant(r, list));
	const char *item;

	while ((item = ex_cursor_next(&at, r->rg)) != NULL)
		add_item(r, item + strspn(item, "! \t"));
}

void
ex_own_read(const struct ex_own_asks *a, struct region *rg, struct ex_own *out)
{
	struct reader r = { .asks = a, .rg = rg, .out = out };
	const struct ex_conf *conf = a->f->conf;

	*out = (struct ex_own){ .left = 0 };
	add_name(&r, &r.lists, "local_domains");
	add_name(&r, &r.lists, "relay_to_domains");
	for (const struct ex_instance *d = conf->first[EX_ROUTER]; d != NULL;
	     d = d->next)
		add_items(&r, ex_conf_value(d, "domains"));
	for (size_t i = 0; i < r.lists.n; i++) {
		const char *list = ex_named_list(conf, "domainlist",
		    r.lists.v[i]);

		if (list != NULL)
			add_items(&r, list);
	}
	out->unknown = r.unknown.v;
	out->unknown_n = r.unknown.n;
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
ex_own_left(const struct ex_setup *s, const char *now, const char *then)
{
	const char *is = ways(s, now);

	if (strcmp(is, ways(s, then)) == 0)
		return NULL;
	return is[0] == '\0' ? "nothing" : is;
}

bool
ex_own_is_taken(const char *address, const char *now, const char *then)
{
	return strstr(now, " is undeliverable") != NULL &&
	    comes_to_us(address, then);
}
