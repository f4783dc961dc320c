/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/drain_host.h"

#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "admin/ctl_ask.h"
#include "compat/exim/ex_ask.h"
#include "compat/exim/ex_setup.h"
#include "compat/host_files.h"
#include "compat/host_plan.h"
#include "compat/postfix/pf_setup.h"
#include "compat/postfix/pf_undo.h"
#include "lib/net.h"
#include "lib/net_owner.h"
#include "lib/run_command.h"
#include "vmta/settings.h"

#define POSTFIX_FOLDER "/etc/postfix"

enum { SMTP_PORT = 25, SUBMISSION_PORT = 587 };
enum { GREETING_MS = 10000, TRIES = 50, TRY_MS = 100 };

static int
fail(const struct err *e)
{
	(void)fprintf(stderr, "mailrace: %s\n", e->text);
	return -1;
}

/* Root's, if there is no such user: it is nobody else's then. */
static uid_t
user_number(const char *name)
{
	struct passwd pw, *found = NULL;
	char text[4096];

	if (getpwnam_r(name, &pw, text, sizeof(text), &found) != 0 ||
	    found == NULL)
		return 0;
	return pw.pw_uid;
}

/* ---- does it lead here? -------------------------------------------------- */

/* A Postfix that was never configured is none: postconf only complains. */
static bool
is_configured(void)
{
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): a program of one thread */
	const char *folder = getenv("MAIL_CONFIG");
	struct buf path = { 0 };
	bool there;

	buf_printf(&path, "%s/main.cf",
	    folder == NULL ? POSTFIX_FOLDER : folder);
	there = access(buf_cstr(&path), F_OK) == 0;
	buf_fini(&path);
	return there;
}

static bool
postfix_leads_here(const struct drain_host *h)
{
	const char *name = pf_leads_here(h->postfix);

	if (name != NULL)
		(void)fprintf(stderr,
		    "mailrace: %s in %s still leads to Mailrace: first mailrace "
		    "setup postfix --undo, or take it out\n",
		    name, h->site.dir);
	return name != NULL;
}

/* Or nobody can say. */
static bool
exim_leads_here(struct drain_host *h)
{
	struct region *rg = region_new();
	const char *router = NULL;
	struct ex_facts f;
	struct ex_host x;
	struct err e;
	int rc;

	ex_facts_init(&f, rg);
	ex_host_open(&x, rg, NULL);
	rc = ex_host_read(&x, f.conf, &e);
	h->exim = x.program;
	if (rc == -1)
		(void)fail(&e);
	else
		router = ex_leads_here(&f);
	if (rc == 0)
		h->owner = user_number(ex_main_value(&f, "exim_user"));
	if (router != NULL)
		(void)fprintf(stderr,
		    "mailrace: Exim's router %s still leads to Mailrace: first "
		    "mailrace setup exim --undo, or take it out\n",
		    router);
	ex_facts_fini(&f);
	region_free(&rg);
	return rc == -1 || router != NULL;
}

bool
drain_host_open(struct drain_host *h, const struct ctl_options *opt)
{
	const char *dir = opt->values[OPT_CONFIG_DIR];
	struct err e;
	int rc;

	*h = (struct drain_host){ .opt = opt };
	if (dir == NULL &&
	    (command_is_there("exim4") || command_is_there("exim")) &&
	    exim_leads_here(h))
		return false;
	h->is_postfix = dir != NULL ||
	    (command_is_there("postconf") && is_configured());
	if (!h->is_postfix)
		return true;
	h->exim = NULL;
	rc = pf_site_init(&h->site, dir, &e);
	h->postfix = pf_conf_new(h->site.rg);
	if (rc == 0)
		rc = pf_site_read(&h->site, h->postfix, &e);
	if (rc == -1)
		(void)fail(&e);
	else
		h->owner = user_number(
		    pf_value(h->postfix, NULL, "mail_owner"));
	return rc == 0 && !postfix_leads_here(h);
}

