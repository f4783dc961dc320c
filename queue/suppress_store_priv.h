/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suppress_store_priv - what the files of suppress_store.h share: the store and
 * its lists.
 *
 *	suppress_store    opening, changes, questions
 *	suppress_load     a list as the disk has it
 *	suppress_state    one entry, read and changed
 *	suppress_walk     base and changes as one
 *	suppress_merge    a new base of both, or of an import
 *	suppress_import   what is to be imported
 *	suppress_work     what is done in slices
 *
 * An entry is what its row in the database says, if it has one that counts,
 * else what the base says.  A row counts while its mark is above `folded`.
 */

#ifndef QUEUE_SUPPRESS_STORE_PRIV_H
#define QUEUE_SUPPRESS_STORE_PRIV_H

#include "queue/env.h"
#include "queue/suppress_base.h"
#include "queue/suppress_origins.h"
#include "queue/suppress_record.h"
#include "queue/suppress_store.h"

struct lock;
struct suppress_merge;

struct suppress_store {
	char *dir;
	struct lock *lock;
	struct env *env;
	struct suppress_owned *lists;
	uint32_t next_number;
	int64_t now_s; /* what expires then is removed; 0: not told yet */
	int64_t checkpoint_us;
	uint64_t fold_at;
	bool in_txn;
	bool is_broken; /* what was committed may not be on the disk */
};

struct suppress_owned {
	struct suppress_owned *next;
	struct suppress_store *store;
	char *name, *path;
	uint64_t id; /* as it is to hash; the row has how the base does */
	uint32_t digest_len;
	struct row_list row;
	char *fault;
	bool is_changed; /* by the open transaction */
	struct suppress_base *base;
	struct suppress_origins *origins;
	uint64_t entries;
	uint64_t added, removed; /* rows that count */
	uint64_t published;      /* mark */
	int64_t published_us, retry_us;
	bool is_unpublished;
	size_t expiry_at;   /* of the base: what is not yet removed */
	int64_t expired_at; /* the store's now_s for which all is removed */
	bool is_sweeping;   /* rows that do not count are there */
	struct row_key sweep_from;
	unsigned walks;
	struct suppress_import *import;
	struct suppress_merge *merge;
};

struct suppress_import {
	struct suppress_owned *l; /* NULL: given up, and why */
	struct err why;
	struct suppress_import_conf conf;
	uint64_t mark; /* later changes hold whatever it says */
	uint32_t digest_len;
	uint32_t count; /* of what was added */
	struct suppress_sort *sort;
	struct suppress_origins *origins; /* numbers of its own */
	bool is_committed;
};

/* ---- suppress_store ------------------------------------------------------ */

int suppress_store_begin(struct suppress_store *s, struct err *e);
void suppress_store_undo(struct suppress_store *s);

/* ---- suppress_load ------------------------------------------------------- */

/* What the disk has of it; a fault is no error. */
int suppress_load(struct suppress_owned *l, struct err *e);
/* The same behind an undone transaction, or a base that was published. */
int suppress_load_again(struct suppress_owned *l, struct err *e);
void suppress_load_fault(struct suppress_owned *l, const char *text);
void suppress_load_litter(const struct suppress_owned *l);

/*
 * Rows of a table that begin with the list's number, from a key on; outside of
 * a transaction.  ENV_ABSENT behind the last.
 */
void suppress_scan_seek(struct env_scan *sc, enum env_table t,
    const struct row_key *from);
enum env_result suppress_scan_next(struct suppress_owned *l,
    struct env_scan *sc, struct slice *key_r, struct slice *rec_r,
    struct err *e);
/* An entry's row that counts, or any; *digest_r borrows from the scan. */
enum env_result suppress_scan_entry(struct suppress_owned *l,
    struct env_scan *sc, const unsigned char **digest_r,
    struct row_entry *row_r, struct err *e);

static inline bool
suppress_row_counts(const struct suppress_owned *l, const struct row_entry *r)
{
	return r->mark > l->row.folded;
}

/* ---- suppress_state ------------------------------------------------------ */

struct suppress_state {
	bool has_row, counts; /* a row; it counts */
	bool listed;
	struct row_entry row;
	size_t place;                  /* in the base */
	struct suppress_column column; /* if it is listed */
};

int suppress_state_get(struct suppress_owned *l, const void *digest,
    struct suppress_state *st_r, struct err *e);
int suppress_state_list(struct suppress_owned *l, const void *digest,
    const struct suppress_state *st, struct suppress_column column,
    struct err *e);
int suppress_state_unlist(struct suppress_owned *l, const void *digest,
    const struct suppress_state *st, struct err *e);

/* The number of a pair; a new one gets its row. */
int suppress_state_origin(struct suppress_owned *l, const char *reason,
    const char *source, uint32_t *number_r, struct err *e);

/* Texts and times that may stand in an entry. */
int suppress_meta_column(const struct suppress_meta *m,
    struct suppress_column *c_r, struct err *e);

/* ---- suppress_walk ------------------------------------------------------- */

struct suppress_item {
	const unsigned char *digest; /* NULL behind the last */
	struct suppress_column column;
};

/* Without changes whose mark is above that. */
void suppress_walk_limit(struct suppress_walk *w, uint64_t mark);
int suppress_walk_item(struct suppress_walk *w, struct suppress_item *item_r,
    struct err *e);

/* ---- suppress_merge ------------------------------------------------------ */

/* A fold, if i is NULL. */
int suppress_merge_new(struct suppress_owned *l, struct suppress_import *i,
    struct err *e);
void suppress_merge_free(struct suppress_merge **mp);
bool suppress_merge_is_fold(const struct suppress_merge *m);
/* A slice of it; done_r: it is published, and the list is what it was made. */
int suppress_merge_step(struct suppress_merge *m, bool *done_r, struct err *e);

/* The rows of which the mark is above that, as delta of a base; none if there
 * are none and no delta is there. */
int suppress_merge_delta(struct suppress_owned *l, uint64_t above,
    uint64_t base, uint64_t generation, struct err *e);

/* ---- suppress_import ----------------------------------------------------- */

/* It is over: tells its owner, who may begin the next one.  Not NULL if it is
 * not committed yet: then the owner is told at the commit. */
void suppress_import_end(struct suppress_import **ip, const struct err *e);

/* Of its records: digest, be32 which one, be32 origin, created, expires. */
enum { IMPORT_REST = 16 };

#endif
