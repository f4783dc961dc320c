/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/exim/ex_setup.h"

#include <stdio.h>
#include <string.h>

#include "compat/exim/ex_list.h"
#include "compat/exim/ex_rcpt.h"
#include "compat/exim/ex_stay.h"
#include "mail/mark.h"

/* The first line of each of our blocks. */
#define MARK "# Mailrace (mailrace setup exim): "

/* Debian's own numbers: behind hubbed_hosts, before primary. */
#define ROUTER_FILE "conf.d/router/190_mailrace"
#define TRANSPORT_FILE "conf.d/transport/31_mailrace"
#define RETRY_FILE "conf.d/retry/20_mailrace"

/* ---- names --------------------------------------------------------------- */

const char *
ex_wish_domain(const struct ex_wish *w, struct region *rg, const char **rest)
{
	const char *domain;
	size_t len;

	if (w->scope == EX_DOMAINS) {
		*rest += strspn(*rest, ", ");
		len = strcspn(*rest, ", ");
		domain = len == 0 ? NULL : region_strndup(rg, *rest, len);
		*rest += len;
		return domain;
	}
	/* All others: one that no block is about. */
	if (*rest == NULL)
		return NULL;
	*rest = NULL;
	return "any." HOST_PROBE_DOMAIN;
}

const char *
ex_router_where(const struct ex_setup *s, const char *name)
{
	struct ex_place place;

	if (ex_text_label(s->t, "routers", name, &place) == 0)
		return "routers";
	return region_printf(s->p->rg, "%s:%u", place.source->name,
	    place.number);
}

bool
ex_offers_dsn(const struct ex_facts *f)
{
	return ex_main_value(f, "dsn_advertise_hosts")[0] != '\0';
}

/* ---- places -------------------------------------------------------------- */

/* Exactly one; else that is refused: what it is, how often it was found. */
static bool
check_place(struct ex_setup *s, const char *what, size_t found,
    const struct ex_place *place)
{
	struct ex_place include;

	if (found == 1)
		return true;
	if (found > 1)
		host_refuse(s->p,
		    "%s:%u: %s is there more than once: which one holds "
		    "cannot be told",
		    place->source->name, place->number, what);
	else if (ex_text_include(s->t, &include) > 0)
		host_refuse(s->p,
		    "%s is in no file that set-up could change; %s:%u "
		    "includes another: %.*s",
		    what, include.source->name, include.number,
		    (int)include.line.len -
			(include.line.p[include.line.len - 1] == '\n'),
		    include.line.p);
	else
		host_refuse(s->p, "%s is in no file that set-up could change",
		    what);
	return false;
}

/* Put before, or behind, a line. */
static void
want_block(struct ex_setup *s, const struct ex_place *place, const char *block,
    bool behind)
{
	struct region *rg = s->p->rg;
	const struct slice text = place->source->text;
	const char *line = region_strndup(rg, place->line.p, place->line.len);
	const char *end = strchr(line, '\n') == NULL ? "\n" : "";
	const char *value = behind ? REGION_JOIN(rg, line, end, block) :
				     REGION_JOIN(rg, block, line);
	const char *mark = region_strndup(rg, block, strcspn(block, "\n"));
	size_t at;

	if (ex_text_count(text, value, &at) == 1)
		return;
	if (ex_text_count(text, mark, &at) > 0)
		host_refuse(s->p,
		    "%s has \"%s\", and otherwise than it would be now: first "
		    "mailrace setup exim --undo",
		    place->source->name, mark);
	else if (ex_text_count(text, line, &at) != 1)
		host_refuse(s->p, "%s has more than one line \"%.*s\"",
		    place->source->name, (int)strcspn(line, "\n"), line);
	else
		host_add_change(s->p,
		    &(struct host_change){ .kind = EX_TEXT,
			.name = place->source->name,
			.value = value,
			.before = line });
}

