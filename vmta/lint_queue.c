/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in <domain>; see lint_priv.h.
 *
 * A line counts for many queues: those that its block names, in each virtual
 * MTA, where nothing more specific says otherwise.  It is in vain if it is so
 * in all of them; the reason shown is the line that allows most.
 */
#include <stdio.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "vmta/lint_priv.h"
#include "vmta/settings.h"

/* ---- queues of a block --------------------------------------------------- */

static void
note_setters(void *ctx, const void *value)
{
	const struct layer *l = value;
	struct lint_queue *q = ctx;

	for (size_t i = 0; i < table_domain.count; i++)
		if ((l->set.bits[i / 64] >> i % 64 & 1) != 0)
			q->setters[i] = l;
	conf_merge(&table_domain, &q->conf, &l->values, &l->set);
}

/* What it costs at most to ask for a queue of the virtual MTA. */
static size_t
merges_for(const struct snapshot *s, const struct vmta_entry *v)
{
	return 1 + domain_map_longest(s->domains) +
	    domain_map_longest(v->domains) +
	    (v->domain_pool == NULL ?
		    0 :
		    domain_map_longest(v->domain_pool->domains));
}

void
lint_queue_of(struct lint *l, const char *domain, const struct vmta_entry *v,
    struct lint_queue *q)
{
	memset(q, 0, sizeof(*q));
	q->domain = domain;
	q->vmta = v;
	q->conf = l->s->queue_defaults;
	settings_layers(l->s, domain, v->pub.name, note_setters, q);
	l->merges += merges_for(l->s, v);
}

/* Does the block say anything for queues of that virtual MTA? */
static bool
concerns(const struct layer *layer, const struct vmta_entry *v)
{
	if (layer->vmta != NULL)
		return layer->vmta == v;
	return layer->pool == NULL || layer->pool == v->domain_pool;
}

/* The domain in each virtual MTA that the block is for. */
static void
each_vmta(struct lint *l, const struct layer *layer, const char *pattern,
    lint_queue_fn *fn, void *ctx)
{
	const char *domain = snapshot_sample_domain(l->rg, pattern);
	bool is_sample = strcmp(domain, pattern) != 0;
	bool notices = strcmp(domain, SNAPSHOT_DSN_DOMAIN) == 0;
	size_t first = notices ? 0 : l->first_vmta;
	size_t n = notices ? 1 : strmap_count(l->s->vmtas);
	struct lint_queue q;

	for (size_t i = first; i < n && l->merges < LINT_MERGES_MAX; i++) {
		const struct vmta_entry *v = strmap_at(l->s->vmtas, i);

		l->merges++;
		if (!concerns(layer, v))
			continue;
		lint_queue_of(l, domain, v, &q);
		q.is_sample = is_sample;
		fn(ctx, &q);
	}
}

void
lint_each_queue(struct lint *l, const struct layer *layer, lint_queue_fn *fn,
    void *ctx)
{
	for (size_t i = 0; i < layer->patterns.n; i++) {
		const char *pattern = layer->patterns.v[i];

		each_vmta(l, layer, pattern, fn, ctx);
		/* Its sample is the domain itself; others are below it. */
		if (strncmp(pattern, "[*.]", 4) == 0)
			each_vmta(l, layer,
			    region_printf(l->rg, "*.%s", pattern + 4), fn, ctx);
	}
}

const struct layer *
lint_setter(const struct lint_queue *q, const char *directive)
{
	const struct conf_directive *row = conf_find_row(&table_domain,
	    directive);

	CHECK(row != NULL);
	return q->setters[row - table_domain.rows];
}

struct lint_side
lint_own(const struct snapshot *s, const struct lint_queue *q,
    const char *directive)
{
	const struct layer *setter = lint_setter(q, directive);
	struct lint_owner own = { &table_domain, NULL, &s->queue_defaults,
		NULL };

	if (setter != NULL)
		own = lint_owner_layer(setter);
	return lint_side(&own, directive);
}

/* ---- around a queue ------------------------------------------------------- */

/* Each local address may have so much, but there are only so many. */
static struct lint_side
sum_of_sources(const struct lint *l, const struct lint_queue *q,
    enum lint_unit unit)
{
	const struct conf_sources *from = &q->vmta->pub.sources;
	const char *directive = lint_names[unit].source;
	const struct layer *setter = lint_setter(q, directive);
	struct lint_side sum = lint_none();
	struct lint_owner own;
	double total = 0;

