/* SPDX-License-Identifier: Apache-2.0 */
/*
 * courier - one wanted connection on a worker: finds the route, tries its
 * addresses, runs the SMTP session, and carries grants to it and outcomes
 * back.
 *
 *	open -> route -> address -> session -> ready <-> grant -> closed
 *	           |        ^  |
 *	           |        '--' next address
 *	           '-> closed (no route)
 *
 * An address that a limit of the other side's hosts may be for is asked for at
 * the scheduler's before it is called; one that is full is passed over, and is
 * no attempt.  If it was for that alone that none was found, nobody has failed.
 *
 * Where connections are limited by rate a courier calls one address.  If that
 * is in vain and others are left, it ends, and the next one goes on there.  Which
 * address is next, and what is left to others, is transport/tour.h.
 *
 * Made by the dispatcher, then the worker's.  The functions marked (any) post
 * to it.  It reports to the dispatcher by the dispatch_* functions, with the
 * `link` it was given: ready, written, results, and last of all closed; a
 * grant that arrives later comes back unused.  The dispatcher then releases
 * it.
 */

#ifndef TRANSPORT_COURIER_H
#define TRANSPORT_COURIER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/net.h"
#include "vmta/sched.h"

struct courier;
struct tls_client;
struct worker_env;

struct courier_params {
	struct worker_env *env;
	struct tls_client *tls;
	void *link; /* the dispatcher's */
	uint64_t id;
	const struct snapshot *conf; /* a reference is taken */
	const struct queue_conf *queue_conf;
	const char *domain, *vmta;        /* copied */
	const struct conf_source *source; /* NULL: the system's choice */
	bool both_families;               /* its virtual MTA has them */
	bool timed; /* dispatch_connecting() is asked for */
	const struct sched_place *place; /* where to go on; NULL: anew */
	/* Called first, before better hosts: the host, or this address. */
	const char *awaited_host; /* copied; NULL: none, "": the address */
	struct net_addr awaited_addr;
};

/*
 * In-flight slots of the worker were cleared: those couriers go on that did not
 * say that they are ready because there were few.  Of the worker itself.
 */
void courier_resume(struct worker_env *env);

struct courier *courier_open(const struct courier_params *p); /* (any) */
void courier_grant(struct courier *c, struct grant *g);       /* (any) */
void courier_close(struct courier *c);                        /* (any) */
/* (any) The answer to dispatch_address(). */
void courier_address(struct courier *c, bool go);
/*
 * (any) Tells by dispatch_located() where the connection is, and asks from now
 * on, whatever its configuration says.
 */
void courier_locate(struct courier *c);
void courier_hurry(struct courier *c);     /* (any) smtp_session_hurry() */
void courier_interrupt(struct courier *c); /* (any) _interrupt() */
void courier_release(struct courier *c);   /* (any) after closed; the last */

#endif
