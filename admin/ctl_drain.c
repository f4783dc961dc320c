/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drain: no more mail comes in, what is there is delivered or goes back to the
 * host MTA, and what is left after a while is told.  Not while that leads here:
 * it would wait there.
 */
#include "admin/ctl_cmds.h"

#include <stdio.h>

#include "admin/ctl_ask.h"
#include "admin/ctl_hand_back.h"
#include "admin/drain_host.h"
#include "lib/clock.h"
#include "lib/str.h"

enum {
	TELL_S = 10, /* how many are left */
	TIMEOUT_S = 600,
	QUEUES_MAX = 20
};

struct drain {
	const struct ctl_options *opt;
	struct drain_host host;
	sigset_t signals; /* that end the wait, so that the host is as it was */
	bool to_host;
	json_int_t left, handed;
	json_t *queues; /* that have some, the largest first */
};

/* ---- the daemon ---------------------------------------------------------- */

/* An order without an answer of its own; the exit status. */
static int
order(const struct ctl_options *opt, json_t *request)
{
	struct answer a;
	int rc = ctl_ask_this(opt, request, &a);

	ctl_answer_fini(&a);
	json_decref(request);
	return rc;
}

static int
count_left(struct drain *d)
{
	json_t *request = json_pack("{s:s}", "command", "show status");
	struct answer a;
	int rc = ctl_ask_this(d->opt, request, &a);

	if (rc == 0)
		d->left = json_integer_value(json_object_get(
		    json_object_get(a.done, "queue"), "recipients"));
	ctl_answer_fini(&a);
	json_decref(request);
	return rc;
}

static int
list_left(struct drain *d)
{
	json_t *request = json_pack("{s:s,s:i}", "command", "show topqueues",
	    "maxitems", QUEUES_MAX);
	json_t *q;
	struct answer a;
	size_t i;
	int rc = ctl_ask_this(d->opt, request, &a);

	d->queues = json_array();
	json_array_foreach(a.items, i,
	    q) if (json_integer_value(json_object_get(q, "recipients")) >
	    0)(void) json_array_append(d->queues, q);
	ctl_answer_fini(&a);
	json_decref(request);
	return rc;
}

static int64_t
timeout_us(const struct ctl_options *opt)
{
	const char *given = opt->values[OPT_TIMEOUT];
	int64_t us = TIMEOUT_S * US_PER_S;
	struct err e;

	if (given != NULL)
		(void)str_to_interval(slice_of(given), &us, &e);
	return us;
}

/* Until the queue is empty, or it took too long. */
static int
wait_for_end(struct drain *d)
{
	const int64_t from_us = clock_us();
	const int64_t until_us = from_us + timeout_us(d->opt);
	int64_t tell_us = from_us + TELL_S * US_PER_S;

	for (;;) {
		const int rc = count_left(d);

		if (rc != 0 || d->left == 0 || clock_us() > until_us)
			return rc;
		if (clock_us() > tell_us) {
			tell_us += TELL_S * US_PER_S;
			(void)fprintf(stderr,
			    "%" JSON_INTEGER_FORMAT " recipients are left\n",
			    d->left);
		}
		if (ctl_wait_a_little(&d->signals))
			return 1;
	}
}

/*
 * Back to the host; then who is left is counted.  It greets now, whatever its
 * queue has seen when nobody listened.
 */
static int
hand_back(struct drain *d)
{
	struct hand_back h = { .opt = d->opt,
		.signals = &d->signals,
		.until_us = clock_us() + timeout_us(d->opt) };
	int rc = order(d->opt,
	    json_pack("{s:s,s:s,s:b}", "command", "schedule", "queue", "{dsn}",
		"retry-recipients", 1));

	if (rc == 0)
		rc = ctl_hand_back(&h);
	d->handed = h.handed;
	return rc != 0 ? rc : count_left(d);
}

/* ---- telling ------------------------------------------------------------- */

