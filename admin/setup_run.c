/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/setup_run.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "admin/ctl_ask.h"
#include "admin/setup_conf.h"
#include "admin/setup_left.h"

/* ---- telling ------------------------------------------------------------- */

int
setup_run_fail(const struct err *e)
{
	(void)fprintf(stderr, "mailrace: %s\n", e->text);
	return 1;
}

/* Those that are new: some come to light while it is done. */
static void
print_notes(struct setup_run *s)
{
	for (; s->told < s->plan.notes.n; s->told++)
		if (!s->opt->json)
			(void)printf("Note: %s.\n", s->plan.notes.v[s->told]);
}

void
setup_run_say(struct setup_run *s, const char *done, const char *text)
{
	s->done = done;
	print_notes(s);
	if (!s->opt->json)
		(void)printf("%s\n", text);
}

void
setup_run_warn(struct setup_run *s, const char *why)
{
	s->unproved = true;
	setup_run_say(s, "unproved", "Done.");
	(void)fprintf(stderr,
	    "mailrace: %s; send a message as one of those "
	    "whose mail should, see it by mailrace list or in the log, and "
	    "mailrace %s --undo takes all back\n",
	    why, s->host->command);
}

static json_t *
texts_json(const struct host_texts *t)
{
	json_t *list = json_array();

	for (size_t i = 0; i < t->n; i++)
		(void)json_array_append_new(list, ctl_string(t->v[i]));
	return list;
}

static void
print_json(struct setup_run *s)
{
	json_t *answer = json_pack("{s:o,s:o,s:o,s:o,s:o}", "config_dir",
	    ctl_string(s->files->dir), "result",
	    s->done == NULL ? json_null() : json_string(s->done), "refusals",
	    texts_json(&s->plan.refusals), "notes", texts_json(&s->plan.notes),
	    "diff", ctl_string(buf_cstr(&s->diff)));

	ctl_print_json(answer);
	json_decref(answer);
}

static void
print_diff(struct setup_run *s)
{
	if (!s->opt->json)
		(void)fwrite(s->diff.p, 1, s->diff.len, stdout);
	(void)fflush(stdout);
}

/* Notes, and refusals; true: there are some of these. */
static bool
print_plan(struct setup_run *s)
{
	print_notes(s);
	for (size_t i = 0; i < s->plan.refusals.n; i++)
		(void)fprintf(stderr, "mailrace: %s\n", s->plan.refusals.v[i]);
	if (s->plan.refusals.n > 0)
		s->done = "refused";
	return s->plan.refusals.n > 0;
}

static bool
is_dry_run(struct setup_run *s)
{
	if (s->opt->values[OPT_DRY_RUN] == NULL)
		return false;
	setup_run_say(s, "dry run", "Nothing was changed.");
	return true;
}

/* ---- making it ----------------------------------------------------------- */

/* Signals wait, or do not any more. */
static void
hold_signals(int how)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGPIPE);
	(void)sigaddset(&set, SIGQUIT);
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): a program of one thread */
	(void)sigprocmask(how, &set, NULL);
}

static void
tell_torn(struct setup_run *s)
{
	(void)fprintf(stderr, "mailrace: it is not as it was; %s has that\n",
	    s->files->undo);
	s->done = "failed";
}

/* All as it was before the swap; why is what went wrong. */
static int
roll_back(struct setup_run *s, bool runs, const struct err *why)
{
	const bool undoes = s->opt->values[OPT_UNDO] != NULL;
	struct err e;

	(void)setup_run_fail(why);
	if ((undoes ? host_files_swap(s->files, &e) :
		      host_files_swap_back(s->files, &e)) == -1 ||
	    s->host->activate(s, runs, &e) == -1) {
		(void)setup_run_fail(&e);
		tell_torn(s);
		return 1;
	}
	s->done = "rolled back";
	(void)fprintf(stderr, "mailrace: %s is as it was\n", s->files->dir);
	return 1;
}

static int
activate_and_check(struct setup_run *s, bool runs, struct err *e)
{
	if (s->host->activate(s, runs, e) == -1 ||
	    s->host->check(s, runs, e) == -1)
		return -1;
	return host_record_close(s->files, e);
}

static int
done_status(const struct setup_run *s)
{
	return s->unproved ? SETUP_UNPROVED : 0;
}

static int
change(struct setup_run *s)
{
	const bool runs = s->host->runs(s);
	struct err e, ignored;
	int rc = 1;

	if (host_record_write(s->files, &s->plan, s->host->kinds, &e) == -1 ||
	    host_files_swap(s->files, &e) == -1) {
		rc = setup_run_fail(&e);
		if (s->files->torn)
			tell_torn(s);
		else
			(void)host_record_remove(s->files, &ignored);
	} else if (activate_and_check(s, runs, &e) == -1) {
		rc = roll_back(s, runs, &e);
		if (strcmp(s->done, "rolled back") == 0)
			(void)host_record_remove(s->files, &ignored);
	} else {
		rc = done_status(s);
	}
	return rc;
}

/* Of one that was killed all files are there, but not what comes behind. */
static int
finish(struct setup_run *s)
{
	struct err e;

	if (activate_and_check(s, s->host->runs(s), &e) == 0)
		return done_status(s);
	(void)setup_run_fail(&e);
	(void)fprintf(stderr, "mailrace: mailrace %s --undo takes it back\n",
	    s->host->command);
	s->done = "failed";
	return 1;
}

