/* SPDX-License-Identifier: Apache-2.0 */
/*
 * milter_env - what all sessions of the milter share.
 *
 * Made by main before there are sessions and not changed after; `conf` and the
 * counters are safe in themselves.  Outlives them.
 */

#ifndef MILTER_MILTER_ENV_H
#define MILTER_MILTER_ENV_H

#include <stdbool.h>

#include "lib/count.h"
#include "lib/current.h"

struct dkim_verifier;
struct dns;
struct rate_in;
struct shared;
struct suppress_watch;

struct milter_env {
	struct current *conf; /* of struct milter_conf */
	bool unix_socket;     /* the listener is one */
	struct dns *dns;      /* of the workers that have sessions */
	struct dkim_verifier *verifier;
	struct suppress_watch *suppress;
	struct count sessions, messages, signatures, seals, tempfailed;
	struct count denied;     /* by rules about senders */
	struct count limited;    /* by rates of what comes in; steps */
	struct count suppressed; /* recipients, at RCPT */
	struct shared *shared;   /* of rates, which is theirs: */
	struct rate_in *rates;
};

#endif
