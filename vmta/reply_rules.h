/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply_rules - what the rows of one <smtp-pattern-list>, and the <dsn-rule>
 * blocks behind them, say about a reply.
 *
 * Several rows may match.  Each kind of action is decided by the first row
 * that names one of that kind, with the time that stands behind it; the dsn-rule
 * that fits decides the kinds that no row named, and always the category and
 * the time of the next attempt.
 *
 * A reply of success is shown to rows with mode=normal alone, and decides the
 * mode alone: real files have rows that match everything (`reply //
 * mode=backoff`), which are not meant for it.
 *
 * Which recipient, connection or queue the answer is about is not known here;
 * nor whether the phase of the session allows it (bounce-rcpt: transport/
 * disposition.c).  Sealed it is immutable; any thread.
 */

#ifndef VMTA_REPLY_RULES_H
#define VMTA_REPLY_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "vmta/dsn_rule.h"
#include "vmta/reply_actions.h"

/* Of actions of one kind only one can be done. */
enum reply_kind {
	REPLY_MODE,   /* mode=backoff, mode=normal */
	REPLY_ROUTE,  /* skip-mx, bounce-queue */
	REPLY_RCPT,   /* bounce-rcpt; bounce, requeue of a dsn-rule */
	REPLY_SOURCE, /* disable-source-ip */
	REPLY_DEFER,  /* defer-queue */
	REPLY_KINDS
};

/* A row, or a dsn-rule, as messages name it. */
struct reply_place {
	const char *file; /* NULL: nobody named an action of the kind */
	unsigned line;
};

struct reply_hit {
	struct reply_actions act;
	/* Of a dsn-rule: in any phase, unlike act.bounce_rcpt. */
	bool requeue, bounce;
	const struct dsn_rule *rule; /* the one that fits, or NULL */
	struct reply_place at[REPLY_KINDS];
};

struct reply_rules;

/* rules: may be NULL; sealed, borrowed, and outlives this. */
struct reply_rules *reply_rules_new(const struct dsn_rules *rules);
void reply_rules_free(struct reply_rules **rp);

/* The file's name is borrowed. */
int reply_rules_add(struct reply_rules *r, struct slice pattern,
    const struct reply_actions *act, struct reply_place at, struct err *e);
void reply_rules_seal(struct reply_rules *r);
size_t reply_rules_count(const struct reply_rules *r); /* of rows */

/* Is a reply of success worth asking about? */
bool reply_rules_want_2xx(const struct reply_rules *r);

/*
 * The text begins with the code (smtp_reply_text()).  False: nothing is said
 * about it, and *out is empty.
 */
bool reply_rules_match(const struct reply_rules *r, const char *text, int code,
    struct reply_hit *out);

#endif
