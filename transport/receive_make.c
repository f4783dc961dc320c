/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/receive_make.h"

#include <event2/bufferevent.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "mail/acct_record.h"
#include "transport/record.h"
#include "transport/refusals.h"
#include "transport/trace.h"
#include "vmta/sealing_run.h"

/* ---- the letter ---------------------------------------------------------- */

static const char *
or_empty(const char *s)
{
	return s == NULL ? "" : s;
}

static const char *
trace_name(struct ingress_session *s)
{
	const struct trace_client c = { s->helo, s->peer.name, &s->peer.addr,
		s->tx.utf8 };

	return trace_client_text(&c, s->tx_rg);
}

/* To which the client itself connected; behind a host MTA nobody knows. */
static struct net_addr
policy_local(const struct ingress_session *s)
{
	struct net_addr local = s->peer.local;

	if (s->peer.told)
		return local;
	if (s->door->protocol == INGRESS_SMTP && s->xforward.ident == NULL &&
	    ingress_named_client(s).family == 0)
		net_local_addr(bufferevent_getfd(s->bev), &local);
	return local;
}

struct letter_work *
receive_begin_letter(struct ingress_session *s, const struct source_conf *conf)
{
	const struct ingress_tx *tx = &s->tx;
	const char **rcpts = region_array(s->tx_rg, tx->rcpt_count,
	    sizeof(*rcpts));
	const char **domains = region_array(s->tx_rg, tx->rcpt_count,
	    sizeof(*domains));
	struct letter_in *in = region_new_obj(s->tx_rg, struct letter_in);
	/* Mail of no client at all: the null sender is the host's own. */
	bool own = receive_is_host(s) && ingress_named_client(s).family == 0 &&
	    tx->sender[0] == '\0';

	*in = (struct letter_in){
		.env = s->env,
		.conf = s->conf,
		.client = ingress_policy_client(s),
		.local = policy_local(s),
		.source = s->listener_source,
		.auth_user = ingress_user(s),
		.sender = tx->sender,
		.rcpts = rcpts,
		.domains = domains,
		.rcpt_count = tx->rcpt_count,
		.named_count = tx->named,
		.hops_max = conf->max_hops,
		.text = { tx->text.p == NULL ? "" : tx->text.p, tx->text.len },
		.queue_id = or_empty(s->xforward.ident),
		.id_in_trace = receive_is_host(s) &&
		    !(s->by_exim && s->xforward.ident != NULL),
		.host_notice = own,
		.relayed = receive_is_relayed(s),
		.submission = receive_is_submission(s),
		.settings = receive_settings(s, conf),
		.given = tx->given,
		.host = s->host,
		.from = trace_name(s),
		.with = receive_protocol(s),
		.results = tx->results,
		.verify = tx->verify,
		.now_us = clock_wall_us(),
	};
	for (size_t i = 0; i < tx->rcpt_count; i++) {
		rcpts[i] = tx->rcpts[i].addr;
		domains[i] = tx->rcpts[i].domain;
	}
	return letter_begin(in, s->tx_rg);
}

/* ---- the envelope -------------------------------------------------------- */

static int
letter_flags(const struct ingress_session *s, const struct letter *l)
{
	bool verp = (s->tx.verp || l->verp) && l->sender[0] != '\0';

	return (l->has_8bit ? ENVELOPE_8BIT : 0) |
	    (s->tx.utf8 ? ENVELOPE_UTF8 : 0) |
	    (l->notice ? ENVELOPE_NOTICE : 0) | (verp ? ENVELOPE_VERP : 0);
}

void
receive_ask_keys(struct ingress_session *s, struct dkim_answers *wants,
    void (*fn)(void *arg), void *arg)
{
	const struct keys_ask_in in = { .dns = s->env->dns,
		.worker = s->env->worker,
		.timeout_us = SEALING_DNS_US,
		.fn = fn,
		.arg = arg };

	s->keys = keys_ask_new(&in, wants);
}

