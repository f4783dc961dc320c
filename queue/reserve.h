/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reserve - disk space kept for the day the disk is full.
 *
 * DIR/reserve is a preallocated file of two log files and more.  It is cut to
 * nothing when a write for outcomes or for recovery meets ENOSPC, and made
 * whole again when there is room.  What state it is in is read from the file
 * itself, so the store thread may give it up while the checkpoint thread looks
 * after it.
 */

#ifndef QUEUE_RESERVE_H
#define QUEUE_RESERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

struct reserve;

/* Opens the file as it is; -1 when it cannot be opened. */
int reserve_open(const char *dir, uint64_t size, struct reserve **r_r,
    struct err *e);
void reserve_free(struct reserve **rp);

bool reserve_is_whole(const struct reserve *r);
int reserve_make(struct reserve *r, struct err *e); /* -1: no room, or broken */

/* False when there was nothing (left) to give. */
bool reserve_give_up(struct reserve *r);

/* Bytes that an unprivileged process may still use in r's file system. */
int reserve_room(const struct reserve *r, uint64_t *bytes_r, struct err *e);

/*
 * Is that less than there should be?  Once it was, it is enough again with a
 * twentieth more: room at the limit goes up and down.
 */
static inline bool
reserve_is_short(uint64_t room, uint64_t min_free, bool was_short)
{
	return room < min_free + (was_short ? min_free / 20 : 0);
}

#endif
