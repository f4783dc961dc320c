/* SPDX-License-Identifier: Apache-2.0 */
/*
 * readers - who may read messages from where they were when he saw them:
 * until he is done, nothing there is given up (transport/dispatch.h).
 *
 * Owned by the dispatcher; its thread, but for dispatch_reader_done().
 */

#ifndef TRANSPORT_READERS_H
#define TRANSPORT_READERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct dispatch_reader;
struct worker;

struct readers {
	struct worker *home;                /* the dispatcher's own */
	TAILQ_HEAD(, dispatch_reader) list; /* oldest first */
	uint64_t count;                     /* that there ever were */
};

void readers_init(struct readers *r, struct worker *home);
void readers_fini(struct readers *r); /* after stop and join */

struct dispatch_reader *readers_add(struct readers *r);
/* Are all done that there were when count was so? */
bool readers_are_through(const struct readers *r, uint64_t count);

#endif
