/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"

/* ---- slices -------------------------------------------------------------- */

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

struct slice
slice_of(const char *s)
{
	return (struct slice){ s, strlen(s) };
}

bool
slice_eq(struct slice a, const char *b)
{
	return strlen(b) == a.len && memcmp(a.p, b, a.len) == 0;
}

bool
slice_eq_nocase(struct slice a, const char *b)
{
	for (size_t i = 0; i < a.len; i++)
		if (b[i] == '\0' || lower(a.p[i]) != lower(b[i]))
			return false;
	return b[a.len] == '\0';
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct slice
slice_trim(struct slice s)
{
	while (s.len > 0 && is_blank(s.p[0])) {
		s.p++;
		s.len--;
	}
	while (s.len > 0 && is_blank(s.p[s.len - 1]))
		s.len--;
	return s;
}

int
str_cmp_nocase(const char *a, const char *b)
{
	while (*a != '\0' && lower(*a) == lower(*b)) {
		a++;
		b++;
	}
	return (unsigned char)lower(*a) - (unsigned char)lower(*b);
}

size_t
str_join(char *out, size_t cap, const char *const *parts)
{
	size_t len = 0;

	CHECK(cap > 0);
	for (; *parts != NULL; parts++) {
		size_t n = strnlen(*parts, cap - 1 - len);

		memcpy(out + len, *parts, n);
		len += n;
	}
	out[len] = '\0';
	return len;
}

bool
str_eq_nocase(const char *a, const char *b)
{
	return str_cmp_nocase(a, b) == 0;
}

void
str_lower(char *s)
{
	for (; *s != '\0'; s++)
		*s = lower(*s);
}

enum { PRINTF_ROOM = 64 }; /* what is printed is seldom longer */

int
str_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* ---- buffer -------------------------------------------------------------- */

void
buf_fini(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ 0 };
}

void
buf_clear(struct buf *b)
{
	b->len = 0;
}

void
buf_reserve(struct buf *b, size_t more)
{
	size_t cap = b->cap == 0 ? 256 : b->cap;

	if (b->cap - b->len >= more)
		return;
	CHECK(more < SIZE_MAX / 4 && b->len < SIZE_MAX / 4);
	while (cap - b->len < more)
		cap *= 2;
	b->p = mem_realloc(b->p, cap);
	b->cap = cap;
}

void
buf_add(struct buf *b, const void *p, size_t len)
{
	if (len == 0)
		return;
	buf_reserve(b, len);
	memcpy(b->p + b->len, p, len);
	b->len += len;
}

void
buf_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void
buf_byte(struct buf *b, char c)
{
	if (b->len == b->cap)
		buf_reserve(b, 1);
	b->p[b->len++] = c;
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	size_t room;
	int len;

	buf_reserve(b, PRINTF_ROOM);
	room = b->cap - b->len;
	va_start(ap, fmt);
	len = vsnprintf(b->p + b->len, room, fmt, ap);
	va_end(ap);
	CHECK(len >= 0);
	if ((size_t)len >= room) {
		buf_reserve(b, (size_t)len + 1);
		va_start(ap, fmt);
		(void)vsnprintf(b->p + b->len, (size_t)len + 1, fmt, ap);
		va_end(ap);
	}
	b->len += (size_t)len;
}

void
buf_drop(struct buf *b, size_t len)
{
	CHECK(len <= b->len);
	b->len -= len;
	if (b->len > 0)
		memmove(b->p, b->p + len, b->len);
}

const char *
buf_cstr(struct buf *b)
{
	buf_reserve(b, 1);
	b->p[b->len] = '\0';
	return b->p;
}

char *
buf_take(struct buf *b, size_t *len_r)
{
	char *p;

	(void)buf_cstr(b);
	p = b->p;
	if (len_r != NULL)
		*len_r = b->len;
	*b = (struct buf){ 0 };
	return p;
}

/* ---- values of configuration --------------------------------------------- */

/* Takes decimal digits from the front; false if there are none. */
static bool
take_digits(struct slice *s, uint64_t *v_r)
{
	uint64_t v = 0;
	size_t i = 0;

	for (; i < s->len && s->p[i] >= '0' && s->p[i] <= '9'; i++) {
		if (v > (UINT64_MAX - 9) / 10)
			return false;
		v = v * 10 + (uint64_t)(s->p[i] - '0');
	}
	if (i == 0)
		return false;
	s->p += i;
	s->len -= i;
	*v_r = v;
	return true;
}

int
str_to_u64(struct slice s, uint64_t *v_r, struct err *e)
{
	struct slice rest = s;

	if (!take_digits(&rest, v_r) || rest.len > 0)
		return err_set(e, "\"%.*s\" is not a number", (int)s.len, s.p);
	return 0;
}

