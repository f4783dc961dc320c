/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/setup_probe.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "admin/ctl_ask.h"
#include "compat/host_plan.h"
#include "lib/check.h"

enum { LOOK_MS = 50 };

/* What mailraced answers; 0: it did as it was told. */
static int
ask(const struct setup_probe *p, const char *command, json_t *more,
    size_t *items_r)
{
	struct answer a;
	int rc;

	(void)json_object_set_new(more, "command", json_string(command));
	(void)json_object_set_new(more, "queue",
	    json_string(HOST_PROBE_DOMAIN));
	rc = ctl_ask_this(p->opt, more, &a);
	if (items_r != NULL)
		*items_r = json_array_size(a.items);
	ctl_answer_fini(&a);
	json_decref(more);
	return rc;
}

void
setup_probe_name(struct setup_probe *p)
{
	uint64_t id;

	CHECK(getrandom(&id, sizeof(id), 0) == (ssize_t)sizeof(id));
	(void)snprintf(p->rcpt, sizeof(p->rcpt), "probe-%016" PRIx64 "@%s", id,
	    HOST_PROBE_DOMAIN);
}

int
setup_probe_begin(struct setup_probe *p, const struct ctl_options *opt,
    struct err *e)
{
	p->opt = opt;
	setup_probe_name(p);
	if (ask(p, "pause queue", json_object(), NULL) != 0)
		return err_set(e, "mailraced does not pause a queue");
	return 0;
}

/* From as in notifications of the host, whose senders nobody judges. */
void
setup_probe_text(const struct setup_probe *p, const char *end, struct buf *out)
{
	buf_printf(out,
	    "From: MAILER-DAEMON (Mailrace)%sTo: %s%s"
	    "Subject: mailrace setup%s%s"
	    "This message was to be seen in the queue of Mailrace, and is "
	    "deleted there.%s",
	    end, p->rcpt, end, end, end, end);
}

bool
setup_probe_is_here(const struct setup_probe *p)
{
	size_t items = 0;

	return ask(p, "list", json_pack("{s:s}", "rcpt", p->rcpt), &items) ==
	    0 &&
	    items > 0;
}

void
setup_probe_end(const struct setup_probe *p)
{
	(void)ask(p, "delete", json_pack("{s:b}", "no-accounting", 1), NULL);
	(void)ask(p, "resume queue", json_object(), NULL);
}

void
setup_probe_wait(void)
{
	const struct timespec t = { .tv_nsec = LOOK_MS * 1000000L };

	(void)nanosleep(&t, NULL);
}
