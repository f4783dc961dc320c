/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store - the door to what survives a crash.
 *
 * One store thread owns the Berkeley DB environment and the tail segment and
 * commits in groups: all that was posted while it was busy is one batch; the
 * bodies are appended and fdatasync'ed, each message is committed without
 * sync, the log is flushed once, and only then every `done` of the batch is
 * called, in order.  Any failing flush ends the process with nothing answered.
 *
 * Nothing here knows policy: names and times are stored, numbers come back.
 * Times on disk are wall clock; the caller converts.  The functions marked
 * (any) may be called from any thread and post; callbacks run on the store
 * thread and must only post on.
 */

#ifndef QUEUE_STORE_H
#define QUEUE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/str.h"
#include "lib/worker.h"
#include "mail/lease_record.h"
#include "mail/message.h"
#include "mail/waybill.h"

struct store;
struct gauge;
struct inflight;

/* How much room the spool's file system has. */
enum store_space {
	STORE_SPACE_OK,
	STORE_SPACE_LOW, /* below the minimum: accept nothing */
	STORE_SPACE_FULL /* the reserve is being used: start no attempt */
};

/* ---- intake -------------------------------------------------------------- */

enum store_answer {
	STORE_TAKEN,    /* durable, or known already, for every recipient */
	STORE_NO_SPACE, /* nothing was kept */
	STORE_BAD /* the record cannot be kept (too large); text says why */
};

/*
 * Records of the recipients of a message, for the outbox: opaque bytes, one
 * record behind the other in the order of recipients.
 */
struct store_receipts {
	const char *p;
	const uint32_t *ends; /* by recipient; it may have none */
	uint32_t id_at;       /* where in a record be64 of the id belongs */
};

/*
 * Recipients that end while their message comes, since they are in a
 * suppression list or nobody can read their address: each counts as accepted
 * and as suppressed or failed at once, and is never queued.
 */
struct store_refused {
	uint32_t count;
	uint32_t failed;      /* of them, not suppressed */
	uint32_t unrecorded;  /* of them, without a record */
	const char *p;        /* records, as those of receipts */
	const uint32_t *ends; /* by recipient */
	uint32_t id_at;       /* where in a record be64 of the id belongs */
};

/*
 * A message that others bring with them: a notification of their sender, or one
 * of those that a mail merge makes.
 */
struct store_mail {
	struct message *msg;  /* with envelope and body; the rest is set */
	struct slice waybill; /* of the same envelope; borrowed */
	uint32_t rcpt_count;
	/* Of one that came with another message: as that has; or NULL. */
	const struct store_receipts *receipts;
};

/*
 * A message on its way in; owned by the store between store_accept() and
 * done().  The key recognises a repeated hand-over of the host MTA: kept 24 h.
 */
struct store_accept {
	struct post post; /* the store's until done(); then free to be reused */
	struct store *store;                  /* set by store_accept() */
	int64_t came_us;                      /* likewise */
	void (*done)(struct store_accept *a); /* store thread */

	/*
	 * Envelope and body set; the store sets id and loc.  The id stays 0
	 * when every recipient was known: then nothing is kept.
	 */
	struct message *msg;
	struct slice waybill; /* of the same envelope; borrowed */
	uint32_t rcpt_count;
	uint32_t places; /* taken for it; those not needed are given back */
	bool has_key;
	uint8_t key[16];     /* of host, queue id, first header block */
	uint64_t *rcpt_keys; /* one hash by recipient; NULL without has_key */
	/*
	 * Put in the transaction that makes the message, but for those of
	 * recipients that are known; NULL: none.  Borrowed.
	 */
	const struct store_receipts *receipts;
	/*
	 * Put in the same transaction, and so are messages that come with it;
	 * of a message that is not made after all (id 0) nothing is.  NULL:
	 * nobody.  Borrowed.
	 */
	const struct store_refused *refused;
	struct store_mail *mails;
	size_t mail_count;

	enum store_answer answer;
	bool *known; /* by recipient, zeroed by the caller: was ours already */
	struct err err;
};

void store_accept(struct store *s, struct store_accept *a); /* (any) */

/* ---- outcomes ------------------------------------------------------------ */

enum store_verdict {
	VERDICT_DELIVERED,
	VERDICT_FAILED,
	VERDICT_EXPIRED,
	VERDICT_SUPPRESSED,
	VERDICT_DELETED,
	VERDICT_RETRY
};

/* Instead of a time when it is due: an operator holds it. */
#define STORE_ON_HOLD INT64_MAX

