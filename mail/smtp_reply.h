/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_reply - reads what a remote SMTP server answers.  RFC 5321 section
 * 4.2, RFC 2034.
 *
 *	reply      = *( code "-" [text] eol ) code [ SP [text] ] eol
 *	code       = "2".."5" digit digit
 *	eol        = [CR] LF
 *
 * Bytes come in pieces of any size; one reply at a time comes out, so that
 * what follows it stays with the caller, who must judge whether anything may
 * follow.  The server is not trusted: lines, their number and the whole reply
 * are limited, and whatever is not a reply breaks the parser for good.  Lines
 * of one reply that differ in their code make the worst of them.
 *
 * Pure; no log; the parser belongs to its caller.
 */

#ifndef MAIL_SMTP_REPLY_H
#define MAIL_SMTP_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/str.h"

#define REPLY_LINE_MAX 2048   /* bytes, with its end */
#define REPLY_LINES_MAX 100   /* lines of one reply */
#define REPLY_BYTES_MAX 65536 /* of one reply */
#define REPLY_TEXT_MAX 1000   /* what is kept as text of one line */

struct smtp_reply {
	int code;
	uint8_t dsn[3]; /* 0 0 0: none given, or of another class */
	unsigned lines;
	struct slice raw; /* the lines as they came; until the next feed */
};

enum reply_step { REPLY_MORE, REPLY_DONE, REPLY_BROKEN };

struct reply_parser {
	struct buf raw;
	size_t line_start;
	bool complete;   /* raw holds a reply that was handed out */
	const char *why; /* not NULL: broken */
	struct smtp_reply reply;
};

void reply_parser_init(struct reply_parser *p);
void reply_parser_fini(struct reply_parser *p);

/*
 * Takes bytes up to the end of a reply, moving *bytes and *len past what it
 * took.  REPLY_DONE: p->reply holds it, until the next call.  REPLY_MORE: all
 * was taken.  REPLY_BROKEN: see p->why.
 */
enum reply_step reply_parser_feed(struct reply_parser *p, const char **bytes,
    size_t *len);

/* Is a reply begun and not ended? */
bool reply_parser_is_midway(const struct reply_parser *p);

/* The text of each line in turn; *pos starts at 0.  False: no more. */
bool smtp_reply_line(const struct smtp_reply *r, size_t *pos,
    struct slice *text_r);

/*
 * The whole reply as one line, "550 5.1.1 no such user": the code, then the
 * texts joined by blanks, with an enhanced code that each line repeats kept
 * once; control bytes and what is not UTF-8 become '?'; cut at a character.
 * Returns the length; out always ends in NUL.
 */
size_t smtp_reply_text(const struct smtp_reply *r, char *out, size_t cap);

/*
 * A greeting that went through the "fixup protocol smtp" of a Cisco PIX, which
 * leaves of each line nothing but 2, 0, blanks and asterisks.
 */
bool smtp_reply_is_masked(const struct smtp_reply *r);

#endif
