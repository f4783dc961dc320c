/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A lookup goes: lists (MX of the domain, or of each lookup-mx) -> hosts,
 * ordered and cut -> addresses of all of them at once -> route.  A step whose
 * questions are all answered, or that has none, leads to the next.
 */
#include "transport/mx.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/dns_name.h"
#include "lib/mem.h"
#include "transport/mx_route.h"
#include "vmta/remote.h"

/*
 * Hosts beyond the targets that are wanted, for those without an address; and
 * the most that a list of MX may make us ask for.
 */
#define HOSTS_SPARE 4
#define HOSTS_MAX 32

/* One question out. */
struct ask {
	struct mx_lookup *lookup;
	struct dns_query *query;
	struct dns_answer **answer; /* where it goes */
};

/* One entry of the route as it was asked for. */
struct source_list {
	uint16_t pref, port;
	bool from_dns;           /* the MX of name; else a host */
	const char *name;        /* a name, or a literal as text */
	struct net_addr literal; /* family 0: a name */
	struct dns_answer *mx;
};

struct mx_lookup {
	struct worker_env *env;
	struct snapshot *conf; /* says who we are */
	struct region *rg;
	const char *domain;
	bool fixed; /* smtp-hosts */
	uint8_t family;
	uint8_t other;  /* of other sources, or 0 */
	bool has_other; /* the domain has addresses for those */
	uint32_t attempts;
	struct net_addr from;
	uint64_t shuffle; /* the order of equal hosts */
	struct mx_self self;
	mx_fn *fn;
	void *arg;
	struct event *next; /* made active when a step is done */
	void (*step)(struct mx_lookup *l);
	size_t list_count;
	struct source_list *lists;
	size_t host_count;
	struct mx_host *hosts;
	size_t ask_count, open; /* asked; not yet answered */
	struct ask *asks;
	struct mx_route route;
};

/* ---- who we are ---------------------------------------------------------- */

static const char *
own_name(struct region *rg, const struct global_conf *g)
{
	char host[256] = "";

	if (g->host_name != NULL && g->host_name[0] != '\0')
		return g->host_name;
	if (gethostname(host, sizeof(host) - 1) == -1)
		host[0] = '\0';
	return region_strdup(rg, host);
}

static bool
has_source(const struct conf_sources *s, const struct net_addr *addr)
{
	for (size_t i = 0; i < s->n; i++)
		if (net_addr_eq(&s->v[i].addr, addr))
			return true;
	return false;
}

/* Another program may serve another port of the same address. */
static bool
has_listener(const struct conf_strs *s, const struct net_addr *addr,
    uint16_t port)
{
	for (size_t i = 0; i < s->n; i++) {
		struct net_addr own;
		uint16_t own_port;
		struct err ignored; /* the configuration has been checked */

		if (s->v[i][0] != '/' &&
		    net_endpoint_parse(s->v[i], &own, &own_port, &ignored) ==
			0 &&
		    own_port == port && net_addr_eq(&own, addr))
			return true;
	}
	return false;
}

/* Do we send from there, or listen there? */
static bool
is_ours(const void *ctx, const struct net_addr *addr, uint16_t port)
{
	const struct snapshot *conf = ctx;
	const struct global_conf *g = snapshot_global(conf);
	size_t vmtas = snapshot_vmta_count(conf);

	if (has_source(&g->sources, addr) ||
	    has_listener(&g->smtp_listeners, addr, port) ||
	    has_listener(&g->lmtp_listeners, addr, port))
		return true;
	for (size_t i = 0; i < vmtas; i++)
		if (has_source(&snapshot_vmta_at(conf, i)->sources, addr))
			return true;
	return false;
}

/* ---- steps and questions ------------------------------------------------- */

/* The next step runs from the loop, so fn is never called from below. */
static void
go_on(struct mx_lookup *l, void (*step)(struct mx_lookup *l))
{
	l->step = step;
	if (l->open == 0)
		event_active(l->next, EV_TIMEOUT, 0);
}

