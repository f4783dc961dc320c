/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment - bodies, appended to numbered files.
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
#include "mail/message.h"

/* Segments that a reader keeps open. */
#define SEGMENT_READER_FILES 8

struct segment_reader;

struct segment_reader *segment_reader_new(const char *store_dir);
void segment_reader_free(struct segment_reader **rp);

/* Reads the whole body and checks its checksum; NULL with err. */
struct body *segment_read(struct segment_reader *r, uint64_t id,
    const struct body_loc *loc, struct err *e);

#endif
