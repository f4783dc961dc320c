/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup exim: an Exim is made to hand over to us, or all of that is undone
 * (admin/setup_run.h); what to change is compat/exim/ex_setup.h's.
 */
#include <signal.h>
#include <string.h>

#include "admin/ctl_cmds.h"
#include "admin/ctl_setup_exim.h"
#include "admin/setup_conf.h"
#include "admin/setup_run.h"
#include "admin/setup_socket.h"
#include "compat/exim/ex_site.h"
#include "vmta/snapshot.h"

enum {
	DAEMON_MS = 10000, /* to come back */
	WANTED_S = 300,    /* to ask about --domains */
};

struct setup {
	struct setup_run *run;
	struct ex_site site;
	struct ex_facts facts;
	struct ex_text text;
	struct ex_wish wish;
	const char *sender; /* of --senders; NULL: none is known */
	struct buf dsn;
};

static const char
    *const kinds[] = { [EX_FILE] = "file", [EX_TEXT] = "text", NULL };

/* ---- the wish ------------------------------------------------------------ */

/*
 * The first of them with a path that Exim's user may use, or else with one; or
 * on 127.0.0.0/8.
 */
static const char *
first_of(const struct setup *s, const struct conf_strs *all, const char *begins)
{
	const char *user = ex_main_value(&s->facts, "exim_user");
	const char *found = NULL;
	struct err ignored;

	for (size_t i = 0; i < all->n; i++) {
		const char *where = all->v[i];

		if (strncmp(where, begins, strlen(begins)) != 0)
			continue;
		if (where[0] != '/' ||
		    ex_site_may_use(user, where, &ignored) == 0)
			return where;
		if (found == NULL)
			found = where;
	}
	return found;
}

/* Of Exim's own; else another, which is to be made its own. */
static const char *
listener(const struct setup *s, const char *begins, bool *is_exims_r)
{
	const struct global_conf *g = snapshot_global(s->run->conf);
	const char *found = first_of(s, &g->exim_listeners, begins);

	*is_exims_r = found != NULL;
	return found != NULL ? found : first_of(s, &g->lmtp_listeners, begins);
}

