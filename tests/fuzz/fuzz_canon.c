/* SPDX-License-Identifier: Apache-2.0 */
/* Canonical forms do not depend on how the body comes in pieces. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/check.h"
#include "mail/canon.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct canon_body *
hash(const uint8_t *data, size_t size, size_t piece)
{
	struct canon_body *c = canon_body_new();

	for (size_t at = 0; at < size; at += piece)
		canon_body_add(c, data + at,
		    size - at < piece ? size - at : piece);
	canon_body_finish(c);
	return c;
}

/* Relaxing twice is relaxing once. */
static void
check_field(const uint8_t *data, size_t size, struct region *rg)
{
	struct header_list list = { 0 };
	struct buf once = { 0 }, twice = { 0 };

	header_list_add(&list, rg, SLICE_LIT("X-Any"),
	    (struct slice){ (const char *)data, size });
	canon_header(&once, &list.v[0], CANON_RELAXED);
	header_list_add(&list, rg, SLICE_LIT("x-any"),
	    (struct slice){ once.p + 6, once.len - 8 });
	canon_header(&twice, &list.v[1], CANON_RELAXED);
	if (memmem(once.p, once.len - 2, "\r\n", 2) == NULL)
		CHECK(once.len == twice.len &&
		    memcmp(once.p, twice.p, once.len) == 0);
	buf_fini(&once);
	buf_fini(&twice);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct region *rg = region_new();
	size_t piece = size == 0 ? 1 : 1 + data[0] % 7;
	struct canon_body *whole = hash(data, size, size + 1);
	struct canon_body *pieces = hash(data, size, piece);

	CHECK(memcmp(canon_body_hash(whole, CANON_SIMPLE),
		  canon_body_hash(pieces, CANON_SIMPLE), 32) == 0);
	CHECK(memcmp(canon_body_hash(whole, CANON_RELAXED),
		  canon_body_hash(pieces, CANON_RELAXED), 32) == 0);
	check_field(data, size, rg);
	canon_body_free(&whole);
	canon_body_free(&pieces);
	region_free(&rg);
	return 0;
}
