/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual MTAs of services, pools of those taken at random, and senders. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "compat/postfix/pf_import_priv.h"

struct pf_hop
pf_hop_of(struct pf_import *im, const char *text)
{
	const char *colon = strchr(text, ':');
	struct pf_hop hop = { text, "" };

	if (colon == NULL)
		return hop;
	hop.service = region_strndup(im->rg, text, (size_t)(colon - text));
	hop.nexthop = colon + 1;
	return hop;
}

bool
pf_is_client(const struct pf_service *s)
{
	return s != NULL && strcmp(s->command, "smtp") == 0;
}

/* ---- addresses ------------------------------------------------------------- */

/* "192.0.2.1" of "[192.0.2.1]"; "" for none, and for any address. */
static const char *
bare_address(struct pf_import *im, const char *value)
{
	size_t len = strlen(value);

	if (len > 2 && value[0] == '[' && value[len - 1] == ']')
		value = region_strndup(im->rg, value + 1, len - 2);
	return strcmp(value, "0.0.0.0") == 0 || strcmp(value, "::") == 0 ?
	    "" :
	    value;
}

static bool
has_family(const struct pf_import *im, const struct pf_service *s,
    const char *name)
{
	const char *protocols = pf_value(im->conf, s, "inet_protocols");

	return strstr(protocols, "all") != NULL ||
	    strstr(protocols, name) != NULL;
}

/* The address that a service binds to, and where that is said; "": to none. */
static const char *
bound_address(struct pf_import *im, const struct pf_service *s, bool six,
    struct import_fact *fact)
{
	const char *address;

	*fact = pf_fact(im, s,
	    six ? "smtp_bind_address6" : "smtp_bind_address");
	address = bare_address(im, fact->value);
	if (!has_family(im, s, six ? "ipv6" : "ipv4"))
		return "";
	if (fact->value[0] == '\0') {
		*fact = pf_fact(im, s, "inet_interfaces");
		address = pf_only_interface(im, s, six);
	}
	return address;
}

/*
 * What is said to servers: smtp_helo_name, by default $myhostname, which a
 * service may set for itself.
 */
static struct import_fact
helo_of(const struct pf_import *im, const struct pf_service *s)
{
	static const char name[] = "smtp_helo_name", host[] = "myhostname";
	static const char *const same[] = { "$myhostname", "${myhostname}",
		"$(myhostname)" };
	const char *set = pf_set(im->conf, name);
	bool follows = set == NULL;

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		follows = follows || strcmp(set, same[i]) == 0;
	return pf_fact(im, s,
	    follows && pf_is_own(im->conf, s, host) &&
		    !pf_is_own(im->conf, s, name) ?
		host :
		name);
}

/* A line for it, if there is one. */
static void
add_address(struct pf_import *im, const struct pf_service *s, bool six,
    struct import_block *vmta, bool tell)
{
	struct import_fact fact;
	const char *address = bound_address(im, s, six, &fact);

	if (address[0] == '\0')
		return;
	address = REGION_JOIN(im->rg, address, " ", helo_of(im, s).value);
	if (tell)
		(void)import_take(vmta, &fact, "smtp-source-host", address,
		    NULL);
	else
		(void)import_add(vmta, "smtp-source-host", address,
		    REGION_JOIN(im->rg, fact.name, ", ", fact.where));
}

/*
 * Where Postfix binds to an address of one family, the system chooses that of
 * the other; we would send by the first alone.  Without IPv4 next to no mail
 * would go out, so then the system chooses always.
 */
static bool
add_sources(struct pf_import *im, const struct pf_service *s,
    struct import_block *vmta, bool tell)
{
	struct import_fact four, six;
	bool has_four = bound_address(im, s, false, &four)[0] != '\0';
	bool has_six = bound_address(im, s, true, &six)[0] != '\0';

	if (has_six && !has_four && has_family(im, s, "ipv4")) {
		if (tell)
			import_tell(im->report, IMPORT_LOST, &six,
			    "mail of %s would go over IPv6 alone: write "
			    "smtp-source-host lines of both families",
			    s->name);
		return false;
	}
	if (tell && has_four && !has_six && has_family(im, s, "ipv6"))
		import_tell(im->report, IMPORT_CHANGED, &four,
		    "mail of %s goes over IPv4 alone, unless you write a "
		    "smtp-source-host of IPv6, too",
		    s->name);
	add_address(im, s, false, vmta, tell);
	add_address(im, s, true, vmta, tell);
	return has_four || has_six;
}

