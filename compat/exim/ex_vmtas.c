/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual MTAs of transports, domains and senders. */
#include <ctype.h>
#include <string.h>

#include "compat/exim/ex_import_priv.h"

#define INTERFACE "interface"
#define HELO "helo_data"
#define NAME_LEN_MAX 253 /* of a domain */

/* What becomes of each recipient, by all senders whom routers treat alike. */
struct ways {
	struct ex_hop *hops;
	bool *sent;
	const struct ex_instance **transports; /* of those hops, each once */
	size_t transport_count;
	bool as_all;         /* the same hosts and transports as all others */
	const char *program; /* all of it as one text */
};

/* That of one sender. */
struct plan {
	size_t sender;
	const struct ways *ways;
	const char *program; /* "": as that of all other senders */
};

/* ---- addresses ------------------------------------------------------------- */

/* A line for what the configuration has set, or only a line. */
static void
put(struct ex_import *im, struct import_block *b, const struct ex_instance *t,
    const char *name, const char *line[2])
{
	const struct import_fact fact = ex_fact(t, name);

	if (ex_is_set(t, name) && ex_first(im, t, name))
		(void)import_take(b, &fact, line[0], line[1], NULL);
	else
		(void)import_add(b, line[0], line[1],
		    REGION_JOIN(im->rg, name, ", ", t->where));
}

/* What is said to servers; that of the host where it is no name: told. */
static const char *
plain_helo(struct ex_import *im, const struct ex_instance *t, const char *helo)
{
	const char *own = ex_conf_value(ex_main(im->conf), "primary_hostname");

	if (ex_is_plain_host(helo))
		return helo;
	if (ex_first(im, t, "no name"))
		ex_manual(im, IMPORT_LOST, t, HELO, "not a host name");
	return ex_is_plain_host(own) ? own : "";
}

/*
 * Where Exim has an address of one family alone, the system chooses that of the
 * other; we would send by the first alone.  Without IPv4 next to no mail would
 * go out, so then the system chooses always: false.
 */
static bool
check_families(struct ex_import *im, const struct ex_instance *t,
    const struct ex_identity *id)
{
	const struct ex_instance *d = ex_main(im->conf);
	const bool four = id->address[0][0] != '\0',
		   six = id->address[1][0] != '\0';
	const struct import_fact fact = ex_fact(t, INTERFACE);

	if (six && !four) {
		if (ex_first(im, t, "IPv6 alone"))
			import_tell(im->report, IMPORT_LOST, &fact,
			    "manual: mail would go over IPv6 alone: write "
			    "smtp-source-host lines of both families");
		return false;
	}
	if (four && !six && !ex_is_true(d, "disable_ipv6") &&
	    strcmp(ex_conf_value(d, "dns_ipv4_lookup"), "*") != 0 &&
	    ex_first(im, t, "IPv4 alone"))
		import_tell(im->report, IMPORT_CHANGED, &fact,
		    "mail goes over IPv4 alone, unless you write a "
		    "smtp-source-host of IPv6, too");
	return four;
}

static void
add_addresses(struct ex_import *im, const struct ex_instance *t,
    const struct ex_identity *id, struct import_block *b)
{
	const char *own = ex_conf_value(ex_main(im->conf), "primary_hostname");
	const struct import_fact helo = ex_fact(t, HELO);
	const char *line[2] = { "smtp-source-host", NULL };

	if (!check_families(im, t, id)) {
		if (strcmp(id->helo[0], own) == 0)
			return;
		line[0] = "host-name";
		line[1] = plain_helo(im, t, id->helo[0]);
		put(im, b, t, HELO, line);
		return;
	}
	for (int i = 0; i < 2; i++) {
		if (id->address[i][0] == '\0')
			continue;
		line[1] = REGION_JOIN(im->rg, id->address[i], " ",
		    plain_helo(im, t, id->helo[i]));
		put(im, b, t, INTERFACE, line);
	}
	if (ex_is_set(t, HELO) && ex_first(im, t, HELO))
		import_tell(im->report, IMPORT_TAKEN, &helo,
		    "in smtp-source-host of <virtual-mta %s>", t->name);
}

/* ---- virtual MTAs ---------------------------------------------------------- */

/* A name that nothing has yet. */
static const char *
new_name(struct ex_import *im, const char *text)
{
	char *base = region_strdup(im->rg, text), *name = base, *key;

	for (char *p = base; *p != '\0'; p++)
		if (isalnum((unsigned char)*p) == 0 &&
		    strchr("._-", *p) == NULL)
			*p = '-';
	for (unsigned n = 2;; n++) {
		key = region_strdup(im->rg, name);
		str_lower(key);
		if (strmap_get(im->names, key) == NULL)
			break;
		name = region_printf(im->rg, "%s-%u", base, n);
	}
	strmap_put(im->names, key, name);
	return name;
}

