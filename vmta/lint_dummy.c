/* SPDX-License-Identifier: Apache-2.0 */
/* A server that throws mail away; see lint_priv.h. */
#include "vmta/lint_priv.h"

void
lint_dummy(struct lint *l)
{
	const struct conf_node *port = conf_set_node(&table_global,
	    &l->s->global_set, "dummy-smtp-port");

	if (port != NULL && l->s->global.dummy_port != 0)
		lint_tell_lines(l, LINT_DUMMY, port, NULL);
}
