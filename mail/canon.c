/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/canon.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"

#define OUT_CAP 1024

/*
 * What is not yet known to belong to the hash: line ends that may turn out to
 * stand at the end of the body, blanks that may stand at the end of a line.
 */
struct sink {
	EVP_MD_CTX *md;
	size_t crlfs; /* line ends held back */
	bool text;    /* anything but line ends has been seen */
	bool blank;   /* relaxed only: a run of blanks is held back */
	bool finished;
	uint64_t total;   /* bytes hashed */
	struct buf *copy; /* gets them, too; or NULL */
	size_t len;
	unsigned char out[OUT_CAP];
	uint8_t hash[32];
};

struct canon_body {
	/* NULL: not yet asked for.  They are large, and few ask for both. */
	struct sink *sinks[CANON_RELAXED + 1];
	struct slice whole; /* the body, where it is given at once */
	bool is_whole;
	bool cr; /* the last byte so far was a CR; its LF may come */
	bool finished;
};

static struct sink *
sink_new(void)
{
	struct sink *s = mem_new(struct sink);

	s->md = EVP_MD_CTX_new();
	CHECK(s->md != NULL);
	CHECK(EVP_DigestInit_ex(s->md, EVP_sha256(), NULL) == 1);
	return s;
}

static void
sink_free(struct sink **sp)
{
	struct sink *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	EVP_MD_CTX_free(s->md);
	free(s);
}

static void
sink_hash(struct sink *s, const void *p, size_t len)
{
	CHECK(EVP_DigestUpdate(s->md, p, len) == 1);
	s->total += len;
	if (s->copy != NULL)
		buf_add(s->copy, p, len);
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

/* ---- the relaxed form ---------------------------------------------------- */

#define LANES 16

typedef unsigned char lanes __attribute__((vector_size(LANES)));

/* No tab, and no space before another one, a tab or a CR. */
static bool
lanes_are_plain(const char *p)
{
	const lanes zero = { 0 }, sp = zero + ' ', tab = zero + '\t',
		    cr = zero + '\r';
	lanes here, next;
	uint64_t odd[2];

	memcpy(&here, p, LANES);
	memcpy(&next, p + 1, LANES);
	here = (lanes)(here == tab) |
	    ((lanes)(here == sp) &
		(lanes)((next == sp) | (next == tab) | (next == cr)));
	memcpy(odd, &here, LANES);
	return (odd[0] | odd[1]) == 0;
}

/*
 * How much of it stands in the relaxed form as it is: single spaces inside
 * lines and line ends between them.  Nearly all of most bodies, so it is
 * looked for in long steps.  What may be the end of a line or of the body is
 * left out.
 */
static size_t
plain_len(const char *p, size_t len)
{
	size_t n = 0;

	while (len - n > LANES && lanes_are_plain(p + n))
		n += LANES;
	while (n < len && p[n] != '\t' &&
	    (p[n] != ' ' ||
		(n + 1 < len && !is_blank(p[n + 1]) && p[n + 1] != '\r')))
		n++;
	while (n > 0 && (p[n - 1] == '\r' || p[n - 1] == '\n'))
		n--;
	return n;
}

/* Blanks and line ends, and CR and LF alone, which are text to RFC 6376. */
static const char *
take_space(struct sink *s, const char *p, const char *end)
{
	for (; p < end; p++) {
		if (is_blank(*p)) {
			s->blank = true;
		} else if (*p == '\r' && end - p > 1 && p[1] == '\n') {
			sink_crlf(s);
			p++;
		} else if (*p == '\r' || *p == '\n') {
			sink_text(s, p, 1);
		} else {
			break;
		}
	}
	return p;
}

static void
relaxed_piece(struct sink *s, const char *p, size_t len)
{
	const char *end = p + len;

	for (;;) {
		size_t n;

		p = take_space(s, p, end);
		if (p == end)
			return;
		n = plain_len(p, (size_t)(end - p));
		sink_text(s, p, n);
		p += n;
	}
}

/* ---- the body ------------------------------------------------------------ */

static void
piece(struct canon_body *c, const char *p, size_t len)
{
	simple_piece(c->sinks[CANON_SIMPLE], p, len);
	relaxed_piece(c->sinks[CANON_RELAXED], p, len);
}

struct canon_body *
canon_body_new(void)
{
	struct canon_body *c = mem_new(struct canon_body);

	c->sinks[CANON_SIMPLE] = sink_new();
	c->sinks[CANON_RELAXED] = sink_new();
	return c;
}

struct canon_body *
canon_body_of(const void *p, size_t len)
{
	struct canon_body *c = mem_new(struct canon_body);

	c->whole = (struct slice){ p, len };
	c->is_whole = c->finished = true;
	return c;
}

void
canon_body_free(struct canon_body **cp)
{
	struct canon_body *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	sink_free(&c->sinks[CANON_SIMPLE]);
	sink_free(&c->sinks[CANON_RELAXED]);
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
	s->finished = true;
}

void
canon_body_finish(struct canon_body *c)
{
	CHECK(!c->finished);
	if (c->cr)
		piece(c, "\r", 1);
	c->cr = false;
	c->finished = true;
	sink_finish(c->sinks[CANON_SIMPLE], true);
	sink_finish(c->sinks[CANON_RELAXED], false);
}

static void
hash_whole(struct sink *s, enum canon how, struct slice whole)
{
	if (how == CANON_SIMPLE)
		simple_piece(s, whole.p, whole.len);
	else
		relaxed_piece(s, whole.p, whole.len);
	sink_finish(s, how == CANON_SIMPLE);
}

static const struct sink *
finished_sink(struct canon_body *c, enum canon how)
{
	CHECK(c->finished);
	if (c->sinks[how] == NULL) {
		CHECK(c->is_whole);
		c->sinks[how] = sink_new();
		hash_whole(c->sinks[how], how, c->whole);
	}
	CHECK(c->sinks[how]->finished);
	return c->sinks[how];
}

const uint8_t *
canon_body_hash(struct canon_body *c, enum canon how)
{
	return finished_sink(c, how)->hash;
}

uint64_t
canon_body_len(struct canon_body *c, enum canon how)
{
	return finished_sink(c, how)->total;
}

void
canon_body_text(struct buf *out, struct slice whole, enum canon how)
{
	struct sink *s = sink_new();

	s->copy = out;
	hash_whole(s, how, whole);
	sink_free(&s);
}

/* ---- header fields ------------------------------------------------------- */

/* The name in lower case and the colon; where the value goes. */
static char *
put_name(char *out, struct slice name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.p[i];

		*out++ = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
	}
	*out++ = ':';
	return out;
}

/* RFC 6376 section 3.4.2: lower case, unfolded, blanks reduced and trimmed. */
static void
header_relaxed(struct buf *out, const struct header *h)
{
	const char *p = h->value.p, *end = p + h->value.len;
	bool blank = false;
	char *start, *to;

	buf_reserve(out, h->name.len + h->value.len + 3);
	start = to = put_name(out->p + out->len, h->name);
	for (; p < end; p++) {
		if (is_blank(*p)) {
			blank = true;
			continue;
		}
		if (*p == '\r' && p + 1 < end && p[1] == '\n') {
			p++;
			continue;
		}
		if (blank && to > start)
			*to++ = ' ';
		blank = false;
		*to++ = *p;
	}
	*to++ = '\r';
	*to++ = '\n';
	out->len = (size_t)(to - out->p);
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
