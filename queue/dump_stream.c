/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/dump_stream.h"

#include <string.h>

#include "queue/bytes.h"
#include "queue/crc32c.h"

static const char magic[] = "MAILRACE QUEUE 1\n";

enum { MAGIC_LEN = sizeof(magic) - 1, FRAME_HEAD = 9, PIECE = 1 << 20 };

/* ---- writing ------------------------------------------------------------- */

static int
put(FILE *f, const void *p, size_t len, struct err *e)
{
	if (len > 0 && fwrite(p, 1, len, f) != len)
		return err_sys(e, "writing the dump");
	return 0;
}

int
dump_begin(FILE *f, struct err *e)
{
	return put(f, magic, MAGIC_LEN, e);
}

int
dump_write(FILE *f, const struct dump_frame *frame, struct err *e)
{
	unsigned char head[FRAME_HEAD], tail[4];
	uint32_t crc;

	head[0] = (unsigned char)frame->type;
	put_be32(head + 1, (uint32_t)frame->key.len);
	put_be32(head + 5, (uint32_t)frame->data.len);
	crc = crc32c(0, head, sizeof(head));
	crc = crc32c(crc, frame->key.p, frame->key.len);
	crc = crc32c(crc, frame->data.p, frame->data.len);
	put_be32(tail, crc);
	if (put(f, head, sizeof(head), e) == -1 ||
	    put(f, frame->key.p, frame->key.len, e) == -1 ||
	    put(f, frame->data.p, frame->data.len, e) == -1)
		return -1;
	return put(f, tail, sizeof(tail), e);
}

/* ---- reading ------------------------------------------------------------- */

static int
wrong(const struct dump_reader *r, const char *what, struct err *e)
{
	return err_set(e, "the dump is damaged at byte %llu: %s",
	    (unsigned long long)r->at, what);
}

/*
 * Appends len bytes to r->text, in pieces: a length that is damaged must not
 * cost more memory than the file has bytes.
 */
static int
get(struct dump_reader *r, size_t len, struct err *e)
{
	while (len > 0) {
		size_t piece = len < PIECE ? len : PIECE, n;

		buf_reserve(&r->text, piece);
		n = fread(r->text.p + r->text.len, 1, piece, r->f);
		r->text.len += n;
		len -= n;
		if (n == piece)
			continue;
		if (ferror(r->f) != 0)
			return err_sys(e, "reading the dump");
		return wrong(r, "it ends there", e);
	}
	return 0;
}

int
dump_reader_init(struct dump_reader *r, FILE *f, struct err *e)
{
	*r = (struct dump_reader){ .f = f };
	if (get(r, MAGIC_LEN, e) == -1)
		return -1;
	if (memcmp(r->text.p, magic, MAGIC_LEN) != 0)
		return err_set(e,
		    "this is no dump of a queue that this "
		    "version reads");
	r->at = MAGIC_LEN;
	return 0;
}

void
dump_reader_fini(struct dump_reader *r)
{
	buf_fini(&r->text);
}

static int
end(struct dump_reader *r, const struct dump_frame *frame, struct err *e)
{
	if (frame->data.len != 8 || get_be64(frame->data.p) != r->frames)
		return wrong(r, "frames are missing before its end", e);
	if (fgetc(r->f) != EOF)
		return wrong(r, "something follows its end", e);
	r->ended = 1;
	return 0;
}

int
dump_read(struct dump_reader *r, struct dump_frame *frame_r, struct err *e)
{
	size_t key_len, data_len, len;
	char *p;

	if (r->ended)
		return 0;
	buf_clear(&r->text);
	if (get(r, FRAME_HEAD, e) == -1)
		return -1;
	key_len = get_be32(r->text.p + 1);
	data_len = get_be32(r->text.p + 5);
	if (key_len > DUMP_FRAME_MAX || data_len > DUMP_FRAME_MAX)
		return wrong(r, "an impossible length", e);
	len = FRAME_HEAD + key_len + data_len;
	if (get(r, key_len + data_len + 4, e) == -1)
		return -1;
	p = r->text.p;
	if (get_be32(p + len) != crc32c(0, p, len))
		return wrong(r, "a checksum does not fit", e);
	frame_r->type = p[0];
	frame_r->key = bytes(p + FRAME_HEAD, key_len);
	frame_r->data = bytes(p + FRAME_HEAD + key_len, data_len);
	if (frame_r->type == DUMP_END)
		return end(r, frame_r, e);
	r->at += len + 4;
	r->frames++;
	return 1;
}
