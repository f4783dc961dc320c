/* SPDX-License-Identifier: Apache-2.0 */
/*
 * However rows are written, what they say together about a reply is what one
 * finds who tries each of them in turn.
 *
 * Input: the reply in the first line; in each other one a row: a byte that says
 * what it asks for, then its expression.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "lib/regex.h"
#include "vmta/reply_rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS_MAX = 12, PATTERN_MAX = 200, TEXT_MAX = 2000 };

struct line {
	const char *p;
	size_t len;
};

static struct line
take_line(const char **p, const char *end)
{
	const char *nl = memchr(*p, '\n', (size_t)(end - *p));
	struct line l = { *p, (size_t)((nl == NULL ? end : nl) - *p) };

	*p = nl == NULL ? end : nl + 1;
	return l;
}

static struct reply_actions
actions_of(unsigned char byte)
{
	return (struct reply_actions){ .backoff = (byte & 1) != 0,
		.normal = (byte & 3) == 2,
		.skip_mx = (byte & 4) != 0,
		.bounce_queue = (byte & 12) == 8,
		.bounce_rcpt = (byte & 16) != 0,
		.disable_source = (byte & 32) != 0,
		.defer_queue = (byte & 64) != 0 };
}

/* What the slow way finds: the first row of each kind. */
static void
try_row(struct reply_hit *want, const struct reply_actions *a, unsigned row)
{
	const bool asks[REPLY_KINDS] = {
		[REPLY_MODE] = a->backoff || a->normal,
		[REPLY_ROUTE] = a->skip_mx || a->bounce_queue,
		[REPLY_RCPT] = a->bounce_rcpt,
		[REPLY_SOURCE] = a->disable_source,
		[REPLY_DEFER] = a->defer_queue,
	};

	for (size_t k = 0; k < REPLY_KINDS; k++)
		if (asks[k] && want->at[k].line == 0)
			want->at[k].line = row;
}

static void
add_row(struct reply_rules *r, struct line row, const char *text,
    struct reply_hit *want)
{
	struct reply_actions act = actions_of((unsigned char)row.p[0]);
	struct reply_place at = { "f", (unsigned)reply_rules_count(r) + 1 };
	struct slice pattern = { row.p + 1, row.len - 1 };
	struct regex *re;
	struct err e;

	if (reply_rules_add(r, pattern, &act, at, &e) == -1)
		return;
	CHECK(regex_new(pattern, &re, &e) == 0);
	if (regex_match(re, text, strlen(text)))
		try_row(want, &act, at.line);
	regex_free(&re);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data, *end = p + size;
	struct line line = take_line(&p, end);
	struct reply_rules *r = reply_rules_new(NULL);
	struct reply_hit want = { .rule = NULL }, got;
	char *text;
	bool any = false;

	text = mem_strndup(line.p, line.len < TEXT_MAX ? line.len : TEXT_MAX);
	for (int i = 0; i < ROWS_MAX && p < end; i++) {
		line = take_line(&p, end);
		if (line.len > 0 && line.len <= PATTERN_MAX)
			add_row(r, line, text, &want);
	}
	reply_rules_seal(r);
	for (size_t k = 0; k < REPLY_KINDS; k++)
		any = any || want.at[k].line != 0;
	CHECK(reply_rules_match(r, text, 550, &got) == any);
	for (size_t k = 0; k < REPLY_KINDS; k++)
		CHECK(got.at[k].line == want.at[k].line);
	CHECK(!(got.act.backoff && got.act.normal));
	CHECK(!(got.act.skip_mx && got.act.bounce_queue));
	reply_rules_free(&r);
	free(text);
	return 0;
}
