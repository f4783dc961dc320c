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

/* The exit status: 0, or 1 when the daemon refused, or 2 without an answer. */
static int
call(const char *path, json_t *request, ctl_item_fn *item, void *ctx,
    json_t **done_r)
{
	struct err e;

	if (ctl_call(path, request, item, ctx, done_r, &e) == 0)
		return 0;
	(void)fprintf(stderr, "mailrace: %s\n", e.text);
	return *done_r == NULL ? 2 : 1;
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
		(void)json_object_set_new(r, "domain", ctl_string(opt->domain));
	if (opt->vmta != NULL)
		(void)json_object_set_new(r, "vmta", ctl_string(opt->vmta));
	if (opt->maxitems > 0)
		(void)json_object_set_new(r, "maxitems",
		    json_integer(opt->maxitems));
	return r;
}

/* Asks mailraced; items go to fn. */
static int
ask_each(const struct ctl_options *opt, const char *command, ctl_item_fn *fn,
    void *ctx, json_t **done_r)
{
	struct snapshot *conf = read_config(opt);
	json_t *request;
	int rc;

	*done_r = NULL;
	if (conf == NULL)
		return 2;
	request = request_of(opt, command);
	rc = call(snapshot_global(conf)->control_socket, request, fn, ctx,
	    done_r);
	json_decref(request);
	snapshot_unref(&conf);
	return rc;
}

static int
ask(const struct ctl_options *opt, const char *command, struct answer *a_r)
{
	a_r->items = json_array();
	return ask_each(opt, command, keep_item, a_r->items, &a_r->done);
}

static void
print_json(json_t *done)
{
	(void)json_object_del(done, "done");
	(void)json_dumpf(done, stdout, JSON_INDENT(2));
	(void)printf("\n");
}

