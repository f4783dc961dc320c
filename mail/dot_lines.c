/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/dot_lines.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define LANES 16UL

typedef unsigned char lanes __attribute__((vector_size(LANES)));

/* Each byte beside the one behind it: not zero where they must not be so. */
static inline lanes
odd_ones(const char *p)
{
	const lanes zero = { 0 }, cr = zero + '\r', lf = zero + '\n',
		    dot = zero + '.';
	lanes here, next;

	memcpy(&here, p, LANES);
	memcpy(&next, p + 1, LANES);
	return ((lanes)(here == cr) ^ (lanes)(next == lf)) |
	    ((lanes)(here == lf) & (lanes)(next == dot));
}

static bool
is_zero(lanes v)
{
	uint64_t words[2];

	memcpy(words, &v, LANES);
	return (words[0] | words[1]) == 0;
}

size_t
dot_lines_len(const char *p, size_t len)
{
	size_t n = 0;

	if (len == 0 || p[0] == '\n')
		return 0;
	while (len - n > 4 * LANES &&
	    is_zero(odd_ones(p + n) | odd_ones(p + n + LANES) |
		odd_ones(p + n + 2 * LANES) | odd_ones(p + n + 3 * LANES)))
		n += 4 * LANES;
	while (len - n > LANES && is_zero(odd_ones(p + n)))
		n += LANES;
	while (n > 0 && (p[n - 1] == '\r' || p[n - 1] == '\n'))
		n--;
	return n;
}
