/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/spans.h"

#include <inttypes.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/day.h"

enum { DATE_LEN = 10, TIME_LEN = 8 };

/* ---- reading the field ------------------------------------------------------ */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void
skip_blanks(struct slice *s)
{
	while (s->len > 0 && is_blank(s->p[0])) {
		s->p++;
		s->len--;
	}
}

/* What comes before c, or all, goes, with c; false: there was none. */
static bool
cut(struct slice *s, char c, struct slice *part_r)
{
	const char *at = s->len == 0 ? NULL : memchr(s->p, c, s->len);
	size_t gone;

	*part_r = (struct slice){ s->p,
		at == NULL ? s->len : (size_t)(at - s->p) };
	gone = part_r->len + (at != NULL);
	s->p += gone;
	s->len -= gone;
	return at != NULL;
}

/* Two digits at p, below a limit. */
static bool
two_digits(const char *p, uint32_t below, uint32_t *v_r)
{
	for (int i = 0; i < 2; i++)
		if (p[i] < '0' || p[i] > '9')
			return false;
	*v_r = (uint32_t)(p[0] - '0') * 10 + (uint32_t)(p[1] - '0');
	return *v_r < below;
}

/* "HH:MM:SS" */
static bool
read_time(struct slice s, uint32_t *second_r)
{
	uint32_t h, m, sec;

	if (s.len != TIME_LEN || s.p[2] != ':' || s.p[5] != ':' ||
	    !two_digits(s.p, 24, &h) || !two_digits(s.p + 3, 60, &m) ||
	    !two_digits(s.p + 6, 60, &sec))
		return false;
	*second_r = (h * 60 + m) * 60 + sec;
	return true;
}

/* "YYYY-MM-DD HH:MM:SS", with blanks around it and any number between. */
static bool
read_moment(struct slice s, int64_t *us_r)
{
	uint32_t number, second;
	struct slice date;
	struct err e;

	skip_blanks(&s);
	while (s.len > 0 && is_blank(s.p[s.len - 1]))
		s.len--;
	date = (struct slice){ s.p, s.len < DATE_LEN ? s.len : DATE_LEN };
	s.p += date.len;
	s.len -= date.len;
	if (s.len == 0 || !is_blank(s.p[0]) ||
	    day_parse(date, &number, &e) == -1)
		return false;
	skip_blanks(&s);
	if (!read_time(s, &second))
		return false;
	*us_r = day_time(number, second) * US_PER_S;
	return true;
}

/* Those before it are sorted; what overlaps or touches becomes one later. */
static void
insert(struct span *v, size_t n, struct span one)
{
	for (; n > 0 && v[n - 1].start_us > one.start_us; n--)
		v[n] = v[n - 1];
	v[n] = one;
}

static size_t
merge(struct span *v, size_t n)
{
	size_t kept = 0;

	for (size_t i = 1; i < n; i++)
		if (v[i].start_us > v[kept].end_us)
			v[++kept] = v[i];
		else if (v[i].end_us > v[kept].end_us)
			v[kept].end_us = v[i].end_us;
	return kept + 1;
}

int
spans_parse(struct slice text, struct region *rg, struct spans *out,
    struct err *e)
{
	struct span all[SPANS_MAX], *v;
	bool more = true;
	size_t n = 0;

	*out = (struct spans){ 0 };
	while (more) {
		struct slice end, start;
		struct span one;

		if (n == SPANS_MAX)
			return err_set(e, "more than %d windows", SPANS_MAX);
		more = cut(&text, ',', &end);
		if (!cut(&end, '/', &start) ||
		    !read_moment(start, &one.start_us) ||
		    !read_moment(end, &one.end_us))
			return err_set(e,
			    "window %zu is not \"YYYY-MM-DD HH:MM:SS / "
			    "YYYY-MM-DD HH:MM:SS\"",
			    n + 1);
		if (one.end_us <= one.start_us)
			return err_set(e, "window %zu ends before it begins",
			    n + 1);
		/* East of Greenwich local time began before the clock. */
		if (one.end_us <= 0)
			return err_set(e, "window %zu is over before 1970",
			    n + 1);
		if (one.start_us < 0)
			one.start_us = 0;
		insert(all, n++, one);
	}
	n = merge(all, n);
	v = region_array(rg, n, sizeof(*v));
	memcpy(v, all, n * sizeof(*v));
	*out = (struct spans){ n, v };
	return 0;
}

