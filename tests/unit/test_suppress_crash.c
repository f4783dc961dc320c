/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The owner of suppression lists is killed at any moment of changes, folds and
 * imports.  What it had told to be durable is there, of an import all or
 * nothing, readers have a whole list before anybody has mended anything, and
 * nothing is left in the folder that is of no use.
 *
 *	test_suppress_crash [KILLS [SEED]]
 */
#include <signal.h>
#include <sys/wait.h>

#include "lib/clock.h"
#include "lib/str.h"
#include "queue/suppress_index.h"
#include "queue/suppress_store.h"
#include "tests/tap.h"
#include "tests/unit/tmpdir.h"

enum {
	LEN = 20,
	LIST = 9,
	SINGLES = 150, /* values that are added and removed */
	IMPORTED = 900 /* those behind them: each import has a third of them */
};

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

static const char *
path(void)
{
	static char p[600];

	(void)snprintf(p, sizeof(p), "%s/dir/crash.list", tmpdir);
	return p;
}

/* ---- who is killed ------------------------------------------------------- */

/* What is told before it is begun, and again when it is durable. */
struct note {
	enum { CHANGE, IMPORT } what;
	bool is_done;
	unsigned value; /* of a change */
	unsigned tag;   /* its time; 0: removed; or which import */
};

struct victim {
	struct suppress_store *store;
	struct suppress_owned *list;
	int notes;
	bool is_imported;
	struct err e;
};

static void
must(const struct victim *v, int rc)
{
	if (rc == 0)
		return;
	(void)fprintf(stderr, "# the owner: %s\n", v->e.text);
	_exit(1);
}

static void
tell(const struct victim *v, struct note n)
{
	if (write(v->notes, &n, sizeof(n)) != sizeof(n))
		_exit(1);
}

static void
work(struct victim *v)
{
	int64_t next_us;

	must(v, suppress_store_work(v->store, clock_us(), &next_us, &v->e));
}

static void
change(struct victim *v, unsigned tag)
{
	unsigned char d[LEN];
	struct suppress_entry entry = { d, { "r", "s", tag, 0 } };
	struct note n = { .what = CHANGE,
		.value = any(SINGLES),
		.tag = any(3) == 0 ? 0 : tag };
	uint64_t count;

	make_digest(d, n.value);
	tell(v, n);
	if (n.tag == 0)
		must(v,
		    suppress_store_remove(v->list,
			(struct suppress_digests){ d, 1 }, &count, &v->e));
	else
		must(v, suppress_store_add(v->list, &entry, 1, &count, &v->e));
	must(v, suppress_store_commit(v->store, &v->e));
	n.is_done = true;
	tell(v, n);
}

static void
on_done(void *ctx, const struct err *e)
{
	struct victim *v = ctx;

	v->is_imported = true;
	if (e != NULL)
		v->e = *e;
	must(v, e == NULL ? 0 : -1);
}

/* The singles are in it as they are, since it replaces all. */
static void
import(struct victim *v, unsigned tag)
{
	const struct suppress_import_conf conf = { .mode = SUPPRESS_REPLACE,
		.on_done = on_done,
		.ctx = v };
	struct note n = { .what = IMPORT, .tag = tag };
	struct suppress_import *i;
	struct suppress_listed f;
	unsigned char d[LEN];
	struct suppress_entry entry = { d, { "import", "s", tag, 0 } };

	must(v, suppress_import_begin(v->list, &conf, &i, &v->e));
	for (unsigned value = 0; value < SINGLES + IMPORTED; value++) {
		make_digest(d, value);
		entry.meta.created_s = tag;
		if (value < SINGLES) {
			must(v, suppress_store_find(v->list, d, &f, &v->e));
			entry.meta.created_s = f.meta.created_s;
			if (!f.listed)
				continue;
		} else if (value % 3 != tag % 3) {
			continue;
		}
		must(v, suppress_import_add(i, &entry, &v->e));
	}
	change(v, tag);
	tell(v, n);
	suppress_import_commit(&i);
	v->is_imported = false;
	while (!v->is_imported) {
		work(v);
		if (any(2) == 0 && !v->is_imported)
			change(v, tag);
	}
	n.is_done = true;
	tell(v, n);
}