struct envelope
receive_envelope(struct ingress_session *s, const struct letter *l)
{
	const struct ingress_tx *tx = &s->tx;
	struct envelope env = {
		.arrival_us = receive_arrival(s, l),
		.sender = l->sender,
		.envid = tx->envid[0] != '\0' ? tx->envid : l->envid,
		.job = l->job,
		.auth_user = l->auth_user,
		.host_id = l->queue_id,
		.src_mta = receive_peer_name(s),
		.lists = refusals_lists(s, l),
		.spans = l->spans,
		.signing = l->signing,
		.headers = l->headers,
		.header_count = l->header_count,
		.ret = tx->ret,
		.flags = (uint8_t)(letter_flags(s, l) |
		    receive_notice_flags(s)),
		.rcpt_count = (uint32_t)tx->rcpt_count,
	};

	env.rcpts = region_array(s->tx_rg, tx->rcpt_count, sizeof(*env.rcpts));
	for (size_t i = 0; i < tx->rcpt_count; i++) {
		const struct ingress_rcpt *r = &tx->rcpts[i];

		env.rcpts[i] = (struct env_rcpt){ .addr = r->addr,
			.domain = r->domain,
			.vmta = l->ways[i]->vmta,
			.pool = l->ways[i]->pool,
			.orcpt = r->orcpt,
			.notify = r->notify,
			.priority = l->priority,
			.signatures = l->signing == NULL ? 0 :
							   l->signatures[i] };
	}
	return env;
}

/* ---- receipts ------------------------------------------------------------ */

/* Neighbours mostly have the same queue. */
static bool
is_disabled(const struct snapshot *conf, const struct env_rcpt *rcpt,
    const struct env_rcpt *before, bool was)
{
	struct queue_conf queue;

	if (before != NULL && strcmp(before->domain, rcpt->domain) == 0 &&
	    strcmp(before->vmta, rcpt->vmta) == 0)
		return was;
	snapshot_queue_conf(conf, rcpt->domain, rcpt->vmta, &queue);
	return acct_is_disabled(&queue, ACCT_R);
}

/* A record for each recipient, where an accounting file takes them. */
static void
make_receipts(const struct ingress_session *s, const struct envelope *env,
    struct made *m)
{
	struct record_receipt of = { .rg = s->tx_rg,
		.env = env,
		.source = receive_client_addr(s) };
	bool disabled = false;

	if ((snapshot_acct_wants(s->conf)->types & ACCT_BIT(ACCT_R)) == 0)
		return;
	net_local_addr(bufferevent_getfd(s->bev), &of.destination);
	m->ends = mem_array(env->rcpt_count, sizeof(*m->ends));
	for (of.n = 0; of.n < env->rcpt_count; of.n++) {
		const struct env_rcpt *rcpt = &env->rcpts[of.n];

		disabled = is_disabled(s->conf, rcpt,
		    of.n == 0 ? NULL : rcpt - 1, disabled);
		if (!disabled)
			record_receipt_pack(&of, &m->records);
		m->ends[of.n] = (uint32_t)m->records.len;
	}
	m->receipts.p = m->records.p;
	m->receipts.ends = m->ends;
	m->receipts.id_at = ACCT_RECORD_ID_AT;
}

/* ---- all together -------------------------------------------------------- */

void
receive_make(struct ingress_session *s, const struct envelope *env,
    struct letter *l, struct made *m)
{
	struct buf packed = { 0 };

	*m = (struct made){ .rcpt_count = env->rcpt_count,
		.size = l->body->len };
	envelope_pack(env, &packed);
	waybill_pack(env, &m->waybill);
	m->msg = message_new(packed.p, (uint32_t)packed.len);
	m->msg->body = l->body; /* moved */
	l->body = NULL;
	buf_fini(&packed);
	make_receipts(s, env, m);
}

const struct store_receipts *
made_receipts(const struct made *m)
{
	return m->ends == NULL ? NULL : &m->receipts;
}

void
made_fini(struct made *m)
{
	message_unref(&m->msg);
	buf_fini(&m->waybill);
	buf_fini(&m->records);
	free(m->ends);
}
