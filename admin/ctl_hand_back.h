/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl_hand_back - the queue goes back to the host MTA, some at a time.
 *
 * mailraced puts a thousand recipients at once into the queue of the host MTA
 * ("hand back"), from which they are sent like any mail, and the next when most
 * of these are out: whoever ends this command, or is killed, has no more than
 * those under way.  Blocks; one thread.
 */

#ifndef ADMIN_CTL_HAND_BACK_H
#define ADMIN_CTL_HAND_BACK_H

#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "admin/ctl_parse.h"

/* A few moments; true: one of these signals has come, which are blocked. */
bool ctl_wait_a_little(const sigset_t *signals);

struct hand_back {
	const struct ctl_options *opt; /* with selectors; none: all */
	const sigset_t *signals;       /* that end it */
	int64_t until_us;   /* no more are given then; engine clock */
	json_int_t refused; /* by the host before, and are not waited for */
	json_int_t handed;  /* recipients; at the end without: */
	json_int_t waiting; /* those that are on their way */
};

/* The exit status; what could not go is still queued. */
int ctl_hand_back(struct hand_back *h);

/* How many would go now. */
int ctl_hand_back_count(const struct ctl_options *opt, json_int_t *count_r);

#endif
