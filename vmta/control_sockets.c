/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/control_sockets.h"

#include <stdlib.h>

#include "vmta/snapshot_priv.h"

static void
bind_sockets(const struct conf_tree *tree, struct global_conf *global,
    struct conf_errors *errs)
{
	const struct conf_binder b = { .tree = tree,
		.schema = &conf_schema,
		.errs = errs };
	struct conf_set set = { 0 };

	conf_defaults(tree, &table_global, global);
	for (const struct conf_node *n = tree->root->first; n != NULL;
	     n = n->next)
		if (!n->is_block &&
		    (conf_node_is(n, "control-socket") ||
			conf_node_is(n, "milter-control-socket")))
			conf_bind(&b, &table_global, n, global, &set);
}

int
control_sockets_read(const char *path, struct control_sockets *out,
    struct conf_errors *errs)
{
	struct global_conf global;
	struct conf_tree tree;
	struct region *rg = region_new();
	int rc = -1;

	*out = (struct control_sockets){ 0 };
	conf_parse(&tree, path, rg, errs);
	/* Mistakes of a file that was read at all are not ours. */
	if (tree.root->first != NULL)
		conf_errors_fini(errs);
	bind_sockets(&tree, &global, errs);
	if (errs->fatal == 0) {
		out->transport = mem_strdup(global.control_socket);
		out->milter = mem_strdup(global.milter_control);
		rc = 0;
	}
	conf_tree_fini(&tree);
	region_free(&rg);
	return rc;
}

void
control_sockets_fini(struct control_sockets *s)
{
	free(s->transport);
	free(s->milter);
	*s = (struct control_sockets){ 0 };
}
