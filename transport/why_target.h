/* SPDX-License-Identifier: Apache-2.0 */
/*
 * why_target - what an operator's word means: a queue, a message, an address,
 * or a name of the configuration.
 *
 * KIND:NAME is always clear.  Without KIND: what has a slash is a queue, an IP
 * an address, sixteen hex digits a message; a name is what the configuration
 * calls so; else one with a dot or a star is a domain, and any other a job.
 * What could be several things is refused, with the words that tell them
 * apart.  Pure; any thread.
 */

#ifndef TRANSPORT_WHY_TARGET_H
#define TRANSPORT_WHY_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/net.h"
#include "transport/queue_pattern.h"
#include "vmta/snapshot.h"

enum why_of {
	OF_QUEUE, /* or all queues of a domain, or of a pattern */
	OF_MESSAGE,
	OF_IP,
	OF_VMTA,
	OF_POOL,
	OF_PROVIDER,
	OF_JOB,
	OF_USER
};
enum { OF_COUNT = OF_USER + 1 };

struct why_target {
	enum why_of of;
	char *name;                 /* as the configuration writes it */
	struct queue_pattern queue; /* OF_QUEUE; else of all */
	uint64_t id;                /* OF_MESSAGE */
	struct net_addr addr;       /* OF_IP */
};

int why_target_parse(const char *text, const struct snapshot *conf,
    struct why_target *t_r, struct err *e);
void why_target_fini(struct why_target *t);

const char *why_of_word(enum why_of of);  /* "vmta", as before the colon */
const char *why_of_words(enum why_of of); /* "virtual MTA" */

/*
 * The name of the configuration that is most like it; best (a name of another
 * place, or NULL) if none is nearer.
 */
const char *why_target_nearest(const struct snapshot *conf, const char *name,
    const char *best);

#endif
