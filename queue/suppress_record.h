/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suppress_record - what the database of suppression lists has, as bytes: forms
 * of queue/record.h with their own tags.
 *
 *	list     name in lower case: `l`, be32 number, be32 length of a digest,
 *	         be32 the same of the coming base, be64 id, base, next, delta,
 *	         mark, folded, expired, changed, of the coming base be64 id,
 *	         generation, mark, expired
 *	entry    be32 number, digest: `e`, 1 listed or 0 removed, 3 zero bytes,
 *	         be32 origin, created, expires, be64 mark
 *	origin   be32 number, be32 origin: `o`, byte length of the reason, reason,
 *	         source
 *	expiry   be32 number, be32 expires, digest: nothing
 *
 * A mark counts the changes of a list.  Entries with one up to `folded` are in
 * the base, or were replaced with it; they count no longer.
 * Pure; any thread.
 */

#ifndef QUEUE_SUPPRESS_RECORD_H
#define QUEUE_SUPPRESS_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/str.h"
#include "queue/record.h"
#include "queue/suppress_columns.h"
#include "queue/suppress_file.h"

enum {
	ROW_LIST_LEN = RECORD_HEAD + 108,
	ROW_ENTRY_LEN = RECORD_HEAD + 24,
	ROW_KEY_MAX = 8 + SUPPRESS_LEN_MAX
};

struct row_list {
	uint32_t number, digest_len;
	uint64_t id;
	uint64_t base;  /* generation of the base; 0: none */
	uint64_t next;  /* generation that is given next */
	uint64_t delta; /* generation of the last delta */
	uint64_t mark, folded;
	int64_t expired_s; /* of the base: up to then all is removed */
	int64_t changed_s;
	struct {
		uint32_t digest_len;
		uint64_t id, generation, mark; /* generation 0: none */
		int64_t expired_s;
	} coming;
};

struct row_entry {
	bool listed;
	struct suppress_column column;
	uint64_t mark;
};

struct row_key {
	unsigned char p[ROW_KEY_MAX];
	size_t len;
};

struct slice row_key_slice(const struct row_key *k);
struct row_key row_key_entry(uint32_t number, const void *digest, uint32_t len);
struct row_key row_key_origin(uint32_t number, uint32_t origin);
struct row_key row_key_expiry(uint32_t number, uint32_t expires_s,
    const void *digest, uint32_t len);

void row_list_pack(const struct row_list *l, struct slice key,
    unsigned char out[ROW_LIST_LEN]);
int row_list_unpack(struct slice key, struct slice rec, struct row_list *l_r,
    struct err *e);

void row_entry_pack(const struct row_entry *r, struct slice key,
    unsigned char out[ROW_ENTRY_LEN]);
int row_entry_unpack(struct slice key, struct slice rec, struct row_entry *r_r,
    struct err *e);

/* The texts are borrowed. */
void row_origin_pack(struct buf *out, struct slice key, struct slice reason,
    struct slice source);
int row_origin_unpack(struct slice key, struct slice rec,
    struct slice *reason_r, struct slice *source_r, struct err *e);

#endif
