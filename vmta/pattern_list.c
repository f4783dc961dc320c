/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/pattern_list.h"

#include <stdlib.h>
#include <string.h>

#include "lib/conf_lex.h"

#define NAME_LEN_MAX 1000
#define PRIORITY_MAX 100

static const char *const row_names[] = {
	[PATTERN_MAIL_FROM] = "mail-from",
	[PATTERN_RCPT_TO] = "rcpt-to",
	[PATTERN_HEADER] = "header",
	[PATTERN_ANY] = "*",
};

static struct pattern_list *
add_list(struct pattern_lists *lists, struct region *rg, const char *name,
    const struct conf_node *n)
{
	struct pattern_list *l = region_new_obj(rg, struct pattern_list);

	l->name = name;
	l->node = n;
	l->rows_end = &l->rows;
	*lists->end = l;
	lists->end = &l->next;
	return l;
}

/* virtual-mta=NAME, recipient-priority=N or call-to:LIST. */
static int
read_result(struct pattern_row *row, struct region *rg, const char *item,
    struct err *e)
{
	size_t len = strcspn(item, "=:");
	struct slice key = slice_trim((struct slice){ item, len });
	struct slice value;
	uint64_t n;

	if (item[len] == '\0')
		return err_set(e, "\"%s\" is no result", item);
	value = slice_trim(slice_of(item + len + 1));
	if (value.len == 0)
		return err_set(e, "\"%s\" has no value", item);
	if (slice_eq_nocase(key, "virtual-mta") && item[len] == '=') {
		row->vmta = region_strndup(rg, value.p, value.len);
	} else if (slice_eq_nocase(key, "call-to") && item[len] == ':') {
		row->call_name = region_strndup(rg, value.p, value.len);
	} else if (slice_eq_nocase(key, "recipient-priority") &&
	    item[len] == '=') {
		if (str_to_u64(value, &n, e) == -1 || n > PRIORITY_MAX)
			return err_set(e,
			    "\"%s\": a priority is a number from 0 to %d", item,
			    PRIORITY_MAX);
		row->priority = (uint8_t)n;
		row->has_priority = true;
	} else {
		return err_set(e,
		    "\"%s\" is neither virtual-mta=NAME nor "
		    "recipient-priority=N nor call-to:LIST",
		    item);
	}
	return 0;
}

static int
read_results(struct pattern_row *row, struct region *rg, struct slice rest,
    struct err *e)
{
	const char *item;
	bool any = row->node->opened != NULL;

	for (;;) {
		if (conf_item(&rest, rg, &item, e) == -1)
			return -1;
		if (item == NULL)
			break;
		if (read_result(row, rg, item, e) == -1)
			return -1;
		any = true;
	}
	if (!any)
		return err_set(e, "a result is missing");
	if (row->call_name != NULL && row->node->opened != NULL)
		return err_set(e, "call-to and a nested list");
	return 0;
}

static int
read_row(struct pattern_row *row, struct region *rg, struct err *e)
{
	const struct conf_node *n = row->node;
	struct slice rest = slice_of(n->value);
	size_t i = 0;

	while (i <= PATTERN_ANY && !conf_node_is(n, row_names[i]))
		i++;
	if (i > PATTERN_ANY)
		return err_set(e,
		    "\"%s\" is no row of a <pattern-list>: mail-from, rcpt-to, "
		    "header and * are",
		    n->name);
	row->what = (enum pattern_what)i;
	if (row->what == PATTERN_HEADER &&
	    (conf_word(&rest, rg, &row->header, e) == -1 ||
		row->header == NULL || row->header[0] == '/'))
		return err_set(e, "header: NAME /.../ is needed");
	if (row->what != PATTERN_ANY && regex_take(&rest, &row->re, e) == -1)
		return err_where(e, "%s", n->name);
	if (read_results(row, rg, rest, e) == -1)
		return err_where(e, "%s", n->name);
	return 0;
}

static void
read_rows(struct pattern_list *l, const struct conf_binder *b,
    const struct conf_node *block)
{
	struct region *rg = b->tree->rg;

	for (const struct conf_node *n = block->first; n != NULL; n = n->next) {
		struct pattern_row *row;
		struct err e;

		if (n->is_block &&
		    (n->opened == NULL ||
			!str_eq_nocase(n->opened, "pattern-list"))) {
			conf_error(b->errs, n->file, n->line,
			    "<%s> does not belong in <pattern-list>",
			    n->opened == NULL ? n->name : n->opened);
			continue;
		}
		row = region_new_obj(rg, struct pattern_row);
		row->node = n;
		*l->rows_end = row;
		l->rows_end = &row->next;
		if (read_row(row, rg, &e) == -1)
			conf_error(b->errs, n->file, n->line, "%s", e.text);
	}
}

