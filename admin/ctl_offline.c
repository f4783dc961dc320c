/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What needs no daemon: the configuration checked, its settings shown, and a
 * spool that no daemon has open.
 */
#include "admin/ctl_cmds.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "admin/ctl_ask.h"
#include "admin/host_check.h"
#include "lib/mem.h"
#include "vmta/explain.h"

/* ---- test config --------------------------------------------------------- */

static json_t *
error_json(const struct conf_error *err)
{
	const char *what = strstr(err->text + err->file_len, ": ");
	char *file = mem_strndup(err->text, err->file_len);
	json_t *item = json_pack("{s:o,s:o,s:o,s:b}", "file", ctl_string(file),
	    "line", err->line == 0 ? json_null() : json_integer(err->line),
	    "text", ctl_string(what + 2), "warning", err->warning);

	free(file);
	return item;
}

static void
print_verdict_json(const struct conf_errors *errs, bool good)
{
	json_t *list = json_array();
	json_t *answer = json_pack("{s:b,s:o}", "good", good, "errors", list);

	for (size_t i = 0; i < errs->n; i++)
		(void)json_array_append_new(list, error_json(&errs->v[i]));
	ctl_print_json(answer);
	json_decref(answer);
}

int
cmd_test_config(const struct ctl_options *opt)
{
	struct conf_errors errs = {
		.portable = opt->values[OPT_PORTABLE] != NULL,
	};
	struct snapshot *conf = snapshot_load(opt->config, &errs);
	bool good;

	if (conf != NULL)
		host_check(conf, &errs);
	good = conf != NULL && errs.fatal == 0;
	if (opt->json)
		print_verdict_json(&errs, good);
	else
		ctl_print_errors(&errs);
	if (good && !opt->json)
		(void)printf("%s: no errors.\n", opt->config);
	conf_errors_fini(&errs);
	snapshot_unref(&conf);
	return good ? 0 : 1;
}

/* ---- show settings ------------------------------------------------------- */

enum { NAME_WIDTH = 32, VALUE_WIDTH = 24 };

struct listing {
	json_t *settings; /* NULL: print */
	const char *section;
};

static json_t *
setting_json(const struct setting *s)
{
	return json_pack("{s:s,s:s,s:o,s:o,s:o,s:o}", "section", s->section,
	    "name", s->name, "value", ctl_string(s->value), "file",
	    s->file == NULL ? json_null() : ctl_string(s->file), "line",
	    s->file == NULL ? json_null() : json_integer((json_int_t)s->line),
	    "block", ctl_string(s->block));
}

/*
 * A line of a configuration, with the place as a comment, so that what is
 * printed can be pasted into a file.
 */
static void
print_setting(void *ctx, const struct setting *s)
{
	struct listing *l = ctx;

	if (l->settings != NULL) {
		(void)json_array_append_new(l->settings, setting_json(s));
		return;
	}
	if (l->section == NULL || strcmp(l->section, s->section) != 0)
		(void)printf("%s# %s\n", l->section == NULL ? "" : "\n",
		    s->section);
	l->section = s->section; /* a literal of explain.c */
	(void)printf("%-*s %-*s # ", NAME_WIDTH, s->name, VALUE_WIDTH,
	    s->value);
	if (s->file == NULL)
		(void)printf("default\n");
	else
		(void)printf("%s:%u%s%s\n", s->file, s->line,
		    s->block[0] == '\0' ? "" : " ", s->block);
}

/* DOMAIN[/VMTA] */
static int
explain_queue_of(const char *name, const struct snapshot *conf,
    struct listing *l, struct err *e)
{
	size_t len = strcspn(name, "/");
	char domain[256];

	if (len >= sizeof(domain))
		return err_set(e, "a domain has at most 255 bytes");
	(void)snprintf(domain, sizeof(domain), "%.*s", (int)len, name);
	return explain_queue(conf, domain,
	    name[len] == '/' ? name + len + 1 : "", print_setting, l, e);
}

/* No queue's name begins like these. */
static bool
is_acct_file(const char *what)
{
	return what[0] == '/' || what[0] == '|';
}

