/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vqueue_move - recipients change their queue in memory, a slice at a time:
 * those that wait their turn and those that wait for their time; what is
 * granted stays.
 *
 * Order, times, attempts and priority go with them.  What of a message waits
 * its turn and what waits for its time come there in groups of their own, if
 * not in the same slice: that costs 48 bytes, and its body counts in both.
 * Nothing is moved on disk.
 * Scheduler thread only.
 */

#ifndef VMTA_VQUEUE_MOVE_H
#define VMTA_VQUEUE_MOVE_H

#include <stdbool.h>
#include <stdint.h>

#include "vmta/vqueue.h"

enum { VQUEUE_MOVE_MAX = 1000 }; /* recipients looked at in a slice */

struct vqueue_way {
	struct sched_queue *to; /* NULL: it stays */
	bool by_pool;
};

/* Where all of a group go; asked once in a slice. */
typedef struct vqueue_way vqueue_way_fn(void *ctx, const struct group *g);
/* So many recipients of a group have gone there, `of` is it or another one. */
typedef void vqueue_moved_fn(void *ctx, const struct vqueue_way *way,
    uint32_t rcpts);

struct vqueue_mover; /* memory of a slice, 48 KB */

struct vqueue_mover *vqueue_mover_new(void);
void vqueue_mover_free(struct vqueue_mover **mp);

struct vqueue_moving {
	vqueue_way_fn *way;
	vqueue_moved_fn *moved;
	void *ctx;
};

/*
 * Goes on at the cursor and looks at *left recipients at most, which it
 * lessens.  True: that were all.
 */
bool vqueue_move(struct vqueue_mover *m, struct sched_queue *q,
    struct vqueue_cursor *c, const struct vqueue_moving *how, uint32_t *left);

#endif
