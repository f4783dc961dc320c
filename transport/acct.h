/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acct - the writer of accounting: rows of the outbox's records, in files.
 *
 * Exactly once: the writer keeps, in a small file of the spool, for each
 * acct-file the sequence number up to which it is complete, its current file
 * and how long that was then.  At start it cuts the files back to that length,
 * and the outbox replays what came after.  Files are synced before the state
 * is, and the state before the outbox is told.  Delivery never waits for it.
 *
 * What is for a program, a webhook or Redis goes to files of the spool in the
 * same way (transport/acct_buffer.h); the senders read what is durable of them
 * and say how far they got.
 *
 * An acct-file that cannot be written holds up no other: blobs pass it by, and
 * it asks for them again when it can.  So the writer's memory is bounded
 * whatever fails.  A file that was moved away or removed is noticed before the
 * next rows are synced: those begin a new one.
 *
 * Owned by the writer's worker; the functions marked (any) post to it, and its
 * owner's callbacks come on it and must only post on.
 */

#ifndef TRANSPORT_ACCT_H
#define TRANSPORT_ACCT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/mem.h"
#include "lib/worker.h"
#include "queue/store.h"
#include "vmta/snapshot.h"

struct acct;

/*
 * How much of a buffer is durable.  Files with a lower number are whole: read
 * them to their end.  One of them may be gone: somebody took it away.  Strings
 * are borrowed for the call.
 */
struct acct_grown {
	uint32_t sink;      /* for acct_taken(); the same in this process */
	const char *tag;    /* the acct-file of the configuration */
	const char *folder; /* for acct_buffer_open() */
	uint32_t origin;    /* of the spool; ids of records begin with it */
	uint64_t cursor_number, cursor_offset; /* to begin at */
	uint64_t number, length;               /* the file that is written */
};

struct acct_owner {
	/* To store_outbox_taken(), _done() and _rewind(). */
	void (*taken)(void *ctx, size_t bytes);
	void (*done)(void *ctx, uint64_t seq);
	void (*rewind)(void *ctx, uint64_t seq);
	/*
	 * A buffer has grown, or its acct-file is new to this process.  NULL:
	 * nobody reads them, none are kept.
	 */
	void (*grown)(void *ctx, const struct acct_grown *g);
};

struct acct_options {
	const struct snapshot *conf;
	const char *spool_dir;
	const struct acct_owner *owner;
	void *ctx;
};

/*
 * Before the worker starts: opens the files of conf and cuts them back.  The
 * owner is called after that only.
 */
int acct_new(struct worker *w, const struct acct_options *opt,
    struct acct **a_r, struct err *e);
void acct_free(struct acct **ap); /* after the worker was joined */

/* (any) A blob of the outbox, in order; as store_owner.outbox(). */
void acct_blob(struct acct *a, uint64_t seq, const struct store_ledger *after,
    const void *p, size_t len);
/* (any) From seq on they come again; in the order of blobs. */
void acct_rewound(struct acct *a, uint64_t seq);

/* (any) Buffers wait while the spool is short of space. */
void acct_space(struct acct *a, enum store_space space);

/* Can the files of conf be written there? */
int acct_check(const struct snapshot *conf, struct err *e); /* (any) */

/* Other files from now on. */
void acct_reload(struct acct *a, const struct snapshot *conf); /* (any) */

/* (any) What a sender has delivered: all before that place. */
void acct_taken(struct acct *a, uint32_t sink, uint64_t number,
    uint64_t offset);
/* (any) What is wrong at a sender; NULL: it is well again. */
void acct_sink_said(struct acct *a, uint32_t sink, const char *error);

/* What is known of an acct-file; strings live in the question's region. */
struct acct_facts {
	const char *path;
	enum acct_kind kind;
	const char *file;          /* the current one; "": none */
	uint64_t rows[ACCT_TYPES]; /* written */
	uint64_t dropped;
	/* In a buffer, or in the outbox because it cannot be written. */
	uint64_t waiting_bytes;
	uint64_t behind_rows; /* of those in the outbox */
	const char *error;    /* NULL: all is well */
	bool complete;        /* its rows can be compared with the ledger */
	bool agrees;          /* and are all there */
};

/*
 * (any) Sums over all acct-files as of the writer's last round.  It waits for
 * nobody: a disk that hangs does not hang who asks.
 */
struct acct_totals {
	uint64_t waiting_bytes, dropped;
};
void acct_totals(const struct acct *a, struct acct_totals *out);

/* What is asked of the writer's thread: the answer waits for its disks. */
struct acct_ask {
	struct post post;
	bool commit;        /* what was taken in is to be durable first */
	const char *rotate; /* begin new files: NULL none, "" all, or one */
	void (*done)(struct acct_ask *ask);
	struct acct *acct; /* set by acct_ask() */

	struct region *rg; /* of the answer: the asker frees it */
	struct acct_facts *list;
	size_t count;
	uint64_t upto;    /* the sequence before which all was compared */
	bool found;       /* there is an acct-file to rotate */
	unsigned rotated; /* files that were finished */
	unsigned failed;  /* and that could not be */
};
void acct_ask(struct acct *a, struct acct_ask *ask); /* (any) */

#endif
