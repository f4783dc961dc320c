/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What inotify tells of is taken, unless too many wait; a file that may not be
 * taken is told of once for each reason.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/log.h"
#include "tests/tap.h"
#include "transport/pickup_priv.h"

static struct pickup pickup;
static char root[] = "/tmp/mailrace-test-XXXXXX";
static char log_name[64];

static void
put(const char *name)
{
	int fd = openat(pickup.folders.fd, name, O_WRONLY | O_CREAT, 0600);

	ok(fd != -1, "a file");
	(void)close(fd);
}

static int events;

/* The kernel tells of it. */
static void
watched(const char *name)
{
	char bytes[sizeof(struct inotify_event) + 32] = { 0 };
	const struct inotify_event ev = { .mask = IN_CLOSE_WRITE, .len = 32 };

	memcpy(bytes, &ev, sizeof(ev));
	(void)snprintf(bytes + sizeof(ev), 32, "%s", name);
	ok(write(events, bytes, sizeof(bytes)) == (ssize_t)sizeof(bytes),
	    "an event");
	pickup_watched(&pickup);
}

/* How many lines of the log have that. */
static unsigned
told(const char *what)
{
	FILE *f = fopen(log_name, "r");
	char line[1024];
	unsigned n = 0;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		n += strstr(line, what) != NULL;
	if (f != NULL)
		(void)fclose(f);
	return n;
}

static void
test_taken(void)
{
	struct pickup_item *item;

	put("one");
	watched("one");
	item = TAILQ_FIRST(&pickup.waiting);
	ok(pickup.waiting_count == 1 && pickup.unsynced && item != NULL,
	    "it waits, and is not durably ours");
	if (item == NULL)
		return;
	is_str(item->name + PICKUP_ID_LEN, ".one", "with an id");
	ok(unlinkat(pickup.folders.taken_fd, item->name, 0) == 0, "in there");
	TAILQ_REMOVE(&pickup.waiting, item, link);
	free(item);
	pickup.waiting_count = 0;
}

/* Another file system is as good a reason as any. */
static void
test_denied(void)
{
	int fd = pickup.folders.taken_fd;

	pickup.folders.taken_fd = open("/proc/self", O_RDONLY | O_DIRECTORY);
	put("kept");
	for (int i = 0; i < 3; i++)
		watched("kept");
	is_int(told("file=kept"), 1, "it may not be taken: one line");
	is_int(told("text=\"it may not be taken: "), 1, "which says why");
	put("kept.2");
	watched("kept.2");
	is_int(told("file=kept.2"), 1, "and one of another");
	ok(TAILQ_EMPTY(&pickup.waiting), "nothing waits");
	(void)close(pickup.folders.taken_fd);
	pickup.folders.taken_fd = fd;
	(void)unlinkat(pickup.folders.fd, "kept", 0);
	(void)unlinkat(pickup.folders.fd, "kept.2", 0);
}

static void
test_full(void)
{
	static struct pickup_item item;
	static struct pickup_talk talk;

	put("more");
	pickup.later_count = 10000;
	for (int i = 0; i < 3; i++) {
		pickup.look = false;
		watched("more");
		ok(TAILQ_EMPTY(&pickup.waiting) && pickup.look,
		    "too many wait: it stays where it is, for now");
	}
	is_int(told("too many files wait"), 1, "which is said once");
	pickup.later_count = 9000;
	pickup.waiting_count = 999;
	talk.item = &item;
	LIST_INSERT_HEAD(&pickup.talks, &talk, link);
	watched("more");
	ok(TAILQ_EMPTY(&pickup.waiting), "nor when some are tried again");
	LIST_REMOVE(&talk, link);
	for (int i = 0; i < 2; i++) {
		pickup.later_count = 9500;
		pickup.waiting_count = 1000;
		watched("more");
		pickup.waiting_count = 400;
		watched("none");
	}
	is_int(told("too many files wait"), 1, "nor when a few go");
	pickup.later_count = pickup.waiting_count = 0;
	watched("none");
	pickup.later_count = 10000;
	watched("more");
	is_int(told("too many files wait"), 2, "but when most have gone");
	pickup.later_count = 0;
	pickup.waiting_count = PICKUP_WAITING_MAX;
	watched("more");
	ok(TAILQ_EMPTY(&pickup.waiting), "also of those that have not begun");
	pickup.waiting_count = 0;
	(void)unlinkat(pickup.folders.fd, "more", 0);
}

/* What comes with another number each time is one reason. */
static void
test_waits(void)
{
	struct pickup_item *item = pickup_item_of("0123456789ABCDEF.w");

	pickup_log_waits(item, "450 4.7.1 too many: come again in 9 s", false);
	pickup_log_waits(item, "450 4.7.1 too many: come again in 30 s", false);
	is_int(told("pickup-waits"), 1, "two tries, one line");
	pickup_log_waits(item, "450 4.7.0 too many: come again in 30 s", false);
	is_int(told("pickup-waits"), 2, "another enhanced code");
	pickup_log_waits(item, "452 4.7.0 too many: come again in 30 s", false);
	is_int(told("pickup-waits"), 3, "another code");
	free(item);
}

int
main(void)
{
	char dir[64], sub[80], bad_dir[64];
	struct err e;
	int ends[2];

	ok(mkdtemp(root) != NULL, "a folder");
	(void)snprintf(dir, sizeof(dir), "%s/d", root);
	(void)snprintf(bad_dir, sizeof(bad_dir), "%s/b", root);
	(void)snprintf(sub, sizeof(sub), "%s/.mailrace", dir);
	(void)snprintf(log_name, sizeof(log_name), "%s/log", root);
	ok(mkdir(dir, 0700) == 0 && mkdir(bad_dir, 0700) == 0, "two in it");
	pickup.folders = (struct pickup_folders){ .dir = dir,
		.bad_dir = bad_dir };
	ok(pickup_folders_open(&pickup.folders, &e) == 0, "they are open");
	ok(log_open(log_name, &e) == 0, "a log");
	ok(pipe2(ends, O_NONBLOCK) == 0, "a kernel");
	pickup.watch_fd = ends[0];
	events = ends[1];
	TAILQ_INIT(&pickup.waiting);
	pickup.stuck = stuck_names_new();
	test_taken();
	test_denied();
	test_full();
	test_waits();
	stuck_names_free(&pickup.stuck);
	pickup_folders_close(&pickup.folders);
	(void)close(ends[0]);
	(void)close(ends[1]);
	ok(unlink(log_name) == 0 && rmdir(sub) == 0 && rmdir(dir) == 0 &&
		rmdir(bad_dir) == 0 && rmdir(root) == 0,
	    "nothing else is there");
	return done_testing();
}
