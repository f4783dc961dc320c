/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched_why_priv - the inside of sched_why, for vmta/sched_why*.c only.
 *
 *	sched_why.c       a queue, a recipient: through the tables to the end
 *	sched_why_turn.c  where others wait as well: places, and the earliest
 *	sched_why_scope.c limits of a scope
 *	sched_why_source.c source addresses that are not used
 *	sched_why_words.c what all that is called
 */

#ifndef VMTA_SCHED_WHY_PRIV_H
#define VMTA_SCHED_WHY_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "vmta/sched_check.h"
#include "vmta/sched_priv.h"
#include "vmta/sched_why.h"

struct shared;

struct asking {
	/* Sources, jobs and users are NULL there: each is told apart. */
	struct asked asked;
	const struct sched_rcpt_info *rcpt; /* NULL: of the queue */
	why_fn *fn;
	void *ctx;
	/* 1 << kind: that limit of that scope; AT_NONE: 1 << enum why_kind. */
	uint32_t told[CHECK_ATS];
	/* When the last of what says no now will not, and mail may go on. */
	int64_t open_us, go_us;
};

/* Fills in a limit as it stands; false: there is none. */
bool why_describe(struct scope *c, enum limit_kind kind, uint64_t n,
    int64_t now_us, struct why *w);
const char *why_name_of(const struct sched_queue *q, enum check_at at);
const char *why_directive(enum scope_kind kind, enum limit_kind limit);

/*
 * Of a limit that others share: its until_us stays if it is promised to this
 * queue; else its place and the earliest are set instead.
 */
void why_set_end(const struct asking *a, struct shared *h, struct why *w);
/* What it waits for in lines, other than limits that are reached. */
void why_tell_lines(const struct asking *a);

/*
 * Its source addresses of that grade, as text, which ends with "and others"
 * where there are too many; how many.
 */
enum { WHY_ADDRS_TEXT = 300 };
size_t why_addrs(const struct asked *a, enum choice_grade grade,
    char out[WHY_ADDRS_TEXT]);
/* What waits for the source that it is pinned to. */
void why_tell_pins(const struct asking *a);
/* Those that are not used while others are. */
void why_tell_sources(const struct asking *a);

/* What jobs and users hold of the queue; of the recipient what its own do. */
void why_tell_aside(const struct asking *a);
void why_tell_payers(const struct asking *a);

#endif
