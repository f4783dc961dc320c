/* SPDX-License-Identifier: Apache-2.0 */
/* Regions give aligned memory that dies together; slabs reuse objects. */
#include <stdint.h>
#include <stdlib.h>

#include "lib/mem.h"
#include "tests/tap.h"

int
main(void)
{
	struct region *rg = region_new();
	struct slab *slab = slab_new(40);
	void *a, *b;
	bool aligned = true, whole = true;

	for (size_t len = 0; len < 9000; len += 7) {
		char *p = region_alloc(rg, len);

		aligned = aligned && (uintptr_t)p % 16 == 0;
		memset(p, 1, len);
	}
	ok(aligned, "every block is aligned to 16 bytes");
	is_str(region_printf(rg, "%d-%s", 7, "x"), "7-x", "printf");
	is_str(REGION_JOIN(rg, "a", "", "bc"), "abc", "texts joined");
	is_str(REGION_JOIN(rg, NULL), "", "none of them");
	for (int len = 0; len < 9000; len += 13) {
		const char *p = region_printf(rg, "%*s", len, "");
		const char *q = region_printf(rg, "%s|", p);

		whole = whole && strlen(p) == (size_t)len &&
		    strlen(q) == (size_t)len + 1 && q[len] == '|';
	}
	ok(whole, "what does not fit in a block is printed whole, too");
	is_str(region_strndup(rg, "abcdef", 3), "abc", "strndup ends it");
	region_reset(rg);
	a = region_alloc(rg, 100);
	region_reset(rg);
	ok(region_alloc(rg, 100) == a, "a reset region begins anew");
	region_free(&rg);
	ok(rg == NULL, "the pointer is cleared");

	a = slab_get(slab);
	memset(a, 0xff, 40);
	slab_put(slab, a);
	b = slab_get(slab);
	ok(a == b, "a freed object is used again");
	is_int(*(unsigned char *)b, 0, "and comes zeroed");
	slab_put(slab, b);
	slab_free(&slab);
	return done_testing();
}
