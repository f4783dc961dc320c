/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A spool that was dumped and loaded is the same spool; a stream that is cut
 * or changed anywhere is refused, and nothing is left of it.
 */
#include "queue/dump.h"
#include "queue/dump_files.h"
#include "queue/dump_stream.h"
#include "queue/lock.h"
#include "tests/tap.h"
#include "tests/unit/spool.h"

enum { MESSAGES = 50 };

static uint64_t ids[MESSAGES];

static void
nothing(void *ctx, uint64_t messages)
{
	(void)ctx;
	(void)messages;
}

/* What accounting has beside the database, and what is none of its files. */
static const struct {
	const char *name, *text;
	bool dumped;
} files[] = {
	{ "acct-state", "how far it is", true },
	{ "acct/0123456789abcdef/00000001.csv", "type,rcpt\r\nd,a\r\n", true },
	{ "acct/0123456789abcdef/123456789012.json", "", true },
	{ "acct/0123456789abcdef/name", "|cmd\n", true },
	{ "acct/0123456789abcdef/00000001.txt", "x", false },
	{ "acct/0123456789abcdef/unused", "x", false },
	{ "acct/fedcba9876543210/00000002.csv", "type\r\n", true },
	{ "acct/ABCDEF0123456789/00000001.csv", "x", false },
};

static void
write_files(void)
{
	bool good = true;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct slice text = slice_of(files[i].text);
		char dir[600];
		struct err e;

		(void)snprintf(dir, sizeof(dir), "%s", tmpdir_path("spool"));
		good = good &&
		    dump_files_make(dir, slice_of(files[i].name), text, &e) ==
			0;
	}
	ok(good, "and files beside the database");
}

/* Those that belong to accounting, and only those, are there again. */
static void
check_files(const char *dir)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char name[200], text[100] = "";
		FILE *f;

		(void)snprintf(name, sizeof(name), "%s/%s", dir, files[i].name);
		f = fopen(tmpdir_path(name), "r");
		if (f != NULL) {
			text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
			(void)fclose(f);
		}
		ok((f != NULL) == files[i].dumped &&
			(f == NULL || strcmp(text, files[i].text) == 0),
		    "%s", files[i].name);
		ok(dump_files_knows(slice_of(files[i].name)) == files[i].dumped,
		    "its name is known, or not");
	}
}

/* Names that a dump must not make files of. */
static void
test_file_names(void)
{
	static const struct slice bad[] = { SLICE_LIT(""), SLICE_LIT("acct"),
		SLICE_LIT("acct/"), SLICE_LIT("acct-state2"), SLICE_LIT("LOCK"),
		SLICE_LIT("db/ledger.db"), SLICE_LIT("../acct-state"),
		SLICE_LIT("acct/0123456789abcdef"),
		SLICE_LIT("acct/0123456789abcdef/"),
		SLICE_LIT("acct/0123456789abcdef/.."),
		SLICE_LIT("acct/0123456789abcdef/0000001.csv"),
		SLICE_LIT("acct/0123456789abcdef/00000001"),
		SLICE_LIT("acct/0123456789abcdef/00000001.csv/x"),
		SLICE_LIT("acct/0123456789abcdef/name\0x"),
		SLICE_LIT("acct/../0123456789ab/name"),
		SLICE_LIT("acct/0123456789abcde/name"),
		SLICE_LIT("acct/0123456789abcdef0/name") };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(!dump_files_knows(bad[i]), "no file of a dump: %.*s",
		    (int)bad[i].len, bad[i].p);
}

/* Some fresh, some deferred, some ended, one record not written, one pause. */
static void
fill(void)
{
	struct store_accept a = { 0 };
	bool good = true;

	spool_open();
	(void)spool_load();
	for (uint32_t i = 0; i < MESSAGES; i++) {
		ids[i] = spool_accept(&a, 3, i * 400);
		good = good && ids[i] != 0;
		if (i % 3 == 0)
			good = good &&
			    spool_settle_one(ids[i], 1, VERDICT_RETRY, "");
		if (i % 3 == 1)
			good = good &&
			    spool_settle_one(ids[i], 0, VERDICT_FAILED, "f");
	}
	ok(good, "a spool with all kinds of recipients");
	store_close(&spool.store);
	write_files();
}

