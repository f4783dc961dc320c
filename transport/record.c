/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/record.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/check.h"
#include "lib/log.h"
#include "mail/acct_record.h"
#include "mail/classify.h"
#include "mail/message.h"
#include "mail/verp.h"
#include "mail/xtext.h"

static const struct {
	enum acct_type type;
	const char *action, *word;
} forms[] = {
	[DISPOSE_DELIVERED] = { ACCT_D, "relayed", "delivered" },
	[DISPOSE_FAIL] = { ACCT_B, "failed", "failed" },
	[DISPOSE_EXPIRE] = { ACCT_B, "failed", "expired" },
	[DISPOSE_SUPPRESS] = { ACCT_B, "failed", "suppressed" },
	[DISPOSE_DELETE] = { ACCT_B, "failed", "deleted" },
	[DISPOSE_RETRY] = { ACCT_T, "delayed", "deferred" },
};

enum acct_type
record_type(enum disposition_what what)
{
	return forms[what].type;
}

const char *
record_word(enum disposition_what what)
{
	return forms[what].word;
}

/*
 * "smtp;250 2.0.0 ok", or our own words under our own name; readers of files
 * know what a queue failed by from the third.
 */
static const char *
diagnosis_prefix(const struct outcome *o, const struct disposition *d)
{
	if (d->by_queue)
		return "x-pmta;bounce-queue ";
	return (o->kind == OUTCOME_REPLY && !o->ours) ||
		o->kind == OUTCOME_DELIVERED ?
	    "smtp;" :
	    "x-mailrace;";
}

/* Of what ends in doubt: what that means for the message. */
static const char *
doubt(const struct outcome *o, const struct disposition *d)
{
	if (!o->in_doubt)
		return "";
	switch (d->what) {
	case DISPOSE_DELIVERED:
		return " (counted as delivered)";
	case DISPOSE_FAIL:
	case DISPOSE_SUPPRESS:
	case DISPOSE_DELETE:
		return " (message may have been delivered)";
	case DISPOSE_EXPIRE:
	case DISPOSE_RETRY:
	case DISPOSE_UNUSED:
		break;
	}
	return " (message may be sent more than once)";
}

static const char *
diagnosis(const struct outcome *o, const struct disposition *d, char *out,
    size_t cap)
{
	const char *text = o->text == NULL ? "" : o->text;

	if (d->short_421 && o->kind == OUTCOME_REPLY && o->code == 421)
		text = "421 service unavailable";
	(void)STR_JOIN(out, cap, diagnosis_prefix(o, d), text, doubt(o, d));
	return out;
}

static const char *
category(const struct disposition *d)
{
	return d->category != NULL ? d->category : bounce_class_name(d->class);
}

static const char *
host_and_address(const struct outcome *o, char *out, size_t cap)
{
	char addr[NET_ADDR_TEXT];

	out[0] = '\0';
	if (o->mx != NULL && o->mx[0] != '\0')
		(void)STR_JOIN(out, cap, o->mx, " (",
		    net_addr_text(&o->peer, addr), ")");
	return out;
}

/*
 * ORCPT and ENVID travel as xtext (RFC 3461, 4); those who read accounting
 * files compare them with what they wrote.
 */
static const char *
plain_text(const char *xtext, struct region *rg)
{
	const char *text;

	if (strchr(xtext, '+') == NULL)
		return xtext;
	text = xtext_decode(slice_of(xtext), rg);
	return text == NULL ? xtext : text;
}

/* The usual address type is left out. */
static const char *
plain_address(const char *orcpt, struct region *rg)
{
	bool usual = strncasecmp(orcpt, "rfc822;", 7) == 0;

	return plain_text(usual ? orcpt + 7 : orcpt, rg);
}

/* The copies that the envelope has of header fields. */
static void
add_headers(const struct envelope *env, struct region *rg,
    struct acct_record *a)
{
	struct acct_extra *list;

	if (env->header_count == 0)
		return;
	list = region_array(rg, env->header_count, sizeof(*list));
	for (size_t i = 0; i < env->header_count; i++) {
		list[i].name = region_printf(rg, "header_%s",
		    env->headers[i].name);
		list[i].value = env->headers[i].value;
	}
	a->extras = list;
	a->extra_count = env->header_count;
}

/* "TLSv1.3 NAME" */
static void
set_tls(const char *tls, struct region *rg, struct acct_record *a)
{
	const char *blank = tls == NULL ? NULL : strchr(tls, ' ');

	if (blank == NULL)
		return;
	a->dlv_tls_protocol = region_strndup(rg, tls, (size_t)(blank - tls));
	a->dlv_tls_cipher = blank + 1;
}

static const char *
source_type(const struct env_rcpt *rcpt)
{
	return strcmp(rcpt->domain, SNAPSHOT_DSN_DOMAIN) == 0 ? "dsn" : "smtp";
}

/* Of mail that nobody sends yet, or that never will be. */
static const char *
accepted_sender(const struct envelope *env, uint32_t n, struct region *rg)
{
	return (env->flags & ENVELOPE_VERP) == 0 ?
	    env->sender :
	    verp_make(env->sender, env->rcpts[n].addr, rg);
}

