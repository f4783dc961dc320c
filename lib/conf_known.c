/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf_known.h"

#include <string.h>

#include "lib/check.h"
#include "lib/conf_lex.h"

/* A letter may be in several rows of a name, one for each place. */
const struct conf_known *
conf_known_find(const struct conf_schema *s, const char *name, char letter)
{
	size_t low = 0, high = s->known_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (str_cmp_nocase(name, s->known[mid].name) > 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < s->known_count && str_eq_nocase(s->known[low].name, name);
	     low++)
		if (strchr(s->known[low].where, letter) != NULL)
			return &s->known[low];
	return NULL;
}

const struct conf_block *
conf_block_find(const struct conf_schema *s, const char *name, char letter)
{
	for (size_t i = 0; i < s->block_count; i++)
		if (str_eq_nocase(s->blocks[i].name, name) &&
		    strchr(s->blocks[i].where, letter) != NULL)
			return &s->blocks[i];
	return NULL;
}

/* ---- directives ---------------------------------------------------------- */

bool
conf_known_is_off(const struct conf_tree *tree, const char *value)
{
	static const char *const words[] = { "", "no", "false", "none",
		"retain", "unlimited" };
	const char *word;
	struct err e;

	if (conf_unquote(slice_of(value), tree->rg, &word, &e) == -1)
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_eq_nocase(word, words[i]))
			return true;
	return false;
}

static void
warn(const struct conf_binder *b, const struct conf_known *k,
    const struct conf_node *n, bool quiet)
{
	switch (k->fate) {
	case CONF_FATE_LATER:
		if (!quiet)
			conf_warning(b->errs, n->file, n->line,
			    "%s has no effect yet", k->name);
		break;
	case CONF_FATE_NEVER:
		conf_warning(b->errs, n->file, n->line,
		    "%s has no effect here: %s", k->name, k->advice);
		break;
	case CONF_FATE_OLD:
		conf_warning(b->errs, n->file, n->line,
		    "%s is an old name without effect: %s", k->name, k->advice);
		break;
	case CONF_FATE_PROTECTS:
		if (!conf_known_is_off(b->tree, n->value))
			conf_error(b->errs, n->file, n->line,
			    "%s protects and has no effect yet: it cannot be "
			    "ignored",
			    k->name);
		break;
	case CONF_FATE_ALIAS:
	case CONF_FATE_HOURLY:
	case CONF_FATE_ANY_IP:
		conf_warning(b->errs, n->file, n->line,
		    "%s is an old name: use %s", k->name, k->advice);
		break;
	case CONF_FATE_SAME:
	case CONF_FATE_READ:
		break;
	}
}

bool
conf_fate_renames(enum conf_fate fate)
{
	return fate == CONF_FATE_ALIAS || fate == CONF_FATE_SAME ||
	    fate == CONF_FATE_HOURLY || fate == CONF_FATE_ANY_IP;
}

int
conf_known_check(const struct conf_binder *b, const struct conf_known *k,
    const struct conf_node *n, bool quiet)
{
	const struct conf_form_ctx c = { b->tree, n, k->min, k->max };
	const char *name = k->name[0] == '\0' ? "the row" : k->name;
	struct err e;
	int form;

	if (n->value[0] == '\0') {
		conf_error(b->errs, n->file, n->line, "%s: argument missing",
		    name);
		return -1;
	}
	form = conf_form_check(&c, b->schema->types, k->form,
	    slice_of(n->value), &e);
	if (form == -1) {
		conf_error(b->errs, n->file, n->line, "%s: %s", name, e.text);
		return -1;
	}
	/* Where there is advice for a later form, that is an old one. */
	if (form > 0 && k->fate == CONF_FATE_LATER && k->advice[0] != '\0')
		conf_warning(b->errs, n->file, n->line, "%s: an old form: %s",
		    k->name, k->advice);
	else
		warn(b, k, n, quiet);
	return 0;
}

/* ---- blocks -------------------------------------------------------------- */

static void
check_argument(const struct conf_binder *b, const struct conf_block *block,
    const struct conf_node *n)
{
	const struct conf_form_ctx c = { b->tree, n, 0, 0 };
	struct err e;

	if (conf_form_check(&c, b->schema->types, block->form,
		slice_of(n->value), &e) == -1)
		conf_error(b->errs, n->file, n->line, "<%s>: %s", block->name,
		    e.text);
}

static bool
is_block_name(const struct conf_schema *s, const char *name)
{
	for (size_t i = 0; i < s->block_count; i++)
		if (str_eq_nocase(s->blocks[i].name, name))
			return true;
	return false;
}

static const char *
tag_of(const struct conf_binder *b, const struct conf_node *n)
{
	return region_printf(b->tree->rg, "<%s>",
	    n->opened != NULL ? n->opened : n->name);
}

/* A block that has no business there. */
static void
complain_block(const struct conf_binder *b, const struct conf_table *table,
    const struct conf_node *n)
{
	if (n->opened != NULL && is_block_name(b->schema, n->opened))
		conf_error(b->errs, n->file, n->line,
		    "%s does not belong behind %s", tag_of(b, n), n->name);
	else
		conf_complain_unknown(b, table, n, tag_of(b, n));
}

/* A child of a known block: the block to go into, or NULL. */
static const struct conf_block *
check_child(const struct conf_binder *b, const struct conf_block *block,
    const struct conf_node *n)
{
	char letter = block->inside.letter;
	const struct conf_block *inner;
	const struct conf_known *k;

	if (!n->is_block) {
		k = conf_known_find(b->schema, n->name, letter);
		if (k != NULL)
			conf_known_check(b, k, n, true);
		else
			conf_complain_unknown(b, &block->inside, n, n->name);
		return NULL;
	}
	inner = n->opened != NULL ? NULL :
				    conf_block_find(b->schema, n->name, letter);
	if (inner == NULL) {
		complain_block(b, &block->inside, n);
		return NULL;
	}
	check_argument(b, inner, n);
	return inner->inside.letter == '\0' ? NULL : inner;
}

/* Everything below the node, without recursion: blocks keep their parents. */
static void
check_contents(const struct conf_binder *b, const struct conf_block *block,
    const struct conf_node *top)
{
	const struct conf_block *around[CONF_BLOCKS_DEPTH + 1] = { block };
	const struct conf_node *n = top->first;
	size_t depth = 0;

	while (n != NULL) {
		const struct conf_block *inner;

		CHECK(around[depth] != NULL);
		inner = check_child(b, around[depth], n);

		if (inner != NULL && n->first != NULL) {
			CHECK(depth < CONF_BLOCKS_DEPTH);
			around[++depth] = inner;
			n = n->first;
			continue;
		}
		while (n->next == NULL && n->parent != top) {
			n = n->parent;
			depth--;
		}
		n = n->next;
	}
}

void
conf_check_block(const struct conf_binder *b, const struct conf_table *table,
    const struct conf_node *n)
{
	const struct conf_block *block = conf_block_find(b->schema, n->name,
	    table->letter);

	CHECK(block != NULL);
	check_argument(b, block, n);
	if (block->inside.letter != '\0')
		check_contents(b, block, n);
}

void
conf_bind_block(const struct conf_binder *b, const struct conf_table *table,
    const struct conf_node *n)
{
	const struct conf_block *block = n->opened != NULL ?
	    NULL :
	    conf_block_find(b->schema, n->name, table->letter);

	if (block == NULL || block->fate == CONF_FATE_READ) {
		complain_block(b, table, n);
		return;
	}
	conf_warning(b->errs, n->file, n->line, "%s has no effect yet",
	    tag_of(b, n));
	conf_check_block(b, table, n);
}