/* A file of ours alone. */
static void
want_file(struct ex_setup *s, const char *name, const char *text)
{
	const struct ex_source *is = ex_text_source(s->t, name);

	if (is == NULL)
		host_add_change(s->p,
		    &(struct host_change){ .kind = EX_FILE,
			.name = name,
			.value = text });
	else if (!slice_eq(is->text, text))
		host_refuse(s->p,
		    "%s is there, and otherwise than it would be now: first "
		    "mailrace setup exim --undo",
		    name);
}

/* In a section, at its begin; or in a file. */
static void
want_section(struct ex_setup *s, const char *section, const char *file,
    const char *text)
{
	struct ex_place place = { .number = 0 };

	if (s->wish->form == EX_SPLIT)
		want_file(s, file, text);
	else if (check_place(s,
		     REGION_JOIN(s->p->rg, "\"begin ", section, "\""),
		     ex_text_begin(s->t, section, &place), &place))
		want_block(s, &place, REGION_JOIN(s->p->rg, text, "\n"), true);
}

/* ---- the router ---------------------------------------------------------- */

/* What the router of all other mail takes, and is not to be relayed in. */
static const char *
outbound(struct ex_setup *s)
{
	const char *domains = ex_conf_value(s->last, "domains");

	if (ex_named_list(s->f->conf, "domainlist", "relay_to_domains") == NULL)
		return domains;
	if (domains[0] == '\0')
		return "! +relay_to_domains";
	return REGION_JOIN(s->p->rg, "! +relay_to_domains : ", domains);
}

static const char *
colons(struct ex_setup *s)
{
	const char *rest = s->wish->list, *domain, *all = HOST_PROBE_DOMAIN;

	while ((domain = ex_wish_domain(s->wish, s->p->rg, &rest)) != NULL)
		all = REGION_JOIN(s->p->rg, domain, " : ", all);
	return all;
}

static const char *
which_mail(struct ex_setup *s)
{
	struct region *rg = s->p->rg;
	const char *out = outbound(s);
	const char *rule = out[0] == '\0' ?
	    "" :
	    REGION_JOIN(rg, "  domains = ", out, "\n");

	switch (s->wish->scope) {
	case EX_ALL:
		break;
	case EX_DOMAINS:
		return REGION_JOIN(rg, "  domains = ", colons(s), "\n",
		    out[0] == '\0' ? "" : "  condition = ${if match_domain",
		    out[0] == '\0' ? "" : "{$domain}{", out,
		    out[0] == '\0' ? "" : "}}\n");
	case EX_SENDERS:
		return REGION_JOIN(rg, rule,
		    "  condition = ${if or{{eq{$domain}{", HOST_PROBE_DOMAIN,
		    "}}{match_address{$sender_address}{", s->wish->list,
		    "}}}}\n");
	}
	return rule;
}

/*
 * Files follow one another by name: routers that come behind ours and before
 * the last may only be for what is relayed in.
 */
static void
check_order(struct ex_setup *s)
{
	const char *name = ROUTER_FILE;

	for (const struct ex_instance *r = s->f->conf->first[EX_ROUTER];
	     r != NULL; r = r->next) {
		const char *domains = ex_conf_value(r, "domains");
		struct ex_place place;

		if (strcmp(r->name, EX_OUR_ROUTER) == 0)
			continue;
		if (ex_text_label(s->t, "routers", r->name, &place) != 1 ||
		    strcmp(place.source->name, name) < 0) {
			if (r == s->last)
				host_refuse(s->p,
				    "%s: router %s comes before what %s would "
				    "have",
				    ex_router_where(s, r->name), r->name, name);
		} else if (r != s->last &&
		    strstr(domains, ": +relay_to_domains") == NULL) {
			host_refuse(s->p,
			    "%s: router %s would come behind that of %s, "
			    "which would take its mail",
			    ex_router_where(s, r->name), r->name, name);
		}
		if (r == s->last)
			break;
	}
}