static int
dump_it(struct err *e)
{
	FILE *f = fopen(tmpdir_path("dump"), "w");
	struct dump_sums sums;
	struct offline sp;
	int rc = offline_open(tmpdir_path("spool"), false, &sp, e);

	if (rc == 0)
		rc = dump(&sp, f, nothing, NULL, &sums, e);
	if (rc == 0 &&
	    (sums.messages != MESSAGES || sums.recipients != 3 * MESSAGES - 17))
		rc = err_set(e, "%d messages, %d recipients",
		    (int)sums.messages, (int)sums.recipients);
	offline_close(&sp);
	(void)fclose(f);
	return rc;
}

/* dir NULL: nothing is made. */
static int
load_it(const char *dump_name, const char *dir, struct err *e)
{
	FILE *f = fopen(tmpdir_path(dump_name), "r");
	char path[600];
	struct dump_sums sums;
	int rc;

	if (dir != NULL)
		(void)snprintf(path, sizeof(path), "%s", tmpdir_path(dir));
	rc = dump_load(dir == NULL ? NULL : path, f, nothing, NULL, &sums, e);
	(void)fclose(f);
	return rc;
}

static void
rename_in_tmpdir(const char *from, const char *to)
{
	char path[600];

	(void)snprintf(path, sizeof(path), "%s", tmpdir_path(from));
	if (rename(path, tmpdir_path(to)) == -1)
		abort();
}

/* What a daemon finds in it. */
static void
describe(struct buf *out)
{
	struct store_audit a;
	struct segment_reader *r;

	spool_open();
	(void)spool_load();
	a = spool_audit();
	r = segment_reader_new(tmpdir_path("spool"));
	buf_printf(out, "%d %d %d queued %d doubts %d outbox %.*s at %d\n",
	    (int)a.ledger.accepted, (int)a.ledger.delivered,
	    (int)a.ledger.failed, (int)a.queued, (int)a.doubt_count,
	    (int)spool.outbox_len, spool.outbox, (int)spool.outbox_seq);
	for (size_t i = 0; i < spool.recovered_count; i++) {
		const struct spool_rcpt *rc = &spool.recovered[i];

		buf_printf(out, "%llx:%u %u %d s%u\n",
		    (unsigned long long)rc->id, rc->n, rc->attempts,
		    (int)rc->due_wall_us, spool_read(r, rc->id, &rc->loc));
	}
	segment_reader_free(&r);
	store_audit_fini(&a);
	store_close(&spool.store);
}

static void
test_round_trip(void)
{
	struct buf before = { 0 }, after = { 0 };
	struct err e;

	ok(dump_it(&e) == 0, "it is dumped");
	ok(load_it("dump", NULL, &e) == 0, "and could be loaded");
	ok(load_it("dump", "spool", &e) == -1 &&
		strstr(e.text, "is not empty") != NULL,
	    "not over a spool: %s", e.text);
	describe(&before);
	rename_in_tmpdir("spool", "first");
	ok(load_it("dump", "spool", &e) == 0, "it is loaded");
	e.text[0] = '\0';
	ok(load_it("dump", "slash/", &e) == 0 &&
		tmpdir_file_size("slash/db") != -1,
	    "also where a slash ends the name %s", e.text);
	check_files("spool");
	describe(&after);
	is_str(buf_cstr(&after), buf_cstr(&before), "and is the same");
	ok(strstr(buf_cstr(&after), " s0\n") == NULL,
	    "each message can be read");
	ok(before.len > 1000, "there was something to compare");
	buf_fini(&before);
	buf_fini(&after);
}

static void
test_loaded_is_clean(void)
{
	struct lock *lock;
	struct err e;

	rename_in_tmpdir("spool", "second");
	ok(load_it("dump", "spool", &e) == 0, "loaded once more");
	if (lock_take(tmpdir_path("spool"), &lock, &e) == -1)
		abort();
	ok(lock_was_ended_well(lock), "it needs no recovery");
	lock_end_well(lock);
	lock_free(&lock);
}

static void
copy_part(const char *to, long len)
{
	FILE *in = fopen(tmpdir_path("dump"), "r"), *out;
	char piece[4096];
	size_t n = sizeof(piece);

	out = fopen(tmpdir_path(to), "w");
	for (; len > 0 && n == sizeof(piece); len -= (long)n) {
		n = fread(piece, 1, sizeof(piece), in);
		if ((long)n > len)
			n = (size_t)len;
		(void)fwrite(piece, 1, n, out);
	}
	(void)fclose(in);
	(void)fclose(out);
}