/* "user@a.example", "*.a.example" */
static const char *
point_text(struct ex_import *im, const struct ex_point *p)
{
	return REGION_JOIN(im->rg, p->local == NULL ? "" : p->local,
	    p->local == NULL ? "" : "@", p->below ? "*." : "",
	    p->domain == NULL ? "all others" : p->domain);
}

struct vmta {
	const char *name;
	struct import_block *block;
};

bool
ex_is_used(const struct ex_import *im, const struct ex_instance *t)
{
	return strmap_get(im->told, REGION_JOIN(im->rg, t->where, "\n")) !=
	    NULL;
}

/* That of a way of a plan; made if it is not there. */
static const struct vmta *
vmta_of(struct ex_import *im, const struct plan *plan,
    const struct ex_instance *t)
{
	const struct ex_point *sender = &im->senders.v[plan->sender];
	struct ex_identity id;
	const char *key, *text = t->name;
	struct vmta *v;

	ex_identity(im, t, plan->sender, &id);
	key = REGION_JOIN(im->rg, id.key, "\n", plan->program);
	v = strmap_get(im->vmtas, key);
	if (v != NULL)
		return v;
	v = region_new_obj(im->rg, struct vmta);
	/* The name of the transport is that of its first one. */
	if (!ex_first(im, t, "") && sender->domain != NULL)
		text = REGION_JOIN(im->rg, t->name, "-",
		    sender->local == NULL ? "" : sender->local,
		    sender->local == NULL ? "" : "-", sender->domain);
	v->name = new_name(im, text);
	v->block = import_block(im->out, import_top(im->out), "virtual-mta",
	    v->name);
	import_remark(v->block,
	    sender->domain == NULL ? t->where :
				     REGION_JOIN(im->rg, t->where, ", for ",
					 point_text(im, sender)));
	strmap_put(im->vmtas, key, v);
	add_addresses(im, t, &id, v->block);
	ex_settings_transport(im, t, im->base, v->block);
	ex_dkim(im, t, im->base, v->block);
	if (t != im->base && plan->program[0] == '\0' && plan->ways->sent[0] &&
	    t == plan->ways->hops[0].transport)
		ex_tls(im, &plan->ways->hops[0], NULL, v->block, "*");
	return v;
}

/* ---- plans ----------------------------------------------------------------- */

static void
add_transport(struct ex_import *im, struct ways *w, const struct ex_instance *t)
{
	for (size_t i = 0; i < w->transport_count; i++)
		if (w->transports[i] == t)
			return;
	w->transports = region_grow(im->rg, w->transports, w->transport_count,
	    sizeof(void *));
	w->transports[w->transport_count++] = t;
}

/* Do both send each recipient's mail to the same hosts, by like transports? */
static bool
same_ways(const struct ex_import *im, const struct ways *a,
    const struct ways *b)
{
	for (size_t i = 0; i < im->rcpts.n; i++) {
		const struct ex_hop *x = &a->hops[i], *y = &b->hops[i];

		if (a->sent[i] != b->sent[i])
			return false;
		if (!a->sent[i])
			continue;
		if (strcmp(x->hosts, y->hosts) != 0 ||
		    (x->transport == a->hops[0].transport) !=
			(y->transport == b->hops[0].transport) ||
		    (x->transport != y->transport &&
			x->transport != a->hops[0].transport))
			return false;
	}
	return true;
}

static const char *
program_of(struct ex_import *im, const struct ways *w)
{
	struct buf b = { 0 };
	const char *text;

	for (size_t i = 0; i < im->rcpts.n; i++)
		if (w->sent[i])
			buf_printf(&b, "%zu %s %s\n", i,
			    w->hops[i].transport->name, w->hops[i].hosts);
	text = region_strdup(im->rg, buf_cstr(&b));
	buf_fini(&b);
	return text;
}

static const struct ways *
ways_of(struct ex_import *im, size_t sender)
{
	size_t first = im->routed[sender];
	struct ways *w = im->ways[first];

	if (w != NULL)
		return w;
	w = region_new_obj(im->rg, struct ways);
	im->ways[first] = w;
	w->hops = region_array(im->rg, im->rcpts.n, sizeof(*w->hops));
	w->sent = region_array(im->rg, im->rcpts.n, sizeof(*w->sent));
	for (size_t i = 0; i < im->rcpts.n; i++) {
		w->sent[i] = ex_hop(im, first, i, &w->hops[i]);
		if (w->sent[i])
			add_transport(im, w, w->hops[i].transport);
	}
	w->program = program_of(im, w);
	w->as_all = first == 0 || same_ways(im, w, im->ways[0]);
	return w;
}

static const char *
identity_key(struct ex_import *im, const struct ex_instance *t, size_t sender)
{
	struct ex_identity id;

	ex_identity(im, t, sender, &id);
	return id.key;
}

