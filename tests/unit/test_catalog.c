/* SPDX-License-Identifier: Apache-2.0 */
/* The catalog finds what is in it, and only that, through growth and drops. */
#include "queue/catalog.h"
#include "tests/tap.h"

enum { COUNT = 50000 };

int
main(void)
{
	const uint64_t base = UINT64_C(1763680000000000);
	struct catalog *c = catalog_new();
	bool found = true, absent = true;

	for (uint64_t i = 0; i < COUNT; i++)
		catalog_add(c, base + i)->size = (uint32_t)i;
	for (uint64_t i = 0; i < COUNT; i += 2)
		catalog_drop(c, base + i);
	for (uint64_t i = 0; i < COUNT; i++) {
		const struct catalog_entry *n = catalog_find(c, base + i);

		if (i % 2 == 0)
			absent = absent && n == NULL;
		else
			found = found && n != NULL && n->id == base + i &&
			    n->size == i;
	}
	ok(absent, "what was dropped is not found");
	ok(found, "what was left is found, as it was");
	for (uint64_t i = 0; i < COUNT; i++)
		catalog_add(c, base + COUNT + i);
	found = true;
	for (uint64_t i = 0; i < COUNT; i++)
		found = found && catalog_find(c, base + COUNT + i) != NULL;
	ok(found, "what came into the room of others is found");
	ok(catalog_find(c, 0) == NULL, "an id never given");
	ok(sizeof(struct catalog_entry) <= 24, "24 bytes for a message");
	catalog_free(&c);
	ok(c == NULL, "freed");
	return done_testing();
}
