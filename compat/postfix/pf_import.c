/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/postfix/pf_import.h"

#include <ctype.h>
#include <string.h>
#include <sys/un.h>

#include "compat/import_own.h"
#include "compat/postfix/pf_import_priv.h"
#include "lib/clock.h"
#include "lib/conf_hosts.h"

/* Above what total-max-smtp-out allows by itself. */
#define CONNECTIONS_DEFAULT 1200

/* Tables may stand in main.cf with all that is in them. */
static bool
is_secret(const char *name)
{
	return strcasestr(name, "password") != NULL;
}

struct import_fact
pf_fact(const struct pf_import *im, const struct pf_service *s,
    const char *name)
{
	const char *where = pf_where(im->conf, s, name);

	if (s != NULL && pf_is_own(im->conf, s, name))
		where = REGION_JOIN(im->rg, where, ", service ", s->name);
	return (struct import_fact){ .name = name,
		.value = pf_value(im->conf, s, name),
		.where = where,
		.secret = is_secret(name) };
}

static int
fetch(void *ctx, enum pf_fetch how, const char *table, struct slice *text_r,
    struct err *e)
{
	const struct pf_import *im = ctx;

	return im->from->fetch(im->from->ctx, how, table, text_r, e);
}

static void
complain(void *ctx, const char *table, const char *why)
{
	struct pf_import *im = ctx;
	const struct import_fact fact = { im->naming, table,
		pf_where(im->conf, NULL, im->naming), is_secret(im->naming) };

	/* Who sends in clear for want of a row that says otherwise? */
	import_tell(im->report,
	    strcmp(im->naming, "smtp_tls_policy_maps") == 0 ? IMPORT_UNSAFE :
							      IMPORT_LOST,
	    &fact, "%s", why);
}

void
pf_read_tables(struct pf_import *im, const struct pf_service *s,
    const char *name, struct pf_rows *found)
{
	const char *value = pf_value(im->conf, s, name);
	struct pf_rows *before = strmap_get(im->tables, value);

	/* Once, however many services name it: so is what is wrong told. */
	if (before == NULL) {
		before = region_new_obj(im->rg, struct pf_rows);
		im->naming = name;
		pf_tables_read(&im->reader, value, before);
		strmap_put(im->tables, value, before);
	}
	*found = *before;
}

/* Letters, digits, "-", "_" and dots, but for a "*" in front. */
static bool
is_plain(const char *p)
{
	for (; *p != '\0'; p++)
		if (isalnum((unsigned char)*p) == 0 &&
		    strchr("-_.*", *p) == NULL)
			return false;
	return true;
}

bool
pf_is_plain_host(const char *name)
{
	return conf_is_host_name(slice_of(name)) && is_plain(name);
}

const char *
pf_domain_pattern(struct pf_import *im, const char *key,
    const struct import_fact *fact)
{
	const char *pattern = key[0] == '.' ? REGION_JOIN(im->rg, "*", key) :
					      key;

	if (conf_is_domain_pattern(slice_of(pattern)) && is_plain(pattern))
		return pattern;
	import_tell(im->report, IMPORT_LOST, fact,
	    "\"%s\" is no domain in letters and digits: limits and routes are "
	    "by domain",
	    key);
	return NULL;
}

bool
pf_is_host_name(struct pf_import *im, const struct import_fact *fact)
{
	if (pf_is_plain_host(fact->value))
		return true;
	import_tell(im->report, IMPORT_LOST, fact, "not a host name");
	return false;
}

/* ---- what there is once ---------------------------------------------------- */

static void
add_name(struct pf_import *im)
{
	struct import_block *top = import_top(im->out);
	struct import_fact fact = pf_fact(im, NULL, "myhostname");

	if (pf_is_host_name(im, &fact))
		(void)import_take(top, &fact, "host-name", fact.value, NULL);
}

