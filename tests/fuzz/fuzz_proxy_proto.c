/* SPDX-License-Identifier: Apache-2.0 */
/* The PROXY header: what comes in pieces is read as what comes at once. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "lib/proxy_proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = mem_alloc(size + 1); /* ends where the bytes end */
	struct proxy_header whole, part;
	enum proxy_result r;

	memcpy(copy, data, size);
	r = proxy_proto_read((struct slice){ copy, size }, &whole);
	if (r == PROXY_DONE)
		CHECK(whole.len > 0 && whole.len <= size &&
		    whole.len <= PROXY_BINARY_MAX);
	for (size_t n = 0; n < size && n < 200; n++) {
		enum proxy_result p = proxy_proto_read(
		    (struct slice){ copy, n }, &part);

		/* What it was once, it stays. */
		CHECK(p == PROXY_MORE || p == r);
		CHECK(p != PROXY_DONE || part.len == whole.len);
	}
	free(copy);
	return 0;
}
