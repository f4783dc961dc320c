/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemons as a whole: show status, reload.
 */
#include "admin/ctl_cmds.h"

#include <stdio.h>
#include <string.h>

#include "admin/ctl_ask.h"

/* ---- status ---------------------------------------------------------------- */

static void
print_uptime(const json_t *done)
{
	json_int_t s = json_integer_value(json_object_get(done, "uptime_s"));

	(void)printf("  %-22s %lldd %02lld:%02lld:%02lld\n", "up",
	    (long long)(s / 86400), (long long)(s / 3600 % 24),
	    (long long)(s / 60 % 60), (long long)(s % 60));
}

/* What holds back mail, each limit on a line. */
static void
print_intake(const json_t *intake)
{
	json_t *held = json_object_get(intake, "held_by"), *c;
	size_t i;

	(void)printf("intake\n  %-22s %s\n", "mail",
	    json_is_false(json_object_get(intake, "open")) ? "is held back" :
							     "comes in");
	json_array_foreach(held, i, c)
	{
		const char *limit, *since;

		if (json_unpack(c, "{s:s,s:s}", "limit", &limit, "since",
			&since) == 0)
			(void)printf("  %-22s %s, since %s\n", "by", limit,
			    since);
	}
	ctl_print_field(intake, "places", "recipients");
	ctl_print_field(intake, "places_max", "of at most");
	ctl_print_field(intake, "memory", "bytes of memory");
	ctl_print_field(intake, "memory_max", "of at most");
	ctl_print_field(intake, "waiting", "clients that wait");
	ctl_print_field(intake, "denied", "messages of denied senders");
	ctl_print_field(intake, "limited", "refused by rates of senders");
	ctl_print_field(intake, "delayed", "replies delayed");
	ctl_print_field(intake, "refused", "messages refused");
}

/* Since the start, each where he was met with. */
static void
print_suppression(const json_t *suppression)
{
	(void)printf("suppressed since the start\n");
	ctl_print_field(suppression, "refused", "refused at intake");
	ctl_print_field(suppression, "ended", "ended before delivery");
	ctl_print_field(suppression, "denied", "asked by suppress-socket");
}

/* Nothing where there is none. */
static void
print_dummy(const json_t *dummy)
{
	if (dummy == NULL)
		return;
	(void)printf("thrown away by dummy-smtp-port since the start\n");
	ctl_print_field(dummy, "messages", "messages");
	ctl_print_field(dummy, "recipients", "recipients");
	ctl_print_field(dummy, "bytes", "bytes");
	ctl_print_field(dummy, "connections", "connections");
	ctl_print_field(dummy, "clients", "of them open");
}

static void
print_status(const json_t *done)
{
	const json_t *queue = json_object_get(done, "queue");
	const json_t *store = json_object_get(done, "store");
	const json_t *dns = json_object_get(done, "dns");
	const json_t *acct = json_object_get(done, "accounting");

	(void)printf("mailraced\n");
	ctl_print_field(done, "version", "version");
	ctl_print_field(done, "pid", "pid");
	print_uptime(done);
	ctl_print_field(done, "connections_out", "connections out");
	(void)printf("recipients since the spool was made\n");
	ctl_print_ledger(done);
	(void)printf("queue\n");
	ctl_print_field(queue, "queues", "queues");
	ctl_print_field(queue, "recipients", "recipients");
	ctl_print_field(queue, "deferred", "of them deferred");
	ctl_print_field(queue, "granted", "of them being sent");
	ctl_print_field(queue, "kbytes", "kbytes");
	print_intake(json_object_get(done, "intake"));
	print_suppression(json_object_get(done, "suppression"));
	print_dummy(json_object_get(done, "dummy_smtp"));
	(void)printf("resolver\n");
	ctl_print_field(dns, "asked", "questions");
	ctl_print_field(dns, "hits", "of them from cache");
	ctl_print_field(dns, "sent", "queries sent");
	ctl_print_field(dns, "cached", "answers in cache");
	(void)printf("store\n");
	ctl_print_field(store, "batches", "batches");
	ctl_print_field(store, "syncs", "syncs");
	ctl_print_field(store, "audited", "messages audited");
	ctl_print_field(store, "segment_bytes", "bytes of bodies");
	ctl_print_field(store, "live_bytes", "of them live");
	(void)printf("accounting\n");
	ctl_print_field(acct, "waiting_bytes", "bytes that wait");
	ctl_print_field(acct, "dropped", "records dropped");
}

int
cmd_status(const struct ctl_options *opt)
{
	struct answer a;
	int rc = ctl_ask(opt, &a);

	if (rc == 0 && opt->json)
		ctl_print_json(a.done);
	else if (rc == 0)
		print_status(a.done);
	ctl_answer_fini(&a);
	return rc;
}

/* ---- reload ------------------------------------------------------------- */

/* What a daemon says of its reload: errors and warnings as they stand. */
static void
print_remark(void *ctx, const json_t *item)
{
	bool warning = json_is_true(json_object_get(item, "warning"));
	char scratch[32];

	(void)fprintf(stderr, "%s: %s%s\n", (const char *)ctx,
	    ctl_text(item, "text", scratch, sizeof(scratch)),
	    warning ? " (warning)" : "");
}

/* The worse, the higher. */
enum reload { RELOAD_DONE, RELOAD_STOPPED, RELOAD_SILENT, RELOAD_REFUSED };

static enum reload
reload_one(const struct ctl_options *opt, const char *path, char *who)
{
	bool stopped;
	const struct ctl_client client = { .path = path,
		.item = print_remark,
		.ctx = who,
		.stopped_r = &stopped };
	json_t *done;
	int rc = ctl_ask_at(&client, opt, &done);

	if (rc == 0 && !opt->json)
		(void)printf("%s: configuration reloaded.\n", who);
	json_decref(done);
	if (rc != 2)
		return rc == 0 ? RELOAD_DONE : RELOAD_REFUSED;
	return stopped ? RELOAD_STOPPED : RELOAD_SILENT;
}

/*
 * A daemon that does not run is told by a status of its own, and only if nothing
 * else is wrong: it may be meant so (etc/mailrace.logrotate).
 */
int
cmd_reload(const struct ctl_options *opt)
{
	char transport[] = "mailraced", milter[] = "mailrace-milter";
	static const int status[] = { [RELOAD_DONE] = 0,
		[RELOAD_STOPPED] = 2,
		[RELOAD_SILENT] = 1,
		[RELOAD_REFUSED] = 1 };
	enum reload worst, other = RELOAD_DONE;
	struct places at;

	if (ctl_places(opt, &at) == -1)
		return 1;
	worst = reload_one(opt, at.control, transport);
	/* They go by one file: what one refuses, the other is not given. */
	if (worst != RELOAD_REFUSED && at.milter_control[0] != '\0')
		other = reload_one(opt, at.milter_control, milter);
	if (other > worst)
		worst = other;
	if (opt->json)
		(void)printf("{ \"reloaded\": %s }\n",
		    worst == RELOAD_DONE ? "true" : "false");
	places_fini(&at);
	return status[worst];
}
