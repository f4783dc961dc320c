/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/effects.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/log.h"
#include "lib/mem.h"
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
    const struct outcome *why, int64_t now_us)
{
	if (!sched_queue_waits(q, now_us) && to->owner->waits != NULL)
		to->owner->waits(to->ctx, q, why);
	(void)sched_queue_failed(to->sched, q, disposition_retry(why),
	    why->text, now_us);
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

static void
apply_one(const struct effects_to *to, struct sched_conn *c,
    const struct effects_note *n, int64_t now_us)
{
	struct sched_queue *q = sched_conn_queue(c);
	const struct effects *e = &n->what;

	if (e->defer_queue) {
		log_queue(q, "defer-queue", &e->at[REPLY_DEFER], n->why);
		defer(to, q, n->why, now_us);
	}
	if (e->bounce_queue) {
		log_queue(q, "bounce-queue", &e->at[REPLY_ROUTE], n->why);
		bounce_queue(to, q, n, now_us);
	}
}

bool
effects_apply(const struct effects_to *to, struct sched_conn *c,
    const struct effects_list *l, int64_t now_us)
{
	for (size_t i = 0; i < l->n; i++)
		apply_one(to, c, &l->v[i], now_us);
	return false;
}

/* The connection never got to work: what does that mean for its queue? */
void
effects_conn_failed(const struct effects_to *to, struct sched_conn *c,
    const struct outcome *why, bool fails, int64_t now_us)
{
	struct sched_queue *q = sched_conn_queue(c);
	const struct queue_conf *conf = sched_queue_conf(q);
	const struct disposition what = disposition_failed(why, conf);
	const struct effects_failed how = { why, &what };
	struct failing f = { to, &how };

	if (source_fault(to->sched, c, why, now_us))
		return;
	switch (disposition_queue(why, conf, fails, sched_conn_has_peers(c))) {
	case QUEUE_IS_FINE:
		break; /* sched_closed() has it tried again in a second */
	case QUEUE_GOES_ON:
		sched_conn_refused(to->sched, c, why->text, now_us);
		break;
	case QUEUE_FAILS_OLD:
		sched_queue_take_old(to->sched, q,
		    now_us - conf->bounce_no_mx_us, fail_one, &f, now_us);
		defer(to, q, why, now_us);
		break;
	case QUEUE_WAITS:
		defer(to, q, why, now_us);
		break;
	case QUEUE_FAILS:
		sched_queue_take_all(to->sched, q, fail_one, &f, now_us);
		break;
	}
}
