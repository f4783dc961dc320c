/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/inflight.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/flag.h"
#include "lib/mem.h"
#include "lib/str.h"
#include "queue/crc32c.h"
#include "queue/inflight_priv.h"

/* The part of one worker: only its thread touches it once it is running. */
struct inflight_part {
	struct inflight *owner;
	unsigned char *slots; /* in the mapping */
	uint32_t count;
	uint32_t *next;      /* chain of a transaction, or of free slots */
	uint32_t free, used; /* the first free one; how many are not */
};

struct inflight {
	unsigned char *map;
	size_t map_len;
	struct flag dirty; /* a slot was filled */
	void (*on_dirty)(void *arg);
	void *arg;
	uint32_t generation;
	unsigned workers;
	struct inflight_part *parts;
};

/* ---- slots --------------------------------------------------------------- */

static unsigned char *
slot_at(const struct inflight_part *p, uint32_t i)
{
	return p->slots + (size_t)i * INFLIGHT_SLOT;
}

static uint32_t
checksum(const unsigned char *slot, uint32_t count)
{
	return crc32c(0, slot + 4, INFLIGHT_HEAD - 4 + (size_t)count * 4);
}

static bool
slot_is_good(const unsigned char *slot, uint32_t *count_r)
{
	*count_r = get_be32(slot + 4);
	return *count_r > 0 && *count_r <= INFLIGHT_RCPTS &&
	    get_be32(slot) == checksum(slot, *count_r);
}

struct inflight_part *
inflight_part(struct inflight *f, unsigned worker)
{
	CHECK(worker < f->workers);
	return &f->parts[worker];
}

/* The head of a slot is filled in by the caller; count is what is left. */
static size_t
fill_slot(unsigned char *slot, const unsigned char head[INFLIGHT_HEAD],
    const uint32_t *rcpts, size_t count)
{
	if (count > INFLIGHT_RCPTS)
		count = INFLIGHT_RCPTS;
	memcpy(slot + 8, head + 8, INFLIGHT_HEAD - 8);
	for (size_t i = 0; i < count; i++)
		put_be32(slot + INFLIGHT_HEAD + i * 4, rcpts[i]);
	put_be32(slot + 4, (uint32_t)count);
	put_be32(slot, checksum(slot, (uint32_t)count));
	return count;
}

uint32_t
inflight_fill(struct inflight_part *p, uint64_t id, uint64_t session,
    int64_t wall_us, const uint32_t *rcpts, size_t count)
{
	size_t need = (count + INFLIGHT_RCPTS - 1) / INFLIGHT_RCPTS;
	unsigned char head[INFLIGHT_HEAD] = { 0 };
	uint32_t first = p->free, last = first;

	CHECK(count > 0);
	for (size_t i = 1; i < need && last != INFLIGHT_NONE; i++)
		last = p->next[last];
	if (last == INFLIGHT_NONE)
		return INFLIGHT_NONE;
	p->free = p->next[last];
	p->next[last] = INFLIGHT_NONE;
	p->used += (uint32_t)need;

	put_be64(head + 8, id);
	put_be64(head + 16, session);
	put_be64(head + 24, (uint64_t)wall_us);
	put_be64(head + 32, (uint64_t)clock_us());
	put_be32(head + 40, p->owner->generation);
	for (uint32_t i = first; i != INFLIGHT_NONE; i = p->next[i]) {
		size_t n = fill_slot(slot_at(p, i), head, rcpts, count);

		rcpts += n;
		count -= n;
	}
	if (flag_raise_new(&p->owner->dirty) && p->owner->on_dirty != NULL)
		p->owner->on_dirty(p->owner->arg);
	return first;
}

bool
inflight_is_short(const struct inflight_part *p)
{
	return p->used >= p->count / 2;
}

void
inflight_clear(struct inflight_part *p, uint32_t slot)
{
	uint32_t last = slot;

	CHECK(slot < p->count);
	for (;;) {
		unsigned char *s = slot_at(p, last);

		CHECK(get_be32(s + 4) != 0); /* filled, and cleared once */
		CHECK(p->used > 0);
		p->used--;
		put_be32(s + 4, 0);
		if (p->next[last] == INFLIGHT_NONE)
			break;
		last = p->next[last];
	}
	p->next[last] = p->free;
	p->free = slot;
}

/* ---- the file ------------------------------------------------------------ */

static int
open_file(const char *dir, struct err *e)
{
	char path[4096];
	int fd;

	if (snprintf(path, sizeof(path), "%s/inflight", dir) >=
	    (int)sizeof(path))
		return err_set(e, "the path of the spool is too long");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd == -1)
		return err_sys(e, "%s", path);
	return fd;
}