/* ---- asking ----------------------------------------------------------------- */

/* The first that is not over then; n: all are. */
static size_t
find(const struct spans *s, int64_t at_us)
{
	size_t i = 0;

	while (i < s->n && s->v[i].end_us <= at_us)
		i++;
	return i;
}

int64_t
spans_next(const struct spans *s, int64_t at_us)
{
	size_t i = find(s, at_us);

	if (s->n == 0)
		return at_us;
	if (i == s->n)
		return INT64_MAX;
	return s->v[i].start_us > at_us ? s->v[i].start_us : at_us;
}

int64_t
spans_end(const struct spans *s, int64_t at_us)
{
	size_t i = find(s, at_us);

	return i < s->n && s->v[i].start_us <= at_us ? s->v[i].end_us : at_us;
}

bool
spans_equal(const struct spans *a, const struct spans *b)
{
	for (size_t i = 0; i < a->n && a->n == b->n; i++)
		if (a->v[i].start_us != b->v[i].start_us ||
		    a->v[i].end_us != b->v[i].end_us)
			return false;
	return a->n == b->n;
}

/* ---- bytes ------------------------------------------------------------------ */

/* As spans_parse() makes them; other clocks are added to these. */
static bool
are_ascending(const struct span *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].start_us < 0 || v[i].end_us <= v[i].start_us ||
		    v[i].end_us > INT64_MAX / 2 ||
		    (i > 0 && v[i].start_us <= v[i - 1].end_us))
			return false;
	return true;
}

void
spans_pack(const struct spans *s, struct buf *out)
{
	CHECK(s->n <= SPANS_MAX);
	packed_add_byte(out, (uint8_t)s->n);
	for (size_t i = 0; i < s->n; i++) {
		packed_add_u64(out, (uint64_t)s->v[i].start_us);
		packed_add_u64(out, (uint64_t)s->v[i].end_us);
	}
}

void
spans_unpack(struct packed *r, struct region *rg, struct spans *out)
{
	size_t n = packed_byte(r);
	struct span *v;

	*out = (struct spans){ 0 };
	if (n == 0 || n > SPANS_MAX) {
		r->bad = r->bad || n > 0;
		return;
	}
	v = region_array(rg, n, sizeof(*v));
	for (size_t i = 0; i < n; i++) {
		v[i].start_us = (int64_t)packed_u64(r);
		v[i].end_us = (int64_t)packed_u64(r);
	}
	r->bad = r->bad || !are_ascending(v, n);
	if (!r->bad)
		*out = (struct spans){ n, v };
}

/* ---- a word ----------------------------------------------------------------- */

void
spans_print(const struct spans *s, struct buf *out)
{
	for (size_t i = 0; i < s->n; i++)
		buf_printf(out, "%s%" PRId64 "-%" PRId64, i == 0 ? "" : ",",
		    s->v[i].start_us / US_PER_S, s->v[i].end_us / US_PER_S);
}

static bool
read_seconds(struct slice s, int64_t *us_r)
{
	struct err e;
	uint64_t n;

	if (str_to_u64(s, &n, &e) == -1 || n > INT64_MAX / US_PER_S)
		return false;
	*us_r = (int64_t)n * US_PER_S;
	return true;
}

bool
spans_read(struct slice text, struct region *rg, struct spans *out)
{
	struct span *v = region_array(rg, SPANS_MAX, sizeof(*v));
	bool more = true;
	size_t n = 0;

	*out = (struct spans){ 0 };
	for (; more; n++) {
		struct slice end, start;

		more = cut(&text, ',', &end);
		if (n == SPANS_MAX || !cut(&end, '-', &start) ||
		    !read_seconds(start, &v[n].start_us) ||
		    !read_seconds(end, &v[n].end_us))
			return false;
	}
	if (!are_ascending(v, n))
		return false;
	*out = (struct spans){ n, v };
	return true;
}