int
str_to_bool(struct slice s, bool *v_r, struct err *e)
{
	if (slice_eq_nocase(s, "yes") || slice_eq_nocase(s, "true"))
		*v_r = true;
	else if (slice_eq_nocase(s, "no") || slice_eq_nocase(s, "false"))
		*v_r = false;
	else
		return err_set(e, "\"%.*s\" is neither yes nor no", (int)s.len,
		    s.p);
	return 0;
}

static const struct {
	const char *name;
	int64_t us;
} units[] = {
	{ "w", 604800 * US_PER_S },
	{ "d", 86400 * US_PER_S },
	{ "day", 86400 * US_PER_S },
	{ "h", 3600 * US_PER_S },
	{ "hr", 3600 * US_PER_S },
	{ "m", 60 * US_PER_S },
	{ "min", 60 * US_PER_S },
	{ "s", US_PER_S },
	{ "sec", US_PER_S },
};

/* Takes letters from the front; 0 if they are no unit of time. */
static int64_t
take_unit(struct slice *s)
{
	size_t len = 0;
	struct slice word;

	while (
	    len < s->len && lower(s->p[len]) >= 'a' && lower(s->p[len]) <= 'z')
		len++;
	word = (struct slice){ s->p, len };
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (slice_eq_nocase(word, units[i].name)) {
			s->p += len;
			s->len -= len;
			return units[i].us;
		}
	return 0;
}

#define INTERVAL_MAX (INT64_C(3650) * 86400 * US_PER_S)

int
str_to_interval(struct slice s, int64_t *us_r, struct err *e)
{
	struct slice rest = s;
	int64_t total = 0;

	if (slice_eq_nocase(s, "never")) {
		*us_r = INTERVAL_NEVER;
		return 0;
	}
	if (slice_eq(s, "0")) {
		*us_r = 0;
		return 0;
	}
	do {
		uint64_t n;
		int64_t unit;

		if (!take_digits(&rest, &n) || (unit = take_unit(&rest)) == 0)
			return err_set(e,
			    "\"%.*s\" is not a time such as 4d12h or 300s",
			    (int)s.len, s.p);
		if (n > (uint64_t)(INTERVAL_MAX / unit) ||
		    total + (int64_t)n * unit > INTERVAL_MAX)
			return err_set(e, "\"%.*s\" is longer than ten years",
			    (int)s.len, s.p);
		total += (int64_t)n * unit;
	} while (rest.len > 0);
	*us_r = total;
	return 0;
}

int
str_to_size(struct slice s, uint64_t *v_r, struct err *e)
{
	static const char suffixes[] = "bkmgt";
	struct slice rest = s;
	const char *found;
	uint64_t v;
	unsigned shift;

	if (slice_eq_nocase(s, "unlimited")) {
		*v_r = SIZE_UNLIMITED;
		return 0;
	}
	if (!take_digits(&rest, &v))
		goto bad;
	if (rest.len == 0) {
		*v_r = v;
		return 0;
	}
	found = rest.len == 1 ? strchr(suffixes, lower(rest.p[0])) : NULL;
	if (found == NULL || *found == '\0')
		goto bad;
	shift = 10 * (unsigned)(found - suffixes);
	if (v > UINT64_MAX >> 1 >> shift)
		return err_set(e, "\"%.*s\" is too large", (int)s.len, s.p);
	*v_r = v << shift;
	return 0;
bad:
	return err_set(e, "\"%.*s\" is not a size such as 500K or 25M",
	    (int)s.len, s.p);
}

/* "/[M]UNIT": the end of a rate. */
static int
take_period(struct slice rest, int64_t *us_r, struct err *e)
{
	uint64_t times = 1;
	int64_t unit;

	if (rest.len == 0 || rest.p[0] != '/')
		return err_set(e, "no period");
	rest.p++;
	rest.len--;
	if (rest.len > 0 && rest.p[0] >= '0' && rest.p[0] <= '9' &&
	    (!take_digits(&rest, &times) || times == 0))
		return err_set(e, "a bad period");
	unit = take_unit(&rest);
	if (unit == 0 || rest.len > 0)
		return err_set(e, "a bad unit of time");
	if (times > (uint64_t)(INTERVAL_MAX / unit))
		return err_set(e, "a period longer than ten years");
	*us_r = (int64_t)times * unit;
	return 0;
}

int
str_to_rate(struct slice s, struct rate *r_r, struct err *e)
{
	struct slice rest = s;
	uint64_t count;

	*r_r = (struct rate){ 0, 0 };
	/* 0 is as unlimited in PowerMTA */
	if (slice_eq_nocase(s, "unlimited") || slice_eq(s, "0"))
		return 0;
	if (!take_digits(&rest, &count) || count == 0 || count > UINT32_MAX)
		return err_set(e,
		    "\"%.*s\" is not a rate such as 250/h or "
		    "1/20m",
		    (int)s.len, s.p);
	if (take_period(rest, &r_r->period_us, e) == -1)
		return err_where(e,
		    "\"%.*s\" is not a rate such as 250/h or 1/20m", (int)s.len,
		    s.p);
	r_r->count = (uint32_t)count;
	return 0;
}

