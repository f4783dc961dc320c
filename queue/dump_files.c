/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/dump_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/mem.h"
#include "queue/bytes.h"
#include "queue/dump_stream.h"

#define STATE_FILE "acct-state"
#define BUFFERS "acct"

enum { ID_LEN = 16, DIGITS_MIN = 8, DIGITS_MAX = 18 };

/* ---- names --------------------------------------------------------------- */

static bool
is_id(const char *p, size_t len)
{
	return len == ID_LEN && strspn(p, "0123456789abcdef") >= ID_LEN;
}

static bool
is_buffer_file(const char *p)
{
	size_t digits = strspn(p, "0123456789");

	return strcmp(p, "name") == 0 ||
	    (digits >= DIGITS_MIN && digits <= DIGITS_MAX &&
		(strcmp(p + digits, ".csv") == 0 ||
		    strcmp(p + digits, ".json") == 0));
}

bool
dump_files_knows(struct slice name)
{
	const size_t folder = strlen(BUFFERS) + 1, id_end = folder + ID_LEN;
	char text[64];

	if (slice_eq(name, STATE_FILE))
		return true;
	if (name.len <= id_end || name.len >= sizeof(text) ||
	    memchr(name.p, '\0', name.len) != NULL)
		return false;
	memcpy(text, name.p, name.len);
	text[name.len] = '\0';
	return strncmp(text, BUFFERS "/", folder) == 0 &&
	    is_id(text + folder, ID_LEN) && text[id_end] == '/' &&
	    is_buffer_file(text + id_end + 1);
}

/* ---- folders ------------------------------------------------------------- */

struct names {
	struct region *rg;
	char **v;
	size_t n, cap;
};

static void
add_name(struct names *l, const char *name)
{
	if (l->n == l->cap) {
		l->cap = l->cap == 0 ? 64 : l->cap * 2;
		l->v = mem_realloc(l->v, l->cap * sizeof(*l->v));
	}
	l->v[l->n++] = region_strdup(l->rg, name);
}

