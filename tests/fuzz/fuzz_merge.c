/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line of XDFN, an empty line, and a text: what is defined holds what the
 * rest relies on, and a text becomes no longer than it may, whatever is in it.
 */
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "mail/merge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX = 4096 };

static void
check_vars(const struct merge_vars *vars)
{
	CHECK(vars->n <= MERGE_VARS_MAX);
	for (size_t i = 0; i < vars->n; i++) {
		const struct merge_var *v = &vars->v[i];

		CHECK(strlen(v->name) <= MERGE_NAME_MAX && v->name[0] != '\0');
		CHECK(i == 0 || strcmp(v[-1].name, v->name) < 0);
		CHECK(strlen(v->value.p) == v->value.len);
		CHECK(strpbrk(v->value.p, "\r\n\"\\") == NULL);
		CHECK(merge_get(vars, v->name) == v->value.p);
	}
}

static void
check_text(struct slice text, const struct merge_vars *vars, bool keeps)
{
	struct buf out = { 0 };
	const struct merge_how how = { keeps, MAX };
	bool fits = merge_expand(text, vars, &how, &out);

	CHECK(!fits || out.len <= MAX);
	if (fits && !merge_has_variables(text)) {
		static const struct merge_vars none;
		struct buf plain = { 0 };

		CHECK(merge_expand(text, &none, &how, &plain));
		CHECK(plain.len == out.len &&
		    (out.len == 0 || memcmp(plain.p, out.p, out.len) == 0));
		buf_fini(&plain);
	}
	if (vars->n == 0 && fits)
		CHECK(out.len <= text.len);
	buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice all = { (const char *)data, size }, line = all;
	const char *end = size == 0 ? NULL : memchr(all.p, '\n', all.len);
	struct region *rg = region_new();
	struct merge_vars vars = { 0 };
	struct merge_parts parts;

	if (end != NULL)
		line.len = (size_t)(end - all.p);
	if (size > 0) {
		const char *why = merge_define(line, (data[0] & 1) != 0, rg,
		    &vars);

		CHECK(why == NULL || why[0] == '5');
		check_vars(&vars);
		check_text(all, &vars, false);
		check_text(all, &vars, true);
		if (merge_parts_parse(line, rg, &parts))
			CHECK(parts.n > 0 && parts.n <= MERGE_PARTS_MAX);
	}
	region_free(&rg);
	return 0;
}