void
record_pack(const struct record_of *r, struct buf *out)
{
	const struct env_rcpt *rcpt = &r->env->rcpts[r->n];
	const struct outcome *o = r->outcome;
	char diag[1200], mta[320], source[NET_ADDR_TEXT], peer[NET_ADDR_TEXT];
	struct acct_record a = { .type = forms[r->disposition->what].type,
		.id = r->id,
		.rcpt_number = r->n };
	bool delivered = a.type == ACCT_D;

	a.logged_us = o->wall_us;
	a.queued_us = r->env->arrival_us;
	a.orig = r->orig != NULL ? r->orig :
				   accepted_sender(r->env, r->n, r->rg);
	a.rcpt = rcpt->addr;
	a.orcpt = plain_address(rcpt->orcpt, r->rg);
	a.dsn_action = forms[r->disposition->what].action;
	memcpy(a.dsn_status.code, r->disposition->dsn, 3);
	a.dsn_diag = diagnosis(o, r->disposition, diag, sizeof(diag));
	a.dsn_mta = host_and_address(o, mta, sizeof(mta));
	a.bounce_cat = delivered ? "" : category(r->disposition);
	a.src_type = source_type(rcpt);
	a.src_mta = r->env->src_mta;
	a.dlv_type = "smtp";
	a.dlv_source_ip = net_addr_text(&o->source, source);
	a.dlv_destination_ip = net_addr_text(&o->peer, peer);
	a.dlv_esmtp = o->esmtp;
	a.dlv_size = delivered ? o->size : 0;
	a.vmta = r->vmta;
	a.job_id = r->env->job;
	a.env_id = plain_text(r->env->envid, r->rg);
	a.queue = r->queue;
	a.vmta_pool = rcpt->pool;
	a.rcv_smtp_user = r->env->auth_user;
	a.first_attempt_us = r->first_attempt_us;
	set_tls(o->tls, r->rg, &a);
	add_headers(r->env, r->rg, &a);
	acct_record_pack(&a, out);
}

/* The reference has the pool in vmta where one was chosen. */
void
record_receipt_pack(const struct record_receipt *r, struct buf *out)
{
	const struct envelope *env = r->env;
	const struct env_rcpt *rcpt = &env->rcpts[r->n];
	char source[NET_ADDR_TEXT], destination[NET_ADDR_TEXT];
	struct acct_record a = { .type = ACCT_R,
		.rcpt_number = r->n,
		.logged_us = env->arrival_us,
		.orig = accepted_sender(env, r->n, r->rg),
		.rcpt = rcpt->addr,
		.orcpt = plain_address(rcpt->orcpt, r->rg),
		.src_type = source_type(rcpt),
		.src_mta = env->src_mta,
		.rcv_source_ip = net_addr_text(&r->source, source),
		.rcv_destination_ip = net_addr_text(&r->destination,
		    destination),
		.vmta = rcpt->pool[0] != '\0' ? rcpt->pool :
						envelope_vmta_shown(rcpt->vmta),
		.job_id = env->job,
		.env_id = plain_text(env->envid, r->rg),
		.vmta_pool = rcpt->pool,
		.rcv_smtp_user = env->auth_user };

	add_headers(env, r->rg, &a);
	acct_record_pack(&a, out);
}

void
record_queue_pack(const char *queue, const char *vmta, const struct outcome *o,
    const struct queue_conf *conf, struct buf *out)
{
	const struct disposition d = disposition_failed(o, conf);
	char diag[1200], mta[320], source[NET_ADDR_TEXT], peer[NET_ADDR_TEXT];
	struct acct_record a = { .type = ACCT_TQ,
		.logged_us = o->wall_us,
		.dsn_diag = diagnosis(o, &d, diag, sizeof(diag)),
		.dsn_mta = host_and_address(o, mta, sizeof(mta)),
		.dlv_type = "smtp",
		.dlv_source_ip = net_addr_text(&o->source, source),
		.dlv_destination_ip = net_addr_text(&o->peer, peer),
		.vmta = vmta,
		.queue = queue };

	memcpy(a.dsn_status.code, d.dsn, 3);
	acct_record_pack(&a, out);
}

/* A line is 4 KB of stack, which is zeroed. */
static void
log_attempt(const struct record_of *r)
{
	const struct outcome *o = r->outcome;
	char id[MESSAGE_ID_TEXT], addr[NET_ADDR_TEXT];
	struct log_line l;

	log_begin(&l, LOG_L_INFO, message_id_text(r->id, id), "attempt");
	if (r->env->host_id[0] != '\0')
		log_str(&l, "host-id", r->env->host_id);
	log_str(&l, "result", record_word(r->disposition->what));
	log_str(&l, "queue", r->queue);
	log_fmt(&l, "to", "<%s>", r->env->rcpts[r->n].addr);
	if (o->mx != NULL && o->mx[0] != '\0') {
		log_str(&l, "mx", o->mx);
		log_str(&l, "addr", net_addr_text(&o->peer, addr));
	}
	if (o->source.family != 0)
		log_str(&l, "source", net_addr_text(&o->source, addr));
	log_str(&l, "phase", outcome_phase_name(o->phase));
	if (o->code != 0)
		log_int(&l, "code", o->code);
	log_fmt(&l, "dsn", "%u.%u.%u", r->disposition->dsn[0],
	    r->disposition->dsn[1], r->disposition->dsn[2]);
	if (r->disposition->what != DISPOSE_DELIVERED)
		log_str(&l, "class", category(r->disposition));
	if (r->disposition->what == DISPOSE_RETRY)
		log_fmt(&l, "next", "%llds",
		    (long long)(r->disposition->retry_after_us / 1000000));
	if (r->disposition->place.file != NULL)
		log_fmt(&l, "rule", "%s:%u", r->disposition->place.file,
		    r->disposition->place.line);
	if (o->tls != NULL && o->tls[0] != '\0')
		log_str(&l, "tls", o->tls);
	if (o->in_doubt)
		log_str(&l, "in-doubt", "yes");
	log_str(&l, "text", o->text == NULL ? "" : o->text);
	log_end(&l);
}

void
record_log(const struct record_of *r)
{
	CHECK(r->disposition->what != DISPOSE_UNUSED);
	if (log_wants(LOG_L_INFO))
		log_attempt(r);
}
