/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mail for which its queue claims scopes may all leave at once: nothing is kept
 * for it then, and others go on.
 */
#include "lib/check.h"
#include "lib/clock.h"
#include "tests/support/fake_conf.h"
#include "tests/support/plain_owner.h"
#include "tests/tap.h"
#include "vmta/sched.h"

#define S US_PER_S
#define STEP_US (10 * US_PER_MS)

struct world {
	struct plain_owner o;
	int64_t start;
	struct sched_queue *a;
};

static void
on_grant(void *ctx, const struct sched_conn *c)
{
	struct world *w = ctx;

	if (sched_queue_domain(sched_conn_queue(c))[0] == 'a')
		w->a = sched_conn_queue(c);
}

static void
on_taken(void *ctx, struct sched_queue *q, struct message *m, uint32_t n,
    uint16_t attempts)
{
	unsigned *taken = ctx;

	(void)q;
	(void)m;
	(void)n;
	(void)attempts;
	++*taken;
}

static void
run_until(struct world *w, int64_t after_us)
{
	for (; w->o.now_us < w->start + after_us; w->o.now_us += STEP_US) {
		(void)sched_run(w->o.sched, w->o.now_us);
		while (plain_owner_answer(&w->o))
			(void)sched_run(w->o.sched, w->o.now_us);
	}
}

/*
 * Mail of the job in a.example has had its turn at the job, and then at its
 * virtual MTA, when another queue had used the job's: it claims both.
 */
static void
claim_both(struct world *w)
{
	static const char *const lines[] = {
		"domain * { connection-idle-timeout 10m }",
		"domain a.example { bounce-after 12s }",
		"job j { max-msg-rate 1/10s }",
		"virtual-mta ip1 { max-smtp-msg-rate 1/10s }"
	};
	struct snapshot *conf = fake_conf_new();
	struct err e;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		CHECK(fake_conf_line(conf, lines[i], &e) == 0);
	*w = (struct world){ .start = 1000 * S };
	plain_owner_init(&w->o, conf, w->start);
	snapshot_unref(&conf);
	w->o.on_grant = on_grant;
	w->o.ctx = w;
	plain_owner_submit(&w->o, "c.example", "ip1", NULL);
	run_until(w, 100 * S);
	plain_owner_submit(&w->o, "b.example", "", "j");
	run_until(w, 101 * S);
	plain_owner_submit(&w->o, "a.example", "ip1", NULL);
	run_until(w, 103 * S);
	plain_owner_submit(&w->o, "a.example", "ip1", "j");
	run_until(w, 110 * S + S / 2);
	plain_owner_submit(&w->o, "b.example", "", "j");
	run_until(w, 116 * S);
	is_int((int64_t)w->o.grants, 4, "one is left, in a.example");
}

static void
end(struct world *w)
{
	run_until(w, 116 * S + 3 * STEP_US);
	is_int((int64_t)w->o.grants, 5, "the other queue's goes at once");
	run_until(w, 1000 * S);
	is_int(plain_owner_conns(&w->o), 0, "and all is over");
	plain_owner_fini(&w->o);
}

int
main(void)
{
	struct world w;
	unsigned taken = 0;

	claim_both(&w);
	plain_owner_submit(&w.o, "c.example", "ip1", NULL);
	sched_queue_take_all(w.o.sched, w.a, on_taken, &taken, w.o.now_us);
	is_int(taken, 1, "its mail is taken");
	end(&w);
	claim_both(&w);
	plain_owner_submit(&w.o, "c.example", "ip1", NULL);
	(void)sched_queue_failed(w.o.sched, w.a, RETRY_QUEUE, "is too old",
	    w.o.now_us, false);
	end(&w);
	return done_testing();
}