	if (setter == NULL || from->n == 0)
		return sum;
	own = lint_owner_layer(setter);
	for (size_t i = 0; i < from->n && isfinite(total); i++) {
		size_t item = lint_find_item(&own, directive, &from->v[i].addr);
		struct lint_side one = lint_item(&own, directive, item);

		total += one.amount;
		if (one.amount < sum.amount)
			sum = one;
	}
	sum.amount = total;
	sum.note = region_printf(l->rg, "from %zu address%s together", from->n,
	    from->n == 1 ? "" : "es");
	return sum;
}

/* A provider by that name: of a pattern one sample says nothing of others. */
static struct lint_side
of_provider(const struct lint *l, const struct lint_queue *q,
    enum lint_unit unit)
{
	const struct provider *p = q->is_sample ?
	    NULL :
	    snapshot_provider(l->s, q->domain);
	struct lint_owner own;

	if (p == NULL)
		return lint_none();
	own = lint_owner_provider(snapshot_find_provider(l->s, p->name));
	return lint_side(&own, lint_names[unit].provider);
}

struct lint_side
lint_around(const struct lint *l, const struct lint_queue *q,
    enum lint_unit unit)
{
	const struct lint_names *names = &lint_names[unit];
	struct lint_owner vmta = lint_owner_vmta(q->vmta),
			  process = lint_owner_global(l->s), pool = { 0 };
	struct lint_side all[4];
	const struct lint_side *lowest = &all[0];

	if (q->vmta->domain_pool != NULL)
		pool = lint_owner_pool(q->vmta->domain_pool);
	all[0] = lint_side(&vmta, names->vmta);
	all[1] = lint_side(&pool, names->pool);
	all[2] = of_provider(l, q, unit);
	all[3] = lint_side(&process, names->process);
	for (size_t i = 1; i < 4; i++)
		lowest = lint_lower(lowest, &all[i]);
	return *lowest;
}

/* ---- rules ---------------------------------------------------------------- */

/* What one queue's line meets; amount INFINITY: nothing that is lower. */
typedef struct lint_side rule_fn(const struct lint *l,
    const struct lint_queue *q, const struct lint_side *limit);

static struct lint_side
within(const struct lint *l, const struct lint_queue *q,
    const struct lint_side *limit, enum lint_unit unit)
{
	struct lint_side around = lint_around(l, q, unit);
	struct lint_side sources = sum_of_sources(l, q, unit);

	(void)limit;
	return *lint_lower(&around, &sources);
}

static struct lint_side
within_conns(const struct lint *l, const struct lint_queue *q,
    const struct lint_side *limit)
{
	return within(l, q, limit, UNIT_CONNS);
}

static struct lint_side
within_connect(const struct lint *l, const struct lint_queue *q,
    const struct lint_side *limit)
{
	return within(l, q, limit, UNIT_CONNECT);
}

static struct lint_side
within_msg(const struct lint *l, const struct lint_queue *q,
    const struct lint_side *limit)
{
	return within(l, q, limit, UNIT_MSG);
}

static struct lint_side
within_data(const struct lint *l, const struct lint_queue *q,
    const struct lint_side *limit)
{
	return within(l, q, limit, UNIT_DATA);
}

/* smtp-out-rampup-interval: one connection each time, whatever the rate. */
static struct lint_side
rampup(const struct lint *l, const struct lint_queue *q)
{
	struct lint_side s = lint_own(l->s, q, "smtp-out-rampup-interval");

	s.amount = q->conf.rampup_us == 0 ?
	    INFINITY :
	    (double)US_PER_S / (double)q->conf.rampup_us;
	s.note = "of connections one after the other";
	return s;
}

static struct lint_side
connect_by_rampup(const struct lint *l, const struct lint_queue *q,
    const struct lint_side *limit)
{
	(void)limit;
	return rampup(l, q);
}

/* Messages that the connections carry which may be opened. */
static struct lint_side
carried(const struct lint *l, const struct lint_queue *q)
{
	struct lint_side own = lint_own(l->s, q, "max-connect-rate");
	struct lint_side ramp = rampup(l, q);
	struct lint_side around = lint_around(l, q, UNIT_CONNECT);
	struct lint_side by = *lint_lower(&ramp, lint_lower(&own, &around));

	if (q->conf.max_msg_per_conn == 0)
		return lint_none();
	by.amount *= q->conf.max_msg_per_conn;
	return by;
}