static void
add_addresses(struct pf_import *im, const struct pf_service *s,
    struct import_block *vmta, bool tell)
{
	struct import_fact helo = helo_of(im, s);
	bool has_source = add_sources(im, s, vmta, tell);
	bool changed = pf_is_changed(im->conf, helo.name) ||
	    pf_is_own(im->conf, s, helo.name);

	if (!changed || !pf_is_host_name(im, &helo))
		return;
	if (has_source) {
		if (tell)
			import_tell(im->report, IMPORT_TAKEN, &helo,
			    "in smtp-source-host of <virtual-mta %s>", s->name);
	} else if (tell) {
		(void)import_take(vmta, &helo, "host-name", helo.value, NULL);
	} else {
		(void)import_add(vmta, "host-name", helo.value, helo.name);
	}
}

/* ---- virtual MTAs ---------------------------------------------------------- */

/* Processes of the service: each has one connection. */
static void
add_processes(struct pf_import *im, const struct pf_service *s,
    struct import_block *vmta, bool tell)
{
	bool own = strcmp(s->maxproc, "-") != 0;
	struct import_fact fact = { REGION_JOIN(im->rg, "maxproc of ", s->name),
		s->maxproc,
		s->line == 0 ? "master.cf" :
			       region_printf(im->rg, "master.cf:%u", s->line),
		false };

	if (!own)
		fact = pf_fact(im, NULL, "default_process_limit");
	if (strcmp(fact.value, "0") == 0)
		im->unlimited = true;
	else
		im->connections += strtoull(fact.value, NULL, 10);
	if (tell && (own || pf_is_changed(im->conf, fact.name)))
		(void)import_take(vmta, &fact, "max-smtp-out", fact.value,
		    NULL);
	else
		(void)import_add(vmta, "max-smtp-out", fact.value,
		    REGION_JOIN(im->rg, fact.name, ", ", fact.where));
}

/*
 * A name that nothing has yet: of text what may be in one, and a number if
 * that is another's.
 */
static char *
new_name(struct pf_import *im, const char *text)
{
	char *base = region_strdup(im->rg, text), *to = base, *name, *key;

	for (const char *p = text; *p != '\0'; p++) {
		if (strchr("[]", *p) != NULL)
			continue;
		*to++ = isalnum((unsigned char)*p) != 0 ||
			strchr("._-", *p) != NULL ?
		    *p :
		    '-';
	}
	*to = '\0';
	name = base[0] == '\0' ? region_strdup(im->rg, "unnamed") : base;
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

/* Mail of this virtual MTA has a nexthop of its own. */
static void
add_nexthop(struct pf_import *im, const struct pf_service *s,
    const char *nexthop, struct import_block *vmta)
{
	const char *hosts = pf_hosts(im, nexthop);

	if (hosts != NULL)
		(void)import_add(import_block(im->out, vmta, "domain", "*"),
		    "smtp-hosts", hosts, nexthop);
	pf_routes_repeat(im, vmta);
	pf_limit_nexthop(im, s, nexthop);
}

const char *
pf_vmta(struct pf_import *im, const struct pf_service *s, const char *nexthop)
{
	const char *key = REGION_JOIN(im->rg, s->name,
	    nexthop[0] == '\0' ? "" : "\n", nexthop);
	bool first = strmap_get(im->services, s->name) == NULL;
	char *name = strmap_get(im->vmtas, key);
	struct import_block *b;

	if (name != NULL)
		return name;
	name = new_name(im, key);
	b = import_block(im->out, import_top(im->out), "virtual-mta", name);
	strmap_put(im->vmtas, key, name);
	if (first)
		strmap_put(im->services, s->name,
		    region_dup(im->rg, s, sizeof(*s)));
	import_remark(b,
	    s->line == 0 ?
		"a service of master.cf" :
		region_printf(im->rg, "%s of master.cf:%u", s->name, s->line));
	add_addresses(im, s, b, first);
	if (first && pf_is_own(im->conf, s, "inet_interfaces"))
		pf_tell_interfaces(im, s);
	add_processes(im, s, b, first);
	pf_settings_service(im, s, b, first);
	if (pf_is_own(im->conf, s, "inet_protocols") ||
	    pf_is_own(im->conf, s, "smtp_address_preference"))
		pf_family(im, s, import_block(im->out, b, "domain", "*"),
		    first);
	if (nexthop[0] != '\0') {
		im->own = region_grow(im->rg, im->own, im->own_count,
		    sizeof(*im->own));
		im->own[im->own_count++] = (struct pf_own){ name, nexthop };
		add_nexthop(im, s, nexthop, b);
	}
	if (nexthop[0] != '\0' || pf_tls_is_own(im, s))
		pf_tls(im, b, s, nexthop[0] == '\0' ? im->relay : nexthop);
	return name;
}

/* ---- pools ----------------------------------------------------------------- */

/* The virtual MTA of one value; NULL: told. */
static const char *
vmta_of_value(struct pf_import *im, const char *value,
    const struct import_fact *fact)
{
	struct pf_hop hop = pf_hop_of(im, value);
	const struct pf_service *s = hop.service[0] == '\0' ?
	    im->client :
	    pf_service(im->conf, hop.service);

	if (!pf_is_client(s)) {
		import_tell(im->report, IMPORT_KEPT, fact,
		    "%s: not a service that sends by SMTP", value);
		return NULL;
	}
	if (hop.nexthop[0] != '\0' && pf_hosts(im, hop.nexthop) == NULL) {
		import_tell(im->report, IMPORT_LOST, fact,
		    "%s: this nexthop is not understood", value);
		return NULL;
	}
	return pf_vmta(im, s, hop.nexthop);
}

/* Who is taken how often, of those before and with the i-th. */
static size_t
count_same(const char *const *names, size_t n, const char *name)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += strcmp(names[i], name) == 0;
	return count;
}

