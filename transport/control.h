/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control - the commands that mailraced answers on its control socket.
 *
 * Lives on main; asks the dispatcher, the store and the writer by posts and
 * answers when they have.  The table is transport/control.def.
 */

#ifndef TRANSPORT_CONTROL_H
#define TRANSPORT_CONTROL_H

#include <stdbool.h>

#include "lib/err.h"
#include "lib/worker.h"
#include "queue/store.h"
#include "transport/worker_env.h"
#include "vmta/snapshot.h"

struct acct;
struct control;
struct dispatch;
struct gate;
struct sender_counts;
struct snapshot;
struct dns;
struct dummy_smtp;
struct suppress_keeper;
struct suppressing;

struct control_options {
	struct worker *main;
	struct store *store;
	struct acct *acct;
	struct dispatch *dispatch;
	struct gate *gate;
	struct sender_counts *sender_counts;
	struct dns *dns;
	struct suppressing *suppressing;
	struct worker_env *const *envs; /* of the delivery workers */
	size_t env_count;
	const struct global_conf *conf; /* for control_new() only */
	/* Reads the configuration again; errs says what is wrong. */
	int (*reload)(void *ctx, struct conf_errors *errs);
	const struct snapshot *(*snapshot)(void *ctx); /* in force */
	/* NULL: no suppression list was published yet. */
	struct suppress_keeper *(*suppress)(void *ctx);
	struct dummy_smtp *(*dummy)(void *ctx); /* NULL: there is none */
	void *ctx;
};

int control_new(const struct control_options *opt, struct control **c_r,
    struct err *e);
/* Ends what reads from clients for as long as they like. */
void control_stop(struct control *c);
/* Their threads are over: before those are that they work for. */
void control_join(struct control *c);
/*
 * Lets nobody in any more and reads no further request; those under way are
 * answered.  Before the other threads end.
 */
void control_drain(struct control *c);
bool control_is_drained(const struct control *c);

/* Requests visit other threads: those have been joined. */
void control_free(struct control **cp);

#endif
