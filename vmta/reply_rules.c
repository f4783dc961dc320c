/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/reply_rules.h"

#include <stdlib.h>
#include <string.h>

#include "lib/regex_set.h"

#define BIT(kind) (1u << (kind))
#define ALL_KINDS (BIT(REPLY_KINDS) - 1)

struct row {
	struct reply_actions act;
	struct reply_place at;
	unsigned kinds;
};

struct reply_rules {
	struct regex_set *set;
	struct row *rows; /* by the number of the expression */
	const struct dsn_rules *dsn;
	bool want_2xx;
};

struct reply_rules *
reply_rules_new(const struct dsn_rules *rules)
{
	struct reply_rules *r = mem_new(struct reply_rules);

	r->set = regex_set_new();
	r->dsn = rules;
	return r;
}

void
reply_rules_free(struct reply_rules **rp)
{
	struct reply_rules *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	regex_set_free(&r->set);
	free(r->rows);
	free(r);
}

static unsigned
kinds_of(const struct reply_actions *a)
{
	return (a->backoff || a->normal ? BIT(REPLY_MODE) : 0) |
	    (a->skip_mx || a->bounce_queue ? BIT(REPLY_ROUTE) : 0) |
	    (a->bounce_rcpt ? BIT(REPLY_RCPT) : 0) |
	    (a->disable_source ? BIT(REPLY_SOURCE) : 0) |
	    (a->defer_queue ? BIT(REPLY_DEFER) : 0);
}

int
reply_rules_add(struct reply_rules *r, struct slice pattern,
    const struct reply_actions *act, struct reply_place at, struct err *e)
{
	int n = regex_set_add(r->set, pattern, e);

	if (n == -1)
		return -1;
	r->rows = mem_realloc(r->rows, ((size_t)n + 1) * sizeof(r->rows[0]));
	r->rows[n] = (struct row){ *act, at, kinds_of(act) };
	r->want_2xx = r->want_2xx || act->normal;
	return 0;
}

void
reply_rules_seal(struct reply_rules *r)
{
	regex_set_seal(r->set);
}

size_t
reply_rules_count(const struct reply_rules *r)
{
	return regex_set_count(r->set);
}

bool
reply_rules_want_2xx(const struct reply_rules *r)
{
	return r->want_2xx;
}

/* Of the kinds given, what the row says. */
static void
take_row(struct reply_hit *out, const struct row *row, unsigned kinds)
{
	const struct reply_actions *a = &row->act;

	if ((kinds & BIT(REPLY_MODE)) != 0) {
		out->act.backoff = a->backoff;
		out->act.normal = a->normal;
		out->act.has_normal_after = a->has_normal_after;
		out->act.normal_after_us = a->normal_after_us;
	}
	if ((kinds & BIT(REPLY_ROUTE)) != 0) {
		out->act.skip_mx = a->skip_mx;
		out->act.bounce_queue = a->bounce_queue;
	}
	if ((kinds & BIT(REPLY_RCPT)) != 0)
		out->act.bounce_rcpt = a->bounce_rcpt;
	if ((kinds & BIT(REPLY_SOURCE)) != 0) {
		out->act.disable_source = a->disable_source;
		out->act.has_reenable_after = a->has_reenable_after;
		out->act.reenable_after_us = a->reenable_after_us;
	}
	if ((kinds & BIT(REPLY_DEFER)) != 0)
		out->act.defer_queue = a->defer_queue;
	for (unsigned k = 0; k < REPLY_KINDS; k++)
		if ((kinds & BIT(k)) != 0)
			out->at[k] = row->at;
}

/* The kinds that the rows decided; asked are those that count at all. */
static unsigned
ask_rows(const struct reply_rules *r, struct slice text, unsigned asked,
    struct reply_hit *out)
{
	bool success = asked == BIT(REPLY_MODE);
	unsigned open = asked;
	struct regex_scan scan;
	int i;

	regex_scan_init(&scan, r->set, text.p, text.len);
	while (open != 0 && (i = regex_scan_next(&scan)) >= 0) {
		const struct row *row = &r->rows[i];

		if ((row->kinds & open) == 0 || (success && !row->act.normal))
			continue;
		if (!regex_scan_matches(&scan, i))
			continue;
		take_row(out, row, row->kinds & open);
		open &= ~row->kinds;
	}
	return asked & ~open;
}

static void
take_rule(struct reply_hit *out, const struct dsn_rule *rule, unsigned open)
{
	const struct dsn_actions *a = &rule->act;
	unsigned kinds = (a->backoff ? BIT(REPLY_MODE) : 0) |
	    (a->skip_mx ? BIT(REPLY_ROUTE) : 0) |
	    (a->requeue || a->bounce ? BIT(REPLY_RCPT) : 0) |
	    (a->disable_source ? BIT(REPLY_SOURCE) : 0);

	kinds &= open;
	out->rule = rule;
	out->act.backoff |= (kinds & BIT(REPLY_MODE)) != 0;
	out->act.skip_mx |= (kinds & BIT(REPLY_ROUTE)) != 0;
	out->act.disable_source |= (kinds & BIT(REPLY_SOURCE)) != 0;
	if ((kinds & BIT(REPLY_RCPT)) != 0) {
		out->requeue = a->requeue;
		out->bounce = a->bounce;
	}
	for (unsigned k = 0; k < REPLY_KINDS; k++)
		if ((kinds & BIT(k)) != 0)
			out->at[k] = (struct reply_place){ rule->file,
				rule->line };
}

bool
reply_rules_match(const struct reply_rules *r, const char *text, int code,
    struct reply_hit *out)
{
	struct slice s = slice_of(text);
	unsigned asked = code >= 400 ? ALL_KINDS : BIT(REPLY_MODE);
	const struct dsn_rule *rule = NULL;
	unsigned decided;

	*out = (struct reply_hit){ .act = { .normal_after_us = INTERVAL_NEVER,
				       .reenable_after_us = INTERVAL_NEVER } };
	if (code < 400 && !r->want_2xx)
		return false;
	decided = ask_rows(r, s, asked, out);
	if (code >= 400 && r->dsn != NULL)
		rule = dsn_rules_match(r->dsn, s.p, s.len);
	if (rule != NULL)
		take_rule(out, rule, ALL_KINDS & ~decided);
	return decided != 0 || rule != NULL;
}
