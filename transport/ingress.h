/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ingress - LMTP and SMTP sessions with the host MTA and other clients.
 * RFC 5321, 2033, 2920, 1870, 3030, 6152, 6531, 3461, 2034, Postfix's XCLIENT and
 * XFORWARD, and HAProxy's PROXY.
 *
 * Listeners belong to main and hand each accepted socket to a worker; the
 * session stays on it.  250 after the final dot is written only when the
 * store has the message durable (transport/receive.c).  A session frees
 * itself when it ends.
 */

#ifndef TRANSPORT_INGRESS_H
#define TRANSPORT_INGRESS_H

#include <stdbool.h>

#include "lib/err.h"
#include "lib/ref.h"
#include "transport/ingress_limits.h"
#include "transport/worker_env.h"

enum ingress_protocol { INGRESS_LMTP, INGRESS_SMTP };

/* The <source> of files in the pickup directory. */
#define PICKUP_SOURCE "{pickup}"

/*
 * Where clients come in.  Counted, since sessions outlive their listener;
 * immutable but for the counts, which all doors of a process share.
 */
struct ingress_door {
	struct ref refs;
	enum ingress_protocol protocol;
	bool pickup; /* the client is ours: transport/pickup.h */
	struct ingress_counts *counts;
	char name[]; /* as configured: part of the hand-over key */
};

struct ingress_door *ingress_door_new(enum ingress_protocol protocol,
    const char *name, struct ingress_counts *counts);
struct ingress_door *ingress_door_ref(struct ingress_door *d);
void ingress_door_unref(struct ingress_door **dp);

/* On env's worker: takes over fd, takes its own reference of the door. */
void ingress_start(struct worker_env *env, int fd, struct ingress_door *door);

struct listeners;

/*
 * Opens every lmtp-listener and smtp-listener of conf on the main worker;
 * accepted sockets go to the workers in turn.  Inherited sockets are used.
 */
int listeners_new(struct worker *main, const struct global_conf *conf,
    struct worker_env *const *envs, size_t env_count, struct listeners **l_r,
    struct err *e);
void listeners_free(struct listeners **lp); /* stops accepting */

/*
 * On env's worker.  Ends idle sessions, lets the others finish their message,
 * refuses new ones: for a graceful stop.  It is over when env->sessions_in is
 * 0; the store must answer until then.
 */
void ingress_shutdown(struct worker_env *env);

#endif
