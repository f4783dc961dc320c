/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dot_stuff - a message body made safe for DATA.  RFC 5321 section 4.5.2.
 *
 * A line that begins with a dot gets another.  A CR or LF that is not part of
 * a CRLF goes out as CRLF, and the last line is ended: what a server takes for
 * the end of the data is never for the sender of a message to choose (SMTP
 * smuggling), however the bytes came into the spool.
 *
 * The output is runs: stretches of the input as they stand, and literals in
 * between; nothing is copied.  The input may come in pieces of any size.
 *
 *	while (dot_stuff_next(&d, &in, &run))
 *		send(run);
 *
 * Pure; plain value.
 */

#ifndef MAIL_DOT_STUFF_H
#define MAIL_DOT_STUFF_H

#include <stdbool.h>

#include "lib/str.h"

struct dot_stuff {
	bool mid_line; /* the last byte did not end a line */
	bool cr;       /* it was a CR, which is held back */
};

void dot_stuff_init(struct dot_stuff *d);

/*
 * The next run of the piece *in, which shrinks from the front.  False: the
 * piece is used up.  run_r points into the piece or at a literal.
 */
bool dot_stuff_next(struct dot_stuff *d, struct slice *in, struct slice *run_r);

/* What goes out after the last piece, before the final ".": "" or CRLF. */
struct slice dot_stuff_end(const struct dot_stuff *d);

#endif
