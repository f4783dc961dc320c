/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_scenario - plays tests/scenario/NAME.scn on a virtual clock: mail is
 * submitted, scripted servers answer, what is expected is compared.
 *
 *	config LINE            of the configuration; then `reload` once it runs
 *	config without NAME    this virtual MTA is gone
 *	server DOMAIN { ... }  how its servers behave; "*" is the others
 *	submit N to DOMAIN [via VMTA] [recipients N] [priority N] [age TIME]
 *	       [job NAME] [user NAME] [size BYTES]
 *	run TIME
 *	restart                ends and starts anew; crash: without an end
 *	pause DOMAIN[/VMTA], resume DOMAIN[/VMTA]; * and ? are wildcards
 *	schedule DOMAIN[/VMTA] [recipients]
 *	forget most            starts to look for most connections anew
 *	expect ...             see expectations[] below
 *
 * In a server: greeting CODE (0: none), greeting-after TIME, written-after
 * TIME, reply CODE, reply-after TIME, told-after TIME, welcome N (connections
 * at once; 421 to the others), at MX ADDRESS (a host of its route; repeated, in
 * the order to try).  A value that is expected is N or N..M.  DOMAIN is a name, name/vmta, or "*".
 *
 * Limits are compared by tests/support/sim.c, which sees nothing but the time
 * stamps of RCPTs and shares no code with the limits.
 */
#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "tests/support/sim.h"
#include "tests/tap.h"
#include "vmta/sched_walk.h"

enum { WORDS = 40, LINE_CAP = 1024 };

struct play {
	const char *file;
	unsigned line;
	struct sim *sim;
	struct snapshot *conf; /* being written, for start or reload */
	struct region *rg;     /* names of jobs and users */
	bool running;
	int64_t run_from_us; /* where the last `run` began */
	int bad;             /* lines that make no sense, expectations missed */
};

/* The words of the line being played. */
struct words {
	size_t n;
	char *v[WORDS];
	size_t at;
};

__attribute__((format(printf, 2, 3))) static void
complain(struct play *p, const char *fmt, ...)
{
	va_list ap;

	(void)printf("# %s:%u: ", p->file, p->line);
	va_start(ap, fmt);
	(void)vprintf(fmt, ap);
	va_end(ap);
	(void)printf("\n");
	p->bad++;
}

/* ---- words --------------------------------------------------------------- */

static void
split(char *text, struct words *w)
{
	char *word;

	*w = (struct words){ 0 };
	while ((word = strsep(&text, " \t\n")) != NULL && w->n < WORDS)
		if (word[0] != '\0')
			w->v[w->n++] = word;
}

/* The next word, or "". */
static const char *
next(struct words *w)
{
	return w->at < w->n ? w->v[w->at++] : "";
}

static uint64_t
number(struct play *p, const char *text)
{
	char *end;
	uint64_t v;

	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0')
		complain(p, "\"%s\" is not a number", text);
	return v;
}

/* 100ms, 2s, 10m, 1h, 2d. */
static int64_t
duration(struct play *p, const char *text)
{
	static const struct {
		const char *unit;
		int64_t us;
	} units[] = { { "ms", US_PER_MS }, { "s", US_PER_S },
		{ "m", 60 * US_PER_S }, { "h", 3600 * US_PER_S },
		{ "d", 86400 * US_PER_S } };
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (end != text && strcmp(end, units[i].unit) == 0)
			return (int64_t)v * units[i].us;
	complain(p, "\"%s\" is not a time such as 100ms, 2s, 10m", text);
	return 0;
}

/* DOMAIN[/VMTA] or "*"; NULL is any. */
struct target {
	char text[SIM_NAME];
	const char *domain, *vmta;
};

static void
target(struct words *w, struct target *t)
{
	char *slash;

	(void)snprintf(t->text, sizeof(t->text), "%s", next(w));
	t->domain = t->text;
	t->vmta = NULL;
	slash = strchr(t->text, '/');
	if (slash != NULL) {
		*slash = '\0';
		t->vmta = slash + 1;
	}
	if (strcmp(t->text, "*") == 0)
		t->domain = NULL;
}

