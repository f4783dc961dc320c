/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/arrival.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "mail/waybill.h"

/* The engine's clock does not step; the wall clock may have. */
static int64_t
engine_offset(void)
{
	return clock_us() - clock_wall_us();
}

static struct sched_rcpt_in
rcpt_in(const struct waybill *bill, const struct waybill_run *run, uint32_t n,
    int64_t engine_us)
{
	return (struct sched_rcpt_in){ .n = n,
		.domain = run->domain,
		.vmta = run->vmta,
		.priority = run->priority,
		.by_pool = run->by_pool,
		.queued_us = bill->arrival_us + engine_us,
		.job = bill->job,
		.user = bill->user,
		.room = bill->room,
		.one_by_one = bill->one_by_one,
		.spans = &bill->spans };
}

void
arrival_accepted(struct sched *s, struct message *m, struct slice waybill,
    const bool *known, struct region *rg)
{
	int64_t engine_us = engine_offset();
	struct sched_rcpt_in *in;
	struct waybill bill;
	uint32_t n = 0;
	size_t count = 0;
	struct err e;

	if (waybill_unpack(waybill.p, waybill.len, rg, &bill, &e) == -1) {
		char id[MESSAGE_ID_TEXT];

		log_note(LOG_L_ERROR, "envelope", "message %s: %s",
		    message_id_text(m->id, id), e.text);
		region_reset(rg);
		return;
	}
	in = region_array(rg, bill.rcpt_count, sizeof(*in));
	for (uint32_t r = 0; r < bill.run_count; r++)
		for (uint32_t i = 0; i < bill.runs[r].count; i++, n++)
			if (!known[n])
				in[count++] = rcpt_in(&bill, &bill.runs[r], n,
				    engine_us);
	if (count > 0)
		sched_add(s, m, in, count, clock_us());
	region_reset(rg);
}

static void
add_found(struct sched *s, const struct store_arrival *a, struct region *rg,
    int64_t now_us, int64_t engine_us)
{
	struct sched_rcpt_in *in = region_array(rg, a->count, sizeof(*in));
	struct message *m = message_at(a->id, &a->loc);
	const struct waybill_run *run = a->waybill.runs;
	uint32_t end = run->count; /* of the run, by number */

	for (uint32_t i = 0; i < a->count; i++) {
		const struct store_rcpt *r = &a->rcpts[i];

		while (r->n >= end)
			end += (++run)->count;
		in[i] = rcpt_in(&a->waybill, run, r->n, engine_us);
		in[i].is_left = true;
		in[i].attempts = r->attempts;
		if (r->due_wall_us == STORE_ON_HOLD)
			in[i].due_us = SCHED_ON_HOLD;
		else if (r->due_wall_us != 0)
			in[i].due_us = r->due_wall_us + engine_us;
	}
	sched_add(s, m, in, a->count, now_us);
	message_unref(&m);
	region_reset(rg);
}

void
arrival_recovered(struct sched *s, const struct store_arrivals *list,
    struct region *rg)
{
	int64_t now_us = clock_us(), engine_us = engine_offset();
	const struct store_arrival *a;

	STAILQ_FOREACH(a, &list->list, link)
	add_found(s, a, rg, now_us, engine_us);
}
