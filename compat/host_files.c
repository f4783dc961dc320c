/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/host_files.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/run_command.h"

enum {
	FILE_MAX = 16 * 1024 * 1024,
	FILES_OPEN = 8,
	LOCK_MS = 20,
	LOCK_LOOKS = 50
};

/* ---- one file ------------------------------------------------------------ */

int
host_file_read(const char *path, struct buf *out, struct err *e)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	char piece[8192];
	ssize_t n = 1;

	if (fd == -1)
		return err_sys(e, "%s", path);
	while (n > 0 && out->len <= FILE_MAX) {
		n = read(fd, piece, sizeof(piece));
		if (n > 0)
			buf_add(out, piece, (size_t)n);
		else if (n == -1 && errno == EINTR)
			n = 1;
	}
	if (n == -1)
		(void)err_sys(e, "%s", path);
	(void)close(fd);
	if (out->len > FILE_MAX)
		return err_set(e, "%s is too long", path);
	return n == -1 ? -1 : 0;
}

int
host_file_text(const char *path, size_t max, struct region *rg,
    struct slice *text_r, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc = -1;
	struct stat st;
	char *text;
	ssize_t n;

	if (fd == -1)
		return err_sys(e, "%s", path);
	if (fstat(fd, &st) == -1) {
		(void)err_sys(e, "%s", path);
	} else if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > max) {
		(void)err_set(e, "%s: no file, or too large", path);
	} else {
		text = region_alloc(rg, (size_t)st.st_size + 1);
		n = pread(fd, text, (size_t)st.st_size, 0);
		if (n == -1) {
			(void)err_sys(e, "%s", path);
		} else {
			*text_r = (struct slice){ text, (size_t)n };
			rc = 0;
		}
	}
	(void)close(fd);
	return rc;
}

/*
 * Access lists, labels and what else somebody has said of a file.  What is
 * computed from its content (IMA, EVM) the kernel makes anew.
 */
static int
copy_attributes(const char *as, int fd)
{
	char names[4096], value[4096];
	const ssize_t len = listxattr(as, names, sizeof(names));

	if (len == -1)
		return errno == ENOTSUP ? 0 : -1;
	for (const char *p = names; p < names + len; p += strlen(p) + 1) {
		ssize_t n;

		if (strcmp(p, "security.ima") == 0 ||
		    strcmp(p, "security.evm") == 0)
			continue;
		n = getxattr(as, p, value, sizeof(value));
		if (n == -1 || fsetxattr(fd, p, value, (size_t)n, 0) == -1)
			return -1;
	}
	return 0;
}

/* The owner, mode and attributes of another; then it is on the disk. */
static int
make_alike(int fd, const char *as)
{
	struct stat st;

	if (stat(as, &st) == -1 || fchown(fd, st.st_uid, st.st_gid) == -1 ||
	    fchmod(fd, st.st_mode & 07777) == -1 ||
	    copy_attributes(as, fd) == -1)
		return -1;
	return fsync(fd);
}

static int
write_all(int fd, struct slice text)
{
	for (size_t done = 0; done < text.len;) {
		const ssize_t n = write(fd, text.p + done, text.len - done);

		if (n == -1 && errno != EINTR)
			return -1;
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

int
host_file_write(const char *path, struct slice text, const char *as,
    struct err *e)
{
	int fd, rc;

	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
	    0600);
	if (fd == -1)
		return err_sys(e, "%s", path);
	rc = write_all(fd, text);
	if (rc == 0)
		rc = as == NULL ? fsync(fd) : make_alike(fd, as);
	if (rc == -1)
		(void)err_sys(e, "%s", path);
	(void)close(fd);
	return rc;
}

int
host_dir_sync(const char *dir, struct err *e)
{
	const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (fd == -1)
		return err_sys(e, "%s", dir);
	rc = fsync(fd) == 0 ? 0 : err_sys(e, "%s", dir);
	(void)close(fd);
	return rc;
}

int
host_file_folders(const char *dir, const char *name, struct err *e)
{
	char path[4096];

	for (const char *p = strchr(name, '/'); p != NULL;
	     p = strchr(p + 1, '/')) {
		(void)snprintf(path, sizeof(path), "%s/%.*s", dir,
		    (int)(p - name), name);
		if (mkdir(path, 0700) == -1 && errno != EEXIST)
			return err_sys(e, "%s", path);
	}
	return 0;
}

void
host_file_remove(const char *dir, const char *name)
{
	char path[4096];
	size_t len = strlen(name);

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	(void)unlink(path);
	while (len-- > 0)
		if (name[len] == '/') {
			(void)snprintf(path, sizeof(path), "%s/%.*s", dir,
			    (int)len, name);
			(void)rmdir(path);
		}
}

int
host_diff(const char *was, const char *is, struct buf *out, struct err *e)
{
	const char *const argv[] = { "diff", "-u", "-N", "--label", was,
		"--label", was, was, is, NULL };
	struct command_end end;
	int rc = command_run(&(struct command){ .argv = argv }, &end, e);

	if (rc == 0 && (end.killed || end.code > 1))
		rc = err_set(e, "diff: %s", buf_cstr(&end.err));
	if (rc == 0)
		buf_add(out, end.out.p, end.out.len);
	command_end_fini(&end);
	return rc;
}

/* ---- all of them --------------------------------------------------------- */

void
host_files_init(struct host_files *f, const char *dir)
{
	*f = (struct host_files){ .rg = region_new(), .lock = -1 };
	f->dir = region_strdup(f->rg, dir);
	f->work = REGION_JOIN(f->rg, dir, "/mailrace-work");
	f->undo = REGION_JOIN(f->rg, dir, "/mailrace-undo");
}

size_t
host_files_add(struct host_files *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->v[i].name, name) == 0)
			return i;
	f->v = region_grow(f->rg, f->v, f->n, sizeof(*f->v));
	f->v[f->n] = (struct host_file){ .name = region_strdup(f->rg, name) };
	return f->n++;
}

