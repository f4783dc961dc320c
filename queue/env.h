/* SPDX-License-Identifier: Apache-2.0 */
/*
 * env - the tables and their transactions; the only file that calls Berkeley
 * DB, so that another engine can follow it.
 *
 * There are two kinds: that of a spool and that of suppression lists.
 *
 * One thread (store, or that of the lists) reads and writes, with one transaction open at a time and
 * never across a return to its event loop; so the environment has no lock
 * subsystem.  The checkpoint thread may call env_checkpoint() beside it.
 * A commit is not durable before env_flush().
 */

#ifndef QUEUE_ENV_H
#define QUEUE_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/str.h"

enum env_table {
	TABLE_MESSAGE,  /* be64 id: body's place, recipients, envelope */
	TABLE_STATE,    /* be64 id, be32 n: recipients no longer fresh */
	TABLE_LEDGER,   /* "ledger": the one row of counters */
	TABLE_OUTBOX,   /* be64 sequence: blob */
	TABLE_HANDOVER, /* 16 bytes: bucket, be64 hash by recipient */
	TABLE_BUCKET,   /* be64 start, be64 id: keys of that time */
	TABLE_DOUBT,    /* be64 wall time, be64 id, be32 n: session */
	TABLE_POLICY,   /* a name: what policy wants to keep under it */
	TABLE_LEASE,    /* a limit's name: what of it is spent */
	TABLE_COUNT,

	/* Of suppression lists, in an environment of their own. */
	TABLE_LIST = TABLE_COUNT, /* a name: what of it is published */
	TABLE_ENTRY,  /* be32 list, digest: changed since the base */
	TABLE_ORIGIN, /* be32 list, be32 number: a reason and a source */
	TABLE_EXPIRY, /* be32 list, be32 time, digest: of an entry */
	ENV_TABLES
};

enum env_result {
	ENV_OK,
	ENV_ABSENT,   /* no such key; the end of a scan */
	ENV_EXISTS,   /* env_add(): the key is there */
	ENV_NO_SPACE, /* err is filled; roll back what was begun */
	ENV_FAILED    /* err is filled */
};

/* A log file; two of them are what a reserve must at least hold. */
#define ENV_LOG_FILE ((uint64_t)16 << 20)

enum { ENV_SCAN_SMALL = 16 << 10, ENV_SCAN_LARGE = 256 << 10 };

struct env;

/* Runs recovery.  Of a spool; of suppression lists. */
enum env_result env_open(const char *dir, struct env **v_r, struct err *e);
enum env_result env_open_lists(const char *dir, struct env **v_r,
    struct err *e);

/* -1: something did not reach the disk; recovery will see to it. */
int env_close(struct env **vp);

/*
 * Before env_open() after an end that was not clean: a sync may have failed,
 * and then the kernel shows pages that the disk does not have, and never
 * writes them.  Recovery has to read what the disk has.
 */
void env_forget_cache(const char *dir);

void env_begin(struct env *v);
enum env_result env_commit(struct env *v, struct err *e);
/* Also after a commit that failed; undoes what is open. */
void env_rollback(struct env *v);

/* Makes every commit so far durable. */
enum env_result env_flush(struct env *v, struct err *e);

/* Inside of a transaction or, for reading, outside. */
enum env_result env_get(struct env *v, enum env_table t, struct slice key,
    struct slice *rec_r, struct err *e); /* valid until the next env_get() */
enum env_result env_put(struct env *v, enum env_table t, struct slice key,
    struct slice rec, struct err *e);
enum env_result env_add(struct env *v, enum env_table t, struct slice key,
    struct slice rec, struct err *e);
enum env_result env_del(struct env *v, enum env_table t, struct slice key,
    struct err *e);
enum env_result env_del_prefix(struct env *v, enum env_table t,
    struct slice prefix, struct err *e);

/*
 * Reads a table in the order of its keys, many rows at a time; outside of a
 * transaction.  Rows may be older than what was written since the scan read
 * its last buffer: env_scan_seek() starts afresh.
 */
struct env_scan {
	enum env_table table;
	unsigned char from[1032]; /* the least key that was not returned yet */
	size_t from_len;
	char *buf;
	size_t cap;
	size_t size; /* 0: nothing read */
	void *at;    /* Berkeley DB's place in buf */
};

/* buf_len: ENV_SCAN_SMALL for a few rows, else ENV_SCAN_LARGE. */
void env_scan_init(struct env_scan *sc, enum env_table t, size_t buf_len);
void env_scan_seek(struct env_scan *sc, struct slice from);
void env_scan_fini(struct env_scan *sc);
enum env_result env_scan_next(struct env *v, struct env_scan *sc,
    struct slice *key_r, struct slice *rec_r, struct err *e);

/* Any thread.  Does nothing unless the log grew by log_bytes, or by anything
 * within minutes; 0 and 0 forces.  Log files no longer needed go. */
enum env_result env_checkpoint(struct env *v, uint32_t log_bytes,
    uint32_t minutes, struct err *e);

#endif