static const char *
pool_of(struct pf_import *im, const char *const *names, size_t n,
    const struct import_fact *fact)
{
	const char *key = "";
	struct import_block *b;
	char *name;

	for (size_t i = 0; i < n; i++)
		key = REGION_JOIN(im->rg, key, " ", names[i]);
	name = strmap_get(im->pools, key);
	if (name != NULL)
		return name;
	name = new_name(im,
	    region_printf(im->rg, "pool%zu", strmap_count(im->pools) + 1));
	strmap_put(im->pools, key, name);
	b = import_block(im->out, import_top(im->out), "virtual-mta-pool",
	    name);
	import_remark(b,
	    REGION_JOIN(im->rg, fact->name, ", ", fact->where, ": ",
		fact->value));
	for (size_t i = 0; i < n; i++)
		if (count_same(names, i, names[i]) == 0)
			(void)import_add(b, "virtual-mta",
			    region_printf(im->rg, "%s %zu", names[i],
				count_same(names, n, names[i])),
			    NULL);
	return name;
}

const char *
pf_vmta_of_values(struct pf_import *im, const struct pf_row *row,
    const struct import_fact *fact)
{
	const char **names = region_array(im->rg, row->n, sizeof(*names));

	for (size_t i = 0; i < row->n; i++) {
		names[i] = vmta_of_value(im, row->values[i], fact);
		if (names[i] == NULL)
			return NULL;
	}
	return row->n == 1 ? names[0] : pool_of(im, names, row->n, fact);
}

/* ---- senders --------------------------------------------------------------- */

#define RELAYS "sender_dependent_relayhost_maps"
#define TRANSPORTS "sender_dependent_default_transport_maps"

struct senders {
	struct pf_import *im;
	struct import_block *list; /* NULL: no row yet */
	struct pf_rows transports, relays;
	size_t taken, pairs;
};

/* An expression for an address, or for all of a domain. */
static const char *
regex_of_key(struct pf_import *im, const char *key)
{
	struct buf b = { 0 };
	const char *text;

	buf_str(&b, key[0] == '@' ? "" : "^");
	for (; *key != '\0'; key++) {
		if (strchr("\\^$.|?*+()[]{}/", *key) != NULL)
			buf_byte(&b, '\\');
		buf_byte(&b, *key);
	}
	buf_byte(&b, '$');
	text = region_strdup(im->rg, buf_cstr(&b));
	buf_fini(&b);
	return text;
}

static void
add_sender(struct senders *all, const char *pattern, const char *vmta,
    const struct import_fact *fact)
{
	struct pf_import *im = all->im;
	const char *directive = pattern == NULL ? "*" : "mail-from";
	const char *result = REGION_JOIN(im->rg, pattern == NULL ? "" : pattern,
	    pattern == NULL ? "" : " ", "virtual-mta=", vmta);

	if (all->list == NULL)
		all->list = import_block(im->out, import_top(im->out),
		    "pattern-list", "senders");
	im->by_sender = true;
	if (import_add(all->list, directive, result, fact->value))
		all->taken++;
	else
		import_tell(im->report, IMPORT_LOST, fact,
		    "%s cannot be written", result);
}

