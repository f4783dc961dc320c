/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/expect.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "vmta/sched_standing.h"
#include "vmta/sched_walk.h"

/* N or N..M. */
static void
compare(struct play *p, const char *what, uint64_t got, const char *want)
{
	char low[PLAY_LINE], *dots;
	uint64_t min, max;

	(void)snprintf(low, sizeof(low), "%s", want);
	dots = strstr(low, "..");
	if (dots != NULL)
		*dots = '\0';
	min = play_number(p, low);
	max = dots == NULL ? min : play_number(p, dots + 2);
	if (got < min || got > max)
		play_complain(p, "%s: %" PRIu64 ", expected %s", what, got,
		    want);
}

/* ---- facts: expect NAME DOMAIN N..M -------------------------------------- */

typedef uint64_t fact_fn(struct play *p, const struct target *t);

static uint64_t
delivered(struct play *p, const struct target *t)
{
	return sim_sum(p->sim, t->domain, t->vmta).delivered;
}

static uint64_t
failed(struct play *p, const struct target *t)
{
	return sim_sum(p->sim, t->domain, t->vmta).failed;
}

static uint64_t
suppressed(struct play *p, const struct target *t)
{
	return sim_sum(p->sim, t->domain, t->vmta).suppressed;
}

static uint64_t
expired(struct play *p, const struct target *t)
{
	return sim_sum(p->sim, t->domain, t->vmta).expired;
}

static uint64_t
attempts(struct play *p, const struct target *t)
{
	return sim_sum(p->sim, t->domain, t->vmta).attempts;
}

static uint64_t
opened(struct play *p, const struct target *t)
{
	return sim_sum(p->sim, t->domain, t->vmta).opened;
}

static uint64_t
connections(struct play *p, const struct target *t)
{
	return sim_sum(p->sim, t->domain, t->vmta).open;
}

/* Of one queue, of a virtual MTA (* /NAME), or of all (*). */
static uint64_t
most_connections(struct play *p, const struct target *t)
{
	if (t->domain == NULL)
		return sim_open(p->sim, t->vmta)->most;
	return sim_sum(p->sim, t->domain, t->vmta).most_open;
}

struct asked {
	uint64_t rcpts, deferred;
	int64_t retry_us;
	char waits_for[64], last_error[64], place[192];
	bool paused;
	unsigned queues, modes[MODE_RETURN + 1];
	uint64_t sources_off;
};

static void
add_standing(struct asked *a, const struct sched_queue *q, int64_t now_us)
{
	struct sched_standing_info info;

	sched_queue_standing(q, now_us, &info);
	a->queues++;
	a->modes[info.mode]++;
	a->sources_off += info.sources_off;
}

static bool
is_wanted(const struct target *t, const struct sched_queue_info *info)
{
	return (t->domain == NULL || strcmp(t->domain, info->domain) == 0) &&
	    (t->vmta == NULL || strcmp(t->vmta, info->vmta) == 0);
}

static void
add_queue(struct asked *a, const struct sched_queue_info *info)
{
	a->rcpts += info->rcpts;
	a->deferred += info->deferred;
	a->retry_us = info->retry_us;
	a->paused = info->paused;
	(void)snprintf(a->waits_for, sizeof(a->waits_for), "%s",
	    info->waits_for);
	(void)snprintf(a->place, sizeof(a->place), "%s_at_%s",
	    info->group[0] == '\0' ? "alone" : info->group,
	    info->provider[0] == '\0' ? "none" : info->provider);
	(void)snprintf(a->last_error, sizeof(a->last_error), "%s",
	    info->last_error);
}

static struct asked
ask(struct play *p, const struct target *t)
{
	struct asked a = { 0 };
	struct sched_walk walk;
	struct sched_queue *q;

	sched_walk_begin(&walk, p->sim->sched);
	while ((q = sched_walk_next(&walk)) != NULL) {
		struct sched_queue_info info;

		sched_queue_info(p->sim->sched, q, p->sim->now_us, &info);
		if (!is_wanted(t, &info))
			continue;
		add_queue(&a, &info);
		add_standing(&a, q, p->sim->now_us);
	}
	sched_walk_end(&walk);
	return a;
}