struct store_settled {
	uint64_t id;
	uint32_t n; /* recipient number */
	enum store_verdict verdict;
	uint16_t attempts;
	bool unrecorded; /* it ended, and records say nothing of it */
	/* VERDICT_RETRY: when it is due again, or STORE_ON_HOLD. */
	int64_t due_wall_us;
	/* Set by the store: nothing is left of its message behind this. */
	bool last;
};

struct store_doubt;

/* Outcomes of one grant or of a sweep; done() after the flush. */
struct store_settle {
	struct post post;
	struct store *store;                  /* set by store_settle() */
	void (*done)(struct store_settle *s); /* store thread */

	/*
	 * clock_us() when they were handed over, set by store_settle(): they
	 * settle the in-flight slots filled before, not those of a later
	 * attempt that began while they waited for the flush.
	 */
	int64_t at_us;
	size_t count;
	struct store_settled *items;

	/*
	 * Records for the outbox, opaque bytes; the store joins those of a
	 * batch into one blob, in order.
	 */
	const void *records;
	size_t records_len;

	/* Of no message, so without an id; NULL: nobody. */
	const struct store_refused *refused;

	/*
	 * Accepted in the same transaction as the outcomes, also when the
	 * spool is short of space: neither is kept without the other.
	 */
	struct store_mail *mails;
	size_t mail_count;

	/*
	 * Those whose final dot was sent and never answered: they are tried
	 * again, or have expired, and the audit names them.
	 */
	size_t doubt_count;
	const struct store_doubt *doubts;
};

void store_settle(struct store *s, struct store_settle *o); /* (any) */

/* ---- state --------------------------------------------------------------- */

/*
 * A value under a name that outlives the process and belongs to no message;
 * borrowed until done().  Those of one thread are written in their order.
 */
struct store_state {
	struct post post;
	struct store *store;                 /* set by store_put_state() */
	void (*done)(struct store_state *s); /* store thread */
	const char *name;
	const void *value;
	size_t len; /* 0: the name is forgotten */
	bool kept;  /* false: the disk is full */
};

void store_put_state(struct store *s, struct store_state *st); /* (any) */

/* ---- leases -------------------------------------------------------------- */

struct store_lease {
	struct slice key; /* 1 to LEASE_KEY_MAX bytes: the limit's name */
	const struct lease_record *rec; /* NULL: it is forgotten */
};

/*
 * What limits have spent and may spend once this is durable; borrowed until
 * done().  Those of one thread are written in their order, and all of one or
 * none.
 */
struct store_leases {
	struct post post;
	struct store *store;                  /* set by store_put_leases() */
	void (*done)(struct store_leases *l); /* store thread */
	size_t count;
	const struct store_lease *items;
	bool kept; /* false: the disk is full */
};

void store_put_leases(struct store *s, struct store_leases *l); /* (any) */

/* All are out. */
struct store_leases_loaded {
	bool used_before; /* this spool has had mail */
	size_t damaged;   /* each may be of any limit: its key may be wrong */
};

/* ---- what comes out ------------------------------------------------------ */

struct store_rcpt {
	uint32_t n;
	uint16_t attempts;
	int64_t due_wall_us; /* 0: never tried; or STORE_ON_HOLD */
};

/* A message found in the spool at start; only recipients that are left. */
struct store_arrival {
	STAILQ_ENTRY(store_arrival) link;
	uint64_t id;
	struct message_loc loc;
	struct waybill waybill;
	uint32_t count;
	struct store_rcpt *rcpts;
};

/*
 * Some of them; all that hangs on it is rg's.  Only a few are out at a time,
 * so that the memory of a large load stays small.
 */
struct store_arrivals {
	struct post post; /* for the receiver's use, then the store's */
	struct store *store;
	struct region *rg;
	STAILQ_HEAD(, store_arrival) list;
};

/* A recipient whose final dot was sent at wall_us and who may get it twice. */
struct store_doubt {
	uint64_t id;
	uint32_t n;
	uint64_t session;
	int64_t wall_us;
	char *to;    /* the recipient's address; never NULL */
	char *queue; /* "example.net/vmta1" */
};

struct store_ledger {
	uint64_t accepted, delivered, failed, expired, suppressed, deleted;
	uint64_t unrecorded_d,
	    unrecorded_b; /* of those, without d or b record */
};

/* Accepted are those that ended and those that are queued. */
static inline uint64_t
store_ledger_ended(const struct store_ledger *l)
{
	return l->delivered + l->failed + l->expired + l->suppressed +
	    l->deleted;
}

