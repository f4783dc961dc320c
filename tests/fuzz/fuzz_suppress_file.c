/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A published suppression list, with any content: it is refused in words, or
 * looked up in without leaving it, and what is found is there.
 *
 * The first byte says if the head's numbers, the fan and the checksums are made
 * to fit the rest.
 */
#include "queue/suppress_file.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "queue/crc32c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OPT_SEAL = 1, OPT_FAN = 2, BITS = 6, LOOKS = 50 };

/* Returns how many bytes of p the file has. */
static size_t
seal(unsigned char *p, size_t len, bool make_fan)
{
	struct suppress_head h = { .digest_len = 8 + p[15] % 57,
		.list = p[23],
		.generation = p[31],
		.base = p[39],
		.bits = p[59] % BITS };
	size_t fan_len = suppress_file_fan_len(h.bits), digests_len;
	unsigned char *fan = p + SUPPRESS_HEAD, *digests = fan + fan_len;

	if (len < SUPPRESS_HEAD + fan_len)
		return len;
	h.listed = (len - SUPPRESS_HEAD - fan_len) / h.digest_len;
	h.removed = p[55] % (h.listed + 1);
	h.listed -= h.removed;
	digests_len = (h.listed + h.removed) * h.digest_len;
	for (size_t i = 0; make_fan && i <= (size_t)1 << h.bits; i++)
		put_be32(fan + 4 * i, (uint32_t)(h.listed * i >> h.bits));
	h.fan_crc = crc32c(0, fan, fan_len);
	h.digest_crc = crc32c(0, digests, digests_len);
	suppress_file_head(&h, p);
	return SUPPRESS_HEAD + fan_len + digests_len;
}

static bool
is_there(const unsigned char *digests, size_t count, size_t len,
    const unsigned char *digest)
{
	for (size_t i = 0; i < count; i++)
		if (memcmp(digests + i * len, digest, len) == 0)
			return true;
	return false;
}

static void
look(const struct suppress_file *f, const unsigned char *digest)
{
	size_t len = f->head.digest_len;

	if (suppress_file_lists(f, digest))
		CHECK(is_there(f->listed, f->head.listed, len, digest));
	if (suppress_file_removes(f, digest))
		CHECK(is_there(f->removed, f->head.removed, len, digest));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char *p, least[SUPPRESS_LEN_MAX], most[SUPPRESS_LEN_MAX];
	struct suppress_file f;
	struct err e;

	if (size < 1)
		return 0;
	memset(least, 0, sizeof(least));
	memset(most, 0xff, sizeof(most));
	/* Its own memory, of just that size: reading beyond it is seen. */
	p = mem_dup(data + 1, size - 1);
	size--;
	if ((data[0] & OPT_SEAL) != 0 && size >= SUPPRESS_HEAD)
		size = seal(p, size, (data[0] & OPT_FAN) != 0);
	p = mem_realloc(p, size == 0 ? 1 : size);
	if (suppress_file_read((struct slice){ (const char *)p, size }, &f,
		&e) == 0) {
		look(&f, least);
		look(&f, most);
		for (uint64_t i = 0;
		     i < f.head.listed + f.head.removed && i < LOOKS; i++)
			look(&f, f.listed + i * f.head.digest_len);
	} else {
		CHECK(e.text[0] != '\0');
	}
	free(p);
	return 0;
}
