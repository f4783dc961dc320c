/* SPDX-License-Identifier: Apache-2.0 */
/*
 * str - slices, a growable buffer, and the value forms of configuration:
 * numbers, intervals, sizes, rates.
 *
 * Slices are borrowed and not NUL-terminated.  Any thread; no shared state.
 * Intervals are microseconds, sizes bytes.  Parsers take the whole string or
 * fail with a text that names what is wrong.
 */

#ifndef LIB_STR_H
#define LIB_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

struct slice {
	const char *p;
	size_t len;
};

#define SLICE_LIT(s) ((struct slice){ (s), sizeof(s) - 1 })

struct slice slice_of(const char *s);
bool slice_eq(struct slice a, const char *b);
bool slice_eq_nocase(struct slice a, const char *b); /* ASCII only */
struct slice slice_trim(struct slice s);             /* blanks and tabs */

int str_hex_digit(char c); /* its value; -1: it is none */
bool str_eq_nocase(const char *a, const char *b); /* ASCII only */
void str_lower(char *s);                          /* ASCII only */
int str_cmp_nocase(const char *a, const char *b);

/*
 * Texts one behind the other, up to a NULL, cut to what there is room for; how
 * much that is.  What "%s%s" costs ten times as much for.
 */
size_t str_join(char *out, size_t cap, const char *const *parts);
#define STR_JOIN(out, cap, ...) \
	str_join(out, cap, (const char *const[]){ __VA_ARGS__, NULL })

/* Growable buffer; zero-initialised is empty.  buf_fini() frees. */
struct buf {
	char *p;
	size_t len, cap;
};

void buf_fini(struct buf *b);
void buf_clear(struct buf *b); /* keeps the memory */
void buf_reserve(struct buf *b, size_t more);
void buf_add(struct buf *b, const void *p, size_t len);
void buf_str(struct buf *b, const char *s);
void buf_byte(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void buf_drop(struct buf *b, size_t len); /* from the front */
const char *buf_cstr(struct buf *b);      /* adds a NUL that is not counted */
char *buf_take(struct buf *b, size_t *len_r); /* moves the memory out */

/* N events in a period.  count 0 with period 0: unlimited. */
struct rate {
	uint32_t count;
	int64_t period_us;
};

/* Bytes in a period.  bytes 0 with period 0: unlimited. */
struct data_rate {
	uint64_t bytes;
	int64_t period_us;
};

#define INTERVAL_NEVER INT64_MAX
#define SIZE_UNLIMITED UINT64_MAX

int str_to_u64(struct slice s, uint64_t *v_r, struct err *e);
int str_to_bool(struct slice s, bool *v_r, struct err *e);
int str_to_interval(struct slice s, int64_t *us_r, struct err *e); /* 4d12h */
int str_to_size(struct slice s, uint64_t *v_r, struct err *e);     /* 25M */
int str_to_rate(struct slice s, struct rate *r_r, struct err *e);  /* 1/20m */
int str_to_data_rate(struct slice s, struct data_rate *r_r,
    struct err *e);                           /* 10M/15m */
void str_interval(struct buf *b, int64_t us); /* "4d12h", "never" */
void str_size(struct buf *b, uint64_t v);     /* "25m", "unlimited" */
void str_rate(struct buf *b, const struct rate *r);
void str_data_rate(struct buf *b, const struct data_rate *r);

/* Fixed-order integers for records: big-endian, so that keys sort. */
void put_be16(void *p, uint16_t v);
void put_be32(void *p, uint32_t v);
void put_be64(void *p, uint64_t v);
uint16_t get_be16(const void *p);
uint32_t get_be32(const void *p);
uint64_t get_be64(const void *p);

#endif