static void
collect(const unsigned char *slot, struct inflight_found **list, size_t *count)
{
	uint32_t rcpts;

	if (!slot_is_good(slot, &rcpts))
		return;
	*list = mem_realloc(*list,
	    (*count + rcpts) * sizeof(struct inflight_found));
	for (uint32_t i = 0; i < rcpts; i++)
		(*list)[(*count)++] = (struct inflight_found){
			.id = get_be64(slot + 8),
			.session = get_be64(slot + 16),
			.wall_us = (int64_t)get_be64(slot + 24),
			.at_us = (int64_t)get_be64(slot + 32),
			.generation = get_be32(slot + 40),
			.n = get_be32(slot + INFLIGHT_HEAD + (size_t)i * 4),
		};
}

int
inflight_read(const char *dir, struct inflight_found **list_r, size_t *count_r,
    struct err *e)
{
	unsigned char slots[32 * INFLIGHT_SLOT];
	off_t at = 0;
	ssize_t n;
	int fd = open_file(dir, e);

	*list_r = NULL;
	*count_r = 0;
	if (fd == -1)
		return -1;
	while ((n = pread(fd, slots, sizeof(slots), at)) >= INFLIGHT_SLOT) {
		n -= n % INFLIGHT_SLOT;
		for (ssize_t i = 0; i < n; i += INFLIGHT_SLOT)
			collect(slots + i, list_r, count_r);
		at += n;
	}
	if (n == -1)
		(void)err_sys(e, "reading %s/inflight", dir);
	(void)close(fd);
	return n == -1 ? -1 : 0;
}

void
inflight_found_free(struct inflight_found **listp)
{
	free(*listp);
	*listp = NULL;
}

static int
map_file(struct inflight *f, int fd, struct err *e)
{
	void *map;
	int code;

	if (ftruncate(fd, 0) == -1)
		return err_sys(e, "clearing the in-flight slots");
	/* Allocated now: a full disk would be a SIGBUS later. */
	code = posix_fallocate(fd, 0, (off_t)f->map_len);
	if (code != 0) {
		errno = code;
		return err_sys(e, "allocating the in-flight slots");
	}
	if (fsync(fd) == -1)
		return err_sys(e, "syncing the in-flight slots");
	map = mmap(NULL, f->map_len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return err_sys(e, "mapping the in-flight slots");
	f->map = map;
	return 0;
}

static void
init_part(struct inflight *f, unsigned worker, uint32_t slots)
{
	struct inflight_part *p = &f->parts[worker];

	p->owner = f;
	p->slots = f->map + (size_t)worker * slots * INFLIGHT_SLOT;
	p->count = slots;
	p->next = mem_array(slots, sizeof(*p->next));
	for (uint32_t i = 0; i < slots; i++)
		p->next[i] = i + 1 < slots ? i + 1 : INFLIGHT_NONE;
	p->free = 0;
}

int
inflight_open(const char *dir, unsigned workers, uint32_t slots,
    uint32_t generation, struct inflight **f_r, struct err *e)
{
	struct inflight *f = mem_new(struct inflight);
	int fd = open_file(dir, e), code, rc = -1;

	CHECK(workers > 0 && slots > 0);
	*f_r = NULL;
	f->map_len = (size_t)workers * slots * INFLIGHT_SLOT;
	if (fd == -1)
		goto out;
	if (map_file(f, fd, e) == -1)
		goto out;
	f->generation = generation;
	f->workers = workers;
	f->parts = mem_array(workers, sizeof(*f->parts));
	for (unsigned w = 0; w < workers; w++)
		init_part(f, w, slots);
	*f_r = f; /* moved */
	f = NULL;
	rc = 0;
out:
	code = errno; /* the caller tells a full disk from others */
	inflight_free(&f);
	if (fd != -1)
		(void)close(fd);
	errno = code;
	return rc;
}

void
inflight_free(struct inflight **fp)
{
	struct inflight *f = *fp;

	*fp = NULL;
	if (f == NULL)
		return;
	for (unsigned w = 0; w < f->workers; w++)
		free(f->parts[w].next);
	free(f->parts);
	if (f->map != NULL)
		(void)munmap(f->map, f->map_len);
	free(f);
}

void
inflight_on_dirty(struct inflight *f, void (*fn)(void *arg), void *arg)
{
	f->on_dirty = fn;
	f->arg = arg;
}

int
inflight_sync(struct inflight *f, bool *synced_r, struct err *e)
{
	*synced_r = flag_take(&f->dirty);
	if (*synced_r && msync(f->map, f->map_len, MS_SYNC) == -1)
		return err_sys(e, "syncing the in-flight slots");
	return 0;
}
