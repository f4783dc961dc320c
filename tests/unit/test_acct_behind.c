/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An acct-file that cannot be written holds up no other and costs no memory; it
 * gets all that it missed when it can, or the count of what it did not.
 */
#include "tests/unit/acct_faults.h"
#include "tests/unit/acct_life.h"

enum { BLOB_ROWS = 100, BLOBS = 1000, WINDOW = 4 << 20 };

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
static const bool is_sanitized = true;
#else
static const bool is_sanitized = false;
#endif

static char full[300], well[300];

static void
write_config(const char *name, bool with_full)
{
	FILE *f = fopen(tmpdir_path(name), "w");

	(void)fprintf(f,
	    "spool %s\n<acct-file %s>\n records d,b\n</acct-file>\n", tmpdir,
	    well);
	if (with_full)
		(void)fprintf(f,
		    "<acct-file %s>\n records d,b\n max-buffer-size 16M\n"
		    "</acct-file>\n",
		    full);
	(void)fclose(f);
}

static size_t
resident(void)
{
	unsigned long size = 0, pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f != NULL && fscanf(f, "%lu %lu", &size, &pages) != 2)
		pages = 0;
	if (f != NULL)
		(void)fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static size_t
away(void)
{
	size_t bytes;

	(void)pthread_mutex_lock(&life.lock);
	bytes = life.away;
	(void)pthread_mutex_unlock(&life.lock);
	return bytes;
}

/* As the outbox does: no more than its window at a time. */
static void
feed_made(void)
{
	while (life.shared->next < life.made) {
		life_feed_made();
		while (away() > WINDOW)
			(void)usleep(100);
	}
}

static void
make(unsigned blobs)
{
	for (unsigned i = 0; i < blobs; i++)
		life_make(i % 2 == 0 ? ACCT_D : ACCT_B,
		    "somebody@somewhere.example.net", BLOB_ROWS);
}

static uint64_t
rows(const struct acct_facts *f)
{
	return f == NULL ? 0 : f->rows[ACCT_D] + f->rows[ACCT_B];
}

/* Lines of all its files, but the headers. */
static uint64_t
lines(const char *stem)
{
	static char list[LIFE_FILES][64];
	size_t n = life_list(".", stem, list), len = 0;
	uint64_t count = 0;
	char *line = NULL;

	for (size_t i = 0; i < n; i++) {
		FILE *f = fopen(life_path(list[i]), "r");

		while (getline(&line, &len, f) > 0)
			count += strncmp(line, "type,", 5) != 0;
		(void)fclose(f);
	}
	free(line);
	return count;
}

static void
test_full(void)
{
	const struct acct_facts *f;
	size_t before, after;

	make(BLOBS);
	fault_full = "/full-";
	(void)life_begin("both");
	before = resident();
	feed_made();
	f = life_ask(well, NULL);
	after = resident();
	is_int((int64_t)rows(f), BLOBS * BLOB_ROWS, "the other has all rows");
	ok(f->error == NULL && f->complete && f->agrees,
	    "as the ledger says, without an error");
	f = life_ask(full, NULL);
	is_int((int64_t)f->behind_rows, BLOBS * BLOB_ROWS, "this one has none");
	ok(f->error != NULL && !f->complete, "and says why: %s", f->error);
	ok(is_sanitized || after < before + (20 << 20),
	    "memory grew by %zu KB%s",
	    after < before ? 0 : (after - before) / 1024,
	    is_sanitized ? " # SKIP a sanitizer needs memory of its own" : "");
	is_int((int64_t)life.shared->done, 0, "the outbox keeps them");
	ok(life.rewinds < 10, "it was asked for %u times", life.rewinds);
	life_end();

	(void)life_begin("both");
	fault_full = NULL;
	acct_reload(life.a, life.conf);
	ok(life_settle(full), "in the next life there is room");
	f = life_ask(full, NULL);
	ok(rows(f) == BLOBS * BLOB_ROWS && lines("full-") == rows(f) &&
		f->dropped == 0,
	    "all rows come, each once");
	ok(f->complete && f->agrees, "as the ledger says");
	is_int((int64_t)lines("well-"), BLOBS * BLOB_ROWS,
	    "the other got none of them again");
	ok(life.shared->done == life.shared->next, "the outbox is empty");
}

static void
test_drop(void)
{
	const struct acct_facts *f;
	uint64_t before = rows(life_ask(full, NULL));

	fault_full = "/full-";
	for (unsigned i = 0; i < 4; i++) {
		make(BLOBS);
		feed_made();
	}
	f = life_ask(full, NULL);
	ok(f->dropped > 0 && f->waiting_bytes <= 16 << 20,
	    "what is above max-buffer-size is dropped");
	is_int((int64_t)(f->dropped + f->behind_rows), 4 * BLOBS * BLOB_ROWS,
	    "dropped and kept make all");
	fault_full = NULL;
	acct_reload(life.a, life.conf);
	ok(life_settle(full), "there is room again");
	f = life_ask(full, NULL);
	is_int((int64_t)(rows(f) - before + f->dropped), 4 * BLOBS * BLOB_ROWS,
	    "dropped and written make all");
	ok(lines("full-") == rows(f), "each once");
	ok(!f->complete, "the ledger knows more than the file");
	f = life_ask(well, NULL);
	ok(f->complete && f->agrees && f->dropped == 0, "not than the other");
}

/* Rows are in the files, but nothing is done before that is known. */
static void
test_state(void)
{
	uint64_t done = life.shared->done;
	const struct acct_facts *f;

	fault_bad = "/acct-state";
	make(2);
	feed_made();
	f = life_ask(well, NULL);
	ok(f->error == NULL, "rows are written while the state cannot be kept");
	is_int((int64_t)life.shared->done, (int64_t)done,
	    "the outbox keeps them");
	f = life_ask(well, well);
	is_int((int64_t)life.ask.failed, 1, "no new file gets rows meanwhile");
	fault_bad = NULL;
	acct_reload(life.a, life.conf);
	ok(life_settle(well), "then all is done");
	is_int((int64_t)lines("well-"), (int64_t)rows(life_ask(well, NULL)),
	    "each once");
}

static void
test_left(void)
{
	struct snapshot *one = life_conf("one");
	uint64_t all = rows(life_ask(full, NULL));

	fault_bad = "/full-";
	make(1);
	feed_made();
	(void)life_ask(full, NULL);
	acct_reload(life.a, one);
	ok(life_ask(full, NULL) != NULL,
	    "one that left the configuration still has to be written");
	make(1);
	feed_made();
	fault_bad = NULL;
	acct_reload(life.a, one);
	for (int i = 0; i < 1000 && life_ask(full, NULL) != NULL; i++)
		(void)usleep(10000);
	ok(life_ask(full, NULL) == NULL, "then it is gone");
	is_int((int64_t)lines("full-"), (int64_t)all + BLOB_ROWS,
	    "with what came before, and not what came after");
	ok(life_settle(well), "nothing waits for it");
	acct_reload(life.a, life.conf);
	make(1);
	feed_made();
	ok(life_settle(full), "it comes back");
	is_int((int64_t)lines("full-"), (int64_t)all + 2 * BLOB_ROWS,
	    "and gets what comes from now on");
	life_end();
	snapshot_unref(&one);
}

int
main(void)
{
	life_init();
	(void)snprintf(full, sizeof(full), "%s/full.csv", tmpdir);
	(void)snprintf(well, sizeof(well), "%s/well.csv", tmpdir);
	write_config("both", true);
	write_config("one", false);
	test_full();
	test_drop();
	test_state();
	test_left();
	life_forget();
	return done_testing();
}
