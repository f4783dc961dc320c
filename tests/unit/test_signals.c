/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals come to the worker that asked for them, whichever thread the kernel
 * might have given them to, and none that came before its loop ran is lost.
 */
#include "lib/signals.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/tap.h"

static struct {
	struct worker *main;
	int terms, hups;
	pthread_t thread;
} seen;

static void
on_signal(void *ctx, int number)
{
	ok(ctx == &seen && pthread_equal(pthread_self(), seen.thread) != 0,
	    "signal %d comes to the worker", number);
	seen.hups += number == SIGHUP;
	seen.terms += number == SIGTERM;
	if (number == SIGTERM)
		worker_stop(seen.main);
}

static struct {
	struct post post;
	sigset_t blocked;
} errand;

static void
on_other(struct post *p)
{
	(void)p;
	if (pthread_sigmask(SIG_BLOCK, NULL, &errand.blocked) != 0)
		abort();
	(void)kill(getpid(), SIGHUP);
	(void)kill(getpid(), SIGTERM);
}

int
main(void)
{
	static const int numbers[] = { SIGHUP, SIGTERM, 0 };
	struct signals *s;
	struct worker *other;
	struct err e;

	seen.thread = pthread_self();
	seen.main = worker_new("main", &e);
	other = worker_new("other", &e);
	if (seen.main == NULL || other == NULL ||
	    worker_start(other, &e) == -1 ||
	    signals_new(seen.main, numbers, on_signal, &seen, &s, &e) == -1)
		abort();
	(void)kill(getpid(), SIGHUP); /* before anybody listens */
	errand.post.fn = on_other;
	worker_post(other, &errand.post);
	worker_run(seen.main);
	worker_stop(other);
	worker_join(other);
	is_int(seen.terms, 1, "SIGTERM came");
	ok(seen.hups == 1 || seen.hups == 2, "SIGHUP came, %d times",
	    seen.hups);
	ok(sigismember(&errand.blocked, SIGTERM) == 1,
	    "other threads have it blocked");
	ok(sigismember(&errand.blocked, SIGSEGV) == 0, "but not their faults");
	signals_free(&s);
	worker_free(&other);
	worker_free(&seen.main);
	return done_testing();
}
