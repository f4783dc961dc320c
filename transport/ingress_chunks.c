/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BDAT (RFC 3030): the message in chunks whose length the client says, with
 * no dots to stuff and no end to look for.
 *
 * A chunk that is refused is read all the same, since it is on its way; its
 * octets are no commands.  Lines end in CRLF here as behind DATA: a CR or LF
 * that stands alone refuses the message at its end, so nothing can be smuggled
 * past whoever takes it from us by DATA.  BINARYMIME is not offered.
 */
#include <inttypes.h>
#include <string.h>

#include "transport/ingress_priv.h"

static const char *
refusal(struct ingress_session *s)
{
	if (s->tx.late != NULL)
		return s->tx.late;
	if (!s->tx.open)
		return "503 5.5.1 MAIL first";
	if (s->tx.merge != NULL)
		return "503 5.5.1 a mail merge has XPRT";
	if (!ingress_has_rcpts(s))
		return "554 5.5.1 no valid recipients";
	if (s->tx.too_many)
		return "554 5.5.3 too many recipients";
	return NULL;
}

/* The first one begins the message. */
enum ingress_state
ingress_bdat(struct ingress_session *s, uint64_t len, bool last)
{
	struct ingress_tx *tx = &s->tx;

	s->chunk = (struct ingress_chunk){ .left = len,
		.len = len,
		.last = last,
		.refusal = refusal(s) };
	if (s->chunk.refusal == NULL && !tx->chunked) {
		dot_unstuff_init(&tx->dot);
		tx->chunked = true;
	}
	return INGRESS_CHUNK;
}

/* A CR without LF, an LF without CR; over the border of pieces, too. */
static bool
has_bare(char before, struct slice piece)
{
	for (size_t i = 0; i < piece.len; i++) {
		if ((before == '\r') != (piece.p[i] == '\n'))
			return true;
		before = piece.p[i];
	}
	return false;
}

static void
keep(struct ingress_session *s, struct slice piece)
{
	struct ingress_tx *tx = &s->tx;
	char before = tx->text.len == 0 ? '\0' : tx->text.p[tx->text.len - 1];

	if (s->chunk.refusal != NULL || tx->too_big || tx->dot.bare)
		return;
	tx->dot.bare = has_bare(before, piece);
	buf_add(&tx->text, piece.p, piece.len);
	if (tx->text.len > ingress_size_max(s)) {
		tx->too_big = true;
		buf_fini(&tx->text);
	}
}

/* The text as DATA would have brought it: its last line has an end. */
static void
end_line(struct ingress_tx *tx)
{
	size_t n = tx->text.len;

	if (n == 0 || tx->too_big || tx->dot.bare)
		return;
	if (tx->text.p[n - 1] == '\r')
		tx->dot.bare = true;
	else if (tx->text.p[n - 1] != '\n')
		buf_add(&tx->text, "\r\n", 2);
}

/* All of the chunk is read. */
static enum ingress_state
answer(struct ingress_session *s)
{
	const struct ingress_chunk *c = &s->chunk;

	if (c->refusal == NULL && c->last) {
		end_line(&s->tx);
		return receive_message(s);
	}
	if (c->refusal != NULL) {
		ingress_say(s, c->refusal);
		return ingress_tx_end(s);
	}
	if (s->tx.too_big) {
		ingress_say(s, "552 5.3.4 message too big");
		return ingress_tx_end(s);
	}
	ingress_reply(s, "250 2.0.0 %" PRIu64 " octets", c->len);
	return INGRESS_COMMAND;
}

bool
ingress_on_chunk(struct ingress_session *s, enum ingress_state *next_r)
{
	struct ingress_chunk *c = &s->chunk;
	struct slice in;

	while (c->left > 0 && (in = ingress_input(s)).len > 0) {
		if (in.len > c->left)
			in.len = (size_t)c->left;
		keep(s, in);
		ingress_take(s, in.len);
		c->left -= in.len;
	}
	if (c->left > 0)
		return false;
	*next_r = answer(s);
	return true;
}
