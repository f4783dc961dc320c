/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows come whole, in order and once, whatever their files' borders and
 * however much is asked for at a time; again from the cursor on; and nothing
 * that is not yet durable.
 */
#include "transport/acct_feed.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/mem.h"
#include "tests/tap.h"
#include "tests/unit/tmpdir.h"

#define HEADER "type,x\r\n"

static void
append(const char *name, const char *text)
{
	FILE *f = fopen(tmpdir_path(name), "a");

	if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0)
		exit(99);
}

/* "HEADER|rows" of the next piece, or a word. */
static const char *
next_rows(struct acct_feed *f, size_t max, struct acct_place *end_r)
{
	static struct buf out;
	struct acct_piece p;
	static struct err e;

	buf_clear(&out);
	switch (acct_feed_read(f, max, &p, &e)) {
	case ACCT_FEED_NONE:
		return "none";
	case ACCT_FEED_FAILED:
		return e.text;
	case ACCT_FEED_ROWS:
		buf_add(&out, p.header.p, p.header.len);
		buf_byte(&out, '|');
		buf_add(&out, p.rows.p, p.rows.len);
		if (end_r != NULL)
			*end_r = p.end;
		break;
	}
	return buf_cstr(&out);
}

static void
in_order(void)
{
	struct acct_feed *f = acct_feed_new(tmpdir,
	    (struct acct_place){ 1, 0 });
	struct acct_place end;

	(void)is_str(next_rows(f, 100, NULL), "none", "nothing is there");
	append("00000001.csv", HEADER "d,1\r\nd,2\r\nd,3\r\n");
	acct_feed_grown(f, 1, 8);
	(void)is_str(next_rows(f, 100, NULL), "none", "a header is no row");
	acct_feed_grown(f, 1, 18);
	(void)is_str(next_rows(f, 100, &end), HEADER "|d,1\r\nd,2\r\n",
	    "what is durable, and no more");
	is_int((int64_t)end.offset, 18, "its end");
	(void)is_str(next_rows(f, 100, NULL), "none", "not twice");
	append("00000002.csv", HEADER "d,\"a\nb\"\r\nd,5\r\n");
	acct_feed_grown(f, 2, 22);
	(void)is_str(next_rows(f, 100, &end), HEADER "|d,3\r\n",
	    "a piece ends with its file");
	is_int((int64_t)end.number, 2, "its place is the next one's");
	is_int((int64_t)end.offset, 0, "beginning");
	acct_feed_taken(f, end);
	(void)is_str(next_rows(f, 1, &end), HEADER "|d,\"a\nb\"\r\n",
	    "one row at least, quoted line ends and all");
	(void)is_str(next_rows(f, 1, NULL), HEADER "|d,5\r\n", "the next");
	acct_feed_rewind(f);
	(void)is_str(next_rows(f, 13, NULL), HEADER "|d,\"a\nb\"\r\n",
	    "again from the cursor on");
	acct_feed_taken(f, end);
	is_int((int64_t)acct_feed_cursor(f).number, 2, "the cursor is there");
	acct_feed_rewind(f);
	(void)is_str(next_rows(f, 100, NULL), HEADER "|d,5\r\n",
	    "from within a file with its header");
	acct_feed_free(&f);
}

/* After a start: the place is in a file, of which all is told at once. */
static void
from_a_cursor(void)
{
	struct acct_feed *f = acct_feed_new(tmpdir,
	    (struct acct_place){ 2, 17 });

	append("00000003.json",
	    "{\"type\":\"d\",\"x\":\"\\\"\"}\n{\"a\":\"\\\"\"}\n");
	acct_feed_grown(f, 3, 33);
	(void)is_str(next_rows(f, 100, NULL), HEADER "|d,5\r\n",
	    "what is before the cursor does not come");
	(void)is_str(next_rows(f, 22, NULL),
	    "|{\"type\":\"d\",\"x\":\"\\\"\"}\n",
	    "JSON has no header, and its quotes are none");
	(void)is_str(next_rows(f, 100, NULL), "|{\"a\":\"\\\"\"}\n",
	    "a row that ends with its file's durable part");
	(void)is_str(next_rows(f, 100, NULL), "none", "the end");
	acct_feed_free(&f);
}

