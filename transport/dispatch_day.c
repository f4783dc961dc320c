/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dispatcher's local days: the scheduler counts what a day has, and knows
 * no calendar.  Looked at once a minute, since clocks are set and time zones
 * change; and what became of days of new source addresses, for the log.
 */
#include <event2/event.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/day.h"
#include "lib/log.h"
#include "transport/dispatch_priv.h"
#include "vmta/sched_warmup.h"

#define LOOK_S 60

static void
look(struct dispatch *d)
{
	int64_t wall_us = clock_wall_us(), now_us = clock_us();
	struct day day = day_of(wall_us / US_PER_S);
	int64_t left_us = day.ends_s * US_PER_S - wall_us;
	struct timeval tv = { .tv_sec = LOOK_S };

	sched_set_day(d->sched, day.number, now_us + left_us, now_us);
	if (left_us < LOOK_S * US_PER_S)
		tv = (struct timeval){ left_us / US_PER_S,
			left_us % US_PER_S + US_PER_MS };
	CHECK(event_add(d->day_timer, &tv) == 0);
}

static void
on_day_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	look(arg);
}

void
dispatch_day_init(struct dispatch *d)
{
	d->day_timer = event_new(worker_base(d->worker), -1, 0, on_day_timer,
	    d);
	CHECK(d->day_timer != NULL);
	look(d);
}

void
dispatch_day_fini(struct dispatch *d)
{
	event_free(d->day_timer);
}

void
dispatch_on_warmup(void *ctx, const struct sched_warmup_info *info)
{
	const struct warm *w = &info->warm;
	char addr[NET_ADDR_TEXT];
	struct log_line l;

	(void)ctx;
	log_begin(&l, w->closed ? LOG_L_WARN : LOG_L_INFO, NULL, "warmup");
	log_str(&l, "address", net_addr_text(&info->source, addr));
	log_str(&l, "provider",
	    info->provider[0] == '\0' ? "*" : info->provider);
	log_str(&l, "state",
	    w->closed ? "closed" : warmup_verdict_name(w->verdict));
	if (info->quota != WARMUP_NO_LIMIT)
		log_int(&l, "quota", info->quota);
	log_end(&l);
}