/* Even with as many recipients as a message may have. */
static struct lint_side
msg_by_connects(const struct lint *l, const struct lint_queue *q,
    const struct lint_side *limit)
{
	struct lint_side by = carried(l, q);

	(void)limit;
	by.amount *= q->conf.max_rcpt_per_msg;
	by.note = region_printf(l->rg,
	    "with max-msg-per-connection %u and max-rcpt-per-message %u",
	    q->conf.max_msg_per_conn, q->conf.max_rcpt_per_msg);
	return by;
}

/* With one recipient each, where more would do. */
static struct lint_side
msg_by_messages(const struct lint *l, const struct lint_queue *q,
    const struct lint_side *limit)
{
	struct lint_side by = carried(l, q);

	if (lint_is_more(limit->amount, by.amount * q->conf.max_rcpt_per_msg))
		return lint_none();
	by.note = region_printf(l->rg,
	    "with max-msg-per-connection %u and one recipient each",
	    q->conf.max_msg_per_conn);
	return by;
}

/* How long a connection may be busy with one recipient, and not be odd. */
#define BUSY_S 600

/* The lowest rate that the queue is under, as connections that it keeps busy. */
static struct lint_side
conns_by_rate(const struct lint *l, const struct lint_queue *q,
    const struct lint_side *limit)
{
	struct lint_side own = lint_own(l->s, q, "max-msg-rate");
	struct lint_side around = lint_around(l, q, UNIT_MSG);
	struct lint_side sources = sum_of_sources(l, q, UNIT_MSG);
	struct lint_side by = *lint_lower(&own, lint_lower(&around, &sources));
	double idle_s = (double)q->conf.idle_timeout_us / (double)US_PER_S;

	(void)limit;
	by.amount *= BUSY_S + idle_s;
	if (by.amount < UINT32_MAX) /* rounded up, and one that is opened */
		by.amount = 2 + (double)(uint32_t)by.amount;
	by.note = "can be busy at once";
	return by;
}

/* All recipients of a connection may be refused, and there are not so many. */
static struct lint_side
errors_by_recipients(const struct lint *l, const struct lint_queue *q,
    const struct lint_side *limit)
{
	struct lint_side by = lint_own(l->s, q, "max-msg-per-connection");

	(void)limit;
	if (q->conf.max_msg_per_conn == 0)
		return lint_none();
	by.amount = (double)q->conf.max_msg_per_conn * q->conf.max_rcpt_per_msg;
	by.note = region_printf(l->rg,
	    "recipients with max-rcpt-per-message %u",
	    q->conf.max_rcpt_per_msg);
	return by;
}

/* Hosts of smtp-hosts, if each has a limit of its own. */
static struct lint_side
conns_by_hosts(const struct lint *l, const struct lint_queue *q,
    const struct lint_side *limit)
{
	const struct conf_hosts *hosts = &q->conf.smtp_hosts;
	struct lint_owner top = lint_owner_global(l->s);
	size_t sources = q->vmta->pub.sources.n;
	struct lint_side sum = lint_none();
	double total = 0;

	(void)limit;
	if (hosts->n == 0)
		return sum;
	for (size_t i = 0; i < hosts->n; i++) {
		struct lint_side one = lint_none();

		if (hosts->v[i].name == NULL)
			one = lint_item(&top, "ip-connection-limit",
			    lint_find_item(&top, "ip-connection-limit",
				&hosts->v[i].addr));
		else if (!hosts->v[i].lookup_mx && sources > 0)
			one = lint_mx_item(l, hosts->v[i].name);
		total += hosts->v[i].name == NULL ?
		    one.amount :
		    one.amount * (double)sources;
		if (one.amount < sum.amount)
			sum = one;
	}
	sum.amount = total;
	sum.note = region_printf(l->rg, "to %zu host%s of smtp-hosts", hosts->n,
	    hosts->n == 1 ? "" : "s");
	return sum;
}

