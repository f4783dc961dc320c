/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/postfix/pf_site.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/run_command.h"

enum { FILE_MAX = 16 * 1024 * 1024 };

const char *const pf_files[PF_FILES] = { "main.cf", "master.cf" };

#define ARGV(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* ---- programs of Postfix ------------------------------------------------- */

/* What it printed; it must end with status 0. */
static int
ask(const char *const *argv, struct buf *out, struct err *e)
{
	const struct command c = { .argv = argv };
	struct command_end end;
	int rc = command_must(&c, &end, e);

	if (rc == 0 && out != NULL)
		buf_add(out, end.out.p, end.out.len);
	command_end_fini(&end);
	return rc;
}

/* ---- files --------------------------------------------------------------- */

int
pf_file_read(const char *path, struct buf *out, struct err *e)
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
pf_file_write(const char *path, struct slice text, const char *as,
    struct err *e)
{
	int fd, rc;

	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
	    0600);
	if (fd == -1)
		return err_sys(e, "%s", path);
	rc = write_all(fd, text);
	if (rc == 0)
		rc = make_alike(fd, as);
	if (rc == -1)
		(void)err_sys(e, "%s", path);
	(void)close(fd);
	return rc;
}

int
pf_dir_sync(const char *dir, struct err *e)
{
	const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (fd == -1)
		return err_sys(e, "%s", dir);
	rc = fsync(fd) == 0 ? 0 : err_sys(e, "%s", dir);
	(void)close(fd);
	return rc;
}

static const char *
file_in(const struct pf_site *s, const char *dir, int i)
{
	return region_printf(s->rg, "%s/%s", dir, pf_files[i]);
}

/* ---- the place ----------------------------------------------------------- */

static const char *
first_line(struct region *rg, const struct buf *b)
{
	size_t len = 0;

	while (len < b->len && b->p[len] != '\n')
		len++;
	return region_strndup(rg, b->len == 0 ? "" : b->p, len);
}

/* postconf replaces what it edits: a link would become a file. */
static int
check_files(const struct pf_site *s, struct err *e)
{
	struct stat st;

	for (int i = 0; i < PF_FILES; i++) {
		const char *path = file_in(s, s->dir, i);

		if (lstat(path, &st) == -1)
			return err_sys(e, "%s", path);
		if (!S_ISREG(st.st_mode))
			return err_set(e,
			    "%s is not a plain file: who put it there has to "
			    "change it",
			    path);
	}
	return 0;
}

int
pf_site_init(struct pf_site *s, const char *dir, struct err *e)
{
	struct buf out = { .p = NULL };
	int rc = 0;

	*s = (struct pf_site){ .rg = region_new(), .lock = -1 };
	if (dir == NULL)
		rc = ask(ARGV("postconf", "-h", "config_directory"), &out, e);
	if (rc == 0) {
		s->dir = dir == NULL ? first_line(s->rg, &out) :
				       region_strdup(s->rg, dir);
		s->work = REGION_JOIN(s->rg, s->dir, "/mailrace-work");
		s->undo = REGION_JOIN(s->rg, s->dir, "/mailrace-undo");
	}
	buf_fini(&out);
	return rc;
}

static void
remove_copies(const struct pf_site *s)
{
	for (int i = 0; i < PF_FILES; i++)
		(void)unlink(file_in(s, s->work, i));
	(void)rmdir(s->work);
}

void
pf_site_fini(struct pf_site *s)
{
	if (s->lock != -1) {
		remove_copies(s);
		(void)close(s->lock);
	}
	for (int i = 0; i < PF_FILES; i++)
		buf_fini(&s->is[i]);
	region_free(&s->rg);
}

/* ---- asking -------------------------------------------------------------- */

