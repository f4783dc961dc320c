/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/pattern_list.h"

#include <string.h>

#include "lib/conf_lex.h"

#define PRIORITY_MAX 100

static const char *const row_names[] = {
	[PATTERN_MAIL_FROM] = "mail-from",
	[PATTERN_RCPT_TO] = "rcpt-to",
	[PATTERN_HEADER] = "header",
	[PATTERN_ANY] = "*",
};

static struct pattern_list *
add_list(struct pattern_list **lists, struct region *rg, const char *name,
    const struct conf_node *n)
{
	struct pattern_list *l = region_new_obj(rg, struct pattern_list);

	l->name = name;
	l->node = n;
	l->rows_end = &l->rows;
	while (*lists != NULL)
		lists = &(*lists)->next;
	*lists = l;
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

void
pattern_list_read(struct pattern_list **lists, const struct conf_binder *b,
    const struct conf_node *n)
{
	struct pattern_list *l;
	const char *name;
	struct err e;

	if (conf_unquote(slice_of(n->value), b->tree->rg, &name, &e) == -1 ||
	    name[0] == '\0') {
		conf_error(b->errs, n->file, n->line,
		    "<pattern-list> needs a name");
		return;
	}
	l = pattern_list_find(*lists, name);
	if (l == NULL)
		l = add_list(lists, b->tree->rg, name, n);
	read_rows(l, b, n);
	/* Lists that stand in rows, and those in theirs, come behind it. */
	for (; l != NULL; l = l->next)
		for (struct pattern_row *r = l->rows; r != NULL; r = r->next)
			if (r->node->opened != NULL && r->call == NULL) {
				struct pattern_list *inner = add_list(lists,
				    b->tree->rg, "", r->node);

				r->call = inner;
				read_rows(inner, b, r->node);
			}
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
pattern_list_join(struct pattern_list *lists, struct conf_errors *errs)
{
	for (struct pattern_list *l = lists; l != NULL; l = l->next)
		for (struct pattern_row *r = l->rows; r != NULL; r = r->next) {
			if (r->call_name == NULL)
				continue;
			r->call = pattern_list_find(lists, r->call_name);
			if (r->call == NULL)
				conf_error(errs, r->node->file, r->node->line,
				    "call-to: there is no <pattern-list %s>",
				    r->call_name);
		}
	for (unsigned i = 0; i <= PATTERN_DEPTH && deepen(lists); i++)
		;
	for (struct pattern_list *l = lists; l != NULL; l = l->next)
		if (l->depth >= PATTERN_DEPTH)
			conf_error(errs, l->node->file, l->node->line,
			    "<pattern-list %s> calls itself, or lists more "
			    "than %d deep",
			    l->name, PATTERN_DEPTH);
}

struct pattern_list *
pattern_list_find(struct pattern_list *lists, const char *name)
{
	for (; lists != NULL; lists = lists->next)
		if (lists->name[0] != '\0' && str_eq_nocase(lists->name, name))
			return lists;
	return NULL;
}

void
pattern_list_free_all(struct pattern_list **listsp)
{
	/* The lists are in the snapshot's region; the expressions are not. */
	for (struct pattern_list *l = *listsp; l != NULL; l = l->next)
		for (struct pattern_row *r = l->rows; r != NULL; r = r->next)
			regex_free(&r->re);
	*listsp = NULL;
}
