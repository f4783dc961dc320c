/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dsn_rule - the <dsn-rule> blocks: what a refusal that fits a pattern is
 * called and what is done about it.
 *
 *	action = word *( "," word )
 *	word   = "requeue" / "bounce" / "backoff" / "skip-mx" /
 *		 "disable-source-ip"
 *
 * They count for all queues, in the order of the file; the first that fits a
 * reply is the only one that is asked.  Written while a snapshot is built,
 * immutable when sealed; any thread.
 */

#ifndef VMTA_DSN_RULE_H
#define VMTA_DSN_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/mem.h"
#include "lib/str.h"

struct dsn_actions {
	bool requeue, bounce; /* not both */
	bool backoff, skip_mx, disable_source;
};

struct dsn_rule {
	const char *name;
	const char *category; /* free text; "" if it names none */
	struct dsn_actions act;
	int64_t retry_us; /* until the recipient's next attempt; 0: as usual */
	const char *file;
	unsigned line;
};

/* The list of words; rg holds what is taken apart. */
int dsn_actions_parse(struct slice list, struct region *rg,
    struct dsn_actions *out, struct err *e);

/* "3600", in seconds, or an interval; at least a second and not "never". */
int dsn_retry_parse(struct slice s, int64_t *us_r, struct err *e);

/*
 * The regular expression in `pattern TEXT`: bare, between slashes, or in double
 * quotes, in which a backslash is the expression's.
 */
int dsn_pattern_parse(struct slice s, struct slice *pattern_r, struct err *e);

struct dsn_rules;

struct dsn_rules *dsn_rules_new(void);
void dsn_rules_free(struct dsn_rules **rulesp);

/* The rule is borrowed and outlives the rules. */
int dsn_rules_add(struct dsn_rules *rules, struct slice pattern,
    const struct dsn_rule *rule, struct err *e);
void dsn_rules_seal(struct dsn_rules *rules);
size_t dsn_rules_count(const struct dsn_rules *rules);

/* The first that fits, or NULL. */
const struct dsn_rule *dsn_rules_match(const struct dsn_rules *rules,
    const char *text, size_t len);

#endif
