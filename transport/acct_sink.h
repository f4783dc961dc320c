/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acct_sink - one acct-file of the configuration, as the writer sees it: what
 * it has taken in, what of that is durable, and which file it is writing.
 *
 * A sink keeps no rows that it cannot write: when its file fails it goes back
 * to what is durable, is `failed` until it is tried again, and then asks for
 * the blobs from there on.  Meanwhile what passes is counted; above
 * max-buffer-size that much is given up, counted as dropped, and it goes on
 * with what comes.
 *
 * Rows go into a new file only after the state names it (`settled`): else a
 * replay could not cut it back.  `kept` is what the state may say, `now` what
 * is beyond.  The writer's thread.
 */

#ifndef TRANSPORT_ACCT_SINK_H
#define TRANSPORT_ACCT_SINK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "lib/err.h"
#include "lib/str.h"
#include "mail/acct_row.h"
#include "transport/acct_buffer.h"
#include "transport/acct_file.h"
#include "transport/acct_state.h"
#include "vmta/snapshot.h"

enum { ACCT_NAME_MAX = 256 };

/* What of a blob is for a sink. */
struct acct_share {
	uint64_t rows[ACCT_TYPES];
	uint64_t count, bytes; /* of the records */
};

struct acct_sink {
	STAILQ_ENTRY(acct_sink) link;
	uint32_t number; /* of this process: for those who read a buffer */
	char *tag;
	struct snapshot *snap;        /* NULL: the configuration has no more */
	const struct acct_conf *conf; /* in snap */
	struct acct_buffer *buffer;   /* NULL: a file */
	struct acct_file file;
	char name[ACCT_NAME_MAX]; /* of the current file; "": none */
	bool settled;             /* the durable state names it */
	bool unfinished; /* files before it are still to be moved away */
	bool said_tidy;  /* that finished files cannot be moved */
	struct acct_state_entry kept, now; /* without strings */
	uint64_t bytes_kept, bytes_now;    /* of records taken in */
	uint64_t until; /* blobs from here on are not for it */

	struct buf fresh; /* rows of the blob that is read */
	struct acct_share share;
	bool counting; /* the blob is for it */
	bool taking;   /* its rows go into fresh; else they pass by */

	bool failed;
	char *error;        /* what it said last; NULL: all is well */
	int64_t retry_us;   /* engine time, while failed */
	int64_t put_off_us; /* no next file is tried before */
	/* Of blobs from now.next to seen, which passed by. */
	uint64_t seen, passed_rows, passed_bytes;
	int64_t said_full_us; /* when it was said that the buffer is full */

	/* Of a buffer: what the senders know of; what is removed. */
	bool is_told;
	uint64_t told_number, told_length, removed;
	char *sender_error; /* NULL: all is well */
};

struct acct_sink *acct_sink_new(uint32_t number, const char *tag,
    uint64_t next);
void acct_sink_free(struct acct_sink **sp);

/* NULL, NULL: the configuration has it no more. */
void acct_sink_set_conf(struct acct_sink *s, const struct snapshot *snap,
    const struct acct_conf *conf);

/*
 * As the state knew it (en NULL: it did not), with what is behind that cut
 * off; its file may be gone, then none is open.  -1: the file, or the folder of
 * the buffer, cannot be used.
 */
int acct_sink_resume(struct acct_sink *s, const struct acct_state_entry *en,
    const char *spool_dir, struct err *e);

/* ---- a blob: begin, each record, then one of pass, drops and add --------- */

/* pos: the blobs from there up to seq have just come. */
void acct_sink_begin_blob(struct acct_sink *s, uint64_t seq, uint64_t pos);
void acct_sink_offer(struct acct_sink *s, struct acct_rows *rows,
    const struct acct_record *r, const struct acct_id *id, size_t bytes);

/* It is not taken: counts it; gives up what is too much. */
void acct_sink_pass(struct acct_sink *s, uint64_t seq);

/*
 * Rows are compared with the ledger from before this blob on, unless they are
 * already.  after: the ledger with it, NULL if nobody knows; d, b: how many
 * such records are in the blob.
 */
void acct_sink_base(struct acct_sink *s, const struct store_ledger *after,
    uint64_t d, uint64_t b);

/* A buffer is full: the rows are dropped and counted. */
bool acct_sink_drops(struct acct_sink *s, uint64_t seq);

/* The rows wait to be written, behind a header if they are the first. */
void acct_sink_add(struct acct_sink *s, uint64_t seq);

/* ---- files --------------------------------------------------------------- */

/*
 * Is another file to be begun now?  MUST: what is there, if anything, cannot
 * take fresh.
 */
enum acct_turn { ACCT_TURN_NO, ACCT_TURN_SHOULD, ACCT_TURN_MUST };
enum acct_turn acct_sink_turn(const struct acct_sink *s);
int64_t acct_sink_due_us(const struct acct_sink *s); /* by age; wall time */

/*
 * All that was added is durable: `kept` is `now`; or the file was gone and
 * the sink went back.  After -1 from either: acct_sink_fail().
 */
int acct_sink_sync(struct acct_sink *s, struct err *e);
int acct_sink_write(struct acct_sink *s, struct err *e);

/* Begins the next file, after acct_sink_sync(); it is to be settled. */
int acct_sink_open_next(struct acct_sink *s, struct err *e);
mode_t acct_sink_mode(const struct acct_sink *s);

/* Back to what is durable. */
int acct_sink_back(struct acct_sink *s, struct err *e);

/* That, says once why, and waits before it is tried again. */
void acct_sink_fail(struct acct_sink *s, const char *text);
void acct_sink_well(struct acct_sink *s); /* says so, if it was not */

/* Moves or deletes finished files. */
void acct_sink_tidy(struct acct_sink *s);

/* ---- figures ------------------------------------------------------------- */

/* Bytes in a buffer that the senders have not taken. */
uint64_t acct_sink_waiting(const struct acct_sink *s);
uint64_t acct_sink_rows(const struct acct_state_entry *en);
bool acct_sink_is_dirty(const struct acct_sink *s);

/*
 * Are all rows there that the ledger, that of the state, asks for?  False:
 * they cannot be compared.
 */
bool acct_sink_agrees(const struct acct_sink *s, const struct store_ledger *l,
    bool *agrees_r);
uint64_t acct_ledger_d(const struct store_ledger *l);
uint64_t acct_ledger_b(const struct store_ledger *l);

#endif
