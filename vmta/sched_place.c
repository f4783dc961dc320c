/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a queue stands: in which group and at which provider, by what the
 * configuration says of its domain and of its MX hosts (vmta/rollup.h).
 *
 * What is known of hosts is kept by domain, since all virtual MTAs have the
 * same.  A queue whose place depends on what nobody knows yet starts nothing,
 * or it would go past limits; its domain is asked about when it has something
 * to send, and again when the time of the answer is over and it still has.
 * When DNS does not say, the queue goes on as before, or as if it had no
 * hosts that fit: mail must not stop for this question, and where DNS is away
 * the courier's own question fails as well.
 *
 * Windows stay with what they counted for: a queue that comes to another
 * group brings nothing there but its open connections.
 */
#include "vmta/sched_priv.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/mem.h"
#include "mail/envelope.h"

#define ASKED_MAX 200                   /* domains at once */
#define FRESH_MIN_US (300 * US_PER_S)   /* an answer counts at least so long */
#define FRESH_MAX_US (86400 * US_PER_S) /* and no longer than this */
#define FAILED_US (60 * US_PER_S)       /* without one: asked again then */

void
domain_places_init(struct sched *s)
{
	mx_sets_init(&s->places.sets);
	TAILQ_INIT(&s->places.unknown);
	TAILQ_INIT(&s->places.stale);
	TAILQ_INIT(&s->places.asked);
}

/* ---- what is known of a domain ------------------------------------------- */

static struct domain_place *
get(struct domain_obj *d)
{
	if (d->place == NULL) {
		d->place = mem_new(struct domain_place);
		d->place->domain = d;
	}
	return d->place;
}

static bool
is_known(const struct domain_obj *d)
{
	return d->place != NULL && d->place->fresh_us > 0;
}

static const struct mx_facts *
facts_of(const struct domain_obj *d)
{
	return d->place == NULL ? NULL : mx_set_facts(d->place->mx);
}

void
place_put_domain(struct sched *s, struct domain_obj **dp)
{
	struct domain_obj *d = *dp;

	if (d->queues == 1 && d->place != NULL) {
		CHECK(d->place->state == PLACE_RESTS);
		mx_set_put(&s->places.sets, &d->place->mx);
		free(d->place);
		d->place = NULL;
	}
	domain_obj_put(&s->domains, dp);
}

/* Nobody waits for it any more; it was counted as a queue of its domain. */
static void
rest(struct sched *s, struct domain_place *p, struct place_list *from)
{
	struct domain_obj *d = p->domain;

	TAILQ_REMOVE(from, p, link);
	p->state = PLACE_RESTS;
	place_put_domain(s, &d);
}

static void
rest_all(struct sched *s, struct place_list *from)
{
	while (!TAILQ_EMPTY(from))
		rest(s, TAILQ_FIRST(from), from);
}

void
domain_places_fini(struct sched *s)
{
	struct domain_places *all = &s->places;

	rest_all(s, &all->unknown);
	rest_all(s, &all->stale);
	rest_all(s, &all->asked);
	mx_sets_fini(&all->sets);
}

/* ---- the place of a queue ------------------------------------------------ */

const char *
place_queue(const struct sched *s, const struct sched_rcpt_in *in)
{
	if (!s->places.used)
		return in->domain;
	return rollup_queue_to(s->conf, in->domain,
	    snapshot_vmta(s->conf, in->vmta) == NULL ? "" : in->vmta);
}

void
place_find(struct sched *s, const struct sched_queue *q, int64_t now_us,
    struct placed *out)
{
	const char *domain = q->domain->name;
	struct place at = { .provider = NULL };

	if (s->places.used)
		rollup_place(s->conf, domain, vmta_conf_name(s, q->vmta),
		    facts_of(q->domain), &at);
	else
		at.provider = snapshot_provider(s->conf, domain);
	*out = (struct placed){ NULL, NULL };
	if (at.provider != NULL)
		out->provider = provider_get(s, at.provider->name, now_us);
	if (at.group != NULL)
		out->group = group_get(s, at.group, q->vmta, now_us);
}

const char *
place_group(const struct sched *s, const char *domain, const char *vmta)
{
	const struct domain_obj *d;
	struct place at;

	if (!s->places.used)
		return NULL;
	d = domain_obj_find(&s->domains, domain);
	rollup_place(s->conf, domain,
	    snapshot_vmta(s->conf, vmta) == NULL ? "" : vmta,
	    d == NULL ? NULL : facts_of(d), &at);
	return at.group;
}

const struct provider *
place_provider(const struct sched *s, const char *domain, const char *vmta)
{
	const struct domain_obj *d = domain_obj_find(&s->domains, domain);
	struct place at = { .provider = NULL };

	if (!s->places.used)
		return snapshot_provider(s->conf, domain);
	rollup_place(s->conf, domain, vmta, d == NULL ? NULL : facts_of(d),
	    &at);
	return at.provider;
}

bool
place_is_known(const struct sched *s, const char *domain, const char *vmta)
{
	const struct domain_obj *d = domain_obj_find(&s->domains, domain);

	return !s->places.used || s->owner->resolve == NULL ||
	    (d != NULL && is_known(d)) ||
	    !rollup_needs_mx(s->conf, domain, vmta);
}

void
place_refresh(struct sched *s, struct sched_queue *q)
{
	q->by_mx = s->places.used && s->owner->resolve != NULL &&
	    rollup_needs_mx(s->conf, q->domain->name,
		vmta_conf_name(s, q->vmta));
	q->unplaced = q->by_mx && !is_known(q->domain);
}

