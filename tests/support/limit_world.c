/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/limit_world.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/net.h"

#define S US_PER_S
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

const char *const world_domains[WORLD_DOMAINS] = { "a.example", "b.example",
	"c.example", "d.example", "e.example" };
const char *const world_vmtas[WORLD_VMTAS] = { "", "ip1", "ip2", "ip3" };

/* ---- what there is ------------------------------------------------------- */

/* Who belongs to a pool or a provider; NULL: none. */
static const char *
pool_of(const char *vmta)
{
	return strcmp(vmta, "ip1") == 0 || strcmp(vmta, "ip2") == 0 ? "p12" :
	    strcmp(vmta, "ip3") == 0                                ? "p3" :
								      NULL;
}

static const char *
provider_of(const char *domain)
{
	return domain[0] == 'a' || domain[0] == 'b' ? "big" :
	    domain[0] == 'c'                        ? "small" :
						      NULL;
}

/* The group of a domain, for each virtual MTA; NULL: none. */
static const char *
rollup_of(const char *domain)
{
	return domain[0] == 'a' || domain[0] == 'b' ? "big.rollup" : NULL;
}

enum block {
	IN_GLOBAL,
	IN_DOMAIN,
	IN_VMTA,
	IN_POOL,
	IN_PROVIDER,
	IN_ROLLUP,
	IN_JOB,
	IN_USER,
	BLOCKS
};

/* The blocks of one kind: their tag, their names, what each says besides. */
static const struct {
	const char *tag;
	size_t n;
	const char *names[8], *says[8];
} blocks[BLOCKS] = {
	[IN_GLOBAL] = { NULL, 1, { "" }, { "" } },
	[IN_DOMAIN] = { "domain", WORLD_DOMAINS,
	    { "a.example", "b.example", "c.example", "d.example", "e.example" },
	    { "", "", "", "", "" } },
	[IN_VMTA] = { "virtual-mta", 3, { "ip1", "ip2", "ip3" },
	    { "smtp-source-host 127.0.0.11 one.example\n",
		"smtp-source-host 127.0.0.12 two.example\n"
		"smtp-source-host 127.0.0.13 three.example\n",
		"smtp-source-host 127.0.1.14 four.example\n"
		"smtp-source-host 127.0.0.15 five.example\n" } },
	[IN_POOL] = { "virtual-mta-pool", 2, { "p12", "p3" },
	    { "virtual-mta ip1\nvirtual-mta ip2\n", "virtual-mta ip3\n" } },
	[IN_PROVIDER] = { "provider", 2, { "big", "small" },
	    { "domain a.example, b.example\nrollup big.rollup\n",
		"domain c.example\n" } },
	[IN_ROLLUP] = { "domain", 1, { "big.rollup" }, { "" } },
	[IN_JOB] = { "job", 3, { "j1", "j2", "other" }, { "", "", "" } },
	[IN_USER] = { "smtp-user", 2, { "u1", "u2" },
	    { "password x\n", "password x\n" } },
};

/* ---- the limits ---------------------------------------------------------- */