/* What a table says of a sender: of the address, else of its domain. */
static const struct pf_row *
ask(const struct pf_rows *rows, const char *key)
{
	const struct pf_row *row = pf_rows_find(rows, key);
	const char *at = strrchr(key, '@');

	if (row != NULL || at == NULL)
		return row;
	return pf_rows_find(rows, at);
}

/* Where there is a row that gives back what would be without it. */
static bool
is_dunno(const struct pf_row *row)
{
	return row->n == 1 && strcmp(row->values[0], "DUNNO") == 0;
}

/* The values of a table of transports, or what holds without one. */
static void
take_transports(struct pf_import *im, const struct pf_row *transport,
    struct pf_row *made)
{
	if (transport != NULL && !is_dunno(transport)) {
		made->n = transport->n;
		made->values = transport->values;
		return;
	}
	made->n = 1;
	made->values = region_array(im->rg, 1, sizeof(*made->values));
	made->values[0] = im->client == NULL ? "smtp" : im->client->name;
}

/* The relay, for those that name no nexthop. */
static void
join_relay(struct pf_import *im, const char *relay, struct pf_row *made)
{
	const char **joined = region_array(im->rg, made->n, sizeof(*joined));

	for (size_t i = 0; i < made->n; i++) {
		struct pf_hop hop = pf_hop_of(im, made->values[i]);

		joined[i] = hop.nexthop[0] != '\0' ?
		    made->values[i] :
		    REGION_JOIN(im->rg, hop.service, ":", relay);
	}
	made->values = joined;
}

/* What is matched; NULL: any sender. */
static const char *
regex_of_row(struct pf_import *im, const struct pf_row *row)
{
	switch (row->kind) {
	case PF_ROW_KEY:
		return regex_of_key(im, row->key);
	case PF_ROW_PATTERN:
		return row->key;
	case PF_ROW_ANY:
		break;
	}
	return NULL;
}

static const char *
pattern_of_row(struct pf_import *im, const struct pf_row *row)
{
	const char *regex = regex_of_row(im, row);

	return regex == NULL ? NULL : REGION_JOIN(im->rg, "/", regex, "/");
}

/*
 * A row of senders: its transports with the relay that the other table has for
 * those that name none.
 */
static void
take_sender(struct senders *all, const struct pf_row *row, bool is_relay)
{
	struct pf_import *im = all->im;
	struct import_fact fact = { is_relay ? RELAYS : TRANSPORTS, "",
		row->where, false };
	const struct pf_row *relay = is_relay ? row :
						ask(&all->relays, row->key);
	struct pf_row made = { .kind = row->kind };
	const char *vmta;

	fact.value = REGION_JOIN(im->rg,
	    row->kind == PF_ROW_ANY ? "any sender" : row->key, " ",
	    row->values[0], row->n > 1 ? ", ..." : "");
	take_transports(im, is_relay ? ask(&all->transports, row->key) : row,
	    &made);
	if (relay != NULL && !is_dunno(relay))
		join_relay(im, relay->values[0], &made);
	vmta = pf_vmta_of_values(im, &made, &fact);
	if (vmta != NULL)
		add_sender(all, pattern_of_row(im, row), vmta, &fact);
}

/*
 * Senders that a row of each table is about, when one of them is a pattern:
 * nobody can look for it in the other table.
 */
static void
take_pair(struct senders *all, const struct pf_row *transport,
    const struct pf_row *relay)
{
	struct pf_import *im = all->im;
	const char *pattern = REGION_JOIN(im->rg,
	    "/^(?=.*(?:", regex_of_row(im, transport),
	    "))(?=.*(?:", regex_of_row(im, relay), "))/");
	const char *both = REGION_JOIN(im->rg, transport->key, " ",
	    transport->values[0], " with ", RELAYS, ", ", relay->key, " ",
	    relay->values[0]);
	struct import_fact fact = { TRANSPORTS, both, transport->where, false };
	struct pf_row made = { .n = transport->n, .values = transport->values };
	const char *vmta;

	if (!is_dunno(relay))
		join_relay(im, relay->values[0], &made);
	vmta = pf_vmta_of_values(im, &made, &fact);
	if (vmta != NULL)
		add_sender(all, pattern, vmta, &fact);
}

/*
 * In which turn a row is asked: Postfix looks for the address in all tables,
 * then for its domain.
 */