static uint64_t
queued(struct play *p, const struct target *t)
{
	return ask(p, t).rcpts;
}

static uint64_t
deferred(struct play *p, const struct target *t)
{
	return ask(p, t).deferred;
}

static bool
is_of(const struct sim_rcpt *r, const struct target *t)
{
	return (t->domain == NULL || t->domain[0] == '\0' ||
		   strcmp(t->domain, r->domain) == 0) &&
	    (t->vmta == NULL || strcmp(t->vmta, r->vmta) == 0);
}

static uint64_t
sources_off(struct play *p, const struct target *t)
{
	return ask(p, t).sources_off;
}

/* ---- with words of their own --------------------------------------------- */

/* expect paused DOMAIN yes|no: the last queue of these. */
static void
expect_paused(struct play *p, struct words *w)
{
	struct target t;
	struct asked a;
	const char *word;

	words_target(w, &t);
	word = words_next(w);
	a = ask(p, &t);
	if (a.paused != (strcmp(word, "yes") == 0))
		play_complain(p, "paused: %s", a.paused ? "yes" : "no");
}

/* expect retry DOMAIN TIME|no: the queue waits for so long from now. */
static void
expect_retry(struct play *p, struct words *w)
{
	struct target t;
	struct asked a;
	int64_t want = 0, got;
	const char *word;

	words_target(w, &t);
	word = words_next(w);
	a = ask(p, &t);
	got = a.retry_us == 0 ? 0 : a.retry_us - p->sim->now_us;
	if (strcmp(word, "no") != 0)
		want = play_duration(p, word);
	if (got != want)
		play_complain(p, "retry in %.3f s, expected %s",
		    (double)got / 1e6, word);
}

/* "_" between words, as in a scenario. */
static void
join_words(char *text)
{
	for (char *c = text; *c != '\0'; c++)
		*c = *c == ' ' ? '_' : *c;
}

/*
 * expect mode DOMAIN normal|backoff|return: of each of these; one that is not
 * there is normal.
 */
static void
expect_mode(struct play *p, struct words *w)
{
	static const char *const names[] = { [MODE_NORMAL] = "normal",
		[MODE_BACKOFF] = "backoff",
		[MODE_RETURN] = "return" };
	struct target t;
	struct asked a;
	const char *word;

	words_target(w, &t);
	word = words_next(w);
	a = ask(p, &t);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], word) == 0 && a.modes[i] == a.queues &&
		    (a.queues > 0 || i == MODE_NORMAL))
			return;
	play_complain(p, "of %u: %u normal, %u in backoff, %u on the way back",
	    a.queues, a.modes[MODE_NORMAL], a.modes[MODE_BACKOFF],
	    a.modes[MODE_RETURN]);
}

/* expect waits-for DOMAIN WORDS|nothing, with "_" between words. */
static void
expect_waits_for(struct play *p, struct words *w)
{
	struct target t;
	struct asked a;
	const char *word;

	words_target(w, &t);
	word = words_next(w);
	a = ask(p, &t);
	if (strcmp(word, "nothing") == 0)
		word = "";
	join_words(a.waits_for);
	if (strcmp(a.waits_for, word) != 0)
		play_complain(p, "waits for \"%s\"", a.waits_for);
}

/*
 * expect place DOMAIN[/VMTA] GROUP_at_PROVIDER, "alone" and "none" without: of
 * the last queue of these.
 */
static void
expect_place(struct play *p, struct words *w)
{
	struct target t;
	struct asked a;

	words_target(w, &t);
	a = ask(p, &t);
	if (strcmp(a.place, words_next(w)) != 0)
		play_complain(p, "its place is %s", a.place);
}

/* expect resolves N..M: questions for MX hosts so far; asked-at-once likewise. */
static void
expect_resolves(struct play *p, struct words *w)
{
	compare(p, "questions", p->sim->mx.all, words_next(w));
}

static void
expect_asked_at_once(struct play *p, struct words *w)
{
	compare(p, "questions at once", p->sim->mx.most, words_next(w));
}

