/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program gets the header line and every row; rows count as taken when it is
 * done with them as far as anybody can know; and whatever else it does, what
 * does not count goes to the next one again.
 */
#include <signal.h>
#include <stdlib.h>

#include "lib/clock.h"
#include "lib/mem.h"
#include "tests/tap.h"
#include "tests/unit/loop.h"
#include "tests/unit/tmpdir.h"
#include "transport/acct_sender.h"

#define HEADER "type,x\r\n"
#define LAG 262144U

static struct worker *worker;

/* One case: a buffer, a command, and what the sender said. */
static struct {
	char folder[500], command[1500];
	struct acct_conf conf;
	struct acct_feed *feed;
	struct acct_sender *sender;
	uint64_t number, length; /* of the buffer's last file */
	unsigned rows;
	struct acct_place taken;
	bool ended, well;
	char said[2000];
} t;

/* ---- the sender's owner -------------------------------------------------- */

static void
on_taken(void *ctx, struct acct_place upto)
{
	(void)ctx;
	t.taken = upto;
	acct_feed_taken(t.feed, upto);
}

static void
on_said(void *ctx, const char *error)
{
	(void)ctx;
	t.well = error == NULL;
	if (error != NULL)
		(void)snprintf(t.said, sizeof(t.said), "%s", error);
}

static void
on_ended(void *ctx)
{
	(void)ctx;
	t.ended = true;
}

static const struct acct_sender_owner owner = { .taken = on_taken,
	.said = on_said,
	.ended = on_ended };

/* ---- a case -------------------------------------------------------------- */

static void
append(const char *text)
{
	char path[600];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%08u.csv", t.folder,
	    (unsigned)t.number);
	f = fopen(path, "a");
	if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0)
		exit(99);
	t.length += strlen(text);
}

/* Rows of 50 bytes, durable at once. */
static void
grow(unsigned count)
{
	struct buf text = { 0 };

	for (unsigned i = 0; i < count; i++)
		buf_printf(&text, "d,%046u\r\n", t.rows++);
	append(buf_cstr(&text));
	buf_fini(&text);
	acct_feed_grown(t.feed, t.number, t.length);
	if (t.sender != NULL)
		t.sender->more(t.sender);
}

static void
next_file(const char *header)
{
	t.number++;
	t.length = 0;
	append(header);
}

/* The folder of the case is where its command is run. */
static void
begin(const char *name, const char *script)
{
	struct acct_sender_env env = { .worker = worker,
		.conf = &t.conf,
		.owner = &owner,
		.name = "test" };

	memset(&t, 0, sizeof(t));
	(void)snprintf(t.folder, sizeof(t.folder), "%s", tmpdir_path(name));
	if (mkdir(t.folder, 0700) == -1)
		exit(99);
	(void)snprintf(t.command, sizeof(t.command), "|cd '%s'; %s", t.folder,
	    script);
	t.conf.path = t.command;
	t.conf.retry_interval_us = 50 * US_PER_MS;
	t.conf.write_timeout_us = 60 * US_PER_S;
	t.feed = acct_feed_new(t.folder, (struct acct_place){ 1, 0 });
	next_file(HEADER);
	env.feed = t.feed;
	t.sender = acct_pipe_new(&env);
	(void)event_base_loop(worker_base(worker), EVLOOP_NONBLOCK);
}

static void
end(void)
{
	t.sender->free(t.sender);
	acct_feed_free(&t.feed);
}

static long
size_of(const char *name)
{
	char path[600];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s", t.folder, name);
	return stat(path, &st) == -1 ? -1 : (long)st.st_size;
}

/* The file has all rows, under one header line. */
static bool
has_all(const void *name)
{
	return size_of(name) >= (long)(strlen(HEADER) + 50UL * t.rows);
}

/* Nothing new is given to the program, and its input is closed. */
static bool
finish(void)
{
	t.sender->finish(t.sender);
	return loop_until(worker, loop_flag, &t.ended);
}

