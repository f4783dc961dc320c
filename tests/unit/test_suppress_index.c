/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reader sees what was published, base and delta, without a restart; a view
 * that is held stays as it was; and a file that is cut off or damaged anywhere
 * is an error with its name, never an answer.
 */
#include "queue/suppress_index.h"

#include "lib/mem.h"
#include "queue/suppress_build.h"
#include "queue/suppress_file.h"
#include "tests/tap.h"
#include "tests/unit/tmpdir.h"

enum { LEN = 20, LIST = 7, VALUES = 2000 };

static char base_path[500];

static void
make_digest(unsigned char d[LEN], unsigned value)
{
	memset(d, 0, LEN);
	put_be64(d, (value + 1) * 0x9e3779b97f4a7c15ULL);
	put_be32(d + LEN - 4, value);
}

static struct suppress_build_conf
conf_of(uint64_t list, uint64_t generation)
{
	return (struct suppress_build_conf){ .list = list,
		.generation = generation,
		.digest_len = LEN,
		.memory = 8000 };
}

/* The values from first on, each step-th. */
static void
publish_base(uint64_t list, uint64_t generation, unsigned first, unsigned step)
{
	const struct suppress_build_conf conf = conf_of(list, generation);
	struct suppress_build *b;
	unsigned char d[LEN];
	struct err e;
	int rc = suppress_build_new(base_path, &conf, &b, &e);

	for (unsigned v = first; v < VALUES && rc == 0; v += step) {
		make_digest(d, v);
		rc = suppress_build_add(b, d, &e);
	}
	if (rc == -1 || suppress_build_publish(b, &e) == -1)
		exit(99);
	suppress_build_free(&b);
}

struct change {
	unsigned char p[8 * LEN];
	size_t count;
};

static struct change
change_of(const unsigned *values, size_t count)
{
	struct change c = { .count = count };

	for (size_t i = 0; i < count; i++)
		make_digest(c.p + i * LEN, values[i]);
	return c;
}

static void
publish_delta(uint64_t generation, uint64_t base, const struct change *listed,
    const struct change *removed)
{
	const struct suppress_build_conf conf = conf_of(LIST, generation);
	struct err e;

	if (suppress_build_delta(base_path, &conf, base,
		(struct suppress_digests){ listed->p, listed->count },
		(struct suppress_digests){ removed->p, removed->count },
		&e) == -1)
		exit(99);
}

static bool
has(const struct suppress_view *v, unsigned value)
{
	unsigned char d[LEN];

	make_digest(d, value);
	return suppress_view_has(v, d);
}

/* Those from first on, each step-th, and no others. */
static bool
has_only(const struct suppress_view *v, unsigned first, unsigned step)
{
	for (unsigned i = 0; i < VALUES; i++)
		if (has(v, i) != (i >= first && (i - first) % step == 0))
			return false;
	return true;
}

static bool
follow(struct suppress_index *ix)
{
	bool changed;
	struct err e;

	return suppress_index_follow(ix, &changed, &e) == 0 && changed;
}

/* ---- following ----------------------------------------------------------- */

static void
test_delta(struct suppress_index *ix)
{
	const struct change none = { .count = 0 },
			    listed = change_of((unsigned[]){ 9, 3, 9, 5 }, 4),
			    removed = change_of((unsigned[]){ 4, 2, 5, 7 }, 4);
	struct suppress_view *v;

	publish_delta(11, 10, &listed, &removed);
	ok(follow(ix), "a delta is seen");
	v = suppress_index_get(ix);
	ok(suppress_view_generation(v) == 10 && suppress_view_delta(v) == 11,
	    "of the same base");
	ok(has(v, 9) && has(v, 3), "added");
	ok(!has(v, 2) && !has(v, 4), "removed");
	ok(has(v, 5), "in both: listed");
	ok(has(v, 0) && has(v, 6) && !has(v, 1) && !has(v, 7),
	    "others: as before");
	suppress_view_unref(&v);
	publish_delta(12, 10, &none, &none);
	ok(follow(ix), "the next delta is seen");
	v = suppress_index_get(ix);
	ok(has_only(v, 0, 2), "nothing changed: the base alone");
	suppress_view_unref(&v);
	publish_delta(13, 10, &listed, &removed);
	ok(follow(ix), "and the next");
}

