/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/acct_rotate.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "mail/acct_name.h"
#include "transport/acct_file.h"

void
acct_rotate_folder(const char *path, struct buf *out)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		buf_str(out, "./");
	else
		buf_add(out, path, (size_t)(slash + 1 - path));
}

/* ---- a folder, file by file ---------------------------------------------- */

struct found {
	struct acct_name name;
	const char *base; /* without the folder */
	const char *path;
	struct stat st;
};

struct walk {
	const char *path; /* of the configuration */
	struct buf dir;   /* with its slash */
	DIR *open;
	struct buf file;
};

static int
walk_begin(struct walk *w, const char *path, const char *dir, struct err *e)
{
	memset(w, 0, sizeof(*w));
	w->path = path;
	if (dir == NULL)
		acct_rotate_folder(path, &w->dir);
	else
		buf_printf(&w->dir, "%s/", dir);
	w->open = opendir(buf_cstr(&w->dir));
	if (w->open == NULL)
		return err_sys(e, "%s", buf_cstr(&w->dir));
	return 0;
}

static void
walk_end(struct walk *w)
{
	if (w->open != NULL)
		(void)closedir(w->open);
	buf_fini(&w->dir);
	buf_fini(&w->file);
}

/* The next file of this acct-file; false behind the last. */
static bool
walk_next(struct walk *w, struct found *f_r)
{
	const struct dirent *d;

	/* Each walk has a stream of its own. */
	/* NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while ((d = readdir(w->open)) != NULL) {
		if (!acct_name_parse(w->path, d->d_name, &f_r->name))
			continue;
		buf_clear(&w->file);
		buf_add(&w->file, w->dir.p, w->dir.len);
		buf_str(&w->file, d->d_name);
		f_r->base = d->d_name;
		f_r->path = buf_cstr(&w->file);
		if (lstat(f_r->path, &f_r->st) == 0 && S_ISREG(f_r->st.st_mode))
			return true;
	}
	return false;
}

/* ---- the next name ------------------------------------------------------- */

struct highest {
	const char *day;
	const char *current;
	uint64_t number; /* + 1; 0: there is none of that day */
	bool is_empty;   /* and it is not the current one: use it */
};

static void
look_at(struct highest *h, const struct found *f)
{
	if (strcmp(f->name.day, h->day) != 0 || f->name.number < h->number)
		return;
	h->number = f->name.number + 1;
	h->is_empty = f->st.st_size == 0 && strcmp(f->base, h->current) != 0;
}

static int
look_in(struct highest *h, const char *path, const char *dir, struct err *e)
{
	struct walk w;
	struct found f;
	int rc = walk_begin(&w, path, dir, e);

	while (rc == 0 && walk_next(&w, &f))
		look_at(h, &f);
	walk_end(&w);
	return rc;
}

int
acct_rotate_next(const struct acct_place *p, int64_t wall_us,
    struct buf *path_r, struct err *e)
{
	struct acct_name current, next;
	struct highest h = { .day = next.day, .current = p->current }, moved;

	acct_name_day(next.day, wall_us);
	if (look_in(&h, p->path, NULL, e) == -1)
		return -1;
	moved = h;
	moved.number = 0;
	/* A folder that is not there has no files; who moves says so. */
	if (p->move_to[0] != '\0')
		(void)look_in(&moved, p->path, p->move_to, e);
	next.number = h.is_empty ? h.number - 1 : h.number;
	if (moved.number > next.number)
		next.number = moved.number;
	if (acct_name_parse(p->path, p->current, &current) &&
	    strcmp(current.day, next.day) == 0 && current.number >= next.number)
		next.number = current.number + 1;
	acct_rotate_folder(p->path, path_r);
	acct_name_make(p->path, &next, path_r);
	return 0;
}

/* ---- finished ones ------------------------------------------------------- */

static int
move_one(const char *from, const char *to, struct err *e)
{
	struct stat st;

	/* Numbers are not used twice: this would be another's file. */
	if (lstat(to, &st) == 0)
		return err_set(e, "%s: is there already", to);
	if (rename(from, to) == -1)
		return err_sys(e, "%s to %s", from, to);
	return 0;
}

/* An empty one is what a crash left: the next name takes it. */
static bool
is_finished(const struct acct_place *p, const struct found *f)
{
	return f->st.st_size > 0 && strcmp(f->base, p->current) != 0;
}

int
acct_rotate_move(const struct acct_place *p, struct err *e)
{
	struct buf to = { 0 };
	struct walk w;
	struct found f;
	int count = 0;

	if (walk_begin(&w, p->path, NULL, e) == -1)
		count = -1;
	while (count != -1 && walk_next(&w, &f)) {
		if (!is_finished(p, &f))
			continue;
		buf_clear(&to);
		buf_printf(&to, "%s/%s", p->move_to, f.base);
		count = move_one(f.path, buf_cstr(&to), e) == -1 ? -1 :
								   count + 1;
	}
	walk_end(&w);
	buf_fini(&to);
	return count;
}

int
acct_rotate_expire(const struct acct_place *p, int64_t before_us, struct err *e)
{
	struct walk w;
	struct found f;
	int count = 0;

	if (walk_begin(&w, p->path, NULL, e) == -1)
		count = -1;
	while (count != -1 && walk_next(&w, &f)) {
		if (strcmp(f.base, p->current) == 0 ||
		    f.st.st_mtime >= before_us / US_PER_S)
			continue;
		if (unlink(f.path) == -1 && errno != ENOENT) {
			count = err_sys(e, "%s", f.path);
			break;
		}
		log_note(LOG_L_INFO, "acct-finished", "%s is deleted by age",
		    f.path);
		count++;
	}
	walk_end(&w);
	return count;
}

void
acct_rotate_leave_empty(const struct acct_place *p)
{
	struct buf path = { 0 };
	struct stat st;

	acct_rotate_folder(p->path, &path);
	buf_str(&path, p->current);
	/* If it stays, nobody minds. */
	if (lstat(buf_cstr(&path), &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_size == 0)
		(void)unlink(path.p);
	buf_fini(&path);
}
