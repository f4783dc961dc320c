/* SPDX-License-Identifier: Apache-2.0 */
/*
 * judge - has anybody got more than the limits allow, or less than there was?
 *
 * It knows the limits as they were written, from when on, and what a receiver
 * sees: connections opened and closed, RCPTs, delivered bytes, each with its
 * time.  Code of its own throughout: nothing of what it judges.
 *
 * An event is judged by what was in effect when it happened: never more than
 * N in the period that ends with it.  Three things are allowed:
 *  - what was begun under an older limit (since_us) may end under that one;
 *  - what was allowed before a limit was written, where there was none, or
 *    happened before the period of a shorter one, is not known to it;
 *  - a message larger than its whole allowance goes when it is alone.
 *
 * The first violations are told as a story on stdout, as TAP comments.
 */

#ifndef TESTS_SUPPORT_JUDGE_H
#define TESTS_SUPPORT_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum judge_scope {
	JUDGE_PROCESS,
	JUDGE_PROVIDER,
	JUDGE_POOL,
	JUDGE_VMTA,
	JUDGE_ROLLUP,
	JUDGE_QUEUE,
	JUDGE_SOURCE,
	JUDGE_JOB,
	JUDGE_USER,
	JUDGE_SCOPES
};

enum judge_kind {
	JUDGE_CONNS,    /* open at once; the period is not used */
	JUDGE_CONNECTS, /* opened in a period */
	JUDGE_RAMPUP,   /* the same, for a minimum wait between two */
	JUDGE_MSGS,     /* RCPTs in a period */
	JUDGE_BYTES,    /* delivered in a period */
	JUDGE_KINDS
};

enum judge_what { JUDGE_OPENED, JUDGE_CLOSED, JUDGE_RCPT, JUDGE_DELIVERED };

struct judge;

struct judge_event {
	enum judge_what what;
	int64_t at_us;
	int64_t since_us; /* when this was allowed; at_us if that is all */
	uint64_t n;       /* RCPTs or bytes */
	const char *of[JUDGE_SCOPES]; /* names; NULL: has none of these */
};

struct judge_limit {
	enum judge_scope scope;
	enum judge_kind kind;
	const char *name; /* of the scope */
	uint64_t max;     /* 0: no limit */
	int64_t period_us;
};

/* late_us: so long after it was allowed an event is seen at the latest. */
struct judge *judge_new(const char *title, int64_t late_us);
void judge_free(struct judge **jp);

/* In effect from at_us on; the same again changes nothing. */
void judge_limit(struct judge *j, const struct judge_limit *l, int64_t at_us);
/*
 * The process has ended and begun again: of a limit over some seconds it knows
 * nothing from before, if another one over longer follows it.
 */
void judge_restarted(struct judge *j, int64_t at_us);
void judge_event(struct judge *j, const struct judge_event *e);

/*
 * What was over a limit lowered more than grace_us ago has ended by now.
 * Counts as a violation when not.
 */
void judge_settled(struct judge *j, int64_t now_us, int64_t grace_us);

/* A stretch begins for which judge_share() is asked. */
void judge_mark(struct judge *j, int64_t now_us);
/*
 * How much of what they allow have the limits that hold for these names given
 * since the mark?  The highest share, its limit described in why; -1: no limit
 * holds for them.  unit: what goes at once at most (recipients and bytes of a
 * message), so that the end of the stretch may cut one off.
 */
struct judge_unit {
	uint64_t rcpts, bytes;
	int64_t rcpt_late_us, bytes_late_us; /* from allowed to seen */
	bool several;  /* limits for one message: each may hold one fewer */
	double next_r; /* the second highest share */
};
double judge_share(const struct judge *j, const char *const *of,
    struct judge_unit *unit, int64_t now_us, char why[160]);

unsigned judge_violations(const struct judge *j);
uint64_t judge_judged(const struct judge *j); /* events under some limit */

#endif
