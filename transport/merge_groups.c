/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/merge_groups.h"

#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "mail/xtext.h"

/*
 * Octets of texts that are made, also where neighbours have the same, and of
 * parts that are gone through for them: of undefined variables nothing is left.
 */
#define WORK_MAX (UINT64_C(4) << 30)

void
merge_groups_init(struct merge_groups *g, const struct ingress_session *s,
    struct region *rg)
{
	const char *empties = snapshot_global(s->conf)->merge_empties;

	*g = (struct merge_groups){ .merge = s->tx.merge,
		.vars = s->tx.merge->vars,
		.rcpts = s->tx.rcpts,
		.rcpt_count = s->tx.rcpt_count,
		.sender = s->tx.sender,
		.envid = s->tx.envid,
		.tx_rg = s->tx_rg,
		.rg = rg,
		.how = { .keeps_undefined = strcmp(empties, "no") == 0,
		    .max = ingress_size_max(s) } };
	(void)clock_rfc5322(g->date, sizeof(g->date), clock_wall_us());
}

void
merge_groups_init_unparsed(struct merge_groups *g,
    const struct ingress_session *s, struct region *rg)
{
	merge_groups_init(g, s, rg);
	g->vars = s->tx.merge->unparsed.v;
	g->rcpts = s->tx.unparsed;
	g->rcpt_count = s->tx.unparsed_count;
}

void
merge_groups_fini(struct merge_groups *g)
{
	buf_fini(&g->now.text);
	buf_fini(&g->ahead.text);
}

/* ---- what is said of a recipient ----------------------------------------- */

static const char *
given_value(const struct merge_groups *g, size_t rcpt, const char *name)
{
	return merge_get(&g->vars[rcpt], name);
}

/* What *from says, or XMRG. */
static const char *
from_of(const struct merge_groups *g, size_t rcpt)
{
	const char *from = given_value(g, rcpt, "*from");

	return from != NULL ? from : g->sender;
}

const char *
merge_groups_sender(const struct merge_groups *g, size_t rcpt)
{
	const char *from = from_of(g, rcpt);
	struct addr a;

	return addr_parse(slice_of(from), g->rg, &a) == ADDR_OK ? a.text : from;
}

const char *
merge_groups_envid(const struct merge_groups *g, size_t rcpt)
{
	const char *envid = given_value(g, rcpt, "*envid");

	return envid == NULL ? g->envid : xtext_encode(envid, ENVID_MAX, g->rg);
}

const struct policy_given *
merge_groups_given(const struct merge_groups *g, size_t rcpt)
{
	struct policy_given *given = region_new_obj(g->rg, struct policy_given);
	const char *priority = given_value(g, rcpt, "*priority");
	const char *schedule = given_value(g, rcpt, "*schedule");
	unsigned n = 0;
	struct err e;

	given->vmta = given_value(g, rcpt, "*vmta");
	given->job = given_value(g, rcpt, "*jobid");
	if (priority != NULL)
		CHECK(merge_number(slice_of(priority), UINT8_MAX, &n));
	given->priority = (uint8_t)n;
	if (schedule != NULL) {
		struct spans *spans = region_new_obj(g->rg, struct spans);

		CHECK(spans_parse(slice_of(schedule), g->rg, spans, &e) == 0);
		given->spans = spans;
	}
	return given;
}

/* ---- its text ------------------------------------------------------------ */

/* The number of the only part. */
static struct merge_parts
only_part(struct merge_groups *g, const struct ingress_merge *m)
{
	struct merge_parts parts = { 1,
		region_array(g->rg, 1, sizeof(*parts.v)) };

	parts.v[0] = (uint16_t)m->part;
	return parts;
}

/* NULL, or the reply. */
static const char *
find_parts(struct merge_groups *g, size_t rcpt, struct merge_parts *parts)
{
	const struct ingress_merge *m = g->merge;
	const char *named = given_value(g, rcpt, "*parts");

	if (named == NULL && m->sent_count > 1)
		return "554 5.6.0 several parts, and a recipient without *parts";
	if (named == NULL)
		*parts = only_part(g, m);
	else
		CHECK(merge_parts_parse(slice_of(named), g->rg, parts));
	for (size_t i = 0; i < parts->n; i++)
		if (!m->parts[parts->v[i]].sent)
			return "554 5.6.0 *parts names a part that there is not";
	return NULL;
}

