/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suppress_store - the owner's side of published suppression lists: who is on
 * them, why, since when and until when; and what readers of suppress_index.h
 * see of it.
 *
 * Everything is in one folder: NAME.list and what stands beside it, "db/", a
 * Berkeley DB environment of its own, and LOCK.  One thread has the store and
 * blocks on the disk with it, except where another is named.  No address comes
 * here, only digests (mail/suppress_norm.h).
 *
 * Changes become durable with suppress_store_commit(), many in one go, and are
 * seen by readers with a later suppress_store_work(), at most every 200 ms.
 * The same call does all that takes longer, a slice of some milliseconds each
 * time: imports, the fold of many changes into a new base, and expiry.  Between
 * a change and its commit nothing else is called but add, remove, find.
 *
 * A crash at any moment leaves each list as of its last commit; of an import
 * all or nothing.  The next open removes what is left of it.
 */

#ifndef QUEUE_SUPPRESS_STORE_H
#define QUEUE_SUPPRESS_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "queue/suppress_build.h"

enum {
	SUPPRESS_TEXT_MAX = 255,     /* bytes of a reason, or of a source */
	SUPPRESS_ORIGINS_MAX = 65536 /* different pairs of them in one list */
};

#define SUPPRESS_NOT_YET INT64_MAX

struct suppress_store;
struct suppress_owned; /* a list; it lives as long as the store */
struct suppress_import;
struct suppress_walk;

/* Texts are printable; times are seconds since 1970, below 2^32. */
struct suppress_meta {
	const char *reason, *source; /* may be empty, not NULL */
	int64_t created_s;
	int64_t expires_s; /* 0: never */
};

/* Whether they are. */
int suppress_meta_check(const struct suppress_meta *m, struct err *e);

struct suppress_entry {
	const void *digest;
	struct suppress_meta meta;
};

/* Also removes what a crash left; dir is made if it is not there. */
int suppress_store_open(const char *dir, struct suppress_store **s_r,
    struct err *e);

/* Gives up imports that run.  -1: something did not reach the disk. */
int suppress_store_close(struct suppress_store **sp, struct err *e);

/*
 * The list of that name (letters, digits, ".", "_", "-", in any case), a new
 * one if there is none.  id says how it hashes: one that was made otherwise,
 * or whose files are damaged, is opened all the same, but until it is imported
 * anew (SUPPRESS_REPLACE) all else fails with suppress_store_fault()'s text.
 * The same list again is the same object.
 */
int suppress_store_list(struct suppress_store *s, const char *name, uint64_t id,
    uint32_t digest_len, struct suppress_owned **l_r, struct err *e);

/* NULL: there is none. */
const char *suppress_store_fault(const struct suppress_owned *l);

/* ---- changes ------------------------------------------------------------- */

/*
 * One that is there gets the new reason, source and times.  new_r: how many
 * were not.  On -1 everything since the last commit is undone, in all lists:
 * look at suppress_store_fault() and suppress_meta_check() first.
 */
int suppress_store_add(struct suppress_owned *l,
    const struct suppress_entry *entries, size_t count, uint64_t *new_r,
    struct err *e);

/* gone_r: how many were there.  -1 as above. */
int suppress_store_remove(struct suppress_owned *l,
    struct suppress_digests digests, uint64_t *gone_r, struct err *e);

/* All changes are durable then; on -1 none is.  Cheap without any. */
int suppress_store_commit(struct suppress_store *s, struct err *e);

/*
 * A mark behind the last change, and the one up to which readers see them:
 * a change is published when that is not less than the mark after its commit.
 */
uint64_t suppress_store_mark(const struct suppress_owned *l);
uint64_t suppress_store_published(const struct suppress_owned *l);

/* From now on what expires at now_s or before is removed, by work(). */
void suppress_store_expire(struct suppress_store *s, int64_t now_s);

/*
 * Does what is due at now_us (lib/clock.h); call it again at *next_us_r or
 * earlier, and after each commit.  SUPPRESS_NOT_YET: nothing waits.  On -1
 * something failed, is tried again at *next_us_r, and the rest was done.
 */
int suppress_store_work(struct suppress_store *s, int64_t now_us,
    int64_t *next_us_r, struct err *e);

/* Changes of a list are folded into a new base from that many on, or a fiftieth
 * of the base; 65,536 unless told.  For tests. */
void suppress_store_fold_at(struct suppress_store *s, uint64_t changes);

/* ---- questions ----------------------------------------------------------- */

struct suppress_listed {
	bool listed;
	struct suppress_meta meta; /* texts: until the next change or work() */
};

int suppress_store_find(struct suppress_owned *l, const void *digest,
    struct suppress_listed *found_r, struct err *e);

struct suppress_stats {
	uint64_t entries;
	uint64_t base;           /* of them and others, in the base file */
	uint64_t added, removed; /* changes since */
	uint64_t generation;     /* of the base; 0: none yet */
	int64_t changed_s;       /* the last change; 0: never */
	bool importing, folding;
};

void suppress_store_stats(const struct suppress_owned *l,
    struct suppress_stats *st_r);

/* Each pair of reason and source that some entry has. */
typedef void suppress_origin_fn(void *ctx, const char *reason,
    const char *source, uint64_t entries);

void suppress_store_origins(const struct suppress_owned *l,
    suppress_origin_fn *each, void *ctx);

/*
 * All entries in the order of their digests, in bounded memory.  Changes
 * meanwhile are seen or not.  Free it before the store is closed, and soon:
 * while it lives, changes that were folded stay in the database.
 */
int suppress_walk_new(struct suppress_owned *l, struct suppress_walk **w_r,
    struct err *e);
void suppress_walk_free(struct suppress_walk **wp);

/* entry_r->digest is NULL behind the last; valid until the next call. */
int suppress_walk_next(struct suppress_walk *w, struct suppress_entry *entry_r,
    struct err *e);

/* ---- imports ------------------------------------------------------------- */

enum suppress_import_mode {
	SUPPRESS_MERGE, /* is added; one that is there gets the new reason &c */
	SUPPRESS_REPLACE /* is all that was there before the import began */
};

struct suppress_import_conf {
	enum suppress_import_mode mode;
	suppress_progress_fn *on_progress; /* may be NULL */
	/* Once after the commit, e NULL if it is published, durable. */
	void (*on_done)(void *ctx, const struct err *e);
	void *ctx;
};

/*
 * One import of a list at a time.  What is added or removed by the calls above
 * after this one holds, whatever the import says.
 */
int suppress_import_begin(struct suppress_owned *l,
    const struct suppress_import_conf *conf, struct suppress_import **i_r,
    struct err *e);

/*
 * Of digests that are the same the last one holds.  Any one thread, until the
 * commit; needs 32 MB and room for 50 bytes each on the disk.
 */
int suppress_import_add(struct suppress_import *i,
    const struct suppress_entry *entry, struct err *e);

/* Then work() does the rest.  The store's thread, as the next. */
void suppress_import_commit(struct suppress_import **ip);

/* As if it had never been; also behind the end of the store. */
void suppress_import_abort(struct suppress_import **ip);

#endif
