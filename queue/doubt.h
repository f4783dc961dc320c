/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doubt - recipients whose final dot was sent and whose answer nobody knows:
 * what the in-flight slots of an earlier run name and the tables do not
 * contradict, and those whose connection was lost before the answer.  Kept
 * seven days.  Store thread, or before it runs.
 */

#ifndef QUEUE_DOUBT_H
#define QUEUE_DOUBT_H

#include <stddef.h>
#include <stdint.h>

#include "queue/env.h"
#include "queue/store.h"

#define DOUBT_KEEP_US (INT64_C(7) * 24 * 3600 * 1000000)

/* Writes and logs them by name.  Within a transaction. */
enum env_result doubt_find(struct store *s, size_t *count_r, struct err *e);

/* Keeps one.  Within a transaction; the same one again changes nothing. */
enum env_result doubt_put(struct store *s, const struct store_doubt *d,
    struct err *e);

/* Those of the last seven days, oldest first. */
void doubt_list(struct store *s, int64_t wall_us, struct store_doubt **list_r,
    size_t *count_r);
void doubt_list_free(struct store_doubt **listp, size_t count);

/* Removes what is older; opens a transaction of its own. */
enum env_result doubt_expire(struct store *s, int64_t wall_us, struct err *e);

#endif
