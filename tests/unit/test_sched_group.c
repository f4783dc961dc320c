/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a group stands: its queues have one standing, by the name of the group,
 * which is told once and kept once; who comes brings nothing, but what was said
 * while nobody knew where it belongs.
 */
#include "tests/unit/group_world.h"

/* ---- the mode ------------------------------------------------------------ */

static void
test_mode(void)
{
	struct sched_standing_info info;
	struct sched_queue *a, *b;
	struct sched_named *group;
	struct world w;

	begin(&w,
	    BIG LIMITS "<domain a.example>\n backoff-notify a@host.example\n"
		       "</domain>\n");
	a = mail(&w, "a.example");
	b = mail(&w, "b.example");
	group = a->lane->group;
	is_int(slots_max(&group->shared.scope.conns), 8, "normally eight");
	slow(&w, a, w.now + H);
	slow(&w, b, w.now + H);
	is_str(w.told, "backoff big.rollup/; ",
	    "one is slowed down: the group is, which is told once");
	is_str(w.told_to, "ops@host.example", "to whom the group names");
	is_int(slots_max(&group->shared.scope.conns), 2,
	    "its limit is that of backoff");
	is_int(slots_max(&a->scope.conns), UINT32_MAX, "they have none");
	sched_queue_standing(b, w.now, &info);
	ok(info.mode == MODE_BACKOFF && info.until_us == w.now + H &&
		strcmp(info.why, "421 slow down (config:7)") == 0,
	    "each of them says why");
	is_int(sched_queue_mode(mail(&w, "c.example")), MODE_BACKOFF,
	    "one that comes later, too");
	pass(&w, H);
	ok(sched_queue_mode(b) == MODE_RETURN &&
		queue(&w, "big.rollup") != NULL,
	    "an hour later its limits rise");
	pass(&w, 8 * MIN);
	is_int(slots_max(&group->shared.scope.conns), 5, "half way");
	pass(&w, 8 * MIN + S);
	ok(slots_max(&group->shared.scope.conns) == 8 &&
		group->standing == NULL,
	    "then there is nothing to say");
	is_str(w.told,
	    "backoff big.rollup/; return big.rollup/; "
	    "normal big.rollup/; ",
	    "all of it was told once");
	pass(&w, 2 * MIN);
	ok(queue(&w, "big.rollup") == NULL, "and its queue goes");
	end(&w);
}

/* The wait of a member and its place in the list of its mode. */
static void
test_waits(void)
{
	struct sched_queue *a, *b;
	struct world w, next;
	int64_t t;

	begin(&w,
	    BIG "<domain *>\n retry-after 10m, 20m\n"
		" backoff-retry-after 1h, 2h, 4h\n</domain>\n");
	a = mail(&w, "a.example");
	b = mail(&w, "b.example");
	t = sched_queue_failed(w.sched, a, RETRY_QUEUE, "x", w.now, false);
	is_int(t - w.now, 10 * MIN, "normally ten minutes");
	ok(!sched_queue_waits(b, w.now), "which the others do not wait");
	slow(&w, b, BACKOFF_NEVER);
	ok(sched_queue_waits(a, w.now), "its wait goes on in backoff");
	for (int i = 1; i <= 2; i++) {
		pass(&w, t - w.now);
		t = sched_queue_failed(w.sched, a, RETRY_QUEUE, "x", w.now,
		    false);
		is_int(t - w.now, i * H, "in backoff, of that list");
	}
	sched_keep_end(w.sched, w.now);
	begin(&next,
	    BIG "<domain *>\n backoff-retry-after 1h, 2h, 4h\n"
		"</domain>\n");
	next.now = w.now;
	for (unsigned i = 0; i < w.rows_n; i++)
		is_int(sched_restore_kept(next.sched,
			   &(struct sched_was_kept){ slice_of(w.rows[i].name),
			       { w.rows[i].bytes.p, w.rows[i].bytes.len }, 0 },
			   next.now, &(struct err){ 0 }),
		    0, "a row is taken in again");
	a = mail(&next, "a.example");
	pass(&next, t - next.now);
	is_int(sched_queue_failed(next.sched, a, RETRY_QUEUE, "x", next.now,
		   false) -
		next.now,
	    4 * H, "it goes on in its list");
	end(&next);
	end(&w);
}

