/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/places.h"

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
	conf_tree_fini(&tree);
	*out = (struct places){ .rg = rg,
		.control = global.control_socket,
		.milter_control = global.milter_control,
		.spool = global.spool };
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
