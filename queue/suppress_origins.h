/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suppress_origins - the pairs of reason and source that the entries of a list
 * have, each once, by a number that takes four bytes of an entry.
 *
 * Numbers begin at 0; one that no entry has any more is given again.  Belongs
 * to one thread; no disk.
 */

#ifndef QUEUE_SUPPRESS_ORIGINS_H
#define QUEUE_SUPPRESS_ORIGINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/str.h"

struct suppress_origin {
	char *reason, *source; /* NULL: the number is free */
	char *key;
	uint64_t entries; /* that have it */
};

struct suppress_origins;

struct suppress_origins *suppress_origins_new(void);
void suppress_origins_free(struct suppress_origins **op);

/* What the database says; the number is free. */
int suppress_origins_set(struct suppress_origins *o, uint32_t number,
    struct slice reason, struct slice source, struct err *e);

/* Its number; new_r: it had none.  -1: there are too many. */
int suppress_origins_put(struct suppress_origins *o, const char *reason,
    const char *source, uint32_t *number_r, bool *new_r, struct err *e);

/* NULL: there is none. */
struct suppress_origin *suppress_origins_get(struct suppress_origins *o,
    uint32_t number);
uint32_t suppress_origins_end(
    const struct suppress_origins *o); /* of numbers */

void suppress_origins_zero(struct suppress_origins *o); /* all entries */

/* Those without entries become free; calls gone() with each. */
typedef int suppress_origin_gone_fn(void *ctx, uint32_t number, struct err *e);
int suppress_origins_sweep(struct suppress_origins *o,
    suppress_origin_gone_fn *gone, void *ctx, struct err *e);

#endif
