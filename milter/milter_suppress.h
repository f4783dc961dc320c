/* SPDX-License-Identifier: Apache-2.0 */
/*
 * milter_suppress - suppression lists at RCPT: those of the top level and of
 * <source>, for recipients that will come to the transport.  A recipient that is
 * refused here never gets there, so records and ledger do not know him.
 *
 * Not for what sendmail(1) and the like submit: Postfix cannot refuse one of
 * their recipients, and would try the whole message again for ever.  Who is
 * listed gets his 550 at the hand-over (transport/refusals.h).
 *
 * The watch is main's; its thread follows the published lists, those that have
 * sessions ask.
 */

#ifndef MILTER_MILTER_SUPPRESS_H
#define MILTER_MILTER_SUPPRESS_H

#include <stdbool.h>

#include "lib/mem.h"
#include "milter/milter_conf.h"
#include "milter/milter_env.h"
#include "vmta/policy.h"
#include "vmta/suppress.h"

/* Opens the lists of a configuration, before sessions get it. */
void milter_suppress_set(struct suppress_watch *w, const struct snapshot *conf);

/* May a recipient need an answer of ours? */
bool milter_suppress_wanted(const struct milter_conf *conf);

struct milter_suppress {
	enum suppress_state state;
	const char *reply; /* "550 5.7.1 ..."; NULL: clear */
	const char *list;
};

/* in: what is known at RCPT, of whom <source> is found by. */
void milter_suppress_ask(const struct milter_env *env,
    const struct policy_in *in, const char *rcpt, struct region *rg,
    struct milter_suppress *said_r);

#endif
