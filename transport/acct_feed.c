/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/acct_feed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "transport/acct_buffer.h"

#define PIECE ((size_t)64 * 1024)

struct acct_feed {
	char *dir;
	uint64_t number, length; /* the file that is written; durable */
	struct acct_place cursor, at;

	/* The file that was read last. */
	int fd; /* -1: none */
	uint64_t fd_number;
	bool json;
	struct buf header;
	struct buf rows;
};

/* ---- rows ---------------------------------------------------------------- */

/* Looks for ends of rows in bytes that come one after the other. */
struct scan {
	bool json;   /* LF ends a row, wherever it stands */
	bool inside; /* of quotes */
	uint64_t seen;
	uint64_t end; /* of the last whole row; 0: none yet */
	uint64_t rows;
};

/* Up to the row that goes beyond max, if it is not the first. */
static bool
scan_more(struct scan *s, const char *p, size_t len, uint64_t max)
{
	for (size_t i = 0; i < len; i++) {
		if (p[i] == '"' && !s->json) {
			s->inside = !s->inside;
		} else if (p[i] == '\n' && !s->inside) {
			uint64_t end = s->seen + i + 1;

			if (s->rows > 0 && end > max)
				return false;
			s->end = end;
			s->rows++;
		}
	}
	s->seen += len;
	return true;
}

/* ---- files --------------------------------------------------------------- */

static void
close_file(struct acct_feed *f)
{
	if (f->fd != -1)
		(void)close(f->fd);
	f->fd = -1;
}

/* Fills out with bytes of the file; less than cap: its end. */
static ssize_t
read_at(const struct acct_feed *f, uint64_t offset, char *out, size_t cap,
    struct err *e)
{
	size_t n = 0;

	while (n < cap) {
		ssize_t got = pread(f->fd, out + n, cap - n,
		    (off_t)(offset + n));

		if (got == -1 && errno == EINTR)
			continue;
		if (got == -1)
			return err_sys(e, "%s, file %llu", f->dir,
			    (unsigned long long)f->fd_number);
		if (got == 0)
			break;
		n += (size_t)got;
	}
	return (ssize_t)n;
}

enum opened { OPENED, IS_LOST, NOT_NOW };

static enum opened
read_header(struct acct_feed *f, struct err *e)
{
	struct scan s = { .json = false };
	ssize_t n;

	buf_clear(&f->header);
	if (f->json)
		return OPENED;
	buf_reserve(&f->header, PIECE);
	n = read_at(f, 0, f->header.p, PIECE, e);
	if (n == -1)
		return NOT_NOW;
	(void)scan_more(&s, f->header.p, (size_t)n, 1);
	f->header.len = (size_t)s.end;
	return s.end == 0 ? IS_LOST : OPENED;
}

static enum opened
open_file(struct acct_feed *f, uint64_t number, struct err *e)
{
	enum opened how;

	if (f->fd != -1 && f->fd_number == number)
		return OPENED;
	close_file(f);
	f->fd_number = number;
	f->fd = acct_buffer_open(f->dir, number, &f->json);
	if (f->fd == -1 && errno == ENOENT)
		return IS_LOST;
	if (f->fd == -1) {
		(void)err_sys(e, "%s, file %llu", f->dir,
		    (unsigned long long)number);
		return NOT_NOW;
	}
	how = read_header(f, e);
	if (how != OPENED)
		close_file(f);
	return how;
}

static void
pass_over(struct acct_feed *f)
{
	log_note(LOG_L_ERROR, "acct",
	    "%s: file %llu is gone or was cut: what is not sent of it is lost",
	    f->dir, (unsigned long long)f->at.number);
	close_file(f);
	if (f->at.number < f->number)
		f->at = (struct acct_place){ f->at.number + 1, 0 };
	else
		f->at.offset = f->length;
}

/* How much there is of the file that is open; -1: nobody knows now. */
static int64_t
length_of(const struct acct_feed *f, struct err *e)
{
	struct stat st;

	if (f->fd_number == f->number)
		return (int64_t)f->length;
	if (fstat(f->fd, &st) == -1)
		return err_sys(e, "%s, file %llu", f->dir,
		    (unsigned long long)f->fd_number);
	return st.st_size;
}

/*
 * ROWS: the file in which something is to be read is open, f->at is in it and
 * *left_r are before its end.
 */
static enum acct_feed_next
find_rows(struct acct_feed *f, uint64_t *left_r, struct err *e)
{
	while (f->at.number < f->number ||
	    (f->at.number == f->number && f->at.offset < f->length)) {
		enum opened how = open_file(f, f->at.number, e);
		int64_t length;

		if (how == NOT_NOW)
			return ACCT_FEED_FAILED;
		if (how == IS_LOST) {
			pass_over(f);
			continue;
		}
		if (f->at.offset < f->header.len)
			f->at.offset = f->header.len;
		length = length_of(f, e);
		if (length == -1)
			return ACCT_FEED_FAILED;
		if (f->at.offset < (uint64_t)length) {
			*left_r = (uint64_t)length - f->at.offset;
			return ACCT_FEED_ROWS;
		}
		if (f->at.number == f->number)
			break;
		f->at = (struct acct_place){ f->at.number + 1, 0 };
	}
	return ACCT_FEED_NONE;
}