/* NULL, or the reply; neither the parts nor what becomes of them is too long. */
static const char *
join_parts(struct merge_groups *g, const struct merge_vars *vars,
    const struct merge_parts *parts, struct merge_text *t)
{
	size_t len = 0;

	buf_clear(&t->text);
	t->plain = true;
	for (size_t i = 0; i < parts->n; i++) {
		const struct merge_part *part = &g->merge->parts[parts->v[i]];

		t->plain = t->plain && part->plain;
		len += part->text.len;
		if (len > g->how.max ||
		    !merge_expand(
			(struct slice){ part->text.p, part->text.len }, vars,
			&g->how, &t->text))
			return "552 5.3.4 a message of the merge is too big";
	}
	g->work += len + t->text.len;
	return g->work > WORK_MAX ? MERGE_TOO_LARGE : NULL;
}

/* NULL, or the reply. */
static const char *
make_text(struct merge_groups *g, size_t rcpt, struct merge_text *t)
{
	struct merge_vars *vars = &g->vars[rcpt];
	struct merge_parts parts;
	const char *why;

	region_reset(g->rg);
	why = find_parts(g, rcpt, &parts);
	if (why != NULL)
		return why;
	merge_put(vars, g->tx_rg, "*to", slice_of(g->rcpts[rcpt].addr));
	merge_put(vars, g->tx_rg, "*date", slice_of(g->date));
	if (merge_get(vars, "*from") == NULL)
		merge_put(vars, g->tx_rg, "*from", slice_of(g->sender));
	why = join_parts(g, vars, &parts, t);
	t->rcpt = rcpt;
	t->there = why == NULL;
	return why;
}

static bool
is_same_value(const struct merge_groups *g, size_t a, size_t b,
    const char *name)
{
	const char *x = given_value(g, a, name);
	const char *y = given_value(g, b, name);

	return x == y || (x != NULL && y != NULL && strcmp(x, y) == 0);
}

/* From the same sender, in the same way? */
static bool
is_same_way(const struct merge_groups *g, size_t a, size_t b)
{
	static const char *const names[] = { "*envid", "*vmta", "*jobid",
		"*priority", "*schedule" };

	if (strcmp(from_of(g, a), from_of(g, b)) != 0)
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!is_same_value(g, a, b, names[i]))
			return false;
	return true;
}

static bool
is_same_text(const struct merge_groups *g)
{
	const struct buf *a = &g->now.text, *b = &g->ahead.text;

	return a->len == b->len &&
	    (a->len == 0 || memcmp(a->p, b->p, a->len) == 0);
}

/* Has that recipient the message that is being made?  why_r: a reply. */
static bool
is_same(struct merge_groups *g, size_t rcpt, const char **why_r)
{
	if (g->now.plain && is_same_value(g, g->now.rcpt, rcpt, "*parts"))
		return is_same_way(g, g->now.rcpt, rcpt);
	*why_r = make_text(g, rcpt, &g->ahead);
	if (*why_r != NULL || !is_same_text(g) ||
	    !is_same_way(g, g->now.rcpt, rcpt))
		return false;
	g->ahead.there = false;
	return true;
}

const char *
merge_groups_next(struct merge_groups *g, int64_t until_us, size_t *count_r)
{
	const char *why = NULL;

	if (g->ahead.there) {
		struct merge_text t = g->now;

		g->now = g->ahead;
		g->ahead = t;
	} else {
		why = make_text(g, g->next, &g->now);
	}
	g->ahead.there = false;
	*count_r = 1;
	while (why == NULL && g->next + *count_r < g->rcpt_count &&
	    clock_us() < until_us && is_same(g, g->next + *count_r, &why))
		++*count_r;
	g->next += *count_r;
	return why;
}