static char *
read_all(const char *name)
{
	static char text[1000000];
	char path[600];
	size_t n = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", t.folder, name);
	f = fopen(path, "r");
	if (f != NULL) {
		n = fread(text, 1, sizeof(text) - 1, f);
		(void)fclose(f);
	}
	text[n] = '\0';
	return text;
}

static bool
has_file(const void *name)
{
	char path[600];

	(void)snprintf(path, sizeof(path), "%s/%s", t.folder,
	    (const char *)name);
	return access(path, F_OK) == 0;
}

/* Is each row there, once or more than once, and nothing else? */
static bool
all_are_there(const char *text, bool once)
{
	unsigned *seen = mem_array(t.rows + 1, sizeof(*seen));
	bool good = true;

	for (const char *p = text; *p != '\0'; p = strchr(p, '\n') + 1) {
		unsigned n;

		if (sscanf(p, "d,%46u\r\n", &n) == 1 && n < t.rows)
			seen[n]++;
		else if (strncmp(p, HEADER, strlen(HEADER)) != 0)
			good = false;
		if (strchr(p, '\n') == NULL)
			break;
	}
	for (unsigned i = 0; i < t.rows; i++)
		good = good && (once ? seen[i] == 1 : seen[i] >= 1);
	free(seen);
	return good;
}

/* ---- cases --------------------------------------------------------------- */

static void
all_is_well(void)
{
	begin("well", "cat >out");
	grow(3);
	grow(15000); /* more than a pipe takes */
	ok(loop_until(worker, has_all, "out"), "all arrives");
	ok(finish(), "and it ends when it is told to");
	ok(strncmp(read_all("out"), HEADER, strlen(HEADER)) == 0,
	    "the header line comes first");
	ok(all_are_there(read_all("out"), true), "each row came once");
	is_int((int64_t)t.taken.offset, (int64_t)t.length,
	    "all rows count as taken");
	(void)is_str(t.said, "", "nothing was said");
	end();
	begin("none", "cat >out");
	ok(finish(), "also without rows");
	(void)is_str(read_all("out"), "", "it got nothing");
	end();
}

static bool
has_taken(const void *unused)
{
	(void)unused;
	return t.taken.offset > 0;
}

/* It reads 300,000 bytes and no more: these may be all in its own memory. */
static void
reads_a_part(void)
{
	begin("part", "head -c 300000 >out; exec sleep 60");
	grow(8000);
	ok(loop_until(worker, has_taken, NULL), "rows count as taken");
	ok(t.taken.offset <= 300000 - LAG && (t.taken.offset - 8) % 50 == 0,
	    "whole ones, and only %u bytes behind: up to %d", LAG,
	    (int)t.taken.offset);
	ok(t.taken.offset >= 30000, "and not much fewer");
	end();
}

/* The first three end in different ways in the middle of the rows. */
/* The last row has arrived. */
static bool
reads_no_more(const void *name)
{
	char last[60];

	(void)snprintf(last, sizeof(last), "d,%046u\r\n", t.rows - 1);
	return strstr(read_all(name), last) != NULL;
}

static void
killed(void)
{
	begin("killed",
	    "n=$(ls | grep -c '^run'); >run$n; case $n in "
	    "0) head -c 400000 >>out; kill -9 $$;; "
	    "1) head -c 100 >>out; echo >>out; exit 3;; "
	    "2) exit 0;; *) cat >>last;; esac");
	grow(8000);
	ok(loop_until(worker, has_file, "run3"),
	    "another one is started each time");
	ok(strstr(t.said, "\": exit status 0") != NULL,
	    "also after one that just ends: %s", t.said + strlen(t.said) - 15);
	ok(t.taken.offset > 0 && t.taken.offset <= 400000 - LAG,
	    "what the first one read long before counts");
	grow(10);
	ok(loop_until(worker, reads_no_more, "last"), "the last one reads all");
	ok(finish() && t.well, "and is well in the end");
	is_int((int64_t)t.taken.offset, (int64_t)t.length,
	    "and all rows count as taken");
	end();
}