static const struct {
	const char *directive;
	enum lint_kind kind;
	enum lint_unit unit;
	rule_fn *by;
} rules[] = {
	{ "max-smtp-out", LINT_UNREACHABLE, UNIT_CONNS, within_conns },
	{ "max-smtp-out", LINT_UNREACHABLE, UNIT_CONNS, conns_by_hosts },
	{ "max-smtp-out", LINT_CONNECTIONS, UNIT_CONNS, conns_by_rate },
	{ "max-connect-rate", LINT_UNREACHABLE, UNIT_CONNECT, within_connect },
	{ "max-connect-rate", LINT_UNREACHABLE, UNIT_CONNECT,
	    connect_by_rampup },
	{ "max-msg-rate", LINT_UNREACHABLE, UNIT_MSG, within_msg },
	{ "max-msg-rate", LINT_UNREACHABLE, UNIT_MSG, msg_by_connects },
	{ "max-msg-rate", LINT_RECIPIENTS, UNIT_MSG, msg_by_messages },
	{ "max-data-volume-rate", LINT_UNREACHABLE, UNIT_DATA, within_data },
	{ "max-errors-per-connection", LINT_UNREACHABLE, UNIT_CONNS,
	    errors_by_recipients },
};
#define RULES (sizeof(rules) / sizeof(rules[0]))

/* ---- the lines of a block ------------------------------------------------- */

struct verdict {
	size_t counts;       /* queues where the line counts */
	size_t beaten;       /* of these, where something is lower */
	struct lint_side by; /* the one that allows most */
};

/* Which line counts where the block's does not. */
struct override {
	size_t asked, own;
	const struct layer *other;
};

struct block {
	struct lint *l;
	const struct layer *layer;
	bool has[RULES]; /* does it set what the rule is about? */
	struct verdict verdicts[RULES];
	struct override overrides[CONF_ROWS_MAX];
};

static void
judge(struct block *b, const struct lint_queue *q, size_t i)
{
	struct verdict *v = &b->verdicts[i];
	struct lint_side limit, by;

	if (lint_setter(q, rules[i].directive) != b->layer)
		return;
	limit = lint_own(b->l->s, q, rules[i].directive);
	v->counts++;
	by = rules[i].by(b->l, q, &limit);
	if (!isfinite(limit.amount) || !lint_is_more(limit.amount, by.amount))
		return;
	v->beaten++;
	if (v->beaten == 1 || by.amount > v->by.amount)
		v->by = by;
}

static void
judge_queue(void *ctx, const struct lint_queue *q)
{
	struct block *b = ctx;

	for (size_t i = 0; i < RULES; i++)
		if (b->has[i])
			judge(b, q, i);
	for (size_t i = 0; i < table_domain.count; i++) {
		b->overrides[i].asked++;
		if (q->setters[i] == b->layer)
			b->overrides[i].own++;
		else
			b->overrides[i].other = q->setters[i];
	}
}

static void
tell_verdicts(struct block *b)
{
	struct lint_owner own = lint_owner_layer(b->layer);

	for (size_t i = 0; i < RULES; i++) {
		const struct verdict *v = &b->verdicts[i];
		struct lint_side limit = lint_side(&own, rules[i].directive);

		if (v->counts == 0 || v->beaten < v->counts)
			continue;
		lint_tell(b->l, rules[i].kind, &limit, &v->by,
		    lint_numbers(b->l, rules[i].unit, &limit, &v->by));
	}
}

/* Is it about address literals?  One of a range says nothing of others. */
static bool
has_literals(const struct layer *layer)
{
	for (size_t i = 0; i < layer->patterns.n; i++)
		if (layer->patterns.v[i][0] == '[' &&
		    layer->patterns.v[i][1] != '*')
			return true;
	return false;
}

static void
tell_overrides(struct block *b)
{
	struct lint_owner own = lint_owner_layer(b->layer);

	if (has_literals(b->layer))
		return;
	for (size_t i = 0; i < table_domain.count; i++) {
		const struct override *o = &b->overrides[i];
		const char *directive = table_domain.rows[i].name;
		struct lint_side limit = lint_side(&own, directive), by;
		struct lint_owner other;

		if (!lint_is_written(&limit) || o->asked == 0 || o->own > 0)
			continue;
		CHECK(o->other != NULL); /* or the block's own would count */
		other = lint_owner_layer(o->other);
		by = lint_side(&other, directive);
		lint_tell(b->l, LINT_OVERRIDDEN, &limit, &by, "");
	}
}

/* ---- messages ------------------------------------------------------------- */

/* What a host MTA takes if nobody says otherwise (Postfix). */
#define USUAL_SIZE 10240000

/* Of sources the largest message so far, and who says so. */
struct largest {
	uint64_t size;
	struct lint_side by;
};

