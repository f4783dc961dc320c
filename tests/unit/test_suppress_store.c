/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store of suppression lists does what a plain table does, whatever comes in
 * whatever order: changes, imports, folds, expiry, a new start.  Readers see it
 * all, each change once it is said to be published, and never less than that.
 */
#include "queue/suppress_store.h"

#include "lib/str.h"
#include "queue/suppress_index.h"
#include "tests/tap.h"
#include "tests/unit/tmpdir.h"

enum { LEN = 20, LIST = 9, VALUES = 400, REASONS = 5 };

static uint64_t state = 88172645463325252ULL;

static unsigned
any(unsigned below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 33) % below;
}

static void
make_digest(unsigned char d[LEN], unsigned value)
{
	memset(d, 0, LEN);
	put_be64(d, (value + 1) * 0x9e3779b97f4a7c15ULL);
	put_be32(d + LEN - 4, value);
}

/* ---- the world ----------------------------------------------------------- */

struct plain {
	bool listed;
	unsigned reason;
	int64_t created_s, expires_s;
};

static struct plain plain[VALUES];
static struct suppress_store *store;
static struct suppress_owned *list;
static int64_t now_us, now_s = 1000;
static struct err e;

static const char *const reasons[REASONS] = { "hard-bounce", "complaint",
	"unsubscribe", "", "by hand" };

static const char *
path(void)
{
	static char p[600];

	(void)snprintf(p, sizeof(p), "%s/dir/news.list", tmpdir);
	return p;
}

static void
must(int rc, const char *what)
{
	if (rc == 0)
		return;
	(void)printf("Bail out! %s: %s\n", what, e.text);
	exit(99);
}

static void
start(void)
{
	must(suppress_store_open(tmpdir_path("dir"), &store, &e), "open");
	suppress_store_fold_at(store, 60);
	suppress_store_expire(store, now_s);
	must(suppress_store_list(store, "News", LIST, LEN, &list, &e), "list");
}

static void
stop(void)
{
	must(suppress_store_close(&store, &e), "close");
}

/* Until nothing is left to be done; a bound, as nothing takes that long. */
static void
work(void)
{
	int64_t next_us = 0;

	for (int n = 0; next_us != SUPPRESS_NOT_YET && n < 1000; n++) {
		must(suppress_store_work(store, now_us, &next_us, &e), "work");
		if (next_us != SUPPRESS_NOT_YET && next_us > now_us)
			now_us = next_us;
	}
	must(next_us == SUPPRESS_NOT_YET ? 0 : -1, "work has no end");
}

static void
work_once(void)
{
	int64_t next_us;

	now_us += 50000;
	must(suppress_store_work(store, now_us, &next_us, &e), "work");
}

static struct suppress_meta
meta_of(const struct plain *p)
{
	return (struct suppress_meta){ .reason = reasons[p->reason],
		.source = p->reason % 2 == 0 ? "api" : "file",
		.created_s = p->created_s,
		.expires_s = p->expires_s };
}

static struct plain
any_plain(void)
{
	return (struct plain){ .listed = true,
		.reason = any(REASONS),
		.created_s = now_s,
		.expires_s = any(3) == 0 ? now_s + 1 + any(40) : 0 };
}

/* ---- comparing ----------------------------------------------------------- */

static bool
is_same(const struct plain *p, const struct suppress_meta *m)
{
	struct suppress_meta want = meta_of(p);

	return strcmp(m->reason, want.reason) == 0 &&
	    strcmp(m->source, want.source) == 0 &&
	    m->created_s == want.created_s && m->expires_s == want.expires_s;
}

static unsigned
plain_count(void)
{
	unsigned count = 0;

	for (unsigned v = 0; v < VALUES; v++)
		count += plain[v].listed ? 1 : 0;
	return count;
}

/* By look-up. */
static unsigned
wrong_finds(void)
{
	unsigned wrong = 0;

	for (unsigned v = 0; v < VALUES; v++) {
		struct suppress_listed f;
		unsigned char d[LEN];

		make_digest(d, v);
		must(suppress_store_find(list, d, &f, &e), "find");
		wrong += f.listed != plain[v].listed ||
			(f.listed && !is_same(&plain[v], &f.meta)) ?
		    1 :
		    0;
	}
	return wrong;
}

