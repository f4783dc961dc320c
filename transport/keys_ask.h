/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys_ask - the records of the keys that a message's signatures want, asked
 * of the worker's resolver, for SEALING_DNS_US at most.
 *
 * Worker thread.  The answers are the caller's, who keeps them until the end.
 */

#ifndef TRANSPORT_KEYS_ASK_H
#define TRANSPORT_KEYS_ASK_H

#include "mail/dkim_answers.h"
#include "transport/worker_env.h"

struct keys_ask;

/*
 * One name at least.  fn is called once, never from here, when the answers are
 * filled in as far as there are any; the struct keys_ask is gone then.
 */
struct keys_ask *keys_ask_new(const struct worker_env *env,
    struct dkim_answers *answers, void (*fn)(void *arg), void *arg);
void keys_ask_cancel(struct keys_ask **kp); /* fn will not be called */

#endif
