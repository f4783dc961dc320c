/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/sweep.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/check.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "mail/envelope.h"
#include "transport/record.h"

/* What is with the store until its done(). */
struct load {
	struct store_settle settle;
	struct buf items, records;
};

struct sweep {
	struct store *store;
	struct load *load; /* being filled, or NULL */

	/* The envelope read last: recipients of one message come in a row. */
	uint64_t id;
	struct region *rg;
	struct envelope env;
};

struct sweep *
sweep_new(struct store *store)
{
	struct sweep *s = mem_new(struct sweep);

	s->store = store;
	s->rg = region_new();
	return s;
}

static void
load_free(struct load *l)
{
	buf_fini(&l->items);
	buf_fini(&l->records);
	free(l);
}

void
sweep_free(struct sweep **sp)
{
	struct sweep *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	CHECK(s->load == NULL);
	region_free(&s->rg);
	free(s);
}

static void
on_done(struct store_settle *settle)
{
	load_free(post_owner(settle, struct load, settle));
}

/* False: its record is broken; the recipient is settled all the same. */
static bool
read_envelope(struct sweep *s, const struct message *m)
{
	char id[MESSAGE_ID_TEXT];
	struct err e;

	if (s->id == m->id && s->env.rcpt_count > 0)
		return true;
	region_reset(s->rg);
	s->id = m->id;
	if (envelope_unpack(m->env, m->env_len, s->rg, &s->env, &e) == 0)
		return true;
	s->env.rcpt_count = 0;
	log_note(LOG_L_ERROR, "envelope", "message %s: %s",
	    message_id_text(m->id, id), e.text);
	return false;
}

void
sweep_add(struct sweep *s, const struct sweep_rcpt *rcpt,
    const struct outcome *o, const struct disposition *what)
{
	const char *vmta = sched_queue_vmta(rcpt->queue);
	char queue[600];
	struct store_settled item = { .id = rcpt->msg->id,
		.n = rcpt->n,
		.verdict = what->what == DISPOSE_EXPIRE ? VERDICT_EXPIRED :
							  VERDICT_FAILED,
		.attempts = rcpt->attempts };
	struct record_of r = { .rg = s->rg,
		.id = rcpt->msg->id,
		.env = &s->env,
		.n = rcpt->n,
		.queue = queue,
		.outcome = o,
		.disposition = what };

	CHECK(what->what == DISPOSE_EXPIRE || what->what == DISPOSE_FAIL);
	if (s->load == NULL)
		s->load = mem_new(struct load);
	buf_add(&s->load->items, &item, sizeof(item));
	r.vmta = vmta[0] == '\0' ? "{default}" : vmta;
	(void)snprintf(queue, sizeof(queue), "%s/%s",
	    sched_queue_domain(rcpt->queue), r.vmta);
	if (!read_envelope(s, rcpt->msg) || rcpt->n >= s->env.rcpt_count)
		return;
	record_pack(&r, &s->load->records);
	record_log(&r);
}

void
sweep_flush(struct sweep *s)
{
	struct load *l = s->load;

	/* Envelopes are borrowed from messages that may go after this round. */
	s->env.rcpt_count = 0;
	if (l == NULL)
		return;
	s->load = NULL;
	l->settle.items = (void *)l->items.p;
	l->settle.count = l->items.len / sizeof(struct store_settled);
	l->settle.records = l->records.p;
	l->settle.records_len = l->records.len;
	l->settle.done = on_done;
	store_settle(s->store, &l->settle);
}
