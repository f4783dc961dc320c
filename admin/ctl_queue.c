/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is queued: the listings, and the orders for queues.
 */
#include "admin/ctl_cmds.h"

#include <stdio.h>

#include "admin/ctl_ask.h"

/* ---- listings ------------------------------------------------------------ */

/* N normal, B backoff, b on the way back; R it waits to try again; P paused. */
static json_t *
queue_row(const json_t *item)
{
	json_t *row = json_deep_copy(item);
	const char *mode = json_string_value(json_object_get(item, "mode"));
	char st[4];
	size_t n = 0;

	st[n++] = mode == NULL || mode[0] == 'n' ? 'N' :
	    mode[0] == 'b'                       ? 'B' :
						   'b';
	if (json_is_string(json_object_get(item, "retry")))
		st[n++] = 'R';
	if (json_is_true(json_object_get(item, "paused")))
		st[n++] = 'P';
	(void)json_object_set_new(row, "st", json_stringn(st, n));
	return row;
}

int
cmd_show_topqueues(const struct ctl_options *opt)
{
	static const struct ctl_column columns[] = { { "name", "queue" },
		{ "recipients", "#rcpt" }, { "kbytes", "kbytes" },
		{ "connections", "conn" }, { "st", "st" }, { "retry", "retry" },
		{ "last_error", "last error" } };
	struct ctl_listing l = { .name = "queues",
		.words = "matching queues",
		.row = queue_row,
		.table = { .columns = columns, .count = 7 } };

	return ctl_list(opt, &l);
}

int
cmd_show_queues(const struct ctl_options *opt)
{
	static const struct ctl_column columns[] = { { "name", "queue" },
		{ "recipients", "#rcpt" }, { "deferred", "deferred" },
		{ "kbytes", "kbytes" }, { "connections", "conn" },
		{ "st", "st" }, { "retry", "retry" },
		{ "waits_for", "waits for" }, { "moved_from", "moved from" },
		{ "last_error", "last error" } };
	struct ctl_listing l = { .name = "queues",
		.words = "matching queues",
		.row = queue_row,
		.table = { .columns = columns, .count = 10 } };

	return ctl_list(opt, &l);
}

int
cmd_show_domains(const struct ctl_options *opt)
{
	static const struct ctl_column columns[] = { { "domain", "domain" },
		{ "recipients", "#rcpt" }, { "kbytes", "kbytes" },
		{ "connections", "conn" }, { "last_error", "last error" } };
	struct ctl_listing l = { .name = "domains",
		.words = "matching domains",
		.table = { .columns = columns, .count = 5 } };

	return ctl_list(opt, &l);
}

int
cmd_show_vmtas(const struct ctl_options *opt)
{
	static const struct ctl_column columns[] = { { "name", "name" },
		{ "domains", "domains" }, { "recipients", "#rcpt" },
		{ "percent", "% total" }, { "kbytes", "kbytes" },
		{ "connections", "conn" } };
	struct ctl_listing l = { .name = "vmtas",
		.words = "virtual MTAs",
		.table = { .columns = columns, .count = 6 } };

	return ctl_list(opt, &l);
}

/* P paused. */
static json_t *
job_row(const json_t *item)
{
	json_t *row = json_deep_copy(item);
	bool paused = json_is_true(json_object_get(item, "paused"));

	(void)json_object_set_new(row, "st", json_string(paused ? "P" : ""));
	return row;
}

int
cmd_show_jobs(const struct ctl_options *opt)
{
	static const struct ctl_column columns[] = { { "job", "job-id" },
		{ "recipients", "#rcpt" }, { "kbytes", "kbytes" },
		{ "st", "st" } };
	struct ctl_listing l = { .name = "jobs",
		.words = "job(s)",
		.all = true,
		.row = job_row,
		.table = { .columns = columns, .count = 4 } };

	return ctl_list(opt, &l);
}

int
cmd_show_sources(const struct ctl_options *opt)
{
	static const struct ctl_column columns[] = { { "source", "source" },
		{ "queue", "queue" }, { "until", "until" }, { "why", "why" } };
	struct ctl_listing l = { .name = "sources",
		.words = "disabled sources",
		.table = { .columns = columns, .count = 4 } };

	return ctl_list(opt, &l);
}

int
cmd_show_cold(const struct ctl_options *opt)
{
	static const struct ctl_column columns[] = { { "cold", "cold" },
		{ "from", "from" }, { "queue", "queue" }, { "day", "day" },
		{ "max", "max" }, { "used", "used" } };
	struct ctl_listing l = { .name = "cold",
		.words = "cold virtual MTAs by queue",
		.table = { .columns = columns, .count = 6 } };

	return ctl_list(opt, &l);
}

