/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf_limits - limits by address or domain: "CIDR N", "CIDR RATE",
 * "CIDR DATA-RATE" and "DOMAIN N", one a line.
 *
 * N is at least 1, since 0 would stop all that fits and could as well be
 * meant as no limit; `unlimited` makes an exception from a later line.  Memory
 * comes from the tree's region; look-ups are for any thread.
 */

#ifndef LIB_CONF_LIMITS_H
#define LIB_CONF_LIMITS_H

#include <stdbool.h>

#include "lib/conf_bind.h"

/* Is it one of the types of this module? */
bool conf_type_is_limits(enum conf_type type);

/* Adds what the line says; `""` empties the list. */
int conf_limits_parse(const struct conf_tree *tree,
    const struct conf_directive *row, struct slice text, void *list,
    struct err *e);

/* Does the range hold the address?  0/0 holds those of IPv6 as well. */
bool conf_cidr_fits(const struct net_prefix *p, const struct net_addr *a);

/* Does every address that `inner` holds belong to `outer`, in that sense? */
bool conf_cidr_covers(const struct net_prefix *outer,
    const struct net_prefix *inner);

/* The first that fits, its number in the list; SIZE_MAX: none. */
size_t conf_cidr_counts_find(const struct conf_cidr_counts *list,
    const struct net_addr *a);
size_t conf_cidr_rates_find(const struct conf_cidr_rates *list,
    const struct net_addr *a);
size_t conf_cidr_data_rates_find(const struct conf_cidr_data_rates *list,
    const struct net_addr *a);

#endif