/* It goes of its own accord while its input is being closed. */
static void
ends_early(void)
{
	begin("early", "until [ -e go ]; do sleep 0.01; done; exit 0");
	grow(10);
	t.sender->finish(t.sender);
	ok(!t.ended, "its input is closed while rows are in the pipe");
	(void)fclose(fopen(tmpdir_path("early/go"), "w"));
	ok(loop_until(worker, loop_flag, &t.ended), "it ends with status 0");
	is_int((int64_t)t.taken.number, 0, "what it has not read is not taken");
	ok(!t.well && strstr(t.said, "exit status 0") != NULL, "it is said");
	end();
}

static void
nothing_is_lost(void)
{
	/* The first stops in a row; its part is ended by hand. */
	begin("lost",
	    "if [ -e out ]; then exec cat >>out2; fi; "
	    "head -c 300033 >out; exit 1");
	grow(9000);
	ok(loop_until(worker, has_file, "out2"), "a second one is started");
	ok(loop_until(worker, reads_no_more, "out2") && finish(),
	    "reads the rest and ends");
	{
		struct buf both = { 0 };

		buf_str(&both, read_all("out"));
		both.len -= (both.len - 8) % 50; /* the row it cut itself */
		buf_str(&both, read_all("out2"));
		ok(all_are_there(buf_cstr(&both), false),
		    "every row came to one of them whole");
		ok(both.len > t.length, "some came to both");
		buf_fini(&both);
	}
	end();
}

static bool
has_said(const void *part)
{
	return strstr(t.said, part) != NULL;
}

static void
not_to_be_started(void)
{
	begin("start", "exec /no/such/program 2>/dev/null");
	grow(1);
	ok(loop_until(worker, has_said, "exit status"), "it is tried");
	ok(strncmp(t.said, "Error starting \"cd ", 19) == 0 &&
		strstr(t.said, "\": exit status 127") != NULL,
	    "PowerMTA's words: %s", t.said);
	ok(finish(), "one that waits to be started again just ends");
	end();
}

static void
does_not_read(void)
{
	begin("stuck", "exec sleep 60");
	t.conf.write_timeout_us = 1 * US_PER_S;
	grow(10);
	ok(loop_until(worker, has_said, "1s long it has read nothing"),
	    "one that does not read is found out: %s", t.said);
	ok(strncmp(t.said, "Error writing to \"", 18) == 0, "while writing");
	ok(finish(), "and is killed");
	is_int((int64_t)t.taken.number, 0, "nothing was taken");
	end();

	begin("endless", "cat >/dev/null; exec sleep 60");
	t.conf.write_timeout_us = 1 * US_PER_S;
	grow(10);
	ok(finish(), "one that does not end behind its input is killed");
	ok(has_said("1s after its input was closed it had not ended"), "%s",
	    t.said);
	is_int((int64_t)t.taken.number, 0, "nothing was taken");
	end();
}

static void
other_columns(void)
{
	begin("columns", "n=$(ls | grep -c '^out'); cat >out$n");
	grow(2);
	next_file("type,y,z\r\n");
	grow(2);
	next_file("type,y,z\r\n");
	grow(1);
	ok(loop_until(worker, has_file, "out1"),
	    "other columns begin another program");
	ok(finish(), "which ends");
	ok(strncmp(read_all("out0"), HEADER "d,", 10) == 0 &&
		strlen(read_all("out0")) == 108,
	    "the first got the first rows");
	ok(strncmp(read_all("out1"), "type,y,z\r\nd,", 12) == 0 &&
		strlen(read_all("out1")) == 160,
	    "the other one the others, under one header line");
	ok(!has_file("out2"), "there was no third one");
	is_int((int64_t)t.taken.number, 3, "all rows count as taken");
	(void)is_str(t.said, "", "nothing was wrong");
	end();
}

int
main(void)
{
	struct err e;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)tmpdir_make();
	worker = worker_new("test", &e);
	all_is_well();
	reads_a_part();
	killed();
	ends_early();
	nothing_is_lost();
	not_to_be_started();
	does_not_read();
	other_columns();
	worker_free(&worker);
	tmpdir_remove();
	return done_testing();
}