/* Every byte counts: any cut and any flip is seen. */
static void
test_damage(void)
{
	long at, size = tmpdir_file_size("dump");
	int cuts = 0, flips = 0, tried = 0;
	struct err e;

	copy_part("part", size);
	for (at = 0; at < size; at += 97) {
		tried++;
		tmpdir_damage("part", at);
		flips += load_it("part", NULL, &e) == -1 ? 1 : 0;
		tmpdir_damage("part", at); /* back again */
	}
	while ((at -= 97) >= 0) { /* shorter and shorter */
		if (truncate(tmpdir_path("part"), at) == -1)
			abort();
		cuts += load_it("part", NULL, &e) == -1 ? 1 : 0;
	}
	ok(tried > 100, "%d places", tried);
	is_int(cuts, tried, "each cut is seen");
	is_int(flips, tried, "each flip is seen");
	copy_part("part", size - 5);
	ok(load_it("part", "none", &e) == -1, "a stream without its end: %s",
	    e.text);
	is_int(tmpdir_file_size("none"), -1, "makes no spool");
	is_int(tmpdir_file_size("none.loading"), -1, "and leaves nothing");
}

/* ---- frames that are whole and wrong ------------------------------------- */

enum wrong { KEY, TWICE, LAST };

static const struct {
	const char *label;
	char type; /* the first frame of it is changed */
	enum wrong wrong;
	size_t at; /* KEY: from there on it is changed */
	const char *key, *said;
} wrongs[] = {
	{ "a ledger under another key", 'L', KEY, 0, "Ledger", "another name" },
	{ "two ledgers", 'L', TWICE, 0, "", "not in its place" },
	{ "no ledger first", 'L', LAST, 0, "", "the ledger is not first" },
	{ "a message twice", 'M', TWICE, 0, "", "not in its place" },
	{ "a message after its states", 'M', LAST, 0, "",
	    "a recipient of no message" },
	{ "a message whose id will be given again", 'M', KEY, 0, "\x7f",
	    "a message that the ledger does not know" },
	{ "a state twice", 'S', TWICE, 0, "", "not in its place" },
	{ "a state of no message", 'S', KEY, 0, "\x7f",
	    "a recipient of no message" },
	{ "a state of no recipient", 'S', KEY, 8, "\x01",
	    "a recipient of no message" },
	{ "a record whose number will be given again", 'O', KEY, 0, "\x7f",
	    "a record that the ledger does not know" },
	{ "a file that accounting has not", 'F', KEY, 0, "X",
	    "a file that no spool has" },
	{ "a file twice", 'F', TWICE, 0, "", "not in its place" },
	{ "an unknown type", 'S', KEY, 0, NULL, "unknown type" },
};

static void
write_or_abort(FILE *out, const struct dump_frame *f, uint64_t *frames)
{
	if (dump_write(out, f, &(struct err){ "" }) == -1)
		abort();
	++*frames;
}

/* Its checksums fit, that of the row too. */
static void
write_wrong(FILE *out, const struct dump_frame *f, size_t i, uint64_t *frames)
{
	char key[32], *data = mem_dup(f->data.p, f->data.len);
	struct dump_frame w = { f->type, bytes(key, f->key.len),
		bytes(data, f->data.len) };

	memcpy(key, f->key.p, f->key.len);
	if (wrongs[i].key == NULL)
		w.type = '?';
	else
		memcpy(key + wrongs[i].at, wrongs[i].key,
		    strlen(wrongs[i].key));
	if (w.type != RECORD_MESSAGE && w.type != DUMP_FILE)
		record_seal((enum record_tag)data[1], w.key, data, w.data.len);
	write_or_abort(out, &w, frames);
	free(data);
}

