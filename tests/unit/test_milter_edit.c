/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields are deleted by their number among those of the same name, the last one
 * first; and a message of very many costs no more for it.
 */
#include "milter/milter_edit.h"

#include "tests/support/cpu_time.h"
#include "tests/support/milter_world.h"
#include "tests/tap.h"

enum { MANY = 200000 };

/* A tenth of it is used. */
#define CPU_MOST_S 3.0

struct work {
	struct milter_talk talk;
	struct milter_edit edit;
	struct header_list headers;
	bool *remove;
	struct buf words;
};

static void
begin(struct work *w, size_t room)
{
	*w = (struct work){ .edit = { .rg = region_new() } };
	w->edit.talk = &w->talk;
	w->remove = region_array(w->edit.rg, room, sizeof(bool));
}

static void
field(struct work *w, const char *name, bool remove)
{
	w->remove[w->headers.n] = remove;
	header_list_add(&w->headers, w->edit.rg, slice_of(name), slice_of(""));
}

static const char *
edit(struct work *w)
{
	milter_edit_remove(&w->edit, &w->headers, w->remove);
	host_heard(&w->talk.out, &w->words);
	return buf_cstr(&w->words);
}

static void
finish(struct work *w)
{
	buf_fini(&w->words);
	buf_fini(&w->talk.out);
	region_free(&w->edit.rg);
}

static void
test_numbers(void)
{
	struct work w;

	begin(&w, 8);
	w.edit.leave = "X-Envid";
	field(&w, "X-Job", true);
	field(&w, "X-Jo", false);
	field(&w, "x-job", false);
	field(&w, "X-Envid", true);
	field(&w, "X-JOB", true);
	field(&w, "A", true);
	field(&w, "X-Jobs", true);
	is_str(edit(&w), "m1:A m3:X-Job m1:X-Job m1:X-Jobs",
	    "each by its number, the last one first");
	finish(&w);
	begin(&w, 1);
	field(&w, "A", false);
	is_str(edit(&w), "", "nothing is deleted");
	finish(&w);
}

/* Fields that stay, then some that go; each of another name if names is set. */
static void
test_many(bool names, const char *label)
{
	char name[32] = "X-Job";
	double from_s = cpu_time_s();
	struct work w;

	begin(&w, (size_t)2 * MANY);
	for (int i = 0; i < MANY; i++)
		field(&w, "A", false);
	for (int i = 0; i < MANY; i++) {
		if (names)
			(void)snprintf(name, sizeof(name), "X-%d", i);
		field(&w, name, true);
	}
	milter_edit_remove(&w.edit, &w.headers, w.remove);
	ok(cpu_time_s() - from_s < CPU_MOST_S, "%s: %.2f s", label,
	    cpu_time_s() - from_s);
	ok(w.talk.out.len > (size_t)MANY * 10, "%s: all are deleted", label);
	finish(&w);
}

int
main(void)
{
	test_numbers();
	test_many(false, "very many of one name");
	test_many(true, "very many names");
	return done_testing();
}
