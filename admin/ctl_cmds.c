/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/ctl_cmds.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/ctl_format.h"
#include "lib/ctl_proto.h"
#include "vmta/snapshot.h"

/* ---- asking -------------------------------------------------------------- */

struct answer {
	json_t *items; /* array */
	json_t *done;
};

static void
print_errors(const struct conf_errors *errs)
{
	for (size_t i = 0; i < errs->n; i++)
		(void)fprintf(stderr, "%s%s\n", errs->v[i].text,
		    errs->v[i].warning ? " (warning)" : "");
}

/* The socket is named by the configuration; NULL: it is wrong, and said so. */
static struct snapshot *
read_config(const struct ctl_options *opt)
{
	struct conf_errors errs = { 0 };
	struct snapshot *conf = snapshot_load(opt->config, &errs);

	if (conf == NULL)
		print_errors(&errs);
	conf_errors_fini(&errs);
	return conf;
}

static void
keep_item(void *ctx, const json_t *item)
{
	(void)json_array_append_new(ctx, json_deep_copy(item));
}

static int
ask_at(const char *path, json_t *request, struct answer *a_r)
{
	struct err e;
	int rc;

	a_r->items = json_array();
	rc = ctl_call(path, request, keep_item, a_r->items, &a_r->done, &e);
	if (rc == -1)
		(void)fprintf(stderr, "mailrace: %s\n", e.text);
	return rc;
}

static void
answer_fini(struct answer *a)
{
	json_decref(a->items);
	json_decref(a->done);
}

static json_t *
request_of(const struct ctl_options *opt, const char *command)
{
	json_t *r = json_pack("{s:s}", "command", command);

	if (opt->domain != NULL)
		(void)json_object_set_new(r, "domain",
		    json_string(opt->domain));
	if (opt->vmta != NULL)
		(void)json_object_set_new(r, "vmta", json_string(opt->vmta));
	if (opt->maxitems > 0)
		(void)json_object_set_new(r, "maxitems",
		    json_integer(opt->maxitems));
	return r;
}

static int
ask(const struct ctl_options *opt, const char *command, struct answer *a_r)
{
	struct snapshot *conf = read_config(opt);
	json_t *request;
	int rc;

	*a_r = (struct answer){ NULL, NULL };
	if (conf == NULL)
		return -1;
	request = request_of(opt, command);
	rc = ask_at(snapshot_global(conf)->control_socket, request, a_r);
	json_decref(request);
	snapshot_unref(&conf);
	return rc;
}

/* {"items": [...], ...the final fields} on one line. */
static void
print_json(struct answer *a, const char *name)
{
	(void)json_object_del(a->done, "done");
	(void)json_object_set(a->done, name, a->items);
	(void)json_dumpf(a->done, stdout, JSON_INDENT(2));
	(void)printf("\n");
}

static void
print_field(const json_t *object, const char *key, const char *label)
{
	char scratch[32];

	(void)printf("  %-22s %s\n", label,
	    ctl_text(object, key, scratch, sizeof(scratch)));
}

/* ---- commands ------------------------------------------------------------ */

