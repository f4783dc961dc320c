/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/glob.h"

#include <stddef.h>
#include <string.h>

#include "lib/mem.h"

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/*
 * Goes back to the last star only: an earlier one could take no text that
 * this one cannot.  So the time is at most the product of the two lengths.
 */
bool
glob_match_slice(const char *pattern, struct slice s)
{
	const char *star = NULL, *resume = NULL;
	const char *text = s.p, *end = s.p + s.len;

	while (text < end) {
		if (*pattern == '*') {
			star = pattern++;
			resume = text;
		} else if (*pattern != '\0' &&
		    (*pattern == '?' || lower(*pattern) == lower(*text))) {
			pattern++;
			text++;
		} else if (star != NULL) {
			pattern = star + 1;
			text = ++resume;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

bool
glob_match(const char *pattern, const char *text)
{
	return glob_match_slice(pattern, slice_of(text));
}

char *
glob_list(const char *list)
{
	char *patterns = mem_zalloc(strlen(list) + 2), *to = patterns;

	for (const char *p = list; *p != '\0';) {
		size_t len = strcspn(p, ",");
		struct slice item = slice_trim((struct slice){ p, len });

		memcpy(to, item.p, item.len);
		to += item.len + (item.len > 0);
		p += len + (p[len] == ',');
	}
	return patterns;
}

bool
glob_list_match(const char *patterns, struct slice text)
{
	for (const char *p = patterns; *p != '\0'; p += strlen(p) + 1)
		if (glob_match_slice(p, text))
			return true;
	return false;
}

/*
 * As text, the wildcards of `other` can only be taken by stars, which take
 * whatever they stand for, too; a `?` could take a star for one character.
 */
bool
glob_covers(const char *pattern, const char *other)
{
	if (str_eq_nocase(pattern, other))
		return true;
	return strchr(pattern, '?') == NULL && glob_match(pattern, other);
}
