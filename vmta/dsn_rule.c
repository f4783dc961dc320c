/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/dsn_rule.h"

#include <stdlib.h>

#include "lib/clock.h"
#include "lib/conf_lex.h"
#include "lib/regex.h"
#include "lib/regex_set.h"

struct entry {
	const struct dsn_rule *rule;
};

struct dsn_rules {
	struct regex_set *set;
	struct entry *v; /* by the number of the expression */
};

/* ---- what stands in a block ---------------------------------------------- */

static int
read_action(const char *item, struct dsn_actions *a, struct err *e)
{
	const struct {
		const char *name;
		bool *flag;
	} known[] = {
		{ "requeue", &a->requeue },
		{ "bounce", &a->bounce },
		{ "backoff", &a->backoff },
		{ "skip-mx", &a->skip_mx },
		{ "disable-source-ip", &a->disable_source },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (!str_eq_nocase(item, known[i].name))
			continue;
		if (*known[i].flag)
			return err_set(e, "%s is there twice", item);
		*known[i].flag = true;
		return 0;
	}
	return err_set(e, "\"%s\" is no action", item);
}

int
dsn_actions_parse(struct slice list, struct region *rg, struct dsn_actions *out,
    struct err *e)
{
	const char *item;
	bool any = false;

	*out = (struct dsn_actions){ .requeue = false };
	for (;;) {
		if (conf_item(&list, rg, &item, e) == -1)
			return -1;
		if (item == NULL)
			break;
		if (read_action(item, out, e) == -1)
			return -1;
		any = true;
	}
	if (!any)
		return err_set(e, "an action is missing");
	if (out->requeue && out->bounce)
		return err_set(e, "requeue and bounce in one rule");
	return 0;
}

int
dsn_retry_parse(struct slice s, int64_t *us_r, struct err *e)
{
	struct err not_a_number;
	uint64_t seconds;

	if (str_to_u64(s, &seconds, &not_a_number) == -1) {
		if (str_to_interval(s, us_r, e) == -1)
			return -1;
	} else if (seconds > INTERVAL_NEVER / US_PER_S) {
		return err_set(e, "\"%.*s\" is too long", (int)s.len, s.p);
	} else {
		*us_r = (int64_t)seconds * US_PER_S;
	}
	if (*us_r == INTERVAL_NEVER || *us_r < US_PER_S)
		return err_set(e,
		    "a second is the least, and never is no time");
	return 0;
}

int
dsn_pattern_parse(struct slice s, struct slice *pattern_r, struct err *e)
{
	struct slice rest = slice_trim(s);

	if (rest.len > 0 && rest.p[0] == '/') {
		if (regex_take_pattern(&rest, pattern_r, e) == -1)
			return -1;
		if (rest.len > 0)
			return err_set(e, "\"%.*s\" is too much", (int)rest.len,
			    rest.p);
		return 0;
	}
	if (rest.len > 0 && rest.p[0] == '"') {
		if (rest.len < 2 || rest.p[rest.len - 1] != '"')
			return err_set(e, "no closing quote");
		rest = (struct slice){ rest.p + 1, rest.len - 2 };
	}
	if (rest.len == 0)
		return err_set(e, "a pattern is missing");
	*pattern_r = rest;
	return 0;
}

/* ---- all of them --------------------------------------------------------- */

struct dsn_rules *
dsn_rules_new(void)
{
	struct dsn_rules *rules = mem_new(struct dsn_rules);

	rules->set = regex_set_new();
	return rules;
}

void
dsn_rules_free(struct dsn_rules **rulesp)
{
	struct dsn_rules *rules = *rulesp;

	*rulesp = NULL;
	if (rules == NULL)
		return;
	regex_set_free(&rules->set);
	free(rules->v);
	free(rules);
}

int
dsn_rules_add(struct dsn_rules *rules, struct slice pattern,
    const struct dsn_rule *rule, struct err *e)
{
	int n = regex_set_add(rules->set, pattern, e);

	if (n == -1)
		return -1;
	rules->v = mem_realloc(rules->v, ((size_t)n + 1) * sizeof(rules->v[0]));
	rules->v[n].rule = rule;
	return 0;
}

void
dsn_rules_seal(struct dsn_rules *rules)
{
	regex_set_seal(rules->set);
}

size_t
dsn_rules_count(const struct dsn_rules *rules)
{
	return regex_set_count(rules->set);
}

const struct dsn_rule *
dsn_rules_match(const struct dsn_rules *rules, const char *text, size_t len)
{
	struct regex_scan scan;
	int i;

	regex_scan_init(&scan, rules->set, text, len);
	while ((i = regex_scan_next(&scan)) >= 0)
		if (regex_scan_matches(&scan, i))
			return rules->v[i].rule;
	return NULL;
}