static void
lost_files(void)
{
	struct acct_feed *f = acct_feed_new(tmpdir,
	    (struct acct_place){ 5, 0 });
	struct acct_batch b;
	struct err e;

	/* 5 and 7 are not there, and of 8 there should be more. */
	append("00000006.csv", HEADER "d,1\r\n");
	append("00000008.csv", HEADER "d,2\r\n");
	append("00000009.csv", "");
	append("00000010.csv", HEADER "d,3\r\n");
	acct_feed_grown(f, 8, 23);
	(void)is_str(next_rows(f, 100, NULL), HEADER "|d,1\r\n",
	    "a file that is gone does not hold up others");
	(void)is_str(next_rows(f, 100, NULL), "none", "a short one");
	acct_feed_grown(f, 10, 13);
	(void)is_str(next_rows(f, 100, NULL), HEADER "|d,3\r\n",
	    "nor does one without a header");
	(void)is_str(next_rows(f, 100, NULL), "none", "the end");
	acct_feed_rewind(f);
	ok(acct_feed_batch(f, 100, &b, &e) == ACCT_FEED_ROWS &&
		b.from.number == 6 && b.end.number == 7,
	    "nor are batches held up");
	acct_feed_free(&f);

	f = acct_feed_new("/proc/self/mem", (struct acct_place){ 1, 0 });
	acct_feed_grown(f, 1, 10);
	(void)is_str(next_rows(f, 100, NULL),
	    "/proc/self/mem, file 1: Not a directory",
	    "what may be there again is not passed over");
	(void)is_str(next_rows(f, 100, NULL),
	    "/proc/self/mem, file 1: Not a directory", "but tried again");
	acct_feed_free(&f);
}

/* "whole 1:8+10 2 rows" */
static const char *
next_batch(struct acct_feed *f, uint64_t max)
{
	static char out[200];
	struct acct_batch b;
	struct err e;

	switch (acct_feed_batch(f, max, &b, &e)) {
	case ACCT_FEED_NONE:
		return "none";
	case ACCT_FEED_FAILED:
		return "failed";
	case ACCT_FEED_ROWS:
		break;
	}
	(void)snprintf(out, sizeof(out), "%s%llu:%llu+%llu %llu rows, %zu",
	    b.whole ? "whole " : "", (unsigned long long)b.from.number,
	    (unsigned long long)b.from.offset, (unsigned long long)b.length,
	    (unsigned long long)b.rows, b.header.len);
	return out;
}

static void
batches(void)
{
	struct acct_feed *f = acct_feed_new(tmpdir,
	    (struct acct_place){ 20, 0 });

	append("00000020.csv", HEADER "d,1\r\nd,\"\n\"\r\nd,3\r\nd,4\r\n");
	acct_feed_grown(f, 20, 30);
	(void)is_str(next_batch(f, UINT64_MAX), "none",
	    "not before the file is finished");
	acct_feed_grown(f, 21, 0);
	(void)is_str(next_batch(f, UINT64_MAX), "whole 20:8+22 4 rows, 8",
	    "a whole file");
	(void)is_str(next_batch(f, UINT64_MAX), "none", "once");
	acct_feed_rewind(f);
	(void)is_str(next_batch(f, 13), "20:8+12 2 rows, 8",
	    "a part ends with a row");
	(void)is_str(next_batch(f, 5), "20:20+5 1 rows, 8", "the next");
	(void)is_str(next_batch(f, 1), "20:25+5 1 rows, 8", "one row at least");
	(void)is_str(next_batch(f, 1), "none", "that was all");
	acct_feed_free(&f);
}

/* ---- at random ----------------------------------------------------------- */

