/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/suppress_file.h"

#include <string.h>

#include "queue/crc32c.h"

static const char magic[8] = { 'M', 'R', 'S', 'U', 'P', 'P', 'R', '\n' };

/* Where in the head. */
enum {
	AT_VERSION = 8,
	AT_DIGEST_LEN = 12,
	AT_LIST = 16,
	AT_GENERATION = 24,
	AT_BASE = 32,
	AT_LISTED = 40,
	AT_REMOVED = 48,
	AT_BITS = 56,
	AT_FAN_CRC = 116,
	AT_DIGEST_CRC = 120,
	AT_HEAD_CRC = 124
};

uint32_t
suppress_file_bits(uint64_t count)
{
	uint32_t bits = 0;

	while (bits < SUPPRESS_BITS_MAX && count >> bits > 8)
		bits++;
	return bits;
}

uint32_t
suppress_file_step(const struct suppress_head *h, const void *digest)
{
	return (uint32_t)((uint64_t)get_be32(digest) >> (32 - h->bits));
}

char *
suppress_file_beside(const char *path, const char *kind, uint64_t base)
{
	struct buf name = { 0 };

	buf_printf(&name, "%s.%s.%llu", path, kind, (unsigned long long)base);
	return buf_take(&name, NULL);
}

/* ---- the head ------------------------------------------------------------ */

void
suppress_file_head(const struct suppress_head *h,
    unsigned char out[SUPPRESS_HEAD])
{
	memset(out, 0, SUPPRESS_HEAD);
	memcpy(out, magic, sizeof(magic));
	put_be32(out + AT_VERSION, SUPPRESS_VERSION);
	put_be32(out + AT_DIGEST_LEN, h->digest_len);
	put_be64(out + AT_LIST, h->list);
	put_be64(out + AT_GENERATION, h->generation);
	put_be64(out + AT_BASE, h->base);
	put_be64(out + AT_LISTED, h->listed);
	put_be64(out + AT_REMOVED, h->removed);
	put_be32(out + AT_BITS, h->bits);
	put_be32(out + AT_FAN_CRC, h->fan_crc);
	put_be32(out + AT_DIGEST_CRC, h->digest_crc);
	put_be32(out + AT_HEAD_CRC, crc32c(0, out, AT_HEAD_CRC));
}

int
suppress_file_head_read(struct slice bytes, struct suppress_head *h_r,
    struct err *e)
{
	const unsigned char *p = (const unsigned char *)bytes.p;

	if (bytes.len < SUPPRESS_HEAD)
		return err_set(e, "cut off: its head is not whole");
	if (memcmp(p, magic, sizeof(magic)) != 0)
		return err_set(e, "not a suppression index");
	if (get_be32(p + AT_VERSION) != SUPPRESS_VERSION)
		return err_set(e, "version %u is not known",
		    (unsigned)get_be32(p + AT_VERSION));
	if (crc32c(0, p, AT_HEAD_CRC) != get_be32(p + AT_HEAD_CRC))
		return err_set(e, "damaged: checksum of the head");
	*h_r = (struct suppress_head){
		.list = get_be64(p + AT_LIST),
		.generation = get_be64(p + AT_GENERATION),
		.base = get_be64(p + AT_BASE),
		.listed = get_be64(p + AT_LISTED),
		.removed = get_be64(p + AT_REMOVED),
		.digest_len = get_be32(p + AT_DIGEST_LEN),
		.bits = get_be32(p + AT_BITS),
		.fan_crc = get_be32(p + AT_FAN_CRC),
		.digest_crc = get_be32(p + AT_DIGEST_CRC),
	};
	if (h_r->digest_len < SUPPRESS_LEN_MIN ||
	    h_r->digest_len > SUPPRESS_LEN_MAX ||
	    h_r->bits > SUPPRESS_BITS_MAX || h_r->listed > UINT32_MAX ||
	    h_r->removed > UINT32_MAX)
		return err_set(e, "damaged: a number in the head");
	return 0;
}

/* ---- the rest ------------------------------------------------------------ */

/* What a look-up relies on: it stays within the digests. */
static bool
fan_ascends(const struct suppress_file *f)
{
	uint32_t before = 0;

	for (size_t i = 0; i <= (size_t)1 << f->head.bits; i++) {
		uint32_t first = get_be32(f->fan + 4 * i);

		if (first < before)
			return false;
		before = first;
	}
	return get_be32(f->fan) == 0 && before == f->head.listed;
}

int
suppress_file_read(struct slice bytes, struct suppress_file *f_r, struct err *e)
{
	const unsigned char *p = (const unsigned char *)bytes.p;
	struct suppress_head *h = &f_r->head;
	size_t fan_len;
	uint64_t digests_len, whole;

	*f_r = (struct suppress_file){ .fan = NULL };
	if (suppress_file_head_read(bytes, h, e) == -1)
		return -1;
	fan_len = suppress_file_fan_len(h->bits);
	digests_len = (h->listed + h->removed) * h->digest_len;
	whole = SUPPRESS_HEAD + fan_len + digests_len;
	if (bytes.len != whole)
		return err_set(e, "%zu bytes, but its head says %llu",
		    bytes.len, (unsigned long long)whole);
	f_r->fan = p + SUPPRESS_HEAD;
	f_r->listed = f_r->fan + fan_len;
	f_r->removed = f_r->listed + h->listed * h->digest_len;
	if (crc32c(0, f_r->fan, fan_len) != h->fan_crc)
		return err_set(e, "damaged: checksum of the fan");
	if (!fan_ascends(f_r))
		return err_set(e, "damaged: the fan does not ascend");
	if (crc32c(0, f_r->listed, digests_len) != h->digest_crc)
		return err_set(e, "damaged: checksum of the digests");
	return 0;
}

/* ---- look-up ------------------------------------------------------------- */

static size_t
place_among(const unsigned char *digests, size_t low, size_t high, size_t len,
    const void *digest)
{
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = memcmp(digests + middle * len, digest, len);

		if (order == 0)
			return middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return SUPPRESS_NOWHERE;
}

size_t
suppress_file_place(const struct suppress_file *f, const void *digest)
{
	const unsigned char *step = f->fan +
	    4 * (size_t)suppress_file_step(&f->head, digest);

	return place_among(f->listed, get_be32(step), get_be32(step + 4),
	    f->head.digest_len, digest);
}

bool
suppress_file_lists(const struct suppress_file *f, const void *digest)
{
	return suppress_file_place(f, digest) != SUPPRESS_NOWHERE;
}

bool
suppress_file_removes(const struct suppress_file *f, const void *digest)
{
	return place_among(f->removed, 0, f->head.removed, f->head.digest_len,
		   digest) != SUPPRESS_NOWHERE;
}
