/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message on standard input, its signatures judged: what the daemons do,
 * for people and for tests by others.  Keys come from a file, so that nothing
 * is asked of any network.
 */
#include "admin/ctl_cmds.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "admin/ctl_ask.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "mail/arc_verify.h"
#include "mail/dkim_verify.h"

#define MESSAGE_MAX ((size_t)1 << 30)

struct given {
	struct region *rg;
	struct buf text;
	struct header_list headers;
	struct slice body;
	struct dkim_answers *keys; /* NULL: none wanted */
};

/*
 * The text of a message as an editor or git keeps it, with LF alone, is meant
 * with CRLF.  Where there is one CRLF, a LF alone stands for itself.
 */
static void
make_crlf(struct buf *text)
{
	struct buf out = { 0 };

	if (memmem(text->p, text->len, "\r\n", 2) != NULL)
		return;
	for (size_t i = 0; i < text->len; i++) {
		if (text->p[i] == '\n')
			buf_byte(&out, '\r');
		buf_byte(&out, text->p[i]);
	}
	buf_fini(text);
	*text = out;
}

static int
read_message(struct given *g, struct err *e)
{
	char piece[8192];
	ssize_t n;

	while ((n = read(STDIN_FILENO, piece, sizeof(piece))) > 0) {
		if (g->text.len > MESSAGE_MAX)
			return err_set(e, "standard input: more than 1 GB");
		buf_add(&g->text, piece, (size_t)n);
	}
	if (n == -1)
		return err_sys(e, "standard input");
	return 0;
}

static void
given_fini(struct given *g)
{
	dkim_answers_free(&g->keys);
	buf_fini(&g->text);
	region_free(&g->rg);
}

/* 0, or the exit status: told. */
static int
given_read(const struct ctl_options *opt, bool keys, struct given *g)
{
	const char *path = opt->values[OPT_KEYS];
	size_t body;
	struct err e;

	*g = (struct given){ .rg = region_new() };
	if (keys && path == NULL) {
		(void)fprintf(stderr, "mailrace: %s needs --keys\n",
		    opt->command);
		return 2;
	}
	if ((keys && dkim_answers_read(path, &g->keys, &e) == -1) ||
	    read_message(g, &e) == -1) {
		(void)fprintf(stderr, "mailrace: %s\n", e.text);
		return 2;
	}
	buf_reserve(&g->text, 1);
	make_crlf(&g->text);
	header_parse(g->text.p, g->text.len, g->rg, &g->headers, &body);
	g->body = (struct slice){ g->text.p + body, g->text.len - body };
	return 0;
}

/* ---- check canon --------------------------------------------------------- */

int
cmd_check_canon(const struct ctl_options *opt)
{
	enum canon how = strcmp(opt->argument, "simple") == 0 ? CANON_SIMPLE :
								CANON_RELAXED;
	struct buf out = { 0 };
	struct given g;
	int rc = given_read(opt, false, &g);

	if (rc == 0) {
		for (size_t i = 0; i < g.headers.n; i++)
			canon_header(&out, &g.headers.v[i], how);
		buf_str(&out, "\r\n");
		canon_body_text(&out, g.body, how);
		(void)fwrite(out.p, 1, out.len, stdout);
	}
	buf_fini(&out);
	given_fini(&g);
	return rc;
}

/* ---- check arc ----------------------------------------------------------- */

static void
print_arc(const struct ctl_options *opt, const struct arc_chain *chain,
    const struct arc_verdict *v)
{
	const char *result = arc_result_text(v->result);
	const char *reason = v->reason == NULL ? "" : v->reason;
	json_t *answer;

	if (!opt->json) {
		(void)printf("%s\n", result);
		return;
	}
	answer = json_pack("{s:s,s:i,s:o}", "result", result, "sets",
	    (int)chain->highest, "reason", ctl_string(reason));
	ctl_print_json(answer);
	json_decref(answer);
}

int
cmd_check_arc(const struct ctl_options *opt)
{
	struct arc_verify_in in = { .now_s = clock_wall_us() / US_PER_S };
	struct arc_verdict verdict;
	struct arc_chain chain;
	struct given g;
	int rc = given_read(opt, true, &g);

	if (rc == 0) {
		arc_chain_read(&g.headers, g.rg, &chain);
		in.chain = &chain;
		in.headers = &g.headers;
		in.body = canon_body_of(g.body.p, g.body.len);
		in.answers = g.keys;
		arc_verify(&in, g.rg, &verdict);
		print_arc(opt, &chain, &verdict);
		canon_body_free(&in.body);
	}
	given_fini(&g);
	return rc;
}

/* ---- check dkim ---------------------------------------------------------- */

static json_t *
verdict_json(const struct dkim_verdict *v)
{
	return json_pack("{s:o,s:o,s:o,s:s,s:o}", "domain",
	    ctl_string(v->domain), "selector", ctl_string(v->selector),
	    "algorithm", ctl_string(v->algorithm), "result", v->result,
	    "reason", ctl_string(v->reason));
}

static void
verify(struct dkim_verifier *verifier, struct given *g, json_t *list)
{
	struct dkim_verify *v = dkim_verify_new(verifier, &g->headers);
	struct dkim_verdict *verdicts;
	size_t n;

	if (v == NULL)
		return;
	dkim_verify_body(v, g->body.p, g->body.len);
	n = dkim_verify_end(v, g->keys, g->rg, &verdicts);
	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(list, verdict_json(&verdicts[i]));
	dkim_verify_free(&v);
}

int
cmd_check_dkim(const struct ctl_options *opt)
{
	struct dkim_verifier *verifier = NULL;
	struct given g;
	struct err e;
	int rc = given_read(opt, true, &g);

	if (rc == 0 && dkim_verifier_new(&verifier, &e) == -1) {
		(void)fprintf(stderr, "mailrace: %s\n", e.text);
		rc = 2;
	}
	if (rc == 0) {
		json_t *list = json_array();

		verify(verifier, &g, list);
		ctl_print_json(list);
		json_decref(list);
	}
	dkim_verifier_free(&verifier);
	given_fini(&g);
	return rc;
}
