/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/mem.h"
#include "queue/crc32c.h"
#include "queue/segment_priv.h"

struct segment_reader {
	char *dir;
	uint64_t turn;
	struct {
		uint32_t number; /* 0: free */
		int fd;
		uint64_t used; /* turn of the last use */
	} open[SEGMENT_READER_FILES];
};

struct segment_reader *
segment_reader_new(const char *store_dir)
{
	struct segment_reader *r = mem_new(struct segment_reader);

	r->dir = mem_strdup(store_dir);
	return r;
}

void
segment_reader_free(struct segment_reader **rp)
{
	struct segment_reader *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	for (size_t i = 0; i < SEGMENT_READER_FILES; i++)
		if (r->open[i].number != 0)
			(void)close(r->open[i].fd);
	free(r->dir);
	free(r);
}

/* Opens the segment in place of the one used longest ago. */
static int
open_segment(struct segment_reader *r, uint32_t number, struct err *e)
{
	char name[SEGMENT_NAME], path[4096];
	size_t oldest = 0;
	int fd;

	r->turn++;
	for (size_t i = 0; i < SEGMENT_READER_FILES; i++) {
		if (r->open[i].number == number && number != 0) {
			r->open[i].used = r->turn;
			return r->open[i].fd;
		}
		if (r->open[i].used < r->open[oldest].used)
			oldest = i;
	}
	segment_name(name, number);
	if (snprintf(path, sizeof(path), "%s/seg/%s", r->dir, name) >=
	    (int)sizeof(path))
		return err_set(e, "the path of the spool is too long");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return err_sys(e, "segment %s", name);
	if (r->open[oldest].number != 0)
		(void)close(r->open[oldest].fd);
	r->open[oldest].number = number;
	r->open[oldest].fd = fd;
	r->open[oldest].used = r->turn;
	return fd;
}

static int
read_all(int fd, struct iovec *iov, int count, uint64_t at, struct err *e)
{
	while (count > 0) {
		ssize_t n = preadv(fd, iov, count, (off_t)at);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return err_sys(e, "reading");
		if (n == 0)
			return err_set(e, "the segment is too short");
		at += (uint64_t)n;
		for (; count > 0 && (size_t)n >= iov->iov_len; iov++, count--)
			n -= (ssize_t)iov->iov_len;
		if (count > 0) {
			iov->iov_base = (char *)iov->iov_base + n;
			iov->iov_len -= (size_t)n;
		}
	}
	return 0;
}

/* Head and envelope; got->body, if there is one, is read with them. */
static int
read_record(int fd, uint64_t id, const struct message_loc *loc,
    struct region *rg, struct segment_got *got, struct err *e)
{
	void *env = region_alloc(rg, loc->env_len);
	struct body *b = got->body;
	unsigned char head[SEGMENT_HEAD];
	struct segment_head h;
	struct iovec iov[3] = {
		{ head, sizeof(head) },
		{ env, loc->env_len },
	};

	if (b != NULL)
		iov[2] = (struct iovec){ b->bytes, b->len };
	if (read_all(fd, iov, b == NULL ? 2 : 3, loc->offset, e) == -1)
		return -1;
	if (!segment_head_unpack(head, &h) || h.id != id ||
	    h.env_len != loc->env_len || h.body_len != loc->body_len)
		return err_set(e, "no record of that message is there");
	if (h.env_crc != crc32c(0, env, loc->env_len))
		return err_set(e, "the envelope is damaged");
	got->env = env;
	if (b != NULL && h.body_crc != crc32c(0, b->bytes, b->len)) {
		(void)err_set(e, "the body is damaged");
		body_unref(&got->body);
	}
	return 0;
}

/* got->body is to be filled, or NULL. */
static int
read_at(struct segment_reader *r, uint64_t id, const struct message_loc *loc,
    struct region *rg, struct segment_got *got, struct err *e)
{
	bool wanted = got->body != NULL;
	int fd = open_segment(r, loc->segment, e);
	int rc = fd == -1 ? -1 : read_record(fd, id, loc, rg, got, e);

	if (rc == -1)
		body_unref(&got->body);
	if (rc == -1 || (wanted && got->body == NULL))
		(void)err_where(e, "segment %08X at %u", loc->segment,
		    loc->offset);
	return rc;
}

static bool
is_possible(const struct message_loc *loc)
{
	return loc->env_len <= SEGMENT_ENV_MAX &&
	    loc->body_len <= SEGMENT_BODY_MAX;
}

int
segment_read(struct segment_reader *r, uint64_t id,
    const struct message_loc *loc, struct region *rg, struct segment_got *got_r,
    struct err *e)
{
	*got_r = (struct segment_got){ 0 };
	if (!is_possible(loc))
		return err_set(e, "impossible place of a message");
	got_r->body = body_new(loc->body_len);
	return read_at(r, id, loc, rg, got_r, e);
}

int
segment_read_envelope(struct segment_reader *r, uint64_t id,
    const struct message_loc *loc, struct region *rg, struct segment_got *got_r,
    struct err *e)
{
	*got_r = (struct segment_got){ 0 };
	if (!is_possible(loc))
		return err_set(e, "impossible place of a message");
	return read_at(r, id, loc, rg, got_r, e);
}
