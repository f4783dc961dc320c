/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/header_edit.h"

#include <string.h>

bool
header_edit_has(const struct header_edit *edit, const char *name)
{
	const struct header_list *h = edit->headers;

	for (size_t i = header_find(h, name, 0); i < h->n;
	     i = header_find(h, name, i + 1))
		if (!edit->remove[i])
			return true;
	for (size_t i = 0; i < edit->add_count; i++)
		if (str_eq_nocase(edit->add[i].name, name))
			return true;
	return false;
}

bool
header_edit_brings(const struct header_edit *edit, const char *name,
    const char *value, struct region *rg)
{
	const struct header_list *h = edit->headers;
	size_t i = header_find(h, name, 0);
	const struct header ours = { .value = slice_of(value) };
	const char *text = i < h->n ? header_value(&ours, rg) : NULL;

	for (; i < h->n; i = header_find(h, name, i + 1))
		if (!edit->remove[i] &&
		    strcmp(header_value(&h->v[i], rg), text) == 0)
			return true;
	return false;
}

void
header_edit_remove(struct header_edit *edit, const char *name)
{
	const struct header_list *h = edit->headers;
	size_t kept = 0;

	for (size_t i = header_find(h, name, edit->trace); i < h->n;
	     i = header_find(h, name, i + 1))
		edit->remove[i] = true;
	for (size_t i = 0; i < edit->add_count; i++)
		if (!str_eq_nocase(edit->add[i].name, name))
			edit->add[kept++] = edit->add[i];
	edit->add_count = kept;
}

void
header_edit_add(struct header_edit *edit, const char *name, const char *value,
    struct region *rg)
{
	edit->add = region_grow(rg, edit->add, edit->add_count,
	    sizeof(*edit->add));
	edit->add[edit->add_count++] = (struct policy_add){ name, value };
}

void
header_edit_put_first(struct header_edit *edit, size_t before,
    struct region *rg)
{
	size_t n = edit->add_count, later = n - before;
	struct policy_add *all;

	if (before == 0 || later == 0)
		return;
	all = region_array(rg, n, sizeof(*all));
	memcpy(all, edit->add + before, later * sizeof(*all));
	memcpy(all + later, edit->add, before * sizeof(*all));
	edit->add = all;
}

void
header_edit_outgoing(const struct header_edit *edit, struct region *rg,
    struct header_list *out)
{
	*out = (struct header_list){ .cap = edit->add_count +
		    edit->headers->n };
	out->v = region_array(rg, out->cap, sizeof(*out->v));
	for (size_t i = 0; i < edit->add_count; i++)
		header_list_add(out, rg, slice_of(edit->add[i].name),
		    slice_of(REGION_JOIN(rg, " ", edit->add[i].value)));
	for (size_t i = 0; i < edit->headers->n; i++)
		if (!edit->remove[i])
			out->v[out->n++] = edit->headers->v[i];
}
