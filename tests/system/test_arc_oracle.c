/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ARC chains of ours are accepted by other people's verifiers, and theirs by
 * ours, also where both added sets in turn.
 *
 *	test_arc_oracle                          gives way to arc_oracle.py
 *	test_arc_oracle seal KEY SELECTOR DOMAIN RECORD   standard input to output
 *	test_arc_oracle check RECORD FILE...     "FILE RESULT REASON" of each
 *
 * RECORD is a file with the record of every key.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "mail/arc_seal.h"
#include "mail/arc_verify.h"

struct given {
	struct region *rg;
	struct buf text, record;
	struct header_list headers;
	struct canon_body *body;
	struct arc_chain chain;
};

static void
read_all(FILE *f, struct buf *out)
{
	char piece[4096];
	size_t n;

	while (f != NULL && (n = fread(piece, 1, sizeof(piece), f)) > 0)
		buf_add(out, piece, n);
}

static void
read_file(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "r");

	read_all(f, out);
	if (f != NULL)
		(void)fclose(f);
}

static struct arc_verdict
judge(struct given *g)
{
	struct dkim_answers *answers = dkim_answers_new();
	struct arc_verify_in in = { .chain = &g->chain,
		.headers = &g->headers,
		.answers = answers,
		.now_s = clock_wall_us() / US_PER_S };
	struct arc_verdict v;
	size_t body;

	header_parse(g->text.p, g->text.len, g->rg, &g->headers, &body);
	arc_chain_read(&g->headers, g->rg, &g->chain);
	arc_names(&g->chain, answers);
	for (size_t i = 0; i < dkim_answers_count(answers); i++)
		dkim_answers_set(answers, i, DKIM_ANSWER_RECORD,
		    (struct slice){ g->record.p, g->record.len });
	g->body = canon_body_of(g->text.p + body, g->text.len - body);
	in.body = g->body;
	arc_verify(&in, g->rg, &v);
	dkim_answers_free(&answers);
	return v;
}

static void
given_init(struct given *g, const char *record)
{
	*g = (struct given){ .rg = region_new() };
	read_file(record, &g->record);
}

static void
given_fini(struct given *g)
{
	canon_body_free(&g->body);
	buf_fini(&g->text);
	buf_fini(&g->record);
	region_free(&g->rg);
}

static int
seal(char **argv)
{
	struct dkim_key *key;
	struct auth_results results;
	struct arc_seal_out out;
	static struct given g; /* too large for a stack with a sanitizer */
	struct dkim_key_doubts doubts;
	struct err e;
	struct arc_seal_in in = { .selector = argv[1],
		.domain = argv[2],
		.authserv_id = argv[2],
		.results = &results,
		.now_s = clock_wall_us() / US_PER_S };

	if (dkim_key_read(argv[0], &key, &doubts, &e) == -1) {
		(void)fprintf(stderr, "%s\n", e.text);
		return 1;
	}
	given_init(&g, argv[3]);
	read_all(stdin, &g.text);
	(void)judge(&g);
	auth_results_read(&g.headers, argv[2], g.rg, &results);
	in.cv = arc_seal_cv(&g.chain, &results, g.rg);
	in.key = key;
	in.chain = &g.chain;
	in.headers = &g.headers;
	in.body_hash = canon_body_hash(g.body, CANON_RELAXED);
	if (arc_seal_may(&g.chain) && arc_seal(&in, g.rg, &out, &e) == 0)
		for (int i = 0; i < ARC_PARTS; i++)
			(void)printf("%s: %s\r\n", out.name[i], out.value[i]);
	(void)fwrite(g.text.p, 1, g.text.len, stdout);
	given_fini(&g);
	dkim_key_free(&key);
	return 0;
}

static int
check(const char *record, char **paths)
{
	for (; *paths != NULL; paths++) {
		struct given g;
		struct arc_verdict v;

		given_init(&g, record);
		read_file(*paths, &g.text);
		v = judge(&g);
		(void)printf("%s %s %s\n", *paths, arc_result_text(v.result),
		    v.reason == NULL ? "" : v.reason);
		given_fini(&g);
	}
	return 0;
}

int
main(int argc, char **argv)
{
	const char *top = getenv("top_srcdir");
	char script[1024];

	if (argc == 6 && strcmp(argv[1], "seal") == 0)
		return seal(argv + 2);
	if (argc > 3 && strcmp(argv[1], "check") == 0)
		return check(argv[2], argv + 3);
	(void)snprintf(script, sizeof(script), "%s/tests/system/arc_oracle.py",
	    top == NULL ? "." : top);
	(void)execl("/usr/bin/python3", "python3", script, argv[0],
	    (char *)NULL);
	perror("python3");
	return 1;
}
