/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/field_pick.h"

#include <stdlib.h>

#include "lib/strmap.h"

/* One name: its fields, the lowest first. */
struct pile {
	size_t top; /* index of headers; n: no more */
};

struct field_pick {
	const struct header_list *headers;
	struct region *rg;
	struct strmap *piles; /* of struct pile, by lower-case name */
	size_t *above;        /* by index: the next above of that name, or n */
};

static const char *
key_of(struct region *rg, struct slice name)
{
	char *key = region_strndup(rg, name.p, name.len);

	str_lower(key);
	return key;
}

struct field_pick *
field_pick_new(const struct header_list *headers, struct region *rg)
{
	struct field_pick *p = mem_new(struct field_pick);

	p->headers = headers;
	p->rg = rg;
	p->piles = strmap_new();
	p->above = region_array(rg, headers->n, sizeof(*p->above));
	for (size_t i = 0; i < headers->n; i++) {
		const char *key = key_of(rg, headers->v[i].name);
		struct pile *pile = strmap_get(p->piles, key);

		if (pile == NULL) {
			pile = region_new_obj(rg, struct pile);
			pile->top = headers->n;
			strmap_put(p->piles, key, pile);
		}
		p->above[i] = pile->top;
		pile->top = i;
	}
	return p;
}

void
field_pick_free(struct field_pick **pp)
{
	struct field_pick *p = *pp;

	*pp = NULL;
	if (p == NULL)
		return;
	strmap_free(&p->piles);
	free(p);
}

const struct header *
field_pick_next(struct field_pick *p, struct slice name)
{
	struct pile *pile = strmap_get(p->piles, key_of(p->rg, name));
	const struct header *h;

	if (pile == NULL || pile->top == p->headers->n)
		return NULL;
	h = &p->headers->v[pile->top];
	pile->top = p->above[pile->top];
	return h;
}
