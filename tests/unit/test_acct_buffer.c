/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waits for a program: files with numbers, whole up to what is durable,
 * gone when they were taken; bounded, and counted where the bound was met.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/acct_life.h"
#include "transport/acct_buffer.h"

#define TAG "|cat > /dev/null"
#define LARGE_RCPT \
	"a-name-that-is-long-enough-for-files-to-grow-quickly-in-this-test@" \
	"a-domain-that-is-long-enough-as-well.example.net"

enum { ROWS = 5000 }; /* about 1 MB */

static void
write_config(const char *name, const char *tag, const char *more)
{
	FILE *f = fopen(tmpdir_path(name), "w");

	(void)fprintf(f, "spool %s\n", tmpdir);
	if (tag != NULL)
		(void)fprintf(f,
		    "<acct-file %s>\n records d,b\n %s\n</acct-file>\n", tag,
		    more);
	(void)fclose(f);
}

static struct acct_grown
grown(void)
{
	struct acct_grown g;

	(void)life_ask(TAG, NULL);
	(void)pthread_mutex_lock(&life.lock);
	g = life.grown;
	g.folder = life.grown_folder;
	(void)pthread_mutex_unlock(&life.lock);
	return g;
}

/*
 * How many d rows the front of a file has, all of it with length 0; -1: there
 * is no such file, or its end is not that of a row.
 */
static int
rows_of(uint64_t number, uint64_t length)
{
	struct stat st;
	bool json;
	int fd = acct_buffer_open(life.grown_folder, number, &json), rows = 0;
	char *text;

	if (fd == -1 || fstat(fd, &st) == -1)
		return -1;
	if (length == 0)
		length = (uint64_t)st.st_size;
	text = mem_zalloc(length + 1);
	if (read(fd, text, length) != (ssize_t)length ||
	    (length > 0 && text[length - 1] != '\n'))
		rows = -1;
	for (const char *p = text; (p = strchr(p, '\n')) != NULL; p++)
		rows += rows >= 0 && strncmp(p, "\nd,", 3) == 0 ? 1 : 0;
	free(text);
	(void)close(fd);
	return rows;
}

/* ---- the writer ---------------------------------------------------------- */

static void
test_grows(void)
{
	struct acct_grown g;

	if (!life_begin("pipe"))
		return;
	g = grown();
	is_str(g.tag, TAG, "the senders hear of it at the start");
	ok(g.number == 1 && g.length == 0 && g.cursor_number == 1 &&
		g.cursor_offset == 0,
	    "with nothing in it");
	life_feed(ACCT_D, "b@example.net", 3);
	g = grown();
	ok(g.number == 1 && g.length > 0, "three rows are durable");
	is_int(rows_of(1, g.length), 3, "whole, behind a header");
	is_int((int64_t)life_ask(TAG, NULL)->waiting_bytes, (int64_t)g.length,
	    "so much waits");
	acct_taken(life.a, g.sink, 1, g.length);
	acct_taken(life.a, g.sink, 1, g.length + 1);
	acct_taken(life.a, g.sink, 7, 0);
	is_int((int64_t)life_ask(TAG, NULL)->waiting_bytes, 0,
	    "it is taken; what cannot be taken is not");
	life_feed(ACCT_D, "b@example.net", 1);
	ok(life_settle(TAG), "one more");
	life_end();

	(void)life_begin("pipe");
	g = grown();
	ok(g.cursor_number == 1 && g.cursor_offset > 0 &&
		g.length > g.cursor_offset,
	    "the next life knows the cursor");
	is_int(rows_of(1, g.length), 4, "and goes on in the file");
	life_end();
}

static void
test_files(void)
{
	struct acct_grown g;
	unsigned blobs = 0;
	bool json;

	(void)life_begin("pipe");
	do {
		life_feed(ACCT_D, LARGE_RCPT, ROWS);
		blobs++;
		g = grown();
	} while (g.number < 3);
	ok(blobs > 30 && blobs < 50, "files end at 16 MB: %u", blobs);
	ok(rows_of(2, 0) > 16 * ROWS - ROWS, "and are whole");
	acct_taken(life.a, g.sink, 2, 5);
	(void)life_ask(TAG, NULL);
	ok(acct_buffer_open(life.grown_folder, 1, &json) == -1 &&
		errno == ENOENT,
	    "one that was taken is gone");
	acct_taken(life.a, g.sink, 1, 3);
	acct_taken(life.a, g.sink, 3, 0);
	g = grown();
	is_int((int64_t)life_ask(TAG, NULL)->waiting_bytes, (int64_t)g.length,
	    "what waits is counted over files");
	life_end();
	(void)life_begin("pipe");
	is_int((int64_t)life_ask(TAG, NULL)->waiting_bytes, (int64_t)g.length,
	    "and in the next life");
	g = grown();
	acct_taken(life.a, g.sink, g.number, g.length);
	ok(life_settle(TAG), "all is taken");
	life_end();
}