static void
print_ledger(const json_t *done)
{
	static const char *const keys[] = { "accepted", "delivered", "failed",
		"expired", "suppressed", "deleted" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		print_field(done, keys[i], keys[i]);
}

static int
cmd_audit(const struct ctl_options *opt)
{
	static const struct ctl_column columns[] = { { "id", "message" },
		{ "recipient", "no" }, { "to", "to" }, { "queue", "queue" },
		{ "session", "session" }, { "time", "time" } };
	struct answer a;
	bool balances;

	if (ask(opt, "audit", &a) == -1) {
		answer_fini(&a);
		return 2;
	}
	balances = json_is_true(json_object_get(a.done, "balances"));
	if (opt->json) {
		print_json(&a, "doubts");
	} else {
		(void)printf("recipients\n");
		print_ledger(a.done);
		print_field(a.done, "queued", "queued");
		(void)printf("%s\n",
		    balances ? "The ledger balances: every accepted recipient "
			       "is delivered, ended or queued." :
			       "THE LEDGER DOES NOT BALANCE.");
		if (json_array_size(a.items) > 0) {
			(void)printf("\nin doubt (the final dot was sent, the "
				     "outcome is not known):\n");
			ctl_table(a.items, columns, 6);
		}
	}
	answer_fini(&a);
	return balances ? 0 : 1;
}

static int
cmd_status(const struct ctl_options *opt)
{
	struct answer a;
	const json_t *queue, *store;

	if (ask(opt, "show status", &a) == -1) {
		answer_fini(&a);
		return 2;
	}
	if (opt->json) {
		print_json(&a, "items");
		answer_fini(&a);
		return 0;
	}
	queue = json_object_get(a.done, "queue");
	store = json_object_get(a.done, "store");
	(void)printf("mailraced\n");
	print_field(a.done, "version", "version");
	print_field(a.done, "pid", "pid");
	print_field(a.done, "uptime_s", "uptime (s)");
	print_field(a.done, "connections_out", "connections out");
	(void)printf("recipients since the spool was made\n");
	print_ledger(a.done);
	(void)printf("queue\n");
	print_field(queue, "queues", "queues");
	print_field(queue, "recipients", "recipients");
	print_field(queue, "deferred", "of them deferred");
	print_field(queue, "granted", "of them being sent");
	print_field(queue, "kbytes", "kbytes");
	(void)printf("store\n");
	print_field(store, "batches", "batches");
	print_field(store, "syncs", "syncs");
	print_field(store, "segment_bytes", "bytes of bodies");
	print_field(store, "live_bytes", "of them live");
	answer_fini(&a);
	return 0;
}

/* A listing: one table, and how many were left out. */
static int
listing(const struct ctl_options *opt, const char *command, const char *name,
    const struct ctl_column *columns, size_t count)
{
	struct answer a;
	char shown[32], matched[32];

	if (ask(opt, command, &a) == -1) {
		answer_fini(&a);
		return 2;
	}
	if (opt->json) {
		print_json(&a, name);
	} else {
		ctl_table(a.items, columns, count);
		(void)printf("%s of %s matching %s.\n",
		    ctl_text(a.done, "shown", shown, sizeof(shown)),
		    ctl_text(a.done, "matched", matched, sizeof(matched)),
		    name);
	}
	answer_fini(&a);
	return 0;
}

static int
cmd_queues(const struct ctl_options *opt)
{
	static const struct ctl_column columns[] = { { "domain", "domain" },
		{ "vmta", "vmta" }, { "recipients", "rcpts" },
		{ "deferred", "deferred" }, { "connections", "conns" },
		{ "retry", "retry" }, { "waits_for", "waits for" },
		{ "last_error", "last error" } };

	return listing(opt, "show queues", "queues", columns, 8);
}

static int
cmd_list(const struct ctl_options *opt)
{
	static const struct ctl_column columns[] = { { "id", "message" },
		{ "host_id", "host id" }, { "queued", "queued" },
		{ "from", "from" }, { "to", "to" }, { "vmta", "vmta" },
		{ "attempts", "attempts" }, { "next", "next attempt" } };

	return listing(opt, "list", "recipients", columns, 8);
}

/* What a daemon says of its reload: errors and warnings as they stand. */
static int
reload_one(const struct ctl_options *opt, const char *path, const char *who)
{
	json_t *request = request_of(opt, "reload");
	struct answer a = { NULL, NULL };
	const json_t *item;
	size_t i;
	int rc = ask_at(path, request, &a);

	json_array_foreach(a.items, i, item)
	{
		char scratch[4];

		(void)fprintf(stderr, "%s\n",
		    ctl_text(item, "text", scratch, sizeof(scratch)));
	}
	if (rc == 0)
		(void)printf("%s: configuration reloaded.\n", who);
	json_decref(request);
	answer_fini(&a);
	return rc;
}

static int
cmd_reload(const struct ctl_options *opt)
{
	struct snapshot *conf = read_config(opt);
	const struct global_conf *g;
	int rc;

	if (conf == NULL)
		return 1;
	g = snapshot_global(conf);
	rc = reload_one(opt, g->control_socket, "mailraced");
	if (g->milter_control[0] != '\0' &&
	    reload_one(opt, g->milter_control, "mailrace-milter") == -1)
		rc = -1;
	snapshot_unref(&conf);
	return rc == 0 ? 0 : 2;
}

static int
cmd_test_config(const struct ctl_options *opt)
{
	struct conf_errors errs = { 0 };
	struct snapshot *conf = snapshot_load(opt->config, &errs);

	print_errors(&errs);
	if (conf != NULL)
		(void)printf("%s: no errors.\n", opt->config);
	conf_errors_fini(&errs);
	if (conf == NULL)
		return 1;
	snapshot_unref(&conf);
	return 0;
}

/* ---- the table ----------------------------------------------------------- */

static const struct {
	const char *words;
	int (*fn)(const struct ctl_options *opt);
	const char *arguments, *doc;
} commands[] = {
#define M(words, fn, arguments, doc) { words, fn, arguments, doc },
#include "admin/commands.def"
#undef M
};

void
ctl_print_commands(void)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		(void)printf("  %s %s\n        %s\n", commands[i].words,
		    commands[i].arguments, commands[i].doc);
}

int
ctl_run(const struct ctl_options *opt, int argc, char **argv)
{
	char words[128] = "";

	for (int i = 0; i < argc; i++) {
		size_t len = strlen(words);

		(void)snprintf(words + len, sizeof(words) - len, "%s%s",
		    i == 0 ? "" : " ", argv[i]);
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].words, words) == 0)
			return commands[i].fn(opt);
	(void)fprintf(stderr, "mailrace: unknown command \"%s\"; see --help\n",
	    words);
	return 2;
}
