/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dot_unstuff - the text behind DATA, from the wire to the message: takes the
 * doubled dots away and finds the end (RFC 5321 section 4.5.2).
 *
 * The end is CR LF . CR LF, or . CR LF at the very start, and nothing else.
 * A CR or LF that stands alone is no line end (RFC 5321 section 2.3.8); it
 * never ends the data and never makes the next line start, so none of the
 * forms by which mail was smuggled past others has an effect here.  It is
 * remembered, and the caller refuses the message behind its real end.
 *
 * Pieces of any size.  Pure; embedded in the session.
 */

#ifndef MAIL_DOT_UNSTUFF_H
#define MAIL_DOT_UNSTUFF_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/str.h"

enum dot_state {
	DOT_LINE, /* at the start of a line */
	DOT_TEXT, /* inside a line */
	DOT_CR,   /* behind a CR inside a line */
	DOT_DOT,  /* behind a dot at the start of a line */
	DOT_DOT_CR
};

struct dot_unstuff {
	enum dot_state state;
	bool bare; /* a CR or LF stood alone */
};

enum dot_result { DOT_MORE, DOT_END };

void dot_unstuff_init(struct dot_unstuff *d);

/*
 * Takes from the piece, up to the end of the data: p and len move on.  The
 * text is added to out; out may be NULL when it is not wanted any more.
 */
enum dot_result dot_unstuff_feed(struct dot_unstuff *d, const char **p,
    size_t *len, struct buf *out);

#endif