/* ---- thresholds ---------------------------------------------------------- */

/* What is said of one of them alone is for when it is alone. */
static void
test_settings(void)
{
	struct world w;

	begin(&w,
	    BIG "<domain big.rollup>\n max-errors-per-hour 9\n"
		" backoff-max-smtp-out 4\n</domain>\n"
		"<domain b.example>\n max-errors-per-hour 1\n max-smtp-out 6\n"
		" backoff-max-smtp-out 1\n</domain>\n");
	is_int(sched_queue_standing_conf(mail(&w, "b.example"))
		   ->max_errors_per_hour,
	    9, "thresholds are the group's");
	slow(&w, queue(&w, "b.example"), BACKOFF_NEVER);
	is_int(slots_max(&queue(&w, "b.example")->scope.conns), 6,
	    "its own limit is the same in backoff");
	end(&w);
}

/* ---- what is kept -------------------------------------------------------- */

static void
test_rows(void)
{
	const struct net_addr one = { AF_INET, { 192, 0, 2, 1 } };
	static const struct sched_reason order = { .text = "an order" };
	struct world w;
	struct sched_queue *a;

	begin(&w, BIG SOURCES);
	a = mail(&w, "a.example");
	(void)mail(&w, "b.example");
	slow(&w, a, BACKOFF_NEVER);
	ok(sched_queue_source_off(w.sched, a, &one, STANDING_NEVER, &order,
	       w.now),
	    "a source is disabled for the group");
	ok(!sched_queue_source_off(w.sched, queue(&w, "b.example"), &one,
	       STANDING_NEVER, &order, w.now),
	    "once");
	(void)sched_run(w.sched, w.now);
	ok(w.rows_n == 1 &&
		strcmp(w.rows[0].name, "queue:big.rollup/{default}") == 0,
	    "one row is kept, by the name of the group");
	ok(sched_queue_source_on(w.sched, queue(&w, "b.example"), &one, w.now),
	    "it is used again for all");
	sched_queue_normal(w.sched, queue(&w, "b.example"), &order, w.now);
	(void)sched_run(w.sched, w.now);
	ok(w.rows_n == 1 && w.rows[0].bytes.len == 0 &&
		w.sched->groups.n == 1 && a->lane->group->standing == NULL,
	    "at last it is forgotten");
	end(&w);
}

/*
 * Rows of queues that each stood for itself: the group that they are in takes
 * what they say, and of two the stricter.
 */