/* Domains are put into lists and expansions as they stand. */
static int
check_list(const struct ex_wish *w, struct region *rg, struct err *e)
{
	const char *rest = w->list, *domain;

	if (w->scope == EX_SENDERS && strpbrk(w->list, "\n{}") != NULL)
		return err_set(e,
		    "--senders: an address list without braces, such as "
		    "lsearch;/etc/exim4/mailrace-senders");
	while (w->scope == EX_DOMAINS &&
	    (domain = ex_wish_domain(w, rg, &rest)) != NULL)
		if (strspn(domain,
			"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			"0123456789.-") != strlen(domain))
			return err_set(e, "--domains: %s is not a domain",
			    domain);
	return 0;
}

static const char *
expand(void *site, const char *text)
{
	const struct ex_site *s = site;
	struct buf out = { .p = NULL };
	const char *said = NULL;
	struct err ignored;

	if (ex_site_expand(s, text, &out, &ignored) == 0)
		said = region_strdup(s->rg, buf_cstr(&out));
	buf_fini(&out);
	return said;
}

static const char *
route(void *site, const char *address)
{
	const struct ex_site *s = site;
	struct buf out = { .p = NULL };
	const char *said = NULL;
	struct err ignored;

	if (ex_site_route(s, NULL, address, 0, &out, &ignored) == 0)
		said = region_strdup(s->rg, buf_cstr(&out));
	buf_fini(&out);
	return said;
}

static int
make_wish(struct setup *s, struct err *e)
{
	const char *const *given = s->run->opt->values;
	const char *suppress = snapshot_global(s->run->conf)->suppress_socket;
	struct ex_wish *w = &s->wish;

	if (setup_conf_one_scope(s->run->opt, e) == -1)
		return -1;
	w->form = s->site.form;
	w->scope = given[OPT_DOMAINS] != NULL ? EX_DOMAINS :
	    given[OPT_SENDERS] != NULL        ? EX_SENDERS :
						EX_ALL;
	w->list = given[OPT_DOMAINS] != NULL ? given[OPT_DOMAINS] :
					       given[OPT_SENDERS];
	w->lmtp = listener(s, "/", &w->lmtp_is_exims);
	w->lmtp_tcp = listener(s, "127.", &w->lmtp_tcp_is_exims);
	w->suppress = suppress[0] == '\0' ? NULL : suppress;
	w->dsn = setup_conf_dsn(s->run->conf, &s->dsn);
	w->holds = setup_conf_holds;
	w->ctx = s->run->conf;
	w->expand = expand;
	w->route = route;
	w->site = &s->site;
	return check_list(w, s->site.rg, e);
}

/* Would a router of the host's own take it? */
static void
check_domain(struct setup *s, const char *list, const char *domain)
{
	struct buf said = { .p = NULL };
	struct err e;

	if (ex_site_expand(&s->site,
		REGION_JOIN(s->site.rg, "${if match_domain{", domain, "}{",
		    list, "}{yes}{no}}"),
		&said, &e) == -1)
		host_refuse(&s->run->plan, "domains = %s: %s", list, e.text);
	else if (strcmp(buf_cstr(&said), "yes") != 0)
		host_refuse(&s->run->plan, "%s: its mail is this host's own",
		    domain);
	buf_fini(&said);
}

static void
check_domains(struct setup *s)
{
	const char *rest = s->wish.list, *domain, *list = "";
	struct ex_setup look = { .wish = &s->wish,
		.f = &s->facts,
		.t = &s->text,
		.p = &s->run->plan };

	for (const struct ex_instance *r = s->facts.conf->first[EX_ROUTER];
	     r != NULL && list[0] == '\0'; r = r->next)
		if (ex_is_general(&look, r))
			list = ex_conf_value(r, "domains");
	while (s->wish.scope == EX_DOMAINS && list[0] != '\0' &&
	    (domain = ex_wish_domain(&s->wish, s->site.rg, &rest)) != NULL)
		check_domain(s, list, domain);
}

/* Exim asks as its own user, whoever runs set-up. */
static void
check_socket(struct setup *s, const char *directive, const char *path)
{
	const char *user = ex_main_value(&s->facts, "exim_user");
	struct err e;

	if (path != NULL && path[0] == '/' &&
	    ex_site_may_use(user, path, &e) == -1)
		host_refuse(&s->run->plan, "%s: %s", directive, e.text);
}

/* ---- what setup_run asks ------------------------------------------------- */

/* "127.0.0.1.10028", as Exim writes it. */
static const char *
dsn_address(const struct setup *s)
{
	const char *dsn = s->wish.dsn;
	const size_t host = strcspn(dsn, ":");

	return region_printf(s->site.rg, "%.*s.%s", (int)host, dsn,
	    dsn + host + 1);
}

/* Does it, where it is to be added?  Else Exim listens by other options. */
static bool
has_port(const struct setup *s, const struct ex_facts *f)
{
	const struct host_plan *p = &s->run->plan;
	const char *list = ex_main_value(f, "local_interfaces");

	for (size_t i = 0; s->wish.dsn != NULL && i < p->count; i++)
		if (strstr(p->changes[i].value, dsn_address(s)) != NULL)
			return strstr(list, dsn_address(s)) != NULL;
	return true;
}

static int
check_facts(struct setup *s, const char *config, struct err *e)
{
	struct ex_facts f;
	int rc;

	ex_facts_init(&f, s->site.rg);
	rc = ex_site_read(&s->site, config, &f, e);
	if (rc == -1)
		(void)err_where(e, "the new configuration is not right");
	else if (s->run->opt->values[OPT_UNDO] == NULL && !has_port(s, &f))
		rc = err_set(e,
		    "local_interfaces stays %s: something else than " EX_DEBCONF
		    " says it (MAIN_LOCAL_INTERFACES)",
		    ex_main_value(&f, "local_interfaces"));
	ex_facts_fini(&f);
	return rc;
}

static int
check_new(struct setup *s, struct err *e)
{
	const struct ex_setup look = { .wish = &s->wish,
		.f = &s->facts,
		.p = &s->run->plan };
	const char *config;

	if (ex_site_make_check(&s->site, &config, e) == -1)
		return err_where(e, "the new configuration is not right");
	if (check_facts(s, config, e) == -1)
		return -1;
	if (s->run->opt->values[OPT_UNDO] != NULL)
		return 0;
	if (s->sender != NULL &&
	    ctl_setup_exim_leads(&s->site, config, s->sender, e) == -1)
		return -1;
	return ctl_setup_exim_routes(&s->site, &look, config, WANTED_S, e);
}

static int
edit(struct setup_run *run, struct err *e)
{
	struct setup *s = run->ctx;

	if (ex_site_edit(&s->site, &run->plan, e) == -1)
		return -1;
	return check_new(s, e);
}

static pid_t
daemon_of(const struct setup *s)
{
	return ex_site_daemon(&s->facts, s->site.rg);
}

static bool
runs(struct setup_run *run)
{
	return daemon_of(run->ctx) != 0;
}

static int
ready(struct setup_run *run, struct err *e)
{
	struct setup *s = run->ctx;
	const struct ex_wish *w = &s->wish;
	const char *lmtp = ex_offers_dsn(&s->facts) ? w->lmtp_tcp : w->lmtp;

	if (setup_ask_socket(lmtp, true, e) == -1)
		return err_where(e, "mailraced does not answer");
	if (w->suppress != NULL &&
	    setup_ask_socket(w->suppress, false, e) == -1)
		return err_where(e, "mailraced does not answer");
	return 0;
}

static bool
lives(const void *ctx)
{
	const pid_t *pid = ctx;

	return ex_site_is_exim(*pid);
}

/* It begins anew in the same process, and its sockets are gone for a while. */
static int
wait_for_daemon(pid_t pid, const char *dsn, struct err *e)
{
	if (setup_await_socket(dsn, DAEMON_MS, lives, &pid, e) == 0)
		return 0;
	if (!ex_site_is_exim(pid))
		return err_set(e, "Exim's daemon has ended: see its panic log");
	return err_where(e,
	    "Exim's daemon does not listen there: was it started with -oX?");
}

/* Does what holds now say that it listens there?  On the way back not. */
static const char *
dsn_now(struct setup *s, struct err *e)
{
	const char *dsn = s->wish.dsn;
	struct ex_facts f;

	if (dsn == NULL)
		return NULL;
	ex_facts_init(&f, s->site.rg);
	if (ex_site_read(&s->site, NULL, &f, e) == -1 ||
	    strstr(ex_main_value(&f, "local_interfaces"), dsn_address(s)) ==
		NULL)
		dsn = NULL;
	ex_facts_fini(&f);
	return dsn;
}

static int
activate(struct setup_run *run, bool runs_now, struct err *e)
{
	struct setup *s = run->ctx;
	const pid_t pid = runs_now ? daemon_of(s) : 0;

	if (ex_site_update(&s->site, e) == -1)
		return -1;
	if (pid == 0)
		return 0;
	if (kill(pid, SIGHUP) == -1)
		return err_sys(e, "Exim's daemon, process %ld", (long)pid);
	return wait_for_daemon(pid, dsn_now(s, e), e);
}

static int
verify(struct setup_run *run, struct err *e)
{
	struct setup *s = run->ctx;
	struct buf said = { .p = NULL };
	int rc = ex_site_ask(&s->site, NULL,
	    (const char *const[]){ "-bV", NULL }, &said, e);

	buf_fini(&said);
	return rc;
}

static int
check(struct setup_run *run, bool runs_now, struct err *e)
{
	struct setup *s = run->ctx;

	if (ctl_setup_exim_probe(run->opt, &s->site,
		s->sender == NULL ? "" : s->sender, e) == -1)
		return -1;
	if (s->wish.scope == EX_SENDERS && s->sender == NULL)
		setup_run_warn(run,
		    region_printf(s->site.rg,
			"a probe came, but of nobody: no sender is known whom "
			"%s has",
			s->wish.list));
	else if (runs_now)
		setup_run_say(run, "done",
		    "Done: a probe came from Exim to Mailrace.");
	else
		setup_run_say(run, "done",
		    "Done: a probe came from Exim to Mailrace.  Its daemon "
		    "does not run, or not by its pid file: if it does, send it "
		    "a HUP.");
	return 0;
}

static void
take_back(struct setup_run *run, const struct host_record *r)
{
	struct setup *s = run->ctx;

	ex_undo(r->changes, r->count, &s->text, &run->plan);
}

/* ---- the command --------------------------------------------------------- */

static int
plan(struct setup_run *run, struct err *e)
{
	struct setup *s = run->ctx;
	struct host_plan *p = &run->plan;

	if (make_wish(s, e) == -1)
		return -1;
	ex_setup(&s->wish, &s->facts, &s->text, p);
	check_domains(s);
	if (s->wish.scope == EX_SENDERS)
		s->sender = ctl_setup_exim_sender(&s->site,
		    &(struct ex_setup){ .wish = &s->wish,
			.f = &s->facts,
			.p = p });
	if (!ex_offers_dsn(&s->facts))
		check_socket(s, "lmtp-listener", s->wish.lmtp);
	check_socket(s, "suppress-socket", s->wish.suppress);
	for (size_t i = 0; i < p->count; i++)
		(void)host_files_add(&s->site.files, p->changes[i].name);
	return 0;
}

static int
open_site(struct setup_run *run, struct err *e)
{
	struct setup *s = run->ctx;
	const char *const *given = run->opt->values;
	int rc = ex_site_init(&s->site, given[OPT_CONFIG_FILE],
	    given[OPT_CONFIG_DIR], e);

	s->run = run;
	ex_facts_init(&s->facts, s->site.rg);
	return rc;
}

static int
read_site(struct setup_run *run, struct err *e)
{
	struct setup *s = run->ctx;

	if (ex_site_read(&s->site, NULL, &s->facts, e) == -1)
		return -1;
	return ex_site_text(&s->site, &s->text, e);
}

static void
close_site(struct setup_run *run)
{
	struct setup *s = run->ctx;

	ex_facts_fini(&s->facts);
	ex_site_fini(&s->site);
	buf_fini(&s->dsn);
}

static const struct setup_host exim = { .command = "setup exim",
	.kinds = kinds,
	.open = open_site,
	.read = read_site,
	.plan = plan,
	.edit = edit,
	.ready = ready,
	.runs = runs,
	.activate = activate,
	.verify = verify,
	.verifier = "exim -bV",
	.check = check,
	.take_back = take_back,
	.close = close_site };

int
cmd_setup_exim(const struct ctl_options *opt)
{
	struct setup s = { .run = NULL };

	return setup_run_command(opt, &exim, &s, &s.site.files);
}
