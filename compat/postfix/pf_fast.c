/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/postfix/pf_fast.h"

#include <stdlib.h>
#include <string.h>

#include "compat/postfix/pf_filter.h"
#include "compat/postfix/pf_place.h"

/* Tables inside of main.cf or master.cf: since that version. */
enum { MAJOR = 3, MINOR = 7 };

/* By this folder of sockets a service is known as ours, by pf_undo.h too. */
#define FOLDER "mailrace/"
#define TO_US "unix:" FOLDER

/*
 * With the lists of main.cf a stranger might write to the host's own mailboxes
 * here, past all that smtpd and cleanup do at port 25.
 */
#define OWN_CLIENTS "smtpd_client_restrictions"
#define CLIENTS \
	" -o " OWN_CLIENTS "=permit_mynetworks,permit_sasl_authenticated,reject"

static const char sign_in[] =
    " -o smtpd_sasl_auth_enable=yes"
    " -o {smtpd_data_restrictions=check_sasl_access "
    "regexp:{ {/^(.*)$$/ PREPEND X-Mailrace-Auth: $$1} }}";

static const char no_sign_in[] = " -o smtpd_sasl_auth_enable=no"
				 " -o smtpd_data_restrictions=";

/* What is not taken over from the service where users sign in. */
static const char *const ours[] = { "content_filter", "smtpd_proxy_filter",
	"smtpd_proxy_options", "smtpd_proxy_timeout", "syslog_name",
	"smtpd_authorized_verp_clients", "smtpd_authorized_xforward_hosts",
	"smtpd_client_connection_count_limit", "smtpd_data_restrictions",
	"smtpd_milter_maps", "smtpd_milters", "smtpd_sasl_auth_enable" };

/* ---- where ----------------------------------------------------------------- */

bool
pf_fast_place(const char *port, struct net_addr *addr_r, uint16_t *port_r)
{
	static const struct net_addr loopback = { AF_INET, { 127, 0, 0, 1 } };
	const size_t digits = strspn(port, "0123456789");
	struct err ignored;
	unsigned long n;

	if (port[digits] != '\0')
		return net_endpoint_parse(port, addr_r, port_r, &ignored) == 0;
	n = digits == 0 || digits > 5 ? 0 : strtoul(port, NULL, 10);
	*addr_r = loopback;
	*port_r = (uint16_t)n;
	return n > 0 && n <= UINT16_MAX;
}

/* ---- the service where users sign in --------------------------------------- */

/* What holds for a service, or for all (NULL); "": nothing. */
static const char *
effective(const struct pf_conf *h, const struct pf_service *s, const char *name)
{
	const char *own = s == NULL ? NULL : pf_option(h, s, name);

	return own != NULL ? own : pf_value(h, NULL, name);
}

bool
pf_is_fast(const struct pf_conf *h, const struct pf_service *s)
{
	const char *filter = pf_option(h, s, "smtpd_proxy_filter");

	return filter != NULL && strncmp(filter, TO_US, strlen(TO_US)) == 0;
}

static bool
is_like(const struct pf_conf *h, const struct pf_service *s)
{
	return strcmp(s->type, "inet") == 0 &&
	    strcmp(s->command, "smtpd") == 0 && !pf_is_fast(h, s) &&
	    strcmp(effective(h, s, "smtpd_sasl_auth_enable"), "yes") == 0 &&
	    strcmp(effective(h, s, "smtpd_tls_wrappermode"), "yes") != 0;
}

/* One that says itself that they do, else any; NULL: nobody signs in. */
static const struct pf_service *
find_like(const struct pf_conf *h)
{
	const struct pf_service *found = NULL;

	for (const struct pf_service *s = pf_services(h); s != NULL;
	     s = s->next) {
		if (!is_like(h, s))
			continue;
		if (pf_option(h, s, "smtpd_sasl_auth_enable") != NULL)
			return s;
		if (found == NULL)
			found = s;
	}
	return found;
}

static bool
is_ours(struct slice name)
{
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (slice_eq(name, ours[i]))
			return true;
	return false;
}

#define OVERRIDES "receive_override_options"

/*
 * Without our milter nothing is refused while the client is there: what keeps
 * it from the service is not taken over.  NULL: nothing does.
 */
static const char *
overrides_of(const struct pf_conf *h, const struct pf_service *like,
    struct region *rg)
{
	const char *list = pf_option(h, like, OVERRIDES);