static void
test_old_rows(void)
{
	const struct net_addr one = { AF_INET, { 192, 0, 2, 1 } };
	const struct net_addr two = { AF_INET, { 192, 0, 2, 2 } };
	static const struct sched_reason order = { .text = "an order" };
	struct sched_standing_info info;
	struct world old, w;
	struct err e;

	begin(&old, SOURCES);
	slow(&old, mail(&old, "a.example"), NOW + H);
	slow(&old, mail(&old, "b.example"), NOW + 2 * H);
	(void)sched_queue_source_off(old.sched, queue(&old, "b.example"), &one,
	    NOW + 3 * H, &order, old.now);
	slow(&old, mail(&old, "big.rollup"), NOW + MIN);
	(void)sched_queue_source_off(old.sched, queue(&old, "big.rollup"), &two,
	    NOW + 3 * H, &order, old.now);
	(void)sched_queue_failed(old.sched, queue(&old, "a.example"),
	    RETRY_QUEUE, "x", old.now, false);
	(void)sched_run(old.sched, old.now);
	is_int(old.rows_n, 3, "each had a row");
	begin(&w, BIG SOURCES);
	for (unsigned i = 0; i < old.rows_n; i++)
		is_int(
		    sched_restore_kept(w.sched,
			&(struct sched_was_kept){ slice_of(old.rows[i].name),
			    { old.rows[i].bytes.p, old.rows[i].bytes.len }, 0 },
			w.now, &e),
		    0, "a row is taken in");
	sched_queue_standing(mail(&w, "c.example"), w.now, &info);
	ok(info.mode == MODE_BACKOFF && info.until_us == NOW + 2 * H &&
		info.sources_off == 2,
	    "the group is in backoff until the last of them is not");
	ok(sched_queue_waits(queue(&w, "a.example"), w.now) &&
		!sched_queue_waits(queue(&w, "b.example"), w.now),
	    "a wait stays with who waits");
	ok(queue(&w, "a.example")->standing == NULL, "they have none");
	pass(&w, MIN);
	ok(row_of(&w, slice_of("queue:b.example/{default}"))->bytes.len == 0 &&
		row_of(&w, slice_of("queue:big.rollup/{default}"))->bytes.len >
		    0,
	    "and are kept as it is now");
	end(&w);
	end(&old);
}

/* ---- coming and going ---------------------------------------------------- */

static void
test_places(void)
{
	struct world w;
	struct sched_queue *a, *b;

	begin(&w, BY_MX);
	sched_hold(w.sched, false, w.now);
	a = mail(&w, "a.example");
	is_str(w.asked, "a.example", "its hosts are asked for");
	slow(&w, a, BACKOFF_NEVER);
	is_str(w.told, "backoff a.example/; ",
	    "nobody knows yet where it belongs");
	facts(&w, "a.example", "mx.big.test");
	is_str(w.told, "backoff a.example/; backoff big.rollup/; ",
	    "then it is said of its group");
	ok(a->standing == NULL && sched_queue_mode(a) == MODE_BACKOFF,
	    "and of it as of all");
	b = mail(&w, "b.example");
	facts(&w, "b.example", "mx.other.test");
	is_int(sched_queue_mode(b), MODE_NORMAL, "one elsewhere is normal");
	slow(&w, b, BACKOFF_NEVER);
	sched_queue_normal(w.sched, a, &(struct sched_reason){ "x", NULL, 0 },
	    w.now);
	pass(&w, 301 * S);
	is_str(w.asked, "b.example", "five minutes later");
	facts(&w, "b.example", "mx.big.test");
	ok(sched_queue_mode(b) == MODE_NORMAL && b->standing == NULL,
	    "who moves to a group stands as that does");
	slow(&w, b, BACKOFF_NEVER);
	pass(&w, 301 * S);
	facts(&w, "b.example", "mx.other.test");
	is_int(sched_queue_mode(b), MODE_NORMAL, "and as itself when it goes");
	facts(&w, "a.example", "mx.other.test");
	ok(queue(&w, "big.rollup") != NULL, "what the group is in is kept");
	end(&w);
}

/* A reload takes the group away, and brings it back. */
static void
test_reloads(void)
{
	struct world w;

	begin(&w, BIG LIMITS);
	slow(&w, mail(&w, "a.example"), w.now + H);
	reload(&w, LIMITS);
	ok(sched_queue_mode(queue(&w, "a.example")) == MODE_NORMAL &&
		sched_queue_mode(queue(&w, "big.rollup")) == MODE_BACKOFF,
	    "without the group there is the queue of its name");
	reload(&w, BIG LIMITS);
	ok(sched_queue_mode(queue(&w, "a.example")) == MODE_BACKOFF &&
		queue(&w, "big.rollup")->standing == NULL,
	    "which gives the group back what it said");
	reload(&w, LIMITS);
	pass(&w, H + 17 * MIN);
	ok(queue(&w, "big.rollup") == NULL, "it ends at its time");
	end(&w);
}