static int
compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What is in a folder, sorted; one that is not there is empty. */
static int
list(const char *path, struct names *l, struct err *e)
{
	DIR *d = opendir(path);
	const struct dirent *entry;

	*l = (struct names){ .rg = region_new() };
	if (d == NULL)
		return errno == ENOENT ? 0 : err_sys(e, "%s", path);
	/* One thread: nobody else has this folder. */
	/* NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while ((entry = readdir(d)) != NULL)
		add_name(l, entry->d_name);
	(void)closedir(d);
	if (l->n > 0)
		qsort(l->v, l->n, sizeof(*l->v), compare);
	return 0;
}

static void
names_fini(struct names *l)
{
	region_free(&l->rg);
	free(l->v);
}

/* ---- reading ------------------------------------------------------------- */

static int
read_fd(int fd, const char *path, struct buf *out, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return err_sys(e, "%s", path);
	if (st.st_size > DUMP_FRAME_MAX)
		return err_set(e, "%s is too large", path);
	buf_clear(out);
	buf_reserve(out, (size_t)st.st_size);
	while (out->len < (size_t)st.st_size) {
		ssize_t n = read(fd, out->p + out->len,
		    (size_t)st.st_size - out->len);

		if (n == -1)
			return err_sys(e, "%s", path);
		if (n == 0)
			return err_set(e, "%s is cut short", path);
		out->len += (size_t)n;
	}
	return 0;
}

struct each {
	const char *dir;
	dump_file_fn *fn;
	void *ctx;
	struct buf bytes;
};

static int
read_one(struct each *x, const char *name, struct err *e)
{
	struct buf path = { 0 };
	int fd, rc = 0;

	buf_printf(&path, "%s/%s", x->dir, name);
	fd = open(buf_cstr(&path), O_RDONLY | O_CLOEXEC);
	if (fd == -1 && errno != ENOENT)
		rc = err_sys(e, "%s", buf_cstr(&path));
	if (fd != -1) {
		rc = read_fd(fd, buf_cstr(&path), &x->bytes, e);
		if (rc == 0)
			rc = x->fn(x->ctx, slice_of(name),
			    bytes(x->bytes.p, x->bytes.len), e);
		(void)close(fd);
	}
	buf_fini(&path);
	return rc;
}

static int
read_buffer(struct each *x, const char *id, struct err *e)
{
	struct buf path = { 0 };
	struct names l;
	int rc;

	buf_printf(&path, "%s/" BUFFERS "/%s", x->dir, id);
	rc = list(buf_cstr(&path), &l, e);
	for (size_t i = 0; rc == 0 && i < l.n; i++) {
		buf_clear(&path);
		buf_printf(&path, BUFFERS "/%s/%s", id, l.v[i]);
		if (is_buffer_file(l.v[i]))
			rc = read_one(x, buf_cstr(&path), e);
	}
	names_fini(&l);
	buf_fini(&path);
	return rc;
}

int
dump_files_each(const char *dir, dump_file_fn *fn, void *ctx, struct err *e)
{
	struct each x = { .dir = dir, .fn = fn, .ctx = ctx };
	struct buf path = { 0 };
	struct names l;
	int rc;

	buf_printf(&path, "%s/" BUFFERS, dir);
	rc = list(buf_cstr(&path), &l, e);
	if (rc == 0)
		rc = read_one(&x, STATE_FILE, e);
	for (size_t i = 0; rc == 0 && i < l.n; i++)
		if (is_id(l.v[i], strlen(l.v[i])))
			rc = read_buffer(&x, l.v[i], e);
	names_fini(&l);
	buf_fini(&path);
	buf_fini(&x.bytes);
	return rc;
}

/* ---- writing ------------------------------------------------------------- */

static int
write_fd(int fd, struct slice s, struct err *e)
{
	while (s.len > 0) {
		ssize_t n = write(fd, s.p, s.len);

		if (n == -1)
			return err_sys(e, "writing a file of the spool");
		s = bytes(s.p + n, s.len - (size_t)n);
	}
	return fsync(fd) == 0 ? 0 : err_sys(e, "fsync");
}

/* Those above the last part of path, from the spool on. */
static int
make_folders(char *path, size_t spool_len, struct err *e)
{
	for (char *p = path + spool_len + 1; (p = strchr(p, '/')) != NULL;
	     p++) {
		*p = '\0';
		if (mkdir(path, 0700) == -1 && errno != EEXIST)
			return err_sys(e, "%s", path);
		*p = '/';
	}
	return 0;
}

int
dump_files_make(const char *dir, struct slice name, struct slice bytes,
    struct err *e)
{
	struct buf path = { 0 };
	int fd = -1, rc;

	buf_printf(&path, "%s/%.*s%c", dir, (int)name.len, name.p, '\0');
	rc = make_folders(path.p, strlen(dir), e);
	if (rc == 0) {
		fd = open(path.p, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
		    0600);
		rc = fd == -1 ? err_sys(e, "%s", path.p) :
				write_fd(fd, bytes, e);
	}
	if (fd != -1)
		(void)close(fd);
	buf_fini(&path);
	return rc;
}

void
dump_files_folders(const char *dir, dump_folder_fn *fn, void *ctx)
{
	struct buf path = { 0 };
	struct names l;
	struct err e;

	buf_printf(&path, "%s/" BUFFERS, dir);
	if (list(buf_cstr(&path), &l, &e) == 0 && l.n > 0) {
		for (size_t i = 0; i < l.n; i++) {
			struct buf inner = { 0 };

			buf_printf(&inner, "%s/%s", buf_cstr(&path), l.v[i]);
			if (is_id(l.v[i], strlen(l.v[i])))
				fn(ctx, buf_cstr(&inner));
			buf_fini(&inner);
		}
		fn(ctx, buf_cstr(&path));
	}
	names_fini(&l);
	buf_fini(&path);
}
