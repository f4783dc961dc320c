/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/ctl_hand_back.h"

#include <stdio.h>
#include <time.h>

#include "admin/ctl_ask.h"
#include "lib/clock.h"

#define AT_ONCE "1000" /* recipients */

enum {
	FEW = 500, /* under way: more may come */
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

/* How many went; those that are meant and being sent elsewhere. */
static int
ask(const struct ctl_options *order, json_int_t *count_r, json_int_t *sending_r)
{
	struct answer a;
	int rc = ctl_ask(order, &a);

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

	return ask(&order, count_r, &sending);
}

/* Given to the host, and not gone: not its notifications, nor other mail. */
static int
look(const struct ctl_options *opt, json_int_t *waiting_r)
{
	json_t *request = json_pack("{s:s}", "command", "show status");
	struct answer a;
	int rc = ctl_ask_this(opt, request, &a);

	*waiting_r = json_integer_value(
	    json_object_get(json_object_get(a.done, "queue"), "handed"));
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

/* One look, and some more if there is room. */
static int
give(struct hand_back *h, const struct ctl_options *order, bool giving,
    bool *over_r)
{
	json_int_t sending = 0, n = 0;
	int rc = look(h->opt, &h->waiting);

	if (rc == 0 && giving && h->waiting < FEW)
		rc = ask(order, &n, &sending);
	h->handed += n;
	h->waiting += n;
	*over_r = h->waiting == 0 && sending == 0;
	return rc;
}

/* Who waits still has not gone. */
static void
end(struct hand_back *h)
{
	h->handed -= h->waiting < h->handed ? h->waiting : h->handed;
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
	int rc;

	order.values[OPT_MAXITEMS] = AT_ONCE;
	while ((rc = give(h, &order, giving, &over)) == 0 && !over) {
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