static void
print_text(const struct drain *d)
{
	const json_t *q;
	size_t i;

	if (d->to_host)
		(void)printf("%" JSON_INTEGER_FORMAT
			     " recipients went back to the host, whose "
			     "lifetimes of its queue begin anew.\n",
		    d->handed);
	if (d->left == 0) {
		(void)printf(
		    "The queue is empty, and no more mail is taken.\n");
		return;
	}
	(void)printf("%" JSON_INTEGER_FORMAT
		     " recipients are left, and no more "
		     "mail is taken:\n",
	    d->left);
	json_array_foreach(d->queues, i, q)
	{
		(void)printf("  %8" JSON_INTEGER_FORMAT "  ",
		    json_integer_value(json_object_get(q, "recipients")));
		(void)ctl_print(json_string_value(json_object_get(q, "name")));
		(void)printf("\n");
	}
}

static void
print_json(const struct drain *d)
{
	json_t *answer = json_pack("{s:b,s:I,s:O}", "drained",
	    (int)(d->left == 0), "recipients", d->left, "queues", d->queues);

	if (d->to_host)
		(void)json_object_set_new(answer, "handed",
		    json_integer(d->handed));
	ctl_print_json(answer);
	json_decref(answer);
}

/* ---- the command --------------------------------------------------------- */

/* What comes of the queue, when no more mail is taken. */
static int
run(struct drain *d)
{
	int rc = order(d->opt, json_pack("{s:s}", "command", "drain"));

	if (rc == 0)
		rc = d->to_host ? hand_back(d) : wait_for_end(d);
	if (rc == 0)
		rc = list_left(d);
	if (d->to_host && drain_host_end(&d->host) == -1 && rc == 0)
		rc = 1;
	if (d->queues == NULL)
		return rc;
	if (d->opt->json)
		print_json(d);
	else
		print_text(d);
	return rc != 0 ? rc : d->left == 0 ? 0 : 1;
}

static int
dry_run(struct drain *d)
{
	json_int_t n;
	int rc = ctl_hand_back_count(d->opt, &n);
	json_t *answer = json_pack("{s:I,s:b}", "handed", n, "dry_run", 1);

	if (rc == 0 && d->opt->json)
		ctl_print_json(answer);
	else if (rc == 0)
		(void)printf("%" JSON_INTEGER_FORMAT
			     " recipients would go back to the host.\n",
		    n);
	json_decref(answer);
	return rc;
}

static int
drain(struct drain *d)
{
	const bool dry = d->opt->values[OPT_DRY_RUN] != NULL;

	(void)sigemptyset(&d->signals);
	(void)sigaddset(&d->signals, SIGHUP);
	(void)sigaddset(&d->signals, SIGINT);
	(void)sigaddset(&d->signals, SIGTERM);
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): a program of one thread */
	(void)sigprocmask(SIG_BLOCK, &d->signals, NULL);
	if (!drain_host_open(&d->host, d->opt) ||
	    (d->to_host && drain_host_listen(&d->host, dry) == -1))
		return 1;
	return dry ? dry_run(d) : run(d);
}

/* Of the options that are for --to-host alone the first that is given. */
static const char *
needs_host(const struct ctl_options *opt)
{
	static const struct {
		enum ctl_option option;
		const char *name;
	} only[] = { { OPT_DRY_RUN, "dry-run" }, { OPT_ENVID, "envId" },
		{ OPT_ID, "id" }, { OPT_JOBID, "jobId" },
		{ OPT_OLDER_THAN, "older-than" }, { OPT_ORIG, "orig" },
		{ OPT_QUEUE, "queue" }, { OPT_RCPT, "rcpt" } };

	for (size_t i = 0; i < sizeof(only) / sizeof(only[0]); i++)
		if (opt->values[only[i].option] != NULL)
			return only[i].name;
	return NULL;
}

int
cmd_drain(const struct ctl_options *opt)
{
	struct drain d = { .opt = opt,
		.to_host = opt->values[OPT_TO_HOST] != NULL };
	const char *name = needs_host(opt);
	int rc;

	if (!d.to_host && name != NULL) {
		(void)fprintf(stderr,
		    "mailrace: drain takes --%s with --to-host\n", name);
		return 2;
	}
	if (opt->values[OPT_UNDO] != NULL)
		return order(opt,
		    json_pack("{s:s,s:b}", "command", "drain", "undo", 1));
	rc = drain(&d);
	drain_host_close(&d.host);
	json_decref(d.queues);
	return rc;
}
