/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dummy-smtp-port: what would make mail disappear that somebody wanted is an
 * error, and whoever lets others in is told at each load.
 */
#include <string.h>

#include "lib/conf_parse.h"
#include "vmta/snapshot_priv.h"

static const struct conf_node *
node_of(const struct snapshot *s, const char *name)
{
	return conf_set_node(&table_global, &s->global_set, name);
}

/* All addresses, or that one. */
static bool
is_taken_by(const char *where, const struct net_addr *addr, uint16_t port)
{
	static const struct net_addr any4 = { .family = AF_INET },
				     any6 = { .family = AF_INET6 };
	struct net_addr a;
	uint16_t p;
	struct err ignored;

	return net_endpoint_parse(where, &a, &p, &ignored) == 0 && p == port &&
	    (net_addr_eq(&a, addr) || net_addr_eq(&a, &any4) ||
		net_addr_eq(&a, &any6) || net_addr_eq(addr, &any4) ||
		net_addr_eq(addr, &any6));
}

static const char *
find_taker(const struct snapshot *s, const struct net_addr *addr, uint16_t port)
{
	const struct conf_strs *lists[] = { &s->global.smtp_listeners,
		&s->global.lmtp_listeners };

	for (size_t k = 0; k < sizeof(lists) / sizeof(lists[0]); k++)
		for (size_t i = 0; i < lists[k]->n; i++)
			if (is_taken_by(lists[k]->v[i], addr, port))
				return lists[k]->v[i];
	return NULL;
}

void
snapshot_dummy_join(struct snapshot *s, struct conf_errors *errs)
{
	const struct conf_node *ip = node_of(s, "dummy-smtp-ip");
	const struct conf_node *port = node_of(s, "dummy-smtp-port");
	const char *taker;
	struct net_addr addr;
	struct err e;

	if (net_addr_parse(slice_of(s->global.dummy_ip), &addr, &e) == -1) {
		conf_error(errs, ip->file, ip->line, "dummy-smtp-ip: %s",
		    e.text);
		return;
	}
	if (port == NULL || s->global.dummy_port == 0)
		return;
	taker = find_taker(s, &addr, (uint16_t)s->global.dummy_port);
	if (taker != NULL)
		conf_error(errs, port->file, port->line,
		    "dummy-smtp-port: %s is a listener for mail", taker);
	else if (!net_addr_is_loopback(&addr))
		conf_warning(errs, ip->file, ip->line,
		    "dummy-smtp-ip: all mail that comes to %s port %u is "
		    "thrown away",
		    s->global.dummy_ip, (unsigned)s->global.dummy_port);
}
