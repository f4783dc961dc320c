/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import_own - what an imported configuration has of ours alone, since the
 * host has no setting for it.
 *
 * With it the daemons can be started as they are: the accounting file that
 * find, stats and audit read, and, as a comment, the secret that makes the
 * milter's mark good, a file which has to be made first.  The paths are those
 * of the units and of config.sample.  The report names both.
 */

#ifndef COMPAT_IMPORT_OWN_H
#define COMPAT_IMPORT_OWN_H

#include "compat/import_conf.h"

/* milter: mailrace-milter runs, too. */
void import_own(struct import_conf *out, struct import_report *report,
    bool milter);

#endif
