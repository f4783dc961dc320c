/* SPDX-License-Identifier: Apache-2.0 */
#include "milter/milter_edit.h"

#include <string.h>

#include "milter/milter_packet.h"

/*
 * Fields are named by number among those of the same name, from 1.  The last
 * one goes first, since the numbers of those behind a deleted one change.
 */
static void
remove_named(const struct milter_edit *ed, const struct header_list *headers,
    const bool *remove, const char *name)
{
	uint32_t number = 0;

	for (size_t i = 0; i < headers->n; i++)
		if (slice_eq_nocase(headers->v[i].name, name))
			number++;
	for (size_t i = headers->n; i-- > 0;) {
		if (!slice_eq_nocase(headers->v[i].name, name))
			continue;
		if (remove[i])
			milter_put_field(&ed->talk->out, MILTER_SAY_CHANGE,
			    number, name, "");
		number--;
	}
}

/* Has a field of that name been dealt with before index end? */
static bool
seen_before(const struct header_list *headers, const bool *remove,
    const char *name, size_t end)
{
	for (size_t i = 0; i < end; i++)
		if (remove[i] && slice_eq_nocase(headers->v[i].name, name))
			return true;
	return false;
}

void
milter_edit_remove(const struct milter_edit *ed,
    const struct header_list *headers, const bool *remove)
{
	for (size_t i = 0; i < headers->n; i++) {
		const char *name;

		if (!remove[i] ||
		    (ed->leave != NULL &&
			slice_eq_nocase(headers->v[i].name, ed->leave)))
			continue;
		name = region_strndup(ed->rg, headers->v[i].name.p,
		    headers->v[i].name.len);
		if (!seen_before(headers, remove, name, i))
			remove_named(ed, headers, remove, name);
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
