/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/courier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/files.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "mail/envelope.h"
#include "transport/courier_priv.h"
#include "transport/dispatch.h"
#include "transport/disposition.h"
#include "transport/host_lines.h"
#include "transport/mx_route.h"
#include "transport/smtp_session.h"
#include "vmta/remote.h"
#include "vmta/tls_policy.h"

struct grant_post {
	struct post post;
	struct courier *courier;
	struct grant *grant;
	bool go; /* of an answer */
};

/* ---- addresses ----------------------------------------------------------- */

/* May a limit of the other side's hosts be for it? */
static bool
must_ask(const struct courier *c, const struct mx_target *t)
{
	if (strcmp(c->domain, SNAPSHOT_DSN_DOMAIN) == 0)
		return false; /* the host MTA is our side */
	return c->asks ||
	    (remotes_limited(c->conf) &&
		(snapshot_mx_limit(c->conf, t->host) > 0 ||
		    snapshot_ip_limit(c->conf, &t->addr) > 0));
}

static void
keep_failure(struct courier *c, const struct outcome *why)
{
	tour_failed(&c->tour, why);
	host_lines_unreached(c->env, why, c->port);
	outcome_free(&c->failed);
	c->failed = outcome_copy(why);
}

static enum net_fault
call(struct courier *c, const struct mx_target *t)
{
	static const enum outcome_kind kinds[] = {
		[NET_FAULT_NONE] = OUTCOME_LOST,
		[NET_FAULT_BIND] = OUTCOME_BIND,
		[NET_FAULT_FILES] = OUTCOME_LOCAL_TEMP,
	};
	struct smtp_session_params p = { .worker = c->env->worker,
		.id = c->id,
		.host = t->host,
		.peer = t->addr,
		.source = c->source,
		.helo = c->helo,
		.conf = &c->queue_conf,
		.tls = c->tls,
		.no_tls = c->no_tls };
	enum net_fault fault;
	struct err e;

	c->port = t->port;
	c->called_us = clock_us();
	c->earlier = c->transactions;
	p.fd = net_connect(&c->source, &t->addr, t->port, &fault, &e);
	if (p.fd != -1) {
		tour_called(&c->tour);
		if (c->timed)
			dispatch_connecting(c->env->dispatch, c->link,
			    clock_us());
		smtp_tls_policy(c->conf, &c->queue_conf, t->nexthop, &p.policy);
		c->session = smtp_session_new(&p, c->owner, c);
		return NET_FAULT_NONE;
	}
	keep_failure(c,
	    &(struct outcome){ .kind = kinds[fault],
		.phase = PHASE_CONNECT,
		.text = e.text,
		.mx = t->host,
		.peer = t->addr,
		.source = c->source,
		.wall_us = clock_wall_us() });
	return fault;
}

/* The next call is another connection to the limits: it has to be granted. */
static void
leave_rest(struct courier *c)
{
	struct sched_place at = { 0 };

	tour_rest(&c->tour, &at);
	courier_leave(c, &at, &c->route->targets[at.next]);
	courier_end(c, c->failed);
}

/*
 * Goes on to the next address of the route: calls it, or asks whether it may.
 * When none is left it ends; c->failed then says why the last one could not be
 * reached.  A source address that cannot be bound fails for all, so it ends
 * the search, and so does a lack of file descriptors.
 */
static void
try_next(struct courier *c, bool asked)
{
	enum tour_step step;

	while ((step = tour_next(&c->tour)) == TOUR_CALL) {
		const struct mx_target *t = &c->route->targets[c->tour.next];
		enum net_fault fault;

		if (!asked && must_ask(c, t)) {
			c->asks = true; /* it has a slot to give back */
			c->asking = true;
			dispatch_address(c->env->dispatch, c->link, t->host,
			    &t->addr);
			return;
		}
		asked = false;
		tour_call(&c->tour);
		fault = call(c, t);
		if (c->session != NULL)
			return;
		if (fault != NET_FAULT_NONE) {
			c->tour.full = false; /* a slot would be of no use */
			break;
		}
	}
	if (step == TOUR_LEAVE)
		leave_rest(c);
	else
		courier_end(c, c->failed);
}

