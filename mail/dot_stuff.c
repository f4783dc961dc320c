/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/dot_stuff.h"

#include <string.h>

#include "mail/dot_lines.h"

/*
 * How far ahead a search looks: without a bound, a piece of nothing but stray
 * line ends would be searched to its end for each of them.
 */
#define WINDOW ((size_t)2048)

void
dot_stuff_init(struct dot_stuff *d)
{
	*d = (struct dot_stuff){ 0 };
}

static struct slice
skip(struct slice s, size_t n)
{
	return (struct slice){ s.p + n, s.len - n };
}

/*
 * How much of the front of s can go out as it is, beginning inside a line or
 * with a byte that is no dot.  Stops before a dot that begins a line, before a
 * stray CR or LF, and before a CR at the very end, whose fate is not known.
 * mid_line_r: did it stop inside a line?
 */
static size_t
clean_len(struct slice s, bool *mid_line_r)
{
	size_t at = dot_lines_len(s.p, s.len);

	if (at > 0)
		*mid_line_r = true;
	while (at < s.len) {
		const char *start = s.p + at;
		size_t text = s.len - at < WINDOW ? s.len - at : WINDOW;
		const char *cr = memchr(start, '\r', text);
		const char *lf;

		if (cr != NULL)
			text = (size_t)(cr - start);
		lf = memchr(start, '\n', text);
		if (lf != NULL) /* no CR before it */
			return at + (size_t)(lf - start);
		if (text > 0)
			*mid_line_r = true;
		at += text;
		if (cr == NULL)
			continue;
		if (at + 1 >= s.len || s.p[at + 1] != '\n')
			return at;
		at += 2;
		*mid_line_r = false;
		if (at < s.len && s.p[at] == '.')
			return at;
	}
	return at;
}

bool
dot_stuff_next(struct dot_stuff *d, struct slice *in, struct slice *run_r)
{
	size_t len;

	if (in->len == 0)
		return false;
	if (d->cr) { /* a CR was held back: whatever follows, it is CRLF now */
		d->cr = false;
		d->mid_line = false;
		if (in->p[0] == '\n')
			*in = skip(*in, 1);
		*run_r = SLICE_LIT("\r\n");
		return true;
	}
	if (!d->mid_line && in->p[0] == '.') {
		d->mid_line = true; /* the dot itself comes with the next run */
		*run_r = SLICE_LIT(".");
		return true;
	}
	len = clean_len(*in, &d->mid_line);
	if (len > 0) {
		*run_r = (struct slice){ in->p, len };
		*in = skip(*in, len);
		return true;
	}
	/* A stray LF or CR, or a CR that ends the piece. */
	if (in->p[0] == '\r' && in->len == 1) {
		*in = skip(*in, 1);
		d->cr = true;
		return false;
	}
	*in = skip(*in, 1);
	d->mid_line = false;
	*run_r = SLICE_LIT("\r\n");
	return true;
}

struct slice
dot_stuff_end(const struct dot_stuff *d)
{
	return d->mid_line || d->cr ? SLICE_LIT("\r\n") : SLICE_LIT("");
}
