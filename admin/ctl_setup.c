/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup postfix: the host MTA is made to hand over to us, or all of that is
 * undone.
 *
 *	plan    what to change, or why not (compat/postfix/pf_setup.h)
 *	copy    postconf makes the changes to copies; their difference is shown
 *	ready   do our daemons answer?
 *	record  how it was, durably
 *	swap    the copies take the place of the files; reload
 *	probe   a message through both; if it does not come, all is swapped back
 *
 * Signals wait from the record to the end: what is begun is done or undone.
 */
#include "admin/ctl_setup.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/ctl_ask.h"
#include "admin/ctl_cmds.h"
#include "admin/ctl_setup_conf.h"
#include "compat/postfix/pf_record.h"
#include "compat/postfix/pf_stay.h"
#include "compat/postfix/pf_undo.h"
#include "vmta/settings.h"
#include "vmta/snapshot.h"

/* Where the milter is by default, which no Postfix in a chroot finds. */
#define MILTER_DEFAULT "/run/mailrace/milter"

struct setup {
	const struct ctl_options *opt;
	struct snapshot *conf;
	struct pf_site site;
	struct pf_conf *host;
	struct pf_wish wish;
	struct pf_plan plan;
	struct buf diff, tls_policy, dsn;
	const char *done; /* what came of it, for JSON */
};

/* ---- telling ------------------------------------------------------------- */

static int
fail(const struct err *e)
{
	(void)fprintf(stderr, "mailrace: %s\n", e->text);
	return 1;
}

static void
say(struct setup *s, const char *done, const char *text)
{
	s->done = done;
	if (!s->opt->json)
		(void)printf("%s\n", text);
}

/* What came to light while it was done. */
static void
tell_late(struct setup *s, const char *said)
{
	pf_note(&s->plan,
	    "who has not signed in cannot send by the fast path, so no probe "
	    "went through it (%s)",
	    said);
	if (!s->opt->json)
		(void)printf("Note: %s.\n",
		    s->plan.notes.v[s->plan.notes.n - 1]);
}

static json_t *
texts_json(const struct pf_texts *t)
{
	json_t *list = json_array();

	for (size_t i = 0; i < t->n; i++)
		(void)json_array_append_new(list, ctl_string(t->v[i]));
	return list;
}

static void
print_json(struct setup *s)
{
	json_t *answer = json_pack("{s:o,s:o,s:o,s:o,s:o}", "config_dir",
	    ctl_string(s->site.dir), "result",
	    s->done == NULL ? json_null() : json_string(s->done), "refusals",
	    texts_json(&s->plan.refusals), "notes", texts_json(&s->plan.notes),
	    "diff", ctl_string(buf_cstr(&s->diff)));

	ctl_print_json(answer);
	json_decref(answer);
}

static void
print_diff(struct setup *s)
{
	if (!s->opt->json)
		(void)fwrite(s->diff.p, 1, s->diff.len, stdout);
	(void)fflush(stdout);
}

/* Notes, and refusals; true: there are some of these. */
static bool
print_plan(struct setup *s)
{
	if (!s->opt->json)
		for (size_t i = 0; i < s->plan.notes.n; i++)
			(void)printf("Note: %s.\n", s->plan.notes.v[i]);
	for (size_t i = 0; i < s->plan.refusals.n; i++)
		(void)fprintf(stderr, "mailrace: %s\n", s->plan.refusals.v[i]);
	if (s->plan.refusals.n > 0)
		s->done = "refused";
	return s->plan.refusals.n > 0;
}

/* ---- the wish ------------------------------------------------------------ */

static bool
holds(void *ctx, const char *domain, const char *directive)
{
	const struct snapshot *conf = ctx;

	/* Whichever virtual MTA carries it. */
	for (size_t i = 0; i < snapshot_vmta_count(conf); i++) {
		struct queue_conf q;

		settings_queue(conf, domain, snapshot_vmta_at(conf, i)->name,
		    &q);
		if (strcmp(directive, "smtp-hosts") == 0 ? q.smtp_hosts.n == 0 :
							   !q.require_starttls)
			return false;
	}
	return true;
}

/* The listener that a Postfix finds; else the first with a path. */
static const char *
lmtp_path(const struct setup *s)
{
	const struct conf_strs *all = &snapshot_global(s->conf)->lmtp_listeners;
	const char *found = NULL;

	for (size_t i = 0; i < all->n; i++) {
		if (all->v[i][0] != '/')
			continue;
		if (pf_relative(s->host, all->v[i]) != NULL)
			return all->v[i];
		if (found == NULL)
			found = all->v[i];
	}
	return found;
}

