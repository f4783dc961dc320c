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

static void
read_acct(const struct conf_node *n, struct places *out)
{
	const char *path = path_of(n, out->rg);
	struct place_acct *a;

	if (path == NULL) /* a command, or a mistake that is not ours */
		return;
	a = get_acct(out, path);
	for (const struct conf_node *c = n->first; c != NULL; c = c->next)
		if (conf_node_is(c, "move-to"))
			a->move_to = path_of(c, out->rg);
}

static void
read_accts(const struct conf_node *first, struct places *out)
{
	size_t most = 0;

	for (const struct conf_node *n = first; n != NULL; n = n->next)
		most += n->is_block;
	out->accts = region_array(out->rg, most, sizeof(*out->accts));
	for (const struct conf_node *n = first; n != NULL; n = n->next)
		if (n->is_block && conf_node_is(n, "acct-file"))
			read_acct(n, out);
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
	read_accts(tree.root->first, out);
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
