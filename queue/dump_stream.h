/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dump_stream - the form of a dumped queue: frames, each with a checksum.
 *
 *	stream = "MAILRACE QUEUE 1" LF *frame
 *	frame  = type be32 key length, be32 data length, key, data, crc32c
 *
 * The checksum is of all of the frame before it.  Types and what they hold, in
 * this order; frames of a type are in the order of their keys, none is twice:
 *
 *	L    the ledger, first of all
 *	M    a message: key be64 id; data be32 lengths of waybill, envelope and
 *	     body, then these three
 *	S O H B D P R
 *	     a row of a table as it stands in the database, by the table's tag
 *	F    a file of the spool: key its name
 *	Z    the end: data be64 number of frames before; nothing follows
 *
 * Rows are those of doc/ARCHITECTURE.md, records on disk.  One thread.
 */

#ifndef QUEUE_DUMP_STREAM_H
#define QUEUE_DUMP_STREAM_H

#include <stdint.h>
#include <stdio.h>

#include "lib/err.h"
#include "lib/str.h"

enum { DUMP_FILE = 'F', DUMP_END = 'Z' };

/* No envelope, body or row is larger. */
#define DUMP_FRAME_MAX (UINT32_C(0x7fff0000))

struct dump_frame {
	char type;
	struct slice key, data;
};

/* -1: the file cannot be written. */
int dump_begin(FILE *f, struct err *e);
int dump_write(FILE *f, const struct dump_frame *frame, struct err *e);

struct dump_reader {
	FILE *f;
	uint64_t at;     /* offset of the next frame */
	uint64_t frames; /* read so far */
	struct buf text; /* of the last frame */
	int ended;
};

/* -1: this is no dump; nothing of it is trusted unread. */
int dump_reader_init(struct dump_reader *r, FILE *f, struct err *e);
void dump_reader_fini(struct dump_reader *r);

/*
 * The next frame, which lives until the one after; 0: the end was read, and it
 * was the end of the file.  -1: what is wrong, and where.
 */
int dump_read(struct dump_reader *r, struct dump_frame *frame_r, struct err *e);

#endif
