/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/postfix/pf_change.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/check.h"

void
pf_plan_init(struct pf_plan *p)
{
	*p = (struct pf_plan){ .rg = region_new() };
}

void
pf_plan_fini(struct pf_plan *p)
{
	region_free(&p->rg);
}

__attribute__((format(printf, 3, 0))) static void
add_text(struct pf_plan *p, struct pf_texts *t, const char *fmt, va_list ap)
{
	char text[1000];

	(void)vsnprintf(text, sizeof(text), fmt, ap);
	t->v = region_grow(p->rg, t->v, t->n, sizeof(*t->v));
	t->v[t->n++] = region_strdup(p->rg, text);
}

void
pf_refuse(struct pf_plan *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_text(p, &p->refusals, fmt, ap);
	va_end(ap);
}

void
pf_note(struct pf_plan *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_text(p, &p->notes, fmt, ap);
	va_end(ap);
}

static const char *
copy(struct pf_plan *p, const char *text)
{
	return text == NULL ? NULL : region_strdup(p->rg, text);
}

void
pf_add_change(struct pf_plan *p, const struct pf_change *c)
{
	p->changes = region_grow(p->rg, p->changes, p->count,
	    sizeof(*p->changes));
	p->changes[p->count++] = (struct pf_change){ .kind = c->kind,
		.name = copy(p, c->name),
		.value = copy(p, c->value),
		.before = copy(p, c->before) };
}

static bool
is_same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void
want(struct pf_plan *p, const struct pf_conf *h, struct pf_change c)
{
	c.before = pf_now(h, &c);
	if (!is_same(c.before, c.value))
		pf_add_change(p, &c);
}

void
pf_want_parameter(struct pf_plan *p, const struct pf_conf *h, const char *name,
    const char *value)
{
	want(p, h,
	    (struct pf_change){ .kind = PF_PARAMETER,
		.name = name,
		.value = value });
}

void
pf_want_service(struct pf_plan *p, const struct pf_conf *h, const char *line)
{
	const size_t name = strcspn(line, " ");
	const size_t type = strcspn(line + name + 1, " ");

	want(p, h,
	    (struct pf_change){ .kind = PF_SERVICE,
		.name = region_printf(p->rg, "%.*s/%.*s", (int)name, line,
		    (int)type, line + name + 1),
		.value = line });
}

void
pf_want_option(struct pf_plan *p, const struct pf_conf *h,
    const struct pf_service *s, const char *name, const char *value)
{
	want(p, h,
	    (struct pf_change){ .kind = PF_OPTION,
		.name = region_printf(p->rg, "%s/%s", s->key, name),
		.value = value });
}

const char *
pf_now(const struct pf_conf *h, const struct pf_change *c)
{
	const struct pf_service *s;
	const char *option;

	switch (c->kind) {
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
