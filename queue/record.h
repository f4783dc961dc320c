/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record - keys and values of the database as bytes.
 *
 * Each value begins with 8 bytes: version, tag of its table, two zero bytes,
 * crc32c of key and payload; so a value that was damaged, or came under the
 * wrong key, is told from a good one.  Numbers are big-endian.  Opening checks
 * everything: bytes from disk are not trusted.  Pure; any thread.
 */

#ifndef QUEUE_RECORD_H
#define QUEUE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/str.h"
#include "mail/message.h"
#include "queue/bytes.h"
#include "queue/store.h"

enum record_tag {
	RECORD_MESSAGE = 'M',
	RECORD_STATE = 'S',
	RECORD_LEDGER = 'L',
	RECORD_OUTBOX = 'O', /* of version 0.1: records alone */
	RECORD_OUTBOX_LEDGER = 'Q',
	RECORD_HANDOVER = 'H',
	RECORD_BUCKET = 'B',
	RECORD_DOUBT = 'D',
	RECORD_POLICY = 'P',
	RECORD_LEASE = 'R', /* of a rate: queue/leases.h */
	/* queue/suppress_record.h, in a database of their own */
	RECORD_LIST = 'l',
	RECORD_ENTRY = 'e',
	RECORD_ORIGIN = 'o'
};

enum {
	RECORD_VERSION = 2, /* 1 had envelopes in the database */
	RECORD_HEAD = 8,
	RECORD_MESSAGE_FIXED = RECORD_HEAD + 16,
	RECORD_STATE_LEN = RECORD_HEAD + 24,
	RECORD_LEDGER_LEN = RECORD_HEAD + 96,
	RECORD_OUTBOX_FIXED = RECORD_HEAD + 64,
	KEY_ID = 8,          /* be64 id, or sequence */
	KEY_STATE = 12,      /* be64 id, be32 recipient */
	KEY_BUCKET = 16,     /* be64 start of the bucket, be64 id */
	KEY_DOUBT = 20,      /* be64 wall time, be64 id, be32 recipient */
	KEY_POLICY_MAX = 600 /* a name */
};

/* Fills in the first RECORD_HEAD bytes of rec, whose payload is there. */
void record_seal(enum record_tag tag, struct slice key, void *rec, size_t len);

/* The payload of a good value; -1 with what is wrong. */
int record_open(enum record_tag tag, struct slice key, struct slice rec,
    struct slice *payload_r, struct err *e);

struct record_message {
	struct message_loc loc;
	uint32_t rcpt_count;  /* the waybill's */
	struct slice waybill; /* borrowed; mail/waybill.h */
};

void record_message_pack(struct buf *out, struct slice key,
    const struct record_message *m);
int record_message_unpack(struct slice key, struct slice rec,
    struct record_message *m_r, struct err *e);

/*
 * A recipient that is no longer fresh.  Generation and clock say in which run
 * of the process and when in it the outcome was committed: an in-flight slot
 * filled before that is settled.
 */
enum record_state_kind { STATE_DONE = 1, STATE_DEFERRED = 2 };

struct record_state {
	enum record_state_kind kind;
	uint16_t attempts;
	uint32_t generation;
	int64_t due_wall_us;
	int64_t settled_us; /* clock_us() */
};

void record_state_pack(unsigned char out[RECORD_STATE_LEN], struct slice key,
    const struct record_state *s);
int record_state_unpack(struct slice key, struct slice rec,
    struct record_state *s_r, struct err *e);

/*
 * The one row that changes with every batch.  That of version 0.1 is shorter
 * and counts nothing as unrecorded.
 */
struct record_ledger {
	struct store_ledger sums;
	uint64_t id_limit;    /* no id at or above this was given out */
	uint64_t outbox_next; /* sequence of the next blob */
	uint32_t generation;  /* how often the spool was opened */
	uint32_t tail;        /* number of the segment that is written to */
	uint64_t tail_len;    /* what is committed of it */
};

void record_ledger_pack(unsigned char out[RECORD_LEDGER_LEN], struct slice key,
    const struct record_ledger *l);
int record_ledger_unpack(struct slice key, struct slice rec,
    struct record_ledger *l_r, struct err *e);

/*
 * A blob of the outbox: the ledger as it was committed with it, behind the
 * head, then the records.
 */
struct record_outbox {
	bool has_ledger; /* false: of version 0.1 */
	struct store_ledger after;
	struct slice records; /* borrowed */
};

/* rec has RECORD_OUTBOX_FIXED bytes to be filled in, and the records. */
void record_outbox_seal(struct slice key, const struct store_ledger *after,
    void *rec, size_t len);
int record_outbox_open(struct slice key, struct slice rec,
    struct record_outbox *o_r, struct err *e);

/* The names are those of the envelope: the message may be gone before the row. */
struct record_doubt {
	uint64_t session;
	struct slice to, queue; /* borrowed; empty if nobody knows them */
};

void record_doubt_pack(struct buf *out, struct slice key,
    const struct record_doubt *d);
int record_doubt_unpack(struct slice key, struct slice rec,
    struct record_doubt *d_r, struct err *e);

void key_id(unsigned char out[KEY_ID], uint64_t id);
void key_state(unsigned char out[KEY_STATE], uint64_t id, uint32_t n);

#endif