/* Where Postfix and we meet: what `mailrace setup postfix` writes there. */
static void
add_doors(struct pf_import *im)
{
	struct import_block *top = import_top(im->out);
	const char *queue = pf_value(im->conf, NULL, "queue_directory");

	const char *milter = REGION_JOIN(im->rg, queue, "/mailrace/milter");

	if (queue[0] == '/' && strpbrk(queue, " \t=$\"") == NULL &&
	    strlen(milter) < sizeof(((struct sockaddr_un *)0)->sun_path)) {
		(void)import_add(top, "lmtp-listener",
		    REGION_JOIN(im->rg, queue, "/mailrace/lmtp"),
		    "where Postfix hands over");
		(void)import_add(top, "milter-listener", milter,
		    "where Postfix asks before it queues");
	}
	(void)import_add(top, "dsn-host", "127.0.0.1:10028",
	    "a service of Postfix for notifications to senders");
}

/*
 * Postfix names its client (XFORWARD), and the source of that address counts:
 * what holds for all mail is said of all.  To relay, who hands over needs the
 * right, and that is Postfix.
 */
static struct import_block *
add_source(struct pf_import *im)
{
	struct import_block *all = import_block(im->out, import_top(im->out),
	    "source", "0/0");
	struct import_block *host = import_block(im->out, import_top(im->out),
	    "source", "127.0.0.1");

	import_remark(all, "Whoever brought the mail to Postfix.");
	import_remark(host,
	    "Postfix on this host, which has asked who may send.");
	(void)import_add(host, "always-allow-relaying", "yes", NULL);
	return all;
}

/*
 * A deferred message waits as long as it is old, within two bounds (qmgr(8)):
 * 5m 5m 10m 20m 40m 1h6m40s.
 */
static const char *
retry_list(struct pf_import *im, int64_t least_s, int64_t most_s)
{
	struct buf b = { 0 };
	int64_t age_s = 0, wait_s = 0;
	const char *text;

	for (int n = 0; n < 20 && wait_s < most_s; n++) {
		wait_s = age_s < least_s ? least_s :
		    age_s > most_s       ? most_s :
					   age_s;
		age_s += wait_s;
		buf_str(&b, n == 0 ? "" : ", ");
		str_interval(&b, wait_s * US_PER_S);
	}
	text = region_strdup(im->rg, buf_cstr(&b));
	buf_fini(&b);
	return text;
}

static void
add_retry(struct pf_import *im, struct import_block *domains)
{
	struct import_fact least = pf_fact(im, NULL, "minimal_backoff_time");
	struct import_fact most = pf_fact(im, NULL, "maximal_backoff_time");
	int64_t least_s = pf_time_s(least.value, 's');
	int64_t most_s = pf_time_s(most.value, 's');
	const char *list;

	if (least_s < 1 || most_s < least_s) {
		import_tell(im->report, IMPORT_LOST, &least,
		    "not a time between 1s and maximal_backoff_time");
		return;
	}
	list = retry_list(im, least_s, most_s);
	(void)import_add(domains, "retry-recipients-after", list,
	    "minimal_backoff_time, maximal_backoff_time");
	(void)import_add(domains, "retry-after", list,
	    "minimal_backoff_time, maximal_backoff_time");
	if (pf_is_changed(im->conf, least.name))
		import_tell(im->report, IMPORT_CHANGED, &least,
		    "retry-after and retry-recipients-after %s", list);
	if (pf_is_changed(im->conf, most.name))
		import_tell(im->report, IMPORT_CHANGED, &most,
		    "retry-after and retry-recipients-after %s", list);
}

static void
add_lifetimes(struct pf_import *im, struct import_block *domains)
{
	struct import_fact warn = pf_fact(im, NULL, "delay_warning_time");
	struct import_fact bounce = pf_fact(im, NULL, "bounce_queue_lifetime");
	int64_t s = pf_time_s(warn.value, 'h');
	struct buf b = { 0 };

	if (s > 0) {
		str_interval(&b, s * US_PER_S);
		(void)import_take(domains, &warn, "notify-of-delay-every",
		    buf_cstr(&b),
		    "senders that ask for it (NOTIFY=DELAY) are told, again "
		    "and again");
	} else {
		(void)import_add(domains, "notify-of-delay-every", "never",
		    "delay_warning_time is 0");
	}
	buf_fini(&b);
	if (pf_time_s(bounce.value, 'd') !=
	    pf_time_s(pf_value(im->conf, NULL, "maximal_queue_lifetime"), 'd'))
		import_tell(im->report, IMPORT_LOST, &bounce,
		    "mail of the null sender has the same bounce-after as "
		    "others");
	else if (pf_is_changed(im->conf, bounce.name))
		import_tell(im->report, IMPORT_TAKEN, &bounce,
		    "as bounce-after");
}

