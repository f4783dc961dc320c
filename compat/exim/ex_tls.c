/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS with servers.  Exim's options are lists of hosts, ours are by domain: a
 * list can be taken over where it is about all hosts, or where the hosts of the
 * domain are named by a router.
 */
#include <string.h>

#include "compat/exim/ex_import_priv.h"
#include "lib/net.h"
#include "lib/tls_trust.h"
#include "vmta/effect.h"

/* What OpenSSL takes for the host's own, on Debian. */
#define SYSTEM_FOLDER "/etc/ssl/certs"

enum match { MATCH_NO, MATCH_YES, MATCH_UNKNOWN };

struct level {
	bool use, require, dane;
	const char *authorities; /* "": certificates are not verified */
};

static bool
is_address(const char *host)
{
	struct net_addr a;
	struct err ignored;

	return net_addr_parse(slice_of(host), &a, &ignored) == 0;
}

/*
 * Is the host one of them?  Exim compares addresses, too: which a name has, and
 * which MX hosts there are, nobody here knows.
 */
static enum match
match_host(const struct ex_list *list, const char *host, bool mx)
{
	const struct ex_point point = { NULL, mx ? EX_OTHER : host, false };
	const bool has = ex_list_has(list, &point), address = is_address(host);
	bool other = false, negated = false;

	for (size_t i = 0; i < list->n; i++) {
		const struct ex_item *item = &list->v[i];

		negated = negated || item->negated;
		if (item->kind == EX_ITEM_POINT)
			other = other || mx ||
			    is_address(item->point.domain) != address;
	}
	if (other && (!has || negated))
		return MATCH_UNKNOWN;
	return has ? MATCH_YES : MATCH_NO;
}

/* Is the option about all hosts of the way, none, or who knows? */
static enum match
match(struct ex_import *im, const struct ex_hop *hop, const char *name)
{
	const char *value = ex_conf_value(hop->transport, name), *why;
	const char *at = hop->hosts, *host;
	enum match all = MATCH_NO;
	struct ex_list list;
	bool mx;

	if (value[0] == '\0')
		return MATCH_NO;
	value = ex_constant(im, value, &why);
	if (value == NULL)
		return MATCH_UNKNOWN;
	if (strcmp(value, "*") == 0)
		return MATCH_YES;
	ex_list_read(im->conf, &im->files, "hostlist", value, &list);
	if (list.n == 0 && list.unknown == NULL)
		return MATCH_NO;
	if (list.unknown != NULL || hop->hosts[0] == '\0')
		return MATCH_UNKNOWN;
	for (size_t n = 0; (host = ex_next_host(im->rg, &at, &mx)) != NULL;
	     n++) {
		const enum match one = match_host(&list, host, mx);

		if (n > 0 && one != all)
			return MATCH_UNKNOWN;
		all = one;
	}
	return all;
}

/* Where nobody knows it is told, and taken as no. */
static bool
says(struct ex_import *im, const struct ex_hop *hop, const char *name,
    enum import_fate fate)
{
	enum match m = match(im, hop, name);

	if (m == MATCH_UNKNOWN &&
	    ex_first(im, hop->transport, REGION_JOIN(im->rg, name, " unknown")))
		ex_manual(im, fate, hop->transport, name,
		    "it names hosts, and ours is by domain: write <domain> "
		    "blocks for those that they serve");
	return m == MATCH_YES;
}

/* "system", Debian's default, or a file; "": neither, and told. */
static const char *
authorities(struct ex_import *im, const struct ex_instance *t)
{
	static const char name[] = "tls_verify_certificates";
	const char *value = ex_conf_value(t, name), *why;

	if (value[0] == '\0')
		return TLS_TRUST_SYSTEM;
	value = ex_constant(im, value, &why);
	if (value != NULL &&
	    (str_eq_nocase(value, TLS_TRUST_SYSTEM) ||
		strcmp(value, SYSTEM_FOLDER) == 0))
		return TLS_TRUST_SYSTEM;
	if (value != NULL && value[0] == '/' && value[strlen(value) - 1] != '/')
		return value;
	if (ex_first(im, t, name))
		ex_manual(im, IMPORT_UNSAFE, t, name,
		    "write smtp-tls-ca-file with a file of all that are to be "
		    "believed");
	return "";
}

static struct level
level_of(struct ex_import *im, const struct ex_hop *hop)
{
	struct level l = { .use = true };
	bool verify;

	l.use = !says(im, hop, "hosts_avoid_tls", IMPORT_LOST);
	l.dane = says(im, hop, "hosts_require_dane", IMPORT_UNSAFE);
	l.require = says(im, hop, "hosts_require_tls", IMPORT_UNSAFE) || l.dane;
	verify = says(im, hop, "tls_verify_hosts", IMPORT_UNSAFE);
	l.dane |= says(im, hop, "hosts_try_dane", IMPORT_UNSAFE);
	l.use |= l.require;
	l.dane &= l.use;
	l.authorities = l.use && verify ? authorities(im, hop->transport) : "";
	return l;
}

/* ---- lines ----------------------------------------------------------------- */

