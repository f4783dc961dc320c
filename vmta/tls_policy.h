/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_policy - what the settings of a queue say about TLS with servers, where
 * several directives have to be read together.
 *
 * Pure; any thread.
 */

#ifndef VMTA_TLS_POLICY_H
#define VMTA_TLS_POLICY_H

#include <stdbool.h>

#include "vmta/snapshot.h"

/* Which versions may be spoken. */
struct tls_allowed {
	bool tls10, tls11, tls12, tls13;
};

struct tls_allowed tls_allowed(const struct queue_conf *conf);

/* Has it a user, who signs in only where a good certificate was shown? */
bool tls_guards_user(const struct queue_conf *conf);

/* Is a connection in clear of no use: no mail may go, or nobody sign in? */
bool tls_is_needed(const struct queue_conf *conf);

/*
 * What cannot be meant: mail could never be sent, or would be less safe than
 * somebody believes; so_r says which.  NULL: nothing.
 */
const char *tls_policy_fault(const struct queue_conf *conf, const char **so_r);

/*
 * Makes conf ask no less than `owner`, the settings that a password comes from.
 * Of two lists of ciphers none is the stricter: the owner's counts, if he has
 * one.  False: no certificate, or no version, would do for both; conf is of no
 * use then.
 */
bool tls_policy_tighten(struct queue_conf *conf,
    const struct queue_conf *owner);
/* Of the versions before 1.2 alone. */
void tls_policy_tighten_old(struct queue_conf *conf,
    const struct queue_conf *owner);

/*
 * May a connection that was opened by the one carry mail, or sign in, by the
 * other, of a later snapshot?
 */
bool tls_policy_holds(const struct queue_conf *opened,
    const struct queue_conf *now);

#endif