static void
want_router(struct ex_setup *s, const char *transport)
{
	const char *block = REGION_JOIN(s->p->rg,
	    MARK "the router\n" EX_OUR_ROUTER ":\n"
		 "  debug_print = \"R: mailrace for $local_part@$domain\"\n"
		 "  driver = accept\n",
	    which_mail(s), "  transport = ", transport,
	    "\n"
	    "  no_verify\n");
	struct ex_place place = { .number = 0 };

	if (s->wish->form == EX_SPLIT) {
		check_order(s);
		want_file(s, ROUTER_FILE, block);
	} else if (check_place(s,
		       REGION_JOIN(s->p->rg, "router ", s->last->name),
		       ex_text_label(s->t, "routers", s->last->name, &place),
		       &place)) {
		want_block(s, &place, REGION_JOIN(s->p->rg, block, "\n"),
		    false);
	}
}

/* ---- the transport ------------------------------------------------------- */

static const char lmtp_options[] = "  driver = lmtp\n"
				   "  batch_max = 500\n"
				   "  timeout = 5m\n";

static const char smtp_options[] = "  driver = smtp\n"
				   "  protocol = lmtp\n"
				   "  allow_localhost\n"
				   "  hosts_avoid_tls = *\n"
				   "  hosts_try_dane =\n"
				   "  hosts_try_chunking =\n"
				   "  hosts_try_prdr =\n"
				   "  hosts_try_fastopen =\n"
				   "  max_rcpt = 500\n"
				   "  connection_max_messages = 1000\n"
				   "  message_linelength_limit = 1G\n";

/*
 * Whose each message is, in a field that nobody else can bring along.  A local
 * submission, with the name of the program's user in $authenticated_id, is the
 * host's own.  Before what is kept: lists of Exim's add up.
 */
#define WHOSE(id) \
	"  headers_remove = " EXIM_HEADER "\n" \
	"  headers_add = " EXIM_HEADER ": v=1; " id \
	"client=$sender_host_address; " \
	"auth=${if and{{def:sender_host_address}{def:authenticated_id}}" \
	"{${base64:$authenticated_id}}}\n"

static const char whose[] = WHOSE("id=$message_exim_id; ");

/* An earlier set-up wrote this, and what comes of it is still taken. */
static const char whose_earlier[] = WHOSE("");

static const char *
kept(struct ex_setup *s)
{
	const char *all = "";

	for (size_t i = 0; ex_kept_options[i] != NULL; i++) {
		const char *name = ex_kept_options[i];
		const char *value = ex_conf_value(s->transport, name);

		if (value[0] != '\0')
			all = REGION_JOIN(s->p->rg, all, "  ", name, " = ",
			    value, "\n");
	}
	return all;
}

static const char *
transport_block(struct ex_setup *s, const char *name, const char *ways,
    const char *field)
{
	return REGION_JOIN(s->p->rg, MARK "the transport\n", name,
	    ":\n"
	    "  debug_print = \"T: mailrace for $local_part@$domain\"\n",
	    ways, field, kept(s));
}

/* One of an earlier set-up is there, but for that as it would be now. */
static bool
renew_transport(struct ex_setup *s, const char *earlier)
{
	for (size_t i = 0; i < s->t->n; i++) {
		const struct ex_source *is = &s->t->v[i];
		size_t at;

		if (ex_text_count(is->text, earlier, &at) != 1 ||
		    ex_text_count(is->text, whose_earlier, &at) != 1)
			continue;
		host_add_change(s->p,
		    &(struct host_change){ .kind = EX_TEXT,
			.name = is->name,
			.value = whose,
			.before = whose_earlier });
		return true;
	}
	return false;
}

