/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/refusals.h"

#include <string.h>

#include "lib/log.h"
#include "transport/ingress_priv.h"
#include "transport/suppressing.h"
#include "vmta/suppress.h"

/* ---- who is refused ------------------------------------------------------ */

static void
log_suppressed(const struct ingress_session *s, const struct ingress_rcpt *rcpt,
    const struct suppressing_said *said)
{
	char client[NET_ADDR_TEXT];
	struct log_line l;

	log_begin(&l, LOG_L_INFO, NULL, "suppressed");
	if (s->xforward.ident != NULL)
		log_str(&l, "host-id", s->xforward.ident);
	log_str(&l, "client", net_addr_text(&s->peer.addr, client));
	log_fmt(&l, "from", "<%s>", s->tx.sender);
	log_fmt(&l, "to", "<%s>", rcpt->addr);
	log_str(&l, "list", said->list);
	log_end(&l);
}

/* The reply to one that is not clear; who is listed is noted. */
static const char *
refuse(struct ingress_session *s, const struct ingress_rcpt *rcpt,
    const struct letter_way *way, const struct suppressing_said *said)
{
	struct ingress_tx *tx = &s->tx;

	if (said->state != SUPPRESS_LISTED)
		return REGION_JOIN(s->tx_rg, "451 4.3.0 ", said->text);
	tx->refused = region_grow(s->tx_rg, tx->refused, tx->refused_count,
	    sizeof(*tx->refused));
	tx->refused[tx->refused_count++] = (struct ingress_refused){
		.rcpt = *rcpt,
		.text = said->text,
		.vmta = way == NULL ? NULL : way->vmta,
		.pool = way == NULL ? "" : way->pool,
	};
	suppressing_refused(s->env->suppressing);
	if (log_wants(LOG_L_INFO))
		log_suppressed(s, rcpt, said);
	return REGION_JOIN(s->tx_rg, "550 5.7.1 ", said->text);
}

/* Of whom a host MTA names here only the end of data tells. */
static const struct suppress_set *
lists_at_rcpt(struct ingress_session *s)
{
	struct suppress_set *lists = region_new_obj(s->tx_rg,
	    struct suppress_set);
	struct source_conf source;

	receive_source(s, NULL, &source);
	suppress_set_of(s->conf,
	    &(struct suppress_scope){ .source = s->by_host ? NULL : &source },
	    lists);
	return lists;
}

const char *
refusals_rcpt(struct ingress_session *s, const struct smtp_cmd *c)
{
	struct suppressing_said said;
	struct ingress_rcpt rcpt;

	if (s->tx.lists == NULL)
		s->tx.lists = lists_at_rcpt(s);
	if (suppressing_ask(s->env->suppressing, s->conf, s->tx.lists,
		c->addr.text, s->cmd_rg, &said) == SUPPRESS_CLEAR)
		return NULL;
	rcpt = (struct ingress_rcpt){
		.addr = region_strdup(s->tx_rg, c->addr.text),
		.domain = region_strdup(s->tx_rg, c->addr.domain),
		.orcpt = region_strdup(s->tx_rg, c->orcpt),
		.notify = c->notify,
	};
	said.text = region_strdup(s->tx_rg, said.text);
	return refuse(s, &rcpt, NULL, &said);
}

/* ---- the end of data ----------------------------------------------------- */

/* By recipient; NULL: all are clear. */
static struct suppressing_said *
ask_all(struct ingress_session *s, const struct letter *l)
{
	struct suppressing_said *said = region_array(s->tx_rg, s->tx.rcpt_count,
	    sizeof(*said));
	const struct letter_way *way = NULL;
	struct suppress_set lists;
	struct source_conf source;
	bool any = false;

	receive_source(s, l->auth_user, &source);
	for (size_t i = 0; i < s->tx.rcpt_count; i++) {
		if (strcmp(s->tx.rcpts[i].domain, SNAPSHOT_DSN_DOMAIN) == 0)
			continue; /* to the host itself: clear */
		if (l->ways[i] != way) {
			way = l->ways[i];
			suppress_set_of(s->conf,
			    &(struct suppress_scope){ .source = &source,
				.vmta = way->vmta,
				.pool = way->pool,
				.job = l->job },
			    &lists);
		}
		if (suppressing_ask(s->env->suppressing, s->conf, &lists,
			s->tx.rcpts[i].addr, s->tx_rg,
			&said[i]) != SUPPRESS_CLEAR)
			any = true;
	}
	return any ? said : NULL;
}

