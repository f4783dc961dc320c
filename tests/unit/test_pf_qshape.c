/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What qshape 3.7 printed of a queue with this mail, to the byte; domains that
 * are equal for it come by their names.
 */
#include "compat/postfix/pf_qshape.h"

#include "tests/tap.h"

static const struct {
	const char *addr;
	int64_t minutes;
	int times;
} mail[] = {
	{ "a@one.example", 0, 3 },
	{ "b@ONE.example.", 4, 1 },
	{ "c@one.example", 5, 1 },
	{ "c@one..example", 9, 1 },
	{ "c@.one.example", 10, 2 },
	{ "x@two.example", 19, 1 },
	{ "x@two.example", 20, 1 },
	{ "x@two.example", 2559, 1 },
	{ "x@two.example", 2560, 1 },
	{ "x@two.example", 100000, 1 },
	{ "y@three.example", 1279, 1 },
	{ "y@three.example", 1280, 2 },
	{ "z@s0.net.example", 0, 1 },
	{ "z@s1.net.example", 7, 1 },
	{ "z@s2.net.example", 14, 1 },
	{ "z@t1.org.example", 14, 1 },
	{ "z@s0.net.example", 3, 6 },
	{ "", 3, 2 },
	{ "q@a-very-long-name-of-a-domain-that-does-not-fit.in-the-column.example",
	    50, 4 },
	{ "q@deep.under.net.example", 50, 13 },
};