/* N or N..M. */
static void
compare(struct play *p, const char *what, uint64_t got, const char *want)
{
	char low[LINE_CAP], *dots;
	uint64_t min, max;

	(void)snprintf(low, sizeof(low), "%s", want);
	dots = strstr(low, "..");
	if (dots != NULL)
		*dots = '\0';
	min = number(p, low);
	max = dots == NULL ? min : number(p, dots + 2);
	if (got < min || got > max)
		complain(p, "%s: %" PRIu64 ", expected %s", what, got, want);
}

/* ---- expectations -------------------------------------------------------- */

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
	const struct target *target;
	uint64_t rcpts, deferred;
	int64_t retry_us;
	char waits_for[64], last_error[64];
	bool paused;
};

static void
add_queue(struct asked *a, const struct sched_queue_info *info)
{
	const struct target *t = a->target;

	if ((t->domain != NULL && strcmp(t->domain, info->domain) != 0) ||
	    (t->vmta != NULL && strcmp(t->vmta, info->vmta) != 0))
		return;
	a->rcpts += info->rcpts;
	a->deferred += info->deferred;
	a->retry_us = info->retry_us;
	a->paused = info->paused;
	(void)snprintf(a->waits_for, sizeof(a->waits_for), "%s",
	    info->waits_for);
	(void)snprintf(a->last_error, sizeof(a->last_error), "%s",
	    info->last_error);
}

