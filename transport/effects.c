/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/effects.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/check.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/str.h"
#include "mail/envelope.h"
#include "transport/source_fault.h"

/* ---- the list ------------------------------------------------------------ */

/* The rows say what is asked: the same rows ask the same. */
static bool
asks_the_same(const struct effects *a, const struct effects *b)
{
	for (int k = 0; k < REPLY_KINDS; k++)
		if (a->at[k].line != b->at[k].line ||
		    a->at[k].file != b->at[k].file)
			return false;
	return a->skip_mx == b->skip_mx;
}

/* One reply may be for a thousand recipients. */
static void
note(struct effects_list *l, const struct outcome *o, const struct judgement *j)
{
	if (!disposition_has_effects(&j->effects))
		return;
	for (size_t i = 0; i < l->n; i++)
		if (asks_the_same(&l->v[i].what, &j->effects))
			return;
	l->v = mem_realloc(l->v, (l->n + 1) * sizeof(l->v[0]));
	l->v[l->n++] = (struct effects_note){ .what = j->effects,
		.rcpt = j->rcpt,
		.why = outcome_copy(o) };
}

/* A host that is skipped does not set the queue's wait back. */
void
effects_add(struct effects_sum *sum, const struct outcome *o,
    const struct judgement *j)
{
	enum disposition_conn what = disposition_conn(o);

	sum->tally.attempts += disposition_was_called(o);
	sum->tally.errors += j->is_error;
	sum->tally.delivered += j->rcpt.what == DISPOSE_DELIVERED;
	note(&sum->list, o, j);
	if (j->effects.skip_mx) {
		sum->skipped = o;
		return;
	}
	sum->worked = sum->worked || what == CONN_WORKED;
	if (what == CONN_BROKE)
		sum->broke = o;
}

void
effects_fini(struct effects_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		outcome_free(&l->v[i].why);
	free(l->v);
	*l = (struct effects_list){ 0 };
}

/* ---- at the scheduler's -------------------------------------------------- */

struct failing {
	const struct effects_to *to;
	const struct effects_failed *how;
};

static void
fail_one(void *ctx, struct sched_queue *q, struct message *m, uint32_t n,
    uint16_t attempts)
{
	const struct failing *f = ctx;

	f->to->owner->failed(f->to->ctx, f->how, q, m, n, attempts);
}

static void
log_queue(const struct sched_queue *q, const char *action,
    const struct reply_place *at, const struct outcome *why)
{
	struct log_line l;

	log_begin(&l, LOG_L_INFO, NULL, "reply-rule");
	log_fmt(&l, "queue", "%s/%s", sched_queue_domain(q),
	    envelope_vmta_shown(sched_queue_vmta(q)));
	log_str(&l, "action", action);
	log_fmt(&l, "rule", "%s:%u", at->file, at->line);
	log_str(&l, "text", why->text);
	log_end(&l);
}

static void
defer(const struct effects_to *to, struct sched_queue *q,
    const struct outcome *why, int64_t now_us, bool tried)
{
	if (!sched_queue_waits(q, now_us) && to->owner->waits != NULL)
		to->owner->waits(to->ctx, q, why);
	(void)sched_queue_failed(to->sched, q, disposition_retry(why),
	    why->text, now_us, tried);
}

/* A server that was ready for mail can take what still waits its turn. */
static bool
is_unreachable(const struct outcome *why)
{
	return why->phase < PHASE_MAIL && disposition_retry(why) != RETRY_DNS;
}

/* What is being sent ends with its own reply. */
static void
bounce_queue(const struct effects_to *to, struct sched_queue *q,
    const struct effects_note *n, int64_t now_us)
{
	struct disposition what = n->rcpt;
	const struct effects_failed how = { n->why, &what };
	struct failing f = { to, &how };

	what.what = DISPOSE_FAIL;
	what.by_queue = true;
	what.place = n->what.at[REPLY_ROUTE];
	sched_queue_take_all(to->sched, q, fail_one, &f, now_us);
}

static int64_t
end_of(int64_t after_us, int64_t never, int64_t now_us)
{
	return after_us > never - now_us ? never : now_us + after_us;
}

static struct sched_reason
reason_of(const struct effects_note *n, enum reply_kind kind)
{
	const struct reply_place *at = &n->what.at[kind];

	return (struct sched_reason){ n->why->text, at->file, at->line };
}

static void
set_mode(const struct effects_to *to, struct sched_queue *q,
    const struct effects_note *n, int64_t now_us)
{
	const struct sched_reason why = reason_of(n, REPLY_MODE);

	if (n->what.backoff)
		sched_queue_backoff(to->sched, q,
		    end_of(n->what.normal_after_us, BACKOFF_NEVER, now_us),
		    &why, now_us);
	else
		sched_queue_normal(to->sched, q, &why, now_us);
}

/* False: it was there. */
static bool
told_add(struct effects_told *told, const char *vmta)
{
	for (size_t i = 0; i < told->n; i++)
		if (strcasecmp(told->v[i], vmta) == 0)
			return false;
	told->v = mem_realloc(told->v, (told->n + 1) * sizeof(told->v[0]));
	told->v[told->n++] = mem_strdup(vmta);
	return true;
}

