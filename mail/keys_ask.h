/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys_ask - the records of the keys that a message's signatures want, asked
 * of the worker's resolver, all at once and for some time at most.
 *
 * On a worker of the resolver.  The answers are the caller's, who keeps them
 * until the end.
 */

#ifndef MAIL_KEYS_ASK_H
#define MAIL_KEYS_ASK_H

#include <stdint.h>

#include "lib/dns.h"
#include "mail/dkim_answers.h"

struct keys_ask;

struct keys_ask_in {
	struct dns *dns;
	struct worker *worker; /* the caller's */
	int64_t timeout_us;
	void (*fn)(void *arg);
	void *arg;
};

/*
 * One name at least.  fn is called once, never from here, when the answers are
 * filled in as far as there are any; the struct keys_ask is gone then.
 */
struct keys_ask *keys_ask_new(const struct keys_ask_in *in,
    struct dkim_answers *answers);
void keys_ask_cancel(struct keys_ask **kp); /* fn will not be called */

#endif
