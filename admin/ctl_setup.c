/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup postfix: the host MTA is made to hand over to us, or all of that is
 * undone (admin/setup_run.h); what to change is compat/postfix/pf_setup.h's.
 */
#include "admin/ctl_setup.h"

#include <stdio.h>
#include <string.h>

#include "admin/ctl_ask.h"
#include "admin/ctl_cmds.h"
#include "admin/ctl_setup_conf.h"
#include "admin/ctl_setup_own.h"
#include "admin/ctl_setup_sender.h"
#include "admin/setup_conf.h"
#include "admin/setup_run.h"
#include "compat/postfix/pf_stay.h"
#include "compat/postfix/pf_undo.h"
#include "lib/conf_parse.h"
#include "vmta/snapshot.h"

/* Where the milter is by default, which no Postfix in a chroot finds. */
#define MILTER_DEFAULT "/run/mailrace/milter"

struct setup {
	struct setup_run *run;
	struct pf_site site;
	struct pf_conf *host;
	struct pf_wish wish;
	const char *sender; /* of the probe; NULL: none is known */
	struct buf tls_policy, dsn;
};

static const char *const kinds[] = { [PF_PARAMETER] = "parameter",
	[PF_SERVICE] = "service",
	[PF_OPTION] = "option",
	NULL };

/* ---- the wish ------------------------------------------------------------ */

/* The listener that a Postfix finds; else the first with a path; none of Exim's. */
static const char *
lmtp_path(const struct setup *s)
{
	const struct global_conf *g = snapshot_global(s->run->conf);
	const struct conf_strs *all = &g->lmtp_listeners;
	const char *found = NULL;

	for (size_t i = 0; i < all->n; i++) {
		if (all->v[i][0] != '/' ||
		    conf_strs_has(&g->exim_listeners, all->v[i]))
			continue;
		if (pf_relative(s->host, all->v[i]) != NULL)
			return all->v[i];
		if (found == NULL)
			found = all->v[i];
	}
	return found;
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
	const char *const *given = s->run->opt->values;
	const char *milter = snapshot_global(s->run->conf)->milter_listener;
	struct pf_wish *w = &s->wish;

	if (setup_conf_one_scope(s->run->opt, e) == -1)
		return -1;
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
		    s->run->opt->config,
		    pf_value(s->host, NULL, "queue_directory"));
	w->milter = strcmp(milter, MILTER_DEFAULT) == 0 ? NULL : milter;
	w->dsn = setup_conf_dsn(s->run->conf, &s->dsn);
	w->fast = given[OPT_FAST_PATH];
	if (w->fast != NULL)
		w->inject = ctl_setup_inject(s->run->conf, s->host);
	w->holds = setup_conf_holds;
	w->ctx = s->run->conf;
	w->tls_policy = tls_policy(s);
	return 0;
}

/* ---- making it ----------------------------------------------------------- */

static int
edit(struct setup_run *run, struct err *e)
{
	struct setup *s = run->ctx;

	if (pf_site_edit(&s->site, &run->plan, e) == -1)
		return -1;
	return run->opt->values[OPT_UNDO] != NULL ?
	    0 :
	    ctl_setup_own_ways(&s->site, s->host, e);
}

static int
ready(struct setup_run *run, struct err *e)
{
	struct setup *s = run->ctx;

	return ctl_setup_ready(&s->wish, &run->plan, e);
}

static bool
runs(struct setup_run *run)
{
	struct setup *s = run->ctx;

	return pf_site_runs(&s->site);
}

/* Reload, and is it still there? */
static int
activate(struct setup_run *run, bool runs_now, struct err *e)
{
	struct setup *s = run->ctx;

	if (!runs_now)
		return 0;
	if (pf_site_reload(&s->site, e) == -1)
		return -1;
	if (!pf_site_runs(&s->site))
		return err_set(e, "Postfix does not run any more: see its log");
	return 0;
}

static int
verify(struct setup_run *run, struct err *e)
{
	struct setup *s = run->ctx;

	return pf_site_check(&s->site, e);
}