/* What a session that never got ready leaves to try. */
static bool
tries_again(struct courier *c, const struct outcome *why,
    const struct effects *asks)
{
	if (why->phase == PHASE_TLS && !tls_is_needed(&c->queue_conf) &&
	    !c->no_tls) {
		/* Opportunistic TLS failed: once more in clear (RFC 7435). */
		c->no_tls = true;
		tour_again(&c->tour);
		return true;
	}
	c->no_tls = false;
	return disposition_tries_next(why, asks);
}

/* skip-mx: the host is given up for this connection, the next one is called. */
static void
leave_host(struct courier *c)
{
	tour_skip(&c->tour);
	c->skips = false;
	c->was_ready = false;
	c->worked = false;
	c->no_tls = false;
	outcome_free(&c->broke);
	try_next(c, false);
}

/* ---- the session's owner ------------------------------------------------- */

static void
unhold(struct courier *c)
{
	if (!c->is_held)
		return;
	c->is_held = false;
	TAILQ_REMOVE(&c->env->held, c, held);
}

/*
 * Outcomes whose flush is late keep their slots; when they run out, a message
 * would have to be withdrawn before its end.  So nothing new is begun then.
 */
static void
on_ready(void *ctx)
{
	struct courier *c = ctx;

	if (!c->was_ready)
		c->setup_us = clock_us() - c->called_us;
	c->was_ready = true;
	if (c->closing) {
		smtp_session_quit(c->session);
	} else if (inflight_is_short(c->env->inflight)) {
		CHECK(!c->is_held);
		c->is_held = true;
		TAILQ_INSERT_TAIL(&c->env->held, c, held);
	} else {
		dispatch_ready(c->env->dispatch, c->link);
	}
}

void
courier_resume(struct worker_env *env)
{
	struct courier *c;

	while (!inflight_is_short(env->inflight) &&
	    (c = TAILQ_FIRST(&env->held)) != NULL) {
		unhold(c);
		dispatch_ready(env->dispatch, c->link);
	}
}

static void
on_written(void *ctx)
{
	struct courier *c = ctx;

	CHECK(c->delivery != NULL);
	if (delivery_is_timed(c->delivery))
		dispatch_written(c->env->dispatch, delivery_grant(c->delivery),
		    delivery_count(c->delivery), clock_us());
}

static bool
on_dot(void *ctx, const uint32_t *accepted, size_t count)
{
	struct courier *c = ctx;

	CHECK(c->delivery != NULL);
	return delivery_dot(c->delivery, accepted, count);
}

/* What the transaction says of the connection that it went over. */
static void
note_end(struct courier *c, const struct effects_sum *end)
{
	outcome_free(&c->broke);
	if (end->broke != NULL)
		c->broke = outcome_copy(end->broke);
	c->worked = c->worked || end->worked;
	c->transactions++;
	if (end->skipped == NULL)
		return;
	keep_failure(c, end->skipped);
	c->skips = true;
	smtp_session_quit(c->session);
}

static void
on_result(void *ctx, const struct outcome *outcomes, const bool *written,
    size_t count)
{
	struct courier *c = ctx;
	struct effects_sum end;

	CHECK(c->delivery != NULL && count == delivery_count(c->delivery));
	delivery_finish(&c->delivery, c->link, outcomes, written, &end);
	note_end(c, &end);
}

static void
on_closed(void *ctx, const struct outcome *why)
{
	struct courier *c = ctx;
	struct effects asks = { 0 };

	c->session = NULL;
	unhold(c);
	/* Behind EHLO it belongs to no mail: a server's time-out, mostly. */
	if (why != NULL && why->phase < PHASE_MAIL)
		asks = courier_judge(c, why);
	if (c->skips && !c->closing) {
		leave_host(c);
		return;
	}
	if (c->was_ready || why == NULL || c->closing) {
		courier_end(c, why);
		return;
	}
	keep_failure(c, why);
	if (tries_again(c, why, &asks))
		try_next(c, false);
	else
		courier_end(c, c->failed);
}

static const struct smtp_session_owner session_owner = {
	.ready = on_ready,
	.written = on_written,
	.dot = on_dot,
	.result = on_result,
	.closed = on_closed,
};

/*
 * Where a slot is kept others wait for it: it must not be held up by a better
 * host that does not answer.  Else where the last connection has left off.
 */
static void
take_place(struct courier *c)
{
	mx_place_take(&c->place, c->route->targets, c->route->count,
	    c->awaited_host, &c->awaited_addr);
	tour_begin(&c->tour, &c->place, c->route->count,
	    c->queue_conf.mx_attempts, c->timed);
	c->no_tls = c->place.no_tls;
}