void
drain_host_close(struct drain_host *h)
{
	if (h->is_postfix) {
		pf_conf_free(&h->postfix);
		pf_site_fini(&h->site);
	}
	snapshot_unref(&h->conf);
}

/* ---- who takes it back --------------------------------------------------- */

static const struct conf_host *
dsn_host(const struct drain_host *h)
{
	return &snapshot_global(h->conf)->dsn_hosts.v[0];
}

/* Can it be called?  A name, or a port that settings choose, is mailraced's. */
static bool
is_clear(const struct conf_host *to)
{
	return to->name == NULL && to->port != 0;
}

/* "127.0.0.1:10028"; NULL: it is no port of this host that Postfix could have. */
static const char *
service_of(const struct drain_host *h)
{
	const struct conf_host *to = dsn_host(h);
	char text[NET_ADDR_TEXT];

	if (!h->is_postfix || !is_clear(to) ||
	    strncmp(net_addr_text(&to->addr, text), "127.", 4) != 0)
		return NULL;
	return region_printf(h->site.rg, "%s:%u", text, (unsigned)to->port);
}

/*
 * A port of this host that Exim's own daemon would have none of: where mail comes
 * in from elsewhere, that one is to run.
 */
static bool
is_exims(const struct conf_host *to)
{
	return is_clear(to) && net_addr_is_loopback(&to->addr) &&
	    to->port != SMTP_PORT && to->port != SUBMISSION_PORT;
}

/* Where nobody listens one is made, and is asked then whose it is. */
static bool
is_made(const struct drain_host *h, const struct conf_host *to)
{
	return to == dsn_host(h) &&
	    (h->exim != NULL ? is_exims(to) : service_of(h) != NULL);
}

/* As mailraced's, where dsn-host leaves it to <domain {dsn}>. */
static uint16_t
port_of(const struct drain_host *h, const struct conf_host *to)
{
	struct queue_conf c;

	if (to->port != 0)
		return to->port;
	settings_queue(h->conf, SNAPSHOT_DSN_DOMAIN, "", &c);
	return (uint16_t)c.smtp_port;
}

/*
 * An address of this host is answered by whoever has got the port, which may be
 * any user: only root and the mail server's own are to get the queue.
 */
enum listener { LISTENER_NONE, LISTENER_OURS, LISTENER_OTHER };

/* LISTENER_OTHER: or it cannot be told whose it is.  e, but for OURS. */
static enum listener
whose_listener(const struct drain_host *h, const struct conf_host *to,
    struct err *e)
{
	const unsigned port = port_of(h, to);
	char text[NET_ADDR_TEXT];
	uid_t uid = 0;

	if (!net_addr_is_local(&to->addr))
		return LISTENER_OURS; /* of the host that is named */
	(void)net_addr_text(&to->addr, text);
	switch (net_owner(&to->addr, (uint16_t)port, &uid, e)) {
	case 0:
		(void)err_set(e, "nobody listens at %s:%u", text, port);
		return LISTENER_NONE;
	case 1:
		if (uid == 0 || uid == h->owner)
			return LISTENER_OURS;
		(void)err_set(e,
		    "who listens at %s:%u is user %lu, neither root nor the "
		    "mail server's user: it would get the mail",
		    text, port, (unsigned long)uid);
		return LISTENER_OTHER;
	default:
		(void)err_where(e, "who listens at %s:%u cannot be told", text,
		    port);
		return LISTENER_OTHER;
	}
}

/*
 * What mailraced finds under a name cannot be asked before: that is for ports
 * that root alone gives away, and so is an address where nobody listens yet.
 */
static int
check_owner(const struct drain_host *h, const struct conf_host *to,
    struct err *e)
{
	const uint16_t port = port_of(h, to);
	enum listener whose;
	struct err why;

