/* SPDX-License-Identifier: Apache-2.0 */
#include "milter/milter_packet.h"

#include <string.h>

#include "lib/check.h"

enum { LEN_BYTES = 4, OPTIONS_LEN = 12 };

/* As libmilter: Postfix has room for it. */
#define REPLY_MAX 980

/* ---- in ------------------------------------------------------------------ */

enum milter_found
milter_packet_find(struct slice in, struct milter_packet *p_r)
{
	uint32_t len;

	if (in.len < LEN_BYTES)
		return MILTER_FOUND_NONE;
	len = get_be32(in.p);
	if (len == 0 || len > MILTER_PACKET_MAX)
		return MILTER_FOUND_BAD;
	if (in.len - LEN_BYTES < len)
		return MILTER_FOUND_NONE;
	*p_r = (struct milter_packet){ .command = in.p[LEN_BYTES],
		.args = { in.p + LEN_BYTES + 1, len - 1 },
		.len = LEN_BYTES + len };
	return MILTER_FOUND;
}

const char *
milter_text(struct slice *args)
{
	const char *text = args->p;
	const char *end = memchr(text, '\0', args->len);

	if (end == NULL)
		return NULL;
	end++;
	args->len -= (size_t)(end - text);
	args->p = end;
	return text;
}

int
milter_options_read(struct slice args, struct milter_options *o_r)
{
	if (args.len < OPTIONS_LEN)
		return -1;
	o_r->version = get_be32(args.p);
	o_r->actions = get_be32(args.p + 4);
	o_r->steps = get_be32(args.p + 8);
	if (o_r->actions == 0)
		o_r->actions = MILTER_OLD_ACTIONS;
	if (o_r->steps == 0)
		o_r->steps = MILTER_OLD_STEPS;
	return 0;
}

/* ---- out ----------------------------------------------------------------- */

/* The length is filled in by end_packet(), which gets what this returns. */
static size_t
begin_packet(struct buf *out, char letter)
{
	size_t at = out->len;

	buf_add(out, "\0\0\0\0", LEN_BYTES);
	buf_byte(out, letter);
	return at;
}

static void
end_packet(struct buf *out, size_t at)
{
	size_t len = out->len - at - LEN_BYTES;

	CHECK(len <= UINT32_MAX);
	put_be32(out->p + at, (uint32_t)len);
}

static void
put_number(struct buf *out, uint32_t v)
{
	char bytes[4];

	put_be32(bytes, v);
	buf_add(out, bytes, sizeof(bytes));
}

static void
put_text(struct buf *out, const char *text)
{
	buf_add(out, text, strlen(text) + 1);
}

void
milter_put_options(struct buf *out, const struct milter_options *o,
    const struct milter_symbols *symbols)
{
	size_t at = begin_packet(out, MILTER_OPTIONS);

	put_number(out, o->version);
	put_number(out, o->actions);
	put_number(out, o->steps);
	for (; symbols != NULL && symbols->names != NULL; symbols++) {
		put_number(out, symbols->at);
		put_text(out, symbols->names);
	}
	end_packet(out, at);
}

void
milter_put_continue(struct buf *out)
{
	end_packet(out, begin_packet(out, MILTER_SAY_CONTINUE));
}

void
milter_put_reply(struct buf *out, const char *reply)
{
	size_t at = begin_packet(out, MILTER_SAY_REPLY);

	for (size_t i = 0; i < REPLY_MAX && reply[i] != '\0'; i++) {
		char c = reply[i];

		if (c == '%')
			buf_byte(out, c);
		buf_byte(out, (char)(c == '\r' || c == '\n' ? '?' : c));
	}
	buf_byte(out, '\0');
	end_packet(out, at);
}

void
milter_put_sender(struct buf *out, const char *path)
{
	size_t at = begin_packet(out, MILTER_SAY_SENDER);

	put_text(out, path);
	end_packet(out, at);
}

void
milter_put_field(struct buf *out, enum milter_reply what, uint32_t number,
    const char *name, const char *value)
{
	size_t at = begin_packet(out, (char)what);

	put_number(out, number);
	put_text(out, name);
	put_text(out, value);
	end_packet(out, at);
}