static bool
are_all_listed(const struct ingress_session *s,
    const struct suppressing_said *said)
{
	for (size_t i = 0; i < s->tx.named; i++)
		if (said[i].state != SUPPRESS_LISTED)
			return false;
	return true;
}

/*
 * Who is clear moves up.  Nobody has named those behind tx->named: of whom no
 * list can tell may stay there, and wait before his delivery.
 */
static void
keep_clear(struct ingress_session *s, struct letter *l,
    const struct suppressing_said *said)
{
	struct ingress_tx *tx = &s->tx;
	uint8_t *signatures = region_array(s->tx_rg, tx->rcpt_count, 1);
	size_t kept = 0, named = 0;

	tx->told = region_array(s->tx_rg, tx->named, sizeof(char *));
	tx->told_count = tx->named;
	for (size_t i = 0; i < tx->rcpt_count; i++) {
		bool has_reply = i < tx->named;

		if (said[i].state == SUPPRESS_LISTED ||
		    (has_reply && said[i].state == SUPPRESS_UNSURE)) {
			const char *reply = refuse(s, &tx->rcpts[i], l->ways[i],
			    &said[i]);

			if (has_reply)
				tx->told[i] = reply;
			continue;
		}
		tx->rcpts[kept] = tx->rcpts[i];
		l->ways[kept] = l->ways[i];
		if (l->signing != NULL)
			signatures[kept] = l->signatures[i];
		kept++;
		named += has_reply;
	}
	tx->rcpt_count = kept;
	tx->named = named;
	l->signatures = signatures;
}

const char *
refusals_at_end(struct ingress_session *s, struct letter *l)
{
	const struct suppressing_said *said;

	if (snapshot_suppress_count(s->conf) == 0)
		return NULL;
	said = ask_all(s, l);
	if (said == NULL ||
	    (s->door->protocol == INGRESS_SMTP && !are_all_listed(s, said)))
		return NULL;
	keep_clear(s, l, said);
	s->tx.job = l->job;
	s->tx.user = l->auth_user;
	return s->tx.named == 0 ? s->tx.told[0] : NULL;
}

const char *
refusals_lists(struct ingress_session *s, const struct letter *l)
{
	struct source_conf source;
	const char *all = "";

	if (snapshot_suppress_count(s->conf) == 0)
		return "";
	receive_source(s, l->auth_user, &source);
	for (size_t i = 0; i < source.suppression_lists.n; i++)
		all = REGION_JOIN(s->tx_rg, all, i == 0 ? "" : ",",
		    source.suppression_lists.v[i]);
	return all;
}

/* ---- who cannot be read -------------------------------------------------- */

static void
log_unparsed(const struct ingress_session *s, const char *addr)
{
	char client[NET_ADDR_TEXT];
	struct log_line l;

	log_begin(&l, LOG_L_INFO, NULL, "bad-recipient");
	log_str(&l, "client", net_addr_text(&s->peer.addr, client));
	log_fmt(&l, "from", "<%s>", s->tx.sender);
	log_fmt(&l, "to", "<%s>", addr);
	log_end(&l);
}

void
refusals_unparsed(struct ingress_session *s, const struct smtp_cmd *c,
    const char *addr)
{
	struct ingress_tx *tx = &s->tx;

	tx->unparsed = region_grow(s->tx_rg, tx->unparsed, tx->unparsed_count,
	    sizeof(*tx->unparsed));
	tx->unparsed[tx->unparsed_count++] = (struct ingress_rcpt){
		.addr = region_strdup(s->tx_rg, addr),
		.domain = "",
		.orcpt = region_strdup(s->tx_rg, c->orcpt),
		.notify = c->notify,
	};
	if (log_wants(LOG_L_INFO))
		log_unparsed(s, addr);
}
