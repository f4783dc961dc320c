/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net - addresses, prefixes, listening sockets (also inherited ones), and
 * outgoing sockets bound to a source address.
 *
 * Values only, no state but the list of inherited sockets, which is read once
 * by main before threads start.
 */

#ifndef LIB_NET_H
#define LIB_NET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "lib/err.h"
#include "lib/str.h"

#define NET_ADDR_TEXT 46

struct net_addr {
	uint8_t family; /* AF_INET, AF_INET6, or 0: none */
	uint8_t a[16];  /* network order; IPv4 in the first four */
};

struct net_prefix {
	struct net_addr addr;
	uint8_t bits;
};

int net_addr_parse(struct slice s, struct net_addr *a_r, struct err *e);
/* PowerMTA's short forms too: 0/0, 10/8, 173.194/16. */
int net_prefix_parse(struct slice s, struct net_prefix *p_r, struct err *e);
/* "IP:PORT", "[IPv6]:PORT"; 0/0 as the address is 0.0.0.0. */
int net_endpoint_parse(const char *where, struct net_addr *a_r,
    uint16_t *port_r, struct err *e);
bool net_prefix_match(const struct net_prefix *p, const struct net_addr *a);
bool net_addr_eq(const struct net_addr *a, const struct net_addr *b);
/*
 * Can a socket of this host be bound to it?  Asks the kernel; when there is no
 * socket to ask with, it is taken for granted.
 */
bool net_addr_is_local(const struct net_addr *a);
/* ::ffff:192.0.2.1 becomes 192.0.2.1 (RFC 4291 section 2.5.5.2). */
void net_addr_unmap(struct net_addr *a);
bool net_addr_is_loopback(const struct net_addr *a);
const char *net_addr_text(const struct net_addr *a, char out[NET_ADDR_TEXT]);

/* Of our end of a connection; family 0: it has none, as a unix socket. */
void net_local_addr(int fd, struct net_addr *a_r);

void net_addr_from_sa(const struct sockaddr *sa, struct net_addr *a_r,
    uint16_t *port_r);

/*
 * Listens on "/path" (unix, mode 0660) or "IP:PORT" or "[IPv6]:PORT";
 * non-blocking, close-on-exec.  Uses a socket that systemd handed over
 * (LISTEN_FDS) when one is bound to the same address.  Returns the socket.
 */
int net_listen(const char *where, struct err *e);

/*
 * As net_listen(), for the one socket that may be handed over wherever it is
 * bound: where none is bound there, the first is taken that nobody has asked for.
 */
int net_listen_any(const char *where, struct err *e);

/* Was a socket handed over for this unix path?  Then it outlives us. */
bool net_is_inherited(const char *path);

/*
 * Of the sockets handed over, the i-th that no net_listen() has asked for, as
 * text; false: there are no more.
 */
bool net_unused_inherited(size_t i, char *out, size_t cap);

/* Why net_connect() has failed, where it was not the other side's fault. */
enum net_fault {
	NET_FAULT_NONE,
	NET_FAULT_BIND, /* the source address cannot be used */
	NET_FAULT_FILES /* there is no file descriptor left */
};

/*
 * Starts a non-blocking TCP connection from source (family 0: any), bound
 * with IP_BIND_ADDRESS_NO_PORT.  A failed bind is an error, never another
 * source; fault_r tells it from other failures.  Returns the socket.
 */
int net_connect(const struct net_addr *source, const struct net_addr *to,
    uint16_t port, enum net_fault *fault_r, struct err *e);

#endif