static void
print_field(const json_t *object, const char *key, const char *label)
{
	char scratch[32];

	(void)printf("  %-22s ", label);
	(void)ctl_print(ctl_text(object, key, scratch, sizeof(scratch)));
	(void)printf("\n");
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

static void
print_audit(const struct answer *a, bool balances)
{
	static const struct ctl_column columns[] = { { "id", "message" },
		{ "recipient", "no" }, { "to", "to" }, { "queue", "queue" },
		{ "session", "session" }, { "time", "time" } };
	struct ctl_table t = { .columns = columns, .count = 6 };
	const json_t *item;
	size_t i;

	(void)printf("recipients\n");
	print_ledger(a->done);
	print_field(a->done, "queued", "queued");
	(void)printf("%s\n",
	    balances ? "The ledger balances: every accepted recipient "
		       "is delivered, ended or queued." :
		       "THE LEDGER DOES NOT BALANCE.");
	if (json_array_size(a->items) == 0)
		return;
	(void)printf("\nin doubt (the final dot was sent and no answer seen: "
		     "may get it twice):\n");
	json_array_foreach(a->items, i, item) ctl_table_row(&t, item);
	ctl_table_end(&t);
}

static int
cmd_audit(const struct ctl_options *opt)
{
	struct answer a;
	bool balances;
	int rc = ask(opt, "audit", &a);

	if (rc == 0) {
		balances = json_is_true(json_object_get(a.done, "balances"));
		(void)json_object_set(a.done, "doubts", a.items);
		if (opt->json)
			print_json(a.done);
		else
			print_audit(&a, balances);
		rc = balances ? 0 : 1;
	}
	answer_fini(&a);
	return rc;
}

static void
print_uptime(const json_t *done)
{
	json_int_t s = json_integer_value(json_object_get(done, "uptime_s"));

	(void)printf("  %-22s %lldd %02lld:%02lld:%02lld\n", "up",
	    (long long)(s / 86400), (long long)(s / 3600 % 24),
	    (long long)(s / 60 % 60), (long long)(s % 60));
}

static void
print_status(const json_t *done)
{
	const json_t *queue = json_object_get(done, "queue");
	const json_t *store = json_object_get(done, "store");
	const json_t *dns = json_object_get(done, "dns");

	(void)printf("mailraced\n");
	print_field(done, "version", "version");
	print_field(done, "pid", "pid");
	print_uptime(done);
	print_field(done, "connections_out", "connections out");
	(void)printf("recipients since the spool was made\n");
	print_ledger(done);
	(void)printf("queue\n");
	print_field(queue, "queues", "queues");
	print_field(queue, "recipients", "recipients");
	print_field(queue, "deferred", "of them deferred");
	print_field(queue, "granted", "of them being sent");
	print_field(queue, "kbytes", "kbytes");
	(void)printf("resolver\n");
	print_field(dns, "asked", "questions");
	print_field(dns, "hits", "of them from cache");
	print_field(dns, "sent", "queries sent");
	print_field(dns, "cached", "answers in cache");
	(void)printf("store\n");
	print_field(store, "batches", "batches");
	print_field(store, "syncs", "syncs");
	print_field(store, "segment_bytes", "bytes of bodies");
	print_field(store, "live_bytes", "of them live");
}

static int
cmd_status(const struct ctl_options *opt)
{
	struct answer a;
	int rc = ask(opt, "show status", &a);

	if (rc == 0 && opt->json)
		print_json(a.done);
	else if (rc == 0)
		print_status(a.done);
	answer_fini(&a);
	return rc;
}

/* ---- listings ------------------------------------------------------------ */

/* A listing on its way to standard output: a table, or one JSON object. */
struct listing {
	bool json;
	const char *name;
	size_t items;
	struct ctl_table table;
};

static void
on_listed(void *ctx, const json_t *item)
{
	struct listing *l = ctx;

	if (!l->json) {
		ctl_table_row(&l->table, item);
	} else {
		(void)printf(l->items == 0 ? "{\n  \"%s\": [\n" : ",\n",
		    l->name);
		(void)json_dumpf(item, stdout, JSON_COMPACT);
	}
	l->items++;
}

static void
end_listing(struct listing *l, const json_t *done)
{
	char shown[32], matched[32];

	(void)ctl_text(done, "shown", shown, sizeof(shown));
	(void)ctl_text(done, "matched", matched, sizeof(matched));
	if (l->json) {
		if (l->items == 0)
			(void)printf("{\n  \"%s\": [", l->name);
		(void)printf("\n  ],\n  \"shown\": %s,\n  \"matched\": %s\n}\n",
		    shown, matched);
		return;
	}
	ctl_table_end(&l->table);
	(void)printf("%s of %s matching %s.\n", shown, matched, l->name);
}

static int
list(const struct ctl_options *opt, const char *command, struct listing *l)
{
	json_t *done;
	int rc;

	l->json = opt->json;
	rc = ask_each(opt, command, on_listed, l, &done);
	if (rc == 0)
		end_listing(l, done);
	else
		json_decref(l->table.held);
	json_decref(done);
	return rc;
}

static int
cmd_queues(const struct ctl_options *opt)
{
	static const struct ctl_column columns[] = { { "domain", "domain" },
		{ "vmta", "vmta" }, { "recipients", "rcpts" },
		{ "deferred", "deferred" }, { "connections", "conns" },
		{ "kbytes", "kbytes" }, { "retry", "retry" },
		{ "waits_for", "waits for" }, { "last_error", "last error" } };
	struct listing l = { .name = "queues",
		.table = { .columns = columns, .count = 9 } };

	return list(opt, "show queues", &l);
}

static int
cmd_list(const struct ctl_options *opt)
{
	static const struct ctl_column columns[] = { { "id", "message" },
		{ "host_id", "host id" }, { "queued", "queued" },
		{ "from", "from" }, { "to", "to" }, { "vmta", "vmta" },
		{ "attempts", "attempts" }, { "next", "next attempt" } };
	struct listing l = { .name = "recipients",
		.table = { .columns = columns, .count = 8 } };

	return list(opt, "list", &l);
}

/* ---- reload, test config ------------------------------------------------- */

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

static int
reload_one(const struct ctl_options *opt, const char *path, char *who)
{
	json_t *request = request_of(opt, "reload");
	json_t *done;
	int rc = call(path, request, print_remark, who, &done);

	if (rc == 0 && !opt->json)
		(void)printf("%s: configuration reloaded.\n", who);
	json_decref(request);
	json_decref(done);
	return rc;
}

static int
cmd_reload(const struct ctl_options *opt)
{
	char transport[] = "mailraced", milter[] = "mailrace-milter";
	struct snapshot *conf = read_config(opt);
	const struct global_conf *g;
	int rc, other = 0;

	if (conf == NULL)
		return 1;
	g = snapshot_global(conf);
	rc = reload_one(opt, g->control_socket, transport);
	if (g->milter_control[0] != '\0')
		other = reload_one(opt, g->milter_control, milter);
	if (opt->json)
		(void)printf("{ \"reloaded\": %s }\n",
		    rc == 0 && other == 0 ? "true" : "false");
	snapshot_unref(&conf);
	return rc > other ? rc : other;
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
		(void)printf("  %s%s%s\n        %s\n", commands[i].words,
		    commands[i].arguments[0] == '\0' ? "" : " ",
		    commands[i].arguments, commands[i].doc);
}

/* How many of the arguments are the command's words; 0: it is another. */
static int
words_used(const char *words, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		size_t len = strlen(argv[i]);

		if (strncmp(words, argv[i], len) != 0)
			return 0;
		words += len;
		if (*words == '\0')
			return i + 1;
		if (*words != ' ')
			return 0;
		words++;
	}
	return 0;
}

/* DOMAIN[/VMTA] behind a command that takes a queue. */
static int
take_queue(struct ctl_options *opt, const char *arguments, int argc,
    char **argv)
{
	char *slash;

	if (argc == 0)
		return 0;
	if (argc > 1 || arguments[0] == '\0' || arguments[1] != 'D') {
		(void)fprintf(stderr,
		    "mailrace: \"%s\" is too much; see "
		    "--help\n",
		    argv[argc - 1]);
		return -1;
	}
	opt->domain = argv[0];
	slash = strchr(argv[0], '/');
	if (slash != NULL) {
		*slash = '\0';
		opt->vmta = slash + 1;
	}
	return 0;
}

int
ctl_run(struct ctl_options *opt, int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		int used = words_used(commands[i].words, argc, argv);

		if (used == 0)
			continue;
		if (take_queue(opt, commands[i].arguments, argc - used,
			argv + used) == -1)
			return 2;
		return commands[i].fn(opt);
	}
	(void)fprintf(stderr, "mailrace: unknown command \"%s\"; see --help\n",
	    argv[0]);
	return 2;
}
