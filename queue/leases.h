/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leases - what limits have spent and may still spend, in a table of its own:
 * by the limit's name, one record each, which is written again and again.
 *
 * A record is never half of an old and half of a new one.  One that cannot be
 * read is told as such when the spool is opened: its limit is not empty.
 * Written in the group commit like everything else.  The bytes are pure, any
 * thread; the rest is the store thread's.
 */

#ifndef QUEUE_LEASES_H
#define QUEUE_LEASES_H

#include <stddef.h>

#include "lib/err.h"
#include "lib/str.h"
#include "mail/lease_record.h"
#include "queue/store.h"

/* ---- bytes --------------------------------------------------------------- */

void leases_pack(struct buf *out, struct slice key,
    const struct lease_record *l);

/* -1 also when the numbers cannot be those of a limit. */
int leases_unpack(struct slice key, struct slice rec, struct lease_record *l_r,
    struct err *e);

/* The name of a limit for people: of a damaged key, what can be printed. */
enum { LEASES_NAME = 201 };
const char *leases_name(struct slice key, char out[LEASES_NAME]);

/* ---- the table ----------------------------------------------------------- */

/* One transaction; each gets its answer.  A full disk costs the reserve. */
void leases_commit(struct store *s, struct store_leases **list, size_t count);

/* Calls owner.lease for each, then owner.leases_loaded. */
void leases_load(struct store *s);

#endif
