/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever an X-Schedule field says, what is read of it is ascending and the same
 * again as bytes and as a word; and bytes are read as such windows or not at all.
 */
#include "lib/check.h"
#include "lib/mem.h"
#include "mail/spans.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct spans *s, struct region *rg)
{
	struct buf b = { 0 };
	struct spans again;
	struct packed r;

	CHECK(s->n <= SPANS_MAX);
	for (size_t i = 0; i < s->n; i++) {
		const struct span *v = &s->v[i];

		CHECK(v->start_us < v->end_us);
		CHECK(i == 0 || v->start_us > s->v[i - 1].end_us);
		CHECK(spans_next(s, v->start_us) == v->start_us);
		CHECK(spans_next(s, v->end_us) > v->end_us);
		CHECK(spans_end(s, v->start_us) == v->end_us);
	}
	spans_pack(s, &b);
	r = (struct packed){ b.p, b.len, false };
	spans_unpack(&r, rg, &again);
	CHECK(!r.bad && r.left == 0 && spans_equal(s, &again));
	buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct region *rg = region_new();
	struct slice text = { (const char *)data, size };
	struct packed r = { text.p, text.len, false };
	struct buf word = { 0 };
	struct spans s, again;
	struct err e;

	if (spans_parse(text, rg, &s, &e) == 0) {
		check(&s, rg);
		spans_print(&s, &word);
		CHECK(spans_read((struct slice){ word.p, word.len }, rg,
			  &again) &&
		    spans_equal(&s, &again));
	}
	if (spans_read(text, rg, &s))
		check(&s, rg);
	spans_unpack(&r, rg, &s);
	check(&s, rg);
	buf_fini(&word);
	region_free(&rg);
	return 0;
}