/* A program that is away: what is above the bound is dropped and counted. */
static void
test_bound(void)
{
	const struct acct_facts *f;
	struct acct_grown g;
	uint64_t rows, dropped;

	(void)life_begin("pipe");
	rows = life_ask(TAG, NULL)->rows[ACCT_D];
	for (int i = 0; i < 60; i++) {
		life_feed(ACCT_D, LARGE_RCPT, ROWS);
		(void)life_ask(TAG, NULL);
	}
	f = life_ask(TAG, NULL);
	dropped = f->dropped;
	ok(f->waiting_bytes <= 32 << 20 && f->waiting_bytes > 30 << 20,
	    "32 MB wait, as max-buffer-size says");
	is_int((int64_t)(f->rows[ACCT_D] - rows + dropped), 60 * ROWS,
	    "each record is written or counted as dropped");
	ok(dropped > 0 && dropped % ROWS == 0, "%d are dropped", (int)dropped);
	ok(life.shared->done == life.shared->next,
	    "the outbox keeps none of them");
	g = grown();
	acct_taken(life.a, g.sink, g.number, g.length);
	life_feed(ACCT_D, LARGE_RCPT, ROWS);
	f = life_ask(TAG, NULL);
	ok(f->dropped == dropped, "when there is room nothing is dropped");
	acct_sink_said(life.a, g.sink, "it ended with status 1");
	is_str(life_ask(TAG, NULL)->error, "it ended with status 1",
	    "what the sender says is known");
	acct_sink_said(life.a, g.sink, NULL);
	ok(life_ask(TAG, NULL)->error == NULL, "until it is well");

	acct_space(life.a, STORE_SPACE_LOW);
	life_feed(ACCT_D, "b@example.net", 2);
	f = life_ask(TAG, NULL);
	ok(f->behind_rows == 2 && f->error != NULL && f->dropped == dropped,
	    "in a full spool rows stay where they are: %s", f->error);
	acct_space(life.a, STORE_SPACE_OK);
	acct_reload(life.a, life.conf);
	ok(life_settle(TAG), "and come when there is room");
	is_int((int64_t)(life_ask(TAG, NULL)->rows[ACCT_D] - rows + dropped),
	    61 * ROWS + 2, "each once");
	life_end();
}

/* Nobody reads them: the configuration lost it, and has it again. */
static void
test_orphan(void)
{
	struct snapshot *none = life_conf("none"), *json = life_conf("json");
	struct acct_grown g, before;

	(void)life_begin("pipe");
	before = grown();
	acct_reload(life.a, none);
	ok(life_ask(TAG, NULL) == NULL, "it is gone from the configuration");
	life_feed(ACCT_D, "b@example.net", 1);
	(void)life_ask(TAG, NULL);
	ok(access(life.grown_folder, F_OK) == 0, "its files stay");
	life_end();
	life.with_buffers = true;
	(void)life_begin("none");
	ok(life_ask(TAG, NULL) == NULL, "also over a restart");
	acct_reload(life.a, life.conf);
	life_end();

	(void)life_begin("pipe");
	g = grown();
	ok(g.number == before.number && g.length == before.length &&
		g.cursor_number == before.cursor_number,
	    "it comes back and goes on where its sender was");
	acct_reload(life.a, json);
	life_feed(ACCT_D, "b@example.net", 1);
	g = grown();
	ok(g.number == before.number + 1, "other columns begin another file");
	life_end();
	snapshot_unref(&none);
	snapshot_unref(&json);
}

/* ---- names --------------------------------------------------------------- */

static void
test_names(void)
{
	char id[ACCT_BUFFER_ID];
	struct buf path = { 0 };

	acct_buffer_id(id, "abc"); /* SHA-256 of FIPS 180-2 */
	is_str(id, "ba7816bf8f01cfea", "the id of a tag");
	acct_buffer_path("/f", 7, true, &path);
	is_str(buf_cstr(&path), "/f/00000007.json", "the path of a file");
	buf_fini(&path);
	is_int((int64_t)acct_buffer_number("123456789.csv"), 123456789,
	    "a number of nine digits");
	is_int((int64_t)acct_buffer_number("00000007.txt"), 0, "not ours");
	is_int((int64_t)acct_buffer_number("0000007.csv"), 0, "too short");
	is_int((int64_t)acct_buffer_number("name"), 0, "the name");
}

static bool
knows_none(void *ctx, const char *id)
{
	(void)ctx;
	(void)id;
	return false;
}

static void
test_old_orphan(void)
{
	const struct timespec old[2] = { { .tv_sec = 1000000 },
		{ .tv_sec = 1000000 } };
	char mark[400];

	acct_buffer_orphans(tmpdir, knows_none, NULL,
	    8 * 86400 * INT64_C(1000000));
	(void)snprintf(mark, sizeof(mark), "%s/unused", life.grown_folder);
	ok(access(mark, F_OK) == 0, "one that nobody wants is marked");
	acct_buffer_orphans(tmpdir, knows_none, NULL,
	    8 * 86400 * INT64_C(1000000));
	ok(access(mark, F_OK) == 0, "and stays for some days");
	ok(utimensat(AT_FDCWD, mark, old, 0) == 0, "then,");
	acct_buffer_orphans(tmpdir, knows_none, NULL,
	    8 * 86400 * INT64_C(1000000));
	ok(access(life.grown_folder, F_OK) == -1, "it goes");
}

int
main(void)
{
	life_init();
	write_config("pipe", "\"" TAG "\"", "max-buffer-size 32M");
	write_config("json", "\"" TAG "\"", "format json");
	write_config("none", NULL, "");
	life.with_buffers = true;
	test_names();
	test_grows();
	test_files();
	test_bound();
	test_orphan();
	test_old_orphan();
	life_forget();
	return done_testing();
}
