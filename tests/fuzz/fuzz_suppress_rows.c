/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: the lines of an address-file.  Whatever is taken is found by its
 * own line; nothing is found in a list without rows.
 */
#include <stddef.h>
#include <stdint.h>

#include "lib/check.h"
#include "lib/conf_types.h"
#include "lib/mem.h"
#include "vmta/suppress_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* By the bits of the first byte. */
static struct suppress_norm
norm_of(uint8_t bits)
{
	return (struct suppress_norm){ .keep_case = (bits & 1) != 0,
		.drop_dots = (bits & 2) != 0,
		.drop_tag = (bits & 4) != 0 };
}

static void
look(const struct suppress_rows *r, const struct suppress_norm *n,
    struct slice text, struct region *rg)
{
	struct suppress_probe p = { .given = text };
	struct suppress_row row = { NULL, 0 };
	struct err e;

	if (suppress_norm_address(n, text, rg, &p.text, &e) == 0 &&
	    suppress_rows_find(r, &p, &row))
		CHECK(row.file != NULL && suppress_rows_count(r) > 0);
}

/* One line alone: what is taken must be found. */
static void
one(const struct suppress_norm *n, struct slice line, struct region *rg)
{
	const struct suppress_row at = { "one", 7 };
	struct suppress_rows *r = suppress_rows_new(rg);
	struct suppress_probe p = { .given = line };
	struct suppress_row row = { NULL, 0 };
	struct err e;
	bool taken = suppress_rows_add(r, n, line, &at, &e) == 0;

	suppress_rows_seal(r);
	CHECK(suppress_rows_count(r) == (taken ? 1 : 0));
	if (taken && suppress_norm_address(n, line, rg, &p.text, &e) == 0)
		CHECK(suppress_rows_find(r, &p, &row) && row.line == 7);
	suppress_rows_free(&r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf_errors errs = { 0 };
	struct suppress_norm n;
	struct suppress_rows *r;
	struct region *rg;
	struct slice text;

	if (size == 0)
		return 0;
	n = norm_of(data[0]);
	text = (struct slice){ (const char *)data + 1, size - 1 };
	rg = region_new();
	r = suppress_rows_new(rg);
	suppress_rows_add_text(r, &n, text, "file", &errs);
	suppress_rows_seal(r);
	look(r, &n, SLICE_LIT("joe@example.com"), rg);
	look(r, &n, text, rg);
	one(&n, text, rg);
	suppress_rows_free(&r);
	conf_errors_fini(&errs);
	region_free(&rg);
	return 0;
}
