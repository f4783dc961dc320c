/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reasons as an answer: of every scope the directive is found at its line of
 * the configuration; numbers, what is left and the end are there where they
 * mean something; what is kept does not need the scheduler any more.
 */
#include "transport/reasons.h"

#include "lib/clock.h"
#include "tests/conf_file.h"

static const char text[] = /* the line numbers count */
    "total-max-smtp-out 50\n"
    "mx-connection-limit *.mx.example 3\n"
    "ip-connection-limit 192.0.2.0/24 4\n"
    "<domain a.example>\n"
    "  max-msg-rate 100/h\n"
    "  retry-after 7m\n"
    "  source-ip-max-smtp-out 127.0.0.2/32 2\n"
    "</domain>\n"
    "<virtual-mta news>\n"
    "  smtp-source-host 127.0.0.2 a.example\n"
    "  max-smtp-out 5\n"
    "</virtual-mta>\n"
    "<virtual-mta-pool group>\n"
    "  virtual-mta news\n"
    "  max-smtp-msg-rate 9/s\n"
    "</virtual-mta-pool>\n"
    "<provider big>\n"
    "  domain a.example\n"
    "  max-data-volume-rate 1M/s\n"
    "</provider>\n"
    "<job spring*>\n"
    "  max-msg-rate 11/h\n"
    "</job>\n"
    "<smtp-user alice>\n"
    "  max-msg-rate 12/h\n"
    "</smtp-user>\n";

static const struct {
	const char *label;
	struct why why;
	json_int_t line; /* 0: none */
	const char *value;
} cases[] = {
	{ "a rate of the queue",
	    { .kind = WHY_LIMIT,
		.scope = SCOPE_QUEUE,
		.name = "a.example",
		.limit = LIMIT_MSG,
		.directive = "max-msg-rate" },
	    5, "100/h" },
	{ "a setting that is built in",
	    { .kind = WHY_LIMIT,
		.scope = SCOPE_QUEUE,
		.name = "a.example",
		.limit = LIMIT_CONNS,
		.directive = "max-smtp-out" },
	    0, "20" },
	{ "a queue that failed",
	    { .kind = WHY_RETRY, .name = "", .directive = "retry-after" }, 6,
	    "7m" },
	{ "a source address",
	    { .kind = WHY_LIMIT,
		.scope = SCOPE_SOURCE,
		.name = "127.0.0.2",
		.limit = LIMIT_CONNS,
		.directive = "source-ip-max-smtp-out" },
	    7, "127.0.0.2/32 2" },
	{ "a virtual MTA",
	    { .kind = WHY_LIMIT,
		.scope = SCOPE_VMTA,
		.name = "news",
		.limit = LIMIT_CONNS,
		.directive = "max-smtp-out" },
	    11, "5" },
	{ "a pool, which is not reached",
	    { .kind = WHY_ROOM,
		.scope = SCOPE_POOL,
		.name = "group",
		.limit = LIMIT_MSG,
		.directive = "max-smtp-msg-rate" },
	    15, "9/s" },
	{ "a provider",
	    { .kind = WHY_LIMIT,
		.scope = SCOPE_PROVIDER,
		.name = "big",
		.limit = LIMIT_DATA,
		.directive = "max-data-volume-rate" },
	    19, "1m/s" },
	{ "a turn in the line of the process",
	    { .kind = WHY_TURN,
		.scope = SCOPE_PROCESS,
		.name = "",
		.limit = LIMIT_CONNS,
		.directive = "total-max-smtp-out" },
	    1, "50" },
	{ "a job",
	    { .kind = WHY_LIMIT,
		.scope = SCOPE_JOB,
		.name = "spring-1",
		.limit = LIMIT_MSG,
		.directive = "max-msg-rate" },
	    22, "11/h" },
	{ "a user",
	    { .kind = WHY_LIMIT,
		.scope = SCOPE_USER,
		.name = "alice",
		.limit = LIMIT_MSG,
		.directive = "max-msg-rate" },
	    25, "12/h" },
	{ "an MX host",
	    { .kind = WHY_LIMIT,
		.scope = SCOPE_MX,
		.name = "in1.mx.example",
		.limit = LIMIT_CONNS,
		.directive = "mx-connection-limit" },
	    2, "*.mx.example 3" },
	{ "a remote address",
	    { .kind = WHY_LIMIT,
		.scope = SCOPE_REMOTE,
		.name = "192.0.2.77",
		.limit = LIMIT_CONNS,
		.directive = "ip-connection-limit" },
	    3, "192.0.2.0/24 4" },
	{ "a pause", { .kind = WHY_PAUSED, .name = "", .directive = "" }, 0,
	    NULL },
};

