/* SPDX-License-Identifier: Apache-2.0 */
#include "milter/milter_edit.h"

#include <string.h>

#include "lib/str.h"

/* libmilter takes other than const pointers and writes to none of them. */
static char *
unconst(struct region *rg, const char *s)
{
	return region_strdup(rg, s);
}

/*
 * Fields are named by number among those of the same name, from 1.  The last
 * one goes first, since the numbers of those behind a deleted one change.
 */
static int
remove_named(const struct milter_edit *ed, const struct header_list *headers,
    const bool *remove, const char *name, struct err *e)
{
	char *text = unconst(ed->rg, name);
	int number = 0;

	for (size_t i = 0; i < headers->n; i++)
		if (slice_eq_nocase(headers->v[i].name, name))
			number++;
	for (size_t i = headers->n; i-- > 0;) {
		if (!slice_eq_nocase(headers->v[i].name, name))
			continue;
		if (remove[i] &&
		    smfi_chgheader(ed->ctx, text, number, NULL) != MI_SUCCESS)
			return err_set(e, "cannot delete %s", name);
		number--;
	}
	return 0;
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

int
milter_edit_remove(const struct milter_edit *ed,
    const struct header_list *headers, const bool *remove, struct err *e)
{
	for (size_t i = 0; i < headers->n; i++) {
		const char *name;

		if (!remove[i] ||
		    (ed->leave != NULL &&
			slice_eq_nocase(headers->v[i].name, ed->leave)))
			continue;
		name = region_strndup(ed->rg, headers->v[i].name.p,
		    headers->v[i].name.len);
		if (!seen_before(headers, remove, name, i) &&
		    remove_named(ed, headers, remove, name, e) == -1)
			return -1;
	}
	return 0;
}

int
milter_edit_sender(const struct milter_edit *ed, const char *sender,
    struct err *e)
{
	char *path = REGION_JOIN(ed->rg, "<", sender, ">");

	if (smfi_chgfrom(ed->ctx, path, NULL) != MI_SUCCESS)
		return err_set(e, "cannot change the envelope sender");
	return 0;
}

int
milter_edit_insert(const struct milter_edit *ed, const char *name,
    const char *value, struct err *e)
{
	char *text = region_alloc(ed->rg, strlen(value) + 2), *out = text;

	if (ed->leadspc)
		*out++ = ' ';
	/* libmilter wants LF; a CR more would break the signature. */
	for (; *value != '\0'; value++)
		if (*value != '\r')
			*out++ = *value;
	*out = '\0';
	if (smfi_insheader(ed->ctx, 0, unconst(ed->rg, name), text) !=
	    MI_SUCCESS)
		return err_set(e, "cannot insert %s", name);
	return 0;
}