/*
 * Does mail of that sender go to the same places as all other, by like virtual
 * MTAs but for that of most mail?
 */
static bool
is_alike(struct ex_import *im, size_t sender, const struct ways *w)
{
	if (!w->as_all)
		return false;
	for (size_t i = 0; i < w->transport_count; i++) {
		const struct ex_instance *t = w->transports[i];

		if (t != w->hops[0].transport &&
		    strcmp(identity_key(im, t, sender),
			identity_key(im, t, 0)) != 0)
			return false;
	}
	return true;
}

/* ---- domains --------------------------------------------------------------- */

/* Which option of the router, or of the transport, names the hosts. */
static struct import_fact
hosts_fact(const struct ex_hop *hop)
{
	static const char *const names[] = { "route_list", "route_data" };

	for (size_t i = 0; i < 2; i++)
		if (ex_is_set(hop->router, names[i]))
			return ex_fact(hop->router, names[i]);
	return ex_fact(hop->transport, "hosts");
}

/* A line about hosts, also that there are none. */
static void
put_hosts(struct ex_import *im, const struct ex_hop *hop,
    struct import_block *b)
{
	const struct import_fact fact = hosts_fact(hop);
	const char *hosts = hop->hosts[0] == '\0' ? "\"\"" : hop->hosts;
	const char *comment = REGION_JOIN(im->rg, fact.name, ", ", fact.where);

	if (hop->hosts[0] == '\0')
		comment = hop->router->where;
	if (hop->hosts[0] != '\0' && ex_first(im, hop->router, fact.name))
		(void)import_take(b, &fact, "smtp-hosts", hosts, NULL);
	else
		(void)import_add(b, "smtp-hosts", hosts, comment);
}

/* One domain of the plan that holds for all senders. */
static void
put_domain(struct ex_import *im, const struct plan *plan, size_t rcpt)
{
	const struct ex_hop *hop = &plan->ways->hops[rcpt],
			    *all = &plan->ways->hops[0];
	const char *pattern = ex_pattern(im, &im->rcpts.v[rcpt]);
	const char *directive = im->by_sender ? "reroute-to-virtual-mta" :
						"vmta";
	struct import_block *top = import_top(im->out), *in = top, *b;
	bool same = plan->ways->sent[0] && hop->transport == all->transport;

	b = import_block(im->out, top, "domain", pattern);
	if (!same) {
		const struct vmta *v = vmta_of(im, plan, hop->transport);

		in = v->block;
		(void)import_add(b, directive, v->name, hop->router->where);
	} else if (im->below) {
		(void)import_add(b, directive, "\"\"", hop->router->where);
	}
	if (im->below || !plan->ways->sent[0] ||
	    strcmp(hop->hosts, all->hosts) != 0)
		put_hosts(im, hop, b);
	ex_tls(im, hop, same ? all : NULL, in, pattern);
	ex_password(im, hop, top, pattern);
}

static void
put_all_senders(struct ex_import *im, const struct plan *plan,
    struct import_block *source)
{
	struct import_block *top = import_top(im->out);
	const struct ex_hop *all = &plan->ways->hops[0];
	const struct import_fact fact = { "routers", "", "section routers",
		false };

	if (plan->ways->sent[0]) {
		(void)import_add(source, "default-virtual-mta",
		    vmta_of(im, plan, all->transport)->name,
		    all->router->where);
		if (all->hosts[0] != '\0')
			put_hosts(im, all,
			    import_block(im->out, top, "domain", "*"));
		ex_tls(im, all, NULL, top, "*");
		ex_password(im, all, top, "*");
	} else {
		import_tell(im->report, IMPORT_LOST, &fact,
		    "none that is understood sends mail to domains that no "
		    "other names");
	}
	for (size_t i = 1; i < im->rcpts.n; i++)
		if (plan->ways->sent[i])
			put_domain(im, plan, i);
}

/* All that is otherwise for a sender, within its own virtual MTAs. */
static void
put_program(struct ex_import *im, const struct plan *plan)
{
	for (size_t i = 0; i < im->rcpts.n; i++) {
		const struct ex_hop *hop = &plan->ways->hops[i];
		const char *pattern = ex_pattern(im, &im->rcpts.v[i]);
		const struct vmta *base = vmta_of(im, plan,
		    plan->ways->hops[0].transport);
		const struct vmta *own;

		if (!plan->ways->sent[i])
			continue;
		own = vmta_of(im, plan, hop->transport);
		(void)import_add(
		    import_block(im->out, base->block, "domain", pattern),
		    "reroute-to-virtual-mta", own == base ? "\"\"" : own->name,
		    hop->router->where);
		put_hosts(im, hop,
		    import_block(im->out, own->block, "domain", pattern));
		ex_tls(im, hop, NULL, own->block, pattern);
		ex_password(im, hop, own->block, pattern);
	}
}

