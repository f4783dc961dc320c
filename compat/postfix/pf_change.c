/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/postfix/pf_change.h"

#include <string.h>

#include "lib/check.h"

static bool
is_same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void
want(struct host_plan *p, const struct pf_conf *h, struct host_change c)
{
	c.before = pf_now(h, &c);
	if (!is_same(c.before, c.value))
		host_add_change(p, &c);
}

void
pf_want_parameter(struct host_plan *p, const struct pf_conf *h,
    const char *name, const char *value)
{
	want(p, h,
	    (struct host_change){ .kind = PF_PARAMETER,
		.name = name,
		.value = value });
}

void
pf_want_service(struct host_plan *p, const struct pf_conf *h, const char *line)
{
	const size_t name = strcspn(line, " ");
	const size_t type = strcspn(line + name + 1, " ");

	want(p, h,
	    (struct host_change){ .kind = PF_SERVICE,
		.name = region_printf(p->rg, "%.*s/%.*s", (int)name, line,
		    (int)type, line + name + 1),
		.value = line });
}

void
pf_want_option(struct host_plan *p, const struct pf_conf *h,
    const struct pf_service *s, const char *name, const char *value)
{
	want(p, h,
	    (struct host_change){ .kind = PF_OPTION,
		.name = region_printf(p->rg, "%s/%s", s->key, name),
		.value = value });
}

const char *
pf_now(const struct pf_conf *h, const struct host_change *c)
{
	const struct pf_service *s;
	const char *option;

	switch ((enum pf_kind)c->kind) {
	case PF_PARAMETER:
		return pf_set(h, c->name);
	case PF_SERVICE:
		s = pf_entry(h, slice_of(c->name));
		return s == NULL ? NULL : s->text;
	case PF_OPTION:
		/* The name of a service may have slashes, that of an option not. */
		option = strrchr(c->name, '/');
		CHECK(option != NULL);
		s = pf_entry(h,
		    (struct slice){ c->name, (size_t)(option - c->name) });
		return s == NULL ? NULL : pf_option(h, s, option + 1);
	}
	CHECK_NEVER("a kind of change");
}
