/* SPDX-License-Identifier: Apache-2.0 */
/* What an unknown name could have been; see conf_known.h. */
#include <string.h>

#include "lib/conf_known.h"

#define NAME_LEN_MAX 64 /* bits; longer words are not compared */

/* After so many errors nobody reads what could have been meant. */
#define GUESSES_MAX 500

static char
lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

struct nearest {
	size_t wanted_len;
	uint64_t places[256]; /* of each character in the wanted word */
	const char *name;     /* the best so far */
	bool is_block;
	size_t distance;
};

static void
nearest_init(struct nearest *best, const char *wanted)
{
	size_t len = strlen(wanted);

	*best = (struct nearest){ .wanted_len = len, .distance = len / 3 + 1 };
	if (len == 0 || len > NAME_LEN_MAX) {
		best->distance = 0; /* nothing is as near as that */
		return;
	}
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)lower(wanted[i]);

		best->places[c] |= UINT64_C(1) << i;
		if (c >= 'a' && c <= 'z')
			best->places[c - 32] = best->places[c];
	}
}

static uint64_t
places_of(const struct nearest *best, char c)
{
	return best->places[(unsigned char)c];
}

/*
 * Each letter of the name that the word lacks is an edit, and so is each by
 * which one is longer than the other: most names are far away.
 */
static bool
may_be_nearer(const struct nearest *best, const char *name)
{
	size_t lacking = 0, len;

	for (len = 0; name[len] != '\0'; len++) {
		lacking += places_of(best, name[len]) == 0;
		if (lacking >= best->distance)
			return false;
	}
	return len < best->wanted_len + best->distance &&
	    best->wanted_len < len + best->distance;
}

/*
 * Edit distance with neighbours swapped counting as one (optimal string
 * alignment), without regard to case.  A column of the usual table is a bit
 * for each row where it grows or falls (H. Hyyro, "A bit-vector algorithm for
 * computing Levenshtein and Damerau edit distances", 2003): a file of another
 * program has thousands of names to ask for, against hundreds of ours.
 */
static size_t
distance(const struct nearest *best, const char *name)
{
	size_t last = best->wanted_len - 1;
	uint64_t grows = UINT64_MAX, falls = 0, same = 0, before = 0;
	size_t d = best->wanted_len;

	for (; *name != '\0'; name++) {
		uint64_t at = places_of(best, *name);
		uint64_t swapped = ((~same & at) << 1) & before;
		uint64_t right, left; /* grows or falls to the next column */

		same = (((at & grows) + grows) ^ grows) | at | falls | swapped;
		right = falls | ~(same | grows);
		left = same & grows;
		d += right >> last & 1;
		d -= left >> last & 1;
		right = right << 1 | 1;
		grows = left << 1 | ~(same | right);
		falls = right & same;
		before = at;
	}
	return d;
}

static void
consider(struct nearest *best, const char *name, bool is_block)
{
	size_t d;

	if (!may_be_nearer(best, name))
		return;
	d = distance(best, name);
	if (d >= best->distance)
		return;
	best->name = name;
	best->is_block = is_block;
	best->distance = d;
}

const char *
conf_nearest(const char *wanted, const char *const *names, size_t count)
{
	struct nearest best;

	nearest_init(&best, wanted);
	for (size_t i = 0; i < count; i++)
		consider(&best, names[i], false);
	return best.name;
}

static void
add_place(struct buf *out, const char *where)
{
	buf_printf(out, "%s%s", out->len > 0 ? " or " : "", where);
}

/* May a name stand in the place with that letter, or anywhere (0)? */
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
	bool known = is_known_in(s, name, is_block, '\0');

	for (size_t i = 0; i < s->table_count; i++) {
		const struct conf_table *t = s->tables[i];

		if ((!is_block && conf_find_row(t, name) != NULL) ||
		    (known && is_known_in(s, name, is_block, t->letter)))
			add_place(out, t->where);
	}
	for (size_t i = 0; known && i < s->block_count; i++) {
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
	struct nearest best;

	nearest_init(&best, wanted);
	if (is_block) {
		for (size_t i = 0; i < s->block_count; i++)
			consider(&best, s->blocks[i].name, true);
		return best;
	}
	/* What may stand here comes first, so that it wins a draw. */
	for (size_t i = 0; i < here->count; i++)
		consider(&best, here->rows[i].name, false);
	for (size_t i = 0; i < s->table_count; i++)
		for (size_t k = 0; k < s->tables[i]->count; k++)
			consider(&best, s->tables[i]->rows[k].name, false);
	for (size_t i = 0; i < s->known_count; i++)
		consider(&best, s->known[i].name, false);
	/* A block written as a directive, or with its bracket lost. */
	for (size_t i = 0; i < s->block_count; i++)
		consider(&best, s->blocks[i].name, true);
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