static const char *
text_of(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static void
test_lines(const struct snapshot *conf)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct reasons r = { 0 };
		json_t *list, *one;

		reasons_add(&r, &cases[i].why);
		list = reasons_json(&r, conf, "a.example", "news");
		one = json_array_get(list, 0);
		is_int(json_integer_value(json_object_get(one, "line")),
		    cases[i].line, cases[i].label);
		if (cases[i].value == NULL)
			ok(json_object_get(one, "value") == NULL, "no value");
		else
			is_str(text_of(one, "value"), cases[i].value,
			    "its value");
		json_decref(list);
		reasons_fini(&r);
	}
}

static json_t *
one_of(const struct snapshot *conf, const struct why *w)
{
	struct reasons r = { 0 };
	json_t *list, *one;

	reasons_add(&r, w);
	list = reasons_json(&r, conf, NULL, NULL);
	one = json_incref(json_array_get(list, 0));
	json_decref(list);
	reasons_fini(&r);
	return one;
}

static void
test_numbers(const struct snapshot *conf)
{
	struct why w = { .kind = WHY_LIMIT,
		.scope = SCOPE_VMTA,
		.name = "news",
		.limit = LIMIT_MSG,
		.used = 7,
		.max = 9,
		.period_us = 3600 * US_PER_S,
		.directive = "max-smtp-msg-rate",
		.until_us = clock_us() + 90 * US_PER_S,
		.rcpts = 3,
		.text = "said" };
	json_t *one = one_of(conf, &w);

	is_int(json_integer_value(json_object_get(one, "left")), 2, "left");
	ok(json_number_value(json_object_get(one, "period_s")) == 3600,
	    "the period");
	is_int(json_integer_value(json_object_get(one, "in_s")), 90, "in_s");
	ok(text_of(one, "until") != NULL, "until");
	is_int(json_integer_value(json_object_get(one, "recipients")), 3,
	    "so many recipients");
	is_str(text_of(one, "text"), "said", "the reply");
	json_decref(one);
	w.until_us = INT64_MAX;
	w.used = 12; /* lowered by a reload */
	one = one_of(conf, &w);
	ok(json_object_get(one, "until") == NULL &&
		json_object_get(one, "in_s") == NULL,
	    "no time alone ends it");
	is_int(json_integer_value(json_object_get(one, "left")), 0,
	    "less than nothing is nothing");
	json_decref(one);
	w.kind = WHY_TURN;
	w.waiting = 12;
	w.place = 3;
	w.not_before_us = clock_us() + 70 * US_PER_S;
	one = one_of(conf, &w);
	is_int(json_integer_value(json_object_get(one, "waiting")), 12,
	    "so many wait");
	is_int(json_integer_value(json_object_get(one, "place")), 3,
	    "its place among them");
	is_int(json_integer_value(json_object_get(one, "not_before_in_s")), 70,
	    "at the earliest");
	is_str(text_of(one, "ends_when"), "those before it have had their turn",
	    "what ends it");
	ok(text_of(one, "not_before") != NULL && text_of(one, "until") == NULL,
	    "which is not called its end");
	ok(json_object_get(one, "used") == NULL, "no use of a limit");
	json_decref(one);
}

static void
test_holds(void)
{
	const struct why some = { .kind = WHY_DEFERRED,
		.name = "",
		.directive = "",
		.rcpts = 3 };
	const struct why sending = { .kind = WHY_SENDING,
		.name = "",
		.directive = "" };
	const struct why limit = { .kind = WHY_LIMIT,
		.scope = SCOPE_VMTA,
		.name = "news",
		.directive = "" };
	struct reasons r = { 0 };

	reasons_add(&r, &sending);
	ok(!reasons_hold(&r, 5), "what is being sent goes");
	reasons_add(&r, &some);
	ok(!reasons_hold(&r, 5), "three of five wait");
	ok(reasons_hold(&r, 3), "all three do");
	ok(!reasons_hold_by(&r, SCOPE_VMTA, "news"), "not for a virtual MTA");
	reasons_add(&r, &limit);
	ok(reasons_hold_by(&r, SCOPE_VMTA, "NEWS"), "for this one");
	ok(!reasons_hold_by(&r, SCOPE_POOL, "news"), "not for a pool");
	for (int i = 0; i < REASONS_MAX; i++)
		reasons_add(&r, &limit);
	ok(r.n == REASONS_MAX && r.cut, "there is an end");
	reasons_fini(&r);
}

int
main(void)
{
	struct conf_errors errs = { 0 };
	struct snapshot *conf;

	conf_file_begin();
	conf_file_put("main", text);
	conf = snapshot_load(conf_file_path("main"), &errs);
	ok(conf != NULL, "the configuration");
	for (size_t i = 0; i < errs.n; i++)
		(void)printf("# %s\n", errs.v[i].text);
	if (conf != NULL) {
		test_lines(conf);
		test_numbers(conf);
	}
	test_holds();
	snapshot_unref(&conf);
	conf_errors_fini(&errs);
	conf_file_end();
	return done_testing();
}