/* ---- senders --------------------------------------------------------------- */

/* In which order patterns are asked: single addresses first. */
static int
rank(const struct ex_point *p)
{
	if (p->local != NULL)
		return p->below ? 1 : 0;
	return p->below ? 3 : 2;
}

static const char *
sender_pattern(struct ex_import *im, const struct ex_point *p)
{
	const char *parts[] = { p->local == NULL ? "" : p->local,
		p->below ? "." : "", p->domain };
	struct buf b = { 0 };
	const char *text;

	buf_str(&b, p->local == NULL ? "/" : "/^");
	for (size_t i = 0; i < 3; i++) {
		/* Between the local part and the domain, or all below it. */
		if (i == 1 && p->below)
			buf_str(&b, "@.+");
		else if (i == 1)
			buf_byte(&b, '@');
		for (const char *c = parts[i]; *c != '\0'; c++) {
			if (strchr("\\^$.|?*+()[]{}/", *c) != NULL)
				buf_byte(&b, '\\');
			buf_byte(&b, *c);
		}
	}
	buf_str(&b, "$/");
	text = region_strdup(im->rg, buf_cstr(&b));
	buf_fini(&b);
	return text;
}

/* The name for each leader; NULL: as for all other mail. */
static const char *
vmta_of_sender(struct ex_import *im, size_t sender)
{
	const struct import_fact fact = { "routers",
		point_text(im, &im->senders.v[sender]), "section routers",
		false };
	struct plan plan = { sender, ways_of(im, sender), "" };

	if (!plan.ways->sent[0]) {
		/* Not even then is it as that of all other senders. */
		if (sender != 0)
			import_tell(im->report, IMPORT_LOST, &fact,
			    "manual: mail of this sender goes to single "
			    "domains alone, and here as all other mail there");
		return NULL;
	}
	if (!is_alike(im, sender, plan.ways)) {
		plan.program = plan.ways->program;
		put_program(im, &plan);
	}
	return vmta_of(im, &plan, plan.ways->hops[0].transport)->name;
}

/* Rows of a rank; of those with wildcards the longer names first. */
static size_t
put_rows(struct ex_import *im, const char *const *names, int turn, size_t len)
{
	struct import_block *list = import_block(im->out, import_top(im->out),
	    "pattern-list", "senders");
	size_t n = 0;

	for (size_t i = 1; i < im->senders.n; i++) {
		const struct ex_point *p = &im->senders.v[i];
		const char *name = names[im->leaders[i]];

		if (rank(p) == turn && name != NULL &&
		    (len == 0 || strlen(p->domain) == len) &&
		    import_add(list, "mail-from",
			REGION_JOIN(im->rg, sender_pattern(im, p),
			    " virtual-mta=", name),
			point_text(im, p)))
			n++;
	}
	return n;
}

/* Could a row take mail of a sender that is named apart? */
static bool
overlap(const struct ex_points *senders)
{
	for (size_t i = 0; i < senders->n; i++)
		if (senders->v[i].below || senders->v[i].local != NULL)
			return true;
	return false;
}

static void
put_senders(struct ex_import *im, struct import_block *source)
{
	const char **names = region_array(im->rg, im->senders.n,
	    sizeof(*names));
	const struct import_fact fact = { "senders", "", "", false };
	const char *other = vmta_of_sender(im, 0);
	size_t n = 0;

	for (size_t i = 0; i < im->senders.n; i++) {
		if (im->leaders[i] != i)
			continue;
		names[i] = vmta_of_sender(im, i);
		if (names[i] == other && !overlap(&im->senders))
			names[i] = NULL;
	}
	n += put_rows(im, names, 0, 0);
	for (size_t len = NAME_LEN_MAX; len > 0; len--)
		n += put_rows(im, names, 1, len);
	n += put_rows(im, names, 2, 0);
	for (size_t len = NAME_LEN_MAX; len > 0; len--)
		n += put_rows(im, names, 3, len);
	if (n == 0)
		return;
	(void)import_add(source, "pattern-list", "senders", NULL);
	import_tell(im->report, IMPORT_TAKEN, &fact,
	    "in <pattern-list senders>: %zu", n);
}

void
ex_vmtas(struct ex_import *im, struct import_block *source)
{
	struct plan all = { 0, ways_of(im, 0), "" };

	for (size_t i = 0; i < im->senders.n; i++)
		im->by_sender = im->by_sender || im->leaders[i] != 0;
	if (all.ways->transport_count > 0) {
		im->base = all.ways->transports[0];
		ex_settings_base(im, im->base);
	}
	put_all_senders(im, &all, source);
	if (im->by_sender)
		put_senders(im, source);
}
