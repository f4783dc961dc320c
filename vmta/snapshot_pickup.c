/* SPDX-License-Identifier: Apache-2.0 */
/* pickup: two directories, DIR and BADDIR. */
#include <string.h>

#include "lib/conf_parse.h"
#include "vmta/snapshot_priv.h"

static const char blanks[] = " \t";

void
snapshot_pickup_join(struct snapshot *s, struct conf_errors *errs)
{
	const struct conf_node *n = conf_set_node(&table_global, &s->global_set,
	    "pickup");
	const char *p = s->global.pickup, *bad;
	size_t len = strcspn(p, blanks);

	if (n == NULL || p[0] == '\0')
		return;
	bad = p + len + strspn(p + len, blanks);
	if (bad[0] == '\0' || strpbrk(bad, blanks) != NULL)
		conf_error(errs, n->file, n->line,
		    "pickup: write DIR BADDIR, neither with blanks");
	else if (p[0] != '/' || bad[0] != '/')
		conf_error(errs, n->file, n->line,
		    "pickup: absolute paths are needed");
	else
		s->pickup = (struct pickup_dirs){ region_strndup(s->rg, p, len),
			bad };
}

const struct pickup_dirs *
snapshot_pickup(const struct snapshot *s)
{
	return &s->pickup;
}