/* Which of two options asks for it; the second is often a default. */
static const char *
asked_by(const struct ex_instance *t, const char *first, const char *second)
{
	return ex_conf_value(t, first)[0] != '\0' ? first : second;
}

/*
 * Does mail lose what it had?  DANE is Exim's default, but of no use unless
 * answers of DNS are asked to be signed.
 */
static bool
is_lost(const struct ex_import *im, const struct ex_instance *t,
    const char *name)
{
	return ex_is_set(t, name) ||
	    strcmp(ex_conf_value(ex_main(im->conf), "dns_dnssec_ok"), "1") == 0;
}

/* A directive that the level needs; else it is told. */
static void
add_wanted(struct ex_import *im, const struct ex_instance *t, const char *name,
    struct import_block *b, const char *line[2])
{
	const struct import_fact fact = ex_fact(t, name);
	struct err why;

	if (effect_of("domain", line[0], line[1], &why) == EFFECT_TAKES) {
		(void)import_add(b, line[0], line[1],
		    REGION_JOIN(im->rg, name, ", ", t->where));
		return;
	}
	if (ex_first(im, t, name))
		import_tell(im->report,
		    is_lost(im, t, name) ? IMPORT_UNSAFE : IMPORT_LOST, &fact,
		    "%s%s; TLS without it stands in its place", why.text,
		    ex_is_set(t, name) ? "" : ", and it is Exim's default");
}

/* What the option has become, once. */
static void
tell(struct ex_import *im, const struct ex_instance *t, const char *name,
    const char *text)
{
	const struct import_fact fact = ex_fact(t, name);

	if (ex_is_set(t, name) && fact.value[0] != '\0' &&
	    ex_first(im, t, name))
		import_tell(im->report, IMPORT_TAKEN, &fact, "%s", text);
}

/* Names are compared here in any case. */
static void
tell_names(struct ex_import *im, const struct ex_instance *t)
{
	const struct import_fact fact = ex_fact(t, "tls_verify_cert_hostnames");

	if (!ex_is_set(t, fact.name) || strcmp(fact.value, "*") == 0 ||
	    !ex_first(im, t, fact.name))
		return;
	import_tell(im->report, IMPORT_CHANGED, &fact,
	    "the name of the server has to be in its certificate, whichever it "
	    "is; others are for smtp-tls-cert-match");
}

/* Where another block of ours has asked for it, this one has to say no. */
static void
add_verify(struct ex_import *im, const struct ex_instance *t,
    struct import_block *b, const char *file)
{
	const char *line[2] = { "smtp-tls-ca-file", file };

	if (file[0] == '\0') {
		if (im->verifies)
			(void)import_add(b, line[0], "\"\"", t->where);
		return;
	}
	im->verifies = true;
	add_wanted(im, t, "tls_verify_hosts", b, line);
	tell(im, t, "tls_verify_hosts",
	    REGION_JOIN(im->rg, "smtp-tls-ca-file ", file));
	tell_names(im, t);
}

static void
add_dane(struct ex_import *im, const struct ex_instance *t,
    struct import_block *b)
{
	const char *line[2] = { "use-dane", "yes" };

	add_wanted(im, t, asked_by(t, "hosts_require_dane", "hosts_try_dane"),
	    b, line);
}

/* Without it, what cannot be sent by TLS is sent in clear. */
static void
tell_fallback(struct ex_import *im, const struct ex_instance *t, bool required)
{
	const struct import_fact fact = ex_fact(t, "tls_tempfail_tryclear");

	if (ex_is_true(t, fact.name) || !ex_is_set(t, fact.name) ||
	    !ex_first(im, t, fact.name))
		return;
	if (required)
		import_tell(im->report, IMPORT_TAKEN, &fact,
		    "by require-starttls yes");
	else
		import_tell(im->report, IMPORT_UNSAFE, &fact,
		    "after a failed handshake mail goes in clear; with "
		    "require-starttls yes it never does, also where TLS is not "
		    "offered");
}

static bool
is_same(const struct level *a, const struct level *b)
{
	return a->use == b->use && a->require == b->require &&
	    a->dane == b->dane && strcmp(a->authorities, b->authorities) == 0;
}

void
ex_tls(struct ex_import *im, const struct ex_hop *hop,
    const struct ex_hop *base, struct import_block *in, const char *pattern)
{
	const struct level l = level_of(im, hop);
	const struct ex_instance *t = hop->transport;
	struct import_block *b;
	const char *comment = t->where;

	if (base != NULL) {
		const struct level other = level_of(im, base);

		if (is_same(&l, &other))
			return;
	}
	b = import_block(im->out, in, "domain", pattern);
	(void)import_add(b, "use-starttls", l.use ? "yes" : "no", comment);
	(void)import_add(b, "require-starttls", l.require ? "yes" : "no",
	    comment);
	add_verify(im, t, b, l.authorities);
	if (l.dane)
		add_dane(im, t, b);
	if (!l.use)
		tell(im, t, "hosts_avoid_tls", "use-starttls no");
	if (l.require)
		tell(im, t, "hosts_require_tls",
		    "use-starttls yes, require-starttls yes");
	tell_fallback(im, t, l.require);
}