static const struct {
	const char *label;
	struct pf_qshape_options opt;
	const char *text;
} cases[] = {
	{ "as it is without options",
	    { .buckets = 10, .minutes = 5, .min_below = 5, .width = 80 },
	    "                                         T  5 10 20 40 80 160 320 640 1280 1280+\n"
	    "                                  TOTAL 45 13  3  5  1 17   0   0   0    1     5\n"
	    "                 deep.under.net.example 13  0  0  0  0 13   0   0   0    0     0\n"
	    "                            one.example  8  4  2  2  0  0   0   0   0    0     0\n"
	    "                         s0.net.example  7  7  0  0  0  0   0   0   0    0     0\n"
	    "                            two.example  5  0  0  1  1  0   0   0   0    0     3\n"
	    "+hat-does-not-fit.in-the-column.example  4  0  0  0  0  4   0   0   0    0     0\n"
	    "                          three.example  3  0  0  0  0  0   0   0   0    1     2\n"
	    "                          MAILER-DAEMON  2  2  0  0  0  0   0   0   0    0     0\n"
	    "                         s1.net.example  1  0  1  0  0  0   0   0   0    0     0\n"
	    "                         s2.net.example  1  0  0  1  0  0   0   0   0    0     0\n"
	    "                         t1.org.example  1  0  0  1  0  0   0   0   0    0     0\n" },
	{ "parents, three domains being enough",
	    { .buckets = 10,
		.minutes = 5,
		.min_below = 3,
		.width = 80,
		.parents = true },
	    "                                         T  5 10 20 40 80 160 320 640 1280 1280+\n"
	    "                                  TOTAL 45 13  3  5  1 17   0   0   0    1     5\n"
	    "                           .net.example 22  7  1  1  0 13   0   0   0    0     0\n"
	    "                 deep.under.net.example 13  0  0  0  0 13   0   0   0    0     0\n"
	    "                            one.example  8  4  2  2  0  0   0   0   0    0     0\n"
	    "                         s0.net.example  7  7  0  0  0  0   0   0   0    0     0\n"
	    "                            two.example  5  0  0  1  1  0   0   0   0    0     3\n"
	    "+hat-does-not-fit.in-the-column.example  4  0  0  0  0  4   0   0   0    0     0\n"
	    "                          three.example  3  0  0  0  0  0   0   0   0    1     2\n"
	    "                          MAILER-DAEMON  2  2  0  0  0  0   0   0   0    0     0\n"
	    "                         s1.net.example  1  0  1  0  0  0   0   0   0    0     0\n"
	    "                         s2.net.example  1  0  0  1  0  0   0   0   0    0     0\n"
	    "                         t1.org.example  1  0  0  1  0  0   0   0   0    0     0\n" },
	{ "linear",
	    { .buckets = 4,
		.minutes = 20,
		.min_below = 5,
		.width = 80,
		.linear = true },
	    "                                                                  T 20 40 60 60+\n"
	    "                                                           TOTAL 45 21  1 17   6\n"
	    "                                          deep.under.net.example 13  0  0 13   0\n"
	    "                                                     one.example  8  8  0  0   0\n"
	    "                                                  s0.net.example  7  7  0  0   0\n"
	    "                                                     two.example  5  1  1  0   3\n"
	    "+y-long-name-of-a-domain-that-does-not-fit.in-the-column.example  4  0  0  4   0\n"
	    "                                                   three.example  3  0  0  0   3\n"
	    "                                                   MAILER-DAEMON  2  2  0  0   0\n"
	    "                                                  s1.net.example  1  1  0  0   0\n"
	    "                                                  s2.net.example  1  1  0  0   0\n"
	    "                                                  t1.org.example  1  1  0  0   0\n" },
	{ "wide, all parents",
	    { .buckets = 3,
		.minutes = 60,
		.min_below = 1,
		.width = 100,
		.parents = true },
	    "                                                                                       T 60 120 120+\n"
	    "                                                                                TOTAL 45 39   0    6\n"
	    "                                                                         .net.example 22 22   0    0\n"
	    "                                                                   .under.net.example 13 13   0    0\n"
	    "                                                               deep.under.net.example 13 13   0    0\n"
	    "                                                                          one.example  8  8   0    0\n"
	    "                                                                       s0.net.example  7  7   0    0\n"
	    "                                                                          two.example  5  2   0    3\n"
	    "                                                               .in-the-column.example  4  4   0    0\n"
	    "                 a-very-long-name-of-a-domain-that-does-not-fit.in-the-column.example  4  4   0    0\n"
	    "                                                                        three.example  3  0   0    3\n"
	    "                                                                        MAILER-DAEMON  2  2   0    0\n"
	    "                                                                         .org.example  1  1   0    0\n"
	    "                                                                       s1.net.example  1  1   0    0\n"
	    "                                                                       s2.net.example  1  1   0    0\n"
	    "                                                                       t1.org.example  1  1   0    0\n" },
	{ "one column",
	    { .buckets = 1, .minutes = 5, .min_below = 5, .width = 80 },
	    "                                                                            T 0+\n"
	    "                                                                     TOTAL 45 45\n"
	    "                                                    deep.under.net.example 13 13\n"
	    "                                                               one.example  8  8\n"
	    "                                                            s0.net.example  7  7\n"
	    "                                                               two.example  5  5\n"
	    "      a-very-long-name-of-a-domain-that-does-not-fit.in-the-column.example  4  4\n"
	    "                                                             three.example  3  3\n"
	    "                                                             MAILER-DAEMON  2  2\n"
	    "                                                            s1.net.example  1  1\n"
	    "                                                            s2.net.example  1  1\n"
	    "                                                            t1.org.example  1  1\n" },
};

static void
test_case(const struct pf_qshape_options *opt, const char *label,
    const char *want)
{
	struct pf_qshape *q = pf_qshape_new(opt);
	struct buf out = { 0 };

	for (size_t i = 0; i < sizeof(mail) / sizeof(mail[0]); i++)
		for (int n = 0; n < mail[i].times; n++)
			pf_qshape_add(q, mail[i].addr, mail[i].minutes * 60);
	pf_qshape_print(q, &out);
	is_str(buf_cstr(&out), want, label);
	buf_fini(&out);
	pf_qshape_free(&q);
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		test_case(&cases[i].opt, cases[i].label, cases[i].text);
	return done_testing();
}
