/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/acct_buffer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "transport/acct_file.h"

#define FOLDER "acct"   /* in the spool */
#define NAME "name"     /* in a buffer's folder: the tag */
#define UNUSED "unused" /* likewise: since when nobody wants it, by its age */

enum { DIGITS_MIN = 8, DIGITS_MAX = 18, NAME_MAX_BYTES = 4096 };

/* ---- names --------------------------------------------------------------- */

void
acct_buffer_id(char out[ACCT_BUFFER_ID], const char *tag)
{
	unsigned char hash[SHA256_DIGEST_LENGTH];

	CHECK(SHA256((const unsigned char *)tag, strlen(tag), hash) != NULL);
	for (size_t i = 0; i < (ACCT_BUFFER_ID - 1) / 2; i++)
		(void)snprintf(out + 2 * i, 3, "%02x", hash[i]);
}

void
acct_buffer_path(const char *folder, uint64_t number, bool json,
    struct buf *out)
{
	buf_printf(out, "%s/%08" PRIu64 "%s", folder, number,
	    json ? ".json" : ".csv");
}

uint64_t
acct_buffer_number(const char *name)
{
	uint64_t n = 0;
	size_t digits = 0;

	for (;
	     name[digits] >= '0' && name[digits] <= '9' && digits < DIGITS_MAX;
	     digits++)
		n = n * 10 + (uint64_t)(name[digits] - '0');
	if (digits < DIGITS_MIN ||
	    (strcmp(name + digits, ".csv") != 0 &&
		strcmp(name + digits, ".json") != 0))
		return 0;
	return n;
}

int
acct_buffer_open(const char *folder, uint64_t number, bool *json_r)
{
	struct buf path = { 0 };
	int fd;

	*json_r = false;
	acct_buffer_path(folder, number, false, &path);
	fd = open(buf_cstr(&path), O_RDONLY | O_CLOEXEC);
	if (fd == -1 && errno == ENOENT) {
		buf_clear(&path);
		acct_buffer_path(folder, number, true, &path);
		fd = open(buf_cstr(&path), O_RDONLY | O_CLOEXEC);
		*json_r = true;
	}
	buf_fini(&path);
	return fd;
}

/* ---- life ---------------------------------------------------------------- */

static int
make_folder(const char *path, struct err *e)
{
	if (mkdir(path, 0700) == 0)
		return acct_file_sync_folder(path, e);
	return errno == EEXIST ? 0 : err_sys(e, "%s", path);
}

/* For people; nothing depends on it. */
static void
write_name(const char *folder, const char *tag)
{
	struct buf path = { 0 };
	FILE *f;

	buf_printf(&path, "%s/" UNUSED, folder);
	(void)unlink(buf_cstr(&path));
	buf_clear(&path);
	buf_printf(&path, "%s/" NAME, folder);
	f = fopen(buf_cstr(&path), "we");
	if (f != NULL) {
		(void)fprintf(f, "%s\n", tag);
		(void)fclose(f);
	}
	buf_fini(&path);
}

int
acct_buffer_new(const char *spool_dir, const char *tag,
    struct acct_buffer **b_r, struct err *e)
{
	struct acct_buffer *b = mem_new(struct acct_buffer);
	struct buf path = { 0 };
	char id[ACCT_BUFFER_ID];
	int rc;

	acct_buffer_id(id, tag);
	buf_printf(&path, "%s/" FOLDER, spool_dir);
	rc = make_folder(buf_cstr(&path), e);
	buf_printf(&path, "/%s", id);
	if (rc == 0)
		rc = make_folder(buf_cstr(&path), e);
	b->folder = buf_take(&path, NULL);
	if (rc == 0)
		write_name(b->folder, tag);
	else
		acct_buffer_free(&b);
	*b_r = b;
	return rc;
}

void
acct_buffer_free(struct acct_buffer **bp)
{
	struct acct_buffer *b = *bp;

	*bp = NULL;
	if (b == NULL)
		return;
	free(b->sizes);
	free(b->folder);
	free(b);
}

/* ---- what waits ---------------------------------------------------------- */

void
acct_buffer_finished(struct acct_buffer *b, uint64_t size)
{
	if (b->count == b->cap) {
		b->cap = b->cap == 0 ? 16 : 2 * b->cap;
		b->sizes = mem_realloc(b->sizes, b->cap * sizeof(*b->sizes));
	}
	b->sizes[b->count++] = size;
	b->finished += size;
}

static uint64_t
size_of(const struct acct_buffer *b, uint64_t number)
{
	struct stat st = { 0 };
	bool json;
	int fd = acct_buffer_open(b->folder, number, &json);

	if (fd == -1)
		return 0; /* somebody took it away */
	if (fstat(fd, &st) == -1)
		st.st_size = 0;
	(void)close(fd);
	return (uint64_t)st.st_size;
}