static int
make_nothing(struct setup_run *s)
{
	struct host_record r = { .whole = true };
	struct err e;
	int rc;

	if (host_record_is_there(s->files) &&
	    host_record_read(s->files, s->host->kinds, &r, &e) == -1)
		return setup_run_fail(&e);
	if (r.whole) {
		setup_run_say(s, "nothing to do", "There is nothing to do.");
		return 0;
	}
	if (s->host->ready(s, &e) == -1)
		return setup_run_fail(&e);
	if (is_dry_run(s))
		return 0;
	hold_signals(SIG_BLOCK);
	rc = finish(s);
	hold_signals(SIG_UNBLOCK);
	return rc;
}

/* The plan is made, or refused; what follows of it. */
static int
make(struct setup_run *s)
{
	struct err e;
	int rc;

	if (print_plan(s))
		return 1;
	if (s->plan.count == 0)
		return make_nothing(s);
	if (host_files_copy(s->files, &e) == -1 || s->host->edit(s, &e) == -1 ||
	    host_files_diff(s->files, &s->diff, &e) == -1)
		return setup_run_fail(&e);
	print_diff(s);
	if (host_record_is_there(s->files)) {
		(void)err_set(&e,
		    "it was set up before, and otherwise or changed since: "
		    "first mailrace %s --undo",
		    s->host->command);
		return setup_run_fail(&e);
	}
	if (is_dry_run(s))
		return 0;
	if (s->host->ready(s, &e) == -1)
		return setup_run_fail(&e);
	hold_signals(SIG_BLOCK);
	rc = change(s);
	hold_signals(SIG_UNBLOCK);
	return rc;
}

/* ---- undoing it ---------------------------------------------------------- */

/* Only our own lines, of files that somebody has edited. */
static int
take_back(struct setup_run *s, const struct host_record *r)
{
	struct err e;

	s->host->take_back(s, r);
	if (!print_plan(s)) {
		if (s->host->edit(s, &e) == -1)
			return setup_run_fail(&e);
		setup_run_say(s, NULL,
		    "Somebody has edited these files since: only our own lines "
		    "are taken back.");
		return 0;
	}
	(void)fprintf(stderr,
	    "mailrace: these files were edited since set-up, as follows; "
	    "nothing is undone\n");
	if (host_record_diff(s->files, &s->diff, &e) == -1)
		return setup_run_fail(&e);
	print_diff(s);
	return 1;
}

static int
put_back(struct setup_run *s)
{
	const bool runs = s->host->runs(s);
	struct err e;
	int works;

	if (host_files_swap_back(s->files, &e) == -1)
		return setup_run_fail(&e);
	if (s->host->activate(s, runs, &e) == -1)
		return roll_back(s, runs, &e);
	works = s->host->verify(s, &e);
	if (works == -1)
		return roll_back(s, runs, &e);
	if (host_record_remove(s->files, &e) == -1)
		return setup_run_fail(&e);
	setup_run_say(s, "undone",
	    works == 0 ?
		region_printf(s->plan.rg, "Undone; %s says that all is right.",
		    s->host->verifier) :
		"Undone.");
	return 0;
}

/* All back as it was. */
static int
undo(struct setup_run *s)
{
	struct host_record r;
	struct err e;
	int rc;

	if (!host_record_is_there(s->files)) {
		/* Without its list it is of one that was killed. */
		if (s->opt->values[OPT_DRY_RUN] == NULL)
			(void)host_record_remove(s->files, &e);
		setup_run_say(s, "nothing to do", "There is nothing to undo.");
		return 0;
	}
	/* Copied first: what is changed from now on, the swap sees. */
	if (host_record_files(s->files, &e) == -1 ||
	    host_files_copy(s->files, &e) == -1 ||
	    host_record_read(s->files, s->host->kinds, &r, &e) == -1)
		return setup_run_fail(&e);
	if (!r.edited && host_record_restore(s->files, &e) == -1)
		return setup_run_fail(&e);
	if (r.edited && take_back(s, &r) != 0)
		return 1;
	if (host_files_diff(s->files, &s->diff, &e) == -1)
		return setup_run_fail(&e);
	print_diff(s);
	setup_left_tell(s->opt, &s->plan);
	print_notes(s);
	if (is_dry_run(s))
		return 0;
	hold_signals(SIG_BLOCK);
	rc = put_back(s);
	hold_signals(SIG_UNBLOCK);
	return rc;
}

/* ---- the command --------------------------------------------------------- */

static int
set_up(struct setup_run *s)
{
	struct err e;
	int rc = 1;

	s->conf = setup_conf_load(s->opt);
	if (s->conf != NULL)
		rc = s->host->plan(s, &e) == -1 ? setup_run_fail(&e) : make(s);
	snapshot_unref(&s->conf);
	return rc;
}

static int
open_host(struct setup_run *s, struct err *e)
{
	if (s->host->open(s, e) == -1 || host_files_lock(s->files, e) == -1)
		return -1;
	return s->host->read(s, e);
}

int
setup_run_command(const struct ctl_options *opt, const struct setup_host *host,
    void *ctx, struct host_files *files)
{
	struct setup_run s = { .opt = opt,
		.host = host,
		.ctx = ctx,
		.files = files };
	struct err e;
	int rc;

	host_plan_init(&s.plan);
	if (open_host(&s, &e) == -1) {
		rc = setup_run_fail(&e);
	} else {
		rc = opt->values[OPT_UNDO] != NULL ? undo(&s) : set_up(&s);
		if (opt->json)
			print_json(&s);
	}
	host_plan_fini(&s.plan);
	buf_fini(&s.diff);
	host->close(&s);
	return rc;
}
