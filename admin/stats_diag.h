/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stats_diag - what the answers of servers have in common, so that equal
 * reasons are counted together.
 *
 * Words with an address or a digit in them (hosts, IP addresses, ids, times)
 * become `*`; reply codes and enhanced status codes stay.  Pure.
 */

#ifndef ADMIN_STATS_DIAG_H
#define ADMIN_STATS_DIAG_H

#include "lib/str.h"

enum { STATS_DIAG_MAX = 160 };

/* At most STATS_DIAG_MAX bytes, whole characters; returns how many. */
size_t stats_diag(struct slice diag, char out[STATS_DIAG_MAX]);

#endif
