/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was decided of a file that waits is known again, to whoever comes next;
 * a record of it that is not whole is an error, and never as if nothing had
 * been.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/tap.h"
#include "transport/pickup_priv.h"

#define NAME "0123456789ABCDEF.f"
#define BAD "f.0123456789ABCDEF"

static struct pickup_folders folders = { .dir = "d", .bad_dir = "b" };
static char root[] = "/tmp/mailrace-test-XXXXXX";

static const char *rcpts[] = { "a@b.test", "c@b.test", "d@b.test" };

/* As it is when it has just been read. */
static struct pickup_item *
item_new(size_t rcpt_count)
{
	struct pickup_item *item = pickup_item_of(NAME);

	item->rg = region_new();
	item->file = (struct pickup_file){ .rcpts = rcpts,
		.rcpt_count = rcpt_count };
	item->fates = region_array(item->rg, rcpt_count, sizeof(*item->fates));
	item->why = region_array(item->rg, rcpt_count, sizeof(*item->why));
	return item;
}

static void
item_free(struct pickup_item *item)
{
	region_free(&item->rg);
	free(item);
}

static void
put(const char *name, const char *text)
{
	int fd = openat(folders.taken_fd, name, O_WRONLY | O_CREAT | O_TRUNC,
	    0600);

	ok(fd != -1 && write(fd, text, strlen(text)) == (ssize_t)strlen(text),
	    "a file");
	(void)close(fd);
}

static bool
is_there(const char *name)
{
	struct stat st;

	return fstatat(folders.taken_fd, name, &st, 0) == 0;
}

/* Each recipient in a letter, and why, or what is wrong. */
static const char *
known(void)
{
	static char said[800];
	struct pickup_item *item = item_new(3);
	size_t at = 0;
	struct err e;

	if (pickup_state_read(&folders, item, &e) != 0)
		(void)snprintf(said, sizeof(said), "%s", e.text);
	else
		for (size_t i = 0; i < 3; i++)
			at += (size_t)snprintf(said + at, sizeof(said) - at,
			    "%c%s", "OTR"[item->fates[i]],
			    item -> why[i] == NULL ? "" : item->why[i]);
	item_free(item);
	return said;
}

static void
test_again(void)
{
	struct pickup_item *item = item_new(3);
	struct err e;

	is_str(known(), "OOO", "nothing was decided");
	ok(!item->has_state && pickup_state_remove(&folders, item, &e) == 0,
	    "and nothing is to be removed");
	item->fates[1] = PICKUP_REFUSED;
	item->why[1] = "550 5.7.1 no";
	item->unsaved = true;
	ok(pickup_state_write(&folders, item, &e) == 0 && !item->unsaved,
	    "one is refused");
	is_str(known(), "OR550 5.7.1 noO", "which is known");
	item->fates[0] = PICKUP_TAKEN;
	ok(pickup_state_write(&folders, item, &e) == 0, "another is taken");
	is_str(known(), "TR550 5.7.1 noO", "so is that");
	put(NAME, "x");
	pickup_state_orphan(&folders, "ended-" NAME);
	ok(is_there("ended-" NAME), "the file is there, and so is that");
	ok(pickup_remove(&folders, item, &e) == 0 && !is_there(NAME) &&
		!is_there("ended-" NAME),
	    "both go");
	item_free(item);
	put("ended-" NAME, "x");
	pickup_state_orphan(&folders, "ended-" NAME);
	ok(!is_there("ended-" NAME), "it goes if the file has gone before");
}

/* Whose numbers they are nobody knows any more: what there is stays together. */
static void
test_changed(void)
{
	struct pickup_item *item = item_new(3);
	struct err e;

	item->fates[0] = PICKUP_TAKEN;
	buf_str(&item->bytes, "one");
	put(NAME, "x");
	ok(pickup_state_write(&folders, item, &e) == 0, "one is taken");
	ok(pickup_state_read(&folders, item, &e) == 0, "it is his file");
	buf_clear(&item->bytes);
	buf_str(&item->bytes, "two");
	is_int(pickup_state_read(&folders, item, &e), PICKUP_NEVER,
	    "the file was changed");
	item->has_state = false; /* nobody has looked */
	ok(pickup_reject_unread(&folders, item, e.text, &e) == 0 &&
		!is_there(NAME) && !is_there("ended-" NAME),
	    "both go");
	ok(unlinkat(folders.bad_fd, BAD, 0) == 0 &&
		unlinkat(folders.bad_fd, BAD ".state", 0) == 0 &&
		unlinkat(folders.bad_fd, BAD ".reason", 0) == 0,
	    "where one sees who had it");
	put(NAME, "x");
	ok(pickup_reject_unread(&folders, item, "no", &e) == 0 &&
		unlinkat(folders.bad_fd, BAD, 0) == 0 &&
		unlinkat(folders.bad_fd, BAD ".state", 0) == -1,
	    "or there was nothing");
	buf_fini(&item->bytes);
	item_free(item);
}

static void
test_refused(void)
{
	struct pickup_item *item = item_new(3);
	struct err e;

	item->fates[0] = item->fates[1] = item->fates[2] = PICKUP_REFUSED;
	item->why[0] = item->why[1] = item->why[2] = "550 no";
	put(NAME, "x");
	ok(pickup_state_write(&folders, item, &e) == 0 &&
		pickup_reject(&folders, item, "550 no", &e) == 0 &&
		!is_there(NAME) && !is_there("ended-" NAME),
	    "all are refused: both go");
	item_free(item);
}

