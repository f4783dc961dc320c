/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever the file holds: written above a message as fields, what was taken
 * from it is read back as just these fields, and the body is where it was.
 */
#include <string.h>

#include "lib/check.h"
#include "mail/header.h"
#include "vmta/extra_fields.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct region *rg = region_new();
	struct extra_fields f = { 0 };
	struct header_list list;
	struct buf text = { 0 };
	unsigned line;
	size_t body;
	struct err e;

	if (extra_fields_parse((struct slice){ (const char *)data, size }, rg,
		&f, &line, &e) == 0) {
		for (size_t i = 0; i < f.n; i++)
			buf_printf(&text, "%s: %s\r\n", f.v[i].name,
			    f.v[i].value);
		buf_str(&text, "\r\nbody");
		header_parse(text.p, text.len, rg, &list, &body);
		CHECK(list.n == f.n && text.len - body == strlen("body"));
		for (size_t i = 0; i < f.n; i++)
			CHECK(slice_eq_nocase(list.v[i].name, f.v[i].name));
	}
	buf_fini(&text);
	region_free(&rg);
	return 0;
}
