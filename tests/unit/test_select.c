/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A selection fits what it says, by what the scheduler knows and by the
 * envelope; a request that makes no sense is refused.
 */
#include "transport/select.h"

#include "lib/clock.h"
#include "tests/tap.h"

#define NOW (1000 * US_PER_S)

static const struct sched_rcpt_info info = { .job = "news",
	.queued_us = NOW - 100 * US_PER_S };

static struct env_rcpt rcpts[] = { { .addr = "Bob@example.net" },
	{ .addr = "eve@example.org" } };
static const struct envelope ours = { .sender = "list@x.example",
	.envid = "a+2Bb",
	.rcpt_count = 2,
	.rcpts = rcpts };
static const struct envelope null_sender = { .sender = "",
	.envid = "",
	.rcpt_count = 2,
	.rcpts = rcpts };

/* Of recipient 0; asks: must the envelope be read? */
static const struct {
	const char *request;
	bool asks, fits, fits_null;
} cases[] = {
	{ "{}", false, true, true },
	{ "{'jobId': 'news'}", false, true, true },
	{ "{'jobId': 'News'}", false, false, false },
	{ "{'jobId': 'n*'}", false, false, false },
	{ "{'older-than': 100}", false, true, true },
	{ "{'older-than': 101}", false, false, false },
	{ "{'orig': 'LIST@x.example'}", true, true, false },
	{ "{'orig': '*@x.*'}", true, true, false },
	{ "{'orig': '<>'}", true, false, true },
	{ "{'orig': '*'}", true, true, false },
	{ "{'rcpt': 'bob@*'}", true, true, true },
	{ "{'rcpt': 'eve@*'}", true, false, false },
	{ "{'envId': 'a+2Bb'}", true, true, false },
	{ "{'envId': 'a+b'}", true, true, false },
	{ "{'envId': 'A+b'}", true, false, false },
	{ "{'orig': 'list@*', 'rcpt': 'eve*'}", true, false, false },
	{ "{'jobId': 'news', 'older-than': 500}", false, false, false },
};

static const char *const refused[] = { "{'orig': ''}", "{'orig': 3}",
	"{'rcpt': null}", "{'jobId': ['a']}", "{'envId': 'a\\u0001'}",
	"{'orig': 'a\\u007f'}", "{'older-than': '1h'}", "{'older-than': -1}",
	"{'older-than': 1e9}", "{'queue': 'a/b/c'}", "{'queue': 'a b'}",
	"{'queue': ''}" };

static json_t *
request(const char *text)
{
	char json[200];
	json_t *args;
	size_t i;

	for (i = 0; text[i] != '\0' && i < sizeof(json) - 1; i++)
		json[i] = text[i] == '\'' ? '"' : text[i];
	json[i] = '\0';
	args = json_loads(json, 0, NULL);
	if (args == NULL)
		ok(false, "%s is no JSON", json);
	return args;
}

static void
test_case(size_t i, struct region *rg)
{
	json_t *args = request(cases[i].request);
	struct select s;
	struct err e;
	bool fast;

	if (select_parse(args, &s, &e) == -1) {
		ok(false, "%s: %s", cases[i].request, e.text);
		json_decref(args);
		return;
	}
	fast = select_fits(&s, &info, NOW);
	ok((fast && select_fits_envelope(&s, &ours, 0, rg)) == cases[i].fits,
	    "%s: a message", cases[i].request);
	ok((fast && select_fits_envelope(&s, &null_sender, 0, rg)) ==
		cases[i].fits_null,
	    "%s: of the null sender", cases[i].request);
	ok(select_wants_envelope(&s) == cases[i].asks, "%s: who knows it",
	    cases[i].request);
	ok(!select_fits_envelope(&s, &ours, 2, rg), "no such recipient");
	select_fini(&s);
	json_decref(args);
}

static void
test_bounded(void)
{
	static const struct {
		const char *request;
		bool bounded;
	} bounds[] = { { "{}", false }, { "{'queue': '*'}", true },
		{ "{'jobId': 'a'}", true }, { "{'rcpt': '*'}", false } };

	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
		json_t *args = request(bounds[i].request);
		struct select s;
		struct err e;

		ok(select_parse(args, &s, &e) == 0 &&
			s.is_bounded == bounds[i].bounded,
		    "%s is %s", bounds[i].request,
		    bounds[i].bounded ? "bounded" : "not bounded");
		select_fini(&s);
		json_decref(args);
	}
}

int
main(void)
{
	struct region *rg = region_new();

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		test_case(i, rg);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		json_t *args = request(refused[i]);
		struct select s;
		struct err e = { "" };

		ok(select_parse(args, &s, &e) == -1 && e.text[0] != '\0',
		    "%s: %s", refused[i], e.text);
		json_decref(args);
	}
	test_bounded();
	region_free(&rg);
	return done_testing();
}
