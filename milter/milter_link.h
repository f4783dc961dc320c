/* SPDX-License-Identifier: Apache-2.0 */
/*
 * milter_link - the socket of one session: bytes in and out, keys asked of DNS,
 * and the end of a host MTA that says nothing any more.
 *
 * All packets that one read brings are answered by one write.  Postfix sends a
 * message in two or three writes, so this is most of what a session costs.
 *
 * On the worker that has the session.
 */

#ifndef MILTER_MILTER_LINK_H
#define MILTER_MILTER_LINK_H

#include <stdint.h>
#include <sys/queue.h>

#include "lib/worker.h"
#include "milter/milter_env.h"

struct milter_link;

LIST_HEAD(milter_links, milter_link);

/* Longer than any time-out of a host MTA, as libmilter has it. */
#define MILTER_IDLE_US (INT64_C(7210) * 1000000)

/*
 * At a stop a session without a message may be silent for so long.  Postfix
 * keeps MAIL and RCPT, where they take no reply, until DATA: a client that has
 * 250 for them is between two messages here.  Most send DATA at once, and who
 * takes longer than that would have others wait for our successor.
 */
#define MILTER_STOP_IDLE_US (INT64_C(2) * 1000000)

/* Of one worker; it outlives them. */
struct milter_place {
	struct milter_env *env;
	struct worker *worker;
	struct milter_links links;
	size_t count; /* of links, also of such as are not freed yet */
	int64_t idle_us, stop_idle_us;
	bool stopping; /* who is silent without a message ends sooner */
	/* A link is gone. */
	void (*gone)(void *ctx);
	void *ctx;
};

/* Owns fd: non-blocking, close-on-exec. */
void milter_link_start(struct milter_place *place, int fd);

/* From now on stop_idle_us holds for those that have no message under way. */
void milter_links_stop(struct milter_place *place);

/* Ends all, whatever they are at. */
void milter_links_end(struct milter_place *place);

#endif