int
pf_site_read(const struct pf_site *s, struct pf_conf *c, struct err *e)
{
	static const struct {
		const char *option;
		void (*read)(struct pf_conf *c, struct slice text);
	} questions[] = {
		{ "-x", pf_conf_read_values },
		{ "-n", pf_conf_read_set },
		{ "-M", pf_conf_read_services },
	};
	int rc = 0;

	for (size_t i = 0;
	     i < sizeof(questions) / sizeof(questions[0]) && rc == 0; i++) {
		struct buf said = { .p = NULL };

		rc = ask(ARGV("postconf", "-c", s->dir, questions[i].option),
		    &said, e);
		if (rc == 0)
			questions[i].read(c,
			    (struct slice){ said.p, said.len });
		buf_fini(&said);
	}
	return rc;
}

bool
pf_site_runs(const struct pf_site *s)
{
	struct err e;

	return ask(ARGV("postfix", "-c", s->dir, "status"), NULL, &e) == 0;
}

int
pf_site_list(const struct pf_site *s, const char *table, struct buf *out,
    struct err *e)
{
	return ask(ARGV("postmap", "-c", s->dir, "-s", table), out, e);
}

int
pf_site_has(const struct pf_site *s, const char *table, const char *key,
    struct err *e)
{
	const struct command c = { .argv = ARGV("postmap", "-c", s->dir, "-q",
				       key, table),
		.timeout_s = 10 };
	struct command_end end;
	int rc = command_must(&c, &end, e);

	/* Status 1 is "no", and whatever it could not do. */
	if (rc == 0)
		rc = 1;
	else if (end.code == 1 && !end.killed &&
	    (end.err.len == 0 ||
		memmem(end.err.p, end.err.len, "fatal:", 6) == NULL))
		rc = 0;
	command_end_fini(&end);
	return rc;
}

/* ---- changing ------------------------------------------------------------ */

/* Who else may write there could have us write anywhere, by links. */
static int
check_folder(const struct pf_site *s, int fd, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return err_sys(e, "%s", s->dir);
	if ((st.st_uid != 0 && st.st_uid != geteuid()) ||
	    (st.st_mode & S_IWOTH) != 0 ||
	    ((st.st_mode & S_IWGRP) != 0 && st.st_gid != 0))
		return err_set(e,
		    "%s: others than root may write there: postfix check tells "
		    "of it, too",
		    s->dir);
	return 0;
}

int
pf_site_lock(struct pf_site *s, struct err *e)
{
	const int fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (fd == -1)
		return err_sys(e, "%s", s->dir);
	rc = check_folder(s, fd, e);
	if (rc == 0 && flock(fd, LOCK_EX | LOCK_NB) == -1)
		rc = err_sys(e, "%s: somebody else is at work", s->dir);
	if (rc == 0)
		s->lock = fd;
	else
		(void)close(fd);
	return rc;
}

int
pf_site_copy(struct pf_site *s, struct err *e)
{
	CHECK(s->lock != -1);
	if (check_files(s, e) == -1)
		return -1;
	remove_copies(s); /* of one that was killed */
	if (mkdir(s->work, 0700) == -1)
		return err_sys(e, "%s", s->work);
	for (int i = 0; i < PF_FILES; i++) {
		const char *from = file_in(s, s->dir, i);
		struct buf *b = &s->is[i];

		buf_clear(b);
		if (pf_file_read(from, b, e) == -1 ||
		    pf_file_write(file_in(s, s->work, i),
			(struct slice){ b->p, b->len }, from, e) == -1)
			return -1;
	}
	return 0;
}

static int
edit(const struct pf_site *s, const struct pf_change *c, struct err *e)
{
	static const char *const set[] = { [PF_PARAMETER] = "-e",
		[PF_SERVICE] = "-Me",
		[PF_OPTION] = "-Pe" };
	static const char *const remove[] = { [PF_PARAMETER] = "-X",
		[PF_SERVICE] = "-MX",
		[PF_OPTION] = "-PX" };
	const char *what = c->name;

	if (c->value != NULL)
		what = REGION_JOIN(s->rg, c->name, "=", c->value);
	return ask(ARGV("postconf", "-c", s->work,
		       c->value == NULL ? remove[c->kind] : set[c->kind], what),
	    NULL, e);
}

