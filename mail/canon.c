/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/canon.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"

#define OUT_CAP 4096

/*
 * What is not yet known to belong to the hash: line ends that may turn out to
 * stand at the end of the body, blanks that may stand at the end of a line,
 * and a CR whose LF may come with the next piece.
 */
struct sink {
	EVP_MD_CTX *md;
	size_t crlfs; /* line ends held back */
	bool text;    /* anything but line ends has been seen */
	bool blank;   /* relaxed only: a run of blanks is held back */
	size_t len;
	unsigned char out[OUT_CAP];
	uint8_t hash[32];
};

struct canon_body {
	struct sink simple, relaxed;
	bool cr; /* the last byte so far was a CR */
	bool finished;
};

static void
sink_init(struct sink *s)
{
	s->md = EVP_MD_CTX_new();
	CHECK(s->md != NULL);
	CHECK(EVP_DigestInit_ex(s->md, EVP_sha256(), NULL) == 1);
}

static void
sink_hash(struct sink *s, const void *p, size_t len)
{
	CHECK(EVP_DigestUpdate(s->md, p, len) == 1);
}

static void
sink_flush(struct sink *s)
{
	sink_hash(s, s->out, s->len);
	s->len = 0;
}

static void
sink_put(struct sink *s, const char *p, size_t len)
{
	if (len > sizeof(s->out) - s->len) {
		sink_flush(s);
		if (len > sizeof(s->out) / 2) {
			sink_hash(s, p, len);
			return;
		}
	}
	memcpy(s->out + s->len, p, len);
	s->len += len;
}

/* Bytes that stand in the hash for certain, after what was held back. */
static void
sink_text(struct sink *s, const char *p, size_t len)
{
	if (len == 0)
		return;
	for (; s->crlfs > 0; s->crlfs--)
		sink_put(s, "\r\n", 2);
	if (s->blank)
		sink_put(s, " ", 1);
	s->blank = false;
	s->text = true;
	sink_put(s, p, len);
}

static void
sink_crlf(struct sink *s)
{
	s->blank =
	    false; /* RFC 6376 section 3.4.4: none at the end of a line */
	s->crlfs++;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/*
 * Part of a line without a CRLF in it.  Most lines have no tab and no two
 * spaces in a row, and are taken whole.
 */
static void
relax(struct sink *s, const char *p, size_t len)
{
	const char *end = p + len;

	if (len > 0 && !is_blank(p[0]) && !is_blank(end[-1]) &&
	    memchr(p, '\t', len) == NULL && memmem(p, len, "  ", 2) == NULL) {
		sink_text(s, p, len);
		return;
	}
	while (p < end) {
		const char *start = p;

		while (p < end && !is_blank(*p))
			p++;
		sink_text(s, start, (size_t)(p - start));
		while (p < end && is_blank(*p)) {
			s->blank = true;
			p++;
		}
	}
}

/*
 * The simple form differs from the body in its end only: a piece goes to the
 * hash but for the line ends at its end.
 */
static void
simple_piece(struct sink *s, const char *p, size_t len)
{
	size_t end = len;

	while (end >= 2 && p[end - 1] == '\n' && p[end - 2] == '\r')
		end -= 2;
	sink_text(s, p, end);
	s->crlfs += (len - end) / 2;
}

static void
relaxed_piece(struct sink *s, const char *p, size_t len)
{
	const char *end = p + len, *line = p;

	while (p < end) {
		const char *cr = memchr(p, '\r', (size_t)(end - p));

		if (cr == NULL)
			break;
		p = cr + 1;
		/* A CR alone is text: RFC 6376 counts CRLF only. */
		if (p < end && *p == '\n') {
			relax(s, line, (size_t)(cr - line));
			sink_crlf(s);
			line = ++p;
		}
	}
	relax(s, line, (size_t)(end - line));
}

static void
piece(struct canon_body *c, const char *p, size_t len)
{
	simple_piece(&c->simple, p, len);
	relaxed_piece(&c->relaxed, p, len);
}

struct canon_body *
canon_body_new(void)
{
	struct canon_body *c = mem_new(struct canon_body);

	sink_init(&c->simple);
	sink_init(&c->relaxed);
	return c;
}

void
canon_body_free(struct canon_body **cp)
{
	struct canon_body *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	EVP_MD_CTX_free(c->simple.md);
	EVP_MD_CTX_free(c->relaxed.md);
	free(c);
}

void
canon_body_add(struct canon_body *c, const void *bytes, size_t len)
{
	const char *p = bytes;

	CHECK(!c->finished);
	if (len == 0)
		return;
	if (c->cr) {
		c->cr = false;
		if (p[0] == '\n') {
			piece(c, "\r\n", 2);
			p++;
			len--;
		} else {
			piece(c, "\r", 1);
		}
	}
	if (len > 0 && p[len - 1] == '\r') {
		c->cr = true;
		len--;
	}
	piece(c, p, len);
}

/*
 * A body that holds anything ends in one CRLF in both forms.  An empty one is
 * one CRLF in the simple form and nothing in the relaxed (RFC 6376 3.4.3, 4).
 */
static void
sink_finish(struct sink *s, bool crlf_if_empty)
{
	if (s->text || crlf_if_empty)
		sink_put(s, "\r\n", 2);
	sink_flush(s);
	CHECK(EVP_DigestFinal_ex(s->md, s->hash, NULL) == 1);
}

void
canon_body_finish(struct canon_body *c)
{
	CHECK(!c->finished);
	if (c->cr)
		piece(c, "\r", 1);
	c->cr = false;
	c->finished = true;
	sink_finish(&c->simple, true);
	sink_finish(&c->relaxed, false);
}

const uint8_t *
canon_body_hash(const struct canon_body *c, enum canon how)
{
	CHECK(c->finished);
	return how == CANON_SIMPLE ? c->simple.hash : c->relaxed.hash;
}

/* ---- header fields ------------------------------------------------------- */

/* RFC 6376 section 3.4.2: lower case, unfolded, blanks reduced and trimmed. */
static void
header_relaxed(struct buf *out, const struct header *h)
{
	const char *p = h->value.p, *end = p + h->value.len;
	size_t name_at = out->len;
	bool blank = false, text = false;

	buf_add(out, h->name.p, h->name.len);
	for (size_t i = name_at; i < out->len; i++)
		if (out->p[i] >= 'A' && out->p[i] <= 'Z')
			out->p[i] = (char)(out->p[i] + ('a' - 'A'));
	buf_byte(out, ':');
	while (p < end) {
		const char *start = p;

		while (p < end && !is_blank(*p) &&
		    !(*p == '\r' && p + 1 < end && p[1] == '\n'))
			p++;
		if (p > start) {
			if (blank && text)
				buf_byte(out, ' ');
			buf_add(out, start, (size_t)(p - start));
			blank = false;
			text = true;
		} else if (*p == '\r') {
			p += 2;
		} else {
			blank = true;
			p++;
		}
	}
	buf_add(out, "\r\n", 2);
}

void
canon_header(struct buf *out, const struct header *h, enum canon how)
{
	if (how == CANON_RELAXED) {
		header_relaxed(out, h);
		return;
	}
	buf_add(out, h->whole.p, h->whole.len);
	buf_add(out, "\r\n", 2);
}
