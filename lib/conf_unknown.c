/* SPDX-License-Identifier: Apache-2.0 */
/* What an unknown name could have been; see conf_known.h. */
#include <string.h>

#include "lib/conf_known.h"

#define NAME_LEN_MAX 64 /* longer words are not compared */

/* After so many errors nobody reads what could have been meant. */
#define GUESSES_MAX 500

static char
lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

/*
 * Edit distance with neighbours swapped counting as one (optimal string
 * alignment), without regard to case; or any number from `limit` on: most
 * names are far away, and a file of another program has thousands to ask for.
 */
static size_t
distance(const char *a, const char *b, size_t limit)
{
	size_t rows[3][NAME_LEN_MAX + 1];
	size_t *before = rows[0], *last = rows[1], *now = rows[2];
	size_t la = strlen(a), lb = strlen(b);

	if (la > NAME_LEN_MAX || lb > NAME_LEN_MAX ||
	    (la > lb ? la - lb : lb - la) >= limit)
		return SIZE_MAX;
	for (size_t k = 0; k <= lb; k++)
		last[k] = k;
	for (size_t i = 1; i <= la; i++) {
		size_t *spare, least = now[0] = i;

		for (size_t k = 1; k <= lb; k++) {
			char x = lower(a[i - 1]), y = lower(b[k - 1]);
			size_t best = last[k - 1] + (x != y);

			if (last[k] + 1 < best)
				best = last[k] + 1;
			if (now[k - 1] + 1 < best)
				best = now[k - 1] + 1;
			if (i > 1 && k > 1 && x == lower(b[k - 2]) &&
			    y == lower(a[i - 2]) && before[k - 2] + 1 < best)
				best = before[k - 2] + 1;
			now[k] = best;
			if (best < least)
				least = best;
		}
		/* A swap in the next row may still take one off. */
		if (least > limit)
			return least;
		spare = before;
		before = last;
		last = now;
		now = spare;
	}
	return last[lb];
}

struct nearest {
	const char *name;
	bool is_block;
	size_t distance;
};

static void
consider(struct nearest *best, const char *wanted, const char *name,
    bool is_block)
{
	size_t d = distance(wanted, name, best->distance);

	if (d < best->distance)
		*best = (struct nearest){ name, is_block, d };
}

static void
add_place(struct buf *out, const char *where)
{
	buf_printf(out, "%s%s", out->len > 0 ? " or " : "", where);
}

/* May a name stand in the place with that letter? */
static bool
is_known_in(const struct conf_schema *s, const char *name, bool is_block,
    char letter)
{
	return is_block ? conf_block_find(s, name, letter) != NULL :
			  conf_known_find(s, name, letter) != NULL;
}

/* Every place where the directive or block of that name may stand. */
static void
list_places(const struct conf_schema *s, const char *name, bool is_block,
    struct buf *out)
{
	for (size_t i = 0; i < s->table_count; i++) {
		const struct conf_table *t = s->tables[i];

		if ((!is_block && conf_find_row(t, name) != NULL) ||
		    is_known_in(s, name, is_block, t->letter))
			add_place(out, t->where);
	}
	for (size_t i = 0; i < s->block_count; i++) {
		const struct conf_table *t = &s->blocks[i].inside;

		if (t->letter != '\0' &&
		    is_known_in(s, name, is_block, t->letter))
			add_place(out, t->where);
	}
}

static struct nearest
find_nearest(const struct conf_schema *s, const struct conf_table *here,
    const char *wanted, bool is_block)
{
	struct nearest best = { NULL, false, strlen(wanted) / 3 + 1 };

	if (is_block) {
		for (size_t i = 0; i < s->block_count; i++)
			consider(&best, wanted, s->blocks[i].name, true);
		return best;
	}
	/* What may stand here comes first, so that it wins a draw. */
	for (size_t i = 0; i < here->count; i++)
		consider(&best, wanted, here->rows[i].name, false);
	for (size_t i = 0; i < s->table_count; i++)
		for (size_t k = 0; k < s->tables[i]->count; k++)
			consider(&best, wanted, s->tables[i]->rows[k].name,
			    false);
	for (size_t i = 0; i < s->known_count; i++)
		consider(&best, wanted, s->known[i].name, false);
	/* A block written as a directive, or with its bracket lost. */
	for (size_t i = 0; i < s->block_count; i++)
		consider(&best, wanted, s->blocks[i].name, true);
	return best;
}

/* The places of the nearest name, when there is one. */
static void
guess(const struct conf_binder *b, const struct conf_table *table,
    const struct conf_node *n, const char *shown, struct nearest best)
{
	struct buf places = { 0 };

	if (best.name == NULL) {
		conf_error(b->errs, n->file, n->line, "unknown directive %s %s",
		    shown, table->where);
		return;
	}
	list_places(b->schema, best.name, best.is_block, &places);
	conf_error(b->errs, n->file, n->line,
	    "unknown directive %s %s; did you mean %s%s%s%s%s%s?", shown,
	    table->where, best.is_block ? "<" : "", best.name,
	    best.is_block ? ">" : "", places.len > 0 ? " (" : "",
	    places.len > 0 ? buf_cstr(&places) : "", places.len > 0 ? ")" : "");
	buf_fini(&places);
}

void
conf_complain_unknown(const struct conf_binder *b,
    const struct conf_table *table, const struct conf_node *n, const char *name)
{
	bool is_block = name[0] == '<';
	const char *plain = is_block ?
	    region_strndup(b->tree->rg, name + 1, strlen(name) - 2) :
	    name;
	const char *shown = name[0] == '\0' ? n->value : name;
	struct buf places = { 0 };

	if (b->errs->fatal > GUESSES_MAX) {
		conf_error(b->errs, n->file, n->line, "unknown directive %s %s",
		    shown, table->where);
		return;
	}
	list_places(b->schema, plain, is_block, &places);
	if (places.len > 0)
		conf_error(b->errs, n->file, n->line,
		    "%s does not belong %s, but %s", shown, table->where,
		    buf_cstr(&places));
	else
		guess(b, table, n, shown,
		    find_nearest(b->schema, table, plain, is_block));
	buf_fini(&places);
}