/* A line of the configuration that limits something. */
static const struct row {
	enum block block;
	const char *directive;
	enum judge_scope scope;
	enum judge_kind kind;
	bool in_calm; /* also when it is judged whether all is used */
} rows[] = {
	{ IN_GLOBAL, "total-max-smtp-out", JUDGE_PROCESS, JUDGE_CONNS, true },
	{ IN_DOMAIN, "max-smtp-out", JUDGE_QUEUE, JUDGE_CONNS, true },
	{ IN_DOMAIN, "max-msg-rate", JUDGE_QUEUE, JUDGE_MSGS, true },
	{ IN_DOMAIN, "max-connect-rate", JUDGE_QUEUE, JUDGE_CONNECTS, false },
	{ IN_DOMAIN, "smtp-out-rampup-interval", JUDGE_QUEUE, JUDGE_RAMPUP,
	    false },
	{ IN_DOMAIN, "max-data-volume-rate", JUDGE_QUEUE, JUDGE_BYTES, false },
	{ IN_PROVIDER, "max-smtp-out", JUDGE_PROVIDER, JUDGE_CONNS, false },
	{ IN_PROVIDER, "max-msg-rate", JUDGE_PROVIDER, JUDGE_MSGS, false },
	{ IN_PROVIDER, "max-connect-rate", JUDGE_PROVIDER, JUDGE_CONNECTS,
	    false },
	{ IN_PROVIDER, "max-data-volume-rate", JUDGE_PROVIDER, JUDGE_BYTES,
	    false },
	{ IN_ROLLUP, "max-smtp-out", JUDGE_ROLLUP, JUDGE_CONNS, false },
	{ IN_ROLLUP, "max-msg-rate", JUDGE_ROLLUP, JUDGE_MSGS, false },
	{ IN_ROLLUP, "max-connect-rate", JUDGE_ROLLUP, JUDGE_CONNECTS, false },
	{ IN_ROLLUP, "max-data-volume-rate", JUDGE_ROLLUP, JUDGE_BYTES, false },
	{ IN_POOL, "max-smtp-out", JUDGE_POOL, JUDGE_CONNS, false },
	{ IN_POOL, "max-smtp-msg-rate", JUDGE_POOL, JUDGE_MSGS, false },
	{ IN_POOL, "max-smtp-data-volume-rate", JUDGE_POOL, JUDGE_BYTES,
	    false },
	{ IN_JOB, "max-msg-rate", JUDGE_JOB, JUDGE_MSGS, false },
	{ IN_USER, "max-msg-rate", JUDGE_USER, JUDGE_MSGS, false },
	{ IN_VMTA, "max-smtp-out", JUDGE_VMTA, JUDGE_CONNS, true },
	{ IN_VMTA, "max-smtp-data-volume-rate", JUDGE_VMTA, JUDGE_BYTES,
	    false },
	{ IN_VMTA, "max-smtp-msg-rate", JUDGE_VMTA, JUDGE_MSGS, true },
};

struct choice {
	uint64_t max;
	int64_t period_us;
	bool slow;
};

/* Numbers that a configuration can say as they are. */
static const struct choice message_rates[] = {
	{ 1, S, false },
	{ 5, S, false },
	{ 20, S, false },
	{ 100, 10 * S, false },
	{ 1, 4 * S, false },
	{ 120, 60 * S, false },
	{ 1500, 60 * S, false },
	{ 1, 1200 * S, true },
	{ 10, 3600 * S, true },
	{ 60, 600 * S, true },
	{ 500, 86400 * S, true },
};

static const struct choice connect_rates[] = {
	{ 1, S, false },
	{ 3, S, false },
	{ 10, 10 * S, false },
	{ 60, 60 * S, false },
	{ 1, 600 * S, true },
	{ 20, 3600 * S, true },
};

static const struct choice data_rates[] = {
	{ 2000, S, false },
	{ 40000, S, false },
	{ 50000, 10 * S, false },
	{ 300000, 60 * S, false },
	{ 20000, 3600 * S, true },
	{ 300000, 86400 * S, true },
};

static const struct choice gaps[] = {
	{ 1, 1 * S, false },
	{ 1, 3 * S, false },
	{ 1, 60 * S, true },
};

static const struct {
	const struct choice *v;
	size_t n;
} choices[JUDGE_KINDS] = {
	[JUDGE_CONNECTS] = { connect_rates, COUNT(connect_rates) },
	[JUDGE_RAMPUP] = { gaps, COUNT(gaps) },
	[JUDGE_MSGS] = { message_rates, COUNT(message_rates) },
	[JUDGE_BYTES] = { data_rates, COUNT(data_rates) },
};

static struct world_value
any_value(struct limit_world *w, const struct row *row)
{
	struct world_value v = { 0, 0 };
	const struct choice *c;

	if (sim_random(w->sim, w->style.few ? 4 : 2) != 0 ||
	    (w->style.calm && !row->in_calm))
		return v;
	if (row->kind == JUDGE_CONNS) {
		v.max = 1 + sim_random(w->sim, 12);
		return v;
	}
	do
		c = &choices[row->kind]
			 .v[sim_random(w->sim, choices[row->kind].n)];
	while (c->slow != w->style.slow);
	v.max = c->max;
	v.period_us = c->period_us;
	return v;
}

