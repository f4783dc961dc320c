/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a connection goes along its route: told by letters, what it comes to is
 * what it calls, where it ends, and what it leaves to the next one.
 */
#include "transport/tour.h"

#include <stdio.h>

#include "tests/tap.h"

enum { HOSTS = 4 };

/*
 * c: calls the next; r: that one refuses all mail; v: it is in vain; s: it
 * is skipped; p: the next is full; g: it is given mail; a: called again.
 */
static const struct {
	const char *label;
	const char *way;
	uint32_t most;
	bool one_call;
	struct sched_place from;
	/*
	 * The next step (C L E), then what is so: l last, r all refused, o owed;
	 * place of the next address and of this one: next/tried, s: it stays.
	 */
	const char *becomes;
} cases[] = {
	{ "at its start", "", 9, false, { 0 }, "C" },
	{ "one of four", "c", 9, false, { 0 }, "C 1/1 0/0" },
	{ "the last", "cvcvcvc", 9, false, { 0 }, "El 4/4 3/3" },
	{ "the last that may be called", "cvc", 2, false, { 0 }, "El 2/2 1/1" },
	{ "one that is full is no attempt", "pc", 2, false, { 0 },
	    "C 2/1 1/0" },
	{ "in clear it is the same attempt", "cvac", 2, false, { 0 },
	    "C 1/1 0/0" },
	{ "all refuse", "crcrcrc", 9, false, { 0 }, "Elr 4/4 3/3" },
	{ "one of them did not", "crcvcrc", 9, false, { 0 }, "El 4/4 3/3" },
	{ "one of them was full", "crpcrc", 9, false, { 0 }, "El 4/3 3/2" },
	{ "one of them was skipped", "crcscrc", 9, false, { 0 },
	    "Elo 4/4s 3/3s" },
	{ "behind one that was skipped", "csc", 9, false, { 0 },
	    "Co 2/2s 1/1s" },
	{ "which is given mail", "cscg", 9, false, { 0 }, "C 2/2s 1/1s" },
	{ "each call is another connection", "cv", 9, true, { 0 },
	    "L 1/1 0/0" },
	{ "also behind a skip", "cgs", 9, true, { 0 }, "Lo 1/1s 0/0s" },
	{ "and when none is left", "cv", 1, true, { 0 }, "El 1/1 0/0" },
	{ "from a place", "c", 9, false, { .next = 2, .tried = 1 },
	    "C 3/2 2/1" },
	{ "that was refused so far", "crc", 9, false,
	    { .next = 2, .tried = 1, .refused = true }, "Elr 4/3 3/2" },
	{ "that was not", "crc", 9, false, { .next = 2, .tried = 1 },
	    "El 4/3 3/2" },
	{ "behind more than may be tried now", "c", 2, false,
	    { .next = 2, .tried = 7 }, "El 3/2 2/1" },
	{ "of a skip, and nothing was given", "c", 9, false,
	    { .next = 2, .tried = 1, .stays = true }, "Co 3/2s 2/1s" },
	{ "of a skip, but the route is another", "c", 9, false,
	    { .next = 0, .tried = 1, .stays = true }, "C 1/2 0/1" },
};

static void
call(struct tour *t)
{
	tour_call(t);
	tour_called(t);
}

static void
refuse(struct tour *t, int code)
{
	const struct outcome o = { .kind = OUTCOME_REPLY,
		.phase = PHASE_GREETING,
		.code = code };

	tour_failed(t, &o);
}

static void
go(struct tour *t, const char *way)
{
	for (; *way != '\0'; way++)
		switch (*way) {
		case 'c':
			call(t);
			break;
		case 'r':
			refuse(t, 550);
			break;
		case 'v':
			refuse(t, 554);
			break;
		case 's':
			tour_skip(t);
			break;
		case 'p':
			tour_pass(t);
			break;
		case 'g':
			tour_given(t);
			break;
		case 'a':
			tour_again(t);
			break;
		}
}

static int
place(char *out, size_t cap, const struct tour *t,
    void (*where)(const struct tour *t, struct sched_place *at))
{
	struct sched_place at = { 0 };

	where(t, &at);
	return snprintf(out, cap, " %u/%u%s", at.next, at.tried,
	    at.stays ? "s" : "");
}

static void
tell(char *out, size_t cap, const struct tour *t)
{
	size_t n = (size_t)snprintf(out, cap, "%c%s%s%s", "CLE"[tour_next(t)],
	    tour_is_last(t) ? "l" : "", tour_all_refused(t) ? "r" : "",
	    tour_is_owed(t) ? "o" : "");

	if (t->next == 0)
		return;
	n += (size_t)place(out + n, cap - n, t, tour_rest);
	(void)place(out + n, cap - n, t, tour_here);
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tour t;
		char got[80];

		tour_begin(&t, &cases[i].from, HOSTS, cases[i].most,
		    cases[i].one_call);
		go(&t, cases[i].way);
		tell(got, sizeof(got), &t);
		is_str(got, cases[i].becomes, cases[i].label);
	}
	return done_testing();
}
