/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/import_report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/check.h"

struct item {
	enum import_fate fate;
	struct import_fact fact;
	const char *text;
};

struct import_report {
	struct region *rg;
	size_t n;
	struct item *v;
};

static const struct {
	const char *word, *title;
} fates[IMPORT_FATES] = {
	[IMPORT_UNSAFE] = { "unsafe",
	    "Not taken over, and mail is less safe without it" },
	[IMPORT_LOST] = { "lost", "Not taken over" },
	[IMPORT_CHANGED] = { "changed", "Differently expressed" },
	[IMPORT_TAKEN] = { "taken", "Taken over" },
	[IMPORT_KEPT] = { "kept", "Done by the host before mail comes here" },
	[IMPORT_ADDED] = { "added", "Added, since the host has no such thing" },
};

struct import_report *
import_report_new(struct region *rg)
{
	struct import_report *r = region_new_obj(rg, struct import_report);

	r->rg = rg;
	return r;
}

void
import_tell(struct import_report *r, enum import_fate fate,
    const struct import_fact *fact, const char *fmt, ...)
{
	char text[1024];
	struct item *item;
	va_list ap;

	CHECK(fate < IMPORT_FATES);
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r->v = region_grow(r->rg, r->v, r->n, sizeof(*r->v));
	item = &r->v[r->n++];
	item->fate = fate;
	item->fact.name = region_strdup(r->rg, fact->name);
	item->fact.value = fact->secret ? "(hidden)" :
					  region_strdup(r->rg, fact->value);
	item->fact.where = region_strdup(r->rg, fact->where);
	item->text = region_strdup(r->rg, text);
}

size_t
import_report_count(const struct import_report *r, enum import_fate fate)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		n += r->v[i].fate == fate;
	return n;
}

/* Whatever is in a file of the host, a terminal gets text. */
static void
add_plain(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++)
		buf_byte(out,
		    (unsigned char)*text < ' ' || *text == 127 ? '?' : *text);
}

/* "  NAME = VALUE (WHERE)" and what became of it. */
static void
print_item(const struct item *item, struct buf *out)
{
	buf_str(out, "  ");
	add_plain(out, item->fact.name);
	if (item->fact.value[0] != '\0') {
		buf_str(out, " = ");
		add_plain(out, item->fact.value);
	}
	if (item->fact.where[0] != '\0') {
		buf_str(out, "  (");
		add_plain(out, item->fact.where);
		buf_str(out, ")");
	}
	buf_str(out, "\n      ");
	add_plain(out, item->text);
	buf_str(out, "\n");
}

void
import_report_print(const struct import_report *r, struct buf *out)
{
	for (int fate = 0; fate < IMPORT_FATES; fate++) {
		size_t n = import_report_count(r, (enum import_fate)fate);

		if (n == 0)
			continue;
		buf_printf(out, "%s%s: %zu\n", out->len == 0 ? "" : "\n",
		    fates[fate].title, n);
		for (size_t i = 0; i < r->n; i++)
			if (r->v[i].fate == (enum import_fate)fate)
				print_item(&r->v[i], out);
	}
}

/* What is not UTF-8 shows as "?". */
static json_t *
json_plain(const char *text)
{
	json_t *made = json_string(text);
	char *copy;

	if (made != NULL)
		return made;
	copy = mem_strdup(text);
	for (char *p = copy; *p != '\0'; p++)
		if ((unsigned char)*p >= 128)
			*p = '?';
	made = json_string(copy);
	free(copy);
	return made;
}

json_t *
import_report_json(const struct import_report *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->n; i++) {
		const struct item *item = &r->v[i];

		(void)json_array_append_new(list,
		    json_pack("{s:s,s:o,s:o,s:o,s:o}", "fate",
			fates[item->fate].word, "name",
			json_plain(item->fact.name), "value",
			json_plain(item->fact.value), "where",
			json_plain(item->fact.where), "text",
			json_plain(item->text)));
	}
	return list;
}
