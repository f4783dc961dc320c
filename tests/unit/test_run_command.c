/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program is run with just these arguments and this input, and nothing of it
 * stays when it is too slow or prints too much.
 */
#include <signal.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/mem.h"
#include "lib/run_command.h"
#include "tests/tap.h"

#define ARGV(...) ((const char *const[]){ __VA_ARGS__, NULL })

static struct command_end end;
static struct err e;

static int
run(const struct command *c)
{
	command_end_fini(&end);
	e.text[0] = '\0';
	return command_run(c, &end, &e);
}

static void
plain(void)
{
	struct command c = { .argv = ARGV("printf", "%s|%s", "a b",
				 "$HOME;x") };

	is_int(run(&c), 0, "it runs");
	is_str(buf_cstr(&end.out), "a b|$HOME;x", "no shell reads its words");
	is_int(end.code, 0, "its status");

	c = (struct command){ .argv = ARGV("cat"),
		.input = SLICE_LIT("one\ntwo\n") };
	is_int(run(&c), 0, "it gets input");
	is_str(buf_cstr(&end.out), "one\ntwo\n", "and all of it");

	c = (struct command){ .argv = ARGV("cat") };
	is_int(run(&c), 0, "none is an end at once");
	is_int((int64_t)end.out.len, 0, "nothing came");

	c = (struct command){ .argv = ARGV("true"),
		.input = SLICE_LIT("nobody reads this") };
	is_int(run(&c), 0, "who does not read does not harm");
}

static void
ends(void)
{
	const struct command fails = {
		.argv = ARGV("sh", "-c", "echo out; echo why >&2; exit 3"),
	};
	const struct command killed = { .argv = ARGV("sh", "-c",
					    "kill -15 $$") };

	is_int(run(&fails), 0, "a status is no failure of ours");
	is_int(end.code, 3, "but known");
	is_str(buf_cstr(&end.err), "why\n", "and so is what it said");
	command_end_fini(&end);
	is_int(command_must(&fails, &end, &e), -1, "where it must be 0");
	is_str(e.text, "sh: exit status 3: why", "the reason is told");
	is_int(run(&killed), 0, "killed by another");
	ok(end.killed && end.code == SIGTERM, "and by what");
}

static void
none(void)
{
	const struct command c = { .argv = ARGV("mailrace-no-such-program") };
	const struct command path = { .argv = ARGV("/nonexistent/postconf") };

	is_int(run(&c), -1, "no such program");
	is_str(e.text, "mailrace-no-such-program: there is no such program",
	    "and its name");
	is_int(run(&path), -1, "nor by its path");
}

/* The bounds are what the test waits for: its own process would wait longer. */
static void
bounds(void)
{
	const struct command slow = {
		.argv = ARGV("sh", "-c", "echo begun; sleep 60 & sleep 60"),
		.timeout_s = 1,
	};
	const struct command loud = { .argv = ARGV("yes"),
		.output_max = 100000 };
	const struct command leaves = {
		.argv = ARGV("sh", "-c", "sleep 3 & echo done"),
	};
	int64_t from_us = clock_us();

	is_int(run(&slow), -1, "too slow");
	is_str(e.text, "sh: it did not end within 1 s", "and said so");
	is_str(buf_cstr(&end.out), "begun\n", "what it printed is there");
	is_int(run(&loud), -1, "too loud");
	is_str(e.text, "yes: it printed more than 100000 bytes", "and said so");
	is_int(run(&leaves), 0, "one that leaves another behind");
	is_str(buf_cstr(&end.out), "done\n", "has ended");
	ok(clock_us() - from_us < 3 * US_PER_S, "and is not waited for");
}

int
main(void)
{
	plain();
	ends();
	none();
	bounds();
	command_end_fini(&end);
	return done_testing();
}
