/* SPDX-License-Identifier: Apache-2.0 */
/*
 * merge_groups - a mail merge that is complete, one message after the other: the
 * text of a recipient, and how many behind him get the same in the same way.
 *
 * Borrows the session's transaction, which stays.  On the session's worker.
 */

#ifndef TRANSPORT_MERGE_GROUPS_H
#define TRANSPORT_MERGE_GROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/mem.h"
#include "lib/str.h"
#include "transport/ingress_merge.h"
#include "vmta/policy.h"

#define MERGE_TOO_LARGE \
	"552 5.3.4 the merge is too large: take fewer recipients"

/* The text of one recipient. */
struct merge_text {
	struct buf text;
	size_t rcpt;
	bool there;
	bool plain; /* nobody's variables are in it */
};

struct merge_groups {
	/* The transaction: */
	struct ingress_merge *merge;
	struct merge_vars *vars; /* of each of these: */
	const struct ingress_rcpt *rcpts;
	size_t rcpt_count;
	const char *sender, *envid;
	struct region *tx_rg;
	struct merge_how how;
	struct region *rg; /* to work in: emptied with each text */

	char date[64];
	size_t next;                  /* recipient */
	struct merge_text now, ahead; /* of the group; of who is next */
	uint64_t work; /* octets of all texts, and of their parts */
};

/* Those who get it; or those who would, if their addresses could be read. */
void merge_groups_init(struct merge_groups *g, const struct ingress_session *s,
    struct region *rg);
void merge_groups_init_unparsed(struct merge_groups *g,
    const struct ingress_session *s, struct region *rg);
void merge_groups_fini(struct merge_groups *g);

static inline bool
merge_groups_left(const struct merge_groups *g)
{
	return g->next < g->rcpt_count;
}

/*
 * Makes g->now of count recipients from the next on, and goes on to who is
 * behind them; a group may end early at until_us.  NULL, or a reply.
 */
const char *merge_groups_next(struct merge_groups *g, int64_t until_us,
    size_t *count_r);

/* Of a recipient's message, in the region: who it is from, and so on. */
const char *merge_groups_sender(const struct merge_groups *g, size_t rcpt);
const char *merge_groups_envid(const struct merge_groups *g, size_t rcpt);
const struct policy_given *merge_groups_given(const struct merge_groups *g,
    size_t rcpt);

#endif
