/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acct_buffer - the files of the spool that rows wait in for a program or a
 * network: SPOOL/acct/ID/NNNNNNNN.csv or .json.
 *
 * ID is made of the acct-file's tag, which a file `name` beside them holds.
 * Numbers grow by one; each file begins with its header line (JSON: none).  The
 * writer appends to the last one and tells the senders how much of it is
 * durable; all before it are whole.  Where a sender is, the cursor, comes back
 * to the writer, and files before that are removed.
 *
 * A struct acct_buffer is the writer's; acct_buffer_open() is for any thread.
 */

#ifndef TRANSPORT_ACCT_BUFFER_H
#define TRANSPORT_ACCT_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/str.h"

enum { ACCT_BUFFER_ID = 17 }; /* 16 hex digits and the NUL */

struct acct_buffer {
	char *folder; /* SPOOL/acct/ID */
	uint64_t cursor_number, cursor_offset;
	/* Of finished files from the cursor's on: how long they are. */
	uint64_t *sizes;
	size_t count, cap;
	uint64_t finished; /* their sum */
};

/* "0123456789abcdef" */
void acct_buffer_id(char out[ACCT_BUFFER_ID], const char *tag);

/* Makes the folder, if it is not there. */
int acct_buffer_new(const char *spool_dir, const char *tag,
    struct acct_buffer **b_r, struct err *e);
void acct_buffer_free(struct acct_buffer **bp);

/*
 * The cursor, and current, the number of the file that is written: those from
 * the cursor on are measured, those before it removed.  With current 0 nobody
 * knows: all that is there waits.  Returns the number of the current file.
 */
uint64_t acct_buffer_start(struct acct_buffer *b, uint64_t cursor_number,
    uint64_t cursor_offset, uint64_t current);

/* Appends the path of a file. */
void acct_buffer_path(const char *folder, uint64_t number, bool json,
    struct buf *out);
/* The number of such a name; 0: it is none. */
uint64_t acct_buffer_number(const char *name);

/* The current file is finished. */
void acct_buffer_finished(struct acct_buffer *b, uint64_t size);

/*
 * The senders are there.  False: they cannot be, nothing changed.  current,
 * size: the file that is written, and what of it is durable.
 */
bool acct_buffer_taken(struct acct_buffer *b, uint64_t number, uint64_t offset,
    uint64_t current, uint64_t size);

/* Bytes behind the cursor, when the current file is that long. */
uint64_t acct_buffer_waiting(const struct acct_buffer *b, uint64_t size);

/* Removes files before that; after the cursor was made durable. */
void acct_buffer_remove(const struct acct_buffer *b, uint64_t number);

/*
 * Folders of acct-files that the configuration no longer names: those unused
 * for longer than age are removed, others are said by name.
 */
void acct_buffer_orphans(const char *spool_dir,
    bool (*is_known)(void *ctx, const char *id), void *ctx, int64_t age_us);

/*
 * (any) A file for reading; -1 with errno ENOENT if it is not there.  json_r
 * says which form it has.
 */
int acct_buffer_open(const char *folder, uint64_t number, bool *json_r);

#endif
