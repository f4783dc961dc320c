/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a group stands: its queues have one standing, by the name of the group,
 * which is told once and kept once; who comes brings nothing, but what was said
 * while nobody knew where it belongs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "mail/message.h"
#include "tests/conf_file.h"
#include "tests/tap.h"
#include "vmta/sched.h"
#include "vmta/sched_keep.h"
#include "vmta/sched_priv.h"
#include "vmta/sched_why.h"
#include "vmta/snapshot.h"

#define S US_PER_S
#define MIN (60 * S)
#define H (3600 * S)
#define NOW (1000 * H)

enum { ROWS = 8 };

struct row {
	char name[80];
	struct buf bytes;
};

struct world {
	struct sched *sched;
	int64_t now;
	char told[400];        /* events, one behind the other */
	char asked[80];        /* of MX hosts, last */
	struct row rows[ROWS]; /* what is kept now */
	unsigned rows_n;
};

/* ---- its owner ----------------------------------------------------------- */

static void
on_open(void *ctx, struct sched_conn *c)
{
	(void)ctx;
	(void)c;
}

static void
on_event(void *ctx, const struct sched_event *e)
{
	static const char *const words[] = { [SCHED_BACKOFF] = "backoff",
		[SCHED_RETURN] = "return",
		[SCHED_NORMAL] = "normal",
		[SCHED_SOURCE_OFF] = "off",
		[SCHED_SOURCE_ON] = "on",
		[SCHED_ALL_OFF] = "all-off",
		[SCHED_MOVED] = "moved" };
	struct world *w = ctx;
	size_t len = strlen(w->told);

	(void)snprintf(w->told + len, sizeof(w->told) - len, "%s %s/%s; ",
	    words[e->kind], e->domain, e->vmta);
}

static void
on_resolve(void *ctx, const char *domain)
{
	struct world *w = ctx;

	(void)snprintf(w->asked, sizeof(w->asked), "%s", domain);
}

static struct row *
row_of(struct world *w, struct slice name)
{
	for (unsigned i = 0; i < w->rows_n; i++)
		if (slice_eq(name, w->rows[i].name))
			return &w->rows[i];
	CHECK(w->rows_n < ROWS);
	(void)snprintf(w->rows[w->rows_n].name, sizeof(w->rows[0].name), "%.*s",
	    (int)name.len, name.p);
	return &w->rows[w->rows_n++];
}

static void
on_keep(void *ctx, struct slice name, struct slice bytes, uint64_t ticket)
{
	struct row *r = row_of(ctx, name);

	(void)ticket;
	buf_clear(&r->bytes);
	if (bytes.len > 0)
		buf_add(&r->bytes, bytes.p, bytes.len);
}

/* ---- a world ------------------------------------------------------------- */

static struct snapshot *
conf_of(const char *text)
{
	struct conf_errors errs = { 0 };
	struct snapshot *s;

	conf_file_put("main", text);
	s = snapshot_load(conf_file_path("main"), &errs);
	CHECK(s != NULL);
	conf_errors_fini(&errs);
	return s;
}

static void
begin(struct world *w, const char *text)
{
	static const struct sched_owner owner = { .open = on_open,
		.event = on_event,
		.resolve = on_resolve,
		.keep = on_keep };
	struct snapshot *conf = conf_of(text);

	*w = (struct world){ .now = NOW };
	w->sched = sched_new(conf, &owner, w, w->now);
	snapshot_unref(&conf);
	sched_hold(w->sched, true, w->now); /* no connections */
}

static void
reload(struct world *w, const char *text)
{
	struct snapshot *conf = conf_of(text);

	sched_reload(w->sched, conf, w->now);
	snapshot_unref(&conf);
	(void)sched_run(w->sched, w->now);
}

static void
end(struct world *w)
{
	while (!TAILQ_EMPTY(&w->sched->conns)) {
		struct sched_conn *c = TAILQ_FIRST(&w->sched->conns);

		sched_closed(w->sched, &c, w->now);
	}
	sched_free(&w->sched);
	for (unsigned i = 0; i < w->rows_n; i++)
		buf_fini(&w->rows[i].bytes);
}

