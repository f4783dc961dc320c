/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/mem.h"
#include "transport/pickup_priv.h"

#define TAKEN ".mailrace"
#define SETTLED_US (2 * US_PER_S)
/* A message is held in memory, here and at the ingress. */
#define FILE_SIZE_MAX (INT64_C(256) << 20)

enum {
	NAME_SHOWN = 200, /* of the name that a file had */
	BAD_MODE = 0640
};

/* ---- folders ------------------------------------------------------------- */

static int
open_folder(const char *path, int *fd_r, struct err *e)
{
	*fd_r = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *fd_r == -1 ? err_sys(e, "pickup: %s", path) : 0;
}

/* A rename between them has to be one. */
static int
same_device(const struct pickup_folders *f, struct err *e)
{
	struct stat a, b;

	if (fstat(f->fd, &a) == -1 || fstat(f->bad_fd, &b) == -1)
		return err_sys(e, "pickup: %s", f->dir);
	if (a.st_dev == b.st_dev && a.st_ino == b.st_ino)
		return err_set(e, "pickup: both directories are the same");
	if (a.st_dev != b.st_dev)
		return err_set(e,
		    "pickup: %s and %s are not on one file system", f->dir,
		    f->bad_dir);
	return 0;
}

/*
 * Who may write to DIR could have made it, or a link of that name: what is taken
 * would be his, and so would what was decided of it.
 */
static int
open_taken(struct pickup_folders *f, struct err *e)
{
	struct stat st;

	if (mkdirat(f->fd, TAKEN, 0700) == -1 && errno != EEXIST)
		return err_sys(e, "pickup: %s/" TAKEN, f->dir);
	f->taken_fd = openat(f->fd, TAKEN,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (f->taken_fd == -1 || fstat(f->taken_fd, &st) == -1)
		return err_sys(e, "pickup: %s/" TAKEN, f->dir);
	if (st.st_uid != geteuid() || (st.st_mode & 077) != 0)
		return err_set(e,
		    "pickup: %s/" TAKEN " has to be a directory of the user "
		    "who picks up, with mode 0700",
		    f->dir);
	return 0;
}

int
pickup_folders_open(struct pickup_folders *f, struct err *e)
{
	f->taken_fd = f->bad_fd = -1;
	if (open_folder(f->dir, &f->fd, e) == -1 ||
	    open_folder(f->bad_dir, &f->bad_fd, e) == -1 ||
	    same_device(f, e) == -1)
		return -1;
	if (open_taken(f, e) == -1)
		return -1;
	if (flock(f->taken_fd, LOCK_EX | LOCK_NB) == -1)
		return err_sys(e, "pickup: %s is another process's", f->dir);
	return 0;
}

void
pickup_folders_close(struct pickup_folders *f)
{
	const int fds[] = { f->fd, f->taken_fd, f->bad_fd };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] != -1)
			(void)close(fds[i]);
}

int
pickup_sync(const struct pickup_folders *f, struct err *e)
{
	if (fsync(f->taken_fd) == -1 || fsync(f->fd) == -1)
		return err_sys(e, "%s", f->dir);
	return 0;
}

/* ---- taking -------------------------------------------------------------- */

static uint64_t
chance(void)
{
	uint64_t v = 0;

	while (getrandom(&v, sizeof(v), 0) != (ssize_t)sizeof(v))
		;
	return v;
}

/* Half-written files have such names; see doc/mailrace.conf.5.in. */
static bool
is_hidden(const char *name)
{
	size_t len = strlen(name);

	return name[0] == '.' ||
	    (len > 4 && strcmp(name + len - 4, ".tmp") == 0);
}

static int64_t
age_us(const struct stat *st)
{
	return clock_wall_us() - (int64_t)st->st_ctim.tv_sec * US_PER_S -
	    st->st_ctim.tv_nsec / 1000;
}

enum pickup_take
pickup_take(const struct pickup_folders *f, const char *name, bool settled,
    struct pickup_item **item_r)
{
	char to[NAME_MAX + 1];
	struct stat st;
	int64_t age;