/* The dump with one frame changed. */
static void
write_part(size_t i)
{
	FILE *in = fopen(tmpdir_path("dump"), "r"), *out;
	struct dump_frame f, late = { 0 };
	struct dump_reader r;
	struct err e;
	bool done = false;
	uint64_t frames = 0;
	char count[8], key[32], *data = NULL;

	out = fopen(tmpdir_path("part"), "w");
	if (dump_reader_init(&r, in, &e) == -1 || dump_begin(out, &e) == -1)
		abort();
	while (dump_read(&r, &f, &e) == 1) {
		bool it = !done && f.type == wrongs[i].type;

		done = done || it;
		if (it && wrongs[i].wrong == LAST) {
			data = mem_dup(f.data.p, f.data.len);
			memcpy(key, f.key.p, f.key.len);
			late = (struct dump_frame){ f.type,
				bytes(key, f.key.len),
				bytes(data, f.data.len) };
			continue;
		}
		if (it && wrongs[i].wrong == KEY)
			write_wrong(out, &f, i, &frames);
		else
			write_or_abort(out, &f, &frames);
		if (it && wrongs[i].wrong == TWICE)
			write_or_abort(out, &f, &frames);
	}
	if (data != NULL)
		write_or_abort(out, &late, &frames);
	free(data);
	put_be64(count, frames);
	f = (struct dump_frame){ DUMP_END, bytes(NULL, 0), bytes(count, 8) };
	write_or_abort(out, &f, &frames);
	dump_reader_fini(&r);
	(void)fclose(in);
	(void)fclose(out);
}

static void
test_wrong_frames(void)
{
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		struct err e = { .text = "" };

		write_part(i);
		ok(load_it("part", NULL, &e) == -1 &&
			strstr(e.text, wrongs[i].said) != NULL,
		    "%s: %s", wrongs[i].label, e.text);
	}
}

/* With another the daemon would not start. */
static void
test_names(void)
{
	static const size_t lengths[] = { 0, 1, KEY_POLICY_MAX,
		KEY_POLICY_MAX + 1 };
	char name[KEY_POLICY_MAX + 1], rec[RECORD_HEAD] = { 0 };

	memset(name, 'n', sizeof(name));
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct slice key = { name, lengths[i] };
		struct err e = { .text = "good" };

		record_seal(RECORD_POLICY, key, rec, sizeof(rec));
		ok(offline_check_row(TABLE_POLICY, key, bytes(rec, sizeof(rec)),
		       &e) == (i == 1 || i == 2 ? 0 : -1),
		    "a name of %zu: %s", key.len, e.text);
	}
}

static void
test_more(void)
{
	FILE *f;
	struct err e;

	copy_part("part", tmpdir_file_size("dump"));
	f = fopen(tmpdir_path("part"), "a");
	(void)fputc('x', f);
	(void)fclose(f);
	ok(load_it("part", NULL, &e) == -1, "a byte behind its end: %s",
	    e.text);
	f = fopen(tmpdir_path("part"), "w");
	(void)fputs("host-name a.example\n", f);
	(void)fclose(f);
	ok(load_it("part", NULL, &e) == -1, "another file: %s", e.text);
}

static void
test_refusals(void)
{
	struct offline sp;
	struct lock *lock;
	struct err e;

	ok(offline_open(tmpdir_path("none"), false, &sp, &e) == -1 &&
		strstr(e.text, "is not a spool") != NULL,
	    "%s", e.text);
	offline_close(&sp);
	if (lock_take(tmpdir_path("spool"), &lock, &e) == -1)
		abort();
	ok(offline_open(tmpdir_path("spool"), true, &sp, &e) == -1 &&
		strstr(e.text, "in use by process") != NULL,
	    "%s", e.text);
	offline_close(&sp);
	lock_free(&lock); /* without lock_end_well(): as after a crash */
	ok(offline_open(tmpdir_path("spool"), false, &sp, &e) == -1 &&
		strstr(e.text, "--recover") != NULL,
	    "%s", e.text);
	offline_close(&sp);
	ok(offline_open(tmpdir_path("spool"), true, &sp, &e) == 0,
	    "with --recover it is opened");
	offline_close(&sp);
	ok(offline_open(tmpdir_path("spool"), false, &sp, &e) == 0,
	    "and is well then");
	offline_close(&sp);
}

int
main(void)
{
	(void)tmpdir_make();
	spool.segment_size = 100000; /* several of them */
	fill();
	test_round_trip();
	test_loaded_is_clean();
	test_damage();
	test_wrong_frames();
	test_names();
	test_file_names();
	test_more();
	test_refusals();
	tmpdir_remove();
	return done_testing();
}