static void
on_route(void *arg, const struct mx_route *route)
{
	struct courier *c = arg;
	struct outcome why;

	c->route = route;
	if (c->closing) {
		courier_end(c, NULL);
	} else if (!route->ok) {
		why = route->why;
		why.source = c->source;
		courier_end(c, &why);
	} else {
		CHECK(route->count > 0);
		take_place(c);
		try_next(c, false);
	}
}

/* ---- what the dispatcher sends ------------------------------------------- */

/* The last descriptors are not ours: the resolver and the spool need them. */
static void
on_open(struct post *p)
{
	static const struct outcome no_files = { .kind = OUTCOME_LOCAL_TEMP,
		.phase = PHASE_RESOLVE,
		.text = "file descriptors run short here",
		.mx = "" };
	struct courier *c = post_owner(p, struct courier, post);

	if (c->closing) { /* closed before it was opened */
		courier_end(c, NULL);
		return;
	}
	if (files_are_low()) {
		courier_end(c, &no_files);
		return;
	}
	c->lookup = mx_lookup_new(c->env, c->domain, &c->queue_conf,
	    &(struct mx_from){ c->source, c->both_families }, on_route, c);
	if (c->place.shuffle != 0)
		mx_lookup_set_shuffle(c->lookup, c->place.shuffle);
}

/*
 * As whom it says hello where its source has no name, as that has not which the
 * system chooses.
 */
static const char *
own_helo(const struct courier *c, const struct courier_params *p)
{
	const struct vmta *v = snapshot_vmta(c->conf, p->vmta);

	return v != NULL ? v->host_name : snapshot_global(c->conf)->host_name;
}

struct courier *
courier_open(const struct courier_params *p)
{
	struct courier *c = mem_new(struct courier);
	struct buf name = { 0 };

	c->env = p->env;
	c->tls = p->tls;
	c->link = p->link;
	c->id = p->id;
	c->timed = p->timed;
	if (p->place != NULL)
		c->place = *p->place;
	if (p->awaited_host != NULL)
		c->awaited_host = mem_strdup(p->awaited_host);
	c->awaited_addr = p->awaited_addr;
	c->conf = snapshot_ref(p->conf);
	c->queue_conf = *p->queue_conf;
	if (strcmp(p->domain, SNAPSHOT_DSN_DOMAIN) != 0) /* our own side */
		c->rules = snapshot_replies(c->conf,
		    c->queue_conf.pattern_list);
	c->domain = mem_strdup(p->domain);
	c->vmta = mem_strdup(envelope_vmta_shown(p->vmta));
	buf_printf(&name, "%s/%s", c->domain, c->vmta);
	c->queue = buf_take(&name, NULL);
	c->helo = own_helo(c, p);
	/*
	 * The host MTA is spoken to from the address that the kernel takes:
	 * it trusts loopback, not the addresses that we send from.
	 */
	if (p->source != NULL && strcmp(p->domain, SNAPSHOT_DSN_DOMAIN) != 0) {
		c->source = p->source->addr;
		c->both_families = p->both_families;
		if (p->source->name[0] != '\0')
			c->helo = p->source->name;
	}
	if (c->queue_conf.helo_host[0] != '\0')
		c->helo = c->queue_conf.helo_host;
	c->owner = &session_owner;
	c->post.fn = on_open;
	worker_post(c->env->worker, &c->post);
	return c;
}

static void
return_unused(struct courier *c, struct grant *g)
{
	struct sched_result *results = mem_array(g->count, sizeof(*results));

	for (uint32_t i = 0; i < g->count; i++)
		results[i].fate = FATE_UNUSED;
	dispatch_results(c->env->dispatch, c->link,
	    &(struct dispatch_result){ .grant = g, .results = results });
}

