/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is to be kept is copied in runs as long as the piece allows: a run
 * ends only where a dot goes away.  A CR at the end of a piece is held back
 * in the state and added when the next byte is known, since in ". CR" it may
 * belong to the end mark.
 */
#include "mail/dot_unstuff.h"

#include <string.h>

#include "mail/dot_lines.h"

void
dot_unstuff_init(struct dot_unstuff *d)
{
	*d = (struct dot_unstuff){ DOT_LINE, false };
}

static void
keep(struct buf *out, const char *p, size_t len)
{
	if (out != NULL)
		buf_add(out, p, len);
}

/*
 * Goes over whole lines as long as nothing is to be taken away; returns where
 * it stopped.  The state is DOT_LINE or DOT_TEXT on the way in.  The next LF
 * is looked for once only, or a flood of CRs would cost quadratic time.
 */
static const char *
scan(struct dot_unstuff *d, const char *p, const char *end)
{
	const char *lf, *cr;
	size_t clean = 0;

	if (d->state == DOT_TEXT || *p != '.')
		clean = dot_lines_len(p, (size_t)(end - p));
	if (clean > 0)
		d->state = DOT_TEXT;
	p += clean;
	lf = memchr(p, '\n', (size_t)(end - p));
	while (p < end) {
		if (d->state == DOT_LINE && *p == '.')
			return p;
		cr = memchr(p, '\r', (size_t)((lf == NULL ? end : lf) - p));
		d->state = DOT_TEXT;
		if (lf == NULL && cr == NULL)
			return end;
		if (lf == NULL && cr == end - 1) {
			d->state = DOT_CR;
			return cr; /* held back */
		}
		if (lf != NULL && (cr == NULL || cr == lf - 1)) {
			if (cr == NULL)
				d->bare = true;
			else
				d->state = DOT_LINE;
			p = lf + 1;
			lf = memchr(p, '\n', (size_t)(end - p));
		} else {
			d->bare = true;
			p = cr + 1;
		}
	}
	return p;
}

/* The byte behind one that was held back; true: it is used up. */
static bool
resolve(struct dot_unstuff *d, char c, struct buf *out)
{
	enum dot_state was = d->state;

	if (was == DOT_DOT) {
		/* The dot is gone; what follows is text. */
		d->state = c == '\r' ? DOT_DOT_CR : DOT_TEXT;
		return c == '\r';
	}
	keep(out, "\r", 1);
	if (c == '\n') { /* behind DOT_CR: DOT_DOT_CR was the end */
		keep(out, "\n", 1);
		d->state = DOT_LINE;
		return true;
	}
	d->bare = true;
	d->state = c == '\r' ? DOT_CR : DOT_TEXT;
	return c == '\r';
}

enum dot_result
dot_unstuff_feed(struct dot_unstuff *d, const char **pp, size_t *len,
    struct buf *out)
{
	const char *p = *pp, *end = *pp + *len, *stop;
	enum dot_result rc = DOT_MORE;

	while (p < end && rc == DOT_MORE) {
		if (d->state == DOT_DOT_CR && *p == '\n') {
			rc = DOT_END;
			p++;
		} else if (d->state != DOT_LINE && d->state != DOT_TEXT) {
			if (resolve(d, *p, out))
				p++;
		} else {
			stop = scan(d, p, end);
			keep(out, p, (size_t)(stop - p));
			p = stop;
			if (p == end)
				break;
			if (d->state != DOT_CR)
				d->state = DOT_DOT;
			p++; /* the dot, or the CR that is held back */
		}
	}
	*len = (size_t)(end - p);
	*pp = p;
	if (rc == DOT_END)
		d->state = DOT_LINE;
	return rc;
}
