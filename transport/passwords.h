/* SPDX-License-Identifier: Apache-2.0 */
/*
 * passwords - the thread on which passwords are checked: that takes as much
 * processor time as whoever stored them wanted, and no session of a worker is
 * to wait for another's.
 *
 * So many checks wait at most; more are refused.  A check that is under way is
 * always answered, also when nobody needs it any more.
 */

#ifndef TRANSPORT_PASSWORDS_H
#define TRANSPORT_PASSWORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/worker.h"

enum { PASSWORDS_WAITING_MAX = 500, PASSWORDS_SECRET_LEN = 32 };

struct sasl_server;

/* The asker's; theirs from passwords_check() to done(). */
struct password_task {
	struct post post;
	struct sasl_server *server; /* at SASL_CHECK; left alone meanwhile */
	struct worker *back;
	void (*done)(struct password_task *t); /* on that */
	struct passwords *by;
};

struct passwords;

struct passwords *passwords_new(struct err *e); /* it runs */
void passwords_stop(struct passwords *p);       /* no more are asked */
void passwords_free(struct passwords **pp);     /* stopped */

/* Any thread.  False: too many wait. */
bool passwords_check(struct passwords *p, struct password_task *t);

/* How long the answer to a wrong one takes with its check, on the asker's clock. */
int64_t passwords_penalty_us(const struct passwords *p);

/* Random, the same for all threads: struct sasl_users. */
const unsigned char *passwords_secret(const struct passwords *p);

#endif