static void
on_next(evutil_socket_t fd, short what, void *arg)
{
	struct mx_lookup *l = arg;

	(void)fd;
	(void)what;
	l->step(l); /* may free l */
}

static void
on_dns(void *arg, struct dns_answer *a)
{
	struct ask *k = arg;
	struct mx_lookup *l = k->lookup;

	CHECK(l->open > 0 && *k->answer == NULL);
	k->query = NULL;
	*k->answer = a;
	l->open--;
	if (l->open == 0)
		event_active(l->next, EV_TIMEOUT, 0);
}

/* Room for the questions of a step; the array may not move later. */
static void
asks_begin(struct mx_lookup *l, size_t most)
{
	CHECK(l->open == 0);
	l->asks = region_array(l->rg, most, sizeof(*l->asks));
	l->ask_count = 0;
}

static void
ask(struct mx_lookup *l, const char *name, enum dns_type type,
    struct dns_answer **answer)
{
	struct ask *k = &l->asks[l->ask_count++];

	k->lookup = l;
	k->answer = answer;
	l->open++;
	k->query = dns_ask(l->env->dns, name, type, on_dns, k);
}

/* ---- the end ------------------------------------------------------------- */

static void
finish(struct mx_lookup *l)
{
	l->fn(l->arg, &l->route); /* may free l */
}

static void
fail(struct mx_lookup *l, enum outcome_kind kind, const char *text)
{
	/*
	 * A host that the operator wrote and that does not exist is his
	 * mistake, not the recipient's: the mail waits until it is corrected.
	 */
	if (l->fixed && kind == OUTCOME_NO_DOMAIN)
		kind = OUTCOME_DNS_TEMP;
	l->route.ok = false;
	l->route.why = (struct outcome){ .kind = kind,
		.phase = PHASE_RESOLVE,
		.text = text,
		.mx = "",
		.esmtp = "",
		.tls = "",
		.source = l->from,
		.wall_us = clock_wall_us() };
	finish(l);
}

static void
fail_loop(struct mx_lookup *l, const char *host)
{
	fail(l, OUTCOME_LOOP,
	    region_printf(l->rg, "mail for %s loops back to us (%s)", l->domain,
		host));
}

static const char *
family_name(uint8_t family)
{
	return family == AF_INET ? "IPv4 " : family == AF_INET6 ? "IPv6 " : "";
}

/* RFC 5321 section 5.1 asks whether *any* address can be used. */
static void
fail_family(struct mx_lookup *l)
{
	fail(l, OUTCOME_NO_FAMILY,
	    region_printf(l->rg, "%s has no %saddress, but others", l->domain,
		family_name(l->family)));
}

/* No target: why? */
static void
fail_without_address(struct mx_lookup *l)
{
	const struct dns_answer *temp = mx_hosts_temp(l->hosts, l->host_count);
	const char *family = family_name(l->family);
	const char *best = l->hosts[0].name;

	if (temp != NULL)
		fail(l, OUTCOME_DNS_TEMP, region_strdup(l->rg, temp->text));
	else if (l->fixed)
		fail(l, OUTCOME_NO_DOMAIN,
		    region_printf(l->rg,
			"no host of smtp-hosts for %s has an %saddress (%s)",
			l->domain, family, best));
	else if (l->lists[0].mx->status == DNS_NODATA)
		fail(l, OUTCOME_NO_DOMAIN,
		    region_printf(l->rg, "%s has neither MX nor %saddress",
			l->domain, family));
	else
		fail(l, OUTCOME_NO_DOMAIN,
		    region_printf(l->rg, "no MX of %s has an %saddress (%s)",
			l->domain, family, best));
}

