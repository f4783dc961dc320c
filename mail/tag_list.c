/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/tag_list.h"

#include <string.h>

#define ALPHAS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define NAME_CHARS ALPHAS "0123456789_"
#define SHOWN_MAX 40 /* of a name in an error */

/* A header field may be folded with CRLF or, from a milter's host MTA, with LF. */
static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct slice
trim(struct slice s)
{
	while (s.len > 0 && is_space(s.p[0])) {
		s.p++;
		s.len--;
	}
	while (s.len > 0 && is_space(s.p[s.len - 1]))
		s.len--;
	return s;
}

static struct slice
front(struct slice s, size_t len)
{
	return trim((struct slice){ s.p, len });
}

/* tag-name = ALPHA *( ALPHA / DIGIT / "_" ) */
static bool
is_name(struct slice s)
{
	if (s.len == 0 || s.p[0] == '\0' || strchr(ALPHAS, s.p[0]) == NULL)
		return false;
	for (size_t i = 1; i < s.len; i++)
		if (s.p[i] == '\0' || strchr(NAME_CHARS, s.p[i]) == NULL)
			return false;
	return true;
}

/* tval = 1*( %x21-3A / %x3C-7E ) ; a ";" cannot be in s */
static bool
is_value(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (((unsigned char)s.p[i] < ' ' && !is_space(s.p[i])) ||
		    s.p[i] == 0x7f)
			return false;
	return true;
}

static bool
same(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static int
name_error(struct err *e, const char *what, struct slice name)
{
	size_t len = name.len < SHOWN_MAX ? name.len : SHOWN_MAX;

	return err_set(e, "%s \"%.*s\"", what, (int)len, name.p);
}

/* tag-spec = [FWS] tag-name [FWS] "=" [FWS] tag-value [FWS] */
static int
parse_spec(struct slice spec, struct tag *tag_r, struct err *e)
{
	const char *eq = memchr(spec.p, '=', spec.len);
	size_t name_len;

	if (eq == NULL)
		return name_error(e, "no \"=\" in", spec);
	name_len = (size_t)(eq - spec.p);
	tag_r->name = front(spec, name_len);
	tag_r->value = trim((struct slice){ eq + 1, spec.len - name_len - 1 });
	if (!is_name(tag_r->name))
		return name_error(e, "no name of a tag:", tag_r->name);
	if (!is_value(tag_r->value))
		return name_error(e, "a control character in", tag_r->name);
	return 0;
}

static int
add_tag(struct tag_list *list, const struct tag *tag, struct region *rg,
    struct err *e)
{
	for (size_t i = 0; i < list->n; i++)
		if (same(list->v[i].name, tag->name))
			return name_error(e, "twice the tag", tag->name);
	list->v = region_grow(rg, list->v, list->n, sizeof(*list->v));
	list->v[list->n++] = *tag;
	return 0;
}

/*
 * A list of thousands of tags is nobody's, and to look for doubles would take
 * the square of its length.
 */
#define TAGS_MAX 100

/* tag-list = tag-spec *( ";" tag-spec ) [ ";" ] */
int
tag_list_parse(struct slice text, struct region *rg, struct tag_list *list_r,
    struct err *e)
{
	struct slice rest = trim(text);

	*list_r = (struct tag_list){ 0 };
	if (rest.len == 0)
		return err_set(e, "no tag");
	while (rest.len > 0) {
		const char *semi = memchr(rest.p, ';', rest.len);
		size_t len = semi == NULL ? rest.len : (size_t)(semi - rest.p);
		struct slice spec = front(rest, len);
		struct tag tag = { 0 };

		if (spec.len == 0)
			return err_set(e, "an empty tag");
		if (list_r->n == TAGS_MAX)
			return err_set(e, "more than %d tags", TAGS_MAX);
		if (parse_spec(spec, &tag, e) == -1 ||
		    add_tag(list_r, &tag, rg, e) == -1)
			return -1;
		if (semi == NULL)
			break;
		rest.p += len + 1;
		rest.len -= len + 1;
		rest = trim(rest);
	}
	return 0;
}

const struct slice *
tag_list_get(const struct tag_list *list, const char *name)
{
	for (size_t i = 0; i < list->n; i++)
		if (slice_eq(list->v[i].name, name))
			return &list->v[i].value;
	return NULL;
}

bool
tag_list_is(const struct tag_list *list, const char *name, const char *value)
{
	const struct slice *v = tag_list_get(list, name);

	return v != NULL && slice_eq(*v, value);
}

bool
tag_item(struct slice *rest, struct slice *item_r)
{
	const char *colon;
	size_t len;

	if (rest->p == NULL)
		return false;
	colon = memchr(rest->p, ':', rest->len);
	len = colon == NULL ? rest->len : (size_t)(colon - rest->p);
	*item_r = front(*rest, len);
	if (colon == NULL)
		*rest = (struct slice){ NULL, 0 };
	else
		*rest = (struct slice){ colon + 1, rest->len - len - 1 };
	return true;
}

struct slice
tag_flat(struct slice value, struct region *rg)
{
	char *copy = region_alloc(rg, value.len + 1);
	size_t len = 0;

	for (size_t i = 0; i < value.len; i++)
		if (!is_space(value.p[i]))
			copy[len++] = value.p[i];
	copy[len] = '\0';
	return (struct slice){ copy, len };
}