static const char *
dsn_service(struct setup *s)
{
	const struct conf_hosts *hosts = &snapshot_global(s->conf)->dsn_hosts;
	char text[NET_ADDR_TEXT];

	if (hosts->n == 0 || hosts->v[0].name != NULL ||
	    hosts->v[0].port == 0 ||
	    strncmp(net_addr_text(&hosts->v[0].addr, text), "127.", 4) != 0)
		return NULL;
	buf_printf(&s->dsn, "%s:%u", text, (unsigned)hosts->v[0].port);
	return buf_cstr(&s->dsn);
}

/* Those tables that postmap can list; p NULL: one cannot be. */
static struct slice
tls_policy(struct setup *s)
{
	const char *maps = pf_value(s->host, NULL, "smtp_tls_policy_maps");
	struct slice rest = slice_of(maps), item;
	struct err ignored;

	while ((item = pf_list_item(&rest)).len > 0) {
		const char *table = region_strndup(s->site.rg, item.p,
		    item.len);

		if (pf_site_list(&s->site, table, &s->tls_policy, &ignored) ==
		    -1)
			return (struct slice){ NULL, 0 };
	}
	return slice_of(buf_cstr(&s->tls_policy));
}

static int
make_wish(struct setup *s, struct err *e)
{
	const char *const *given = s->opt->values;
	const char *milter = snapshot_global(s->conf)->milter_listener;
	struct pf_wish *w = &s->wish;

	if ((given[OPT_ALL_OUTBOUND] != NULL) + (given[OPT_DOMAINS] != NULL) +
		(given[OPT_SENDERS] != NULL) >
	    1)
		return err_set(e,
		    "only one of --all-outbound, --domains and --senders");
	w->scope = given[OPT_DOMAINS] != NULL ? PF_DOMAINS :
	    given[OPT_SENDERS] != NULL        ? PF_SENDERS :
						PF_ALL;
	w->list = given[OPT_DOMAINS] != NULL ? given[OPT_DOMAINS] :
					       given[OPT_SENDERS];
	w->lmtp = lmtp_path(s);
	if (w->lmtp == NULL)
		return err_set(e,
		    "%s has no lmtp-listener with a path, such as "
		    "%s/mailrace/lmtp",
		    s->opt->config, pf_value(s->host, NULL, "queue_directory"));
	w->milter = strcmp(milter, MILTER_DEFAULT) == 0 ? NULL : milter;
	w->dsn = dsn_service(s);
	w->fast = given[OPT_FAST_PATH];
	if (w->fast != NULL)
		w->inject = ctl_setup_inject(s->conf, s->host);
	w->holds = holds;
	w->ctx = s->conf;
	w->tls_policy = tls_policy(s);
	return 0;
}

/*
 * As whom the probe is sent: as nobody, or as one of the table's, whose first
 * key that leads to us is taken.
 */
