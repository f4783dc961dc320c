/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How files are found: inotify tells of them as they come; the folder is looked
 * at every few seconds as well, since the kernel drops events, and some file
 * systems have none.  What waits is bounded: others stay where they are until
 * there is room.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "transport/pickup_priv.h"

enum {
	TAKEN_MAX = 10000, /* and not gone yet; there is room again below */
	TAKEN_AGAIN = 9000,
	LOOK_S = 5,
	STUCK_MAX = 200,
	STUCK_S = 10, /* first, and then twice as long each time, up to */
	STUCK_LONGEST_S = 600
};

/* ---- files that may not be taken ----------------------------------------- */

struct stuck {
	char name[NAME_MAX + 1];
	int code; /* errno */
	unsigned tries;
	int64_t due_us;
	bool seen; /* in this look */
};

struct stuck_names {
	size_t n;
	bool more; /* than there is room for; the log knows */
	struct stuck v[STUCK_MAX];
};

struct stuck_names *
stuck_names_new(void)
{
	return mem_new(struct stuck_names);
}

void
stuck_names_free(struct stuck_names **sp)
{
	free(*sp);
	*sp = NULL;
}

static struct stuck *
find_stuck(struct stuck_names *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->v[i].name, name) == 0)
			return &s->v[i];
	return NULL;
}

/* One line for each file and reason. */
static void
note_stuck(struct pickup *p, const char *name, int code)
{
	struct stuck_names *s = p->stuck;
	struct stuck *one = find_stuck(s, name);
	struct err e;
	int64_t wait_s;

	if (one == NULL && s->n == STUCK_MAX) {
		if (!s->more)
			pickup_log_trouble(p, NULL,
			    "more files may not be taken");
		s->more = true;
		return;
	}
	if (one == NULL) {
		one = &s->v[s->n++];
		*one = (struct stuck){ 0 };
		(void)snprintf(one->name, sizeof(one->name), "%s", name);
	}
	if (one->code != code) {
		errno = code;
		(void)err_sys(&e, "it may not be taken");
		pickup_log_trouble(p, name, e.text);
	}
	one->code = code;
	one->seen = true;
	wait_s = one->tries < 6 ? (int64_t)STUCK_S << one->tries :
				  STUCK_LONGEST_S;
	one->tries++;
	one->due_us = clock_us() + wait_s * US_PER_S;
}

/* Those that are gone are forgotten; all of the folder was seen. */
static void
sweep_stuck(struct stuck_names *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->n; i++) {
		if (!s->v[i].seen)
			continue;
		s->v[i].seen = false;
		s->v[kept++] = s->v[i];
	}
	s->n = kept;
	s->more = s->more && kept == STUCK_MAX;
}

/* ---- taking files -------------------------------------------------------- */

static void
enqueue(struct pickup *p, struct pickup_item *item)
{
	TAILQ_INSERT_TAIL(&p->waiting, item, link);
	p->waiting_count++;
}

static size_t
taken_count(const struct pickup *p)
{
	const struct pickup_talk *t;
	size_t n = p->waiting_count + p->later_count;

	LIST_FOREACH(t, &p->talks, link)
	n += t->item != NULL;
	return n;
}

/* What waits comes back and goes, a few at a time: that is no news. */
static bool
has_room(struct pickup *p)
{
	size_t n = taken_count(p);

	if (n < TAKEN_AGAIN)
		p->full_told = false;
	if (n < TAKEN_MAX)
		return p->waiting_count < PICKUP_WAITING_MAX;
	if (!p->full_told)
		pickup_log_trouble(p, NULL,
		    "too many files wait: no more are taken");
	p->full_told = true;
	return false;
}

/* False: there is no room for it. */
static bool
take(struct pickup *p, const char *name, bool settled)
{
	struct stuck *stuck = find_stuck(p->stuck, name);
	struct pickup_item *item;

	if (!has_room(p)) {
		p->look = true;
		return false;
	}
	if (stuck != NULL && settled && clock_us() < stuck->due_us) {
		stuck->seen = true;
		return true;
	}
	switch (pickup_take(&p->folders, name, settled, &item)) {
	case PICKUP_LEFT:
		break;
	case PICKUP_YOUNG:
		p->look = true;
		break;
	case PICKUP_DENIED:
		note_stuck(p, name, errno);
		break;
	case PICKUP_GOT:
		p->unsynced = true;
		enqueue(p, item);
		break;
	}
	return true;
}

/* What is in a folder, as long as fn wants to hear of it: then false. */
static bool
each_name(int folder, bool (*fn)(struct pickup *p, const char *name),
    struct pickup *p, struct err *e)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (d == NULL) {
		(void)err_sys(e, "it cannot be read");
		if (fd != -1)
			(void)close(fd);
		return false;
	}
	e->text[0] = '\0';
	/* glibc's readdir() shares nothing between two streams. */
	/* cppcheck-suppress readdirCalled */
	/* NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while ((entry = readdir(d)) != NULL && fn(p, entry->d_name))
		;
	(void)closedir(d);
	return entry == NULL;
}

static bool
take_settled(struct pickup *p, const char *name)
{
	return take(p, name, true);
}

void
pickup_look(struct pickup *p)
{
	struct err e;

	p->look = false;
	p->look_us = clock_us() + LOOK_S * US_PER_S;
	if (each_name(p->folders.fd, take_settled, p, &e))
		sweep_stuck(p->stuck);
	else if (e.text[0] != '\0')
		pickup_log_trouble(p, NULL, e.text);
}

void
pickup_watched(struct pickup *p)
{
	_Alignas(struct inotify_event) char events[4096];
	ssize_t n;

	while ((n = read(p->watch_fd, events, sizeof(events))) > 0) {
		const struct inotify_event *ev;

		for (char *at = events; at < events + n;
		     at += sizeof(*ev) + ev->len) {
			ev = (const void *)at;
			if ((ev->mask & IN_Q_OVERFLOW) != 0)
				p->look = true;
			else if (ev->len > 0)
				(void)take(p, ev->name, false);
		}
	}
}

static bool
add_taken(struct pickup *p, const char *name)
{
	struct pickup_item *item = pickup_item_of(name);

	if (item != NULL)
		enqueue(p, item);
	else
		pickup_state_orphan(&p->folders, name);
	return true;
}

int
pickup_look_taken(struct pickup *p, struct err *e)
{
	p->unsynced = true;
	if (!each_name(p->folders.taken_fd, add_taken, p, e))
		return err_where(e, "pickup: %s", p->folders.dir);
	return 0;
}