/* Another number for the same period, up or down. */
static void
other_number(struct limit_world *w, const struct row *row,
    struct world_value *v)
{
	uint64_t max = 1 + v->max / 2 + sim_random(w->sim, v->max + 1);

	if (v->max > 0 && row->kind != JUDGE_RAMPUP)
		v->max = max;
}

static struct world_value *
value_at(const struct limit_world *w, size_t row, size_t place)
{
	size_t i = 0;

	for (size_t r = 0; r < row; r++)
		i += blocks[rows[r].block].n;
	CHECK(i + place < WORLD_LIMITS);
	return (struct world_value *)(uintptr_t)&w->limits[i + place];
}

/* ---- as text ------------------------------------------------------------- */

static void
put_value(struct buf *out, const struct row *row, const struct world_value *v)
{
	static const struct {
		int64_t us;
		char unit;
	} units[] = { { 86400 * S, 'd' }, { 3600 * S, 'h' }, { 60 * S, 'm' },
		{ S, 's' } };
	size_t u = 0;

	if (v->max == 0 && row->kind != JUDGE_RAMPUP)
		return; /* the default is no limit */
	buf_printf(out, "%s ", row->directive);
	if (row->kind == JUDGE_CONNS) {
		buf_printf(out, "%" PRIu64 "\n", v->max);
		return;
	}
	while (v->period_us % units[u].us != 0)
		u++;
	if (row->kind == JUDGE_RAMPUP)
		buf_printf(out, "%" PRId64 "s\n", v->period_us / S);
	else if (v->period_us == units[u].us)
		buf_printf(out, "%" PRIu64 "/%c\n", v->max, units[u].unit);
	else
		buf_printf(out, "%" PRIu64 "/%" PRId64 "%c\n", v->max,
		    v->period_us / units[u].us, units[u].unit);
}

static void
write_block(const struct limit_world *w, enum block b, size_t place,
    struct buf *out)
{
	if (blocks[b].tag != NULL)
		buf_printf(out, "<%s %s>\n%s", blocks[b].tag,
		    blocks[b].names[place], blocks[b].says[place]);
	if (b == IN_DOMAIN)
		buf_printf(out, "%s", w->fixed[place]);
	for (size_t r = 0; r < COUNT(rows); r++)
		if (rows[r].block == b)
			put_value(out, &rows[r], value_at(w, r, place));
	if (blocks[b].tag != NULL)
		buf_printf(out, "</%s>\n", blocks[b].tag);
}

void
limit_world_write(const struct limit_world *w, struct buf *out)
{
	buf_printf(out, "smtp-source-host 127.0.0.1 zero.example\n");
	for (int b = 0; b < BLOCKS; b++)
		for (size_t i = 0; i < blocks[b].n; i++)
			write_block(w, (enum block)b, i, out);
}

/* ---- for the judge ------------------------------------------------------- */

/* A <domain> is about a queue of each virtual MTA. */
static void
tell_queues(const struct limit_world *w, struct judge_limit *l, int64_t now_us)
{
	const char *domain = l->name;
	char name[160];

	for (int v = 0; v < WORLD_VMTAS; v++) {
		(void)snprintf(name, sizeof(name), "%s/%s", domain,
		    world_vmtas[v]);
		l->name = name;
		judge_limit(w->judge, l, now_us);
	}
}

/* Those in a group have that of the group alone. */
static bool
has_default(const struct row *row, const char *name)
{
	return row->kind == JUDGE_CONNS &&
	    (row->scope == JUDGE_ROLLUP ||
		(row->scope == JUDGE_QUEUE && rollup_of(name) == NULL));
}

void
limit_world_tell(const struct limit_world *w, int64_t now_us)
{
	for (size_t r = 0; r < COUNT(rows); r++)
		for (size_t i = 0; i < blocks[rows[r].block].n; i++) {
			const struct world_value *v = value_at(w, r, i);
			struct judge_limit l = { rows[r].scope, rows[r].kind,
				blocks[rows[r].block].names[i], v->max,
				v->period_us };

			/* A domain's connections have a limit by default. */
			if (has_default(&rows[r], l.name) && v->max == 0)
				l.max = 20;
			if (rows[r].scope == JUDGE_QUEUE ||
			    rows[r].scope == JUDGE_ROLLUP)
				tell_queues(w, &l, now_us);
			else
				judge_limit(w->judge, &l, now_us);
		}
}