/* expect last-error DOMAIN CODE, or more of it, with "_" between words. */
static void
expect_last_error(struct play *p, struct words *w)
{
	struct target t;
	struct asked a;
	const char *word;

	words_target(w, &t);
	word = words_next(w);
	a = ask(p, &t);
	join_words(a.last_error);
	if (strncmp(a.last_error, word, strlen(word)) != 0)
		play_complain(p, "last error is \"%s\"", a.last_error);
}

/* N/TIME */
static void
rate(struct play *p, const char *text, uint64_t *n_r, int64_t *period_r)
{
	char count[PLAY_LINE], *slash;

	(void)snprintf(count, sizeof(count), "%s", text);
	slash = strchr(count, '/');
	*n_r = 0;
	*period_r = US_PER_S;
	if (slash == NULL) {
		play_complain(p, "\"%s\" is not a rate such as 20/1s", text);
		return;
	}
	*slash = '\0';
	*n_r = play_number(p, count);
	*period_r = play_duration(p, slash + 1);
}

/* expect never-more DOMAIN N/TIME: in no window of that length, ever. */
static void
expect_never_more(struct play *p, struct words *w)
{
	struct target t;
	uint64_t n, got;
	int64_t period;

	words_target(w, &t);
	rate(p, words_next(w), &n, &period);
	got = sim_most_in(p->sim, t.domain, t.vmta, 0, period);
	if (got > n)
		play_complain(p, "%" PRIu64 " in one window", got);
}

/* expect uses DOMAIN N/TIME PERCENT: over the last `run`. */
static void
expect_uses(struct play *p, struct words *w)
{
	struct target t;
	uint64_t n, percent, got;
	int64_t period, run = p->sim->now_us - p->run_from_us;
	double whole;

	words_target(w, &t);
	rate(p, words_next(w), &n, &period);
	percent = play_number(p, words_next(w));
	got = sim_rcpts_in(p->sim, t.domain, t.vmta, p->run_from_us,
	    p->sim->now_us);
	whole = (double)n * (double)run / (double)period;
	if ((double)got * 100 < whole * (double)percent)
		play_complain(p, "%" PRIu64 " RCPTs are %.1f %% of the rate",
		    got, (double)got * 100 / whole);
}

/* expect lately DOMAIN N..M: RCPTs in the last `run`. */
static void
expect_lately(struct play *p, struct words *w)
{
	struct target t;

	words_target(w, &t);
	compare(p, "lately",
	    sim_rcpts_in(p->sim, t.domain, t.vmta, p->run_from_us,
		p->sim->now_us),
	    words_next(w));
}

/* expect source ADDRESS N..M [DOMAIN]: RCPTs from there. */
static void
expect_source(struct play *p, struct words *w)
{
	const char *want = words_next(w), *count = words_next(w);
	char text[NET_ADDR_TEXT];
	struct target t;
	uint64_t n = 0;

	words_target(w, &t);
	for (size_t i = 0; i < p->sim->rcpt_count; i++) {
		const struct sim_rcpt *r = &p->sim->rcpts[i];

		n += is_of(r, &t) &&
		    strcmp(net_addr_text(&r->source, text), want) == 0;
	}
	compare(p, "from that source", n, count);
}

/* expect at MX N..M: RCPTs there. */
static void
expect_at(struct play *p, struct words *w)
{
	const char *want = words_next(w);
	uint64_t n = 0;

	for (size_t i = 0; i < p->sim->rcpt_count; i++)
		n += strcmp(p->sim->rcpts[i].host, want) == 0;
	compare(p, "at that host", n, words_next(w));
}

/* The recipient's last RCPT before that one; NULL: there is none. */
static const struct sim_rcpt *
rcpt_before(const struct sim *sim, const struct sim_rcpt *r)
{
	for (size_t i = (size_t)(r - sim->rcpts); i-- > 0;)
		if (sim->rcpts[i].message == r->message &&
		    sim->rcpts[i].n == r->n)
			return &sim->rcpts[i];
	return NULL;
}

/*
 * expect same-source DOMAIN N..M: RCPTs that came from where the one before of
 * the same recipient did; other-source: that did not.
 */