const char *
host_files_path(const struct host_files *f, size_t i)
{
	return REGION_JOIN(f->rg, f->dir, "/", f->v[i].name);
}

const char *
host_files_copy_path(const struct host_files *f, size_t i)
{
	return REGION_JOIN(f->rg, f->work, "/", f->v[i].name);
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

void
host_tree_remove(const char *dir)
{
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): a program of one thread */
	(void)nftw(dir, remove_one, FILES_OPEN, FTW_DEPTH | FTW_PHYS);
}

void
host_files_fini(struct host_files *f)
{
	if (f->rg == NULL)
		return;
	if (f->lock != -1) {
		host_tree_remove(f->work);
		(void)close(f->lock);
	}
	for (size_t i = 0; i < f->n; i++)
		buf_fini(&f->v[i].is);
	region_free(&f->rg);
}

/* Who else may write there could have us write anywhere, by links. */
static int
check_folder(const struct host_files *f, int fd, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return err_sys(e, "%s", f->dir);
	if ((st.st_uid != 0 && st.st_uid != geteuid()) ||
	    (st.st_mode & S_IWOTH) != 0 ||
	    ((st.st_mode & S_IWGRP) != 0 && st.st_gid != 0))
		return err_set(e, "%s: others than root may write there",
		    f->dir);
	return 0;
}

/* A child of one who was killed has it, too, until it is another program. */
static int
lock(int fd)
{
	const struct timespec moment = { .tv_nsec = LOCK_MS * 1000000L };
	int rc = flock(fd, LOCK_EX | LOCK_NB);

	for (int i = 0; i < LOCK_LOOKS && rc == -1 && errno == EWOULDBLOCK;
	     i++) {
		(void)nanosleep(&moment, NULL);
		rc = flock(fd, LOCK_EX | LOCK_NB);
	}
	return rc;
}

int
host_files_lock(struct host_files *f, struct err *e)
{
	const int fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (fd == -1)
		return err_sys(e, "%s", f->dir);
	rc = check_folder(f, fd, e);
	if (rc == 0 && lock(fd) == -1)
		rc = err_sys(e, "%s: somebody else is at work", f->dir);
	if (rc == 0)
		f->lock = fd;
	else
		(void)close(fd);
	return rc;
}

/* A link would become a file.  0: it is there, or is not. */
static int
look_at(const char *path, bool *there_r, struct err *e)
{
	struct stat st;

	*there_r = lstat(path, &st) == 0;
	if (!*there_r && errno != ENOENT)
		return err_sys(e, "%s", path);
	if (*there_r && !S_ISREG(st.st_mode))
		return err_set(e,
		    "%s is not a plain file: who put it there has to change it",
		    path);
	return 0;
}

static int
copy(struct host_files *f, size_t i, struct err *e)
{
	struct host_file *v = &f->v[i];
	const char *from = host_files_path(f, i);

	buf_clear(&v->is);
	if (look_at(from, &v->there, e) == -1)
		return -1;
	if (!v->there)
		return 0;
	if (host_file_read(from, &v->is, e) == -1)
		return -1;
	return host_files_write(f, i, (struct slice){ v->is.p, v->is.len },
	    from, e);
}

int
host_files_copy(struct host_files *f, struct err *e)
{
	int rc = 0;

	CHECK(f->lock != -1);
	host_tree_remove(f->work); /* of one that was killed */
	if (mkdir(f->work, 0700) == -1 && errno != EEXIST)
		return err_sys(e, "%s", f->work);
	for (size_t i = 0; i < f->n && rc == 0; i++)
		rc = copy(f, i, e);
	return rc;
}