/* postconf makes new files, with a mode of its own. */
static int
keep_mode(const struct pf_site *s, int i, struct err *e)
{
	const char *copy = file_in(s, s->work, i);
	int fd, rc = 0;

	fd = open(copy, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return err_sys(e, "%s", copy);
	if (make_alike(fd, file_in(s, s->dir, i)) == -1)
		rc = err_sys(e, "%s", copy);
	(void)close(fd);
	return rc;
}

int
pf_site_edit(const struct pf_site *s, const struct pf_plan *p, struct err *e)
{
	for (size_t i = 0; i < p->count; i++)
		if (edit(s, &p->changes[i], e) == -1)
			return err_where(e, "%s", p->changes[i].name);
	for (int i = 0; i < PF_FILES; i++)
		if (keep_mode(s, i, e) == -1)
			return -1;
	return 0;
}

int
pf_diff(const char *was, const char *is, struct buf *out, struct err *e)
{
	const struct command c = { .argv = ARGV("diff", "-u", "--label", was,
				       "--label", was, was, is) };
	struct command_end end;
	int rc = command_run(&c, &end, e);

	if (rc == 0 && (end.killed || end.code > 1))
		rc = err_set(e, "diff: %s", buf_cstr(&end.err));
	if (rc == 0)
		buf_add(out, end.out.p, end.out.len);
	command_end_fini(&end);
	return rc;
}

int
pf_site_diff(const struct pf_site *s, struct buf *out, struct err *e)
{
	for (int i = 0; i < PF_FILES; i++)
		if (pf_diff(file_in(s, s->dir, i), file_in(s, s->work, i), out,
			e) == -1)
			return -1;
	return 0;
}

static int
exchange(const struct pf_site *s, int i)
{
	return renameat2(AT_FDCWD, file_in(s, s->work, i), AT_FDCWD,
	    file_in(s, s->dir, i), RENAME_EXCHANGE);
}

static bool
is_equal(const struct buf *a, const struct buf *b)
{
	return a->len == b->len &&
	    (a->len == 0 || memcmp(a->p, b->p, a->len) == 0);
}

/*
 * The copy takes the place of the file, which must be what it was taken for:
 * else somebody has changed it meanwhile, and it comes back.
 */
static int
put(struct pf_site *s, int i, struct err *e)
{
	struct buf ours = { .p = NULL }, theirs = { .p = NULL };
	const char *work = file_in(s, s->work, i);
	int rc = pf_file_read(work, &ours, e);

	if (rc == 0 && exchange(s, i) == -1)
		rc = err_sys(e, "%s", file_in(s, s->dir, i));
	if (rc == 0) {
		rc = pf_file_read(work, &theirs, e);
		if (rc == 0 && !is_equal(&theirs, &s->is[i]))
			rc = err_set(e, "%s: somebody has changed it meanwhile",
			    file_in(s, s->dir, i));
		if (rc == -1 && exchange(s, i) == -1)
			s->torn = true;
	}
	if (rc == 0) {
		buf_fini(&s->is[i]);
		s->is[i] = ours;
	} else {
		buf_fini(&ours);
	}
	buf_fini(&theirs);
	return rc;
}

static int
swap(struct pf_site *s, const int *order, struct err *e)
{
	struct err ignored;
	int n = 0, rc = 0;

	CHECK(s->lock != -1);
	while (n < PF_FILES && rc == 0) {
		rc = put(s, order[n], e);
		n += rc == 0;
	}
	if (rc == 0)
		rc = pf_dir_sync(s->dir, e);
	while (rc == -1 && n-- > 0)
		if (put(s, order[n], &ignored) == -1)
			s->torn = true;
	return rc;
}

int
pf_site_swap(struct pf_site *s, struct err *e)
{
	return swap(s, (const int[PF_FILES]){ 1, 0 }, e);
}

int
pf_site_swap_back(struct pf_site *s, struct err *e)
{
	return swap(s, (const int[PF_FILES]){ 0, 1 }, e);
}

int
pf_site_reload(const struct pf_site *s, struct err *e)
{
	return ask(ARGV("postfix", "-c", s->dir, "reload"), NULL, e);
}
