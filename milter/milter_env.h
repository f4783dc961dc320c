/* SPDX-License-Identifier: Apache-2.0 */
/*
 * milter_env - what all sessions of the milter share.
 *
 * Made by main before libmilter starts and not changed after; `conf` and the
 * counters are safe in themselves.  Lives as long as the process.
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
struct worker;

struct milter_env {
	struct current *conf;    /* of struct milter_conf */
	bool unix_socket;        /* the listener is one */
	struct worker *resolver; /* dns is asked on it */
	struct dns *dns;
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
