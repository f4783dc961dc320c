/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a courier's connection ended, and what that means: told to the log and to
 * the dispatcher.
 */
#include <string.h>

#include "lib/check.h"
#include "lib/files.h"
#include "lib/log.h"
#include "transport/courier_priv.h"
#include "transport/dispatch.h"
#include "transport/mx_route.h"

static void
log_end_of_session(const struct courier *c, const struct outcome *why)
{
	char id[MESSAGE_ID_TEXT], addr[NET_ADDR_TEXT];
	struct log_line l;

	if (c->tour.full && why == NULL)
		return; /* queues that wait for a slot try again and again */
	if (why != NULL && why->kind == OUTCOME_LOCAL_TEMP &&
	    why->phase < PHASE_GREETING) {
		files_log_low(); /* there was none; queues try every second */
		return;
	}
	log_begin(&l, LOG_L_INFO, message_id_text(c->id, id), "session");
	log_str(&l, "queue", c->queue);
	log_int(&l, "transactions", c->transactions);
	if (c->source.family != 0)
		log_str(&l, "source", net_addr_text(&c->source, addr));
	if (why != NULL) {
		if (why->mx != NULL && why->mx[0] != '\0')
			log_str(&l, "mx", why->mx);
		if (why->peer.family != 0)
			log_str(&l, "addr", net_addr_text(&why->peer, addr));
		log_str(&l, "end", outcome_kind_name(why->kind));
		log_str(&l, "phase", outcome_phase_name(why->phase));
		log_str(&l, "text", why->text == NULL ? "" : why->text);
	} else {
		log_str(&l, "end", "quit");
	}
	log_end(&l);
}

static struct judging
judging_of(const struct courier *c)
{
	return (struct judging){ .conf = &c->queue_conf,
		.rules = c->rules,
		.all_refused = !c->closing && c->route != NULL &&
		    tour_all_refused(&c->tour) };
}

/* Does the end of the connection end the recipients of its queue? */
static bool
fails_all(const struct courier *c, const struct outcome *end)
{
	const struct judging by = judging_of(c);
	struct judgement j;

	disposition_judge(end, &by, &j);
	return disposition_fails_all(end, &j);
}

struct effects
courier_judge(struct courier *c, const struct outcome *why)
{
	const struct judging by = judging_of(c);
	struct effects_sum sum = { 0 };
	struct judgement j;

	disposition_judge(why, &by, &j);
	effects_add(&sum, why, &j);
	if (sum.list.n > 0)
		dispatch_judged(c->env->dispatch, c->link, &sum.list);
	return j.effects;
}

void
courier_leave(struct courier *c, struct sched_place *at,
    const struct mx_target *t)
{
	at->shuffle = mx_lookup_shuffle(c->lookup);
	at->no_tls = c->no_tls;
	at->first = c->place.first;
	mx_place_set(at, t);
	c->goes_on = true;
	dispatch_goes_on(c->env->dispatch, c->link, at);
}

/* A host was left for this one, which has been given nothing yet. */
static void
leave_here(struct courier *c)
{
	struct sched_place at = { 0 };

	tour_here(&c->tour, &at);
	courier_leave(c, &at, &c->route->targets[at.next]);
}

void
courier_end(struct courier *c, const struct outcome *why)
{
	const struct outcome *end = why != NULL ? why : c->broke;

	CHECK(!c->closed && c->session == NULL && c->delivery == NULL);
	c->closed = true;
	log_end_of_session(c, end);
	/* Its queue waits for the address that was full: it has not failed. */
	if (c->worked || c->goes_on || (c->tour.full && !c->was_ready))
		end = NULL;
	if (end == NULL && c->was_ready && tour_is_owed(&c->tour))
		leave_here(c);
	dispatch_closed(c->env->dispatch, c->link,
	    end == NULL ? NULL : outcome_copy(end),
	    end != NULL && fails_all(c, end));
}
