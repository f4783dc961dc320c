/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment - messages, envelope and body, appended to numbered files.
 *
 * The writer belongs to the store thread.  A reader belongs to one worker and
 * keeps a few descriptors open; reading is the one thing a worker may block
 * on.  Layout of a file is in doc/ARCHITECTURE.md, records on disk.
 */

#ifndef QUEUE_SEGMENT_H
#define QUEUE_SEGMENT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/mem.h"
#include "mail/message.h"

/* Segments that a reader keeps open. */
#define SEGMENT_READER_FILES 8

struct segment_reader;

struct segment_reader *segment_reader_new(const char *store_dir);
void segment_reader_free(struct segment_reader **rp);

/* What was read; the envelope's bytes are the region's, the body the caller's. */
struct segment_got {
	const void *env; /* packed, loc->env_len bytes */
	struct body *body;
};

/*
 * Reads envelope and body at once and checks their checksums.  -1: there is
 * no envelope.  One whose body alone is damaged has body NULL, and e says so.
 */
int segment_read(struct segment_reader *r, uint64_t id,
    const struct message_loc *loc, struct region *rg, struct segment_got *got_r,
    struct err *e);

/* Likewise without the body. */
int segment_read_envelope(struct segment_reader *r, uint64_t id,
    const struct message_loc *loc, struct region *rg, struct segment_got *got_r,
    struct err *e);

#endif