/* The answers for the other family are here. */
static void
step_other(struct mx_lookup *l)
{
	bool found = l->has_other;

	for (size_t i = 0; i < l->host_count; i++) {
		const struct mx_host *h = &l->hosts[i];
		const struct dns_answer *a = l->other == AF_INET ? h->a :
								   h->aaaa;

		found = found || (a != NULL && a->status == DNS_OK);
	}
	if (found)
		fail_family(l);
	else
		fail_without_address(l);
}

/* None of our family: the other one is asked for where it would be of use. */
static void
ask_other(struct mx_lookup *l)
{
	if (l->other == 0) {
		fail_without_address(l);
		return;
	}
	asks_begin(l, l->host_count);
	for (size_t i = 0; i < l->host_count; i++) {
		struct mx_host *h = &l->hosts[i];

		if (h->literal.family != 0)
			continue;
		if (l->other == AF_INET)
			ask(l, h->name, DNS_A, &h->a);
		else
			ask(l, h->name, DNS_AAAA, &h->aaaa);
	}
	go_on(l, step_other);
}

static void
step_route(struct mx_lookup *l)
{
	const char *self;
	size_t n, max;

	n = mx_hosts_cut(l->hosts, l->host_count, &l->self, &self);
	l->host_count = n;
	if (n == 0) {
		fail_loop(l, self);
		return;
	}
	/* Some may be passed over, which is no attempt. */
	max = remotes_limited(l->conf) ? n * MX_ADDRS_PER_HOST : l->attempts;
	l->route.targets = region_array(l->rg, max, sizeof(struct mx_target));
	l->route.count = mx_hosts_targets(l->hosts, n, l->route.targets, max,
	    l->shuffle);
	if (l->route.count == 0) {
		ask_other(l);
		return;
	}
	l->route.ok = true;
	finish(l);
}

/* ---- addresses ----------------------------------------------------------- */

static bool
is_of_use(const struct mx_lookup *l, uint8_t family)
{
	return l->family == 0 || l->family == family;
}

static void
ask_addresses(struct mx_lookup *l)
{
	asks_begin(l, 2 * l->host_count);
	for (size_t i = 0; i < l->host_count; i++) {
		struct mx_host *h = &l->hosts[i];

		if (h->literal.family != 0)
			continue;
		if (is_of_use(l, AF_INET))
			ask(l, h->name, DNS_A, &h->a);
		if (is_of_use(l, AF_INET6))
			ask(l, h->name, DNS_AAAA, &h->aaaa);
	}
	go_on(l, step_route);
}

/* ---- hosts --------------------------------------------------------------- */

static struct mx_host *
add_host(struct mx_lookup *l, size_t list, const char *name, uint16_t pref)
{
	const struct source_list *s = &l->lists[list];
	struct mx_host *h = &l->hosts[l->host_count++];

	h->order = (uint32_t)s->pref << 16 | pref;
	h->list = list;
	h->from_dns = s->from_dns;
	h->port = s->port;
	h->name = name;
	h->nexthop = s->name;
	return h;
}

static bool
is_null_mx(const struct dns_answer *a)
{
	for (size_t i = 0; i < a->count; i++)
		if (a->mx[i].host[0] != '\0')
			return false;
	return true;
}

static void
add_mx_hosts(struct mx_lookup *l, size_t list, const struct dns_answer *a)
{
	for (size_t i = 0; i < a->count; i++)
		if (a->mx[i].host[0] != '\0')
			(void)add_host(l, list,
			    region_strdup(l->rg, a->mx[i].host), a->mx[i].pref);
}

/*
 * The hosts of one list.  A list that yields none says why in *why, unless
 * another one has said so before with more right: what may pass by itself
 * comes first.
 */
