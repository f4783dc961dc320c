/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/postfix/pf_undo.h"

#include <string.h>

static bool
is_same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static const char *
shown(const char *value)
{
	return value == NULL ? "not there" : value[0] == '\0' ? "empty" : value;
}

static void
take_back(const struct host_change *c, const struct pf_conf *now,
    struct host_plan *p)
{
	const char *is = pf_now(now, c);

	if (is_same(is, c->before))
		return;
	if (is_same(is, c->value))
		host_add_change(p,
		    &(struct host_change){ .kind = c->kind,
			.name = c->name,
			.value = c->before,
			.before = c->value });
	else
		host_refuse(p,
		    "%s was changed after set-up: set-up made it \"%s\", now "
		    "it is %s",
		    c->name, shown(c->value), shown(is));
}

/* Does somebody else's line lead to us? */
static bool
names_us(const char *text)
{
	return strstr(text, "mailrace:") != NULL ||
	    strstr(text, "unix:mailrace/") != NULL;
}

const char *
pf_leads_here(const struct pf_conf *h)
{
	const char *name;

	for (size_t i = 0; (name = pf_set_at(h, i)) != NULL; i++)
		if (names_us(pf_set(h, name)))
			return name;
	for (const struct pf_service *s = pf_services(h); s != NULL;
	     s = s->next)
		if (names_us(s->text))
			return s->key;
	return NULL;
}

static bool
is_taken_back(const struct host_plan *p, int kind, const char *name)
{
	const size_t len = strlen(name);

	for (size_t i = 0; i < p->count; i++) {
		const struct host_change *c = &p->changes[i];

		if (c->kind == kind && strcmp(c->name, name) == 0)
			return true;
		/* An option of that service. */
		if (kind == PF_SERVICE && c->kind == PF_OPTION &&
		    strncmp(c->name, name, len) == 0 && c->name[len] == '/')
			return true;
	}
	return false;
}

static void
look_for_others(const struct pf_conf *now, struct host_plan *p)
{
	const char *name;

	for (size_t i = 0; (name = pf_set_at(now, i)) != NULL; i++)
		if (names_us(pf_set(now, name)) &&
		    !is_taken_back(p, PF_PARAMETER, name))
			host_refuse(p,
			    "%s = %s: set-up did not write this, and it needs "
			    "Mailrace: take it out first",
			    name, pf_set(now, name));
	for (const struct pf_service *s = pf_services(now); s != NULL;
	     s = s->next)
		if (names_us(s->text) && !is_taken_back(p, PF_SERVICE, s->key))
			host_refuse(p,
			    "%s in master.cf needs Mailrace, and set-up did "
			    "not write this: take it out first",
			    s->key);
}

void
pf_undo(const struct host_change *made, size_t count, const struct pf_conf *now,
    struct host_plan *p)
{
	for (size_t i = count; i-- > 0;)
		take_back(&made[i], now, p);
	look_for_others(now, p);
}
