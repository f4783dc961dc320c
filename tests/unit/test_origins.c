/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same job and user are one number as long as somebody holds it, others
 * are other ones, and all memory goes with the last holder.
 */
#include "vmta/origins.h"

#include <stdio.h>

#include "tests/tap.h"

int
main(void)
{
	enum { N = 1000 };
	static uint32_t held[N];
	struct origins o;
	uint32_t a, b, c, d;
	bool right = true;

	origins_init(&o);
	is_int(origins_hold(&o, "", NULL), 0, "nobody is number 0");
	is_str(origins_job(&o, 0), "", "without a job");
	a = origins_hold(&o, "news", "shop");
	b = origins_hold(&o, "news", "");
	c = origins_hold(&o, NULL, "shop");
	d = origins_hold(&o, "shop", "news");
	ok(a != b && b != c && a != c && a != d && a * b * c * d != 0,
	    "job and user both count, each in its place");
	is_int(origins_hold(&o, "news", "shop"), a, "the same again");
	is_str(origins_job(&o, a), "news", "its job");
	is_str(origins_user(&o, a), "shop", "its user");
	is_str(origins_user(&o, c), "shop", "a user without a job");
	origins_at(&o, b)->weight = 7;
	origins_drop(&o, a);
	is_str(origins_job(&o, a), "news", "held once more");
	origins_drop(&o, a);
	for (int i = 0; i < N; i++) {
		char job[16];

		(void)snprintf(job, sizeof(job), "j%d", i / 2);
		held[i] = origins_hold(&o, job, i % 2 == 0 ? "even" : "odd");
	}
	for (int i = 0; i < N; i++) {
		char job[16];

		(void)snprintf(job, sizeof(job), "j%d", i / 2);
		right = right && strcmp(origins_job(&o, held[i]), job) == 0 &&
		    strcmp(origins_user(&o, held[i]),
			i % 2 == 0 ? "even" : "odd") == 0;
		for (int k = 0; k < 3; k++)
			right = right &&
			    held[i] !=
				(k == 0        ? b :
					k == 1 ? c :
						 d);
	}
	ok(right, "a thousand");
	is_int(origins_at(&o, b)->weight, 7, "what is set stays");
	for (int i = 0; i < N; i++)
		origins_drop(&o, held[i]);
	origins_drop(&o, b);
	origins_drop(&o, c);
	origins_drop(&o, d);
	is_int(o.by_names.n, 1, "all but nobody have gone");
	origins_fini(&o);
	return done_testing();
}
