/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acct_state - how far the accounting files are complete: the sequence of the
 * next blob, and for each acct-file its current file, how long that was then,
 * and what was counted.
 *
 * One small file of fixed size with two slots, written in turn, so that the
 * state before is whole whatever becomes of a write; the newer one whose
 * checksum fits counts.  Its blocks are there from the beginning: keeping a
 * state is one write and one fdatasync, without the journal.
 *
 * A slot: "MRA2", be32 crc32c of what follows, be32 its length, be64 turn,
 * be32 origin, be64 next, the ledger at next (8 times be64), then for each
 * acct-file be16 length of the rest, the numbers of struct acct_state_entry in
 * their order, be16 length and bytes of name and tag.  Version 0.1 had slots of
 * 16 KB, "MRA1", with a length and an inode by path: read once, and replaced.
 */

#ifndef TRANSPORT_ACCT_STATE_H
#define TRANSPORT_ACCT_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "mail/acct_field.h"
#include "queue/store.h"

enum { ACCT_STATE_SLOT = 65536, ACCT_STATE_SLOT_1 = 16384 }; /* two of them */

struct acct_state;

/* Of the acct-file `tag`; strings are borrowed. */
struct acct_state_entry {
	uint64_t next; /* all blobs before are complete, or were dropped */
	uint64_t inode, length; /* of the current file */
	uint64_t crc;           /* of its layout */
	uint64_t begun_us;      /* wall time of its first row; 0: none yet */
	uint64_t file_rows;     /* in it */
	/* Of a buffered one: where the senders are. */
	uint64_t cursor_number, cursor_offset;
	uint64_t rows[ACCT_TYPES]; /* written since this acct-file is known */
	uint64_t dropped;
	/*
	 * From where on rows can be compared with the ledger: both at the same
	 * instant, and a sum of the types and the filter that held since.
	 */
	uint64_t takes; /* 0: nothing is known yet */
	uint64_t base_rows_d, base_rows_b, base_ledger_d, base_ledger_b;
	const char *name; /* of the current file; "": there is none */
	size_t name_len;
	const char *tag;
	size_t tag_len;
};

/* Reads DIR/acct-state; one that is not there is made, with next 0. */
int acct_state_open(const char *dir, struct acct_state **s_r, struct err *e);
void acct_state_free(struct acct_state **sp);

/* What was read; borrowed until the next begin. */
uint64_t acct_state_next(const struct acct_state *s);
uint32_t acct_state_origin(const struct acct_state *s); /* of this spool */
void acct_state_ledger(const struct acct_state *s, struct store_ledger *l_r);
bool acct_state_find(const struct acct_state *s, const char *tag,
    struct acct_state_entry *e_r);
/* Begins with *at 0; false behind the last. */
bool acct_state_each(const struct acct_state *s, size_t *at,
    struct acct_state_entry *e_r);

/* What comes now: begin, each entry, write; durable when that returns 0. */
void acct_state_begin(struct acct_state *s, uint64_t next,
    const struct store_ledger *ledger);
void acct_state_add(struct acct_state *s, const struct acct_state_entry *en);
int acct_state_write(struct acct_state *s, struct err *e);

#endif