void
effects_told_fini(struct effects_told *told)
{
	for (size_t i = 0; i < told->n; i++)
		free(told->v[i]);
	free(told->v);
	*told = (struct effects_told){ 0 };
}

/* Said once of a virtual MTA: each reply would say so. */
static void
tell_no_source(const struct effects_to *to, const struct sched_queue *q,
    const struct effects_note *n)
{
	const struct reply_place *at = &n->what.at[REPLY_SOURCE];

	if (to->told == NULL || !told_add(to->told, sched_queue_vmta(q)))
		return;
	log_note(LOG_L_WARN, "reply-rule",
	    "%s:%u: disable-source-ip, and %s has no smtp-source-host: its "
	    "queue waits instead",
	    at->file, at->line, envelope_vmta_shown(sched_queue_vmta(q)));
}

/* Of connections that hear the same the first switches it off. */
static bool
disable_source(const struct effects_to *to, struct sched_conn *c,
    const struct effects_note *n, int64_t now_us)
{
	const struct sched_reason why = reason_of(n, REPLY_SOURCE);
	const struct net_addr *a = &sched_conn_source(c)->addr;
	struct sched_queue *q = sched_conn_queue(c);

	if (a->family == 0) {
		tell_no_source(to, q, n);
		defer(to, q, n->why, now_us, is_unreachable(n->why));
		return false;
	}
	(void)sched_queue_source_off(to->sched, q, a,
	    end_of(n->what.reenable_after_us, STANDING_NEVER, now_us), &why,
	    now_us);
	return true;
}

static bool
apply_one(const struct effects_to *to, struct sched_conn *c,
    const struct effects_note *n, int64_t now_us)
{
	struct sched_queue *q = sched_conn_queue(c);
	const struct effects *e = &n->what;
	bool off = false;

	if (e->backoff || e->normal)
		set_mode(to, q, n, now_us);
	if (e->disable_source)
		off = disable_source(to, c, n, now_us);
	if (e->defer_queue) {
		log_queue(q, "defer-queue", &e->at[REPLY_DEFER], n->why);
		defer(to, q, n->why, now_us, is_unreachable(n->why));
	}
	if (e->bounce_queue) {
		log_queue(q, "bounce-queue", &e->at[REPLY_ROUTE], n->why);
		bounce_queue(to, q, n, now_us);
	}
	return off;
}

bool
effects_apply(const struct effects_to *to, struct sched_conn *c,
    const struct effects_list *l, int64_t now_us)
{
	bool off = false;

	for (size_t i = 0; i < l->n; i++)
		if (apply_one(to, c, &l->v[i], now_us))
			off = true;
	return off;
}

bool
effects_is_counted(bool before, const struct sched_tally *tally, bool skipped)
{
	return !skipped && (before || tally->attempts > 0);
}

static void
count_failure(const struct effects_to *to, struct sched_conn *c,
    const struct outcome *why, int64_t now_us)
{
	static const struct sched_tally failure = { .attempts = 1,
		.errors = 1 };

	if (disposition_was_called(why))
		sched_conn_tally(to->sched, c, &failure, now_us);
}

static bool
is_to_host(const struct sched_queue *q)
{
	return strcmp(sched_queue_domain(q), SNAPSHOT_DSN_DOMAIN) == 0;
}

/* The connection never got to work: what does that mean for its queue? */
void
effects_conn_failed(const struct effects_to *to, struct sched_conn *c,
    const struct effects_end *end, int64_t now_us)
{
	const struct outcome *why = end->why;
	struct sched_queue *q = sched_conn_queue(c);
	const struct disposition what = disposition_failed(why,
	    sched_queue_conf(q));
	const struct effects_failed how = { why, &what };
	struct failing f = { to, &how };
	const struct queue_conf *conf;

	if (source_fault(to->sched, c, why) || sched_conn_is_spare(c))
		return;
	if (!end->counted)
		count_failure(to, c, why, now_us);
	if (end->source_off)
		return; /* the queue goes on from its others */
	/* Asked again: what was counted may have brought new settings in. */
	conf = sched_queue_conf(q);
	switch (disposition_queue(why, conf, end->fails,
	    sched_conn_has_peers(c), is_to_host(q))) {
	case QUEUE_IS_FINE:
		break; /* sched_closed() has it tried again in a second */
	case QUEUE_GOES_ON:
		sched_conn_refused(to->sched, c, why->text, now_us);
		break;
	case QUEUE_FAILS_OLD:
		sched_queue_take_old(to->sched, q,
		    now_us - conf->bounce_no_mx_us, fail_one, &f, now_us);
		defer(to, q, why, now_us, is_unreachable(why));
		break;
	case QUEUE_WAITS:
		defer(to, q, why, now_us, is_unreachable(why));
		break;
	case QUEUE_FAILS:
		sched_queue_take_all(to->sched, q, fail_one, &f, now_us);
		break;
	}
}
