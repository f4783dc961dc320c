/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever is in a field, a result is one line that holds no comment and no
 * second result, and is read again as itself.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/check.h"
#include "mail/auth_results.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
read_value(struct slice value, struct region *rg, struct auth_results *out)
{
	struct header_list list = { 0 };

	header_list_add(&list, rg, SLICE_LIT("Authentication-Results"), value);
	auth_results_read(&list, "mx", rg, out);
}

static void
check_result(const char *text, struct region *rg)
{
	const char *field = REGION_JOIN(rg, " mx; ", text);
	struct auth_results again;

	CHECK(text[strcspn(text, "\r\n\t")] == '\0');
	read_value(slice_of(field), rg, &again);
	CHECK(again.n == 1 && strcmp(again.v[0], text) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct region *rg = region_new();
	struct auth_results r;

	read_value((struct slice){ (const char *)data, size }, rg, &r);
	for (size_t i = 0; i < r.n; i++)
		check_result(r.v[i], rg);
	(void)auth_results_find(&r, "arc", rg);
	region_free(&rg);
	return 0;
}
