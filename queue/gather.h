/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gather - when a batch of the store begins: at once, or a moment later with
 * more in it.
 *
 * Pure arithmetic on the caller's clock; the store thread's.  Clients that
 * were just answered need a few round trips to be back with their next
 * message.  A batch begun with the first of them leaves the others to the one
 * after it, for two syncs; on a slow disk twenty clients then share three
 * batches of seven.  So where syncs are slow a batch waits until as many are
 * there as were answered last, beside those that came meanwhile, but for no
 * longer than a part of what the syncs take.  A single client is never kept
 * waiting, nor is anybody on a fast disk.
 */

#ifndef QUEUE_GATHER_H
#define QUEUE_GATHER_H

#include <stdint.h>

struct gather {
	int64_t answered_us; /* when the last batch was answered */
	uint64_t answered;   /* its messages */
	uint64_t waited;     /* messages that came before that, for the next */
	int64_t syncs_us;    /* what the syncs of a batch take, on average */
	int64_t until_us; /* the next begins then at the latest; 0: not set */
};

/* A message of the next batch, which came at came_us. */
void gather_came(struct gather *g, int64_t came_us);

/* How long to wait yet with so many messages there; 0: begin. */
int64_t gather_wait(struct gather *g, uint64_t messages, int64_t now_us);

/* A batch of so many messages is answered; its syncs took syncs_us. */
void gather_answered(struct gather *g, uint64_t messages, int64_t syncs_us,
    int64_t now_us);

#endif
