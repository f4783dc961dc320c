/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pairs of a source address and a provider that are new to each other: what is
 * left of their day, and what is kept of them.
 *
 * Few sites have any: without a <warmup> nothing here is asked.  A pair is made
 * when mail could first go out there, and stays; one that is configured no more
 * has no effect.
 */
#include "vmta/sched_warmup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/mem.h"
#include "vmta/daycount.h"
#include "vmta/sched_keep.h"
#include "vmta/sched_priv.h"
#include "vmta/source.h"

#define PROGRAM "warmup:"
#define QUOTA "quota:"

/* What was seen of a day is kept so often; what it may use, beforehand. */
#define KEEP_US (60 * US_PER_S)
/* The disk is asked to keep more of a quota: looked at again. */
#define ASKED_US (20 * US_PER_MS)

enum answer { ANSWER_NONE, ANSWER_KEPT, ANSWER_REFUSED };

struct warm_pair {
	struct table_link link;
	TAILQ_ENTRY(warm_pair) all;
	TAILQ_ENTRY(warm_pair) wanting; /* while it wants */
	TAILQ_ENTRY(warm_pair) asked;   /* while there is a ticket */
	const struct warmup_conf *conf; /* of the sched's; NULL: none */
	struct warm warm;
	struct daycount count;
	uint64_t ticket; /* of its quota; 0: nothing is on its way */
	enum answer answer;
	bool changed; /* since the program was kept */
	bool wants;   /* somebody looked for room */
	bool damaged; /* what was kept: of its day nothing is left */
	struct net_addr source;
	const char *provider; /* behind the slash of name */
	char name[];          /* ADDRESS/PROVIDER */
};

/* ---- the table ----------------------------------------------------------- */

static uint64_t
pair_hash(const struct table_link *link)
{
	const struct warm_pair *p = (const void *)((const char *)link -
	    offsetof(struct warm_pair, link));

	return table_hash_bytes(p->name, strlen(p->name));
}

static bool
pair_is(const struct table_link *link, const void *key)
{
	const struct warm_pair *p = (const void *)((const char *)link -
	    offsetof(struct warm_pair, link));

	return strcmp(p->name, key) == 0;
}

static const struct table_ops pair_ops = { pair_hash, pair_is };

/* ADDRESS/PROVIDER, in lower case; a provider's name is at most that long. */
enum { PAIR_NAME = NET_ADDR_TEXT + 256 };

static bool
pair_name(const struct net_addr *a, const char *provider, char out[PAIR_NAME])
{
	char text[NET_ADDR_TEXT];
	int len = snprintf(out, PAIR_NAME, "%s/%s", net_addr_text(a, text),
	    provider);

	str_lower(out);
	return len < PAIR_NAME;
}

static struct warm_pair *
pair_find(const struct sched *s, const char *name)
{
	struct table_link *link = table_find(&s->warmups.pairs,
	    table_hash_bytes(name, strlen(name)), name);

	return link == NULL ? NULL : OF(warm_pair, link, link);
}

static const struct warmup_conf *
conf_of(const struct sched *s, const struct net_addr *source,
    const char *provider)
{
	const struct provider *p = NULL;

	if (provider[0] != '\0') {
		p = snapshot_provider_named(s->conf, provider);
		if (p == NULL)
			return NULL;
	}
	return snapshot_warmup(s->conf, source, p);
}

/* ---- pairs --------------------------------------------------------------- */

static void
pair_info(const struct warm_pair *p, struct sched_warmup_info *out)
{
	*out = (struct sched_warmup_info){ .name = p->conf->name,
		.source = p->source,
		.provider = p->provider,
		.plan = &p->conf->plan,
		.warm = p->warm,
		.quota = warmup_quota(&p->warm, &p->conf->plan) };
	if (p->count.day == p->warm.day)
		out->used = p->count.used < out->quota ? p->count.used :
							 out->quota;
}

