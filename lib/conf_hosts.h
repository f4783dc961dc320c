/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf_hosts - PowerMTA's host list, the value of smtp-hosts.
 *
 *	list = group *( ";" group )     the next preference
 *	group = host *( "," host )      the same preference
 *	host = [ "lookup-mx:" ] name [ ":" port ] / address [ ":" port ]
 *	address = "[" IPv4 "]" / "[" [ "IPv6:" ] IPv6 "]" / IPv4
 *
 * Names come out in lower case.  An empty text is an empty list.  Pure.
 */

#ifndef LIB_CONF_HOSTS_H
#define LIB_CONF_HOSTS_H

#include "lib/conf_types.h"
#include "lib/err.h"
#include "lib/mem.h"
#include "lib/str.h"

int conf_hosts_parse(struct slice text, struct region *rg,
    struct conf_hosts *out, struct err *e);

/* Letters, digits, "-", "_" and dots, or UTF-8; no blanks, 253 bytes. */
bool conf_is_host_name(struct slice s);

/* user@host: no blanks, quotes or control characters in it. */
bool conf_is_address(struct slice s);

/* `*`, `dom`, `*.dom`, `[*.]dom`, `[IP/MASK]`, or a queue as `{bounce}`. */
bool conf_is_domain_pattern(struct slice s);

#endif
