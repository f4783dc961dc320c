/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/ingress_limits.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/failures.h"
#include "lib/gauge.h"
#include "transport/ingress_priv.h"

struct ingress_counts {
	struct ref refs;
	struct crowd *crowd;
	struct failures *failures;
	struct gauge *outside;
};

enum { CLIENT_TEXT = NET_ADDR_TEXT + 8 };

struct ingress_counts *
ingress_counts_new(void)
{
	struct ingress_counts *c = mem_new(struct ingress_counts);

	ref_init(&c->refs);
	c->crowd = crowd_new();
	c->failures = failures_new();
	c->outside = gauge_new();
	return c;
}

struct ingress_counts *
ingress_counts_ref(struct ingress_counts *c)
{
	ref_get(&c->refs);
	return c;
}

void
ingress_counts_unref(struct ingress_counts **cp)
{
	struct ingress_counts *c = *cp;

	*cp = NULL;
	if (c == NULL || !ref_put(&c->refs))
		return;
	crowd_free(&c->crowd);
	failures_free(&c->failures);
	gauge_unref(&c->outside);
	free(c);
}

uint32_t
ingress_counts_open(struct ingress_counts *c)
{
	return crowd_inside(c->crowd);
}

/*
 * What counts as one client: who has one IPv6 address has a /64 of them.
 * A kind of count stands in front, where one table has several.
 */
static void
client_text(const struct ingress_session *s, const char *kind,
    char out[CLIENT_TEXT])
{
	struct net_addr a = s->peer.addr;
	char text[NET_ADDR_TEXT];

	if (a.family == AF_INET6)
		memset(a.a + 8, 0, 8);
	(void)STR_JOIN(out, CLIENT_TEXT, kind,
	    s->peer.is_unix ? "unix" : net_addr_text(&a, text));
}

/* ---- places -------------------------------------------------------------- */

void
ingress_leave(struct ingress_session *s)
{
	crowd_leave(s->door->counts->crowd, &s->place);
	if (s->outside)
		gauge_leave(s->door->counts->outside);
	s->outside = false;
}

enum crowd_answer
ingress_enter(struct ingress_session *s)
{
	char client[CLIENT_TEXT];
	struct crowd_ask ask = { .max = snapshot_global(s->conf)->max_conns_in,
		.group = s->source.group,
		.guest = client,
		.guest_max = s->source.max_client_conns };

	ask.groups = snapshot_source_groups(s->conf, &ask.group_count);
	client_text(s, "", client);
	ingress_leave(s);
	return crowd_enter(s->door->counts->crowd, &ask, &s->place);
}

static bool
awaits_slot(const struct ingress_session *s)
{
	const struct listener_conf *l;

	if (snapshot_global(s->conf)->await_slot)
		return true;
	if (s->door->protocol == INGRESS_LMTP)
		return false;
	l = snapshot_listener(s->conf, s->door->name);
	return l != NULL && l->await_slot;
}

bool
ingress_wait_outside(struct ingress_session *s)
{
	const struct global_conf *g = snapshot_global(s->conf);

	CHECK(!s->outside && !s->place.inside);
	s->outside = awaits_slot(s) &&
	    gauge_enter(s->door->counts->outside, g->max_conns_in);
	return s->outside;
}

/* ---- failures ------------------------------------------------------------ */

static const char *const kinds[] = {
	[INGRESS_FAILED] = "",
	[INGRESS_FAILED_AUTH] = "auth ",
};

bool
ingress_may_fail(const struct ingress_session *s, enum ingress_failure what,
    const struct rate *rate)
{
	char client[CLIENT_TEXT];

	if (rate->period_us == 0)
		return true;
	client_text(s, kinds[what], client);
	return failures_allows(s->door->counts->failures, client, rate,
	    clock_us());
}

void
ingress_count_failure(const struct ingress_session *s,
    enum ingress_failure what, const struct rate *rate)
{
	char client[CLIENT_TEXT];

	if (rate->period_us == 0)
		return;
	client_text(s, kinds[what], client);
	failures_add(s->door->counts->failures, client, rate->period_us,
	    clock_us());
}

/* ---- time ---------------------------------------------------------------- */

static bool
is_in_message(const struct ingress_session *s)
{
	return s->state == INGRESS_DATA || s->state == INGRESS_CHUNK;
}

int64_t
ingress_patience_us(const struct ingress_session *s)
{
	if (s->state == INGRESS_COMMAND || s->state == INGRESS_AUTH ||
	    s->state == INGRESS_SLOT)
		return s->source.command_timeout;
	if (is_in_message(s))
		return s->source.data_timeout;
	return (int64_t)ingress_state_timeout_s(s->state) * US_PER_S;
}

int64_t
ingress_deadline_us(const struct ingress_session *s, int64_t now_us,
    size_t came)
{
	int64_t latest = now_us + ingress_patience_us(s), earned;

	if (!is_in_message(s))
		return s->deadline_us;
	earned = s->deadline_us + (int64_t)came * US_PER_S / INGRESS_RATE_MIN;
	return earned < latest ? earned : latest;
}

/* ---- who brings nothing -------------------------------------------------- */

/* Others are mistakes, or have limits of their own. */
static const bool leads_nowhere[SMTP_VERB_COUNT] = {
	[SMTP_VERB_EHLO] = true,
	[SMTP_VERB_HELO] = true,
	[SMTP_VERB_HELP] = true,
	[SMTP_VERB_LHLO] = true,
	[SMTP_VERB_NOOP] = true,
	[SMTP_VERB_RSET] = true,
	[SMTP_VERB_VRFY] = true,
	[SMTP_VERB_XACK] = true,
	[SMTP_VERB_XCLIENT] = true,
	[SMTP_VERB_XFORWARD] = true,
};

const char *
ingress_is_idle(struct ingress_session *s, enum smtp_verb verb)
{
	uint32_t max = s->source.max_idle_commands;

	if (verb == SMTP_VERB_QUIT)
		return NULL;
	if (s->source.idle_timeout != 0 &&
	    clock_us() - s->message_us >= s->source.idle_timeout)
		return "no message for too long";
	if (leads_nowhere[verb] && max != 0 && ++s->idle_commands > max)
		return "too many commands without a message";
	return NULL;
}

void
ingress_not_idle(struct ingress_session *s)
{
	s->idle_commands = 0;
	s->message_us = clock_us();
	s->messages++;
}
