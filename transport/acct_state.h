/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acct_state - how far the accounting files are complete: the sequence of the
 * next blob, and how long each file was then.
 *
 * One small file of fixed size with two slots, written in turn, so that the
 * state before is whole whatever becomes of a write; the newer one whose
 * checksum fits counts.  Its blocks are there from the beginning: keeping a
 * state is one write and one fdatasync, without the journal.
 *
 * A slot: "MRA1", be32 crc32c of what follows, be32 its length, be64 turn, be64
 * next, then for each file be64 length, be64 inode, be16 length of the path,
 * path.
 */

#ifndef TRANSPORT_ACCT_STATE_H
#define TRANSPORT_ACCT_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

enum { ACCT_STATE_SLOT = 16384 }; /* bytes; two of them */

struct acct_state;

struct acct_state_file {
	uint64_t length, inode;
};

/* Reads DIR/acct-state; one that is not there is made, with next 0. */
int acct_state_open(const char *dir, struct acct_state **s_r, struct err *e);
void acct_state_free(struct acct_state **sp);

/* What was read. */
uint64_t acct_state_next(const struct acct_state *s);
bool acct_state_find(const struct acct_state *s, const char *path,
    struct acct_state_file *f_r);

/* What comes now: begin, each file, write; durable when that returns 0. */
void acct_state_begin(struct acct_state *s, uint64_t next);
void acct_state_add(struct acct_state *s, const char *path,
    const struct acct_state_file *f);
int acct_state_write(struct acct_state *s, struct err *e);

#endif