void
limit_world_names(const struct sim_seen *seen, struct world_names *out)
{
	char addr[NET_ADDR_TEXT] = "";

	*out = (struct world_names){ .of = { NULL } };
	(void)snprintf(out->queue, sizeof(out->queue), "%s/%s", seen->domain,
	    seen->vmta);
	if (seen->source != NULL)
		(void)snprintf(out->source, sizeof(out->source), "%s from %s",
		    out->queue, net_addr_text(seen->source, addr));
	out->of[JUDGE_PROCESS] = "";
	out->of[JUDGE_PROVIDER] = provider_of(seen->domain);
	out->of[JUDGE_POOL] = pool_of(seen->vmta);
	out->of[JUDGE_VMTA] = seen->vmta;
	if (rollup_of(seen->domain) != NULL) {
		(void)snprintf(out->rollup, sizeof(out->rollup), "%s/%s",
		    rollup_of(seen->domain), seen->vmta);
		out->of[JUDGE_ROLLUP] = out->rollup;
	}
	out->of[JUDGE_QUEUE] = out->queue;
	out->of[JUDGE_SOURCE] = seen->source == NULL ? NULL : out->source;
	out->of[JUDGE_JOB] = seen->job;
	out->of[JUDGE_USER] = seen->user;
}

void
limit_world_watch(void *ctx, const struct sim_seen *seen)
{
	static const enum judge_what whats[] = { [SIM_OPENED] = JUDGE_OPENED,
		[SIM_CLOSED] = JUDGE_CLOSED,
		[SIM_RCPTS] = JUDGE_RCPT,
		[SIM_DELIVERED] = JUDGE_DELIVERED };
	struct limit_world *w = ctx;
	struct world_names names;
	struct judge_event e = { .what = whats[seen->what],
		.at_us = seen->at_us,
		.since_us = seen->since_us,
		.n = seen->n };

	limit_world_names(seen, &names);
	memcpy(e.of, names.of, sizeof(e.of));
	judge_event(w->judge, &e);
}

/* ---- the rest ------------------------------------------------------------ */

int64_t
limit_world_longest(const struct limit_world *w)
{
	int64_t longest = 0;

	for (size_t i = 0; i < w->limit_count; i++)
		if (w->limits[i].max > 0 && w->limits[i].period_us > longest)
			longest = w->limits[i].period_us;
	return longest;
}

void
limit_world_init(struct limit_world *w, struct sim *sim, struct judge *judge,
    const struct world_style *style)
{
	*w =
	    (struct limit_world){ .sim = sim, .judge = judge, .style = *style };
	for (size_t r = 0; r < COUNT(rows); r++) {
		for (size_t i = 0; i < blocks[rows[r].block].n; i++)
			*value_at(w, r, i) = any_value(w, &rows[r]);
		w->limit_count += blocks[rows[r].block].n;
	}
	for (int d = 0; d < WORLD_DOMAINS; d++) {
		static const char *const per[] = { "0", "1", "5" };
		static const char *const idle[] = { "0", "2s", "1m" };

		(void)snprintf(w->fixed[d], sizeof(w->fixed[d]),
		    "max-msg-per-connection %s\nconnection-idle-timeout %s\n"
		    "max-rcpt-per-message %d\nretry-after 10s,20s\n"
		    "retry-recipients-after 15s\n",
		    per[sim_random(sim, COUNT(per))],
		    idle[sim_random(sim, COUNT(idle))],
		    1 + (int)sim_random(sim, 20));
	}
}

void
limit_world_change(struct limit_world *w, unsigned some)
{
	for (unsigned k = 0; k < some; k++) {
		size_t r = sim_random(w->sim, COUNT(rows));
		struct world_value *v = value_at(w, r,
		    sim_random(w->sim, blocks[rows[r].block].n));

		if (sim_random(w->sim, 4) != 0)
			other_number(w, &rows[r], v);
		else
			*v = any_value(w, &rows[r]);
	}
}