/* Lists that stand in rows, and those in theirs, from the row on. */
static void
read_inner(struct pattern_lists *lists, const struct conf_binder *b,
    struct pattern_row *row)
{
	struct pattern_list **next = lists->end; /* what comes behind */

	for (;;) {
		for (; row != NULL; row = row->next)
			if (row->node->opened != NULL) {
				struct pattern_list *inner = add_list(lists,
				    b->tree->rg, "", row->node);

				row->call = inner;
				read_rows(inner, b, row->node);
			}
		if (*next == NULL)
			return;
		row = (*next)->rows;
		next = &(*next)->next;
	}
}

void
pattern_lists_read(struct pattern_lists *lists, const struct conf_binder *b,
    const struct conf_node *n)
{
	struct pattern_row **from;
	struct pattern_list *l;
	const char *name;
	struct err e;
	char *key;

	if (conf_unquote(slice_of(n->value), b->tree->rg, &name, &e) == -1 ||
	    name[0] == '\0' || strlen(name) > NAME_LEN_MAX) {
		conf_error(b->errs, n->file, n->line,
		    "<pattern-list> needs a name");
		return;
	}
	l = pattern_lists_find(lists, name);
	if (l == NULL) {
		l = add_list(lists, b->tree->rg, name, n);
		key = region_strdup(b->tree->rg, name);
		str_lower(key);
		strmap_put(lists->by_name, key, l);
	}
	from = l->rows_end;
	read_rows(l, b, n);
	read_inner(lists, b, *from);
}

/* One step more for lists that call others; false when nothing changes. */
static bool
deepen(struct pattern_list *lists)
{
	bool changed = false;

	for (struct pattern_list *l = lists; l != NULL; l = l->next)
		for (struct pattern_row *r = l->rows; r != NULL; r = r->next)
			if (r->call != NULL && l->depth <= r->call->depth &&
			    l->depth <= PATTERN_DEPTH) {
				l->depth = r->call->depth + 1;
				changed = true;
			}
	return changed;
}

void
pattern_lists_join(struct pattern_lists *lists, struct conf_errors *errs)
{
	for (struct pattern_list *l = lists->first; l != NULL; l = l->next)
		for (struct pattern_row *r = l->rows; r != NULL; r = r->next) {
			if (r->call_name == NULL)
				continue;
			r->call = pattern_lists_find(lists, r->call_name);
			if (r->call == NULL)
				conf_error(errs, r->node->file, r->node->line,
				    "call-to: there is no <pattern-list %s>",
				    r->call_name);
		}
	for (unsigned i = 0; i <= PATTERN_DEPTH && deepen(lists->first); i++)
		;
	for (struct pattern_list *l = lists->first; l != NULL; l = l->next)
		if (l->depth >= PATTERN_DEPTH)
			conf_error(errs, l->node->file, l->node->line,
			    "<pattern-list %s> calls itself, or lists more "
			    "than %d deep",
			    l->name, PATTERN_DEPTH);
}

struct pattern_list *
pattern_lists_find(const struct pattern_lists *lists, const char *name)
{
	char key[NAME_LEN_MAX + 1];
	size_t len = strlen(name);

	if (len > NAME_LEN_MAX)
		return NULL;
	memcpy(key, name, len + 1);
	str_lower(key);
	return strmap_get(lists->by_name, key);
}

struct pattern_lists *
pattern_lists_new(void)
{
	struct pattern_lists *lists = mem_new(struct pattern_lists);

	lists->end = &lists->first;
	lists->by_name = strmap_new();
	return lists;
}

void
pattern_lists_free(struct pattern_lists **listsp)
{
	struct pattern_lists *lists = *listsp;

	*listsp = NULL;
	/* The lists are in the snapshot's region; the expressions are not. */
	for (struct pattern_list *l = lists->first; l != NULL; l = l->next)
		for (struct pattern_row *r = l->rows; r != NULL; r = r->next)
			regex_free(&r->re);
	strmap_free(&lists->by_name);
	free(lists);
}