static void
want_transport(struct ex_setup *s, const char *name)
{
	const char *to = s->wish->lmtp_tcp;
	const char *ways;

	if (strcmp(name, EX_TRANSPORT_SMTP) == 0)
		ways = region_printf(s->p->rg,
		    "%s  hosts = %.*s\n  port = %s\n", smtp_options,
		    (int)strcspn(to, ":"), to, strrchr(to, ':') + 1);
	else
		ways = REGION_JOIN(s->p->rg, lmtp_options,
		    "  socket = ", s->wish->lmtp,
		    "\n  user = ", ex_main_value(s->f, "exim_user"),
		    "\n  group = ", ex_main_value(s->f, "exim_group"),
		    "\n  initgroups\n");
	if (renew_transport(s, transport_block(s, name, ways, whose_earlier)))
		return;
	want_section(s, "transports", TRANSPORT_FILE,
	    transport_block(s, name, ways, whose));
}

/* Host and port are one key for all domains: no mail waits for long. */
static void
want_retry(struct ex_setup *s)
{
	const char *to = s->wish->lmtp_tcp;

	want_section(s, "retry", RETRY_FILE,
	    region_printf(s->p->rg,
		MARK "when it is asked again\n%.*s  *  F,4d,1m\n",
		(int)strcspn(to, ":"), to));
}

/* ---- access control lists ------------------------------------------------ */

