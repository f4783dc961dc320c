/* SPDX-License-Identifier: Apache-2.0 */
/* Values are found by text and come in the order they were put. */
#include "lib/strmap.h"

#include "lib/mem.h"
#include "tests/tap.h"

#define MANY 5000

int
main(void)
{
	struct region *rg = region_new();
	struct strmap *m = strmap_new();
	char one[] = "1", two[] = "2", three[] = "3";
	size_t found = 0;

	ok(strmap_get(m, "a") == NULL, "nothing at first");
	strmap_put(m, "b", one);
	strmap_put(m, "a", two);
	strmap_put(m, "", three);
	is_str(strmap_get(m, "a"), "2", "found");
	is_str(strmap_get(m, ""), "3", "the empty text too");
	ok(strmap_get(m, "A") == NULL, "case matters");
	strmap_put(m, "b", three);
	is_str(strmap_get(m, "b"), "3", "the second value counts");
	is_int((int64_t)strmap_count(m), 3, "and is no new one");
	ok(strmap_at(m, 0) == three && strmap_at(m, 1) == two,
	    "in the order they came");
	for (unsigned i = 0; i < MANY; i++) {
		char *key = region_printf(rg, "key%u", i);

		strmap_put(m, key, key);
	}
	for (unsigned i = 0; i < MANY; i++) {
		char *key = region_printf(rg, "key%u", i);
		const char *value = strmap_get(m, key);

		found += value != NULL && strcmp(value, key) == 0;
	}
	is_int((int64_t)found, MANY, "many are found");
	is_str(strmap_at(m, 3 + MANY - 1), "key4999", "the last is last");
	strmap_free(&m);
	strmap_free(&m);
	region_free(&rg);
	return done_testing();
}
