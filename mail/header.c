/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/header.h"

#include <string.h>

#define FIRST_CAP 32

static struct header *
add_slot(struct header_list *list, struct region *rg)
{
	if (list->n == list->cap) {
		size_t cap = list->cap == 0 ? FIRST_CAP : 2 * list->cap;
		struct header *v = region_array(rg, cap, sizeof(*v));

		if (list->n > 0)
			memcpy(v, list->v, list->n * sizeof(*v));
		list->v = v;
		list->cap = cap;
	}
	return &list->v[list->n++];
}

/*
 * Length of the line at p without its CRLF; next_r is where the following
 * one starts.  A CR or LF alone is an ordinary byte.
 */
static size_t
line_len(const char *p, size_t len, size_t *next_r)
{
	size_t at = 0;

	while (at < len) {
		const char *cr = memchr(p + at, '\r', len - at);

		if (cr == NULL)
			break;
		at = (size_t)(cr - p) + 1;
		if (at < len && *(cr + 1) == '\n') {
			*next_r = at + 1;
			return at - 1;
		}
	}
	*next_r = len;
	return len;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/*
 * field-name = 1*ftext ; %d33-57 / %d59-126 (RFC 5322 section 3.6.8)
 * Blanks before the colon are the obsolete syntax of its section 4.5.
 */
static bool
split_name(const char *p, size_t len, size_t *name_len_r, size_t *colon_r)
{
	size_t n = 0, colon;

	while (n < len && p[n] > ' ' && p[n] < 0x7f && p[n] != ':')
		n++;
	colon = n;
	while (colon < len && is_blank(p[colon]))
		colon++;
	*name_len_r = n;
	*colon_r = colon;
	return n > 0 && colon < len && p[colon] == ':';
}

/*
 * The field at p, whose first line has so many bytes; next_r is where the line
 * behind that starts, and then the one behind the field.
 */
static bool
read_field(const char *p, size_t len, size_t line, size_t *next_r,
    struct header *h_r)
{
	size_t end = line, next = *next_r, name_len, colon;

	if (!split_name(p, line, &name_len, &colon))
		return false;
	while (next < len && is_blank(p[next])) {
		size_t start = next;

		end = start + line_len(p + start, len - start, &next);
		next += start;
	}
	h_r->whole = (struct slice){ p, end };
	h_r->name = (struct slice){ p, name_len };
	h_r->value = (struct slice){ p + colon + 1, end - colon - 1 };
	*next_r = next;
	return true;
}

void
header_parse(const char *p, size_t len, struct region *rg,
    struct header_list *list_r, size_t *body_r)
{
	struct header h;
	size_t at = 0;

	*list_r = (struct header_list){ 0 };
	while (at < len) {
		size_t next, line = line_len(p + at, len - at, &next);

		if (line == 0) { /* the empty line */
			at += next;
			break;
		}
		if (!read_field(p + at, len - at, line, &next, &h))
			break;
		*add_slot(list_r, rg) = h;
		at += next;
	}
	*body_r = at;
}

bool
header_seek(const char *p, size_t len, const char *name, struct header *h_r)
{
	size_t next;

	for (size_t at = 0; at < len; at += next) {
		size_t line = line_len(p + at, len - at, &next);

		if (line == 0)
			return false;
		if (read_field(p + at, len - at, line, &next, h_r) &&
		    slice_eq_nocase(h_r->name, name))
			return true;
	}
	return false;
}

void
header_list_add(struct header_list *list, struct region *rg, struct slice name,
    struct slice value)
{
	char *copy = region_alloc(rg, name.len + 1 + value.len + 1);
	struct header *h = add_slot(list, rg);

	if (name.len > 0)
		memcpy(copy, name.p, name.len);
	copy[name.len] = ':';
	if (value.len > 0)
		memcpy(copy + name.len + 1, value.p, value.len);
	copy[name.len + 1 + value.len] = '\0';
	h->whole = (struct slice){ copy, name.len + 1 + value.len };
	h->name = (struct slice){ copy, name.len };
	h->value = (struct slice){ copy + name.len + 1, value.len };
}

size_t
header_find(const struct header_list *list, const char *name, size_t from)
{
	size_t i = from;

	while (i < list->n && !slice_eq_nocase(list->v[i].name, name))
		i++;
	return i < list->n ? i : list->n;
}

/* RFC 5322 section 2.2.3: unfolding removes a CRLF that a blank follows. */
const char *
header_value(const struct header *h, struct region *rg)
{
	struct slice v = slice_trim(h->value);
	char *out = region_alloc(rg, v.len + 1);
	size_t n = 0, start;

	for (size_t i = 0; i < v.len; i++)
		if (v.p[i] != '\r' && v.p[i] != '\n')
			out[n++] = v.p[i];
	/* A fold right behind the colon leaves its blank in front. */
	for (start = 0; start < n && is_blank(out[start]); start++)
		;
	while (n > start && is_blank(out[n - 1]))
		n--;
	out[n] = '\0';
	return out + start;
}
