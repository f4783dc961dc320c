/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rate_in_show - what senders have brought (rate_in.h), as rows for who asks and
 * as texts: the reply, and whom a line in the log means.
 */

#ifndef VMTA_RATE_IN_SHOW_H
#define VMTA_RATE_IN_SHOW_H

#include <jansson.h>

#include "lib/mem.h"
#include "vmta/rate_in.h"

struct rate_in_list {
	size_t n;
	struct rate_in_row *v; /* with names of their own */
};

/* Copies all; quick, since others wait meanwhile. */
void rate_in_list_take(struct rate_in_list *l, struct rate_in *r,
    int64_t now_us);
void rate_in_list_fini(struct rate_in_list *l);

/* The fullest first. */
void rate_in_list_sort(struct rate_in_list *l);
json_t *rate_in_row_json(const struct rate_in_row *row, int64_t now_us);

/* "450 4.7.1 ..." */
const char *rate_in_reply(const struct rate_in_no *no, int64_t now_us,
    struct region *rg);
/* "user bob, 100/h messages" */
const char *rate_in_limit_text(const struct rate_in_limit *l,
    struct region *rg);

#endif