	return list == NULL ? NULL : pf_without_no_milters(rg, list);
}

static void
add_options(const struct pf_service *like, const char *overrides,
    struct buf *line)
{
	struct slice rest = slice_of(like->text), text, name;

	while (pf_next_option(&rest, &text, &name))
		if (!is_ours(name) &&
		    (overrides == NULL || !slice_eq(name, OVERRIDES)))
			buf_printf(line, " -o %.*s", (int)text.len, text.p);
	if (overrides != NULL)
		buf_printf(line, " -o " OVERRIDES "=%s", overrides);
}

static void
add_milter(const struct pf_conf *h, const struct pf_service *like,
    const char *milter, struct buf *line)
{
	if (milter == NULL)
		buf_str(line, " -o smtpd_milters=");
	else
		buf_printf(line,
		    " -o smtpd_milters={unix:%s,default_action=tempfail}",
		    milter);
	if (effective(h, like, "smtpd_milter_maps")[0] != '\0')
		buf_str(line, " -o smtpd_milter_maps=");
}

/* Whether milters are asked there must be known. */
static void
check_overrides(const struct pf_conf *h, const struct pf_service *like,
    struct host_plan *p)
{
	const char *list = pf_option(h, like, OVERRIDES);

	if (list == NULL)
		return;
	if (strchr(list, '$') != NULL)
		host_refuse(p,
		    "--fast-path: %s in master.cf, where users sign in, has " OVERRIDES
		    "=%s: whether milters are asked cannot be told; "
		    "write there what it is",
		    like->key, list);
	else if (pf_without_no_milters(p->rg, list) != NULL)
		host_note(p,
		    "%s has " OVERRIDES "=%s: on the fast path our milter is "
		    "asked all the same",
		    like->key, list);
}

/*
 * In the same chroot, or without: a way to the passwords that is found there is
 * found here.
 */
static const char *
chroot_of(const struct pf_conf *h, const struct pf_service *like,
    struct region *rg)
{
	const struct pf_service *s = like != NULL ?
	    like :
	    pf_entry(h, SLICE_LIT("smtp/inet"));

	return s == NULL ? "n" : region_strdup(rg, s->chroot);
}

/* ---- the line --------------------------------------------------------------- */

static void
want_line(const char *port, const char *inject, const char *milter,
    const struct pf_conf *h, struct host_plan *p)
{
	const struct pf_service *like = find_like(h);
	struct buf b = { .p = NULL };

	buf_printf(&b,
	    "%s inet n - %s - 300 smtpd -o syslog_name=postfix/bulk"
	    " -o smtpd_proxy_filter=unix:%s -o smtpd_proxy_timeout=300s"
	    " -o smtpd_proxy_options= -o smtpd_authorized_verp_clients="
	    " -o smtpd_authorized_xforward_hosts="
	    " -o smtpd_client_connection_count_limit=0",
	    port, chroot_of(h, like, p->rg), inject);
	add_milter(h, like, milter, &b);
	buf_str(&b, like != NULL ? sign_in : no_sign_in);
	if (like == NULL || pf_option(h, like, OWN_CLIENTS) == NULL)
		buf_str(&b, CLIENTS);
	if (like != NULL)
		add_options(like,
		    milter == NULL ? NULL : overrides_of(h, like, p->rg), &b);
	pf_want_service(p, h, buf_cstr(&b));
	if (like == NULL)
		host_note(p,
		    "there is no service where users sign in "
		    "(smtpd_sasl_auth_enable): by the fast path only clients "
		    "in mynetworks can send");
	else
		host_note(p,
		    "on the fast path users sign in as at %s, with its options",
		    like->key);
	buf_fini(&b);
}

/* ---- what does not go ------------------------------------------------------- */

static bool
is_old(const char *version)
{
	char *end;
	const unsigned long major = strtoul(version, &end, 10);
	const unsigned long minor = *end == '.' ? strtoul(end + 1, NULL, 10) :
						  0;

	return major < MAJOR || (major == MAJOR && minor < MINOR);
}

static void
check_place(const char *port, const char *filter, const struct pf_conf *h,
    struct host_plan *p)
{
	const char *key = REGION_JOIN(p->rg, port, "/inet"), *other;
	const struct pf_service *s = pf_entry(h, slice_of(key));
	const struct pf_service *there = pf_place_taken(h, port);
	struct net_addr addr;
	uint16_t n;

