/* SPDX-License-Identifier: Apache-2.0 */
/*
 * origins - who handed mail in: its job and the user that authenticated.
 *
 * The same pair is that of a million messages: each holds a number.  Origins
 * are counted and go with their last holder; their numbers are used again.
 * Number 0 is that of mail without job and user, and never goes.  Scheduler
 * thread only.
 */

#ifndef VMTA_ORIGINS_H
#define VMTA_ORIGINS_H

#include <stdbool.h>
#include <stdint.h>

#include "vmta/names.h"
#include "vmta/pause.h"
#include "vmta/table.h"

struct origin {
	struct table_link link;
	uint32_t number, holders;
	uint32_t job, user;       /* in origins.jobs and origins.users */
	uint16_t weight;          /* its share (vmta/share.h); sched's */
	bool job_pays, user_pays; /* have a rate; sched's */
	struct pause_seen pause;  /* of its job; sched's */
	uint32_t generation; /* of configurations, that these are of; sched's */
};

struct origins {
	struct table by_names;
	struct origin **all; /* by number; NULL: free */
	uint32_t used, cap;  /* of all */
	uint32_t *free;      /* numbers of those that have gone */
	uint32_t free_count, free_cap;
	struct names jobs, users;
};

void origins_init(struct origins *o);
void origins_fini(struct origins *o); /* CHECKs that nobody holds one */

/* NULL is "". */
uint32_t origins_hold(struct origins *o, const char *job, const char *user);
void origins_drop(struct origins *o, uint32_t number);

struct origin *origins_at(const struct origins *o, uint32_t number);
const char *origins_job(const struct origins *o, uint32_t number);
const char *origins_user(const struct origins *o, uint32_t number);

#endif