	/* A link may be to a file of somebody else's. */
	if (is_hidden(name) ||
	    fstatat(f->fd, name, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
	    !S_ISREG(st.st_mode) || st.st_nlink != 1)
		return PICKUP_LEFT;
	age = age_us(&st);
	if (settled && age >= 0 && age < SETTLED_US)
		return PICKUP_YOUNG;
	(void)snprintf(to, sizeof(to), "%016" PRIX64 ".%.*s", chance(),
	    NAME_SHOWN, name);
	if (renameat(f->fd, name, f->taken_fd, to) == -1)
		return errno == ENOENT ? PICKUP_LEFT : PICKUP_DENIED;
	*item_r = pickup_item_of(to);
	return *item_r == NULL ? PICKUP_LEFT : PICKUP_GOT;
}

struct pickup_item *
pickup_item_of(const char *name)
{
	struct pickup_item *item;

	if (strspn(name, "0123456789ABCDEF") != PICKUP_ID_LEN ||
	    name[PICKUP_ID_LEN] != '.' || strlen(name) > NAME_MAX)
		return NULL;
	item = mem_new(struct pickup_item);
	(void)snprintf(item->name, sizeof(item->name), "%s", name);
	return item;
}

/* ---- reading ------------------------------------------------------------- */

static int
read_all(int fd, size_t size, struct buf *out, struct err *e)
{
	buf_clear(out);
	buf_reserve(out, size + 1);
	while (out->len <= size) {
		ssize_t n = read(fd, out->p + out->len, size + 1 - out->len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return err_sys(e, "read");
		if (n == 0)
			return 0;
		out->len += (size_t)n;
	}
	return err_set(e, "somebody writes to it still");
}

int
pickup_read_file(int folder, const char *name, int64_t max, struct buf *out,
    struct err *e)
{
	int fd = openat(folder, name,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	int rc;

	if (fd == -1) {
		rc = errno == EACCES || errno == EPERM ? PICKUP_NEVER :
		    errno == ENOENT                    ? PICKUP_ABSENT :
							 -1;
		(void)err_sys(e, "open");
		return rc;
	}
	if (fstat(fd, &st) == -1) {
		rc = err_sys(e, "fstat");
	} else if (!S_ISREG(st.st_mode) || st.st_size > max) {
		(void)err_set(e, "no file, or one of more than %" PRId64 " MB",
		    max >> 20);
		rc = PICKUP_NEVER;
	} else {
		rc = read_all(fd, (size_t)st.st_size, out, e);
	}
	(void)close(fd);
	return rc;
}

int
pickup_read(const struct pickup_folders *f, struct pickup_item *item,
    struct err *e)
{
	return pickup_read_file(f->taken_fd, item->name, FILE_SIZE_MAX,
	    &item->bytes, e);
}

/* ---- the end of a file --------------------------------------------------- */

/* "NAME.ID", with something behind it. */
static void
bad_name(const struct pickup_item *item, const char *more,
    char out[NAME_MAX + 1])
{
	(void)snprintf(out, NAME_MAX + 1, "%.*s.%.*s%s", NAME_SHOWN,
	    item->name + PICKUP_ID_LEN + 1, PICKUP_ID_LEN, item->name, more);
}

int
pickup_write(int folder, const char *name, unsigned mode,
    const struct buf *text, struct err *e)
{
	static const char half[] = ".mailrace.tmp";
	size_t at = 0;
	bool good;
	int fd;

	/* Of one that is there nobody knows what it is: others write, too. */
	(void)unlinkat(folder, half, 0);
	fd = openat(folder, half,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, (mode_t)mode);
	good = fd != -1;
	while (good && at < text->len) {
		ssize_t n = write(fd, text->p + at, text->len - at);

		if (n > 0)
			at += (size_t)n;
		else if (n == 0 || errno != EINTR)
			good = false;
	}
	if (!good || fsync(fd) == -1 ||
	    renameat(folder, half, folder, name) == -1) {
		(void)err_sys(e, "%s", name);
		good = false;
	}
	if (fd != -1 && !good)
		(void)unlinkat(folder, half, 0);
	if (fd != -1)
		(void)close(fd);
	return good ? 0 : -1;
}

static int
write_bad(const struct pickup_folders *f, const char *name,
    const struct buf *text, struct err *e)
{
	return pickup_write(f->bad_fd, name, BAD_MODE, text, e) == -1 ?
	    err_where(e, "%s", f->bad_dir) :
	    0;
}

static int
write_reason(const struct pickup_folders *f, const struct pickup_item *item,
    const struct buf *text, struct err *e)
{
	char name[NAME_MAX + 1];

	bad_name(item, ".reason", name);
	return write_bad(f, name, text, e);
}

/* Its reason, then it, then what was known of it. */
static int
put_bad(const struct pickup_folders *f, const struct pickup_item *item,
    const struct buf *reason, struct err *e)
{
	char name[NAME_MAX + 1];

	bad_name(item, "", name);
	if (write_reason(f, item, reason, e) == -1)
		return -1;
	if (renameat(f->taken_fd, item->name, f->bad_fd, name) == -1)
		return err_sys(e, "%s/%s", f->bad_dir, name);
	return pickup_state_remove(f, item, e);
}

int
pickup_reject(const struct pickup_folders *f, const struct pickup_item *item,
    const char *why, struct err *e)
{
	struct buf reason = { 0 };
	int rc;

	buf_printf(&reason, "%s\n", why);
	rc = put_bad(f, item, &reason, e);
	buf_fini(&reason);
	return rc;
}

int
pickup_reject_unread(const struct pickup_folders *f, struct pickup_item *item,
    const char *why, struct err *e)
{
	char name[NAME_MAX + 1];
	struct buf reason = { 0 };
	int rc;

	bad_name(item, ".state", name);
	rc = pickup_state_keep(f, item, name, e);
	if (rc == -1)
		return rc;
	item->has_state = rc == 0;
	buf_printf(&reason, "%s\n", why);
	if (item->has_state)
		buf_printf(&reason,
		    "Do not put it back as it is: some of its recipients were "
		    "taken or refused.\n"
		    "%s has their numbers, from 0, in the order in which they "
		    "stood in the file.\n",
		    name);
	rc = put_bad(f, item, &reason, e);
	buf_fini(&reason);
	return rc;
}

static size_t
list_refused(const struct pickup_item *item, size_t *which, struct buf *reason)
{
	size_t n = 0;

	for (size_t i = 0; i < item->file.rcpt_count; i++)
		if (item->fates[i] == PICKUP_REFUSED) {
			which[n++] = i;
			buf_printf(reason, "<%s>: %s\n", item->file.rcpts[i],
			    item->why[i]);
		}
	return n;
}

/* A file that names them alone, so that the others do not get it twice. */
static int
keep_refused(const struct pickup_folders *f, const struct pickup_item *item,
    struct err *e)
{
	size_t *which = mem_array(item->file.rcpt_count, sizeof(*which)), n;
	struct buf again = { 0 }, reason = { 0 };
	char name[NAME_MAX + 1];
	int rc = 0;

	n = list_refused(item, which, &reason);
	bad_name(item, "", name);
	if (n > 0) {
		pickup_file_again(
		    (struct slice){ item->bytes.p, item->bytes.len },
		    &item->file, which, n, &again);
		rc = write_reason(f, item, &reason, e);
		if (rc == 0)
			rc = write_bad(f, name, &again, e);
		if (rc == 0 && fsync(f->bad_fd) == -1)
			rc = err_sys(e, "%s", f->bad_dir);
	}
	free(which);
	buf_fini(&again);
	buf_fini(&reason);
	return rc;
}

int
pickup_remove(const struct pickup_folders *f, const struct pickup_item *item,
    struct err *e)
{
	if (keep_refused(f, item, e) == -1)
		return -1;
	if (unlinkat(f->taken_fd, item->name, 0) == -1 && errno != ENOENT)
		return err_sys(e, "%s", item->name);
	return pickup_state_remove(f, item, e);
}