static uint64_t seed = 20261121;

static unsigned
chance(unsigned n)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (unsigned)(seed >> 33) % n;
}

enum { FILES = 20 };

/* What one file has, and where its rows end. */
struct made {
	struct buf text;
	size_t ends[100];
	size_t rows, told;
	bool finished;
};

static void
make_file(struct made *m, unsigned number)
{
	static const char *const parts[] = { "d", ",", "\"\n\"", "\"\"\"\"",
		"\"a,\"\"\n\"", "x" };
	char name[30];
	FILE *out;

	memset(m, 0, sizeof(*m));
	buf_str(&m->text, HEADER);
	m->rows = chance(100);
	for (size_t i = 0; i < m->rows; i++) {
		for (unsigned n = 1 + chance(30); n > 0; n--)
			buf_str(&m->text, parts[chance(6)]);
		buf_str(&m->text, "\r\n");
		m->ends[i] = m->text.len;
	}
	(void)snprintf(name, sizeof(name), "%08u.csv", number);
	out = fopen(tmpdir_path(name), "w");
	if (out == NULL ||
	    fwrite(m->text.p, 1, m->text.len, out) != m->text.len ||
	    fclose(out) != 0)
		exit(99);
}

/* More of one file becomes durable, as a writer does it; false: all is. */
static bool
tell(struct acct_feed *f, struct made *made)
{
	for (unsigned i = 0; i < FILES; i++) {
		struct made *m = &made[i];

		if (m->finished)
			continue;
		m->told += chance((unsigned)(m->rows - m->told) + 2);
		if (m->told > m->rows)
			m->told = m->rows;
		/* The end of the last one shows by the next. */
		m->finished = m->told == m->rows;
		acct_feed_grown(f, 100 + i,
		    m->told == 0 ? strlen(HEADER) : m->ends[m->told - 1]);
		return true;
	}
	return false;
}

/* All rows of all files, in order. */
static void
join(const struct made *made, struct buf *out)
{
	for (unsigned i = 0; i < FILES; i++)
		buf_add(out, made[i].text.p + strlen(HEADER),
		    made[i].text.len - strlen(HEADER));
}

/*
 * Reads all, now and then from the cursor again, which is put behind what was
 * read: what was read up to each cursor is what was written, once.
 */
static void
one_run(struct made *made)
{
	struct acct_feed *f = acct_feed_new(tmpdir,
	    (struct acct_place){ 100, 0 });
	struct buf want = { 0 }, got = { 0 };
	size_t kept = 0; /* of got, before the cursor */
	struct acct_place end = acct_feed_cursor(f);
	struct acct_piece p;
	struct err e;
	bool more;

	join(made, &want);
	do {
		more = tell(f, made);
		while (acct_feed_read(f, 1 + chance(2000), &p, &e) ==
		    ACCT_FEED_ROWS) {
			buf_add(&got, p.rows.p, p.rows.len);
			end = p.end;
			if (chance(5) == 0) {
				acct_feed_taken(f, end);
				kept = got.len;
			}
			if (chance(9) == 0) {
				acct_feed_rewind(f);
				got.len = kept;
			}
		}
	} while (more);
	(void)ok(got.len == want.len && memcmp(got.p, want.p, want.len) == 0,
	    "%zu bytes of rows, each once, in order", want.len);
	buf_fini(&want);
	buf_fini(&got);
	acct_feed_free(&f);
}

static void
at_random(void)
{
	static struct made made[FILES];

	for (int run = 0; run < 20; run++) {
		for (unsigned i = 0; i < FILES; i++)
			make_file(&made[i], 100 + i);
		one_run(made);
		for (unsigned i = 0; i < FILES; i++)
			buf_fini(&made[i].text);
	}
}

int
main(void)
{
	(void)tmpdir_make();
	in_order();
	from_a_cursor();
	lost_files();
	batches();
	at_random();
	tmpdir_remove();
	return done_testing();
}