/* One that has its size from a wider source is no larger than that. */
static void
consider(struct largest *most, const struct source_entry *e, uint64_t size)
{
	struct lint_owner own = { &table_source, &e->set, &e->values, NULL };

	if (size <= most->size)
		return;
	most->size = size;
	most->by = lint_side(&own, "max-message-size");
}

static struct largest
largest_message(const struct snapshot *s)
{
	struct largest most = { 0, lint_none() };

	for (const struct source_entry *e = s->sources; e != NULL;
	     e = e->next) {
		struct source_conf conf;

		settings_source(s, &e->prefix.addr, NULL, &conf);
		consider(&most, e, conf.max_size);
	}
	for (size_t i = 0; i < strmap_count(s->named_sources); i++) {
		const struct source_entry *e = strmap_at(s->named_sources, i);

		if (conf_is_set(&table_source, &e->set, "max-message-size"))
			consider(&most, e, e->values.max_size);
	}
	if (most.size == SIZE_UNLIMITED)
		most.size = 0; /* as if nobody had said anything */
	return most;
}

/* A message that is more than a whole period allows goes alone in it. */
static void
check_volume(struct lint *l, const struct lint_owner *own,
    const char *directive)
{
	struct lint_side limit = lint_side(own, directive);
	struct largest most = largest_message(l->s);
	const struct conf_directive *row = conf_find_row(own->table, directive);
	struct data_rate rate;
	struct buf text = { 0 };

	memcpy(&rate, (const char *)own->values + row->offset, sizeof(rate));
	if (!lint_is_written(&limit) || rate.period_us == 0 ||
	    rate.bytes >= (most.size == 0 ? USUAL_SIZE : most.size))
		return;
	lint_print_bytes(&text, (double)rate.bytes);
	buf_str(&text, ", against messages of ");
	if (most.size == 0)
		buf_str(&text, "any size");
	else
		lint_print_bytes(&text, (double)most.size);
	lint_tell(l, LINT_MESSAGE, &limit, most.size == 0 ? NULL : &most.by,
	    region_strdup(l->rg, buf_cstr(&text)));
	buf_fini(&text);
}

static void
check_volumes(struct lint *l)
{
	const char *shared = "max-smtp-data-volume-rate";
	const char *own = "max-data-volume-rate";

	for (size_t i = 0; i < strmap_count(l->s->vmtas); i++) {
		struct lint_owner o = lint_owner_vmta(
		    strmap_at(l->s->vmtas, i));

		check_volume(l, &o, shared);
	}
	for (size_t i = 0; i < strmap_count(l->s->pools); i++) {
		struct lint_owner o = lint_owner_pool(
		    strmap_at(l->s->pools, i));

		check_volume(l, &o, shared);
	}
	for (size_t i = 0; i < strmap_count(l->s->providers); i++) {
		struct lint_owner o = lint_owner_provider(
		    strmap_at(l->s->providers, i));

		check_volume(l, &o, own);
	}
	for (const struct layer *y = l->s->layers; y != NULL; y = y->next) {
		struct lint_owner o = lint_owner_layer(y);

		check_volume(l, &o, own);
	}
}

/* ---- the process ---------------------------------------------------------- */

/* Mail that bounces while limits are still rising never had its chance. */
static void
check_ramp(struct lint *l)
{
	struct lint_owner top = lint_owner_global(l->s);
	struct lint_side limit = lint_side(&top, "startup-ramp");

	for (const struct layer *y = l->s->layers; y != NULL; y = y->next) {
		struct lint_owner own = lint_owner_layer(y);
		struct lint_side by = lint_side(&own, "bounce-after");

		if (!lint_is_written(&by) ||
		    y->values.bounce_after_us >= l->s->global.startup_ramp_us)
			continue;
		lint_tell(l, LINT_RAMP, &limit, &by, "");
		return;
	}
}

void
lint_queues(struct lint *l)
{
	for (const struct layer *y = l->s->layers; y != NULL; y = y->next) {
		struct block b = { .l = l, .layer = y };

		if (y->set.origins == NULL)
			continue;
		for (size_t i = 0; i < RULES; i++)
			b.has[i] = conf_is_set(&table_domain, &y->set,
			    rules[i].directive);
		lint_each_queue(l, y, judge_queue, &b);
		tell_verdicts(&b);
		tell_overrides(&b);
	}
	check_volumes(l);
	if (l->s->global.startup_ramp_us > 0)
		check_ramp(l);
}