static void
test_follow(void)
{
	const struct change none = { .count = 0 },
			    listed = change_of((unsigned[]){ 2 }, 1);
	struct suppress_index *ix;
	struct suppress_view *old, *v;
	bool changed = true;
	struct err e;

	publish_base(LIST, 10, 0, 2);
	if (!ok(suppress_index_open(base_path, LIST, LEN, &ix, &e) == 0,
		"opened"))
		return;
	old = suppress_index_get(ix);
	ok(has_only(old, 0, 2), "the base");
	ok(suppress_view_generation(old) == 10 && suppress_view_delta(old) == 0,
	    "its generation, no delta");
	ok(suppress_index_follow(ix, &changed, &e) == 0 && !changed,
	    "nothing new");
	test_delta(ix);

	publish_delta(19, 20, &listed, &none);
	ok(!follow(ix), "a delta that comes before its base is not looked at");
	publish_base(LIST, 20, 1, 3);
	ok(follow(ix), "a new base is seen");
	v = suppress_index_get(ix);
	ok(suppress_view_generation(v) == 20 && suppress_view_delta(v) == 19,
	    "with its delta at once");
	ok(has(v, 2) && !has(v, 0), "and what is in it");
	suppress_view_unref(&v);
	publish_base(LIST, 21, 1, 3);
	ok(follow(ix), "a base without a delta is seen");
	v = suppress_index_get(ix);
	ok(has_only(v, 1, 3), "the delta of the old one does not count");
	ok(suppress_view_generation(v) == 21 && suppress_view_delta(v) == 0,
	    "its generation");
	ok(has_only(old, 0, 2), "the view that was held is as it was");
	suppress_view_unref(&v);
	suppress_index_free(&ix);
	ok(has_only(old, 0, 2), "also behind the end of the index");
	suppress_view_unref(&old);
}

/* A file that is not of this list: what was seen stays. */
static void
test_wrong_pair(void)
{
	const struct change none = { .count = 0 };
	struct suppress_index *ix;
	struct suppress_view *v;
	char delta_22[600];
	bool changed;
	struct err e;

	(void)snprintf(delta_22, sizeof(delta_22), "%s.delta.22", base_path);
	publish_base(LIST, 22, 0, 2);
	if (suppress_index_open(base_path, LIST, LEN, &ix, &e) == -1)
		exit(99);
	publish_delta(31, 30, &none, &none);
	if (rename(tmpdir_path("list.delta.30"), delta_22) == -1)
		exit(99);
	ok(suppress_index_follow(ix, &changed, &e) == -1 && !changed &&
		strstr(e.text, "list.delta.22: it is of another base") != NULL,
	    "a delta by a wrong name: %s", e.text);
	(void)unlink(delta_22);
	publish_base(LIST + 1, 30, 0, 1);
	ok(suppress_index_follow(ix, &changed, &e) == -1 && !changed &&
		strstr(e.text, "list: it is of another list") != NULL,
	    "another list: %s", e.text);
	(void)unlink(base_path);
	ok(suppress_index_follow(ix, &changed, &e) == -1 && !changed &&
		strstr(e.text, "list: No such file") != NULL,
	    "no base: %s", e.text);
	v = suppress_index_get(ix);
	ok(has_only(v, 0, 2), "what was seen stays");
	suppress_view_unref(&v);
	publish_base(LIST, 30, 0, 1);
	ok(follow(ix), "the right one is followed");
	suppress_index_free(&ix);
	ok(suppress_index_open(base_path, LIST, LEN + 1, &ix, &e) == -1 &&
		ix == NULL,
	    "another length of digests: %s", e.text);
}

/* ---- damage -------------------------------------------------------------- */

static bool
is_refused(void)
{
	struct suppress_index *ix;
	struct err e;

	if (suppress_index_open(base_path, LIST, LEN, &ix, &e) == 0) {
		suppress_index_free(&ix);
		return false;
	}
	return strncmp(e.text, base_path, strlen(base_path)) == 0 &&
	    e.text[strlen(base_path)] == ':';
}

static void
test_damage(void)
{
	long size, flipped = 0, cut = 0;

	publish_base(LIST, 1, 0, 20);
	size = tmpdir_file_size("list");
	for (long at = 0; at < size; at++) {
		tmpdir_damage("list", at);
		flipped += is_refused() ? 1 : 0;
		tmpdir_damage("list", at);
	}
	is_int(flipped, size, "each byte damaged: refused by name");
	ok(!is_refused(), "mended: opened");
	while (tmpdir_file_size("list") > 0) {
		if (truncate(base_path, tmpdir_file_size("list") - 1) == -1)
			exit(99);
		cut += is_refused() ? 1 : 0;
	}
	is_int(cut, size, "cut off anywhere: refused by name");
	publish_base(LIST, 1, 0, 20);
	if (truncate(base_path, size + 1) == -1)
		exit(99);
	ok(is_refused(), "a byte too many: refused by name");
	(void)unlink(base_path);
	ok(is_refused(), "no file: refused by name");
	(void)mkdir(base_path, 0700);
	ok(is_refused(), "a folder: refused by name");
}

int
main(void)
{
	(void)tmpdir_make();
	(void)snprintf(base_path, sizeof(base_path), "%s", tmpdir_path("list"));
	test_follow();
	test_wrong_pair();
	test_damage();
	tmpdir_remove();
	return done_testing();
}