static void
tell(struct sched *s, const struct warm_pair *p)
{
	struct sched_warmup_info info;

	if (s->owner->warmup == NULL)
		return;
	pair_info(p, &info);
	SCHED_TELL(s, warmup, &info);
}

/* Soon it is kept, with others. */
static void
changed(struct sched *s, struct warm_pair *p)
{
	p->changed = true;
	if (s->warmups.timer.at_us == INT64_MAX)
		s->warmups.keep = true;
}

static void
begin_day(struct sched *s, struct warm_pair *p)
{
	if (p->damaged && s->warmups.day > 0) {
		daycount_fill(&p->count, s->warmups.day);
		p->damaged = false;
	}
	if (p->conf == NULL || s->warmups.day == 0 ||
	    !warmup_new_day(&p->warm, &p->conf->plan, s->warmups.day))
		return;
	changed(s, p);
	if (p->warm.verdict != WARM_NONE)
		tell(s, p);
}

/* In this sched_run() more of its quota is asked for, if it needs that. */
static void
want(struct sched *s, struct warm_pair *p)
{
	if (!p->wants)
		TAILQ_INSERT_TAIL(&s->warmups.wanting, p, wanting);
	p->wants = true;
}

static struct warm_pair *
pair_new(struct sched *s, const char *name, const struct net_addr *source)
{
	size_t len = strlen(name) + 1;
	struct warm_pair *p = mem_zalloc(sizeof(*p) + len);

	memcpy(p->name, name, len);
	p->source = *source;
	p->provider = strchr(p->name, '/') + 1;
	table_add(&s->warmups.pairs, &p->link);
	TAILQ_INSERT_TAIL(&s->warmups.all, p, all);
	return p;
}

/* NULL: the source is not new there. */
static struct warm_pair *
pair_of(struct sched *s, const char *provider, const struct net_addr *a)
{
	const struct warmup_conf *conf;
	char key[PAIR_NAME];
	struct warm_pair *p;

	if (a->family == 0 || !pair_name(a, provider, key))
		return NULL;
	p = pair_find(s, key);
	if (p == NULL) {
		conf = conf_of(s, a, provider);
		if (conf == NULL)
			return NULL;
		p = pair_new(s, key, a);
		p->conf = conf;
	}
	begin_day(s, p);
	return p->conf == NULL ? NULL : p;
}

/* How many may be tried now; *until_us: when there may be more. */
static uint64_t
room(struct sched *s, struct warm_pair *p, int64_t now_us, int64_t *until_us)
{
	uint32_t quota = warmup_quota(&p->warm, &p->conf->plan);
	int64_t midnight = s->warmups.ends_us;
	uint64_t n;

	*until_us = now_us;
	if (quota == WARMUP_NO_LIMIT)
		return UINT64_MAX;
	/* The new day is told a little later than it begins. */
	*until_us = midnight > now_us ? midnight : now_us + US_PER_S;
	if (quota == 0 || s->warmups.day == 0)
		return 0;
	n = daycount_room(&p->count, quota, s->warmups.day);
	want(s, p);
	if (n == 0 && p->count.used < quota)
		*until_us = now_us + ASKED_US;
	return n;
}

/* ---- connections and grants ---------------------------------------------- */

static const char *
name_of(const struct provider *p)
{
	return p == NULL ? "" : p->name;
}

static struct warm_pair *
pair_of_queue(struct sched *s, const struct sched_queue *q,
    const struct net_addr *a)
{
	const struct lane *l = q->lane;

	if (l != NULL) /* it knows */
		return pair_of(s, l->provider == NULL ? "" : l->provider->name,
		    a);
	return pair_of(s,
	    name_of(place_provider(s, q->domain->name, q->vmta->name)), a);
}

int64_t
warmup_until(struct sched *s, const struct sched_queue *q,
    const struct net_addr *a, int64_t now_us)
{
	struct warm_pair *p = pair_of_queue(s, q, a);
	int64_t until;

	return p == NULL || room(s, p, now_us, &until) > 0 ? 0 : until;
}

