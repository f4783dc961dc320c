/* SPDX-License-Identifier: Apache-2.0 */
/*
 * domain_map - values by domain pattern, found from general to specific.
 *
 * Patterns: `*`; `[*.]dom` (dom and below); `*.dom` (below only); `dom`; and
 * for address literals `[IP/MASK]`.  Among those that match a domain the order
 * is: `*`, `[*.]` by length, `*.` by length, the exact name; literals by
 * prefix length.  Of one pattern, values that came from a macro stand before
 * those written by name; else in the order added.  PowerMTA's rules (1.5).
 *
 * Case is ignored and non-ASCII names are compared in their xn-- form.  Values
 * are borrowed.  Written by one thread, then read by any number.
 */

#ifndef VMTA_DOMAIN_MAP_H
#define VMTA_DOMAIN_MAP_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "lib/mem.h"

struct domain_map;

/* Entries live in the region; the map itself is given back by _free(). */
struct domain_map *domain_map_new(struct region *rg);
void domain_map_free(struct domain_map **mp);

int domain_map_add(struct domain_map *m, const char *pattern, bool from_macro,
    const void *value, struct err *e);

/*
 * The first value under that very pattern; NULL: none, or no pattern.  Only
 * while the map is built: it may make room for the pattern.
 */
const void *domain_map_get(struct domain_map *m, const char *pattern);

typedef void domain_map_fn(void *ctx, const void *value);
void domain_map_match(const struct domain_map *m, const char *domain,
    domain_map_fn *fn, void *ctx);
/* Only what was added under this very name. */
void domain_map_exact(const struct domain_map *m, const char *domain,
    domain_map_fn *fn, void *ctx);
bool domain_map_has(const struct domain_map *m, const char *domain);
bool domain_map_is_empty(const struct domain_map *m);

/* The most values that one pattern has: what a match may cost. */
size_t domain_map_longest(const struct domain_map *m);

#endif
