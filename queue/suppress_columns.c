/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/suppress_columns.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/mem.h"
#include "queue/crc32c.h"
#include "queue/suppress_write.h"

static const char magic[8] = { 'M', 'R', 'S', 'U', 'P', 'P', 'C', '\n' };

/* Where in the head. */
enum {
	AT_VERSION = 8,
	AT_LIST = 16,
	AT_GENERATION = 24,
	AT_COUNT = 32,
	AT_ROWS_CRC = 40,
	AT_HEAD_CRC = 44
};

/* ---- reading ------------------------------------------------------------- */

int
suppress_columns_read(struct slice bytes, struct suppress_columns *c_r,
    struct err *e)
{
	const unsigned char *p = (const unsigned char *)bytes.p;
	uint64_t count;

	*c_r = (struct suppress_columns){ .rows = NULL };
	if (bytes.len < COLUMNS_HEAD)
		return err_set(e, "cut off: its head is not whole");
	if (memcmp(p, magic, sizeof(magic)) != 0)
		return err_set(e, "not columns of a suppression list");
	if (get_be32(p + AT_VERSION) != COLUMNS_VERSION)
		return err_set(e, "version %u is not known",
		    (unsigned)get_be32(p + AT_VERSION));
	if (crc32c(0, p, AT_HEAD_CRC) != get_be32(p + AT_HEAD_CRC))
		return err_set(e, "damaged: checksum of the head");
	count = get_be64(p + AT_COUNT);
	if (count > UINT32_MAX ||
	    bytes.len != COLUMNS_HEAD + count * COLUMNS_ROW)
		return err_set(e, "%zu bytes are not %llu rows", bytes.len,
		    (unsigned long long)count);
	if (crc32c(0, p + COLUMNS_HEAD, count * COLUMNS_ROW) !=
	    get_be32(p + AT_ROWS_CRC))
		return err_set(e, "damaged: checksum of the rows");
	c_r->list = get_be64(p + AT_LIST);
	c_r->generation = get_be64(p + AT_GENERATION);
	c_r->count = count;
	c_r->rows = p + COLUMNS_HEAD;
	return 0;
}

struct suppress_column
suppress_columns_at(const struct suppress_columns *c, uint64_t place)
{
	const unsigned char *p = c->rows + place * COLUMNS_ROW;

	return (struct suppress_column){ .origin = get_be32(p),
		.created_s = get_be32(p + 4),
		.expires_s = get_be32(p + 8) };
}

/* ---- writing ------------------------------------------------------------- */

struct columns_write {
	char *path;
	int fd;
	bool ended;
	uint64_t list, generation, count, at;
	uint32_t crc;
	struct buf piece;
};

int
columns_write_new(const char *path, uint64_t list, uint64_t generation,
    struct columns_write **w_r, struct err *e)
{
	struct columns_write *w = mem_new(struct columns_write);

	*w_r = NULL;
	w->path = mem_strdup(path);
	w->list = list;
	w->generation = generation;
	w->at = COLUMNS_HEAD;
	w->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (w->fd == -1) {
		err_sys(e, "%s", path);
		columns_write_free(&w);
		return -1;
	}
	*w_r = w;
	return 0;
}

void
columns_write_free(struct columns_write **wp)
{
	struct columns_write *w = *wp;

	*wp = NULL;
	if (w == NULL)
		return;
	if (w->fd != -1) {
		(void)close(w->fd);
		if (!w->ended)
			(void)unlink(w->path);
	}
	buf_fini(&w->piece);
	free(w->path);
	free(w);
}

static int
flush(struct columns_write *w, struct err *e)
{
	if (w->piece.len == 0)
		return 0;
	w->crc = crc32c(w->crc, w->piece.p, w->piece.len);
	if (suppress_write_piece(w->fd, w->piece.p, w->piece.len, w->at) == -1)
		return err_sys(e, "%s", w->path);
	w->at += w->piece.len;
	buf_clear(&w->piece);
	return 0;
}

int
columns_write_add(struct columns_write *w, const struct suppress_column *row,
    struct err *e)
{
	unsigned char p[COLUMNS_ROW];

	put_be32(p, row->origin);
	put_be32(p + 4, row->created_s);
	put_be32(p + 8, row->expires_s);
	buf_add(&w->piece, p, sizeof(p));
	w->count++;
	return w->piece.len < SUPPRESS_PIECE ? 0 : flush(w, e);
}

int
columns_write_end(struct columns_write *w, struct err *e)
{
	unsigned char head[COLUMNS_HEAD] = { 0 };

	if (flush(w, e) == -1)
		return -1;
	memcpy(head, magic, sizeof(magic));
	put_be32(head + AT_VERSION, COLUMNS_VERSION);
	put_be64(head + AT_LIST, w->list);
	put_be64(head + AT_GENERATION, w->generation);
	put_be64(head + AT_COUNT, w->count);
	put_be32(head + AT_ROWS_CRC, w->crc);
	put_be32(head + AT_HEAD_CRC, crc32c(0, head, AT_HEAD_CRC));
	if (suppress_write_at(w->fd, head, sizeof(head), 0) == -1 ||
	    fdatasync(w->fd) == -1)
		return err_sys(e, "%s", w->path);
	w->ended = true;
	return 0;
}
