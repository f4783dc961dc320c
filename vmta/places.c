/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/places.h"

#include <string.h>

#include "lib/conf_lex.h"
#include "vmta/snapshot_priv.h"

/* <spool DIR>, as well as `spool DIR`. */
static void
read_spool(const struct conf_binder *b, const struct conf_node *n,
    struct global_conf *global)
{
	const char *dir;
	struct err e;

	if (conf_unquote(slice_of(n->value), b->tree->rg, &dir, &e) == -1)
		conf_error(b->errs, n->file, n->line, "<spool %s>: %s",
		    n->value, e.text);
	else
		global->spool = dir;
}

static void
read_line(const struct conf_binder *b, const struct conf_node *n,
    struct global_conf *global)
{
	struct conf_set set = { 0 };

	if (n->is_block && conf_node_is(n, "spool"))
		read_spool(b, n, global);
	else if (!n->is_block &&
	    (conf_node_is(n, "control-socket") ||
		conf_node_is(n, "milter-control-socket") ||
		conf_node_is(n, "spool")))
		conf_bind(b, &table_global, n, global, &set);
}

/* ---- <acct-file PATH> ---------------------------------------------------- */

/* NULL: not a path. */
static const char *
path_of(const struct conf_node *n, struct region *rg)
{
	const char *path;
	struct err e;

	if (conf_unquote(slice_of(n->value), rg, &path, &e) == -1)
		return NULL;
	return path[0] == '/' ? path : NULL;
}

static struct place_acct *
get_acct(struct places *out, const char *path)
{
	for (size_t i = 0; i < out->acct_count; i++)
		if (strcmp(out->accts[i].path, path) == 0)
			return &out->accts[i];
	out->accts[out->acct_count].path = path;
	return &out->accts[out->acct_count++];
}

static bool
is_empty(const struct conf_node *n, struct region *rg)
{
	const char *text;
	struct err e;

	return conf_unquote(slice_of(n->value), rg, &text, &e) == 0 &&
	    text[0] == '\0';
}

static void
read_types(const struct conf_node *n, struct region *rg, struct place_acct *a)
{
	struct slice rest = slice_of(n->value);
	enum acct_type t;
	const char *item;
	struct err e;

	while (conf_item(&rest, rg, &item, &e) == 0 && item != NULL)
		if (item[0] == '\0')
			a->types = 0;
		else if (acct_type_find(slice_of(item), &t))
			a->types |= ACCT_BIT(t);
}

static void
read_acct_line(const struct conf_node *n, struct region *rg,
    struct place_acct *a)
{
	if (conf_node_is(n, "move-to"))
		a->move_to = path_of(n, rg);
	else if (conf_node_is(n, "records"))
		read_types(n, rg, a);
	else if (conf_node_is(n, "queue-filter"))
		a->filtered = !is_empty(n, rg);
	else if (conf_node_is(n, "http-webhook-url") ||
	    conf_node_is(n, "redis-stream-url"))
		a->elsewhere = !is_empty(n, rg);
}

static void
read_acct(const struct conf_node *n, struct places *out)
{
	const char *path = path_of(n, out->rg);
	struct place_acct *a;

	if (path == NULL) /* a command, or a mistake that is not ours */
		return;
	a = get_acct(out, acct_plain_path(out->rg, path));
	for (const struct conf_node *c = n->first; c != NULL; c = c->next)
		read_acct_line(c, out->rg, a);
}

static unsigned
usual_types(const struct conf_tree *tree)
{
	struct acct_conf usual;
	unsigned types = 0;
	enum acct_type t;

	conf_defaults(tree, &table_acct, &usual);
	for (size_t i = 0; i < usual.records.n; i++)
		if (acct_type_find(slice_of(usual.records.v[i]), &t))
			types |= ACCT_BIT(t);
	return types;
}

static void
keep_files(const struct conf_tree *tree, struct places *out)
{
	size_t all = out->acct_count;

	out->acct_count = 0;
	for (size_t i = 0; i < all; i++) {
		struct place_acct *a = &out->accts[i];

		if (a->types == 0)
			a->types = usual_types(tree);
		if (!a->elsewhere)
			out->accts[out->acct_count++] = *a;
	}
}

static void
read_accts(const struct conf_tree *tree, struct places *out)
{
	const struct conf_node *first = tree->root->first;
	size_t most = 0;

	for (const struct conf_node *n = first; n != NULL; n = n->next)
		most += n->is_block;
	out->accts = region_array(out->rg, most, sizeof(*out->accts));
	for (const struct conf_node *n = first; n != NULL; n = n->next)
		if (n->is_block && conf_node_is(n, "acct-file"))
			read_acct(n, out);
	keep_files(tree, out);
}

int
places_read(const char *path, struct places *out, struct conf_errors *errs)
{
	struct region *rg = region_new();
	struct global_conf global;
	struct conf_tree tree;
	const struct conf_binder b = { .tree = &tree,
		.schema = &conf_schema,
		.errs = errs };

	conf_parse(&tree, path, rg, errs);
	/* Mistakes of a file that was read at all are not ours. */
	if (tree.root->first != NULL)
		conf_errors_fini(errs);
	conf_defaults(&tree, &table_global, &global);
	for (const struct conf_node *n = tree.root->first; n != NULL;
	     n = n->next)
		read_line(&b, n, &global);
	*out = (struct places){ .rg = rg,
		.control = global.control_socket,
		.milter_control = global.milter_control,
		.spool = global.spool };
	read_accts(&tree, out);
	conf_tree_fini(&tree);
	if (errs->fatal == 0)
		return 0;
	places_fini(out);
	return -1;
}

void
places_fini(struct places *p)
{
	region_free(&p->rg);
}
