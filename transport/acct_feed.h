/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acct_feed - the rows of a buffered acct-file that are to be sent, in order,
 * over the borders of its files.
 *
 * DIR/NNNNNNNN.csv (which begins with its header line) or .json, as
 * transport/acct_buffer.h has them.  Only what the writer has told to be
 * durable is read, so that nothing which is read can be cut back later.
 *
 * Two places: the cursor, behind all that was delivered, and where reading
 * goes on.  A file that is gone or was cut by somebody is passed over, and the
 * log says so: it would hold up all that is behind it for ever.
 *
 * Owned by the thread `senders`, whose reads of these files are short and of
 * pages that were just written.
 */

#ifndef TRANSPORT_ACCT_FEED_H
#define TRANSPORT_ACCT_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/str.h"

struct acct_feed;

/* Behind a finished file is the beginning of the next. */
struct acct_place {
	uint64_t number; /* of the file */
	uint64_t offset;
};

/* Borrowed until the feed is used again. */
struct acct_piece {
	struct slice header; /* the header line of these rows; JSON: empty */
	struct slice rows;   /* whole ones */
	struct acct_place from, end;
};

/* A part of a file that is finished: all in it is rows. */
struct acct_batch {
	struct slice header; /* what is to be put before it */
	int fd;              /* the feed's, until it is used again */
	struct acct_place from, end;
	uint64_t length;
	uint64_t rows;
	bool whole; /* all of a file */
	bool json;
};

enum acct_feed_next { ACCT_FEED_ROWS, ACCT_FEED_NONE, ACCT_FEED_FAILED };

struct acct_feed *acct_feed_new(const char *dir, struct acct_place cursor);
void acct_feed_free(struct acct_feed **fp);

/* So much of this file is durable, and all before it are finished. */
void acct_feed_grown(struct acct_feed *f, uint64_t number, uint64_t length);

/*
 * The next rows of one file: at most max bytes, but one row at least.  It
 * moves on; FAILED does not.
 */
enum acct_feed_next acct_feed_read(struct acct_feed *f, size_t max,
    struct acct_piece *p_r, struct err *e);

/*
 * The next rows of a finished file, as acct_feed_read(); NONE while that which
 * is next is not finished.
 */
enum acct_feed_next acct_feed_batch(struct acct_feed *f, uint64_t max,
    struct acct_batch *b_r, struct err *e);

/* All before it was delivered: the cursor goes there. */
void acct_feed_taken(struct acct_feed *f, struct acct_place upto);
struct acct_place acct_feed_cursor(const struct acct_feed *f);

/* Reading goes on at the cursor. */
void acct_feed_rewind(struct acct_feed *f);

#endif
