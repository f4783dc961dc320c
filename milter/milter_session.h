/* SPDX-License-Identifier: Apache-2.0 */
/*
 * milter_session - one session of the host MTA in the milter protocol: which
 * packets may come when, and what is said to them.
 *
 *	NEW --O--> IDLE --M--> ENVELOPE --L--> HEADER --N--> BODY --E--> IDLE
 *
 * Header and body may lack, A ends a message anywhere, and M begins another.
 * C and H come before a message; K makes the session new for another client.
 * What is none of that, or malformed, is told once, and the session is over:
 * the host MTA then does as its default_action says.
 *
 * No I/O and no clock: bytes go in, and come out in its buffer.  Owned by one
 * thread at a time.
 */

#ifndef MILTER_MILTER_SESSION_H
#define MILTER_MILTER_SESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/str.h"
#include "mail/dkim_answers.h"
#include "milter/milter_env.h"

struct milter_session;

struct milter_session *milter_session_new(struct milter_env *env);
void milter_session_free(struct milter_session **sp);

/*
 * All whole packets of what has come; how many bytes they had.  None are taken
 * any more when it waits for keys, or is over.
 */
size_t milter_session_input(struct milter_session *s, struct slice in);

/* What is to be sent; the caller empties it. */
struct buf *milter_session_output(struct milter_session *s);

/*
 * The keys that are to be asked of DNS before it goes on, or NULL.  They stay
 * until milter_session_answered() says that they are filled in as far as there
 * are any.
 */
struct dkim_answers *milter_session_wanted(struct milter_session *s);
void milter_session_answered(struct milter_session *s);

bool milter_session_is_over(const struct milter_session *s);

/* No message is under way. */
bool milter_session_is_idle(const struct milter_session *s);

#endif
