/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long drain --to-host with selectors goes on while mail of an earlier one
 * is there: for room, and for what it gave itself.  mailraced is a script.
 */
#include "admin/ctl_hand_back.h"

#include "admin/ctl_ask.h"
#include "lib/clock.h"
#include "tests/tap.h"

enum { LOOKS = 6 };

/* What waits for the host at each look; the first is before all. */
struct script {
	const char *label;
	json_int_t waiting[LOOKS], refused[LOOKS];
	json_int_t chosen; /* that the first order gives */
	int64_t time_us;   /* until no more are given */
	int looks, asked;  /* when it is over */
	json_int_t handed;
};

static const struct script scripts[] = {
	{ "it waits for room", { 700, 700, 100, 100, 0 }, { 0 }, 3,
	    3600 * US_PER_S, 5, 3, 3 },
	{ "not when its time is over", { 700, 700, 700 }, { 0 }, 3, -1, 3, 0,
	    0 },
	{ "others go first: it waits for its own", { 5, 5, 5, 3, 0 }, { 0 }, 5,
	    3600 * US_PER_S, 5, 4, 5 },
	{ "what was refused before is not its own", { 4, 4, 6, 4 },
	    { 4, 4, 4, 4 }, 2, 3600 * US_PER_S, 4, 3, 2 },
	{ "nor is there more of that than before", { 4, 4, 3, 1 },
	    { 4, 4, 1, 1 }, 2, 3600 * US_PER_S, 4, 3, 2 },
	{ "nothing is chosen", { 4, 4 }, { 0 }, 0, 3600 * US_PER_S, 2, 1, 0 },
};

static const struct script *script;
static int looks, asked;

int
ctl_ask_this(const struct ctl_options *opt, json_t *request, struct answer *a_r)
{
	int i = looks++;

	(void)opt;
	(void)request;
	*a_r = (struct answer){ 0 };
	if (i == LOOKS)
		return 1; /* it does not end */
	a_r->done = json_pack("{s:{s:I,s:I}}", "queue", "handed",
	    script->waiting[i], "refused", script->refused[i]);
	return 0;
}

int
ctl_ask(const struct ctl_options *opt, struct answer *a_r)
{
	(void)opt;
	*a_r = (struct answer){ .done = json_pack("{s:I,s:I}", "handed",
				    asked++ == 0 ? script->chosen : 0,
				    "sending", (json_int_t)0) };
	return 0;
}

void
ctl_answer_fini(struct answer *a)
{
	json_decref(a->done);
}

int
main(void)
{
	const struct ctl_options opt = { .values[OPT_ID] = "1" };
	sigset_t none;

	(void)sigemptyset(&none);
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		struct hand_back h = { .opt = &opt,
			.signals = &none,
			.until_us = clock_us() + scripts[i].time_us };

		script = &scripts[i];
		looks = asked = 0;
		is_int(ctl_hand_back(&h), 0, script->label);
		is_int(looks, script->looks, "looks");
		is_int(asked, script->asked, "orders");
		is_int(h.handed, script->handed, "that many went");
	}
	return done_testing();
}
