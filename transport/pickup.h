/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pickup - the pickup directory: files that are messages (mail/pickup_file.h).
 *
 *	DIR/NAME                   put there by others, in one rename(2)
 *	DIR/.mailrace/ID.NAME      taken: ours, until all of it has ended
 *	DIR/.mailrace/ended-...    which recipients of it have, while it waits
 *	BADDIR/NAME.ID, .reason    what was refused, and why
 *
 * A file is taken by rename, with an id that it keeps, and both folders are
 * synced before anything of it is handed in.  It is handed in by LMTP, over a
 * socket pair, to an ingress session of a door of its own, with that id as
 * XFORWARD's IDENT: so it gets what all mail gets, as of <source {pickup}>, and
 * what is handed in twice, since we were killed in between, is known for a day
 * (queue/handover.h).  Where some recipients have to wait, what became of the
 * others is written beside the file first, and they are not asked about again.
 * Only when each recipient is durable, or is in BADDIR, the file is removed.
 *
 * A thread of its own, `pickup`, which sleeps on the disk.
 */

#ifndef TRANSPORT_PICKUP_H
#define TRANSPORT_PICKUP_H

#include <stddef.h>

#include "lib/err.h"
#include "transport/worker_env.h"

/* Connections at once, each a session and a socket pair. */
#define PICKUP_TALKS_MAX 32

struct pickup;

/* *p_r NULL: conf wants none.  Sessions are on the workers of envs. */
int pickup_new(const struct snapshot *conf, struct worker_env *const *envs,
    size_t env_count, struct pickup **p_r, struct err *e);

/* The workers have another configuration: it holds for files from now on. */
void pickup_reload(struct pickup *p);

/* What is under way is handed in again at the next start; NULL: nothing. */
void pickup_stop(struct pickup *p);
void pickup_free(struct pickup **pp);

#endif