static void
add_list(struct mx_lookup *l, size_t list, enum outcome_kind *kind,
    const char **why)
{
	struct source_list *s = &l->lists[list];
	enum outcome_kind found = OUTCOME_NO_DOMAIN;
	const char *text;

	if (s->mx == NULL) { /* a host as it is */
		if (s->literal.family == 0 || is_of_use(l, s->literal.family))
			add_host(l, list, s->name, 0)->literal = s->literal;
		else
			l->has_other = l->other != 0;
		return;
	}
	text = s->mx->text;
	switch (s->mx->status) {
	case DNS_OK:
		if (!is_null_mx(s->mx)) {
			add_mx_hosts(l, list, s->mx);
			return;
		}
		found = OUTCOME_NULL_MX;
		text = region_printf(l->rg, "%s does not accept mail (null MX)",
		    s->name);
		break;
	case DNS_NODATA: /* RFC 5321 section 5.1: the implicit MX */
		(void)add_host(l, list, s->name, 0);
		return;
	case DNS_TEMP:
		found = OUTCOME_DNS_TEMP;
		break;
	case DNS_NXDOMAIN:
	case DNS_BAD_NAME:
		break;
	}
	if (*why == NULL || found == OUTCOME_DNS_TEMP) {
		*kind = found;
		*why = text;
	}
}

static size_t
most_hosts(const struct mx_lookup *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->list_count; i++) {
		const struct dns_answer *mx = l->lists[i].mx;

		n += mx != NULL && mx->count > 0 ? mx->count : 1;
	}
	return n;
}

static void
step_hosts(struct mx_lookup *l)
{
	enum outcome_kind kind = OUTCOME_NO_DOMAIN;
	const char *why = NULL, *self;
	size_t most = l->attempts + HOSTS_SPARE;

	l->hosts = region_array(l->rg, most_hosts(l), sizeof(*l->hosts));
	for (size_t i = 0; i < l->list_count; i++)
		add_list(l, i, &kind, &why);
	if (l->host_count == 0 && l->has_other) {
		fail_family(l);
		return;
	}
	if (l->host_count == 0) {
		if (why == NULL)
			why = region_printf(l->rg,
			    "%s cannot be reached from an %saddress", l->domain,
			    family_name(l->family));
		fail(l, kind, region_strdup(l->rg, why));
		return;
	}
	mx_hosts_order(l->hosts, l->host_count, l->shuffle);
	l->host_count = mx_hosts_cut(l->hosts, l->host_count, &l->self, &self);
	if (l->host_count == 0) {
		fail_loop(l, self);
		return;
	}
	if (most > HOSTS_MAX)
		most = HOSTS_MAX;
	if (l->host_count > most)
		l->host_count = most;
	ask_addresses(l);
}

/* ---- lists --------------------------------------------------------------- */

/* [192.0.2.1] or [IPv6:2001:db8::1], RFC 5321 section 4.1.3. */
static bool
is_literal(const char *domain, struct net_addr *addr_r)
{
	size_t len = strlen(domain);
	struct err ignored;

	return len > 2 && domain[0] == '[' && domain[len - 1] == ']' &&
	    net_addr_parse((struct slice){ domain + 1, len - 2 }, addr_r,
		&ignored) == 0;
}

/* In the form that is asked, and that certificates have. */
static const char *
asked_name(struct mx_lookup *l, const char *name)
{
	char clean[DNS_NAME_CAP];

	return region_strdup(l->rg,
	    dns_name_clean(name, clean) == 0 ? clean : name);
}

static void
take_domain(struct mx_lookup *l, const struct queue_conf *conf)
{
	struct source_list *s = region_new_obj(l->rg, struct source_list);

	l->lists = s;
	l->list_count = 1;
	s->port = (uint16_t)conf->smtp_port;
	s->from_dns = true;
	s->name = l->domain;
	if (is_literal(l->domain, &s->literal))
		return;
	s->literal.family = 0;
	/* Without an MX this is the host, under the name that was asked. */
	s->name = asked_name(l, l->domain);
	asks_begin(l, 1);
	ask(l, s->name, DNS_MX, &s->mx);
}