/* Behind what was read. */
static struct acct_place
move_on(struct acct_feed *f, uint64_t length, uint64_t left)
{
	f->at.offset += length;
	if (length == left && f->at.number < f->number)
		f->at = (struct acct_place){ f->at.number + 1, 0 };
	return f->at;
}

/* ---- reading ------------------------------------------------------------- */

/*
 * Whole rows from f->at on.  The durable end is the end of a row; what is to
 * end before it is cut at one, and a row longer than max is read whole.
 */
static enum acct_feed_next
read_rows(struct acct_feed *f, uint64_t left, size_t max, struct err *e)
{
	for (size_t cap = max;; cap *= 2) {
		struct scan s = { .json = f->json };
		size_t want = left < cap ? (size_t)left : cap;
		ssize_t n;

		buf_clear(&f->rows);
		buf_reserve(&f->rows, want);
		n = read_at(f, f->at.offset, f->rows.p, want, e);
		if (n == -1)
			return ACCT_FEED_FAILED;
		f->rows.len = (size_t)n;
		if ((size_t)n < want)
			return ACCT_FEED_NONE;
		if (left <= max)
			return ACCT_FEED_ROWS;
		(void)scan_more(&s, f->rows.p, want, max);
		f->rows.len = (size_t)s.end;
		if (s.end > 0)
			return ACCT_FEED_ROWS;
		if (want == left) /* no end of a row: it was damaged */
			return ACCT_FEED_NONE;
	}
}

enum acct_feed_next
acct_feed_read(struct acct_feed *f, size_t max, struct acct_piece *p_r,
    struct err *e)
{
	enum acct_feed_next next;
	uint64_t left;

	CHECK(max > 0);
	while ((next = find_rows(f, &left, e)) == ACCT_FEED_ROWS) {
		next = read_rows(f, left, max, e);
		if (next == ACCT_FEED_FAILED)
			break;
		if (next == ACCT_FEED_NONE) {
			pass_over(f);
			continue;
		}
		p_r->header = (struct slice){ f->header.p, f->header.len };
		p_r->rows = (struct slice){ f->rows.p, f->rows.len };
		p_r->from = f->at;
		p_r->end = move_on(f, f->rows.len, left);
		break;
	}
	return next;
}

/* Of the file's rest, what is to be sent: whole rows, not more than max. */
static enum acct_feed_next
scan_batch(struct acct_feed *f, uint64_t left, uint64_t max, struct scan *s,
    struct err *e)
{
	*s = (struct scan){ .json = f->json };
	buf_reserve(&f->rows, PIECE);
	while (s->seen < left) {
		uint64_t more = left - s->seen;
		ssize_t n = read_at(f, f->at.offset + s->seen, f->rows.p,
		    more < PIECE ? (size_t)more : PIECE, e);

		if (n == -1)
			return ACCT_FEED_FAILED;
		if (n == 0)
			return ACCT_FEED_NONE;
		if (!scan_more(s, f->rows.p, (size_t)n, max))
			return ACCT_FEED_ROWS;
	}
	return s->end == left ? ACCT_FEED_ROWS : ACCT_FEED_NONE;
}

enum acct_feed_next
acct_feed_batch(struct acct_feed *f, uint64_t max, struct acct_batch *b_r,
    struct err *e)
{
	enum acct_feed_next next;
	uint64_t left;
	struct scan s;

	while ((next = find_rows(f, &left, e)) == ACCT_FEED_ROWS) {
		if (f->at.number == f->number)
			return ACCT_FEED_NONE;
		next = scan_batch(f, left, max, &s, e);
		if (next == ACCT_FEED_FAILED)
			break;
		if (next == ACCT_FEED_NONE) {
			pass_over(f);
			continue;
		}
		*b_r = (struct acct_batch){ .fd = f->fd,
			.header = { f->header.p, f->header.len },
			.from = f->at,
			.length = s.end,
			.rows = s.rows,
			.json = f->json };
		b_r->whole = f->at.offset == f->header.len && s.end == left;
		b_r->end = move_on(f, s.end, left);
		break;
	}
	return next;
}

/* ---- places -------------------------------------------------------------- */

void
acct_feed_grown(struct acct_feed *f, uint64_t number, uint64_t length)
{
	CHECK(
	    number > f->number || (number == f->number && length >= f->length));
	f->number = number;
	f->length = length;
}

void
acct_feed_taken(struct acct_feed *f, struct acct_place upto)
{
	CHECK(upto.number > f->cursor.number ||
	    (upto.number == f->cursor.number &&
		upto.offset >= f->cursor.offset));
	f->cursor = upto;
}

struct acct_place
acct_feed_cursor(const struct acct_feed *f)
{
	return f->cursor;
}

void
acct_feed_rewind(struct acct_feed *f)
{
	f->at = f->cursor;
}

struct acct_feed *
acct_feed_new(const char *dir, struct acct_place cursor)
{
	struct acct_feed *f = mem_new(struct acct_feed);

	f->dir = mem_strdup(dir);
	f->cursor = f->at = cursor;
	f->fd = -1;
	return f;
}

void
acct_feed_free(struct acct_feed **fp)
{
	struct acct_feed *f = *fp;

	*fp = NULL;
	if (f == NULL)
		return;
	close_file(f);
	buf_fini(&f->header);
	buf_fini(&f->rows);
	free(f->dir);
	free(f);
}
