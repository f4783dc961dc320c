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
	bool wants_file; /* rotate: a new one is begun at the next chance */
	struct acct_state_entry kept, now; /* name and tag are filled in later */
	uint64_t bytes_kept, bytes_now;    /* of records taken in */
	uint64_t until; /* blobs from here on are not for it */

	struct buf fresh; /* rows of the blob that is read */
	struct acct_share share;
	bool taking; /* that blob goes into fresh; else it is counted */

	bool failed;
	int64_t retry_us; /* engine time */
	int64_t put_off_us; /* no rotation is tried before */
	char *error;        /* the last one; NULL: well */
	/* Of blobs from now.next to seen, which passed by. */
	uint64_t seen, passed_rows, passed_bytes;
	int64_t said_full_us; /* when it was said that the buffer is full */
	uint64_t said_dropped;

	uint64_t told_number, told_length; /* the senders know of */
};

struct acct_sink *acct_sink_new(const char *tag, uint64_t next);
void acct_sink_free(struct acct_sink **sp);
void acct_sink_set_conf(struct acct_sink *s, const struct snapshot *snap,
    const struct acct_conf *conf);

/*
 * The sink as the state knew it; with what is behind that cut off.  -1: its
 * file cannot be cut back for now.
 */
int acct_sink_resume(struct acct_sink *s, const struct acct_state_entry *en,
    const char *spool_dir, struct err *e);

/* ---- a blob -------------------------------------------------------------- */

/* pos: the blobs from there to seq have all just come. */
void acct_sink_begin_blob(struct acct_sink *s, uint64_t seq, uint64_t pos);
bool acct_sink_wants(const struct acct_sink *s, const struct acct_record *r);

/* It is not taken: counts it; gives up what is too much. */
void acct_sink_pass(struct acct_sink *s, uint64_t seq);

/* Ledger and rows are compared from before this blob on, if it has one. */
void acct_sink_base(struct acct_sink *s, const struct store_ledger *after,
    uint64_t d, uint64_t b);

/*
 * Is another file to be begun first?  MUST: what is there cannot take the rows;
 * SHOULD: if it can be.  With no rows in fresh, is one due by itself?
 */
enum acct_turn { ACCT_TURN_NO, ACCT_TURN_SHOULD, ACCT_TURN_MUST };
enum acct_turn acct_sink_turn(const struct acct_sink *s, int64_t wall_us);

/* A buffer is full: fresh is dropped and counted. */
bool acct_sink_drops(struct acct_sink *s, int64_t now_us);

/* Fresh becomes rows of the file. */
void acct_sink_add(struct acct_sink *s, uint64_t seq, int64_t wall_us);

/* ---- files --------------------------------------------------------------- */

/* All that was added is durable: `kept` is `now`.  -1: acct_sink_fail(). */
int acct_sink_sync(struct acct_sink *s, struct err *e);

/* Begins the next file, after acct_sink_sync(); not settled then. */
int acct_sink_open_next(struct acct_sink *s, int64_t wall_us, struct err *e);

/* Back to what is durable, without a mistake of anybody's. */
int acct_sink_back(struct acct_sink *s, struct err *e);

/* The same, says it once, and waits. */
void acct_sink_fail(struct acct_sink *s, const char *text, int64_t now_us);
void acct_sink_well(struct acct_sink *s);

/* Moves or deletes finished files. */
void acct_sink_tidy(struct acct_sink *s, int64_t wall_us);

/* Bytes in the current file and those before it, not yet taken. */
uint64_t acct_sink_waiting(const struct acct_sink *s);
uint64_t acct_sink_rows(const struct acct_state_entry *en);
bool acct_sink_is_dirty(const struct acct_sink *s);

#endif
