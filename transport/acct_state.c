/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/acct_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/mem.h"
#include "lib/str.h"
#include "queue/crc32c.h"

enum { HEAD = 12, FIXED = HEAD + 16, ENTRY = 18 };

#define MAGIC UINT32_C(0x4d524131) /* "MRA1" */

struct acct_state {
	int fd;
	char *path;
	uint64_t turn;   /* of the newest slot; the next goes to the other */
	struct buf slot; /* read, or being made */
};

/* ---- reading ------------------------------------------------------------- */

static bool
slot_is_good(const char *p)
{
	uint32_t len = get_be32(p + 8);

	return get_be32(p) == MAGIC && len >= FIXED - HEAD &&
	    len <= ACCT_STATE_SLOT - HEAD &&
	    get_be32(p + 4) == crc32c(0, p + 8, len + 4);
}

static bool
is_zero(const char *p, size_t len)
{
	return len == 0 || (p[0] == 0 && memcmp(p, p + 1, len - 1) == 0);
}

/* The newer of the good ones; false: there is none. */
static bool
take_slot(struct acct_state *s, const char *slots)
{
	for (int i = 0; i < 2; i++) {
		const char *p = slots + (size_t)i * ACCT_STATE_SLOT;

		if (!slot_is_good(p) || get_be64(p + HEAD) <= s->turn)
			continue;
		s->turn = get_be64(p + HEAD);
		buf_clear(&s->slot);
		buf_add(&s->slot, p, HEAD + get_be32(p + 8));
	}
	return s->turn > 0;
}

/* All of it, and its name. */
static int
make_file(struct acct_state *s, const char *dir, const char *zeros,
    struct err *e)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;

	if (pwrite(s->fd, zeros, 2 * (size_t)ACCT_STATE_SLOT, 0) !=
		2 * (ssize_t)ACCT_STATE_SLOT ||
	    fsync(s->fd) == -1)
		rc = err_sys(e, "%s", s->path);
	else if (fd == -1 || fsync(fd) == -1)
		rc = err_sys(e, "%s", dir);
	if (fd != -1)
		(void)close(fd);
	acct_state_begin(s, 0);
	return rc;
}

static int
read_file(struct acct_state *s, const char *dir, struct err *e)
{
	const size_t size = 2 * (size_t)ACCT_STATE_SLOT;
	char *slots = mem_zalloc(size);
	ssize_t n = pread(s->fd, slots, size, 0);
	int rc = 0;

	if (n == -1)
		rc = err_sys(e, "%s", s->path);
	else if (take_slot(s, slots))
		rc = 0;
	else if (is_zero(slots, size)) /* new, or not more than begun */
		rc = make_file(s, dir, slots, e);
	else
		rc = err_set(e,
		    "%s: neither of its two states can be read; without it "
		    "records would be lost or written twice; move it away "
		    "to start all the same",
		    s->path);
	free(slots);
	return rc;
}

uint64_t
acct_state_next(const struct acct_state *s)
{
	return get_be64(s->slot.p + HEAD + 8);
}

bool
acct_state_find(const struct acct_state *s, const char *path,
    struct acct_state_file *f_r)
{
	const char *p = s->slot.p + FIXED, *end = s->slot.p + s->slot.len;
	size_t len;

	for (; end - p >= ENTRY; p += ENTRY + len) {
		len = get_be16(p + 16);
		if ((size_t)(end - p) < ENTRY + len)
			break;
		if (len != strlen(path) || memcmp(p + ENTRY, path, len) != 0)
			continue;
		f_r->length = get_be64(p);
		f_r->inode = get_be64(p + 8);
		return true;
	}
	return false;
}

/* ---- writing ------------------------------------------------------------- */

void
acct_state_begin(struct acct_state *s, uint64_t next)
{
	char fixed[FIXED] = { 0 };

	put_be64(fixed + HEAD + 8, next);
	buf_clear(&s->slot);
	buf_add(&s->slot, fixed, sizeof(fixed));
}

void
acct_state_add(struct acct_state *s, const char *path,
    const struct acct_state_file *f)
{
	size_t len = strlen(path);
	char entry[ENTRY];

	put_be64(entry, f->length);
	put_be64(entry + 8, f->inode);
	put_be16(entry + 16, (uint16_t)len);
	buf_add(&s->slot, entry, sizeof(entry));
	buf_add(&s->slot, path, len);
}

int
acct_state_write(struct acct_state *s, struct err *e)
{
	uint64_t turn = s->turn + 1;
	size_t len = s->slot.len;
	char *p = s->slot.p;

	if (len > ACCT_STATE_SLOT)
		return err_set(e,
		    "the paths of the accounting files are longer "
		    "than %d bytes together",
		    (int)ACCT_STATE_SLOT);
	put_be64(p + HEAD, turn);
	put_be32(p, MAGIC);
	put_be32(p + 8, (uint32_t)(len - HEAD));
	put_be32(p + 4, crc32c(0, p + 8, len - 8));
	errno = ENOSPC; /* a short write says nothing else */
	if (pwrite(s->fd, p, len, (off_t)(turn % 2) * ACCT_STATE_SLOT) !=
		(ssize_t)len ||
	    fdatasync(s->fd) == -1)
		return err_sys(e, "%s", s->path);
	s->turn = turn;
	return 0;
}

/* ---- life ---------------------------------------------------------------- */

int
acct_state_open(const char *dir, struct acct_state **s_r, struct err *e)
{
	struct acct_state *s = mem_new(struct acct_state);
	struct buf path = { 0 };

	*s_r = NULL;
	buf_printf(&path, "%s/acct-state", dir);
	s->path = buf_take(&path, NULL);
	s->fd = open(s->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->fd == -1)
		(void)err_sys(e, "%s", s->path);
	if (s->fd == -1 || read_file(s, dir, e) == -1)
		acct_state_free(&s);
	*s_r = s;
	return s == NULL ? -1 : 0;
}

void
acct_state_free(struct acct_state **sp)
{
	struct acct_state *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	if (s->fd != -1)
		(void)close(s->fd);
	buf_fini(&s->slot);
	free(s->path);
	free(s);
}