static void
live(int notes, unsigned tag)
{
	struct victim v = { .notes = notes };

	must(&v, suppress_store_open(tmpdir_path("dir"), &v.store, &v.e));
	suppress_store_fold_at(v.store, 20);
	must(&v,
	    suppress_store_list(v.store, "crash", LIST, LEN, &v.list, &v.e));
	for (unsigned n = 1;; n++) {
		change(&v, ++tag);
		work(&v);
		if (n % 12 == 6)
			import(&v, ++tag);
	}
}

/* ---- what it left -------------------------------------------------------- */

/* What a value may be: as it was told last, or as was begun behind that. */
struct may {
	unsigned tags[2];
	unsigned count;
};

static struct may singles[SINGLES], imports;
static unsigned last_tag, changes_told, imports_told;

static void
take_note(const struct note *n)
{
	struct may *m = n->what == IMPORT ? &imports : &singles[n->value];

	if (n->tag > last_tag)
		last_tag = n->tag;
	if (n->is_done) {
		m->tags[0] = n->tag;
		m->count = 1;
		*(n->what == IMPORT ? &imports_told : &changes_told) += 1;
	} else {
		m->tags[1] = n->tag;
		m->count = 2;
	}
}

static bool
may_be(const struct may *m, unsigned tag)
{
	for (unsigned i = 0; i < m->count; i++)
		if (m->tags[i] == tag)
			return true;
	return false;
}

/* Whole as of one of the imports that may be there. */
static bool
is_view_whole(void)
{
	struct suppress_index *ix;
	struct suppress_view *v;
	unsigned of[3] = { 0 }, wrong = 0;
	unsigned char d[LEN];
	struct err e;

	if (access(path(), F_OK) == -1)
		return may_be(&imports, 0);
	if (suppress_index_open(path(), LIST, LEN, &ix, &e) == -1) {
		(void)printf("# %s\n", e.text);
		return false;
	}
	v = suppress_index_get(ix);
	for (unsigned value = SINGLES; value < SINGLES + IMPORTED; value++) {
		make_digest(d, value);
		of[value % 3] += suppress_view_has(v, d) ? 1 : 0;
	}
	suppress_view_unref(&v);
	suppress_index_free(&ix);
	for (unsigned i = 0; i < 3; i++)
		wrong += of[i] != 0 && of[i] != IMPORTED / 3 ? 1 : 0;
	if (of[0] + of[1] + of[2] == 0)
		return wrong == 0 && may_be(&imports, 0);
	for (unsigned i = 0; i < imports.count; i++)
		if (imports.tags[i] != 0 &&
		    of[imports.tags[i] % 3] == IMPORTED / 3)
			return wrong == 0 &&
			    of[0] + of[1] + of[2] == IMPORTED / 3;
	return false;
}

static unsigned
wrong_singles(struct suppress_owned *l)
{
	unsigned wrong = 0;

	for (unsigned value = 0; value < SINGLES; value++) {
		struct may *m = &singles[value];
		struct suppress_listed f;
		unsigned char d[LEN];
		unsigned tag;
		struct err e;

		make_digest(d, value);
		if (suppress_store_find(l, d, &f, &e) == -1)
			return SINGLES;
		tag = f.listed ? (unsigned)f.meta.created_s : 0;
		wrong += may_be(m, tag) ? 0 : 1;
		*m = (struct may){ { tag }, 1 };
	}
	return wrong;
}

/* Which import all of it is of; ~0: it is of none that may be there. */
static unsigned
import_of(struct suppress_owned *l)
{
	unsigned tag = 0, count = 0;
	struct suppress_entry entry;
	struct suppress_walk *w;
	struct err e;
	bool good = suppress_walk_new(l, &w, &e) == 0;

	while (good && suppress_walk_next(w, &entry, &e) == 0 &&
	    entry.digest != NULL) {
		unsigned value = get_be32((const char *)entry.digest + LEN - 4);

		if (value < SINGLES)
			continue;
		if (count++ == 0)
			tag = (unsigned)entry.meta.created_s;
		good = entry.meta.created_s == tag && value % 3 == tag % 3;
	}
	suppress_walk_free(&w);
	return good && (tag == 0 || count == IMPORTED / 3) ? tag : ~0U;
}