static uint64_t
again_from(const struct play *p, const struct target *t, bool same)
{
	uint64_t n = 0;

	for (size_t i = 0; i < p->sim->rcpt_count; i++) {
		const struct sim_rcpt *r = &p->sim->rcpts[i], *last;

		last = rcpt_before(p->sim, r);
		n += is_of(r, t) && last != NULL &&
		    net_addr_eq(&r->source, &last->source) == same;
	}
	return n;
}

static uint64_t
same_source(struct play *p, const struct target *t)
{
	return again_from(p, t, true);
}

static uint64_t
other_source(struct play *p, const struct target *t)
{
	return again_from(p, t, false);
}

/* expect told-lost N..M, told-back N..M: what was said of sources so far. */
static void
expect_told_moved(struct play *p, struct words *w)
{
	compare(p, "said to have moved", p->sim->told_moved, words_next(w));
}

static void
expect_told_loops(struct play *p, struct words *w)
{
	compare(p, "said to go round", p->sim->told_loops, words_next(w));
}

static void
expect_told_lost(struct play *p, struct words *w)
{
	compare(p, "said to be lost", p->sim->told_lost, words_next(w));
}

static void
expect_told_back(struct play *p, struct words *w)
{
	compare(p, "said to be back", p->sim->told_back, words_next(w));
}

/* expect most-at ADDRESS N..M: connections at once to there. */
static void
expect_most_at(struct play *p, struct words *w)
{
	uint32_t most = sim_open(p->sim, words_next(w))->most;

	compare(p, "connections there", most, words_next(w));
}

/* expect order N N ...: the messages, by number, as their RCPTs came. */
static void
expect_order(struct play *p, struct words *w)
{
	for (size_t i = 0; w->at < w->n; i++) {
		uint64_t want = play_number(p, words_next(w)), got = 0;

		if (i < p->sim->rcpt_count)
			got = p->sim->rcpts[i].message;
		if (got != want)
			play_complain(p,
			    "RCPT %zu was of message %" PRIu64
			    ", expected %" PRIu64,
			    i + 1, got, want);
	}
}

/* ---- the table ----------------------------------------------------------- */

static const struct {
	const char *name;
	fact_fn *fact; /* expect NAME DOMAIN N..M */
	void (*own)(struct play *p, struct words *w);
} expectations[] = {
	{ "asked-at-once", NULL, expect_asked_at_once },
	{ "at", NULL, expect_at },
	{ "attempts", attempts, NULL },
	{ "connections", connections, NULL },
	{ "deferred", deferred, NULL },
	{ "delivered", delivered, NULL },
	{ "expired", expired, NULL },
	{ "failed", failed, NULL },
	{ "lately", NULL, expect_lately },
	{ "last-error", NULL, expect_last_error },
	{ "mode", NULL, expect_mode },
	{ "most-at", NULL, expect_most_at },
	{ "most-connections", most_connections, NULL },
	{ "never-more", NULL, expect_never_more },
	{ "opened", opened, NULL },
	{ "order", NULL, expect_order },
	{ "other-source", other_source, NULL },
	{ "paused", NULL, expect_paused },
	{ "place", NULL, expect_place },
	{ "queued", queued, NULL },
	{ "resolves", NULL, expect_resolves },
	{ "retry", NULL, expect_retry },
	{ "same-source", same_source, NULL },
	{ "source", NULL, expect_source },
	{ "sources-off", sources_off, NULL },
	{ "suppressed", suppressed, NULL },
	{ "told-back", NULL, expect_told_back },
	{ "told-loops", NULL, expect_told_loops },
	{ "told-lost", NULL, expect_told_lost },
	{ "told-moved", NULL, expect_told_moved },
	{ "uses", NULL, expect_uses },
	{ "waits-for", NULL, expect_waits_for },
};

void
play_expect(struct play *p, struct words *w)
{
	const char *name = words_next(w);
	struct target t;

	for (size_t i = 0; i < sizeof(expectations) / sizeof(expectations[0]);
	     i++) {
		if (strcmp(expectations[i].name, name) != 0)
			continue;
		if (expectations[i].own != NULL) {
			expectations[i].own(p, w);
			return;
		}
		words_target(w, &t);
		compare(p, name, expectations[i].fact(p, &t), words_next(w));
		return;
	}
	play_complain(p, "\"%s\" cannot be expected", name);
}
