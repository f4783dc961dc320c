/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/ctl_hand_back.h"

#include <stdio.h>
#include <time.h>

#include "admin/ctl_ask.h"
#include "lib/clock.h"
#include "vmta/snapshot.h"

#define AT_ONCE "1000" /* recipients */

enum {
	FEW = 500, /* under way: more may come */
	LOOK_MS = 200,
	TELL_S = 10
};

bool
ctl_wait_a_little(const sigset_t *signals)
{
	const struct timespec t = { .tv_nsec = LOOK_MS * 1000000L };

	return sigtimedwait(signals, NULL, &t) > 0;
}

/* The selectors of drain, as an order of mailraced. */
static struct ctl_options
order_of(const struct ctl_options *opt)
{
	struct ctl_options o = *opt;

	o.command = "hand back";
	o.values[OPT_CONFIG_DIR] = o.values[OPT_TIMEOUT] = NULL;
	o.values[OPT_TO_HOST] = NULL;
	return o;
}

static int
ask(const struct ctl_options *order, json_int_t *count_r)
{
	struct answer a;
	int rc = ctl_ask(order, &a);

	*count_r = rc != 0 ?
	    0 :
	    json_integer_value(json_object_get(a.done, "handed"));
	ctl_answer_fini(&a);
	return rc;
}

int
ctl_hand_back_count(const struct ctl_options *opt, json_int_t *count_r)
{
	const struct ctl_options order = order_of(opt);

	return ask(&order, count_r);
}

/* In the queue to the host; being sent anywhere. */
static int
look(const struct ctl_options *opt, json_int_t *waiting_r,
    json_int_t *sending_r)
{
	json_t *request = json_pack("{s:s,s:s}", "command", "show topqueues",
	    "queue", SNAPSHOT_DSN_DOMAIN);
	struct answer a;
	const json_t *q;
	size_t i;
	int rc = ctl_ask_this(opt, request, &a);

	*waiting_r = *sending_r = 0;
	json_array_foreach(a.items, i, q)
	{
		*waiting_r += json_integer_value(
		    json_object_get(q, "recipients"));
	}
	ctl_answer_fini(&a);
	json_decref(request);
	if (rc != 0)
		return rc;
	request = json_pack("{s:s}", "command", "show status");
	rc = ctl_ask_this(opt, request, &a);
	*sending_r = json_integer_value(
	    json_object_get(json_object_get(a.done, "queue"), "granted"));
	ctl_answer_fini(&a);
	json_decref(request);
	return rc;
}

int
ctl_hand_back(struct hand_back *h)
{
	struct ctl_options order = order_of(h->opt);
	int64_t tell_us = clock_us() + TELL_S * US_PER_S;
	json_int_t waiting, sending, n;
	int rc;

	order.values[OPT_MAXITEMS] = AT_ONCE;
	for (;;) {
		n = 0;
		rc = look(h->opt, &waiting, &sending);
		if (rc == 0 && waiting < FEW)
			rc = ask(&order, &n);
		h->handed += n;
		if (rc != 0 || n + waiting + sending == 0 ||
		    clock_us() > h->until_us)
			return rc;
		if (clock_us() > tell_us) {
			tell_us += TELL_S * US_PER_S;
			(void)fprintf(stderr,
			    "%" JSON_INTEGER_FORMAT
			    " recipients went to the host's queue, "
			    "%" JSON_INTEGER_FORMAT " of them on their way\n",
			    h->handed, waiting + n);
		}
		if (ctl_wait_a_little(h->signals))
			return 1;
	}
}
