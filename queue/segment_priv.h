/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment_priv - the writing side of the segments, for the store and the
 * compaction.
 *
 * DIR/seg/NNNNNNNN.  Records, each a head, a packed envelope and a body, are
 * appended to the one with the highest number, the tail; a new one begins when
 * the tail has reached its size, so a large body only makes a large file.  Numbers are never used twice.  How much of
 * the tail is committed is in the ledger's row; what lies behind it at start
 * was never answered and is cut off.  Live bytes are counted in memory, anew
 * by each load.  Store thread only.
 */

#ifndef QUEUE_SEGMENT_PRIV_H
#define QUEUE_SEGMENT_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "mail/message.h"

/*
 * The head: magic, be64 id, be32 length of envelope and body, be32 crc of
 * envelope and body, be32 crc of these 28 bytes.  Two checksums, so that a
 * damaged body still has a sender to tell.
 */
enum { SEGMENT_HEAD = 32, SEGMENT_NAME = 9 };

#define SEGMENT_MAGIC UINT32_C(0x4d524232) /* "MRB2" */
#define SEGMENT_ENV_MAX (UINT32_C(64) << 20)
#define SEGMENT_BODY_MAX UINT32_C(0x7fff0000)

struct segment_head {
	uint64_t id;
	uint32_t env_len, body_len;
	uint32_t env_crc, body_crc;
};

/* False: not a head, or a damaged one. */
bool segment_head_unpack(const unsigned char in[SEGMENT_HEAD],
    struct segment_head *h_r);

/* Bytes of the whole record. */
uint32_t segment_size(const struct message_loc *loc);

void segment_name(char out[SEGMENT_NAME], uint32_t number);

struct segments;

/* A record to be appended; loc is filled. */
struct segment_item {
	uint64_t id;
	const void *env, *body;
	uint32_t env_len, body_len;
	struct message_loc loc;
};

/* tail 0: a new spool.  Cuts the tail, removes uncommitted segments. */
int segments_open(const char *dir, uint32_t size, uint32_t tail,
    uint64_t tail_len, struct segments **ss_r, struct err *e);
void segments_free(struct segments **ssp);

/*
 * Appends the first *done_r of the items: fewer when the disk is full, and
 * then nothing of the others is left behind.  -1: the disk failed otherwise.
 */
int segments_append(struct segments *ss, struct segment_item *items,
    size_t count, size_t *done_r, struct err *e);
int segments_sync(struct segments *ss, struct err *e); /* if written to */

uint32_t segments_tail(const struct segments *ss, uint64_t *len_r);

/* A record began or ceased to be of use; size as segment_size() says. */
void segments_born(struct segments *ss, uint32_t number, uint32_t size);
void segments_dead(struct segments *ss, uint32_t number, uint32_t size);

/* Keeps the file although nothing in it is live: readers may still open it. */
void segments_hold(struct segments *ss, uint32_t number);
void segments_release(struct segments *ss, uint32_t number);

/* Removes the files of no more use; only after the deletions are durable. */
void segments_sweep(struct segments *ss);

/*
 * Begins a new tail when nothing in this one is live, so that it can go;
 * false: there is nothing to gain, or no room to do it.
 */
bool segments_roll(struct segments *ss);

/* The emptiest segment with less than a quarter live and nothing held; 0. */
uint32_t segments_sparse(const struct segments *ss);

void segments_bytes(const struct segments *ss, uint64_t *size_r,
    uint64_t *live_r);
uint64_t segments_syncs(const struct segments *ss); /* fdatasync calls */

#endif