static void
on_grant(struct post *p)
{
	struct grant_post *gp = post_owner(p, struct grant_post, post);
	struct courier *c = gp->courier;
	struct delivery_route route = { .queue = c->queue,
		.domain = c->domain,
		.vmta = c->vmta,
		.snapshot = c->conf,
		.conf = &c->queue_conf,
		.rules = c->rules,
		.session = c->id,
		.port = c->port,
		.use = c->transactions - c->earlier + 1,
		.setup_us = c->setup_us,
		.last_host = c->route != NULL && tour_is_last(&c->tour) };
	const struct smtp_transaction *tx;
	struct outcome why;

	if (c->closed || c->session == NULL) {
		return_unused(c, gp->grant);
		free(gp);
		return;
	}
	CHECK(c->delivery == NULL);
	c->delivery = delivery_new(c->env, gp->grant, &route);
	free(gp);
	tx = delivery_transaction(c->delivery, &why);
	if (tx != NULL) {
		tour_given(&c->tour);
		smtp_session_send(c->session, tx);
		return;
	}
	delivery_fail(&c->delivery, c->link, &why);
	dispatch_ready(c->env->dispatch, c->link);
}

void
courier_grant(struct courier *c, struct grant *g)
{
	struct grant_post *gp = mem_new(struct grant_post);

	gp->post.fn = on_grant;
	gp->courier = c;
	gp->grant = g;
	worker_post(c->env->worker, &gp->post);
}

static void
post_order(struct courier *c, void (*fn)(struct post *))
{
	struct grant_post *gp = mem_new(struct grant_post);

	gp->post.fn = fn;
	gp->courier = c;
	worker_post(c->env->worker, &gp->post);
}

static void
on_close(struct post *p)
{
	struct grant_post *gp = post_owner(p, struct grant_post, post);
	struct courier *c = gp->courier;

	free(gp);
	if (c->closed || c->closing)
		return;
	c->closing = true;
	unhold(c);
	if (c->session != NULL) {
		smtp_session_quit(c->session);
	} else if (c->lookup != NULL && c->route == NULL) {
		mx_lookup_free(&c->lookup);
		courier_end(c, NULL);
	}
}

void
courier_close(struct courier *c)
{
	post_order(c, on_close);
}

static void
on_address(struct post *p)
{
	struct grant_post *gp = post_owner(p, struct grant_post, post);
	struct courier *c = gp->courier;
	bool go = gp->go;

	free(gp);
	CHECK(c->asking && !c->closed);
	c->asking = false;
	if (c->closing) {
		courier_end(c, NULL);
		return;
	}
	if (!go) {
		tour_pass(&c->tour);
		c->no_tls = false; /* was that one's */
	}
	try_next(c, go);
}

void
courier_address(struct courier *c, bool go)
{
	struct grant_post *gp = mem_new(struct grant_post);

	gp->post.fn = on_address;
	gp->courier = c;
	gp->go = go;
	worker_post(c->env->worker, &gp->post);
}

static void
on_locate(struct post *p)
{
	struct grant_post *gp = post_owner(p, struct grant_post, post);
	struct courier *c = gp->courier;
	const struct mx_target *t;

	free(gp);
	if (c->closed || strcmp(c->domain, SNAPSHOT_DSN_DOMAIN) == 0)
		return;
	c->asks = true;
	if (c->session == NULL)
		return;
	t = &c->route->targets[c->tour.next - 1];
	dispatch_located(c->env->dispatch, c->link, t->host, &t->addr);
}

void
courier_locate(struct courier *c)
{
	post_order(c, on_locate);
}

static void
on_hurry(struct post *p)
{
	struct grant_post *gp = post_owner(p, struct grant_post, post);
	struct courier *c = gp->courier;

	free(gp);
	if (!c->closed && c->session != NULL)
		smtp_session_hurry(c->session);
}

static void
on_interrupt(struct post *p)
{
	struct grant_post *gp = post_owner(p, struct grant_post, post);
	struct courier *c = gp->courier;

	free(gp);
	if (c->closed || c->session == NULL)
		return;
	c->closing = true;
	unhold(c);
	smtp_session_interrupt(c->session);
}

void
courier_interrupt(struct courier *c)
{
	post_order(c, on_interrupt);
}

void
courier_hurry(struct courier *c)
{
	post_order(c, on_hurry);
}

static void
on_release(struct post *p)
{
	struct courier *c = post_owner(p, struct courier, post);

	CHECK(c->closed && c->session == NULL && c->delivery == NULL);
	mx_lookup_free(&c->lookup);
	outcome_free(&c->broke);
	outcome_free(&c->failed);
	snapshot_unref(&c->conf);
	free(c->domain);
	free(c->vmta);
	free(c->queue);
	free(c->awaited_host);
	free(c);
}

void
courier_release(struct courier *c)
{
	c->post.fn = on_release;
	worker_post(c->env->worker, &c->post);
}
