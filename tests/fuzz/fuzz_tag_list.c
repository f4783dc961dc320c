/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is read of a tag list, written plainly, is read again as the same; no
 * name stands twice, and nothing is read from outside the text.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/check.h"
#include "mail/tag_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
same(struct slice a, struct slice b)
{
	return a.len == b.len && memcmp(a.p, b.p, a.len) == 0;
}

static void
check_inside(struct slice part, struct slice text)
{
	CHECK(part.p >= text.p && part.p + part.len <= text.p + text.len);
	CHECK(memchr(part.p, ';', part.len) == NULL);
}

static void
check_again(const struct tag_list *list, struct region *rg)
{
	struct buf plain = { 0 };
	struct tag_list again;
	struct err e;

	for (size_t i = 0; i < list->n; i++) {
		buf_add(&plain, list->v[i].name.p, list->v[i].name.len);
		buf_byte(&plain, '=');
		buf_add(&plain, list->v[i].value.p, list->v[i].value.len);
		buf_byte(&plain, ';');
	}
	CHECK(tag_list_parse((struct slice){ plain.p, plain.len }, rg, &again,
		  &e) == 0);
	CHECK(again.n == list->n);
	for (size_t i = 0; i < list->n; i++)
		CHECK(same(again.v[i].name, list->v[i].name) &&
		    same(again.v[i].value, list->v[i].value));
	buf_fini(&plain);
}

static void
check_tag(const struct tag_list *list, size_t i, struct slice text,
    struct region *rg)
{
	const struct tag *tag = &list->v[i];
	const char *name = region_strndup(rg, tag->name.p, tag->name.len);
	struct slice rest = tag->value, item;
	size_t len = 0, items = 0;

	check_inside(tag->name, text);
	check_inside(tag->value, text);
	CHECK(tag->name.len > 0 && tag_list_get(list, name) == &tag->value);
	while (tag_item(&rest, &item)) {
		check_inside(item, tag->value);
		len += item.len;
		items++;
	}
	CHECK(items > 0 && len + items - 1 <= tag->value.len);
	CHECK(tag_flat(tag->value, rg).len <= tag->value.len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = { (const char *)data, size };
	struct region *rg = region_new();
	struct tag_list list;
	struct err e = { "" };

	if (tag_list_parse(text, rg, &list, &e) == 0) {
		CHECK(list.n > 0);
		for (size_t i = 0; i < list.n; i++)
			check_tag(&list, i, text, rg);
		check_again(&list, rg);
	} else {
		CHECK(e.text[0] != '\0');
	}
	region_free(&rg);
	return 0;
}
