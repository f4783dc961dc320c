/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/crc32c.h"

#include <string.h>

#define POLYNOMIAL UINT32_C(0x82f63b78) /* reflected */

/* Made before main(), so that no thread ever sees it half made. */
static uint32_t table[256];

__attribute__((constructor)) static void
make_table(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t crc = i;

		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ ((crc & 1) != 0 ? POLYNOMIAL : 0);
		table[i] = crc;
	}
}

uint32_t
crc32c_by_table(uint32_t crc, const void *p, size_t len)
{
	const unsigned char *c = p;

	crc = ~crc;
	while (len-- > 0)
		crc = crc >> 8 ^ table[(crc ^ *c++) & 0xff];
	return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t
by_instruction(uint32_t crc, const void *p, size_t len)
{
	const unsigned char *c = p;
	uint64_t wide = ~crc;

	for (; len >= 8; len -= 8, c += 8) {
		uint64_t word;

		memcpy(&word, c, sizeof(word));
		wide = __builtin_ia32_crc32di(wide, word);
	}
	crc = (uint32_t)wide;
	while (len-- > 0)
		crc = __builtin_ia32_crc32qi(crc, *c++);
	return ~crc;
}

uint32_t
crc32c(uint32_t crc, const void *p, size_t len)
{
	if (__builtin_cpu_supports("sse4.2"))
		return by_instruction(crc, p, len);
	return crc32c_by_table(crc, p, len);
}
#else
uint32_t
crc32c(uint32_t crc, const void *p, size_t len)
{
	return crc32c_by_table(crc, p, len);
}
#endif
