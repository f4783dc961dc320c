/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/postfix/pf_site.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
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

static int
write_all(int fd, struct slice text, const struct stat *as)
{
	for (size_t done = 0; done < text.len;) {
		const ssize_t n = write(fd, text.p + done, text.len - done);

		if (n == -1 && errno != EINTR)
			return -1;
		done += n > 0 ? (size_t)n : 0;
	}
	if (fchown(fd, as->st_uid, as->st_gid) == -1 ||
	    fchmod(fd, as->st_mode & 07777) == -1)
		return -1;
	return fsync(fd);
}

int
pf_file_write(const char *path, struct slice text, const char *as,
    struct err *e)
{
	struct stat st;
	int fd, rc;

	if (stat(as, &st) == -1)
		return err_sys(e, "%s", as);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd == -1)
		return err_sys(e, "%s", path);
	rc = write_all(fd, text, &st);
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
	region_free(&s->rg);
}

/* ---- asking -------------------------------------------------------------- */

int
pf_site_read(const struct pf_site *s, struct pf_said *h, struct err *e)
{
	struct buf all = { .p = NULL }, set = { .p = NULL };
	struct buf services = { .p = NULL };
	int rc = ask(ARGV("postconf", "-c", s->dir, "-x"), &all, e);

	if (rc == 0)
		rc = ask(ARGV("postconf", "-c", s->dir, "-n"), &set, e);
	if (rc == 0)
		rc = ask(ARGV("postconf", "-c", s->dir, "-M"), &services, e);
	if (rc == 0)
		pf_said_init(h, (struct slice){ all.p, all.len },
		    (struct slice){ set.p, set.len },
		    (struct slice){ services.p, services.len });
	buf_fini(&all);
	buf_fini(&set);
	buf_fini(&services);
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

bool
pf_site_has(const struct pf_site *s, const char *table, const char *key)
{
	struct err e;

	return ask(ARGV("postmap", "-c", s->dir, "-q", key, table), NULL, &e) ==
	    0;
}

/* ---- changing ------------------------------------------------------------ */

static int
lock(struct pf_site *s, struct err *e)
{
	const int fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1)
		return err_sys(e, "%s", s->dir);
	if (flock(fd, LOCK_EX | LOCK_NB) == -1) {
		(void)err_sys(e, "%s: somebody else is at work", s->dir);
		(void)close(fd);
		return -1;
	}
	s->lock = fd;
	return 0;
}

int
pf_site_copy(struct pf_site *s, struct err *e)
{
	if (check_files(s, e) == -1 || lock(s, e) == -1)
		return -1;
	remove_copies(s); /* of one that was killed */
	if (mkdir(s->work, 0700) == -1)
		return err_sys(e, "%s", s->work);
	for (int i = 0; i < PF_FILES; i++) {
		const char *from = file_in(s, s->dir, i);
		struct buf b = { .p = NULL };
		int rc = pf_file_read(from, &b, e);

		if (rc == 0)
			rc = pf_file_write(file_in(s, s->work, i),
			    (struct slice){ b.p, b.len }, from, e);
		buf_fini(&b);
		if (rc == -1)
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
	struct stat st;
	int fd, rc = 0;

	if (stat(file_in(s, s->dir, i), &st) == -1)
		return err_sys(e, "%s", file_in(s, s->dir, i));
	fd = open(copy, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return err_sys(e, "%s", copy);
	if (fchown(fd, st.st_uid, st.st_gid) == -1 ||
	    fchmod(fd, st.st_mode & 07777) == -1 || fsync(fd) == -1)
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

/* Of the first n files. */
static void
exchange_back(const struct pf_site *s, int n)
{
	while (n-- > 0)
		(void)exchange(s, n);
}

int
pf_site_swap(const struct pf_site *s, struct err *e)
{
	CHECK(s->lock != -1);
	for (int i = 0; i < PF_FILES; i++) {
		if (exchange(s, i) == 0)
			continue;
		(void)err_sys(e, "%s", file_in(s, s->dir, i));
		exchange_back(s, i);
		return -1;
	}
	if (pf_dir_sync(s->dir, e) == 0)
		return 0;
	exchange_back(s, PF_FILES);
	return -1;
}

int
pf_site_reload(const struct pf_site *s, struct err *e)
{
	return ask(ARGV("postfix", "-c", s->dir, "reload"), NULL, e);
}