/* The lowest and the highest number that is there; 0, 0: none. */
static void
look(const struct acct_buffer *b, uint64_t *low_r, uint64_t *high_r)
{
	DIR *dir = opendir(b->folder);
	const struct dirent *d;

	*low_r = *high_r = 0;
	/* Each call has a stream of its own. */
	/* NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while (dir != NULL && (d = readdir(dir)) != NULL) {
		uint64_t n = acct_buffer_number(d->d_name);

		if (n == 0)
			continue;
		if (*low_r == 0 || n < *low_r)
			*low_r = n;
		if (n > *high_r)
			*high_r = n;
	}
	if (dir != NULL)
		(void)closedir(dir);
}

/*
 * A crash may leave the next file without a row, before the state named it.
 * It would hide one of the same number in the other form.
 */
static void
remove_empty_above(const struct acct_buffer *b, uint64_t number)
{
	DIR *dir = opendir(b->folder);
	const struct dirent *d;
	struct stat st;

	/* Each call has a stream of its own. */
	/* NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while (dir != NULL && (d = readdir(dir)) != NULL)
		if (acct_buffer_number(d->d_name) > number &&
		    fstatat(dirfd(dir), d->d_name, &st, 0) == 0 &&
		    st.st_size == 0)
			(void)unlinkat(dirfd(dir), d->d_name, 0);
	if (dir != NULL)
		(void)closedir(dir);
}

uint64_t
acct_buffer_start(struct acct_buffer *b, uint64_t cursor_number,
    uint64_t cursor_offset, uint64_t current)
{
	uint64_t low, high;

	look(b, &low, &high);
	if (current == 0) {
		current = high + 1;
		cursor_number = low == 0 ? current : low;
		cursor_offset = 0;
	} else {
		remove_empty_above(b, current);
	}
	b->cursor_number = cursor_number;
	b->cursor_offset = cursor_offset;
	b->count = 0;
	b->finished = 0;
	for (uint64_t n = cursor_number; n < current; n++)
		acct_buffer_finished(b, size_of(b, n));
	acct_buffer_remove(b, cursor_number);
	return current;
}

/* ---- the cursor ---------------------------------------------------------- */

uint64_t
acct_buffer_waiting(const struct acct_buffer *b, uint64_t size)
{
	uint64_t first = b->count > 0 ? b->sizes[0] : size;
	uint64_t taken = b->cursor_offset < first ? b->cursor_offset : first;

	return b->finished + size - taken;
}

bool
acct_buffer_taken(struct acct_buffer *b, uint64_t number, uint64_t offset,
    uint64_t current, uint64_t size)
{
	if (number > current || (number == current && offset > size) ||
	    number < b->cursor_number ||
	    (number == b->cursor_number && offset < b->cursor_offset))
		return false;
	for (; b->cursor_number < number; b->cursor_number++) {
		CHECK(b->count > 0);
		b->finished -= b->sizes[0];
		memmove(b->sizes, b->sizes + 1, --b->count * sizeof(*b->sizes));
	}
	b->cursor_offset = offset;
	return true;
}

void
acct_buffer_remove(const struct acct_buffer *b, uint64_t number)
{
	DIR *dir = opendir(b->folder);
	const struct dirent *d;

	/* Each call has a stream of its own. */
	/* NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while (dir != NULL && (d = readdir(dir)) != NULL) {
		uint64_t n = acct_buffer_number(d->d_name);

		/* One that stays is tried again with the next. */
		if (n != 0 && n < number)
			(void)unlinkat(dirfd(dir), d->d_name, 0);
	}
	if (dir != NULL)
		(void)closedir(dir);
}

/* ---- orphans ------------------------------------------------------------- */

static void
remove_folder(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *d;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while (dir != NULL && (d = readdir(dir)) != NULL)
		if (d->d_name[0] != '.')
			(void)unlinkat(dirfd(dir), d->d_name, 0);
	if (dir != NULL)
		(void)closedir(dir);
	(void)rmdir(path);
}

static void
read_name(const char *folder, char out[NAME_MAX_BYTES])
{
	struct buf path = { 0 };
	FILE *f;

	buf_printf(&path, "%s/" NAME, folder);
	f = fopen(buf_cstr(&path), "re");
	if (f == NULL || fgets(out, NAME_MAX_BYTES, f) == NULL)
		out[0] = '\0';
	out[strcspn(out, "\n")] = '\0';
	if (f != NULL)
		(void)fclose(f);
	buf_fini(&path);
}

static void
judge_orphan(const char *folder, int64_t age_us)
{
	char tag[NAME_MAX_BYTES];
	struct buf mark = { 0 };
	struct stat st;
	int fd;

	read_name(folder, tag);
	buf_printf(&mark, "%s/" UNUSED, folder);
	if (lstat(buf_cstr(&mark), &st) == -1) {
		log_note(LOG_L_WARN, "acct",
		    "no acct-file is \"%s\" any more: the records in %s are "
		    "kept for %lld days",
		    tag, folder, (long long)(age_us / (86400 * US_PER_S)));
		fd = open(mark.p, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (fd != -1)
			(void)close(fd);
	} else if (st.st_mtime < (clock_wall_us() - age_us) / US_PER_S) {
		log_note(LOG_L_WARN, "acct",
		    "no acct-file is \"%s\" any more: the records in %s are "
		    "deleted",
		    tag, folder);
		remove_folder(folder);
	}
	buf_fini(&mark);
}

void
acct_buffer_orphans(const char *spool_dir,
    bool (*is_known)(void *ctx, const char *id), void *ctx, int64_t age_us)
{
	struct buf path = { 0 };
	const struct dirent *d;
	size_t len;
	DIR *dir;

	buf_printf(&path, "%s/" FOLDER, spool_dir);
	len = path.len;
	dir = opendir(buf_cstr(&path));
	/* NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while (dir != NULL && (d = readdir(dir)) != NULL) {
		if (strspn(d->d_name, "0123456789abcdef") !=
			ACCT_BUFFER_ID - 1 ||
		    strlen(d->d_name) != ACCT_BUFFER_ID - 1 ||
		    is_known(ctx, d->d_name))
			continue;
		path.len = len;
		buf_printf(&path, "/%s", d->d_name);
		judge_orphan(buf_cstr(&path), age_us);
	}
	if (dir != NULL)
		(void)closedir(dir);
	buf_fini(&path);
}
