/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/dot_lines.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define LANES 16

typedef unsigned char lanes __attribute__((vector_size(LANES)));

/* Each byte beside the one behind it. */
static bool
lanes_are_clean(const char *p)
{
	const lanes zero = { 0 }, cr = zero + '\r', lf = zero + '\n',
		    dot = zero + '.';
	lanes here, next, bad;
	uint64_t odd[2];

	memcpy(&here, p, LANES);
	memcpy(&next, p + 1, LANES);
	bad = ((lanes)(here == cr) ^ (lanes)(next == lf)) |
	    ((lanes)(here == lf) & (lanes)(next == dot));
	memcpy(odd, &bad, LANES);
	return (odd[0] | odd[1]) == 0;
}

size_t
dot_lines_len(const char *p, size_t len)
{
	size_t n = 0;

	if (len == 0 || p[0] == '\n')
		return 0;
	while (len - n > LANES && lanes_are_clean(p + n))
		n += LANES;
	while (n > 0 && (p[n - 1] == '\r' || p[n - 1] == '\n'))
		n--;
	return n;
}