/* All of them, once, in order. */
static unsigned
wrong_walk(void)
{
	unsigned char last[LEN] = { 0 };
	struct suppress_entry entry;
	struct suppress_walk *w;
	unsigned wrong = 0, count = 0;

	must(suppress_walk_new(list, &w, &e), "walk");
	for (;;) {
		unsigned v;

		must(suppress_walk_next(w, &entry, &e), "next");
		if (entry.digest == NULL)
			break;
		v = get_be32((const char *)entry.digest + LEN - 4);
		wrong += memcmp(entry.digest, last, LEN) <= 0 ||
			!plain[v].listed || !is_same(&plain[v], &entry.meta) ?
		    1 :
		    0;
		memcpy(last, entry.digest, LEN);
		count++;
	}
	suppress_walk_free(&w);
	return wrong + (count == plain_count() ? 0 : 1);
}

static void
add_up(void *ctx, const char *reason, const char *source, uint64_t entries)
{
	uint64_t *sum = ctx;
	unsigned count = 0;

	for (unsigned v = 0; v < VALUES; v++) {
		struct suppress_meta m = meta_of(&plain[v]);

		count += plain[v].listed && strcmp(m.reason, reason) == 0 &&
			strcmp(m.source, source) == 0 ?
		    1 :
		    0;
	}
	*sum += entries == count ? entries : 1000000;
}

static bool
are_counts_right(void)
{
	struct suppress_stats st;
	uint64_t sum = 0;

	suppress_store_stats(list, &st);
	suppress_store_origins(list, add_up, &sum);
	return st.entries == plain_count() && sum == st.entries;
}

/* What a reader has. */
static unsigned
wrong_view(void)
{
	struct suppress_index *ix;
	struct suppress_view *v;
	unsigned wrong = 0;

	if (access(path(), F_OK) == -1)
		return plain_count();
	must(suppress_index_open(path(), LIST, LEN, &ix, &e), "index");
	v = suppress_index_get(ix);
	for (unsigned i = 0; i < VALUES; i++) {
		unsigned char d[LEN];

		make_digest(d, i);
		wrong += suppress_view_has(v, d) != plain[i].listed ? 1 : 0;
	}
	suppress_view_unref(&v);
	suppress_index_free(&ix);
	return wrong;
}

static bool
is_right(const char *when, unsigned round)
{
	unsigned finds = wrong_finds(), walk = wrong_walk();
	bool counts = are_counts_right();

	if (finds + walk == 0 && counts)
		return true;
	return ok(false, "%s, round %u: %u finds, %u walked, counts %s", when,
	    round, finds, walk, counts ? "right" : "wrong");
}

/* ---- what happens -------------------------------------------------------- */

static void
do_add(void)
{
	unsigned char d[8][LEN];
	struct suppress_entry entries[8];
	uint64_t got, want = 0;
	unsigned count = 1 + any(8);

	for (unsigned i = 0; i < count; i++) {
		unsigned v = any(VALUES);

		want += plain[v].listed ? 0 : 1;
		plain[v] = any_plain();
		make_digest(d[i], v);
		entries[i] = (struct suppress_entry){ d[i],
			meta_of(&plain[v]) };
	}
	must(suppress_store_add(list, entries, count, &got, &e), "add");
	if (got != want)
		ok(false, "%u new, not %u", (unsigned)got, (unsigned)want);
	must(suppress_store_commit(store, &e), "commit");
}

static void
do_remove(void)
{
	unsigned char d[8 * LEN];
	uint64_t got, want = 0;
	unsigned count = 1 + any(8);

	for (unsigned i = 0; i < count; i++) {
		unsigned v = any(VALUES);

		want += plain[v].listed ? 1 : 0;
		plain[v] = (struct plain){ .listed = false };
		make_digest(d + i * LEN, v);
	}
	must(suppress_store_remove(list, (struct suppress_digests){ d, count },
		 &got, &e),
	    "remove");
	if (got != want)
		ok(false, "%u gone, not %u", (unsigned)got, (unsigned)want);
	must(suppress_store_commit(store, &e), "commit");
}

