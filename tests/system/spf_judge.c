/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spf_judge - what SPF says of clients in a small world, for test_spf_oracle.py.
 *
 * Standard input: worlds, each the lines of a zone (tests/support/zone.h), a ".",
 * lines "IP HELO SENDER", a "."; standard output: a line "RESULT EXPLANATION" for
 * each client, with the reason behind a tab.  Terms may find nothing as often as
 * they like.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "lib/str.h"
#include "mail/spf.h"
#include "tests/support/zone.h"

enum { ROUNDS_MAX = 200 };

static bool
next_line(char **line, size_t *cap)
{
	ssize_t len = getline(line, cap, stdin);

	if (len == -1)
		return false;
	(*line)[strcspn(*line, "\n")] = '\0';
	return true;
}

static void
judge(char *line, const char *zone)
{
	struct region *rg = region_new();
	struct dns_book *book = dns_book_new();
	const char *ip = strsep(&line, " "), *helo = strsep(&line, " ");
	struct spf_in in = { .helo = helo,
		.sender = line,
		.receiver = "mx.test",
		.voids_max = 1000 };
	unsigned rounds = 0;
	struct spf s;
	struct err e;

	CHECK(
	    line != NULL && net_addr_parse(slice_of(ip), &in.client, &e) == 0);
	while (!spf_check(&in, book, rg, &s)) {
		CHECK(zone_fill(zone, book) > 0 && ++rounds < ROUNDS_MAX);
		region_reset(rg);
	}
	(void)printf("%s %s\t%s\n", spf_result_text(s.result), s.explanation,
	    s.reason);
	dns_book_free(&book);
	region_free(&rg);
}

int
main(void)
{
	struct buf zone = { 0 };
	char *line = NULL;
	size_t cap = 0;

	while (next_line(&line, &cap)) {
		buf_clear(&zone);
		for (; strcmp(line, ".") != 0; CHECK(next_line(&line, &cap)))
			buf_printf(&zone, "%s\n", line);
		CHECK(next_line(&line, &cap));
		for (; strcmp(line, ".") != 0; CHECK(next_line(&line, &cap)))
			judge(line, buf_cstr(&zone));
	}
	buf_fini(&zone);
	free(line);
	return 0;
}
