/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rollup_rows - the rows of <mx-rollup-list> and the `mx` of <provider>, as
 * rollup.h asks them.
 *
 * Written while a snapshot is built, immutable afterwards; in its region but
 * for the tables.
 */

#ifndef VMTA_ROLLUP_ROWS_H
#define VMTA_ROLLUP_ROWS_H

#include "lib/conf_parse.h"
#include "vmta/domain_map.h"
#include "vmta/rollup.h"

/* All rows of one NAME.rollup that are alike. */
struct rollup_target {
	const char *name; /* in lower case */
	bool by_ip;
	struct conf_strs hosts;     /* rows without a wildcard, each once */
	struct conf_hosts route;    /* the same, as smtp-hosts would be */
	struct domain_map *named;   /* the same, to be found */
	struct domain_map *fitting; /* rows with one */
	size_t order;
	const struct conf_node *wild_node; /* the first with a wildcard */
};

struct rollup_rows;

struct rollup_rows *rollup_rows_new(struct region *rg);
void rollup_rows_free(struct rollup_rows **rowsp);

/* mx PATTERN NAME.rollup [rollup-by-ip]; the same row again adds nothing. */
int rollup_rows_add(struct rollup_rows *rows, const char *pattern,
    const char *name, bool by_ip, const struct conf_node *node, struct err *e);

/* `mx PATTERN` of a provider; fails if another has the very pattern. */
int rollup_rows_add_provider(struct rollup_rows *rows, const char *pattern,
    const struct provider *p, struct err *e);

bool rollup_rows_have_targets(const struct rollup_rows *rows);
bool rollup_rows_have_providers(const struct rollup_rows *rows);
size_t rollup_rows_count(const struct rollup_rows *rows); /* of targets */
const struct rollup_target *rollup_rows_at(const struct rollup_rows *rows,
    size_t i);

/* As rollup_listed(). */
const struct conf_strs *rollup_rows_listed(const struct rollup_rows *rows);

/* When all rows are known: the routes of targets. */
void rollup_rows_route(struct rollup_rows *rows);

/* The one of that name without rollup-by-ip; NULL: there is none. */
const struct rollup_target *rollup_rows_named(const struct rollup_rows *rows,
    const char *name);

/* NULL: none fits. */
const struct rollup_target *rollup_rows_find(const struct rollup_rows *rows,
    const struct mx_facts *f);
const struct provider *rollup_rows_provider(const struct rollup_rows *rows,
    const struct mx_facts *f);

#endif
