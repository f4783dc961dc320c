/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suppress_keeper - the thread of mailraced that owns the published suppression
 * lists (queue/suppress_store.h): changes, questions, imports, expiry.
 *
 * Others post errands.  A change is answered when it is durable and published: who
 * looks at the files (queue/suppress_watch.h) has it within a second then.
 * There is none while no configuration names a <suppression-list>; once made it
 * stays.  Made, told of reloads and freed by main.
 */

#ifndef TRANSPORT_SUPPRESS_KEEPER_H
#define TRANSPORT_SUPPRESS_KEEPER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "lib/err.h"
#include "lib/str.h"
#include "lib/worker.h"
#include "queue/suppress_store.h"

struct snapshot;
struct suppress_keeper;
struct suppress_errand;

/* Both on the keeper's thread. */
typedef void suppress_errand_fn(struct suppress_errand *r,
    struct suppress_store *s);
typedef void suppress_errand_done_fn(struct suppress_errand *r);

struct suppress_errand { /* the first two are the owner's to fill */
	suppress_errand_fn *fn;
	suppress_errand_done_fn *done; /* once, last; may be NULL: fn ends it */
	/*
	 * Set by fn after a commit: done() comes when readers see what was
	 * changed in it, or cannot for a while; published says which.
	 */
	struct suppress_owned *changed;
	bool published;

	struct post post;
	TAILQ_ENTRY(suppress_errand) link;
	struct suppress_keeper *keeper;
	uint64_t mark;
	int64_t by_us;
};

/* Before all else: is the secret there, where a list was made with it? */
int suppress_keeper_check(const struct snapshot *conf, struct err *e);

/*
 * Opens the store in suppression-dir, makes that and its secret if they are not
 * there; starts the thread.  NULL and 0: no list is published.
 */
int suppress_keeper_new(struct snapshot *conf, struct suppress_keeper **k_r,
    struct err *e);

/* conf has the same suppression-dir, or what it says counts later. */
void suppress_keeper_reload(struct suppress_keeper *k, struct snapshot *conf);

void suppress_keeper_run(struct suppress_keeper *k, struct suppress_errand *r);

/* Something of the store that must not outlive it; drop() frees that. */
struct suppress_hold {
	TAILQ_ENTRY(suppress_hold) link;
	void (*drop)(struct suppress_hold *h);
};

/* Both on its thread; drop() is called at the end where _release() was not. */
void suppress_keeper_hold(struct suppress_keeper *k, struct suppress_hold *h);
void suppress_keeper_release(struct suppress_keeper *k,
    struct suppress_hold *h);

/* The folder in use, which a reload does not change; any thread. */
const char *suppress_keeper_dir(const struct suppress_keeper *k);

/* The key of lists that are hashed plain; any thread. */
struct slice suppress_keeper_secret(const struct suppress_keeper *k);

/* On its thread: the store has something to do at once. */
void suppress_keeper_wake(struct suppress_keeper *k);

/*
 * Errands that were posted are done, an import that is not durable is given
 * up; then the thread has ended.
 */
void suppress_keeper_stop(struct suppress_keeper *k);
void suppress_keeper_free(struct suppress_keeper **kp);

#endif