int64_t
warmup_back(struct sched *s, const struct sched_queue *q, int64_t now_us)
{
	const struct global_conf *global = snapshot_global(s->conf);
	size_t n = source_count(q->vmta->conf, global);
	int64_t back = INT64_MAX;

	for (size_t i = 0; i < n; i++) {
		int64_t until = warmup_until(s, q,
		    &source_pick(q->vmta->conf, global, i)->addr, now_us);

		if (until > now_us && until < back)
			back = until;
	}
	return back;
}

bool
warmup_is_over(struct sched *s, const char *domain, const char *vmta,
    const struct net_addr *a)
{
	struct warm_pair *p = pair_of(s,
	    name_of(place_provider(s, domain, vmta)), a);
	uint32_t quota;

	if (p == NULL)
		return false;
	quota = warmup_quota(&p->warm, &p->conf->plan);
	return quota == 0 ||
	    (quota != WARMUP_NO_LIMIT && p->count.day == p->warm.day &&
		p->count.used >= quota);
}

void
warmup_opened(struct sched_conn *c)
{
	struct sched *s = c->sched;

	if (s->warmups.any && !choice_is_to_host(c->queue))
		c->warm = pair_of_queue(s, c->queue, &c->source->addr);
}

uint64_t
warmup_room(struct sched_conn *c, int64_t now_us, int64_t *until_us)
{
	struct warm_pair *p = c->warm;

	*until_us = now_us;
	if (p == NULL || p->conf == NULL)
		return UINT64_MAX;
	begin_day(c->sched, p);
	return room(c->sched, p, now_us, until_us);
}

void
warmup_granted(struct sched_conn *c, uint32_t n)
{
	struct warm_pair *p = c->warm;

	c->warm_day = 0;
	if (p == NULL || p->conf == NULL ||
	    warmup_quota(&p->warm, &p->conf->plan) == WARMUP_NO_LIMIT)
		return;
	daycount_take(&p->count, n);
	if (p->count.used >= warmup_quota(&p->warm, &p->conf->plan))
		c->sched->warmups.over = true;
	c->warm_day = p->warm.day;
}

void
warmup_untried(struct sched_conn *c, uint32_t n)
{
	if (c->warm != NULL && c->warm_day != 0 && n > 0)
		daycount_return(&c->warm->count, n, c->warm_day);
}

static void
count(struct sched *s, struct warm_pair *p, const struct warm_seen *seen)
{
	if (p->conf == NULL || p->warm.day == 0)
		return;
	changed(s, p);
	if (!warmup_count(&p->warm, &p->conf->plan, seen))
		return;
	s->warmups.over = true;
	tell(s, p);
}

void
warmup_seen(struct sched_conn *c, const struct sched_tally *t)
{
	const struct warm_seen seen = { .attempted = t->attempts,
		.deferred = t->errors,
		.delivered = t->delivered };

	if (c->warm != NULL)
		count(c->sched, c->warm, &seen);
}

bool
sched_warmup_complaints(struct sched *s, const struct net_addr *source,
    const char *provider, uint32_t n)
{
	const struct warm_seen seen = { .complaints = n };
	struct warm_pair *p;
	char key[PAIR_NAME];

	CHECK(!s->in_callback);
	p = pair_name(source, provider, key) ? pair_find(s, key) : NULL;
	if (p == NULL || p->conf == NULL)
		return false;
	begin_day(s, p);
	count(s, p, &seen);
	return true;
}

/* ---- days and configurations --------------------------------------------- */

void
sched_set_day(struct sched *s, uint32_t day, int64_t ends_us, int64_t now_us)
{
	struct warm_pair *p;
	bool another = s->warmups.day != day;

	CHECK(!s->in_callback && day > 0);
	s->warmups.day = day;
	s->warmups.ends_us = ends_us;
	TAILQ_FOREACH(p, &s->warmups.all, all)
	begin_day(s, p);
	/* Midnight may come sooner than it was told: clocks are set. */
	if (another && s->warmups.any)
		sched_look_all(s);
	if (another)
		colds_new_day(s);
	(void)now_us;
}