int
host_files_write(const struct host_files *f, size_t i, struct slice text,
    const char *as, struct err *e)
{
	if (host_file_folders(f->work, f->v[i].name, e) == -1)
		return -1;
	return host_file_write(host_files_copy_path(f, i), text, as, e);
}

static int
keep_mode(const struct host_files *f, size_t i, struct err *e)
{
	const char *path = host_files_copy_path(f, i);
	int fd, rc = 0;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return err_sys(e, "%s", path);
	if (make_alike(fd, host_files_path(f, i)) == -1)
		rc = err_sys(e, "%s", path);
	(void)close(fd);
	return rc;
}

int
host_files_keep_modes(const struct host_files *f, struct err *e)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->v[i].there && keep_mode(f, i, e) == -1)
			return -1;
	return 0;
}

int
host_files_diff(const struct host_files *f, struct buf *out, struct err *e)
{
	for (size_t i = 0; i < f->n; i++)
		if (host_diff(host_files_path(f, i), host_files_copy_path(f, i),
			out, e) == -1)
			return -1;
	return 0;
}

/* ---- the swap ------------------------------------------------------------ */

/* File and copy change places; either may be missing. */
static int
exchange(const struct host_files *f, size_t i)
{
	const char *file = host_files_path(f, i);
	const char *work = host_files_copy_path(f, i);

	if (access(file, F_OK) == -1)
		return renameat2(AT_FDCWD, work, AT_FDCWD, file,
		    RENAME_NOREPLACE);
	if (access(work, F_OK) == -1)
		return renameat2(AT_FDCWD, file, AT_FDCWD, work,
		    RENAME_NOREPLACE);
	return renameat2(AT_FDCWD, work, AT_FDCWD, file, RENAME_EXCHANGE);
}

/* Empty where it is missing. */
static int
read_copy(const struct host_files *f, size_t i, struct host_file *out,
    struct err *e)
{
	const char *path = host_files_copy_path(f, i);

	if (look_at(path, &out->there, e) == -1)
		return -1;
	return out->there ? host_file_read(path, &out->is, e) : 0;
}

static bool
is_equal(const struct host_file *a, const struct host_file *b)
{
	return a->there == b->there && a->is.len == b->is.len &&
	    (a->is.len == 0 || memcmp(a->is.p, b->is.p, a->is.len) == 0);
}

/*
 * The copy takes the place of the file, which must be what it was taken for:
 * else somebody has changed it meanwhile, and it comes back.
 */
static int
put(struct host_files *f, size_t i, struct err *e)
{
	struct host_file ours = { .there = false }, theirs = { .there = false };
	int rc = read_copy(f, i, &ours, e);

	if (rc == 0 && !ours.there && !f->v[i].there)
		return 0;
	if (rc == 0)
		rc = host_file_folders(f->work, f->v[i].name, e);
	if (rc == 0 && exchange(f, i) == -1)
		rc = err_sys(e, "%s", host_files_path(f, i));
	if (rc == 0) {
		rc = read_copy(f, i, &theirs, e);
		if (rc == 0 && !is_equal(&theirs, &f->v[i]))
			rc = err_set(e, "%s: somebody has changed it meanwhile",
			    host_files_path(f, i));
		if (rc == -1 && exchange(f, i) == -1)
			f->torn = true;
	}
	if (rc == 0) {
		buf_fini(&f->v[i].is);
		f->v[i].is = ours.is;
		f->v[i].there = ours.there;
	} else {
		buf_fini(&ours.is);
	}
	buf_fini(&theirs.is);
	return rc;
}

/* Also the folders of files that are new or gone. */
static int
sync_folders(const struct host_files *f, struct err *e)
{
	for (size_t i = 0; i < f->n; i++) {
		const char *path = host_files_path(f, i);
		const size_t len = (size_t)(strrchr(path, '/') - path);

		if (host_dir_sync(region_strndup(f->rg, path, len), e) == -1)
			return -1;
	}
	return 0;
}

static int
swap(struct host_files *f, bool back, struct err *e)
{
	struct err ignored;
	size_t done = 0;
	int rc = 0;

	CHECK(f->lock != -1);
	while (done < f->n && rc == 0) {
		rc = put(f, back ? done : f->n - 1 - done, e);
		done += rc == 0;
	}
	if (rc == 0)
		rc = sync_folders(f, e);
	while (rc == -1 && done-- > 0)
		if (put(f, back ? done : f->n - 1 - done, &ignored) == -1)
			f->torn = true;
	return rc;
}

int
host_files_swap(struct host_files *f, struct err *e)
{
	return swap(f, false, e);
}

int
host_files_swap_back(struct host_files *f, struct err *e)
{
	return swap(f, true, e);
}