/* Of no bytes. */
#define HASH " e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define FIRST "mailrace-pickup 2 3" HASH

static const struct {
	const char *label, *text;
} bad[] = {
	{ "empty", "" },
	{ "cut", FIRST "\n0 taken\n" },
	{ "cut within a line", FIRST "\n0 tak" },
	{ "more behind it", FIRST "\n0 taken\nend\n1 taken\n" },
	{ "of another file", "mailrace-pickup 2 4" HASH "\n0 taken\nend\n" },
	{ "no such recipient", FIRST "\n3 taken\nend\n" },
	{ "a number without end",
	    FIRST "\n99999999999999999999999 taken\nend\n" },
	{ "no number", FIRST "\n taken\nend\n" },
	{ "another word", FIRST "\n0 lost\nend\n" },
	{ "of another version", "mailrace-pickup 1 3" HASH "\nend\n" },
	{ "of other bytes",
	    "mailrace-pickup 2 3 "
	    "f3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	    "\nend\n" },
};

/* Where others write, too, nothing of theirs is written to or waited for. */
static void
test_write(void)
{
	static const char half[] = ".mailrace.tmp";
	struct buf text = { 0 };
	struct stat st;
	struct err e;

	buf_str(&text, "x");
	ok(mkfifoat(folders.bad_fd, half, 0600) == 0, "a pipe is in the way");
	(void)alarm(5);
	ok(pickup_write(folders.bad_fd, "w", 0640, &text, &e) == 0 &&
		fstatat(folders.bad_fd, "w", &st, 0) == 0 &&
		S_ISREG(st.st_mode) && st.st_size == 1,
	    "it is written all the same");
	(void)alarm(0);
	ok(unlinkat(folders.bad_fd, "w", 0) == 0 &&
		mkdirat(folders.bad_fd, "w", 0700) == 0 &&
		pickup_write(folders.bad_fd, "w", 0640, &text, &e) == -1 &&
		fstatat(folders.bad_fd, half, &st, 0) == -1,
	    "where it cannot get its name nothing is left");
	(void)unlinkat(folders.bad_fd, "w", AT_REMOVEDIR);
	buf_fini(&text);
}

/* Who may write to DIR makes no folder for what is taken. */
static void
test_folder(void)
{
	struct pickup_folders f = folders;
	int dir_fd = open(folders.dir, O_RDONLY | O_DIRECTORY);
	struct err e;

	pickup_folders_close(&folders);
	ok(fchmodat(dir_fd, ".mailrace", 0720, 0) == 0 &&
		pickup_folders_open(&f, &e) == -1,
	    "others may write to it");
	ok(strstr(e.text, "/.mailrace has to be a directory of the") != NULL,
	    "it is refused: %s", e.text);
	pickup_folders_close(&f);
	ok(fchmodat(dir_fd, ".mailrace", 0700, 0) == 0 &&
		renameat(dir_fd, ".mailrace", dir_fd, "other") == 0 &&
		symlinkat("other", dir_fd, ".mailrace") == 0 &&
		pickup_folders_open(&f, &e) == -1,
	    "a link");
	pickup_folders_close(&f);
	ok(unlinkat(dir_fd, ".mailrace", 0) == 0 &&
		renameat(dir_fd, "other", dir_fd, ".mailrace") == 0 &&
		pickup_folders_open(&folders, &e) == 0,
	    "a good one");
	(void)close(dir_fd);
}

static void
test_bad(void)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put("ended-" NAME, bad[i].text);
		is_str(known(),
		    "somebody has changed it since some of its recipients were "
		    "taken or refused, or ended-" NAME ", which says who",
		    bad[i].label);
	}
	put("ended-" NAME, FIRST "\nend\n");
	is_str(known(), "OOO", "a good one of nobody");
	(void)unlinkat(folders.taken_fd, "ended-" NAME, 0);
	ok(symlinkat("/dev/null", folders.taken_fd, "ended-" NAME) == 0 &&
		strstr(known(), "ended-" NAME ": open") != NULL,
	    "a link is none");
	(void)unlinkat(folders.taken_fd, "ended-" NAME, 0);
}

int
main(void)
{
	char dir[64], sub[80], bad_dir[64];
	struct err e;

	ok(mkdtemp(root) != NULL, "a folder");
	(void)snprintf(dir, sizeof(dir), "%s/d", root);
	(void)snprintf(bad_dir, sizeof(bad_dir), "%s/b", root);
	(void)snprintf(sub, sizeof(sub), "%s/.mailrace", dir);
	ok(mkdir(dir, 0700) == 0 && mkdir(bad_dir, 0700) == 0, "two in it");
	folders.dir = dir;
	folders.bad_dir = bad_dir;
	ok(pickup_folders_open(&folders, &e) == 0, "they are open");
	test_again();
	test_changed();
	test_refused();
	test_bad();
	test_write();
	test_folder();
	(void)unlinkat(folders.bad_fd, "f.0123456789ABCDEF", 0);
	(void)unlinkat(folders.bad_fd, "f.0123456789ABCDEF.reason", 0);
	pickup_folders_close(&folders);
	ok(rmdir(sub) == 0 && rmdir(dir) == 0 && rmdir(bad_dir) == 0 &&
		rmdir(root) == 0,
	    "nothing else is there");
	return done_testing();
}