static struct asked
ask(struct play *p, const struct target *t)
{
	struct asked a = { .target = t };
	struct sched_walk walk;
	struct sched_queue *q;

	sched_walk_begin(&walk, p->sim->sched);
	while ((q = sched_walk_next(&walk)) != NULL) {
		struct sched_queue_info info;

		sched_queue_info(p->sim->sched, q, p->sim->now_us, &info);
		add_queue(&a, &info);
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

/* expect paused DOMAIN yes|no: the last queue of these. */
static void
expect_paused(struct play *p, struct words *w)
{
	struct target t;
	struct asked a;
	const char *word;

	target(w, &t);
	word = next(w);
	a = ask(p, &t);
	if (a.paused != (strcmp(word, "yes") == 0))
		complain(p, "paused: %s", a.paused ? "yes" : "no");
}

/* expect retry DOMAIN TIME|no: the queue waits for so long from now. */
static void
expect_retry(struct play *p, struct words *w)
{
	struct target t;
	struct asked a;
	int64_t want = 0, got;
	const char *word;

	target(w, &t);
	word = next(w);
	a = ask(p, &t);
	got = a.retry_us == 0 ? 0 : a.retry_us - p->sim->now_us;
	if (strcmp(word, "no") != 0)
		want = duration(p, word);
	if (got != want)
		complain(p, "retry in %.3f s, expected %s", (double)got / 1e6,
		    word);
}

/* expect waits-for DOMAIN WORDS|nothing, with "_" between words. */
static void
expect_waits_for(struct play *p, struct words *w)
{
	struct target t;
	struct asked a;
	const char *word;

	target(w, &t);
	word = next(w);
	a = ask(p, &t);
	if (strcmp(word, "nothing") == 0)
		word = "";
	for (char *c = a.waits_for; *c != '\0'; c++)
		*c = *c == ' ' ? '_' : *c;
	if (strcmp(a.waits_for, word) != 0)
		complain(p, "waits for \"%s\"", a.waits_for);
}

/* expect last-error DOMAIN CODE */
static void
expect_last_error(struct play *p, struct words *w)
{
	struct target t;
	struct asked a;
	const char *word;

	target(w, &t);
	word = next(w);
	a = ask(p, &t);
	if (strncmp(a.last_error, word, strlen(word)) != 0)
		complain(p, "last error is \"%s\"", a.last_error);
}

/* N/TIME */
static void
rate(struct play *p, const char *text, uint64_t *n_r, int64_t *period_r)
{
	char count[LINE_CAP], *slash;

	(void)snprintf(count, sizeof(count), "%s", text);
	slash = strchr(count, '/');
	*n_r = 0;
	*period_r = US_PER_S;
	if (slash == NULL) {
		complain(p, "\"%s\" is not a rate such as 20/1s", text);
		return;
	}
	*slash = '\0';
	*n_r = number(p, count);
	*period_r = duration(p, slash + 1);
}

/* expect never-more DOMAIN N/TIME: in no window of that length, ever. */
static void
expect_never_more(struct play *p, struct words *w)
{
	struct target t;
	uint64_t n, got;
	int64_t period;

	target(w, &t);
	rate(p, next(w), &n, &period);
	got = sim_most_in(p->sim, t.domain, t.vmta, 0, period);
	if (got > n)
		complain(p, "%" PRIu64 " in one window", got);
}

/* expect uses DOMAIN N/TIME PERCENT: over the last `run`. */
static void
expect_uses(struct play *p, struct words *w)
{
	struct target t;
	uint64_t n, percent, got;
	int64_t period, run = p->sim->now_us - p->run_from_us;
	double whole;

	target(w, &t);
	rate(p, next(w), &n, &period);
	percent = number(p, next(w));
	got = sim_rcpts_in(p->sim, t.domain, t.vmta, p->run_from_us,
	    p->sim->now_us);
	whole = (double)n * (double)run / (double)period;
	if ((double)got * 100 < whole * (double)percent)
		complain(p, "%" PRIu64 " RCPTs are %.1f %% of the rate", got,
		    (double)got * 100 / whole);
}

/* expect lately DOMAIN N..M: RCPTs in the last `run`. */
static void
expect_lately(struct play *p, struct words *w)
{
	struct target t;

	target(w, &t);
	compare(p, "lately",
	    sim_rcpts_in(p->sim, t.domain, t.vmta, p->run_from_us,
		p->sim->now_us),
	    next(w));
}

/* expect source ADDRESS N..M: RCPTs from there. */
static void
expect_source(struct play *p, struct words *w)
{
	const char *want = next(w);
	char text[NET_ADDR_TEXT];
	uint64_t n = 0;

	for (size_t i = 0; i < p->sim->rcpt_count; i++)
		n += strcmp(net_addr_text(&p->sim->rcpts[i].source, text),
			 want) == 0;
	compare(p, "from that source", n, next(w));
}

/* expect most-at ADDRESS N..M: connections at once to there. */
static void
expect_most_at(struct play *p, struct words *w)
{
	uint32_t most = sim_open(p->sim, next(w))->most;

	compare(p, "connections there", most, next(w));
}

/* expect order N N ...: the messages, by number, as their RCPTs came. */
static void
expect_order(struct play *p, struct words *w)
{
	for (size_t i = 0; w->at < w->n; i++) {
		uint64_t want = number(p, next(w)), got = 0;

		if (i < p->sim->rcpt_count)
			got = p->sim->rcpts[i].message;
		if (got != want)
			complain(p,
			    "RCPT %zu was of message %" PRIu64
			    ", expected %" PRIu64,
			    i + 1, got, want);
	}
}

static const struct {
	const char *name;
	fact_fn *fact; /* expect NAME DOMAIN N..M */
	void (*own)(struct play *p, struct words *w);
} expectations[] = {
	{ "attempts", attempts, NULL },
	{ "connections", connections, NULL },
	{ "deferred", deferred, NULL },
	{ "delivered", delivered, NULL },
	{ "expired", expired, NULL },
	{ "failed", failed, NULL },
	{ "lately", NULL, expect_lately },
	{ "last-error", NULL, expect_last_error },
	{ "most-at", NULL, expect_most_at },
	{ "most-connections", most_connections, NULL },
	{ "never-more", NULL, expect_never_more },
	{ "opened", opened, NULL },
	{ "order", NULL, expect_order },
	{ "paused", NULL, expect_paused },
	{ "queued", queued, NULL },
	{ "retry", NULL, expect_retry },
	{ "source", NULL, expect_source },
	{ "uses", NULL, expect_uses },
	{ "waits-for", NULL, expect_waits_for },
};

static void
play_expect(struct play *p, struct words *w)
{
	const char *name = next(w);
	struct target t;

	for (size_t i = 0; i < sizeof(expectations) / sizeof(expectations[0]);
	     i++) {
		if (strcmp(expectations[i].name, name) != 0)
			continue;
		if (expectations[i].own != NULL) {
			expectations[i].own(p, w);
			return;
		}
		target(w, &t);
		compare(p, name, expectations[i].fact(p, &t), next(w));
		return;
	}
	complain(p, "\"%s\" cannot be expected", name);
}

/* ---- actions ------------------------------------------------------------- */

static void
add_host(struct play *p, struct sim_server *s, const char *name,
    const char *addr)
{
	struct sim_host *h = &s->hosts[s->host_count];

	if (s->host_count == SIM_HOSTS) {
		complain(p, "too many hosts");
		return;
	}
	s->host_count++;
	(void)snprintf(h->name, sizeof(h->name), "%s", name);
	(void)snprintf(h->addr, sizeof(h->addr), "%s", addr);
}

static void
play_server(struct play *p, struct words *w)
{
	struct sim_server *s = sim_server(p->sim, next(w));
	const char *name, *value;

	if (strcmp(next(w), "{") != 0)
		complain(p, "server DOMAIN { ... }");
	while (w->at < w->n && strcmp(name = next(w), "}") != 0) {
		if (strcmp(name, ";") == 0)
			continue;
		value = next(w);
		if (strcmp(name, "greeting") == 0)
			s->greeting = (int)number(p, value);
		else if (strcmp(name, "reply") == 0)
			s->reply = (int)number(p, value);
		else if (strcmp(name, "greeting-after") == 0)
			s->greeting_us = duration(p, value);
		else if (strcmp(name, "written-after") == 0)
			s->write_us = duration(p, value);
		else if (strcmp(name, "reply-after") == 0)
			s->reply_us = duration(p, value);
		else if (strcmp(name, "told-after") == 0)
			s->told_us = duration(p, value);
		else if (strcmp(name, "welcome") == 0)
			s->welcome = (uint32_t)number(p, value);
		else if (strcmp(name, "at") == 0)
			add_host(p, s, value, next(w));
		else
			complain(p, "a server knows no \"%s\"", name);
	}
}

static void
play_submit(struct play *p, struct words *w)
{
	struct sim_submit what = { .vmta = "", .rcpts = 1, .priority = 50 };
	const char *name, *value;

	what.messages = (uint32_t)number(p, next(w));
	while (w->at < w->n) {
		name = next(w);
		value = next(w);
		if (strcmp(name, "to") == 0)
			what.domain = value;
		else if (strcmp(name, "via") == 0)
			what.vmta = value;
		else if (strcmp(name, "recipients") == 0)
			what.rcpts = (uint32_t)number(p, value);
		else if (strcmp(name, "priority") == 0)
			what.priority = (uint8_t)number(p, value);
		else if (strcmp(name, "age") == 0)
			what.age_us = duration(p, value);
		else if (strcmp(name, "job") == 0)
			what.job = region_strdup(p->rg, value);
		else if (strcmp(name, "user") == 0)
			what.user = region_strdup(p->rg, value);
		else if (strcmp(name, "size") == 0)
			what.size = (uint32_t)number(p, value);
		else
			complain(p, "submit knows no \"%s\"", name);
	}
	if (what.domain == NULL || what.rcpts == 0 || what.rcpts > 255)
		complain(p, "submit N to DOMAIN, up to 255 recipients");
	else
		sim_submit(p->sim, &what);
}

/* pause or resume; the names are patterns. */
static void
play_pause(struct play *p, struct words *w, bool paused)
{
	struct target t;
	struct sched_pause what;
	struct err e;

	target(w, &t);
	what = (struct sched_pause){ t.text, t.vmta == NULL ? "*" : t.vmta,
		paused };
	if (sched_pause(p->sim->sched, &what, &e) == -1)
		complain(p, "%s", e.text);
	p->sim->next_run_us = p->sim->now_us;
}

static void
play_schedule(struct play *p, struct words *w)
{
	struct sched_walk walk;
	struct sched_queue *q;
	struct target t;
	bool rcpts;

	target(w, &t);
	rcpts = strcmp(next(w), "recipients") == 0;
	sched_walk_begin(&walk, p->sim->sched);
	while ((q = sched_walk_next(&walk)) != NULL) {
		if (t.domain != NULL &&
		    strcmp(t.domain, sched_queue_domain(q)) != 0)
			continue;
		(void)sched_queue_schedule(p->sim->sched, q, p->sim->now_us);
		while (rcpts && sched_walk_free_deferred(&walk, 3))
			;
	}
	sched_walk_end(&walk);
	p->sim->next_run_us = p->sim->now_us;
}

/* The world begins with the first line that is not configuration. */
static void
start(struct play *p)
{
	if (p->running)
		return;
	p->running = true;
	sim_init(p->sim, p->conf, 1);
	p->conf = fake_conf_copy(p->sim->conf);
}

static void
play_line(struct play *p, char *text)
{
	struct words w;
	const char *verb;
	struct err e;

	if (strncmp(text, "config without ", 15) == 0) {
		fake_conf_drop_vmta(p->conf, text + 15);
		return;
	}
	if (strncmp(text, "config", 6) == 0) {
		if (fake_conf_line(p->conf, text + 6, &e) == -1)
			complain(p, "%s", e.text);
		return;
	}
	split(text, &w);
	verb = next(&w);
	if (verb[0] == '\0' || verb[0] == '#')
		return;
	start(p);
	if (strcmp(verb, "server") == 0) {
		play_server(p, &w);
	} else if (strcmp(verb, "submit") == 0) {
		play_submit(p, &w);
	} else if (strcmp(verb, "run") == 0) {
		p->run_from_us = p->sim->now_us;
		sim_run(p->sim, duration(p, next(&w)));
	} else if (strcmp(verb, "reload") == 0) {
		sim_reload(p->sim, p->conf);
		p->conf = fake_conf_copy(p->sim->conf);
	} else if (strcmp(verb, "restart") == 0) {
		sim_restart(p->sim, false);
	} else if (strcmp(verb, "crash") == 0) {
		sim_restart(p->sim, true);
	} else if (strcmp(verb, "pause") == 0) {
		play_pause(p, &w, true);
	} else if (strcmp(verb, "resume") == 0) {
		play_pause(p, &w, false);
	} else if (strcmp(verb, "schedule") == 0) {
		play_schedule(p, &w);
	} else if (strcmp(verb, "forget") == 0) {
		sim_forget_most(p->sim);
	} else if (strcmp(verb, "expect") == 0) {
		play_expect(p, &w);
	} else {
		complain(p, "unknown word \"%s\"", verb);
	}
}

static void
play(const char *path)
{
	const char *slash = strrchr(path, '/');
	struct play p = { .file = slash == NULL ? path : slash + 1 };
	char line[LINE_CAP], label[LINE_CAP] = "";
	FILE *f = fopen(path, "re");

	if (f == NULL) {
		(void)ok(false, "%s cannot be read", path);
		return;
	}
	p.sim = mem_new(struct sim);
	p.rg = region_new();
	p.conf = fake_conf_new();
	while (fgets(line, sizeof(line), f) != NULL) {
		p.line++;
		line[strcspn(line, "\n")] = '\0';
		if (label[0] == '\0' && line[0] == '#')
			(void)snprintf(label, sizeof(label), "%s", line + 2);
		play_line(&p, line);
	}
	(void)fclose(f);
	start(&p);
	sim_fini(p.sim);
	snapshot_unref(&p.conf);
	free(p.sim);
	region_free(&p.rg);
	(void)ok(p.bad == 0, "%s: %s", p.file, label);
}

int
main(int argc, char **argv)
{
	const char *top = getenv("top_srcdir");
	char pattern[4096];
	glob_t found;

	for (int i = 1; i < argc; i++)
		play(argv[i]);
	if (argc > 1)
		return done_testing();
	(void)snprintf(pattern, sizeof(pattern), "%s/tests/scenario/*.scn",
	    top == NULL ? "." : top);
	if (glob(pattern, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			play(found.gl_pathv[i]);
		globfree(&found);
	}
	is_int(fake_conf_alive(), 0, "no configuration is left");
	return done_testing();
}
