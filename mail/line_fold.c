/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/line_fold.h"

#include <string.h>

/*
 * How much of s goes out as it is: whole lines, and of the last one what has
 * room in it.  A CR at the very end is left, unless that ends the line anyway.
 *
 * Looked for is the last LF that a line beginning here may have, from there
 * backwards: all lines before it are shorter.
 */
static size_t
clean_len(struct slice s, size_t *col)
{
	size_t at = 0;

	while (at < s.len) {
		const char *p = s.p + at, *lf;
		size_t left = s.len - at, room = LINE_FOLD_MAX - *col;

		lf = memrchr(p, '\n', left < room + 2 ? left : room + 2);
		/* The one behind a full line ends it only with a CR before. */
		if (lf == p + room + 1 && p[room] != '\r')
			lf = memrchr(p, '\n', room + 1);
		if (lf != NULL) {
			at += (size_t)(lf - p) + 1;
			*col = 0;
			continue;
		}
		if (left > room)
			left = room;
		else if (p[left - 1] == '\r')
			left--;
		*col += left;
		return at + left;
	}
	return at;
}

bool
line_fold_next(struct line_fold *f, struct slice *in, struct slice *run_r)
{
	size_t n;

	if (in->len == 0)
		return false;
	if (f->cr && in->p[0] == '\n') {
		*f = (struct line_fold){ 0 };
		in->p++;
		in->len--;
		*run_r = SLICE_LIT("\r\n");
		return true;
	}
	if (f->cr && f->col < LINE_FOLD_MAX) { /* it was text */
		f->cr = false;
		f->col++;
		*run_r = SLICE_LIT("\r");
		return true;
	}
	n = f->cr ? 0 : clean_len(*in, &f->col);
	if (n == 0 && !f->cr && in->p[0] == '\r' && in->len == 1) {
		f->cr = true;
		in->p++;
		in->len--;
		return false;
	}
	if (n > 0) {
		*run_r = (struct slice){ in->p, n };
		in->p += n;
		in->len -= n;
	} else {
		f->col = 1;
		*run_r = SLICE_LIT("\r\n ");
	}
	return true;
}

struct slice
line_fold_end(const struct line_fold *f)
{
	return f->cr ? SLICE_LIT("\r") : SLICE_LIT("");
}

/* ---- a text as a whole --------------------------------------------------- */

/* Its length folded; out, if not NULL, gets it. */
static size_t
fold(struct slice text, size_t col, char *out)
{
	struct line_fold f = { .col = col };
	struct slice run;
	size_t n = 0;

	while (line_fold_next(&f, &text, &run)) {
		if (out != NULL)
			memcpy(out + n, run.p, run.len);
		n += run.len;
	}
	run = line_fold_end(&f);
	if (out != NULL && run.len > 0)
		memcpy(out + n, run.p, run.len);
	return n + run.len;
}

struct slice
line_fold_text(struct slice text, size_t col, struct region *rg)
{
	size_t len;
	char *out;

	if (col > LINE_FOLD_MAX)
		col = LINE_FOLD_MAX;
	len = fold(text, col, NULL);
	if (len == text.len)
		return text;
	out = region_alloc(rg, len);
	(void)fold(text, col, out);
	return (struct slice){ out, len };
}
