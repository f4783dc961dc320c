/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slotsync - keeps the in-flight slots on the disk, on a thread of its own.
 *
 * A slot is filled and the dot goes out at once; nothing waits for the disk.
 * So a sync with each batch would only put a third one into the way of every
 * 250, and none at all when no batch comes, while a server thinks about our
 * dot for minutes.  Here a slot is synced within SLOTSYNC_MS of being filled,
 * and the disk's own time, whatever the store does.  A sync that fails ends
 * the process, as all flushes do.
 */

#ifndef QUEUE_SLOTSYNC_H
#define QUEUE_SLOTSYNC_H

#include <stdint.h>

#include "lib/err.h"

enum { SLOTSYNC_MS = 10 };

struct inflight;
struct slotsync;

/* Before there are workers that fill slots. */
int slotsync_new(struct inflight *f, struct slotsync **y_r, struct err *e);

/* After they have ended; syncs once more. */
void slotsync_free(struct slotsync **yp);

uint64_t slotsync_count(const struct slotsync *y); /* syncs; any thread */

#endif