int
cmd_show_warmup(const struct ctl_options *opt)
{
	static const struct ctl_column columns[] = { { "source", "source" },
		{ "provider", "provider" }, { "state", "state" },
		{ "step", "step" }, { "steps", "of" }, { "quota", "quota" },
		{ "used", "used" }, { "attempted", "tried" },
		{ "deferred", "deferred" }, { "delivered", "delivered" },
		{ "complaints", "complaints" } };
	struct ctl_listing l = { .name = "warmup",
		.words = "source addresses at providers",
		.all = true,
		.table = { .columns = columns, .count = 11 } };

	return ctl_list(opt, &l);
}

int
cmd_list(const struct ctl_options *opt)
{
	static const struct ctl_column columns[] = { { "id", "message" },
		{ "host_id", "host id" }, { "queued", "queued" },
		{ "from", "from" }, { "to", "to" }, { "vmta", "vmta" },
		{ "moved_from", "moved from" }, { "attempts", "attempts" },
		{ "next", "next attempt" } };
	struct ctl_listing l = { .name = "recipients",
		.words = "matching recipients",
		.table = { .columns = columns, .count = 9 } };

	return ctl_list(opt, &l);
}

/* ---- orders -------------------------------------------------------------- */

/* Asks; prints the answer as JSON, or else leaves it to the caller. */
static int
order(const struct ctl_options *opt, struct answer *a)
{
	int rc = ctl_ask(opt, a);

	if (rc == 0 && opt->json)
		ctl_print_json(a->done);
	return rc;
}

static int
pause_or_resume(const struct ctl_options *opt, const char *text)
{
	struct answer a;
	int rc = order(opt, &a);

	if (rc == 0 && !opt->json)
		(void)printf("%s\n", text);
	ctl_answer_fini(&a);
	return rc;
}

int
cmd_pause(const struct ctl_options *opt)
{
	return pause_or_resume(opt, "Queue(s) paused.");
}

int
cmd_resume(const struct ctl_options *opt)
{
	return pause_or_resume(opt, "Queue(s) resumed.");
}

int
cmd_pause_job(const struct ctl_options *opt)
{
	return pause_or_resume(opt, "Job(s) paused.");
}

int
cmd_resume_job(const struct ctl_options *opt)
{
	return pause_or_resume(opt, "Job(s) resumed.");
}

/* "3 of 12 matching queues", and what became of them. */
static int
change(const struct ctl_options *opt, const char *what)
{
	const char *would = opt->values[OPT_DRY_RUN] != NULL ? "would be " : "";
	char changed[32], matching[32];
	struct answer a;
	int rc = order(opt, &a);

	if (rc == 0 && !opt->json)
		(void)printf("%s of %s matching queues %s%s.\n",
		    ctl_text(a.done, "changed", changed, sizeof(changed)),
		    ctl_text(a.done, "matching", matching, sizeof(matching)),
		    would, what);
	ctl_answer_fini(&a);
	return rc;
}

int
cmd_set_queue(const struct ctl_options *opt)
{
	const char *mode = opt->values[OPT_MODE];

	if (mode == NULL) {
		(void)fprintf(stderr,
		    "mailrace: set queue needs --mode=normal|backoff\n");
		return 2;
	}
	return change(opt, mode[0] == 'b' ? "set to backoff" : "set to normal");
}

int
cmd_disable_source(const struct ctl_options *opt)
{
	return change(opt, "kept from that address");
}

int
cmd_enable_source(const struct ctl_options *opt)
{
	return change(opt, "given that address back");
}

int
cmd_report_complaints(const struct ctl_options *opt)
{
	char complaints[32];
	struct answer a;
	int rc = order(opt, &a);

	if (rc == 0 && !opt->json)
		(void)printf("%s complaint(s) counted.\n",
		    ctl_text(a.done, "complaints", complaints,
			sizeof(complaints)));
	ctl_answer_fini(&a);
	return rc;
}

int
cmd_schedule(const struct ctl_options *opt)
{
	char scheduled[32], matching[32];
	struct answer a;
	int rc = order(opt, &a);

	if (rc == 0 && !opt->json)
		(void)printf("%s of %s matching queues %sscheduled.\n",
		    ctl_text(a.done, "scheduled", scheduled, sizeof(scheduled)),
		    ctl_text(a.done, "matching", matching, sizeof(matching)),
		    opt->values[OPT_DRY_RUN] != NULL ? "would be " : "");
	ctl_answer_fini(&a);
	return rc;
}

/* Whatever waits is tried now. */
int
cmd_flush(const struct ctl_options *opt)
{
	struct ctl_options all = *opt;

	all.command = "schedule";
	all.values[OPT_RETRY_RECIPIENTS] = "";
	return cmd_schedule(&all);
}
