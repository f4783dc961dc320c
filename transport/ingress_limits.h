/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ingress_limits - how many clients may be there, how often one may fail, and
 * how long one may be silent.
 *
 * What is counted over all connections is in struct ingress_counts, which all
 * doors of a process share; counted, any thread.  The rest is the session's
 * own, on its worker.  The limits are those of the client's <source>, by its
 * address; what counts as one client is an IPv4 address or an IPv6 /64.
 */

#ifndef TRANSPORT_INGRESS_LIMITS_H
#define TRANSPORT_INGRESS_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/crowd.h"
#include "lib/str.h"
#include "mail/smtp_cmd.h"

struct ingress_session;

/* ---- what is counted over all connections -------------------------------- */

struct ingress_counts;

struct ingress_counts *ingress_counts_new(void);
struct ingress_counts *ingress_counts_ref(struct ingress_counts *c);
void ingress_counts_unref(struct ingress_counts **cp); /* last: none is open */
uint32_t ingress_counts_open(struct ingress_counts *c);

/* ---- places -------------------------------------------------------------- */

/*
 * Takes a place for the session's client, after giving back the one that it
 * had.  Not CROWD_IN: it has none.
 */
enum crowd_answer ingress_enter(struct ingress_session *s);
void ingress_leave(struct ingress_session *s);

/*
 * To wait for one (smtp-await-slot) is a place, too, of which there are as
 * many as total-max-smtp-in.  ingress_leave() gives it back.
 */
bool ingress_wait_outside(struct ingress_session *s);

/* ---- failures ------------------------------------------------------------ */

enum ingress_failure {
	INGRESS_FAILED,     /* a bad command, a refused recipient */
	INGRESS_FAILED_AUTH /* a sign-in */
};

/* Has its client any failure left in this period of the rate? */
bool ingress_may_fail(const struct ingress_session *s,
    enum ingress_failure what, const struct rate *rate);

/* One more.  Nothing is counted for a rate that is unlimited. */
void ingress_count_failure(const struct ingress_session *s,
    enum ingress_failure what, const struct rate *rate);

/* ---- time ---------------------------------------------------------------- */

/* How long what the session's state waits for may take; 0: for ever. */
int64_t ingress_patience_us(const struct ingress_session *s);

/*
 * The session's deadline, now that so many bytes have come.  A part of a
 * command moves nothing; within a message the client earns time by what it
 * sends, so that with less than INGRESS_RATE_MIN bytes a second it ends.
 */
enum { INGRESS_RATE_MIN = 500 };
int64_t ingress_deadline_us(const struct ingress_session *s, int64_t now_us,
    size_t came);

/* ---- who brings nothing -------------------------------------------------- */

/*
 * Another command comes.  NULL, or why it is the last: too many lead to no
 * message, or it has brought none for too long.
 */
const char *ingress_is_idle(struct ingress_session *s, enum smtp_verb verb);

/* It has brought one. */
void ingress_not_idle(struct ingress_session *s);

#endif