static bool
is_name(const char *value)
{
	return value[0] != '\0' &&
	    strspn(value,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789_") == strlen(value);
}

/* Statements of the list that an option names, before all others. */
static void
want_statements(struct ex_setup *s, const char *option, const char *block)
{
	const char *name = ex_main_value(s->f, option);
	struct ex_place place = { .number = 0 };
	const char *what = REGION_JOIN(s->p->rg, option, " = ", name);

	if (!is_name(name))
		host_refuse(s->p,
		    "%s: set-up cannot put a statement before it: only a name "
		    "is understood",
		    what);
	else if (check_place(s, what, ex_text_label(s->t, "acl", name, &place),
		     &place))
		want_block(s, &place, block, true);
}

/* Where notifications come back nothing is judged. */
static const char *
notifications(struct ex_setup *s, bool shared)
{
	const char *dsn = s->wish->dsn;

	return region_printf(s->p->rg,
	    "  accept  hosts = %.*s\n"
	    "%s"
	    "          condition = ${if eq{$received_port}{%s}}\n",
	    (int)strcspn(dsn, ":"), dsn,
	    shared ? "          senders = :\n" : "", strrchr(dsn, ':') + 1);
}

/* The first SENDERLESS know no sender yet. */
enum { SENDERLESS = 2 };
static const char *const acls[] = { "acl_smtp_connect", "acl_smtp_helo",
	"acl_smtp_mail", "acl_smtp_rcpt", "acl_smtp_predata", "acl_smtp_mime",
	"acl_smtp_dkim", "acl_smtp_data", NULL };

/* Has a list before it the same name? */
static bool
is_repeated(const struct ex_setup *s, size_t i)
{
	const char *name = ex_main_value(s->f, acls[i]);

	for (size_t k = 0; k < i; k++)
		if (strcmp(ex_main_value(s->f, acls[k]), name) == 0)
			return true;
	return false;
}

static void
want_acls(struct ex_setup *s, const char *dsn, const char *ask)
{
	for (size_t i = 0; acls[i] != NULL; i++) {
		const bool rcpt = strcmp(acls[i], "acl_smtp_rcpt") == 0;

		if (ex_main_value(s->f, acls[i])[0] == '\0' ||
		    is_repeated(s, i) || (dsn[0] == '\0' && !rcpt) ||
		    (i < SENDERLESS && strstr(dsn, "senders") != NULL))
			continue;
		if (dsn[0] != '\0' || ask[0] != '\0')
			want_statements(s, acls[i],
			    REGION_JOIN(s->p->rg, MARK, acls[i], "\n", dsn,
				rcpt ? ask : "", "\n"));
	}
}

/* ---- where notifications come back --------------------------------------- */

static bool
listens_there(const struct ex_setup *s, const char *port)
{
	const char *ports = ex_main_value(s->f, "daemon_smtp_ports"), *item;
	struct ex_cursor at = ex_cursor_of(ports);

	while ((item = ex_cursor_next(&at, s->p->rg)) != NULL)
		if (strcmp(item, port) == 0 ||
		    (strcmp(item, "smtp") == 0 && strcmp(port, "25") == 0))
			return true;
	return false;
}

/* With one more address, in the form of the list. */
static const char *
with_address(struct ex_setup *s, const char *list, bool debconf,
    const char *address)
{
	struct region *rg = s->p->rg;

	if (list[0] == '\0')
		return REGION_JOIN(rg, "<; 0.0.0.0 ; ::0 ; ", address);
	if (strncmp(list, "<;", 2) == 0 || (debconf && strchr(list, ';')) ||
	    (debconf && strchr(list, ':') == NULL))
		return REGION_JOIN(rg, list, " ; ", address);
	if (list[0] != '<' && strstr(list, "::") == NULL)
		return REGION_JOIN(rg, list, " : ", address);
	return NULL;
}

static void
want_line(struct ex_setup *s, const struct ex_place *place, const char *line)
{
	const char *before = region_strndup(s->p->rg, place->line.p,
	    place->line.len);
	size_t at;

	if (ex_text_count(place->source->text, before, &at) != 1)
		host_refuse(s->p, "%s has more than one line \"%.*s\"",
		    place->source->name, (int)strcspn(before, "\n"), before);
	else
		host_add_change(s->p,
		    &(struct host_change){ .kind = EX_TEXT,
			.name = place->source->name,
			.value = line,
			.before = before });
}

#define DEBCONF_LIST "dc_local_interfaces='"

/* The line, and what stands between its quotes; NULL: not understood. */
static const char *
find_debconf(struct ex_setup *s, struct ex_place *place)
{
	const size_t name = sizeof(DEBCONF_LIST) - 1;
	const struct ex_source *is = ex_text_source(s->t, EX_DEBCONF);
	const char *from, *end;
	size_t at = 0, len;

	if (is == NULL || ex_text_count(is->text, DEBCONF_LIST, &at) != 1)
		return NULL;
	from = is->text.p + at;
	end = memchr(from, '\n', is->text.len - at);
	if (end == NULL)
		return NULL;
	*place = (struct ex_place){ .source = is,
		.line = { from, (size_t)(end - from) + 1 } };
	len = strcspn(from + name, "'\n");
	if (from + name + len + 1 != end || from[name + len] != '\'')
		return NULL;
	return region_strndup(s->p->rg, from + name, len);
}

static void
want_debconf(struct ex_setup *s, const char *address)
{
	struct ex_place place;
	const char *list = find_debconf(s, &place);

	if (list != NULL && strstr(list, address) != NULL)
		return;
	if (list != NULL)
		list = with_address(s, list, true, address);
	if (list == NULL)
		host_refuse(s->p,
		    EX_DEBCONF " has no line " DEBCONF_LIST
			       "...' that set-up understands");
	else
		want_line(s, &place,
		    REGION_JOIN(s->p->rg, DEBCONF_LIST, list, "'\n"));
}

static void
want_interface(struct ex_setup *s, const char *address)
{
	static const char name[] = "local_interfaces";
	struct ex_place place = { .number = 0 };
	const char *list = ex_main_value(s->f, name), *line;

	if (s->wish->form != EX_PLAIN) {
		want_debconf(s, address);
		return;
	}
	if (strstr(list, address) != NULL)
		return;
	list = with_address(s, list, false, address);
	if (list == NULL) {
		host_refuse(s->p, "%s = %s: write it with \"<;\" before it",
		    name, ex_main_value(s->f, name));
		return;
	}
	line = REGION_JOIN(s->p->rg, name, " = ", list, "\n");
	if (ex_text_option(s->t, name, &place) > 0) {
		if (memmem(place.line.p, place.line.len, "\\", 1) != NULL)
			host_refuse(s->p, "%s:%u: write %s in one line",
			    place.source->name, place.number, name);
		else if (check_place(s, name,
			     ex_text_option(s->t, name, &place), &place))
			want_line(s, &place, line);
	} else if (check_place(s, "\"begin\"",
		       ex_text_begin(s->t, NULL, &place) > 0, &place)) {
		want_block(s, &place,
		    REGION_JOIN(s->p->rg, MARK "where it listens, too\n", line,
			"\n"),
		    false);
	}
}

/* What is put into each list for notifications; "": nothing. */
static const char *
want_dsn(struct ex_setup *s)
{
	const char *dsn = s->wish->dsn, *port;
	bool shared;

	if (dsn == NULL) {
		host_note(s->p,
		    "dsn-host of Mailrace's configuration names no port of "
		    "127.0.0.1: there will be nothing for notifications");
		return "";
	}
	port = strrchr(dsn, ':') + 1;
	shared = listens_there(s, port);
	if (!shared)
		want_interface(s,
		    region_printf(s->p->rg, "%.*s.%s", (int)strcspn(dsn, ":"),
			dsn, port));
	return notifications(s, shared);
}

/* ---- all ----------------------------------------------------------------- */

/* Who sends must be known where mail comes to; else it has the host's rights. */
static const char *
told_there(struct ex_setup *s, const char *transport, const char *listener,
    bool is_exims)
{
	if (is_exims)
		return transport;
	host_refuse(s->p,
	    "Mailrace would not believe who sends what comes by %s: put this "
	    "line into its configuration, and reload it:\n"
	    "  exim-listener %s",
	    listener, listener);
	return NULL;
}

/* Which transport leads to us; NULL: none can. */
static const char *
transport_name(struct ex_setup *s)
{
	const struct ex_wish *w = s->wish;

	if (ex_offers_dsn(s->f)) {
		if (w->lmtp_tcp != NULL)
			return told_there(s, EX_TRANSPORT_SMTP, w->lmtp_tcp,
			    w->lmtp_tcp_is_exims);
		host_refuse(s->p,
		    "dsn_advertise_hosts = %s: an LMTP socket would lose what "
		    "senders ask for by it: put a second lmtp-listener, such "
		    "as 127.0.0.1:2424, into Mailrace's configuration",
		    ex_main_value(s->f, "dsn_advertise_hosts"));
	} else if (w->lmtp == NULL) {
		host_refuse(s->p,
		    "Mailrace's configuration has no lmtp-listener with a "
		    "path, such as "
		    "/var/spool/postfix/mailrace/lmtp");
	} else if (!s->f->has_lmtp) {
		host_refuse(s->p,
		    "this Exim has no LMTP: another of its packages "
		    "(exim4-daemon-light) does");
	} else {
		return told_there(s, EX_TRANSPORT_LMTP, w->lmtp,
		    w->lmtp_is_exims);
	}
	return NULL;
}

void
ex_setup(const struct ex_wish *w, const struct ex_facts *f,
    const struct ex_text *t, struct host_plan *p)
{
	struct ex_setup s = { .wish = w, .f = f, .t = t, .p = p };
	const char *transport = transport_name(&s), *ask = "", *dsn;

	if (!ex_stay(&s) || transport == NULL)
		return;
	if (w->suppress == NULL)
		host_note(p,
		    "suppress-socket says nothing: who is in a suppression "
		    "list is refused at the hand-over, and Exim sends bounces");
	else
		ask = ex_rcpt_question(&s, which_mail(&s));
	/* Who leads to others first; a run begins with the last. */
	want_router(&s, transport);
	dsn = want_dsn(&s);
	want_acls(&s, dsn, ask);
	if (strcmp(transport, EX_TRANSPORT_SMTP) == 0)
		want_retry(&s);
	want_transport(&s, transport);
}
