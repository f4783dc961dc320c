/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Within a queue origins take turns by their weights, one that is set aside
 * does not hold up the others, and neither counting nor going through the
 * queue loses a recipient.
 */
#include <stdlib.h>

#include "mail/message.h"
#include "tests/tap.h"
#include "vmta/vqueue.h"

enum { HOUR = 1000000000 };

struct bench {
	struct backlog b;
	struct sched_queue *q;
	uint64_t last_id;
};

static void
begin(struct bench *t)
{
	*t = (struct bench){ 0 };
	backlog_init(&t->b);
	t->q = mem_new(struct sched_queue);
	vqueue_init(t->q, &t->b);
}

static void
end(struct bench *t)
{
	vqueue_clear(t->q, &t->b, true, NULL, NULL);
	is_int((int64_t)(t->q->rcpts + t->q->ready + t->q->aside +
		   t->q->ready_groups + t->b.sums.rcpts + t->b.sums.ready +
		   t->b.flows.n),
	    0, "nothing is left");
	vqueue_fini(t->q);
	free(t->q);
	backlog_fini(&t->b);
}

struct mail {
	const char *job;
	uint32_t rcpts;
	uint8_t priority;
	int64_t queued_us;
	int64_t due_us;
};

static uint64_t
add(struct bench *t, struct mail mail)
{
	struct message *m = message_new("", 0);
	struct entry *e;

	m->id = ++t->last_id;
	if (mail.rcpts == 0)
		mail.rcpts = 1;
	e = backlog_entry(&t->b, m,
	    mail.queued_us == 0 ? (int64_t)m->id : mail.queued_us, mail.job,
	    NULL);
	for (uint32_t i = 0; i < mail.rcpts; i++) {
		struct sched_rcpt_in in = { .n = i,
			.priority = mail.priority,
			.due_us = mail.due_us };

		(void)vqueue_add(t->q, &t->b, e, &in, 0);
	}
	message_unref(&m);
	return t->last_id;
}

/* The next transaction of up to max recipients ends well; whose is it? */
static const char *
deliver(struct bench *t, uint32_t max, uint32_t *n_r)
{
	struct rcpt *rcpts[100];
	struct group *g = vqueue_first(t->q);
	const char *job;
	uint32_t n;

	if (g == NULL)
		return NULL;
	job = origins_job(&t->b.origins, g->entry->origin);
	job = job[0] == 'a' ? "a" : job[0] == 'b' ? "b" : "other";
	n = vqueue_take(t->q, g, rcpts, max);
	for (uint32_t i = 0; i < n; i++)
		vqueue_drop(t->q, &t->b, rcpts[i]);
	if (n_r != NULL)
		*n_r = n;
	return job;
}

static void
test_alone(void)
{
	struct bench t;

	begin(&t);
	add(&t, (struct mail){ "a", .queued_us = 2 });
	add(&t, (struct mail){ "a", .queued_us = 1 });
	ok(!t.q->turns.classes[0].several, "one origin is a plain heap");
	is_int((int64_t)vqueue_first(t.q)->entry->id, 2, "the oldest first");
	add(&t, (struct mail){ "b", .queued_us = 3 });
	ok(t.q->turns.classes[0].several, "two are not");
	is_int((int64_t)vqueue_first(t.q)->entry->id, 2,
	    "who was there begins");
	while (deliver(&t, 10, NULL) != NULL)
		;
	ok(!t.q->turns.classes[0].several, "when all are gone one is alone");
	is_int(t.b.flows.n, 0, "and takes no room for others");
	add(&t, (struct mail){ .job = "b" });
	ok(!t.q->turns.classes[0].several, "another one, too");
	is_int(sizeof(struct turns_class), 24, "what each queue pays for it");
	end(&t);
}

