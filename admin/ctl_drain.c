/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drain: no more mail comes in, what is there is delivered, and what is left
 * after a while is told.  Not while the host's Postfix leads here: it would
 * wait there.
 */
#include "admin/ctl_cmds.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "admin/ctl_ask.h"
#include "compat/postfix/pf_site.h"
#include "compat/postfix/pf_undo.h"
#include "lib/clock.h"
#include "lib/str.h"

enum {
	LOOK_MS = 200,
	TELL_S = 10, /* how many are left */
	TIMEOUT_S = 600,
	QUEUES_MAX = 20
};

struct drain {
	const struct ctl_options *opt;
	json_int_t left;
	json_t *queues; /* that have some, the largest first */
};

/* ---- the host ------------------------------------------------------------ */

/* Said on standard error. */
static bool
is_led_here(const struct pf_conf *h, const char *dir)
{
	const char *name = pf_leads_here(h);

	if (name != NULL)
		(void)fprintf(stderr,
		    "mailrace: %s in %s still leads to Mailrace: first mailrace "
		    "setup postfix --undo, or take it out\n",
		    name, dir);
	return name != NULL;
}

/* False: it was said why not.  A host without Postfix has nothing to say. */
static bool
host_may(const struct ctl_options *opt)
{
	const char *dir = opt->values[OPT_CONFIG_DIR];
	struct pf_site site;
	struct err e;
	int rc = pf_site_init(&site, dir, &e);
	struct pf_conf *host = pf_conf_new(site.rg);
	bool may = false;

	if (rc == -1 || pf_site_read(&site, host, &e) == -1) {
		may = dir == NULL;
		if (!may)
			(void)fprintf(stderr, "mailrace: %s\n", e.text);
	} else {
		may = !is_led_here(host, site.dir);
	}
	pf_conf_free(&host);
	pf_site_fini(&site);
	return may;
}

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

static void
wait_a_little(void)
{
	const struct timespec t = { .tv_nsec = LOOK_MS * 1000000L };

	(void)nanosleep(&t, NULL);
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
		wait_a_little();
	}
}

/* ---- telling ------------------------------------------------------------- */

static void
print_text(const struct drain *d)
{
	const json_t *q;
	size_t i;

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

	ctl_print_json(answer);
	json_decref(answer);
}

int
cmd_drain(const struct ctl_options *opt)
{
	struct drain d = { .opt = opt };
	int rc;

	if (opt->values[OPT_UNDO] != NULL)
		return order(opt,
		    json_pack("{s:s,s:b}", "command", "drain", "undo", 1));
	if (!host_may(opt))
		return 1;
	rc = order(opt, json_pack("{s:s}", "command", "drain"));
	if (rc == 0)
		rc = wait_for_end(&d);
	if (rc == 0)
		rc = list_left(&d);
	if (rc == 0 && opt->json)
		print_json(&d);
	else if (rc == 0)
		print_text(&d);
	json_decref(d.queues);
	return rc != 0 ? rc : d.left == 0 ? 0 : 1;
}