void
warmups_configure(struct sched *s)
{
	struct warm_pair *p;

	s->warmups.any = snapshot_warmup_count(s->conf) > 0;
	TAILQ_FOREACH(p, &s->warmups.all, all)
	{
		p->conf = conf_of(s, &p->source, p->provider);
		begin_day(s, p);
	}
}

/* ---- what is kept -------------------------------------------------------- */

static void
keep(struct sched *s, const struct warm_pair *p, const char *what,
    const struct buf *bytes, uint64_t ticket)
{
	struct buf name = { 0 };

	buf_printf(&name, "%s%s", what, p->name);
	SCHED_TELL(s, keep, (struct slice){ name.p, name.len },
	    (struct slice){ bytes->p, bytes->len }, ticket);
	buf_fini(&name);
}

static void
keep_quota(struct sched *s, struct warm_pair *p, uint32_t quota)
{
	struct buf bytes = { 0 };

	daycount_write(&p->count, quota, &bytes);
	p->ticket = ++s->keeps.last_ticket;
	TAILQ_INSERT_TAIL(&s->warmups.asked, p, asked);
	keep(s, p, QUOTA, &bytes, p->ticket);
	buf_fini(&bytes);
}

static void
keep_program(struct sched *s, struct warm_pair *p)
{
	struct buf bytes = { 0 };

	warmup_pack(&p->warm, &bytes);
	keep(s, p, PROGRAM, &bytes, 0);
	buf_fini(&bytes);
	p->changed = false;
}

/* Keeps nothing itself: all there is may be used. */
static void
no_disk(struct warm_pair *p, uint32_t quota)
{
	struct buf ignored = { 0 };

	daycount_write(&p->count, quota, &ignored);
	daycount_kept(&p->count, true, 0);
	buf_fini(&ignored);
}

static void
ask(struct sched *s, struct warm_pair *p, int64_t now_us)
{
	uint32_t quota;

	TAILQ_REMOVE(&s->warmups.wanting, p, wanting);
	p->wants = false;
	if (p->answer != ANSWER_NONE)
		daycount_kept(&p->count, p->answer == ANSWER_KEPT, now_us);
	p->answer = ANSWER_NONE;
	if (p->conf == NULL)
		return;
	quota = warmup_quota(&p->warm, &p->conf->plan);
	if (quota == 0 || quota == WARMUP_NO_LIMIT ||
	    !daycount_wants(&p->count, quota, s->warmups.day, now_us))
		return;
	if (s->owner->keep == NULL)
		no_disk(p, quota);
	else
		keep_quota(s, p, quota);
}

void
warmups_ask(struct sched *s, int64_t now_us)
{
	struct warm_pair *p;

	while ((p = TAILQ_FIRST(&s->warmups.wanting)) != NULL)
		ask(s, p, now_us);
	if (s->warmups.keep)
		timer_set(&s->timers, &s->warmups.timer, now_us + KEEP_US);
	s->warmups.keep = false;
	if (s->warmups.over && s->stale == NULL) { /* one at a time */
		s->warmups.over = false;
		sched_move_look_all(s);
	}
}

void
warmups_run(struct sched *s)
{
	struct warm_pair *p;

	TAILQ_FOREACH(p, &s->warmups.all, all)
	if (p->changed && s->owner->keep != NULL)
		keep_program(s, p);
}

bool
warmup_kept(struct sched *s, uint64_t ticket, bool kept)
{
	struct warm_pair *p = TAILQ_FIRST(&s->warmups.asked);

	if (p == NULL || p->ticket != ticket)
		return false;
	TAILQ_REMOVE(&s->warmups.asked, p, asked);
	p->ticket = 0;
	p->answer = kept ? ANSWER_KEPT : ANSWER_REFUSED;
	want(s, p); /* it counts from the next sched_run() */
	return true;
}

