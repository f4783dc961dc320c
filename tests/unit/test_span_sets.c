/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same times are one number as long as somebody holds it, others are other
 * ones, and all memory goes with the last holder.
 */
#include "vmta/span_sets.h"

#include "tests/tap.h"

int
main(void)
{
	enum { N = 1000 };
	static uint32_t held[N];
	struct span v[] = { { 1, 2 }, { 3, 4 } };
	struct spans two = { 2, v }, one = { 1, v };
	const struct spans none = { 0 };
	struct span_sets s;
	bool right = true;
	uint32_t a, b;

	span_sets_init(&s);
	is_int(span_sets_hold(&s, NULL), 0, "none is number 0");
	is_int(span_sets_hold(&s, &none), 0, "in either form");
	is_int((int64_t)span_sets_at(&s, 0)->n, 0, "it has none");
	a = span_sets_hold(&s, &two);
	b = span_sets_hold(&s, &one);
	ok(a != 0 && b != 0 && a != b, "others are other ones");
	is_int(span_sets_hold(&s, &two), a, "the same again");
	span_sets_drop(&s, a);
	v[1].end_us = 5;
	is_int(span_sets_at(&s, a)->v[1].end_us, 4, "held, and its own");
	span_sets_drop(&s, a);
	is_int(span_sets_hold(&s, &two), a, "its number is used again");
	span_sets_drop(&s, a);
	span_sets_drop(&s, b);
	for (int i = 0; i < N; i++) {
		v[0] = (struct span){ i, i + 1 };
		held[i] = span_sets_hold(&s, &one);
	}
	for (int i = 0; i < N; i++)
		right = right && span_sets_at(&s, held[i])->v[0].start_us == i;
	ok(right, "a thousand are told apart");
	for (int i = 0; i < N; i++)
		span_sets_drop(&s, held[i]);
	span_sets_drop(&s, 0);
	is_int(s.used, N + 1, "numbers are no more than were held at once");
	span_sets_fini(&s);
	return done_testing();
}