/* One line, if it is not as it is for all mail. */
static void
put_family(struct pf_import *im, const struct import_fact *fact,
    struct import_block *domains, const char *family, bool tell)
{
	if (tell)
		(void)import_take(domains, fact, "address-family", family,
		    NULL);
	else
		(void)import_add(domains, "address-family", family,
		    REGION_JOIN(im->rg, fact->name, ", ", fact->where));
}

void
pf_family(struct pf_import *im, const struct pf_service *s,
    struct import_block *domains, bool tell)
{
	struct import_fact protocols = pf_fact(im, s, "inet_protocols");
	struct import_fact wish = pf_fact(im, s, "smtp_address_preference");
	bool v4 = strstr(protocols.value, "ipv4") != NULL;
	bool v6 = strstr(protocols.value, "ipv6") != NULL;

	if (v4 != v6)
		put_family(im, &protocols, domains, v4 ? "ipv4" : "ipv6", tell);
	else if (strcmp(wish.value, "any") != 0)
		put_family(im, &wish, domains,
		    REGION_JOIN(im->rg, "prefer-", wish.value), tell);
	else if (s != NULL)
		put_family(im, &protocols, domains, "any", tell);
}

/* Client certificates. */
static void
add_certificate(struct pf_import *im, struct import_block *domains)
{
	static const char *const names[] = { "smtp_tls_chain_files",
		"smtp_tls_cert_file" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct import_fact fact = pf_fact(im, NULL, names[i]);

		if (fact.value[0] == '\0')
			continue;
		(void)import_take(domains, &fact, "smtp-client-certificate",
		    fact.value, "the key has to be in the same file");
		return;
	}
}

static void
add_total(struct pf_import *im)
{
	if (im->connections > CONNECTIONS_DEFAULT && !im->unlimited)
		(void)import_add(import_top(im->out), "total-max-smtp-out",
		    region_printf(im->rg, "%llu",
			(unsigned long long)im->connections),
		    "as many as all virtual MTAs together");
}

/* ---- in order -------------------------------------------------------------- */

/* Where mail goes of which no table says anything. */
static void
find_default(struct pf_import *im)
{
	struct import_fact fact = pf_fact(im, NULL, "default_transport");
	struct pf_hop hop = pf_hop_of(im, fact.value);
	const struct pf_service *s = pf_service(im->conf, hop.service);

	im->relay_from = "relayhost";
	im->relay = pf_value(im->conf, NULL, im->relay_from);
	im->client = s;
	if (!pf_is_client(s)) {
		im->client = pf_service(im->conf, "smtp");
		import_tell(im->report, IMPORT_KEPT, &fact,
		    "not a service that sends by SMTP: smtp is taken in its "
		    "place");
	} else if (hop.nexthop[0] != '\0') {
		im->relay_from = fact.name;
		im->relay = hop.nexthop;
	}
	if (pf_is_client(s) && pf_is_changed(im->conf, fact.name))
		import_tell(im->report, IMPORT_TAKEN, &fact,
		    "default-virtual-mta %s", s->name);
}

/*
 * The relay's hosts, and behind them those of smtp_fallback_relay, if nothing
 * that is asked by nexthop could hold for one of them and not for the other.
 */