static const char *
probe_sender(struct setup *s)
{
	struct buf all = { .p = NULL };
	const char *found = NULL, *end;
	struct err ignored;

	if (s->wish.scope != PF_SENDERS)
		return "";
	if (pf_site_list(&s->site, s->wish.list, &all, &ignored) == 0)
		for (const char *p = buf_cstr(&all);
		     found == NULL && *p != '\0';
		     p = *end == '\0' ? end : end + 1) {
			const size_t key = strcspn(p, " \t\n");

			end = p + strcspn(p, "\n");
			if (memmem(p, (size_t)(end - p), "mailrace:", 9) !=
			    NULL)
				found = region_printf(s->site.rg, "%s%.*s",
				    p[0] == '@' ? "probe" : "", (int)key, p);
		}
	buf_fini(&all);
	return found;
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

/* Reload, and is it still there? */
static int
reload(struct setup *s, struct err *e)
{
	if (pf_site_reload(&s->site, e) == -1)
		return -1;
	if (!pf_site_runs(&s->site))
		return err_set(e, "Postfix does not run any more: see its log");
	return 0;
}

static int
check(struct setup *s, bool runs, struct err *e)
{
	struct buf told = { .p = NULL };
	const char *sender;
	int rc;

	if (!runs) {
		say(s, "done",
		    "Postfix does not run: nothing was reloaded, and no probe "
		    "was sent.");
		return 0;
	}
	if (reload(s, e) == -1)
		return -1;
	sender = probe_sender(s);
	if (sender == NULL) {
		say(s, "done",
		    "Done, without a probe: the table names no sender that "
		    "could be used for one.");
		return 0;
	}
	rc = ctl_setup_probe(&(struct ctl_setup_probe){ .opt = s->opt,
				 .site = &s->site,
				 .sender = sender,
				 .fast = s->wish.fast },
	    &told, e);
	if (rc == 0 && told.len > 0)
		tell_late(s, buf_cstr(&told));
	if (rc == 0)
		say(s, "done",
		    s->wish.fast == NULL || told.len > 0 ?
			"Done: a probe came from Postfix to Mailrace." :
			"Done: probes came from Postfix to Mailrace, one of "
			"them by the fast path.");
	buf_fini(&told);
	return rc;
}

static void
tell_torn(struct setup *s)
{
	(void)fprintf(stderr, "mailrace: it is not as it was; %s has that\n",
	    s->site.undo);
	s->done = "failed";
}

/* All as it was before the swap; why is what went wrong. */
static int
roll_back(struct setup *s, bool runs, const struct err *why)
{
	const bool undoes = s->opt->values[OPT_UNDO] != NULL;
	struct err e;

	(void)fail(why);
	if ((undoes ? pf_site_swap(&s->site, &e) :
		      pf_site_swap_back(&s->site, &e)) == -1 ||
	    (runs && pf_site_reload(&s->site, &e) == -1)) {
		(void)fail(&e);
		tell_torn(s);
		return 1;
	}
	s->done = "rolled back";
	(void)fprintf(stderr, "mailrace: %s is as it was\n", s->site.dir);
	return 1;
}

static int
make(struct setup *s)
{
	const bool runs = pf_site_runs(&s->site);
	struct err e, ignored;
	int rc = 1;

	if (ctl_setup_ready(&s->wish, &s->plan, &e) == -1)
		return fail(&e);
	hold_signals(SIG_BLOCK);
	if (pf_record_write(&s->site, &s->plan, &e) == -1 ||
	    pf_site_swap(&s->site, &e) == -1) {
		rc = fail(&e);
		if (s->site.torn)
			tell_torn(s);
		else
			(void)pf_record_remove(&s->site, &ignored);
	} else if (check(s, runs, &e) == -1) {
		rc = roll_back(s, runs, &e);
		if (strcmp(s->done, "rolled back") == 0)
			(void)pf_record_remove(&s->site, &ignored);
	} else {
		rc = 0;
	}
	hold_signals(SIG_UNBLOCK);
	return rc;
}

/* Is it in a list that is a file? */
static void
check_list(struct setup *s, const char *name, const char *path,
    const char *domain)
{
	struct buf b = { .p = NULL };
	struct err e;

	if (pf_file_read(path, &b, &e) == -1)
		pf_refuse(&s->plan, "%s: %s", name, e.text);
	else
		pf_refuse_own(name, pf_list_of_file(s->site.rg, buf_cstr(&b)),
		    domain, &s->plan);
	buf_fini(&b);
}

static void
check_table(struct setup *s, const char *name, const char *table,
    const char *domain)
{
	struct err e;
	const int has = pf_site_has(&s->site, table, domain, &e);

	if (has == -1)
		pf_refuse(&s->plan, "%s: %s: %s", name, table, e.text);
	else if (has == 1)
		pf_refuse(&s->plan, "%s is in %s: its mail is this host's own",
		    domain, name);
}

/*
 * A domain of the host's own, which transport_maps would send out: those that
 * stand in tables and files; of the others pf_stay.h knows.
 */
static void
check_tables(struct setup *s, const char *domain)
{
	struct slice rest, item;

	for (size_t i = 0; pf_own_lists[i] != NULL; i++) {
		rest = slice_of(pf_value(s->host, NULL, pf_own_lists[i]));
		while ((item = pf_list_item(&rest)).len > 0) {
			const char *word = region_strndup(s->site.rg, item.p,
			    item.len);

			if (word[0] == '/')
				check_list(s, pf_own_lists[i], word, domain);
			else if (strchr(word, ':') != NULL)
				check_table(s, pf_own_lists[i], word, domain);
		}
	}
}

/* What cannot be read from outside by pf_stay.h. */
static void
check_wish(struct setup *s)
{
	struct slice rest = slice_of(s->wish.list == NULL ? "" : s->wish.list);
	const char *domain;
	struct err e;

	while (s->wish.scope == PF_DOMAINS &&
	    (domain = pf_wish_domain(&s->wish, s->site.rg, &rest)) != NULL)
		check_tables(s, domain);
	/* Postfix defers all mail for a table that it cannot open. */
	if (s->wish.scope == PF_SENDERS &&
	    pf_site_has(&s->site, s->wish.list, "@" PF_PROBE_DOMAIN, &e) == -1)
		pf_refuse(&s->plan, "--senders: %s", e.text);
}

static void
plan(struct setup *s)
{
	const struct ctl_setup_asks asks = { s->conf, s->opt->config, &s->site,
		s->host, &s->plan };

	if (s->wish.fast != NULL && s->wish.inject == NULL) {
		ctl_setup_say_inject(&asks);
		return;
	}
	pf_setup(&s->wish, s->host, &s->plan);
	check_wish(s);
	if (s->wish.fast != NULL)
		ctl_setup_own_domains(&asks);
	ctl_setup_suggest_log(&asks);
}

static int
set_up(struct setup *s)
{
	struct err e;

	if (make_wish(s, &e) == -1)
		return fail(&e);
	plan(s);
	if (print_plan(s))
		return 1;
	if (s->plan.count == 0) {
		say(s, "nothing to do", "There is nothing to do.");
		return 0;
	}
	if (pf_site_copy(&s->site, &e) == -1 ||
	    pf_site_edit(&s->site, &s->plan, &e) == -1 ||
	    pf_site_diff(&s->site, &s->diff, &e) == -1)
		return fail(&e);
	print_diff(s);
	if (pf_record_is_there(&s->site)) {
		(void)err_set(&e,
		    "it was set up before, and otherwise or changed since: "
		    "first mailrace setup postfix --undo");
		return fail(&e);
	}
	if (s->opt->values[OPT_DRY_RUN] != NULL) {
		say(s, "dry run", "Nothing was changed.");
		return 0;
	}
	return make(s);
}

/* ---- undoing it ---------------------------------------------------------- */

/* Only our own lines, of files that somebody has edited. */
static int
take_back(struct setup *s, const struct pf_record *r)
{
	struct err e;

	pf_undo(r->changes, r->count, s->host, &s->plan);
	if (!print_plan(s)) {
		if (pf_site_edit(&s->site, &s->plan, &e) == -1)
			return fail(&e);
		say(s, NULL,
		    "Somebody has edited these files since: only our own lines "
		    "are taken back.");
		return 0;
	}
	(void)fprintf(stderr,
	    "mailrace: these files were edited since set-up, as follows; "
	    "nothing is undone\n");
	if (pf_record_diff(&s->site, &s->diff, &e) == -1)
		return fail(&e);
	print_diff(s);
	return 1;
}

static int
put_back(struct setup *s)
{
	const bool runs = pf_site_runs(&s->site);
	struct err e;

	if (pf_site_swap_back(&s->site, &e) == -1)
		return fail(&e);
	if (runs && reload(s, &e) == -1)
		return roll_back(s, runs, &e);
	if (pf_record_remove(&s->site, &e) == -1)
		return fail(&e);
	say(s, "undone",
	    "Undone.  What waits in the queue of Mailrace is still delivered.");
	return 0;
}

static int
undo(struct setup *s)
{
	struct pf_record r;
	struct err e;
	int rc;

	if (!pf_record_is_there(&s->site)) {
		say(s, "nothing to do", "There is nothing to undo.");
		return 0;
	}
	/* Copied first: what is changed from now on, the swap sees. */
	if (pf_site_copy(&s->site, &e) == -1 ||
	    pf_record_read(&s->site, &r, &e) == -1)
		return fail(&e);
	if (!r.edited && pf_record_restore(&s->site, &e) == -1)
		return fail(&e);
	if (r.edited && take_back(s, &r) != 0)
		return 1;
	if (pf_site_diff(&s->site, &s->diff, &e) == -1)
		return fail(&e);
	print_diff(s);
	if (s->opt->values[OPT_DRY_RUN] != NULL) {
		say(s, "dry run", "Nothing was changed.");
		return 0;
	}
	hold_signals(SIG_BLOCK);
	rc = put_back(s);
	hold_signals(SIG_UNBLOCK);
	return rc;
}

/* ---- the command --------------------------------------------------------- */

static int
run(struct setup *s)
{
	struct conf_errors errs = { .portable = true };
	struct err e;
	int rc;

	if (s->opt->values[OPT_UNDO] != NULL)
		return undo(s);
	s->conf = snapshot_load(s->opt->config, &errs);
	if (s->conf == NULL)
		ctl_print_errors(&errs);
	conf_errors_fini(&errs);
	if (s->conf == NULL) {
		(void)err_set(&e, "%s has to be right first", s->opt->config);
		return fail(&e);
	}
	rc = set_up(s);
	snapshot_unref(&s->conf);
	return rc;
}

int
cmd_setup_postfix(const struct ctl_options *opt)
{
	struct setup s = { .opt = opt };
	struct err e;
	int rc;

	pf_plan_init(&s.plan);
	rc = pf_site_init(&s.site, opt->values[OPT_CONFIG_DIR], &e);
	s.host = pf_conf_new(s.site.rg);
	if (rc == 0)
		rc = pf_site_lock(&s.site, &e);
	if (rc == 0)
		rc = pf_site_read(&s.site, s.host, &e);
	if (rc == -1) {
		rc = fail(&e);
	} else {
		rc = run(&s);
		if (opt->json)
			print_json(&s);
	}
	pf_plan_fini(&s.plan);
	pf_conf_free(&s.host);
	pf_site_fini(&s.site);
	buf_fini(&s.diff);
	buf_fini(&s.tls_policy);
	buf_fini(&s.dsn);
	return rc;
}
