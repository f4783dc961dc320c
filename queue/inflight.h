/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inflight - which recipients have had their final dot sent and no committed
 * outcome yet; a shared mapping of a small file.
 *
 * A worker fills a slot just before it writes the final dot and clears it
 * when the outcome is flushed.  After kill -9 the slots are exact (less those
 * whose outcome was committed); queue/slotsync.h keeps them on the disk too.
 * Each worker has a part of its own; only that worker's thread touches it.
 * A transaction with more recipients than fit in one slot chains several.
 */

#ifndef QUEUE_INFLIGHT_H
#define QUEUE_INFLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inflight;
struct inflight_part;

#define INFLIGHT_NONE UINT32_MAX

struct inflight_part *inflight_part(struct inflight *f, unsigned worker);

/* INFLIGHT_NONE when the part is full: the caller must not send the dot. */
uint32_t inflight_fill(struct inflight_part *p, uint64_t id, uint64_t session,
    int64_t wall_us, const uint32_t *rcpts, size_t count);

/*
 * Half of the part is filled: the store is behind with its flushes, and no
 * transaction should begin before it has caught up.
 */
bool inflight_is_short(const struct inflight_part *p);
void inflight_clear(struct inflight_part *p, uint32_t slot);

#endif
