/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suppressing - asks the suppression lists of a configuration about one
 * address: where vmta/suppress.h, which knows what holds for whom, meets
 * queue/suppress_watch.h, which has the published lists.
 *
 * One for the process, made and told of configurations by main, freed when all
 * other threads have ended; any thread asks.  Counts what came of it.
 */

#ifndef TRANSPORT_SUPPRESSING_H
#define TRANSPORT_SUPPRESSING_H

#include <stdbool.h>

#include "lib/count.h"
#include "lib/err.h"
#include "lib/mem.h"
#include "mail/outcome.h"
#include "vmta/snapshot.h"
#include "vmta/suppress.h"

struct suppress_watch;

struct suppressing {
	struct suppress_watch *watch;
	struct count refused; /* recipients, while their mail came */
	struct count ended;   /* just before they were to be sent to */
	struct count denied;  /* by whoever asked suppress-socket */
};

/* The folder is that of conf, whose lists are opened. */
int suppressing_new(const struct snapshot *conf, struct suppressing **sp_r,
    struct err *e);
void suppressing_free(struct suppressing **sp);

/* Before others get this configuration. */
void suppressing_set(struct suppressing *sp, const struct snapshot *conf);

/* What is said of an address that is not clear. */
struct suppressing_said {
	enum suppress_state state;
	const char *list;
	const char *text; /* without a code */
};

/*
 * As suppress_check(); sp may be NULL: only rows of the configuration count.
 * Text is in rg, the list's name conf's.
 */
enum suppress_state suppressing_ask(const struct suppressing *sp,
    const struct snapshot *conf, const struct suppress_set *lists,
    const char *addr, struct region *rg, struct suppressing_said *said_r);

/* What came of one that is listed; sp may be NULL. */
void suppressing_refused(struct suppressing *sp);
void suppressing_ended(struct suppressing *sp);
void suppressing_denied(struct suppressing *sp);

/* Of one that is listed, or of which that cannot be told: it waits. */
struct outcome suppressing_outcome(const struct suppressing_said *said);

#endif