/* One that fails takes those before it with it. */
static void
do_undone(void)
{
	unsigned char d[LEN];
	struct plain p = any_plain();
	struct suppress_entry entry = { d, meta_of(&p) };
	uint64_t n;

	make_digest(d, any(VALUES));
	entry.meta.source = "of a change that is undone";
	must(suppress_store_add(list, &entry, 1, &n, &e), "add");
	must(suppress_store_remove(list, (struct suppress_digests){ d, 1 }, &n,
		 &e),
	    "remove");
	entry.meta.reason = "two\nlines";
	if (suppress_store_add(list, &entry, 1, &n, &e) != -1)
		ok(false, "a reason of two lines is refused");
}

static int done_count;

static void
on_done(void *ctx, const struct err *why)
{
	done_count += ctx == &done_count && why == NULL ? 1 : -1000;
}

/* Changes while it runs hold. */
static void
do_import(void)
{
	const struct suppress_import_conf conf = { .mode = any(2) == 0 ?
		    SUPPRESS_MERGE :
		    SUPPRESS_REPLACE,
		.on_done = on_done,
		.ctx = &done_count };
	static struct plain of_import[VALUES];
	struct plain before[VALUES];
	struct suppress_import *i;
	unsigned count = any(300), done = (unsigned)done_count;

	memset(of_import, 0, sizeof(of_import));
	must(suppress_import_begin(list, &conf, &i, &e), "begin");
	for (unsigned n = 0; n < count; n++) {
		unsigned char d[LEN];
		unsigned v = any(VALUES);
		struct suppress_entry entry = { .digest = d };

		of_import[v] = any_plain();
		make_digest(d, v);
		entry.meta = meta_of(&of_import[v]);
		must(suppress_import_add(i, &entry, &e), "import");
	}
	if (any(4) == 0) {
		suppress_import_abort(&i);
		return;
	}
	/* What is touched meanwhile is told from what it was. */
	memcpy(before, plain, sizeof(before));
	for (unsigned v = 0; v < VALUES; v++)
		plain[v].created_s = -1;
	for (int n = 0; n < 3; n++) {
		do_add();
		do_remove();
		if (any(2) == 0)
			work_once();
	}
	for (unsigned v = 0; v < VALUES; v++) {
		if (plain[v].created_s != -1)
			continue;
		plain[v] = before[v];
		if (of_import[v].listed || conf.mode == SUPPRESS_REPLACE)
			plain[v] = of_import[v];
	}
	suppress_import_commit(&i);
	work();
	is_int(done_count, done + 1, "an import is done");
}

static void
do_expire(void)
{
	now_s += any(20);
	suppress_store_expire(store, now_s);
	for (unsigned v = 0; v < VALUES; v++)
		if (plain[v].expires_s != 0 && plain[v].expires_s <= now_s)
			plain[v].listed = false;
	work();
}

static void
do_start_again(void)
{
	stop();
	start();
}

static const struct {
	unsigned weight;
	void (*act)(void);
} acts[] = {
	{ 30, do_add },
	{ 20, do_remove },
	{ 20, work_once },
	{ 5, work },
	{ 3, do_undone },
	{ 3, do_import },
	{ 3, do_expire },
	{ 2, do_start_again },
};

static void
act(void)
{
	unsigned n = any(86);

	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		if (n < acts[i].weight) {
			acts[i].act();
			return;
		}
		n -= acts[i].weight;
	}
}

static void
test_random(void)
{
	bool good = true;

	start();
	for (unsigned round = 0; round < 400 && good; round++) {
		act();
		good = is_right("as a plain table", round);
		if (!good || round % 20 != 0)
			continue;
		work();
		is_int((int64_t)suppress_store_published(list),
		    (int64_t)suppress_store_mark(list), "all is published");
		good = ok(wrong_view() == 0, "readers see the same, round %u",
		    round);
	}
	ok(good, "400 rounds as a plain table");
	stop();
}

/* Another seed may be given. */
int
main(int argc, char **argv)
{
	(void)tmpdir_make();
	if (argc > 1)
		state ^= strtoull(argv[1], NULL, 10) * 0x9e3779b97f4a7c15ULL;
	test_random();
	tmpdir_remove();
	return done_testing();
}