void
warmups_keep_end(struct sched *s)
{
	struct warm_pair *p;

	if (s->owner->keep == NULL)
		return;
	TAILQ_FOREACH(p, &s->warmups.all, all)
	{
		struct buf bytes = { 0 };

		if (p->changed)
			keep_program(s, p);
		daycount_write_last(&p->count, &bytes);
		if (bytes.len > 0)
			keep(s, p, QUOTA, &bytes, 0);
		buf_fini(&bytes);
	}
}

static bool
begins(struct slice s, const char *with)
{
	size_t len = strlen(with);

	return s.len >= len && memcmp(s.p, with, len) == 0;
}

/* The pair of a name that was kept; NULL: it is none. */
static struct warm_pair *
restore_pair(struct sched *s, struct slice name)
{
	const char *slash = memchr(name.p, '/', name.len);
	struct net_addr source = { 0 };
	char key[PAIR_NAME], *provider;
	struct warm_pair *p = NULL;
	struct err ignored;

	if (slash == NULL || memchr(name.p, '\0', name.len) != NULL ||
	    net_addr_parse((struct slice){ name.p, (size_t)(slash - name.p) },
		&source, &ignored) == -1)
		return NULL;
	provider = mem_strndup(slash + 1,
	    name.len - (size_t)(slash + 1 - name.p));
	if (pair_name(&source, provider, key)) {
		p = pair_find(s, key);
		if (p == NULL)
			p = pair_new(s, key, &source);
		p->conf = conf_of(s, &source, provider);
	}
	free(provider);
	return p;
}

int
warmup_restore(struct sched *s, struct slice name, struct slice bytes,
    struct err *e)
{
	bool quota = begins(name, QUOTA);
	size_t head = quota ? strlen(QUOTA) : strlen(PROGRAM);
	struct warm_pair *p;

	p = restore_pair(s, (struct slice){ name.p + head, name.len - head });
	if (p == NULL)
		return err_set(e, "this is no source address and provider");
	if (!quota) {
		int rc = warmup_unpack(bytes, &p->warm, e);

		begin_day(s, p);
		return rc;
	}
	if (daycount_restore(&p->count, bytes, e) == 0)
		return 0;
	p->damaged = true;
	return -1;
}

bool
warmup_is_name(struct slice name)
{
	return begins(name, PROGRAM) || begins(name, QUOTA);
}

/* ---- facts --------------------------------------------------------------- */

size_t
sched_warmup_count(const struct sched *s)
{
	return s->warmups.pairs.n;
}

bool
sched_warmup_at(const struct sched *s, size_t i, struct sched_warmup_info *out)
{
	const struct warm_pair *p = TAILQ_FIRST(&s->warmups.all);

	while (p != NULL && i-- > 0)
		p = TAILQ_NEXT(p, all);
	if (p == NULL || p->conf == NULL)
		return false;
	pair_info(p, out);
	return true;
}

/* ---- new and free -------------------------------------------------------- */

void
warmups_init(struct sched *s)
{
	table_init(&s->warmups.pairs, &pair_ops);
	TAILQ_INIT(&s->warmups.all);
	TAILQ_INIT(&s->warmups.asked);
	TAILQ_INIT(&s->warmups.wanting);
	timer_init(&s->warmups.timer, TIMER_WARMUPS);
}

void
warmups_fini(struct sched *s)
{
	struct warm_pair *p;

	timer_set(&s->timers, &s->warmups.timer, INT64_MAX);
	while ((p = TAILQ_FIRST(&s->warmups.all)) != NULL) {
		TAILQ_REMOVE(&s->warmups.all, p, all);
		table_remove(&s->warmups.pairs, &p->link);
		free(p);
	}
	table_fini(&s->warmups.pairs);
}
