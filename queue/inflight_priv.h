/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inflight_priv - the store's side of the in-flight slots: reading what the
 * last run left, mapping the file anew, syncing.
 *
 * A slot is 128 bytes: crc32c of the rest, count, id, session, wall time,
 * engine's time, generation, recipient numbers.  It is good when its count is
 * 1 to 21 and the crc fits; one that was being written when the process ended
 * is neither, and its final dot was not sent.  Numbers are big-endian.
 */

#ifndef QUEUE_INFLIGHT_PRIV_H
#define QUEUE_INFLIGHT_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "queue/inflight.h"

enum {
	INFLIGHT_SLOT = 128,
	INFLIGHT_HEAD = 44,
	INFLIGHT_RCPTS = (INFLIGHT_SLOT - INFLIGHT_HEAD) / 4
};

/* One recipient of a good slot. */
struct inflight_found {
	uint64_t id, session;
	uint32_t n;
	uint32_t generation; /* the run that filled it */
	int64_t wall_us;
	int64_t at_us; /* clock_us() of that run */
};

/* A file that is not there is empty. */
int inflight_read(const char *dir, struct inflight_found **list_r,
    size_t *count_r, struct err *e);
void inflight_found_free(struct inflight_found **listp);

/* Begins with all slots empty.  -1 with errno when there is no space. */
int inflight_open(const char *dir, unsigned workers, uint32_t slots,
    uint32_t generation, struct inflight **f_r, struct err *e);
void inflight_free(struct inflight **fp);

/*
 * fn is called by the worker that fills the first slot since the last sync;
 * set before there are workers.
 */
void inflight_on_dirty(struct inflight *f, void (*fn)(void *arg), void *arg);

/*
 * Syncs the mapping if a slot was filled; *synced_r says whether.  One that
 * was only cleared may stay on the disk: its outcome is in the tables.
 */
int inflight_sync(struct inflight *f, bool *synced_r, struct err *e);

#endif
