/* SPDX-License-Identifier: Apache-2.0 */
/*
 * offline - a spool opened to be looked at, without a daemon: its lock, its
 * database, its ledger and a reader of its segments.
 *
 * Nothing in it is changed, but that a database which was closed well is opened
 * as a start would.  One that was not closed well is opened only when asked to
 * recover it, as mailraced does at its start.
 *
 * Root works with the rights of the spool's owner from open to close, so that
 * no file is left that the daemon cannot open.  One thread; one at a time.
 */

#ifndef QUEUE_OFFLINE_H
#define QUEUE_OFFLINE_H

#include <stdbool.h>

#include "lib/err.h"
#include "queue/env.h"
#include "queue/record.h"
#include "queue/segment.h"

struct lock;

struct offline {
	const char *dir;
	struct lock *lock;
	struct env *env;
	struct segment_reader *reader;
	struct record_ledger ledger;
};

/* -1 also when a daemon has it, or it has to be recovered first. */
int offline_open(const char *dir, bool recover, struct offline *sp,
    struct err *e);
void offline_close(
    struct offline *sp); /* also after offline_open() has failed */

/* The key of a table's row is as it must be, and the row opens. */
int offline_check_row(enum env_table t, struct slice key, struct slice rec,
    struct err *e);
const char *offline_table_name(enum env_table t);

#endif
