/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MAIL, when its sender may be there: DNS is asked about the client as its source
 * says, then there has to be room.  Of transport/ingress_priv.h.
 */
#include <string.h>

#include "lib/check.h"
#include "transport/ingress_merge.h"
#include "transport/ingress_priv.h"
#include "transport/vet.h"

/* ---- room ---------------------------------------------------------------- */

static void
say_mail(struct ingress_session *s, const char *refusal)
{
	if (refusal != NULL) {
		ingress_merge_free(&s->tx.merge);
		/* XFORWARD's word stays for the next try. */
		s->tx.open = false;
		if (s->xforwards == 0)
			ingress_tx_reset(s);
	}
	ingress_reply(s, "%s", refusal == NULL ? "250 2.1.0 OK" : refusal);
}

static const char *
no_room(bool room)
{
	return room ? NULL : "452 4.3.1 no room in the queue";
}

static void
on_room(struct gate_ticket *t)
{
	struct ingress_session *s = ingress_of_ticket(t);

	if (s->state != INGRESS_CLOSED)
		say_mail(s, no_room(t->passed));
	ingress_resume(s);
}

static enum ingress_state
ask_room(struct ingress_session *s)
{
	enum ingress_room room;

	s->ticket.until_us = 0;
	room = ingress_room(s, GATE_MAIL, 0, on_room);
	if (room == ROOM_LATER)
		return INGRESS_WAIT;
	say_mail(s, no_room(room == ROOM_NOW));
	return INGRESS_COMMAND;
}

/* ---- DNS ----------------------------------------------------------------- */

/*
 * "yes" is for strangers: neither for who has signed in, nor for what a host MTA
 * hands over by LMTP or at its own listener, which has made up its mind and
 * would have to bounce it.
 */
static bool
is_wanted(const struct ingress_session *s, const char *word)
{
	bool named = ingress_named_client(s).family != 0;

	if (strcmp(word, "yes") != 0)
		return strcmp(word, "always") == 0;
	return s->door->protocol != INGRESS_LMTP && !s->by_host &&
	    (s->user == NULL || named) && ingress_client_is_known(s);
}

static void
on_vetted(void *arg, const struct vet_verdict *verdict)
{
	struct ingress_session *s = arg;
	enum ingress_state next;

	s->vet = NULL;
	if (verdict->refusal != NULL) {
		say_mail(s, verdict->refusal);
		ingress_resume(s);
		return;
	}
	for (size_t i = 0; i < verdict->results.n; i++)
		auth_results_add(&s->tx.results,
		    region_strdup(s->tx_rg, verdict->results.v[i]), s->tx_rg);
	next = ask_room(s);
	if (next == INGRESS_WAIT)
		ingress_held(s, next);
	else
		ingress_resume(s);
}

void
ingress_mail_forget(struct ingress_session *s)
{
	vet_cancel(&s->vet);
}

enum ingress_state
ingress_mail(struct ingress_session *s)
{
	struct vet_in in = { .env = s->env,
		.client = ingress_policy_client(s),
		.helo = s->helo,
		.sender = s->tx.sender,
		.receiver = s->host,
		.fn = on_vetted,
		.arg = s };
	struct source_conf conf;

	s->tx.results = (struct auth_results){ 0 };
	s->tx.verify = false;
	if (!snapshot_checks_clients(s->conf))
		return ask_room(s);
	receive_source(s, NULL, &conf);
	in.conf = &conf;
	if (ingress_client_is_known(s)) {
		in.iprev = is_wanted(s, conf.check_iprev);
		in.spf = is_wanted(s, conf.check_spf);
	}
	s->tx.verify = is_wanted(s, conf.check_dkim);
	if (!in.iprev && !in.spf)
		return ask_room(s);
	if (ingress_named_client(s).family != 0)
		in.helo = s->xforward.helo == NULL ? "" : s->xforward.helo;
	s->vet = vet_new(&in);
	return INGRESS_VET;
}
