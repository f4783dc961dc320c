/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/smtp_reply.h"

#include <string.h>

#include "lib/check.h"

/* A name of few letters is no mask. */
#define STARS_MIN 8

void
reply_parser_init(struct reply_parser *p)
{
	*p = (struct reply_parser){ 0 };
}

void
reply_parser_fini(struct reply_parser *p)
{
	buf_fini(&p->raw);
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/*
 * RFC 3463 section 2: status-code = class "." subject "." detail, here
 * followed by a blank or the end.  Returns its length, 0 when there is none.
 * A detail above 255 (Microsoft's 5.7.511) does not fit the record: it becomes
 * 0, "other", and the text keeps the exact one.
 */
static size_t
parse_dsn(struct slice s, uint8_t dsn_r[3])
{
	unsigned v[3] = { 0 };
	size_t i = 0;

	for (int part = 0; part < 3; part++) {
		size_t start;

		if (part > 0 && (i >= s.len || s.p[i++] != '.'))
			return 0;
		start = i;
		while (i < s.len && i - start < 3 && is_digit(s.p[i]))
			v[part] = v[part] * 10 + (unsigned)(s.p[i++] - '0');
		if (i == start)
			return 0;
	}
	if (i < s.len && s.p[i] != ' ' && s.p[i] != '\t')
		return 0;
	if (v[0] != 2 && v[0] != 4 && v[0] != 5)
		return 0;
	for (int part = 0; part < 3; part++)
		dsn_r[part] = v[part] > UINT8_MAX ? 0 : (uint8_t)v[part];
	return i;
}

/* 5 is worse than 4, and both worse than the rest; among equals the last. */
static int
worse_code(int before, int code)
{
	int a = before / 100, b = code / 100;

	return a > b && a >= 4 ? before : code;
}

static enum reply_step
broken(struct reply_parser *p, const char *why)
{
	p->why = why;
	return REPLY_BROKEN;
}

/* Judges the line that has just ended. */
static enum reply_step
end_line(struct reply_parser *p)
{
	const char *line = p->raw.p + p->line_start;
	size_t len = p->raw.len - p->line_start - 1; /* without LF */
	int code;

	if (len > 0 && line[len - 1] == '\r')
		len--;
	if (len < 3 || line[0] < '2' || line[0] > '5' || !is_digit(line[1]) ||
	    !is_digit(line[2]))
		return broken(p, "no reply code");
	if (len > 3 && line[3] != ' ' && line[3] != '-')
		return broken(p, "no blank behind the reply code");
	code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + line[2] - '0';
	p->reply.code = p->reply.lines == 0 ? code :
					      worse_code(p->reply.code, code);
	p->reply.lines++;
	p->line_start = p->raw.len;
	if (len > 3 && line[3] == '-') {
		if (p->reply.lines >= REPLY_LINES_MAX)
			return broken(p, "reply of too many lines");
		return REPLY_MORE;
	}
	return REPLY_DONE;
}

/* The first enhanced code whose class is that of the reply, RFC 2034. */
static void
find_dsn(struct smtp_reply *r)
{
	struct slice text;
	uint8_t dsn[3];
	size_t pos = 0;

	while (smtp_reply_line(r, &pos, &text))
		if (parse_dsn(text, dsn) > 0 && dsn[0] == r->code / 100) {
			memcpy(r->dsn, dsn, sizeof(dsn));
			return;
		}
}

enum reply_step
reply_parser_feed(struct reply_parser *p, const char **bytes, size_t *len)
{
	if (p->why != NULL)
		return REPLY_BROKEN;
	if (p->complete) {
		buf_clear(&p->raw);
		p->line_start = 0;
		p->complete = false;
		p->reply = (struct smtp_reply){ 0 };
	}
	while (*len > 0) {
		const char *lf = memchr(*bytes, '\n', *len);
		size_t take = lf == NULL ? *len : (size_t)(lf - *bytes) + 1;
		enum reply_step step;

		/* Before it is stored, so that no server fills our memory. */
		if (p->raw.len - p->line_start + take > REPLY_LINE_MAX)
			return broken(p, "reply line too long");
		if (p->raw.len + take > REPLY_BYTES_MAX)
			return broken(p, "reply too long");
		buf_add(&p->raw, *bytes, take);
		*bytes += take;
		*len -= take;
		if (lf == NULL)
			break;
		step = end_line(p);
		if (step == REPLY_BROKEN)
			return REPLY_BROKEN;
		if (step == REPLY_DONE) {
			p->complete = true;
			p->reply.raw = (struct slice){ p->raw.p, p->raw.len };
			find_dsn(&p->reply);
			return REPLY_DONE;
		}
	}
	return REPLY_MORE;
}

bool
reply_parser_is_midway(const struct reply_parser *p)
{
	return p->raw.len > 0 && !p->complete;
}

bool
smtp_reply_line(const struct smtp_reply *r, size_t *pos, struct slice *text_r)
{
	const char *line = r->raw.p + *pos;
	const char *lf;
	size_t len;

	if (*pos >= r->raw.len)
		return false;
	lf = memchr(line, '\n', r->raw.len - *pos);
	CHECK(lf != NULL); /* end_line() saw it */
	len = (size_t)(lf - line);
	*pos += len + 1;
	if (len > 0 && line[len - 1] == '\r')
		len--;
	*text_r = len > 4 ? (struct slice){ line + 4, len - 4 } :
			    (struct slice){ "", 0 };
	return true;
}

/*
 * The length of the UTF-8 sequence at p, RFC 3629 section 4; 0 when there is
 * none.
 */
static size_t
utf8_len(const unsigned char *p, size_t left)
{
	size_t len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;

	if (p[0] < 0xc2 || p[0] > 0xf4 || left < len)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return len;
}

/* Appends s as clean text; returns the new length. */
static size_t
add_clean(char *out, size_t n, size_t cap, struct slice s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	size_t i = 0;

	while (i < s.len) {
		size_t len = 1;

		if (p[i] >= 0x80)
			len = utf8_len(p + i, s.len - i);
		if (n + (len == 0 ? 1 : len) >= cap)
			break;
		if (len == 0 || p[i] < ' ' || p[i] == 0x7f) {
			out[n++] = p[i] == '\t' ? ' ' : '?';
			i++;
			continue;
		}
		memcpy(out + n, p + i, len);
		n += len;
		i += len;
	}
	return n;
}

size_t
smtp_reply_text(const struct smtp_reply *r, char *out, size_t cap)
{
	char code[3] = { (char)('0' + r->code / 100 % 10),
		(char)('0' + r->code / 10 % 10), (char)('0' + r->code % 10) };
	struct slice text, first = { "", 0 };
	uint8_t dsn[3];
	size_t n, pos = 0;

	CHECK(cap > 0);
	n = add_clean(out, 0, cap, (struct slice){ code, sizeof(code) });
	while (smtp_reply_line(r, &pos, &text)) {
		size_t len = parse_dsn(text, dsn);

		if (len > 0 && first.len == 0) {
			first = (struct slice){ text.p, len };
		} else if (len > 0 && len == first.len &&
		    memcmp(first.p, text.p, len) == 0) {
			text.p += len;
			text.len -= len;
		}
		text = slice_trim(text);
		if (text.len == 0)
			continue;
		if (n + 1 < cap)
			n = add_clean(out, n, cap, SLICE_LIT(" "));
		n = add_clean(out, n, cap, text);
	}
	while (n > 0 && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
	return n;
}

bool
smtp_reply_is_masked(const struct smtp_reply *r)
{
	struct slice text;
	size_t pos = 0, stars = 0;

	while (smtp_reply_line(r, &pos, &text)) {
		for (size_t i = 0; i < text.len; i++) {
			if (strchr("*02 ", text.p[i]) == NULL ||
			    text.p[i] == '\0')
				return false;
			stars += text.p[i] == '*';
		}
	}
	return stars >= STARS_MIN;
}
