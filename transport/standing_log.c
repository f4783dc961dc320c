/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/standing_log.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "mail/envelope.h"
#include "vmta/snapshot.h"

enum { TIME_TEXT = 40 };

static void
add_queue(struct log_line *l, const struct sched_event *e)
{
	log_fmt(l, "queue", "%s/%s", e->domain, envelope_vmta_shown(e->vmta));
}

/* When it ends by itself, as people read it. */
static void
add_end(struct log_line *l, const struct sched_event *e)
{
	char text[TIME_TEXT];

	if (e->until_us == STANDING_NEVER) {
		log_str(l, "until", "never");
	} else if (e->until_us != 0) {
		(void)clock_iso(text, sizeof(text),
		    e->until_us - clock_us() + clock_wall_us());
		log_str(l, "until", text);
	}
}

static void
add_reason(struct log_line *l, const struct sched_event *e)
{
	if (e->why == NULL) {
		log_str(l, "reason", "its time was over");
		return;
	}
	log_str(l, "reason", e->why->text);
	if (e->why->file != NULL)
		log_fmt(l, "row", "%s:%u", e->why->file, e->why->line);
}

static void
log_mode(const struct sched_event *e, enum log_level level, const char *state)
{
	struct log_line l;

	log_begin(&l, level, NULL, "mode");
	add_queue(&l, e);
	log_str(&l, "state", state);
	add_end(&l, e);
	add_reason(&l, e);
	log_end(&l);
}

static void
log_source(const struct sched_event *e, enum log_level level, const char *state)
{
	char addr[NET_ADDR_TEXT];
	struct log_line l;

	if (!e->conf->log_disabled_ips)
		return;
	log_begin(&l, level, NULL, "queue-source");
	add_queue(&l, e);
	log_str(&l, "state", state);
	log_str(&l, "address", net_addr_text(e->source, addr));
	add_end(&l, e);
	add_reason(&l, e);
	log_end(&l);
}

/* In PowerMTA's words, which people look for. */
static void
log_all_off(const struct sched_event *e)
{
	struct log_line l;

	log_begin(&l, LOG_L_WARN, NULL, "queue-source");
	add_queue(&l, e);
	log_str(&l, "state", "all-disabled");
	add_end(&l, e);
	log_fmt(&l, "text",
	    "All SMTP sources for queue %s/%s are now disabled.", e->domain,
	    envelope_vmta_shown(e->vmta));
	log_end(&l);
}

void
standing_log(void *ctx, const struct sched_event *e)
{
	(void)ctx;
	switch (e->kind) {
	case SCHED_BACKOFF:
		log_mode(e, LOG_L_WARN, "backoff");
		break;
	case SCHED_RETURN:
		log_mode(e, LOG_L_INFO, "return");
		break;
	case SCHED_NORMAL:
		log_mode(e, LOG_L_INFO, "normal");
		break;
	case SCHED_SOURCE_OFF:
		log_source(e, LOG_L_WARN, "disabled");
		break;
	case SCHED_SOURCE_ON:
		log_source(e, LOG_L_INFO, "enabled");
		break;
	case SCHED_ALL_OFF:
		log_all_off(e);
		break;
	}
}