	if (to->name != NULL && port >= IPPORT_RESERVED)
		return err_set(e,
		    "%s: dsn-host %s, port %u: any user may listen there, and "
		    "of a name nobody can say who does: write its address",
		    h->opt->config, to->name, (unsigned)port);
	if (to->name != NULL)
		return 0;
	whose = whose_listener(h, to, e);
	if (whose == LISTENER_OTHER)
		return err_where(e, "%s: dsn-host", h->opt->config);
	if (whose == LISTENER_OURS || port < IPPORT_RESERVED || is_made(h, to))
		return 0;
	why = *e;
	return err_set(e,
	    "%s: dsn-host: %s, and any user may: have the mail server listen "
	    "there first",
	    h->opt->config, why.text);
}

/* Each one that mailraced may choose. */
static int
check_owners(const struct drain_host *h, struct err *e)
{
	const struct conf_hosts *hosts = &snapshot_global(h->conf)->dsn_hosts;
	int rc = 0;

	for (size_t i = 0; i < hosts->n && rc == 0; i++)
		rc = check_owner(h, &hosts->v[i], e);
	return rc;
}

static int
read_config(struct drain_host *h, struct err *e)
{
	struct conf_errors errs = { .portable = true };

	h->conf = snapshot_load(h->opt->config, &errs);
	if (h->conf == NULL)
		ctl_print_errors(&errs);
	conf_errors_fini(&errs);
	if (h->conf == NULL)
		return err_set(e, "%s has to be right first", h->opt->config);
	if (snapshot_global(h->conf)->dsn_hosts.n == 0)
		return err_set(e,
		    "dsn-host is not set: nobody would take the mail back");
	return check_owners(h, e);
}

/* Mail that was treated and signed must come through as it is. */
static int
check_service(const struct drain_host *h, const struct pf_service *s,
    struct err *e)
{
	static const char *const changes[] = { "smtpd_milters",
		"smtpd_milter_maps", "smtpd_proxy_filter", "content_filter" };

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		const char *own = pf_option(h->postfix, s, changes[i]);

		if (own == NULL)
			own = pf_value(h->postfix, NULL, changes[i]);
		if (own[0] != '\0')
			return err_set(e,
			    "the service %s of master.cf, where dsn-host leads, "
			    "has %s: it must have none",
			    s->key, changes[i]);
	}
	return 0;
}

static int
make_service(struct drain_host *h, const char *service, bool dry_run,
    struct err *e)
{
	struct host_plan plan;
	int rc;

	if (!pf_site_runs(&h->site))
		return err_set(e, "Postfix does not run (%s)", h->site.dir);
	if (dry_run) {
		(void)printf("The service %s would be in master.cf until the "
			     "end.\n",
		    service);
		return 0;
	}
	host_plan_init(&plan);
	pf_want_service(&plan, h->postfix,
	    pf_setup_dsn_line(h->postfix, service, plan.rg));
	rc = host_files_lock(&h->site.files, e);
	if (rc == 0)
		rc = host_files_copy(&h->site.files, e);
	if (rc == 0)
		rc = pf_site_edit(&h->site, &plan, e);
	if (rc == 0)
		rc = host_files_swap(&h->site.files, e);
	h->made = rc == 0;
	if (rc == 0)
		rc = pf_site_reload(&h->site, e);
	host_plan_fini(&plan);
	return rc;
}

/* Its greeting. */
static int
greets(const struct conf_host *to, struct err *e)
{
	const struct net_addr any = { 0 };
	enum net_fault fault;
	char line[512] = "";
	struct pollfd p;
	int rc = 0;

	p.fd = net_connect(&any, &to->addr, to->port, &fault, e);
	p.events = POLLIN;
	if (p.fd == -1)
		return -1;
	if (poll(&p, 1, GREETING_MS) != 1 ||
	    recv(p.fd, line, sizeof(line) - 1, 0) < 3 ||
	    strncmp(line, "220", 3) != 0)
		rc = err_set(e, "it does not greet");
	(void)close(p.fd);
	return rc;
}