static void
test_shares(void)
{
	static const struct {
		const char *label;
		uint32_t a_rcpts, b_rcpts; /* of a message */
		uint16_t a_weight, b_weight;
		uint32_t want; /* of b, of 900 */
	} cases[] = {
		{ "alike", 1, 1, 100, 100, 450 },
		{ "recipients count, not messages", 30, 1, 100, 100, 450 },
		{ "three times the weight", 10, 10, 100, 300, 675 },
		{ "a tenth of it", 1, 50, 1000, 100, 100 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t sent = 0, of_b = 0, n;
		struct bench t;

		begin(&t);
		for (int k = 0; k < 1000; k++) {
			add(&t,
			    (struct mail){ "a", .rcpts = cases[i].a_rcpts });
			add(&t,
			    (struct mail){ "b", .rcpts = cases[i].b_rcpts });
			if (k > 0)
				continue;
			origins_at(&t.b.origins, 1)->weight = cases[i].a_weight;
			origins_at(&t.b.origins, 2)->weight = cases[i].b_weight;
		}
		while (sent < 900) {
			bool is_b = deliver(&t, 100, &n)[0] == 'b';

			sent += n;
			of_b += is_b ? n : 0;
		}
		ok(of_b + 55 > cases[i].want && of_b < cases[i].want + 55,
		    "%s: %u of %u", cases[i].label, of_b, sent);
		end(&t);
	}
}

struct asides {
	unsigned groups, told, most;
};

static bool
on_aside(void *ctx, const struct waiter *w, const struct turns_sum *sum)
{
	struct asides *a = ctx;

	(void)w;
	a->groups += sum->groups;
	return ++a->told < a->most;
}

/* What is aside of an origin, of so many priorities at most. */
static unsigned
groups_aside(const struct bench *t, uint32_t origin, unsigned most)
{
	struct asides a = { .most = most };

	turns_own_aside(&t->q->turns, origin, on_aside, &a);
	return a.groups;
}

static void
test_aside(void)
{
	struct line l;
	struct line_key k = { .vmta_weight = 1, .origin_weight = 1 };
	struct waiter *w, *low;
	uint32_t origin;
	struct bench t;

	line_init(&l);
	begin(&t);
	for (int i = 0; i < 10; i++) {
		add(&t, (struct mail){ "a", .rcpts = 3, .priority = 9 });
		add(&t, (struct mail){ "a", .rcpts = 1, .priority = 5 });
	}
	origin = vqueue_first(t.q)->entry->origin;
	is_int(groups_aside(&t, origin, 2), 0, "none is aside");
	w = vqueue_set_aside(t.q, vqueue_first(t.q));
	line_join(&l, w, &k);
	is_int((int64_t)t.q->ready, 10, "those of the same priority are aside");
	is_int((int64_t)t.q->aside, 30, "and counted");
	is_int(t.q->ready_groups, 10, "groups, too");
	is_int(vqueue_first(t.q)->priority, 5, "a lower priority is next");
	add(&t, (struct mail){ "b", .rcpts = 2, .priority = 9 });
	add(&t, (struct mail){ "a", .rcpts = 1, .priority = 9 });
	is_int((int64_t)t.q->aside, 31, "what comes is set aside with them");
	is_str(deliver(&t, 10, NULL), "b", "others go on");
	low = vqueue_set_aside(t.q, vqueue_first(t.q));
	line_join(&l, low, &k);
	ok(vqueue_first(t.q) == NULL && t.q->ready == 0, "all are aside");
	is_int(groups_aside(&t, origin, 2), 21, "told, of each priority");
	is_int(groups_aside(&t, origin, 1), 11, "until who asks has enough");
	is_int(groups_aside(&t, origin + 1, 2), 0, "of no other");
	is_int(vqueue_oldest(t.q), 1, "they get older all the same");
	ok(vqueue_bring_back(w, false) == t.q, "one comes back to its queue");
	is_int(l.n, 1, "and is not in the line any more");
	is_int((int64_t)t.q->ready, 31, "its recipients are ready");
	is_str(deliver(&t, 2, NULL), "a", "and go on");
	vqueue_take_old(t.q, &t.b, HOUR, NULL, NULL);
	is_int(l.n, 0, "whose mail has gone does not wait in a line");
	end(&t);
}

/* Who comes back has the turn after the others, or the next one. */
static void
test_back(bool first)
{
	struct waiter *w;
	struct bench t;

	begin(&t);
	for (int i = 0; i < 10; i++) {
		add(&t, (struct mail){ "a", .rcpts = 1 });
		add(&t, (struct mail){ "b", .rcpts = 1 });
	}
	w = vqueue_set_aside(t.q, vqueue_first(t.q));
	is_str(deliver(&t, 1, NULL), "b", "one is aside, the other goes on");
	(void)vqueue_bring_back(w, first);
	is_str(deliver(&t, 1, NULL), first ? "a" : "b",
	    first ? "the next turn is its own" : "it waits for its turn");
	is_str(deliver(&t, 1, NULL), first ? "b" : "a", "then the other's");
	end(&t);
}

/* Who is granted and comes back unused finds its place again. */
static void
test_unused(void)
{
	struct rcpt *rcpts[10];
	struct bench t;
	struct group *g;
	uint32_t n;

	begin(&t);
	add(&t, (struct mail){ "a", .rcpts = 10 });
	add(&t, (struct mail){ "b", .rcpts = 10 });
	g = vqueue_first(t.q);
	n = vqueue_take(t.q, g, rcpts, 10);
	is_int(n, 10, "all of a message");
	is_str(deliver(&t, 10, NULL), "b", "the other's turn");
	while (n-- > 0)
		vqueue_untake(t.q, rcpts[n], 0);
	is_int((int64_t)t.q->ready, 10, "back again");
	ok(vqueue_first(t.q) == g, "and first");
	end(&t);
}

/* ---- at random ----------------------------------------------------------- */

enum { MAILS = 400, ORIGINS = 7 };

struct random {
	struct bench t;
	struct line l;
	uint8_t seen[MAILS * 4];
};

static const char *const jobs[ORIGINS] = { "a", "b", "c", "d", "e", "f", NULL };

static bool
see(void *ctx, const struct rcpt *r, bool deferred)
{
	struct random *x = ctx;

	(void)deferred;
	x->seen[r->group->entry->id]++;
	return false;
}

static void
add_random(struct random *x)
{
	add(&x->t,
	    (struct mail){ jobs[random() % ORIGINS],
		(uint32_t)(1 + random() % 3), (uint8_t)(random() % 3),
		(int64_t)x->t.last_id + 1, random() % 4 == 0 ? HOUR : 0 });
}

/* Sets aside whose turn it is, or brings back who waits longest. */
static void
toggle(struct random *x)
{
	struct line_key k = { .vmta_weight = 1, .origin_weight = 1 };
	struct group *g = vqueue_first(x->t.q);

	if (random() % 3 == 0 && line_first(&x->l) != NULL)
		(void)vqueue_bring_back(line_first(&x->l), false);
	else if (g != NULL)
		line_join(&x->l, vqueue_set_aside(x->t.q, g), &k);
}

static bool
counts(const struct random *x)
{
	const struct sched_queue *q = x->t.q;

	return q->rcpts == q->ready + q->aside + q->granted + q->deferred.n &&
	    x->t.b.sums.ready == q->ready + q->aside &&
	    (q->ready > 0) == (vqueue_first(x->t.q) != NULL);
}

/*
 * Mail comes while somebody goes through the queue, and origins are set aside
 * and come back: what is there all the time is met.
 */
static void
test_walk(void)
{
	struct random *x = mem_new(struct random);
	struct vqueue_cursor c;
	bool right = true;
	int missed = 0;

	begin(&x->t);
	line_init(&x->l);
	srandom(99);
	for (int i = 0; i < MAILS; i++)
		add_random(x);
	vqueue_cursor_init(&c);
	while (!vqueue_walk(x->t.q, &c, see, x)) {
		right = right && counts(x);
		if (x->t.last_id < 2 * MAILS && random() % 2 == 0)
			add_random(x);
		if (random() % 4 == 0)
			toggle(x);
	}
	for (int i = 1; i <= MAILS; i++)
		missed += x->seen[i] == 0;
	is_int(missed, 0, "nothing is missed that was there all the time");
	ok(right, "all is counted");
	end(&x->t);
	free(x);
}

static void
test_aside_random(void)
{
	static const struct vqueue_ends silently;
	struct random *x = mem_new(struct random);
	bool right = true;
	uint64_t added = 0;

	begin(&x->t);
	line_init(&x->l);
	srandom(7);
	for (int i = 0; i < 20000; i++) {
		long what = random() % 4;

		if (what == 0 && x->t.q->rcpts < 300) {
			add_random(x);
			added++;
		} else if (what == 1) {
			(void)deliver(&x->t, 1 + (uint32_t)(random() % 3),
			    NULL);
		} else if (what == 2) {
			toggle(x);
		} else {
			vqueue_collect(x->t.q, &x->t.b, HOUR, 0, &silently);
		}
		right = right && counts(x);
		if (x->t.q->ready == 0 && line_first(&x->l) != NULL)
			(void)vqueue_bring_back(line_first(&x->l), false);
	}
	ok(right && added > 1000, "all is counted over %d messages",
	    (int)added);
	end(&x->t);
	is_int(x->l.n, 0, "nobody waits in the line");
	free(x);
}

/* ---- taking some out ----------------------------------------------------- */

static bool
wants_b(void *ctx, const struct rcpt *r, bool deferred)
{
	const struct bench *t = ctx;

	(void)deferred;
	return origins_job(&t->b.origins, r->group->entry->origin)[0] == 'b';
}

static void
count_gone(void *ctx, struct sched_queue *q, struct message *m, uint32_t n,
    uint16_t attempts)
{
	(void)ctx;
	(void)q;
	(void)m;
	(void)n;
	(void)attempts;
}

static void
test_take(void)
{
	struct vqueue_cursor c;
	struct bench t;
	struct vqueue_take take = { wants_b, count_gone, &t };

	begin(&t);
	for (int i = 0; i < 300; i++)
		add(&t,
		    (struct mail){ i % 3 == 0 ? "b" :
			    i % 3 == 1        ? "a" :
						"c",
			2, (uint8_t)(i % 2), .due_us = i % 5 == 0 ? HOUR : 0 });
	vqueue_cursor_init(&c);
	while (!vqueue_take_wanted(t.q, &t.b, &c, &take, 7))
		;
	is_int((int64_t)t.q->rcpts, 400, "all of one job have gone");
	is_int((int64_t)(t.q->ready + t.q->deferred.n), 400, "no other");
	for (const char *job; (job = deliver(&t, 10, NULL)) != NULL;)
		if (job[0] == 'b')
			break;
	ok(vqueue_first(t.q) == NULL, "none of it is sent");
	end(&t);
}

int
main(void)
{
	test_alone();
	test_shares();
	test_aside();
	test_back(false);
	test_back(true);
	test_unused();
	test_walk();
	test_aside_random();
	test_take();
	return done_testing();
}