enum turn { TURN_ADDRESS, TURN_DOMAIN, TURN_ANY };

static enum turn
turn_of(const struct pf_row *row)
{
	if (row->kind == PF_ROW_ANY)
		return TURN_ANY;
	return row->kind == PF_ROW_KEY && row->key[0] == '@' ? TURN_DOMAIN :
							       TURN_ADDRESS;
}

/* Is there another row that Postfix takes in its place? */
static bool
is_hidden(const struct senders *all, const struct pf_rows *rows,
    const struct pf_row *row)
{
	if (row->kind == PF_ROW_KEY && pf_rows_find(rows, row->key) != row)
		return true;
	if (turn_of(row) == TURN_DOMAIN && rows->any != NULL)
		return true;
	return rows == &all->relays && row->kind != PF_ROW_PATTERN &&
	    pf_rows_find(&all->transports, row->key) != NULL &&
	    pf_rows_find(&all->transports, row->key)->kind == row->kind;
}

/* More of them are a table of customers, and no list to go through by mail. */
#define PAIRS_MAX 1000

static void
count_pair(struct senders *all, const struct pf_row *transport,
    const struct pf_row *relay)
{
	const struct import_fact fact = { TRANSPORTS, transport->key,
		transport->where, false };

	if (++all->pairs <= PAIRS_MAX)
		take_pair(all, transport, relay);
	else if (all->pairs == PAIRS_MAX + 1)
		import_tell(all->im->report, IMPORT_LOST, &fact,
		    "more than %d pairs of a pattern here and a row of %s: "
		    "senders of both go without their relay",
		    PAIRS_MAX, RELAYS);
}

/* Does it leave it to the other table where mail goes? */
static bool
leaves_nexthop(struct pf_import *im, const struct pf_row *row)
{
	for (size_t i = 0; i < row->n; i++)
		if (pf_hop_of(im, row->values[i]).nexthop[0] == '\0')
			return true;
	return false;
}

/* Before the row itself: what relays say of some of its senders. */
static void
take_pairs(struct senders *all, const struct pf_row *row)
{
	if (row->kind == PF_ROW_ANY || is_dunno(row) ||
	    !leaves_nexthop(all->im, row))
		return;
	for (int turn = TURN_ADDRESS; turn < TURN_ANY; turn++)
		for (size_t i = 0; i < all->relays.n; i++) {
			const struct pf_row *relay = &all->relays.v[i];

			if (turn_of(relay) == (enum turn)turn &&
			    (row->kind == PF_ROW_PATTERN ||
				relay->kind == PF_ROW_PATTERN) &&
			    !is_hidden(all, &all->relays, relay))
				count_pair(all, row, relay);
		}
}

static size_t
take_rows(struct senders *all, const struct pf_rows *rows, enum turn turn)
{
	size_t before = all->taken;

	for (size_t i = 0; i < rows->n; i++) {
		const struct pf_row *row = &rows->v[i];
		const struct import_fact fact = { row->key, row->values[0],
			row->where, false };

		if (turn_of(row) != turn)
			continue;
		if (!is_hidden(all, rows, row)) {
			if (rows == &all->transports)
				take_pairs(all, row);
			take_sender(all, row, rows == &all->relays);
		} else if (turn == TURN_DOMAIN && rows->any != NULL)
			import_tell(all->im->report, IMPORT_LOST, &fact,
			    "Postfix does not find it, either: another table "
			    "takes all senders before it looks for domains");
	}
	return all->taken - before;
}

static void
tell_table(struct senders *all, const char *name, size_t n)
{
	struct import_fact fact = pf_fact(all->im, NULL, name);

	if (fact.value[0] != '\0')
		import_tell(all->im->report, IMPORT_TAKEN, &fact,
		    "in <pattern-list senders>: %zu", n);
}

void
pf_senders(struct pf_import *im)
{
	struct senders all = { .im = im };
	size_t transports = 0, relays = 0;

	pf_read_tables(im, NULL, TRANSPORTS, &all.transports);
	pf_read_tables(im, NULL, RELAYS, &all.relays);
	for (int turn = TURN_ADDRESS; turn <= TURN_ANY; turn++) {
		transports += take_rows(&all, &all.transports, (enum turn)turn);
		relays += take_rows(&all, &all.relays, (enum turn)turn);
	}
	tell_table(&all, TRANSPORTS, transports);
	tell_table(&all, RELAYS, relays);
}
