/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/ctl_hand_back.h"

#include <stdio.h>
#include <time.h>

#include "admin/ctl_ask.h"
#include "lib/clock.h"

enum {
	AT_ONCE = 1000, /* recipients */
	FEW = 500,      /* under way: more may come */
	LOOK_MS = 200,
	TELL_S = 10,
	GRACE_S = 60 /* for those that are under way at the end */
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

/* Without, what waits for the host already is meant as well. */
static bool
has_selectors(const struct ctl_options *order)
{
	static const enum ctl_option selectors[] = { OPT_ENVID, OPT_ID,
		OPT_JOBID, OPT_OLDER_THAN, OPT_ORIG, OPT_QUEUE, OPT_RCPT };

	for (size_t i = 0; i < sizeof(selectors) / sizeof(selectors[0]); i++)
		if (order->values[selectors[i]] != NULL)
			return true;
	return false;
}

/* How many went; those that are meant and being sent elsewhere. */
static int
ask(const struct ctl_options *order, json_int_t max, json_int_t *count_r,
    json_int_t *sending_r)
{
	struct ctl_options o = *order;
	struct answer a;
	char text[24];
	int rc;

	(void)snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, max);
	if (max > 0)
		o.values[OPT_MAXITEMS] = text;
	rc = ctl_ask(&o, &a);
	*count_r = json_integer_value(json_object_get(a.done, "handed"));
	*sending_r = json_integer_value(json_object_get(a.done, "sending"));
	ctl_answer_fini(&a);
	return rc;
}

int
ctl_hand_back_count(const struct ctl_options *opt, json_int_t *count_r)
{
	const struct ctl_options order = order_of(opt);
	json_int_t sending;

	return ask(&order, 0, count_r, &sending);
}

/*
 * Given to the host, and not gone: not its notifications, nor other mail; and
 * those of them that it may still take at once.
 */
static int
look(const struct ctl_options *opt, json_int_t *waiting_r,
    json_int_t *under_way_r)
{
	const json_t *queue;
	json_t *request = json_pack("{s:s}", "command", "show status");
	struct answer a;
	int rc = ctl_ask_this(opt, request, &a);

	queue = json_object_get(a.done, "queue");
	*waiting_r = json_integer_value(json_object_get(queue, "handed"));
	*under_way_r = *waiting_r -
	    json_integer_value(json_object_get(queue, "refused"));
	ctl_answer_fini(&a);
	json_decref(request);
	return rc;
}

static void
tell(const struct hand_back *h)
{
	(void)fprintf(stderr,
	    "%" JSON_INTEGER_FORMAT
	    " recipients were given to the host, %" JSON_INTEGER_FORMAT
	    " of them are on their way\n",
	    h->handed, h->waiting);
}

static json_int_t
less(json_int_t a, json_int_t b)
{
	return a < b ? a : b;
}

/*
 * Of those that wait as many as can be meant: who was given by another command
 * and may still go is not told from ours, but ours are no more than were given.
 */
static void
count_ours(struct hand_back *h, bool selected, json_int_t under_way)
{
	if (!selected)
		return;
	h->refused = less(h->refused, h->waiting - under_way);
	h->waiting = less(h->waiting - h->refused, h->handed);
}

/* One look, and some more if there is room; else it is not over. */
static int
give(struct hand_back *h, const struct ctl_options *order, bool giving,
    bool *over_r)
{
	json_int_t sending = 0, n = 0, under_way;
	int rc = look(h->opt, &h->waiting, &under_way);
	bool room = under_way < FEW;

	count_ours(h, has_selectors(order), under_way);
	if (rc == 0 && giving && room)
		rc = ask(order, AT_ONCE - under_way, &n, &sending);
	h->handed += n;
	h->waiting += n;
	*over_r = h->waiting == 0 && sending == 0 && (room || !giving);
	return rc;
}

/* Who waits still has not gone. */
static void
end(struct hand_back *h)
{
	h->handed -= less(h->waiting, h->handed);
	if (h->waiting > 0)
		(void)fprintf(stderr,
		    "mailrace: %" JSON_INTEGER_FORMAT
		    " recipients wait for the host; after a restart of "
		    "mailraced they are in their own queues again\n",
		    h->waiting);
}

int
ctl_hand_back(struct hand_back *h)
{
	struct ctl_options order = order_of(h->opt);
	int64_t tell_us = clock_us() + TELL_S * US_PER_S;
	bool giving = true, over = false, signalled = false;
	json_int_t waiting, under_way;
	int rc = look(h->opt, &waiting, &under_way);

	h->refused = waiting - under_way;
	while (rc == 0 && (rc = give(h, &order, giving, &over)) == 0 && !over) {
		int64_t now_us = clock_us();

		if (now_us > h->until_us && !giving)
			break;
		if (giving && (now_us > h->until_us || signalled)) {
			giving = false;
			h->until_us = now_us + GRACE_S * US_PER_S;
		}
		if (now_us > tell_us) {
			tell_us += TELL_S * US_PER_S;
			tell(h);
		}
		if (ctl_wait_a_little(h->signals)) {
			if (signalled)
				break;
			signalled = true;
		}
	}
	if (rc == 0)
		end(h);
	return rc == 0 && signalled ? 1 : rc;
}