int
str_to_data_rate(struct slice s, struct data_rate *r_r, struct err *e)
{
	const char *slash = memchr(s.p, '/', s.len);
	struct slice size = s;
	uint64_t bytes = 0;

	*r_r = (struct data_rate){ 0, 0 };
	if (slice_eq_nocase(s, "unlimited") || slice_eq(s, "0"))
		return 0;
	if (slash == NULL)
		return err_set(e, "\"%.*s\" is not a data rate such as 10M/15m",
		    (int)s.len, s.p);
	size.len = (size_t)(slash - s.p);
	if (str_to_size(size, &bytes, e) == -1 || bytes == 0 ||
	    bytes == SIZE_UNLIMITED ||
	    take_period((struct slice){ slash, s.len - size.len },
		&r_r->period_us, e) == -1)
		return err_set(e, "\"%.*s\" is not a data rate such as 10M/15m",
		    (int)s.len, s.p);
	r_r->bytes = bytes;
	return 0;
}

static const struct {
	char name;
	int64_t us;
} shown_units[] = {
	{ 'w', 604800 * US_PER_S },
	{ 'd', 86400 * US_PER_S },
	{ 'h', 3600 * US_PER_S },
	{ 'm', 60 * US_PER_S },
	{ 's', US_PER_S },
};

void
str_size(struct buf *b, uint64_t v)
{
	static const char letters[] = "tgmk";

	if (v == SIZE_UNLIMITED) {
		buf_str(b, "unlimited");
		return;
	}
	for (unsigned i = 0; v > 0 && letters[i] != '\0'; i++) {
		unsigned shift = 10 * (unsigned)(sizeof(letters) - 1 - i);

		if ((v & ((UINT64_C(1) << shift) - 1)) == 0) {
			buf_printf(b, "%llu%c",
			    (unsigned long long)(v >> shift), letters[i]);
			return;
		}
	}
	buf_printf(b, "%llu", (unsigned long long)v);
}

void
str_interval(struct buf *b, int64_t us)
{
	if (us == INTERVAL_NEVER) {
		buf_str(b, "never");
		return;
	}
	if (us < US_PER_S) {
		buf_str(b, "0");
		return;
	}
	for (size_t i = 0; i < sizeof(shown_units) / sizeof(shown_units[0]);
	     i++) {
		int64_t n = us / shown_units[i].us;

		if (n == 0)
			continue;
		buf_printf(b, "%lld%c", (long long)n, shown_units[i].name);
		us -= n * shown_units[i].us;
	}
}

static void
add_period(struct buf *b, int64_t period_us)
{
	for (size_t i = 1; i < sizeof(shown_units) / sizeof(shown_units[0]);
	     i++)
		if (period_us % shown_units[i].us == 0) {
			int64_t times = period_us / shown_units[i].us;

			if (times > 1)
				buf_printf(b, "%lld", (long long)times);
			buf_byte(b, shown_units[i].name);
			return;
		}
}

void
str_rate(struct buf *b, const struct rate *r)
{
	if (r->period_us == 0) {
		buf_str(b, "unlimited");
		return;
	}
	buf_printf(b, "%u/", r->count);
	add_period(b, r->period_us);
}

void
str_data_rate(struct buf *b, const struct data_rate *r)
{
	static const char suffixes[] = "\0kmgt";
	uint64_t n = r->bytes;
	unsigned i = 0;

	if (r->period_us == 0) {
		buf_str(b, "unlimited");
		return;
	}
	for (; i + 1 < sizeof(suffixes) - 1 && n % 1024 == 0; i++)
		n /= 1024;
	buf_printf(b, "%llu", (unsigned long long)n);
	if (i > 0)
		buf_byte(b, suffixes[i]);
	buf_byte(b, '/');
	add_period(b, r->period_us);
}

/* ---- fixed-order integers ------------------------------------------------ */

static void
put_be(unsigned char *p, uint64_t v, unsigned bytes)
{
	for (unsigned i = bytes; i-- > 0; v >>= 8)
		p[i] = (unsigned char)v;
}

static uint64_t
get_be(const unsigned char *p, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < bytes; i++)
		v = v << 8 | p[i];
	return v;
}

void
put_be16(void *p, uint16_t v)
{
	put_be(p, v, 2);
}

void
put_be32(void *p, uint32_t v)
{
	put_be(p, v, 4);
}

void
put_be64(void *p, uint64_t v)
{
	put_be(p, v, 8);
}

uint16_t
get_be16(const void *p)
{
	return (uint16_t)get_be(p, 2);
}

uint32_t
get_be32(const void *p)
{
	return (uint32_t)get_be(p, 4);
}

uint64_t
get_be64(const void *p)
{
	return get_be(p, 8);
}