static int
explain(const struct ctl_options *opt, const struct snapshot *conf,
    struct listing *l)
{
	const char *what = opt->argument;
	struct err e;
	int rc = 0;

	if (what == NULL)
		explain_global(conf, print_setting, l);
	else if (is_acct_file(what))
		rc = explain_acct(conf, what, print_setting, l, &e);
	else
		rc = explain_queue_of(what, conf, l, &e);
	if (rc == -1)
		(void)fprintf(stderr, "mailrace: %s\n", e.text);
	return rc;
}

int
cmd_show_settings(const struct ctl_options *opt)
{
	/* What this host lacks changes no setting. */
	struct conf_errors errs = { .portable = true };
	struct snapshot *conf = snapshot_load(opt->config, &errs);
	struct listing l = { 0 };
	int rc;

	if (conf == NULL)
		ctl_print_errors(&errs);
	conf_errors_fini(&errs);
	if (conf == NULL)
		return 1;
	if (opt->json)
		l.settings = json_array();
	rc = explain(opt, conf, &l);
	if (opt->json && rc == 0) {
		const char *what = opt->argument == NULL ? "" : opt->argument;
		json_t *answer = json_pack("{s:o,s:O}",
		    is_acct_file(what) ? "acct_file" : "queue",
		    ctl_string(what), "settings", l.settings);

		ctl_print_json(answer);
		json_decref(answer);
	}
	json_decref(l.settings);
	snapshot_unref(&conf);
	return rc == 0 ? 0 : 1;
}

/* ---- queue verify, dump, load -------------------------------------------- */

/* Another program opens the database: it is installed beside this one. */
static char *
queue_program(struct region *rg, struct err *e)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self));

	if (n <= 0 || (size_t)n == sizeof(self)) {
		(void)err_sys(e, "/proc/self/exe");
		return NULL;
	}
	return region_printf(rg, "%.*s-queue", (int)n, self);
}

enum { WORDS_MAX = 9 };

/* PROGRAM VERB [OPTIONS] -- SPOOL [FILE] */
static void
queue_words(const struct ctl_options *opt, const char *verb, const char *spool,
    struct region *rg, char *argv[WORDS_MAX])
{
	size_t n = 1;

	argv[n++] = region_strdup(rg, verb);
	if (opt->json)
		argv[n++] = region_strdup(rg, "--json");
	if (opt->values[OPT_DRY_RUN] != NULL)
		argv[n++] = region_strdup(rg, "--dry-run");
	if (opt->values[OPT_RECOVER] != NULL)
		argv[n++] = region_strdup(rg, "--recover");
	argv[n++] = region_strdup(rg, "--");
	argv[n++] = region_strdup(rg, spool);
	if (opt->argument != NULL)
		argv[n++] = region_strdup(rg, opt->argument);
	argv[n] = NULL;
}

/* Becomes mailrace-queue; returns on failure. */
static int
run_queue(const struct ctl_options *opt, const char *verb, const char *spool)
{
	struct region *rg = region_new();
	char *argv[WORDS_MAX];
	struct err e;

	queue_words(opt, verb, spool, rg, argv);
	argv[0] = queue_program(rg, &e);
	if (argv[0] != NULL) {
		(void)execv(argv[0], argv);
		(void)err_sys(&e, "%s", argv[0]);
	}
	(void)fprintf(stderr, "mailrace: %s\n", e.text);
	region_free(&rg);
	return 2;
}

static int
cmd_queue(const struct ctl_options *opt, const char *verb)
{
	const char *spool = opt->values[OPT_SPOOL];
	struct places at = { .rg = NULL };
	int rc;

	if (spool == NULL) {
		if (ctl_places(opt, &at) == -1)
			return 2;
		spool = at.spool;
	}
	rc = run_queue(opt, verb, spool);
	places_fini(&at);
	return rc;
}

int
cmd_queue_dump(const struct ctl_options *opt)
{
	return cmd_queue(opt, "dump");
}

int
cmd_queue_load(const struct ctl_options *opt)
{
	return cmd_queue(opt, "load");
}

int
cmd_queue_verify(const struct ctl_options *opt)
{
	return cmd_queue(opt, "verify");
}