/* What readers have of the singles is what was found; after an opening. */
static unsigned
wrong_views(void)
{
	struct suppress_index *ix;
	struct suppress_view *v;
	unsigned wrong = 0;
	unsigned char d[LEN];
	struct err e;

	if (access(path(), F_OK) == -1)
		return 0;
	if (suppress_index_open(path(), LIST, LEN, &ix, &e) == -1)
		return SINGLES;
	v = suppress_index_get(ix);
	for (unsigned value = 0; value < SINGLES; value++) {
		make_digest(d, value);
		wrong += suppress_view_has(v, d) !=
			(singles[value].tags[0] != 0) ?
		    1 :
		    0;
	}
	suppress_view_unref(&v);
	suppress_index_free(&ix);
	return wrong;
}

/* Base, columns, expiry, perhaps a delta; db, LOCK. */
static bool
is_clean(void)
{
	int count = tmpdir_count("dir");
	bool has_list = access(path(), F_OK) == 0;

	return has_list ? count == 5 || count == 6 : count == 2;
}

static bool
look(unsigned kill_number)
{
	struct suppress_store *s;
	struct suppress_owned *l;
	unsigned wrong, tag;
	int64_t next_us;
	bool whole = is_view_whole(), clean;
	struct err e;

	if (suppress_store_open(tmpdir_path("dir"), &s, &e) == -1 ||
	    suppress_store_list(s, "crash", LIST, LEN, &l, &e) == -1)
		return ok(false, "kill %u: %s", kill_number, e.text);
	if (suppress_store_fault(l) != NULL)
		return ok(false, "kill %u: %s", kill_number,
		    suppress_store_fault(l));
	clean = is_clean();
	wrong = wrong_singles(l);
	tag = import_of(l);
	if (suppress_store_work(s, clock_us(), &next_us, &e) == -1)
		return ok(false, "kill %u: %s", kill_number, e.text);
	wrong += wrong_views();
	if (!ok(whole && clean && wrong == 0 && may_be(&imports, tag),
		"kill %u: %u changes lost or made up, an import %s, readers "
		"had %s, the folder is %s",
		kill_number, wrong, may_be(&imports, tag) ? "whole" : "in part",
		whole ? "a whole list" : "a part",
		clean ? "clean" : "not clean"))
		return false;
	imports = (struct may){ { tag }, 1 };
	return suppress_store_close(&s, &e) == 0;
}

static void
kill_one(void)
{
	struct note n;
	int fd[2], status;
	pid_t pid;

	if (pipe(fd) == -1 || (pid = fork()) == -1)
		exit(99);
	if (pid == 0) {
		(void)close(fd[0]);
		live(fd[1], last_tag);
		_exit(0);
	}
	(void)close(fd[1]);
	/* Mostly it is at work by then, however slow it opens. */
	if (any(5) != 0 && read(fd[0], &n, sizeof(n)) == sizeof(n))
		take_note(&n);
	(void)usleep(any(120000));
	(void)kill(pid, SIGKILL);
	while (read(fd[0], &n, sizeof(n)) == sizeof(n))
		take_note(&n);
	(void)close(fd[0]);
	if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status))
		ok(false, "it lived until it was killed");
}

int
main(int argc, char **argv)
{
	unsigned kills = argc > 1 ? (unsigned)atoi(argv[1]) : 20;
	bool good = true;

	if (argc > 2)
		state ^= strtoull(argv[2], NULL, 10) * 0x9e3779b97f4a7c15ULL;
	(void)tmpdir_make();
	for (unsigned value = 0; value < SINGLES; value++)
		singles[value].count = 1;
	imports.count = 1;
	for (unsigned n = 1;
	     good && (n <= kills || (imports_told < 3 && n <= 10 * kills));
	     n++) {
		kill_one();
		good = look(n);
	}
	ok(good && changes_told > kills && imports_told > 0,
	    "%u changes and %u imports were told to be durable", changes_told,
	    imports_told);
	tmpdir_remove();
	return done_testing();
}
