/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/host_plan.h"

#include <stdarg.h>
#include <stdio.h>

void
host_plan_init(struct host_plan *p)
{
	*p = (struct host_plan){ .rg = region_new() };
}

void
host_plan_fini(struct host_plan *p)
{
	region_free(&p->rg);
}

__attribute__((format(printf, 3, 0))) static void
add_text(struct host_plan *p, struct host_texts *t, const char *fmt, va_list ap)
{
	char text[1000];

	(void)vsnprintf(text, sizeof(text), fmt, ap);
	t->v = region_grow(p->rg, t->v, t->n, sizeof(*t->v));
	t->v[t->n++] = region_strdup(p->rg, text);
}

void
host_refuse(struct host_plan *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_text(p, &p->refusals, fmt, ap);
	va_end(ap);
}

void
host_note(struct host_plan *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_text(p, &p->notes, fmt, ap);
	va_end(ap);
}

static const char *
copy(struct host_plan *p, const char *text)
{
	return text == NULL ? NULL : region_strdup(p->rg, text);
}

void
host_add_change(struct host_plan *p, const struct host_change *c)
{
	p->changes = region_grow(p->rg, p->changes, p->count,
	    sizeof(*p->changes));
	p->changes[p->count++] = (struct host_change){ .kind = c->kind,
		.name = copy(p, c->name),
		.value = copy(p, c->value),
		.before = copy(p, c->before) };
}