	if (!pf_fast_place(port, &addr, &n)) {
		host_refuse(p,
		    "--fast-path: %s is neither PORT nor ADDRESS:PORT", port);
		return;
	}
	other = s == NULL ? NULL : pf_option(h, s, "smtpd_proxy_filter");
	if (other != NULL && strcmp(other, filter) != 0)
		host_refuse(p,
		    "--fast-path: %s in master.cf has smtpd_proxy_filter=%s "
		    "already",
		    key, other);
	else if (s != NULL && other == NULL)
		host_refuse(p,
		    "--fast-path: %s in master.cf is another service; take a "
		    "port that is free",
		    key);
	else if (there != NULL)
		host_refuse(p,
		    "--fast-path: %s in master.cf listens there already; take "
		    "a port that is free",
		    there->key);
}

/* What happens in cleanup(8), trivial-rewrite(8) or smtp(8). */
static const char *const lost[] = { "always_bcc", "body_checks",
	"canonical_maps", "content_filter", "header_checks",
	"masquerade_domains", "milter_header_checks", "mime_header_checks",
	"nested_header_checks", "recipient_bcc_maps",
	"recipient_canonical_maps", "sender_bcc_maps", "sender_canonical_maps",
	"smtp_body_checks", "smtp_generic_maps", "smtp_header_checks",
	"smtp_mime_header_checks", "smtp_nested_header_checks",
	"smtpd_data_restrictions", "transport_maps", "virtual_alias_maps" };

static bool
has_other_milters(const struct pf_conf *h, const struct pf_service *like)
{
	struct slice rest = slice_of(effective(h, like, "smtpd_milters")), item;

	while ((item = pf_list_item(&rest)).len > 0)
		if (memmem(item.p, item.len, TO_US, strlen(TO_US)) == NULL)
			return true;
	return false;
}

static void
tell_lost(const struct pf_conf *h, const struct pf_service *like,
    struct host_plan *p)
{
	struct buf b = { .p = NULL };

	for (size_t i = 0; i < sizeof(lost) / sizeof(lost[0]); i++)
		if (effective(h, like, lost[i])[0] != '\0')
			buf_printf(&b, "%s%s", b.len == 0 ? "" : ", ", lost[i]);
	if (has_other_milters(h, like))
		buf_printf(&b, "%sother milters of smtpd_milters",
		    b.len == 0 ? "" : ", ");
	if (b.len > 0)
		host_note(p, "these do not hold for mail by the fast path: %s",
		    buf_cstr(&b));
	buf_fini(&b);
}

/* Mail would go past a filter that all of it goes through, or users' mail. */
static void
check_filters(const struct pf_conf *h, const struct pf_service *like,
    struct host_plan *p)
{
	const char *of_all = pf_value(h, NULL, "smtpd_proxy_filter");
	const char *own = like == NULL ?
	    NULL :
	    pf_option(h, like, "smtpd_proxy_filter");

	if (of_all[0] != '\0')
		host_refuse(p,
		    "--fast-path: smtpd_proxy_filter = %s in main.cf: mail of "
		    "the fast path would not go through it",
		    of_all);
	if (own != NULL && own[0] != '\0')
		host_refuse(p,
		    "--fast-path: %s in master.cf, where users sign in, has "
		    "smtpd_proxy_filter=%s: mail of the fast path would not go "
		    "through it",
		    like->key, own);
}

void
pf_fast(const char *port, const char *inject, const char *milter,
    const struct pf_conf *h, struct host_plan *p)
{
	const char *version = pf_value(h, NULL, "mail_version");
	const struct pf_service *like = find_like(h);

	check_place(port, REGION_JOIN(p->rg, "unix:", inject), h, p);
	if (strncmp(inject, FOLDER, strlen(FOLDER)) != 0)
		host_refuse(p,
		    "--fast-path: the smtp-listener %s has to be in the folder " FOLDER
		    " below queue_directory",
		    inject);
	if (is_old(version))
		host_refuse(p,
		    "--fast-path: this is Postfix %s, and it needs %d.%d: "
		    "older ones have no tables in master.cf; set up without "
		    "it, and let applications that submit much do so at a "
		    "smtp-listener of Mailrace's own, as <smtp-user>",
		    version, MAJOR, MINOR);
	check_filters(h, like, p);
	if (like != NULL && milter != NULL)
		check_overrides(h, like, p);
	tell_lost(h, like, p);
	want_line(port, inject, milter, h, p);
}