struct store_audit {
	struct store_ledger ledger;
	uint64_t queued; /* counted record by record, not derived */
	size_t doubt_count;
	struct store_doubt *doubts; /* of the last seven days, oldest first */
	uint64_t batches, syncs;    /* since start */
	uint64_t audited; /* messages that audits have looked at, likewise */
	uint64_t segment_bytes, live_bytes;
};

struct store_owner {
	/* At the start of the load, before any message: what was kept. */
	void (*state)(void *ctx, struct slice name, struct slice value);

	/*
	 * Likewise, for each limit that has one; NULL: nobody can read it, and
	 * the limit may be used up.
	 */
	void (*lease)(void *ctx, struct slice key,
	    const struct lease_record *rec);
	void (*leases_loaded)(void *ctx, const struct store_leases_loaded *all);
	void (*states_loaded)(void *ctx); /* all of these two kinds are told */

	/*
	 * During the load after start: each message once, oldest first, in
	 * slices between batches.  Given back by store_arrivals_done().
	 */
	void (*recovered)(void *ctx, struct store_arrivals *a);
	void (*loaded)(void *ctx, size_t doubts); /* all are out */

	/*
	 * A blob of outbox records; kept until store_outbox_done(seq).  After
	 * a start all that were not yet done come again, in order, before any
	 * new one.  The callee copies, and says store_outbox_taken() when it
	 * is through: no more than 16 MB are handed out before.  after: the
	 * ledger as it was committed with the blob; NULL of one that version
	 * 0.1 wrote.
	 */
	void (*outbox)(void *ctx, uint64_t seq,
	    const struct store_ledger *after, const void *p, size_t len);

	/* In the order of blobs: now come those from seq on. */
	void (*rewound)(void *ctx, uint64_t seq);

	void (*space)(void *ctx, enum store_space space); /* on each change */

	/*
	 * Compaction moved a message; store_moved_done() says that nobody reads
	 * the old place any more.
	 */
	void (*moved)(void *ctx, uint64_t id, uint32_t old_segment,
	    const struct message_loc *loc);
};

struct store_options {
	const char *dir;       /* made if it is not there, mode 0700 */
	uint64_t min_free;     /* bytes; below: STORE_SPACE_LOW */
	unsigned workers;      /* in-flight slots are divided by worker */
	unsigned sessions;     /* open at once in all */
	uint32_t segment_size; /* 0: 64 MB */
};

/*
 * Takes the lock, runs recovery, starts the store and checkpoint threads.
 * -1 when another process holds the spool, or it cannot be read.
 */
int store_open(const struct store_options *opt, const struct store_owner *owner,
    void *ctx, struct store **s_r, struct err *e);

/*
 * Before that: did the process that had the spool last end well?  True if there
 * was none.
 */
bool store_was_ended_well(const char *dir);

/* Begins the load; callbacks come only after this. */
void store_load(struct store *s); /* (any) */

/* No more is handed out: who takes it will end.  What is out may come back. */
void store_load_stop(struct store *s); /* (any) */

void store_arrivals_done(struct store_arrivals **ap); /* (any) */

/* Commits what was posted, writes a checkpoint, stops both threads. */
void store_close(struct store **sp);

/*
 * The way of a blob: so many bytes left the memory of who got it; all up to
 * seq is durable, and may go; all from seq on comes again (of those that went,
 * none), or, if seq is in the future, all before it is left out.
 */
void store_outbox_taken(struct store *s, size_t bytes);  /* (any) */
void store_outbox_done(struct store *s, uint64_t seq);   /* (any) */
void store_outbox_rewind(struct store *s, uint64_t seq); /* (any) */

void store_moved_done(struct store *s, uint64_t id,
    uint32_t old_segment);                                /* (any) */
void store_set_min_free(struct store *s, uint64_t bytes); /* (any) */

/*
 * Counts record by record, in slices; fn is called on the store thread, the
 * struct is its to free.  brief: nothing is counted for it, so that the answer
 * costs the same whatever is queued; queued is 0 and no doubt is named.
 */
struct store_audit_ask {
	struct post post;
	bool brief;
	struct store *store; /* set by store_audit() */
	void (*done)(struct store_audit_ask *ask);
	struct store_audit audit;
};
void store_audit(struct store *s, struct store_audit_ask *ask); /* (any) */
void store_audit_fini(struct store_audit *a);

/*
 * Places: recipients in the queue, as the ledger has them, and those on their
 * way into it, for which somebody took places before store_accept().
 */
struct gauge *store_places(struct store *s);

struct inflight *store_inflight(struct store *s);
const char *store_dir(const struct store *s);

#endif
