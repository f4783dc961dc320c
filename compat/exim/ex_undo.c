/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "compat/exim/ex_setup.h"

/* The first line of a text that the other does not have. */
static const char *
own_line(struct region *rg, const char *text, const char *before)
{
	while (*text != '\0') {
		const size_t len = strcspn(text, "\n");
		const char *line = region_strndup(rg, text, len);
		size_t at;

		if (len > 0 && ex_text_count(slice_of(before), line, &at) == 0)
			return line;
		text += len + (text[len] == '\n');
	}
	return NULL;
}

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
	const char *line = own_line(p->rg, c->value, c->before);
	size_t at;

	if (is == NULL) {
		host_refuse(p, "%s is gone", c->name);
		return;
	}
	if (ex_text_count(is->text, c->value, &at) == 1)
		change_back(c, p);
	else if (line == NULL || ex_text_count(is->text, line, &at) > 0)
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
		strstr(ex_conf_value(t, "socket"), "/mailrace/") != NULL);
}

const char *
ex_leads_here(const struct ex_facts *f)
{
	const struct ex_instance *r = f->conf->first[EX_ROUTER];

	while (r != NULL && !names_us(f->conf, r))
		r = r->next;
	return r == NULL ? NULL : r->name;
}