/* How it stood goes, where nobody may say so of a whole group. */
static void
test_comes(void)
{
	const struct net_addr one = { AF_INET, { 192, 0, 2, 1 } };
	static const struct sched_reason order = { .text = "an order" };
	struct world w;

	begin(&w, LIMITS SOURCES);
	slow(&w, mail(&w, "a.example"), BACKOFF_NEVER);
	(void)sched_queue_source_off(w.sched, queue(&w, "a.example"), &one,
	    STANDING_NEVER, &order, w.now);
	w.told[0] = '\0';
	reload(&w, BIG LIMITS SOURCES);
	ok(sched_queue_mode(queue(&w, "a.example")) == MODE_NORMAL,
	    "who comes into a group brings nothing");
	is_str(w.told, "normal a.example/; on a.example/; ", "which is told");
	end(&w);
}

/* ---- why ----------------------------------------------------------------- */

struct said {
	char limit[64], of[64], backoff[64];
};

static void
on_why(void *ctx, const struct why *w)
{
	struct said *s = ctx;

	if (w->kind == WHY_BACKOFF)
		(void)snprintf(s->backoff, sizeof(s->backoff), "%s", w->name);
	if (w->kind != WHY_LIMIT)
		return;
	(void)snprintf(s->limit, sizeof(s->limit), "%s", w->directive);
	(void)snprintf(s->of, sizeof(s->of), "%s", w->name);
}

static struct said
why(struct world *w, struct sched_queue *q)
{
	struct said s = { "", "", "" };

	sched_why_queue(w->sched, q, w->now, on_why, &s);
	return s;
}

static void
test_why(void)
{
	struct said s;
	struct world w;

	begin(&w,
	    BIG "<domain big.rollup>\n max-smtp-out 2\n"
		" backoff-max-smtp-out 1\n</domain>\n");
	sched_hold(w.sched, false, w.now);
	for (int i = 0; i < 4; i++)
		(void)mail(&w, "a.example");
	s = why(&w, mail(&w, "b.example"));
	ok(strcmp(s.limit, "max-smtp-out") == 0 && s.backoff[0] == '\0',
	    "normally the group's limit: %s", s.limit);
	slow(&w, queue(&w, "a.example"), BACKOFF_NEVER);
	s = why(&w, queue(&w, "b.example"));
	ok(strcmp(s.limit, "backoff-max-smtp-out") == 0 &&
		strcmp(s.of, "big.rollup/{default}") == 0 &&
		strcmp(s.backoff, "big.rollup/{default}") == 0,
	    "in backoff that of backoff, and whose: %s of %s, %s", s.limit,
	    s.of, s.backoff);
	end(&w);
}

/* Who is looked at because all changed is not put off by the next change. */
static void
test_flips(void)
{
	static const char conf[] = BIG
	    "<domain big.rollup>\n backoff-reroute-to-virtual-mta x\n"
	    "</domain>\n<virtual-mta x>\n</virtual-mta>\n";
	static const struct sched_reason delivered = { .text = "a delivery" };
	struct sched_queue *a, *q = NULL;
	struct world w;
	char name[32];

	begin(&w, conf);
	a = mail(&w, "a.example");
	for (int i = 0; i < 2000; i++) {
		(void)snprintf(name, sizeof(name), "d%d.example", i);
		q = mail(&w, name);
	}
	reload(&w, conf);
	for (int i = 0; i < 20; i++) {
		slow(&w, a, w.now + S);
		(void)sched_run(w.sched, w.now);
		sched_queue_normal(w.sched, a, &delivered, w.now);
		(void)sched_run(w.sched, w.now);
	}
	is_int((int)q->generation, (int)w.sched->generation,
	    "while its mode changes all the time the others are looked at");
	end(&w);
}

int
main(void)
{
	conf_file_begin();
	test_mode();
	test_waits();
	test_settings();
	test_rows();
	test_old_rows();
	test_places();
	test_reloads();
	test_comes();
	test_why();
	test_flips();
	conf_file_end();
	return done_testing();
}