static bool
is_same_list(const struct conf_strs *a, const struct conf_strs *b)
{
	for (size_t i = 0; i < a->n && i < b->n; i++)
		if (strcmp(a->v[i], b->v[i]) != 0)
			return false;
	return a->n == b->n;
}

void
domain_places_configure(struct sched *s, const struct snapshot *before)
{
	s->places.used = rollup_is_used(s->conf);
	if (before != NULL &&
	    !is_same_list(rollup_listed(before), rollup_listed(s->conf)))
		s->places.listed++;
}

/* ---- asking -------------------------------------------------------------- */

int64_t
place_settle(struct sched *s, struct sched_queue *q, int64_t now_us)
{
	struct domain_place *p;

	/*
	 * Hosts that are down are asked about when they are tried again: of a
	 * hundred thousand domains questions would be in the way of others'.
	 */
	if (q->ready + q->aside == 0 || retry_waits(&q->retry, now_us))
		return INT64_MAX;
	p = get(q->domain);
	if (p->state != PLACE_RESTS)
		return INT64_MAX; /* its answer has it looked at */
	if (p->fresh_us > now_us && p->listed == s->places.listed)
		return p->fresh_us;
	p->state = PLACE_WANTED;
	q->domain->queues++; /* it stays until it is answered */
	TAILQ_INSERT_TAIL(
	    p->fresh_us == 0 ? &s->places.unknown : &s->places.stale, p, link);
	return INT64_MAX;
}

/* The next one that is wanted, off its list; or NULL. */
static struct domain_place *
take_wanted(struct domain_places *all)
{
	struct place_list *from = TAILQ_EMPTY(&all->unknown) ? &all->stale :
							       &all->unknown;
	struct domain_place *p = TAILQ_FIRST(from);

	if (p != NULL)
		TAILQ_REMOVE(from, p, link);
	return p;
}

void
domain_places_ask(struct sched *s)
{
	struct domain_places *all = &s->places;
	struct domain_place *p;

	while (all->asked_n < ASKED_MAX && (p = take_wanted(all)) != NULL) {
		TAILQ_INSERT_TAIL(&all->asked, p, link);
		p->state = PLACE_ASKED;
		p->listed = all->listed;
		all->asked_n++;
		SCHED_TELL(s, resolve, p->domain->name, rollup_listed(s->conf));
	}
}

static int64_t
fresh_for(const struct mx_facts *f)
{
	if (f == NULL || !f->ok)
		return FAILED_US;
	/* Listed hosts are one question for all domains: not each minute. */
	return f->unsure_n > 0 || f->ttl_us < FRESH_MIN_US ? FRESH_MIN_US :
	    f->ttl_us > FRESH_MAX_US                       ? FRESH_MAX_US :
							     f->ttl_us;
}

static bool
has_name(const char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq_nocase(names[i], name))
			return true;
	return false;
}

/* What nobody can tell of now is as it was. */
static struct mx_set *
set_of(struct sched *s, const struct mx_facts *before, const struct mx_facts *f)
{
	struct mx_facts all = *f;
	struct mx_set *set;
	const char **same;

	if (before == NULL || f->unsure_n == 0)
		return mx_set_get(&s->places.sets, f);
	same = mem_array(f->same_n + f->unsure_n, sizeof(*same));
	for (all.same_n = 0; all.same_n < f->same_n; all.same_n++)
		same[all.same_n] = f->same[all.same_n];
	for (size_t i = 0; i < f->unsure_n; i++)
		if (has_name(before->same, before->same_n, f->unsure[i]))
			same[all.same_n++] = f->unsure[i];
	all.same = same;
	set = mx_set_get(&s->places.sets, &all);
	free(same);
	return set;
}

/* True: something else is known than before. */
static bool
learn(struct sched *s, struct domain_place *p, const struct mx_facts *f,
    int64_t now_us)
{
	struct mx_set *before = p->mx;
	bool was_known = p->fresh_us > 0, changed;

	p->fresh_us = now_us + fresh_for(f);
	if (f == NULL || !f->ok)
		return !was_known;
	p->mx = set_of(s, mx_set_facts(before), f);
	changed = p->mx != before || !was_known;
	mx_set_put(&s->places.sets, &before);
	return changed;
}

/*
 * Its queues, one for each virtual MTA that has one, are looked at, and take
 * their places if something else is known.
 */
static void
place_again(struct sched *s, struct domain_obj *d, bool changed, int64_t now_us)
{
	for (size_t i = 0; i < s->vmtas.cap; i++) {
		struct table_link *l = s->vmtas.buckets[i];

		for (; l != NULL; l = l->next) {
			struct sched_queue *q = queue_find(s, d,
			    OF(sched_vmta, link, l));

			if (q == NULL || !q->by_mx)
				continue;
			if (changed) {
				q->generation = 0; /* as after a reload */
				sched_refresh(s, q, now_us);
			}
			sched_dirty(s, q);
		}
	}
}

void
sched_resolved(struct sched *s, const char *domain,
    const struct mx_facts *facts, int64_t now_us)
{
	struct domain_obj *d = domain_obj_find(&s->domains, domain);
	bool changed;

	CHECK(!s->in_callback && d != NULL && d->place != NULL &&
	    d->place->state == PLACE_ASKED);
	s->places.asked_n--;
	changed = learn(s, d->place, facts, now_us);
	place_again(s, d, changed, now_us);
	rest(s, d->place, &s->places.asked);
}
