/* SPDX-License-Identifier: Apache-2.0 */
/*
 * line_fold - text without a line that a server may refuse.  RFC 5321 section
 * 4.5.3.1.6: a line has 1,000 octets at most, its CRLF among them.
 *
 * A longer one is broken by CRLF SP, at the places at which Postfix's SMTP
 * client breaks it (smtp_line_length_limit 998): so a signature of the folded
 * text holds whichever of the two sends the message, and also where the
 * hand-over between them has folded it already.  In a header field that is a
 * fold, in a body the least that hurts MIME.  A CR or LF that stands alone
 * counts as text.
 *
 * The output is runs: stretches of the input as they stand, and literals in
 * between; nothing is copied.  The input may come in pieces of any size.
 *
 *	while (line_fold_next(&f, &in, &run))
 *		take(run);
 *
 * Pure; plain value, zero at the start of a line.
 */

#ifndef MAIL_LINE_FOLD_H
#define MAIL_LINE_FOLD_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/mem.h"
#include "lib/str.h"

#define LINE_FOLD_MAX 998 /* octets of a line without its CRLF */

struct line_fold {
	size_t col; /* octets of the line so far */
	bool cr;    /* and a CR, which is held back: its LF may come */
};

/*
 * The next run of the piece *in, which shrinks from the front.  False: the
 * piece is used up.  run_r points into the piece or at a literal.
 */
bool line_fold_next(struct line_fold *f, struct slice *in, struct slice *run_r);

/* What goes out behind the last piece: "", or a CR that was held back. */
struct slice line_fold_end(const struct line_fold *f);

/*
 * The whole text, whose first line has already col octets; the text itself if
 * nothing is to be changed, else a copy in the region.
 */
struct slice line_fold_text(struct slice text, size_t col, struct region *rg);

#endif
