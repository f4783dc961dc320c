/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pf_listing - the queue as `postqueue -p' (with long queue ids, whose columns
 * ours fill) and `postqueue -j' print it, and as postqueue reads it from showq.
 *
 * A null sender is MAILER-DAEMON there, and what is not printable is '?'.
 * Nothing is ever expired by force.
 * Pure; any thread.
 */

#ifndef COMPAT_POSTFIX_PF_LISTING_H
#define COMPAT_POSTFIX_PF_LISTING_H

#include <stdbool.h>
#include <time.h>

#include "compat/listed.h"
#include "lib/str.h"

#define PF_LISTING_EMPTY "Mail queue is empty"

const char *pf_state_name(enum listed_state state);
/* False: it is the name of none, and *state_r stays as it is. */
bool pf_state_read(const char *name, enum listed_state *state_r);
const char *pf_sender_shown(const char *sender);

void pf_listing_head(struct buf *out);
/* tm: m->arrival_s in local time. */
void pf_listing_message(const struct listed *m, const struct tm *tm,
    struct buf *out);
/* The last line; PF_LISTING_EMPTY alone where there is nothing. */
void pf_listing_sum(uint64_t kbytes, uint64_t requests, struct buf *out);
/* False: the line is none of these two. */
bool pf_listing_read_sum(struct slice line, uint64_t *kbytes_r,
    uint64_t *requests_r);

void pf_listing_json(const struct listed *m, struct buf *out);

#endif