static void
take_smtp_hosts(struct mx_lookup *l, const struct queue_conf *conf)
{
	const struct conf_hosts *hosts = &conf->smtp_hosts;

	l->fixed = true;
	l->list_count = hosts->n;
	l->lists = region_array(l->rg, hosts->n, sizeof(*l->lists));
	asks_begin(l, hosts->n);
	for (size_t i = 0; i < hosts->n; i++) {
		const struct conf_host *h = &hosts->v[i];
		struct source_list *s = &l->lists[i];
		char text[NET_ADDR_TEXT];

		s->pref = h->pref;
		s->port = h->port != 0 ? h->port : (uint16_t)conf->smtp_port;
		s->from_dns = h->lookup_mx;
		s->literal = h->addr;
		if (h->name == NULL) {
			s->name = region_printf(l->rg, "[%s]",
			    net_addr_text(&h->addr, text));
			continue;
		}
		s->name = asked_name(l, h->name);
		s->literal.family = 0;
		if (h->lookup_mx)
			ask(l, s->name, DNS_MX, &s->mx);
	}
}

/* The one that other sources have, or 0. */
static uint8_t
other_family(const struct mx_from *from)
{
	if (!from->both_families || from->addr.family == 0)
		return 0;
	return from->addr.family == AF_INET ? AF_INET6 : AF_INET;
}

/* Never by DNS, whatever becomes of the configuration. */
static void
step_no_host(struct mx_lookup *l)
{
	fail(l, OUTCOME_DNS_TEMP, "dsn-host is not set");
}

struct mx_lookup *
mx_lookup_new(struct worker_env *env, const char *domain,
    const struct queue_conf *conf, const struct mx_from *from, mx_fn *fn,
    void *arg)
{
	struct mx_lookup *l = mem_new(struct mx_lookup);

	CHECK(fn != NULL && worker_is_self(env->worker));
	l->env = env;
	l->conf = snapshot_ref(env->conf);
	l->rg = region_new();
	l->domain = region_strdup(l->rg, domain);
	l->from = from->addr;
	l->family = from->addr.family;
	l->other = other_family(from);
	l->attempts = conf->mx_attempts;
	l->fn = fn;
	l->arg = arg;
	while (l->shuffle == 0)
		if (getrandom(&l->shuffle, sizeof(l->shuffle), 0) == -1)
			l->shuffle = 0; /* interrupted */
	l->next = event_new(worker_base(env->worker), -1, 0, on_next, l);
	CHECK(l->next != NULL && l->attempts > 0);
	l->self = (struct mx_self){ .name = own_name(l->rg,
					snapshot_global(l->conf)),
		.owns = is_ours,
		.ctx = l->conf };
	if (conf->smtp_hosts.n == 0 &&
	    strcmp(domain, SNAPSHOT_DSN_DOMAIN) == 0) {
		go_on(l, step_no_host);
		return l;
	}
	if (conf->smtp_hosts.n > 0)
		take_smtp_hosts(l, conf);
	else
		take_domain(l, conf);
	go_on(l, step_hosts);
	return l;
}

uint64_t
mx_lookup_shuffle(const struct mx_lookup *l)
{
	return l->shuffle;
}

void
mx_lookup_set_shuffle(struct mx_lookup *l, uint64_t shuffle)
{
	CHECK(shuffle != 0 && l->host_count == 0);
	l->shuffle = shuffle;
}

void
mx_lookup_free(struct mx_lookup **lp)
{
	struct mx_lookup *l = *lp;

	*lp = NULL;
	if (l == NULL)
		return;
	for (size_t i = 0; i < l->ask_count; i++)
		dns_cancel(&l->asks[i].query);
	for (size_t i = 0; i < l->list_count; i++)
		dns_answer_unref(&l->lists[i].mx);
	for (size_t i = 0; i < l->host_count; i++) {
		dns_answer_unref(&l->hosts[i].a);
		dns_answer_unref(&l->hosts[i].aaaa);
	}
	event_free(l->next);
	region_free(&l->rg);
	snapshot_unref(&l->conf);
	free(l);
}
