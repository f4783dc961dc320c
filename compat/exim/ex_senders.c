/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/exim/ex_senders.h"

static void
add(struct ex_senders *s, struct region *rg, const struct ex_points *points)
{
	for (size_t i = 0; i < points->n; i++) {
		const struct ex_point *p = &points->v[i];

		if (p->domain == NULL)
			continue;
		if (s->n == EX_SENDERS_MAX) {
			s->others = true;
			return;
		}
		s->v[s->n++] = REGION_JOIN(rg,
		    p->local == NULL ? "probe" : p->local, "@",
		    p->below ? "any." : "", p->domain);
	}
}

void
ex_senders(const struct ex_own_asks *a, const char *list, struct region *rg,
    struct ex_senders *out)
{
	struct ex_points points = { .n = 0 };
	struct ex_list read;
	struct ex_own own;

	ex_list_read(a->f->conf, a->files, "addresslist", list, &read);
	*out = (struct ex_senders){ .v = { "" },
		.n = 1,
		.others = read.unknown != NULL };
	ex_list_points(&read, rg, &points);
	add(out, rg, &points);
	if (out->others) {
		ex_own_read(a, rg, &own);
		add(out, rg, &own.points);
	}
}