static int
check_greeting(struct drain_host *h, struct err *e)
{
	const struct timespec a_moment = { .tv_nsec = TRY_MS * 1000000L };
	const struct conf_host *to = dsn_host(h);
	int rc = 0;

	if (!is_clear(to))
		return 0;
	for (int i = 0; i < (h->made ? TRIES : 1); i++) {
		const enum listener whose = whose_listener(h, to, e);

		rc = whose == LISTENER_OURS ? greets(to, e) : -1;
		/* Again: the port may have changed hands. */
		if (rc == 0 && whose_listener(h, to, e) != LISTENER_OURS)
			rc = -1;
		if (rc == 0 || whose == LISTENER_OTHER)
			break;
		if (h->exim != NULL && h->made &&
		    !run_beside_is_alive(&h->daemon))
			return err_set(e,
			    "%s does not run: its own log says why", h->exim);
		(void)nanosleep(&a_moment, NULL);
	}
	return rc == 0 ?
	    0 :
	    err_where(e, "dsn-host, which is to take the mail back");
}

/* ---- Exim ---------------------------------------------------------------- */

static int
make_daemon(struct drain_host *h, struct err *e)
{
	const struct conf_host *to = dsn_host(h);
	const char *argv[] = { h->exim, "-bdf", "-oX", NULL, NULL };
	struct buf where = { 0 };
	char text[NET_ADDR_TEXT];
	int rc;

	buf_printf(&where, "[%s]:%u", net_addr_text(&to->addr, text),
	    (unsigned)to->port);
	argv[3] = buf_cstr(&where);
	rc = run_beside_begin(&h->daemon, argv, e);
	h->made = rc == 0;
	buf_fini(&where);
	return rc == 0 ? check_greeting(h, e) : -1;
}

/* It greets already, or where set-up had it listen one more of it does. */
static int
exim_listens(struct drain_host *h, bool dry_run, struct err *e)
{
	const struct conf_host *to = dsn_host(h);
	char text[NET_ADDR_TEXT];
	struct err why;

	if (check_greeting(h, &why) == 0)
		return 0;
	if (!is_exims(to))
		return err_set(e,
		    "%s: have Exim listen there, or write dsn-host "
		    "127.0.0.1:25, if it listens there, and then: mailrace "
		    "reload",
		    why.text);
	if (!dry_run)
		return make_daemon(h, e);
	(void)printf("%s would listen at %s:%u, too, until the end.\n", h->exim,
	    net_addr_text(&to->addr, text), (unsigned)to->port);
	return 0;
}

/* ---- the listener -------------------------------------------------------- */

static int
listen_at(struct drain_host *h, bool dry_run, struct err *e)
{
	const struct pf_service *s;
	const char *service, *key;

	if (read_config(h, e) == -1)
		return -1;
	if (h->exim != NULL)
		return exim_listens(h, dry_run, e);
	service = service_of(h);
	if (service == NULL)
		return check_greeting(h, e);
	key = region_printf(h->site.rg, "%s/inet", service);
	s = pf_entry(h->postfix, slice_of(key));
	if (s != NULL)
		return check_service(h, s, e) == -1 ? -1 : check_greeting(h, e);
	if (make_service(h, service, dry_run, e) == -1)
		return -1;
	return dry_run ? 0 : check_greeting(h, e);
}

int
drain_host_listen(struct drain_host *h, bool dry_run)
{
	struct err e;

	if (listen_at(h, dry_run, &e) == 0)
		return 0;
	(void)fail(&e);
	(void)drain_host_end(h);
	return -1;
}

int
drain_host_end(struct drain_host *h)
{
	struct err e;

	if (!h->made)
		return 0;
	h->made = false;
	if (h->exim != NULL) {
		run_beside_end(&h->daemon);
		return 0;
	}
	if (host_files_swap_back(&h->site.files, &e) == 0 &&
	    pf_site_reload(&h->site, &e) == 0)
		return 0;
	(void)fail(&e);
	(void)fprintf(stderr,
	    "mailrace: the service %s stays in master.cf of %s: take it out\n",
	    service_of(h), h->site.dir);
	return -1;
}