static const char *
with_fallback(struct pf_import *im, const char *hosts)
{
	struct import_fact fact = pf_fact(im, NULL, "smtp_fallback_relay");
	const char *more = pf_hosts(im, fact.value);

	if (fact.value[0] == '\0' || !pf_is_changed(im->conf, fact.name))
		return hosts;
	if (im->client == NULL || hosts == NULL || hosts[0] == '\0' ||
	    more == NULL || pf_is_own(im->conf, im->client, fact.name)) {
		import_tell(im->report, IMPORT_LOST, &fact,
		    "behind MX hosts there is no fallback: it counts where "
		    "smtp-hosts names the others");
		return hosts;
	}
	if (strcmp(pf_value(im->conf, NULL, "smtp_sasl_auth_enable"), "yes") ==
		0 ||
	    pf_value(im->conf, NULL, "smtp_tls_policy_maps")[0] != '\0') {
		import_tell(im->report, IMPORT_LOST, &fact,
		    "manual: in smtp-hosts it would get the password of %s, "
		    "and its TLS",
		    im->relay_from);
		return hosts;
	}
	import_tell(im->report, IMPORT_CHANGED, &fact,
	    "in smtp-hosts, behind %s alone: mail may come back to that; other "
	    "mail has no fallback",
	    im->relay_from);
	return REGION_JOIN(im->rg, hosts, "; ", more);
}

static void
add_default(struct pf_import *im, struct import_block *source,
    struct import_block *domains)
{
	struct import_fact fact = pf_fact(im, NULL, im->relay_from);
	const char *hosts = with_fallback(im, pf_hosts(im, im->relay));

	if (im->client != NULL)
		(void)import_add(source, "default-virtual-mta",
		    pf_vmta(im, im->client, ""), NULL);
	if (im->relay[0] == '\0')
		return;
	if (hosts == NULL) {
		import_tell(im->report, IMPORT_LOST, &fact,
		    "this nexthop is not understood");
		return;
	}
	(void)import_take(domains, &fact, "smtp-hosts", hosts, NULL);
	pf_limit_nexthop(im, im->client, im->relay);
}

/* Every service that sends by SMTP, but for the one of relay_domains. */
static void
add_services(struct pf_import *im)
{
	for (const struct pf_service *s = pf_services(im->conf); s != NULL;
	     s = s->next)
		if (pf_is_client(s) && strcmp(s->name, "relay") != 0)
			(void)pf_vmta(im, s, "");
}

static void
import_all(struct pf_import *im)
{
	struct import_block *domains = import_block(im->out,
	    import_top(im->out), "domain", "*");
	struct import_block *source;

	find_default(im);
	pf_routes_read(im);
	add_name(im);
	add_doors(im);
	pf_own_domains(im);
	source = add_source(im);
	pf_settings_base(im, domains, source);
	add_retry(im, domains);
	add_lifetimes(im, domains);
	pf_family(im, NULL, domains, true);
	add_certificate(im, domains);
	pf_tls(im, import_top(im->out), NULL, im->relay);
	add_default(im, source, domains);
	add_services(im);
	pf_tell_interfaces(im, NULL);
	pf_senders(im);
	if (im->by_sender)
		(void)import_add(source, "pattern-list", "senders", NULL);
	pf_routes(im);
	pf_passwords(im);
	add_total(im);
	pf_settings_rest(im);
	import_own(im->out, im->report, true);
}

void
pf_import(const struct pf_import_source *from, struct region *rg,
    struct import_conf *out, struct import_report *report)
{
	struct pf_import im = { .rg = rg,
		.from = from,
		.conf = from->conf,
		.out = out,
		.report = report };

	im.reader = (struct pf_table_reader){ rg, fetch, complain, &im };
	im.vmtas = strmap_new();
	im.names = strmap_new();
	im.services = strmap_new();
	im.pools = strmap_new();
	im.nexthops = strmap_new();
	im.limited = strmap_new();
	im.tables = strmap_new();
	im.patterns = strmap_new();
	im.domains = strmap_new();
	import_all(&im);
	strmap_free(&im.vmtas);
	strmap_free(&im.names);
	strmap_free(&im.services);
	strmap_free(&im.pools);
	strmap_free(&im.nexthops);
	strmap_free(&im.limited);
	strmap_free(&im.patterns);
	strmap_free(&im.domains);
	for (size_t i = 0; i < strmap_count(im.tables); i++)
		pf_rows_fini(strmap_at(im.tables, i));
	strmap_free(&im.tables);
}
