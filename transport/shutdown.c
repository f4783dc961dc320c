/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of transport/transport.h: the way from the signal to an empty event loop.
 * Listeners close, transactions end, commands are answered; what the store was
 * given by then is flushed.  A timer looks how far it is.
 */
#include "transport/transport_priv.h"

#include <event2/event.h>
#include <stdlib.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/daemon.h"
#include "lib/log.h"
#include "transport/control.h"
#include "transport/dispatch.h"
#include "transport/ingress.h"
#include "transport/pickup.h"
#include "transport/suppress_socket.h"
#include "transport/worker_env.h"

/*
 * A stop waits so long for transactions under way: only those behind the
 * final dot could become duplicates.
 */
#define STOP_HURRY_US (10 * US_PER_S)
#define STOP_PATIENCE_US (60 * US_PER_S)
#define STOP_LOOK_US 20000
/* And then so long for clients of the control socket to read their answers. */
#define CONTROL_PATIENCE_US (2 * US_PER_S)

static void
shut_ingress(struct post *p)
{
	struct errand *e = post_owner(p, struct errand, post);

	ingress_shutdown(e->env);
	free(e);
}

static void
take_answer(struct post *p)
{
	struct errand *e = post_owner(p, struct errand, post);

	e->transport->answers++;
	e->transport->sessions_in += e->sessions_in;
	free(e);
}

static void
count_sessions(struct post *p)
{
	struct errand *e = post_owner(p, struct errand, post);

	e->sessions_in = e->env->sessions_in;
	e->post.fn = take_answer;
	worker_post(e->transport->main, &e->post);
}

static void
ask_sessions(struct transport *t)
{
	t->answers = 0;
	t->sessions_in = 0;
	for (size_t i = 0; i < t->count; i++)
		worker_post(t->workers[i],
		    &transport_errand(t, t->envs[i], count_sessions)->post);
}

static void
on_drained(struct post *p)
{
	struct errand *e = post_owner(p, struct errand, post);

	e->transport->drained = true;
	free(e);
}

static void
tell_drained(void *arg) /* on the scheduler's thread */
{
	struct transport *t = arg;

	worker_post(t->main, &transport_errand(t, NULL, on_drained)->post);
}

static void
on_flushed(struct post *p)
{
	struct errand *e = post_owner(p, struct errand, post);

	e->transport->clean = true;
	worker_stop(e->transport->main);
	free(e);
}

static void
tell_flushed(struct store_settle *s) /* on the store's thread */
{
	struct transport *t = post_owner(s, struct transport, barrier);

	worker_post(t->main, &transport_errand(t, NULL, on_flushed)->post);
}

/* Commands under way are answered, by threads that are about to end. */
static bool
control_ended(struct transport *t)
{
	if (t->control_by_us == 0) {
		control_drain(t->control);
		t->control_by_us = clock_us() + CONTROL_PATIENCE_US;
	}
	return control_is_drained(t->control) || clock_us() > t->control_by_us;
}

static void
on_stop_timer(evutil_socket_t fd, short what, void *arg)
{
	struct transport *t = arg;
	bool answered = t->answers == t->count;

	(void)fd;
	(void)what;
	if (t->drained && answered && t->sessions_in == 0) {
		if (!control_ended(t))
			return;
		(void)event_del(t->stop_timer);
		t->barrier.done = tell_flushed;
		store_settle(t->store, &t->barrier);
	} else if (clock_us() > t->hurry_at_us) {
		t->hurry_at_us = INT64_MAX;
		log_note(LOG_L_INFO, "stop",
		    "cutting off transactions before their final dot");
		dispatch_hurry(t->dispatch);
	} else if (clock_us() > t->stop_by_us) {
		log_note(LOG_L_WARN, "stop",
		    "transactions were still under way");
		worker_stop(t->main);
	} else if (answered) {
		ask_sessions(t);
	}
}

void
transport_stop(struct transport *t)
{
	const struct timeval look = { .tv_usec = STOP_LOOK_US };

	if (t->stop_by_us != 0)
		return;
	log_note(LOG_L_INFO, "stop", "finishing what is under way");
	daemon_stopping();
	t->stop_by_us = clock_us() + STOP_PATIENCE_US;
	t->hurry_at_us = clock_us() + STOP_HURRY_US;
	listeners_free(&t->listeners);
	pickup_stop(t->pickup);
	control_stop(t->control);
	suppress_socket_free(&t->suppress_socket);
	for (size_t i = 0; i < t->count; i++)
		worker_post(t->workers[i],
		    &transport_errand(t, t->envs[i], shut_ingress)->post);
	/* Before the barrier: then nothing is posted to a thread that ended. */
	store_load_stop(t->store);
	dispatch_drain(t->dispatch, tell_drained, t);
	ask_sessions(t);
	t->stop_timer = event_new(worker_base(t->main), -1, EV_PERSIST,
	    on_stop_timer, t);
	CHECK(t->stop_timer != NULL && event_add(t->stop_timer, &look) == 0);
}