static void
pass(struct world *w, int64_t us)
{
	int64_t end = w->now + us, next;

	while ((next = sched_run(w->sched, w->now)) < end)
		w->now = next > w->now ? next : w->now + 1;
	w->now = end;
	(void)sched_run(w->sched, w->now);
}

/* Mail for it, and its queue. */
static struct sched_queue *
mail(struct world *w, const char *domain)
{
	static uint64_t id;
	const struct sched_rcpt_in in = { .domain = domain,
		.vmta = "",
		.queued_us = w->now };
	struct message *m = message_at(++id, &(struct message_loc){ 0 });

	sched_add(w->sched, m, &in, 1, w->now);
	message_unref(&m);
	(void)sched_run(w->sched, w->now);
	return queue_find(w->sched, domain_obj_find(&w->sched->domains, domain),
	    vmta_find(w->sched, ""));
}

static struct sched_queue *
queue(const struct world *w, const char *domain)
{
	const struct domain_obj *d = domain_obj_find(&w->sched->domains,
	    domain);

	return d == NULL ? NULL :
			   queue_find(w->sched, d, vmta_find(w->sched, ""));
}

static void
slow(struct world *w, struct sched_queue *q, int64_t until_us)
{
	static const struct sched_reason why = { "421 slow down", "config", 7 };

	sched_queue_backoff(w->sched, q, until_us, &why, w->now);
}

static void
facts(struct world *w, const char *domain, const char *host)
{
	const char *const hosts[] = { host };
	const struct mx_facts f = { .ok = true,
		.n = 1,
		.hosts = hosts,
		.has_v4 = true,
		.ttl_us = 300 * S };

	sched_resolved(w->sched, domain, &f, w->now);
	(void)sched_run(w->sched, w->now);
}

#define SOURCES \
	"smtp-source-host 192.0.2.1 a.example\n" \
	"smtp-source-host 192.0.2.2 b.example\n"
#define BIG \
	"<provider big>\n domain a.example, b.example, c.example\n" \
	" rollup big.rollup\n</provider>\n"
#define BY_MX \
	"<provider big>\n mx *.big.test\n rollup big.rollup\n</provider>\n"
#define LIMITS \
	"<domain big.rollup>\n max-smtp-out 8\n backoff-max-smtp-out 2\n" \
	" backoff-return-interval 16m\n</domain>\n"

/* ---- the mode ------------------------------------------------------------ */

static void
test_mode(void)
{
	struct sched_standing_info info;
	struct sched_queue *a, *b;
	struct sched_named *group;
	struct world w;

	begin(&w, BIG LIMITS);
	a = mail(&w, "a.example");
	b = mail(&w, "b.example");
	group = a->lane->group;
	is_int(slots_max(&group->shared.scope.conns), 8, "normally eight");
	slow(&w, a, w.now + H);
	slow(&w, b, w.now + H);
	is_str(w.told, "backoff big.rollup/; ",
	    "one is slowed down: the group is, which is told once");
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
	t = sched_queue_failed(w.sched, a, RETRY_QUEUE, "x", w.now);
	is_int(t - w.now, 10 * MIN, "normally ten minutes");
	ok(!sched_queue_waits(b, w.now), "which the others do not wait");
	slow(&w, b, BACKOFF_NEVER);
	ok(sched_queue_waits(a, w.now), "its wait goes on in backoff");
	for (int i = 1; i <= 2; i++) {
		pass(&w, t - w.now);
		t = sched_queue_failed(w.sched, a, RETRY_QUEUE, "x", w.now);
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
	is_int(sched_queue_failed(next.sched, a, RETRY_QUEUE, "x", next.now) -
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
	    RETRY_QUEUE, "x", old.now);
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
	test_why();
	test_flips();
	conf_file_end();
	return done_testing();
}
