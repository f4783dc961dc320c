/* SPDX-License-Identifier: Apache-2.0 */
#include "milter/milter_edit.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "milter/milter_packet.h"

/* A field by its name, and where it stands among all. */
struct named {
	struct slice name;
	size_t at;
};

static int
compare_names(struct slice a, struct slice b)
{
	int d = strncasecmp(a.p, b.p, a.len < b.len ? a.len : b.len);

	if (d != 0 || a.len == b.len)
		return d;
	return a.len < b.len ? -1 : 1;
}

/* Those of one name as they stand. */
static int
by_name(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int d = compare_names(x->name, y->name);

	if (d != 0)
		return d;
	return x->at < y->at ? -1 : 1;
}

static struct named *
sort_by_name(const struct milter_edit *ed, const struct header_list *headers)
{
	struct named *v = region_array(ed->rg, headers->n, sizeof(*v));

	for (size_t i = 0; i < headers->n; i++)
		v[i] = (struct named){ headers->v[i].name, i };
	qsort(v, headers->n, sizeof(*v), by_name);
	return v;
}

/*
 * Of n fields with this name.  They are named by number, from 1.  The last one
 * goes first, since the numbers of those behind a deleted one change.
 */
static void
remove_named(const struct milter_edit *ed, const struct named *v, size_t n,
    const bool *remove)
{
	const char *name;

	if (ed->leave != NULL && slice_eq_nocase(v->name, ed->leave))
		return;
	name = region_strndup(ed->rg, v->name.p, v->name.len);
	for (; n > 0; n--)
		if (remove[v[n - 1].at])
			milter_put_field(&ed->talk->out, MILTER_SAY_CHANGE,
			    (uint32_t)n, name, "");
}

static bool
any(const bool *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (v[i])
			return true;
	return false;
}

/* Whoever sends the message says how many fields and names there are. */
void
milter_edit_remove(const struct milter_edit *ed,
    const struct header_list *headers, const bool *remove)
{
	struct named *v;
	size_t n;

	if (!any(remove, headers->n))
		return;
	v = sort_by_name(ed, headers);
	for (size_t i = 0; i < headers->n; i += n) {
		n = 1;
		while (i + n < headers->n &&
		    compare_names(v[i].name, v[i + n].name) == 0)
			n++;
		remove_named(ed, v + i, n, remove);
	}
}

void
milter_edit_sender(const struct milter_edit *ed, const char *sender)
{
	milter_put_sender(&ed->talk->out,
	    REGION_JOIN(ed->rg, "<", sender, ">"));
}

void
milter_edit_insert(const struct milter_edit *ed, const char *name,
    const char *value)
{
	char *text = region_alloc(ed->rg, strlen(value) + 2), *out = text;

	/* Where we are told the blank behind the colon it is ours to give. */
	if ((ed->talk->steps & MILTER_LEADING_BLANK) != 0)
		*out++ = ' ';
	/* Lines end in LF here; a CR more would break the signature. */
	for (; *value != '\0'; value++)
		if (*value != '\r')
			*out++ = *value;
	*out = '\0';
	milter_put_field(&ed->talk->out, MILTER_SAY_INSERT, 0, name, text);
}
