/* SPDX-License-Identifier: Apache-2.0 */
/*
 * milter_conf - one version of what the milter is configured with: the
 * snapshot and the key of the mark.
 *
 * Immutable and counted; any thread.  A message holds one reference from MAIL
 * to its end, so a reload in between changes nothing for it.
 */

#ifndef MILTER_MILTER_CONF_H
#define MILTER_MILTER_CONF_H

#include "lib/conf_types.h"
#include "lib/current.h"
#include "lib/ref.h"
#include "mail/mark.h"
#include "vmta/snapshot.h"

struct milter_conf {
	struct ref refs;
	struct snapshot *snapshot;
	struct mark_key *mark_key; /* NULL: no mark is made */
	int64_t loaded_us;         /* wall clock */
};

/* NULL with all mistakes in errs, also those of the key file. */
struct milter_conf *milter_conf_load(const char *path,
    struct conf_errors *errs);
struct milter_conf *milter_conf_ref(struct milter_conf *c);
void milter_conf_unref(struct milter_conf **cp);
/* The newest one, of which this is the first; takes the reference in c. */
struct current *milter_conf_current_take(struct milter_conf *c);

#endif
