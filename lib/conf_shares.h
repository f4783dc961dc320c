/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf_shares - limits that are written as they are, or as a share of another
 * one: "5" or "10%", "100/h" or "10%"; and shares of failures, "0.3%" and "30%
 * 100/10m".
 *
 * A share is 1% to 100%, a limit is not 0: that would let nothing through.
 * What has no limit has none by a share either, and no share is so small that
 * nothing is left: of a count 1 remains, and a rate that comes to less than one
 * a period is one in a longer period.  Pure; any thread.
 */

#ifndef LIB_CONF_SHARES_H
#define LIB_CONF_SHARES_H

#include "lib/conf_types.h"
#include "lib/err.h"
#include "lib/str.h"

int conf_count_share_parse(struct slice s, uint32_t max,
    struct conf_count_share *out, struct err *e);
int conf_rate_share_parse(struct slice s, struct conf_rate_share *out,
    struct err *e);
int conf_data_share_parse(struct slice s, struct conf_data_share *out,
    struct err *e);
/* "N% COUNT/INTERVAL": N per cent of at least COUNT within it; or "none". */
int conf_error_rate_parse(struct slice s, struct conf_error_rate *out,
    struct err *e);

/* From 0.1% to 100%, with one decimal: per mille. */
int conf_share_parse(struct slice s, uint32_t *per_mille_r, struct err *e);

/* As they are written. */
void conf_count_share_print(struct buf *b, const struct conf_count_share *c);
void conf_rate_share_print(struct buf *b, const struct conf_rate_share *r);
void conf_data_share_print(struct buf *b, const struct conf_data_share *d);
void conf_error_rate_print(struct buf *b, const struct conf_error_rate *r);

void conf_share_print(struct buf *b, uint32_t per_mille);

/* What it comes to where the whole is `whole`; 0 is no limit. */
uint32_t conf_count_share(const struct conf_count_share *c, uint32_t whole);
struct rate conf_rate_share(const struct conf_rate_share *r,
    const struct rate *whole);
struct data_rate conf_data_share(const struct conf_data_share *d,
    const struct data_rate *whole);

#endif