static int
check(struct setup_run *run, bool runs_now, struct err *e)
{
	struct setup *s = run->ctx;
	struct buf told = { .p = NULL };
	int rc;

	if (!runs_now) {
		setup_run_say(run, "done",
		    "Postfix does not run: nothing was reloaded, and no probe "
		    "was sent.");
		return 0;
	}
	if (s->sender == NULL) {
		setup_run_warn(run,
		    region_printf(s->site.rg,
			"no probe was sent: of %s, which cannot be listed, no sender is known "
			"whose mail comes here",
			s->wish.list));
		return 0;
	}
	rc = ctl_setup_probe(&(struct ctl_setup_probe){ .opt = run->opt,
				 .site = &s->site,
				 .sender = s->sender,
				 .fast = s->wish.fast },
	    &told, e);
	if (rc == 0 && told.len > 0)
		host_note(&run->plan,
		    "who has not signed in cannot send by the fast path, so no "
		    "probe went through it (%s)",
		    buf_cstr(&told));
	if (rc == 0)
		setup_run_say(run, "done",
		    s->wish.fast == NULL || told.len > 0 ?
			"Done: a probe came from Postfix to Mailrace." :
			"Done: probes came from Postfix to Mailrace, one of "
			"them by the fast path.");
	buf_fini(&told);
	return rc;
}

static void
take_back(struct setup_run *run, const struct host_record *r)
{
	struct setup *s = run->ctx;

	pf_undo(r->changes, r->count, s->host, &run->plan);
}

/* ---- the plan ------------------------------------------------------------ */

/* What cannot be read from outside by pf_stay.h. */
static void
check_wish(struct setup *s, const struct ctl_setup_asks *asks)
{
	struct slice rest = slice_of(s->wish.list == NULL ? "" : s->wish.list);
	const char *domain;

	while (s->wish.scope == PF_DOMAINS &&
	    (domain = pf_wish_domain(&s->wish, s->site.rg, &rest)) != NULL)
		ctl_setup_refuse_own(asks, domain);
	if (s->wish.scope != PF_DOMAINS)
		ctl_setup_check_routes(asks);
	s->sender = s->wish.scope == PF_SENDERS ?
	    ctl_setup_sender(asks, s->wish.list) :
	    "";
}

static int
plan(struct setup_run *run, struct err *e)
{
	struct setup *s = run->ctx;
	const struct ctl_setup_asks asks = { run->conf, run->opt->config,
		&s->site, s->host, &run->plan };

	if (make_wish(s, e) == -1)
		return -1;
	if (s->wish.fast != NULL && s->wish.inject == NULL) {
		ctl_setup_say_inject(&asks);
		return 0;
	}
	pf_setup(&s->wish, s->host, &run->plan);
	check_wish(s, &asks);
	if (s->wish.fast != NULL)
		ctl_setup_own_domains(&asks);
	ctl_setup_suggest_log(&asks);
	return 0;
}

/* ---- the command --------------------------------------------------------- */

static int
open_site(struct setup_run *run, struct err *e)
{
	struct setup *s = run->ctx;
	int rc = pf_site_init(&s->site, run->opt->values[OPT_CONFIG_DIR], e);

	s->run = run;
	s->host = pf_conf_new(s->site.rg);
	return rc;
}

static int
read_site(struct setup_run *run, struct err *e)
{
	struct setup *s = run->ctx;

	return pf_site_read(&s->site, s->host, e);
}

static void
close_site(struct setup_run *run)
{
	struct setup *s = run->ctx;

	pf_conf_free(&s->host);
	pf_site_fini(&s->site);
	buf_fini(&s->tls_policy);
	buf_fini(&s->dsn);
}

static const struct setup_host postfix = { .command = "setup postfix",
	.kinds = kinds,
	.open = open_site,
	.read = read_site,
	.plan = plan,
	.edit = edit,
	.ready = ready,
	.runs = runs,
	.activate = activate,
	.verify = verify,
	.verifier = "postfix check",
	.check = check,
	.take_back = take_back,
	.close = close_site };

int
cmd_setup_postfix(const struct ctl_options *opt)
{
	struct setup s = { .host = NULL };

	return setup_run_command(opt, &postfix, &s, &s.site.files);
}
