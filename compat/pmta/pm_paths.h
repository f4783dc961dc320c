/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pm_paths - paths in values, from the folder of the file that they stand in.
 *
 * A configuration that is put together out of several files stands elsewhere
 * than they do.  Which words are paths the types and forms of the tables say,
 * and for plain texts the name.  Nothing is looked for on the disk.  The text
 * lives in the region.  Pure; one thread.
 */

#ifndef COMPAT_PMTA_PM_PATHS_H
#define COMPAT_PMTA_PM_PATHS_H

#include "lib/mem.h"
#include "vmta/effect.h"

/* The value of the line, whose place has those rows; as it is if all is well. */
const char *pm_paths_value(struct region *rg, const struct conf_node *n,
    const struct effect_rows *rows);

/* The argument of a block, likewise. */
const char *pm_paths_argument(struct region *rg, const struct conf_node *n);

#endif
