/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy_proto - the header of the PROXY protocol, versions 1 and 2, by which a
 * load balancer says whose connection it carries (proxy-protocol.txt of
 * HAProxy, sections 2.1 and 2.2).
 *
 * Bytes in, struct out; whom to believe is the caller's to know.  Pure; any
 * thread.  An IPv4 address in IPv6 (::ffff:a.b.c.d) comes back as IPv4.
 */

#ifndef LIB_PROXY_PROTO_H
#define LIB_PROXY_PROTO_H

#include <stddef.h>
#include <stdint.h>

#include "lib/net.h"
#include "lib/str.h"

enum {
	PROXY_LINE_MAX = 107,   /* of version 1, with CRLF */
	PROXY_BINARY_MAX = 4096 /* of version 2; it may bring a certificate */
};

enum proxy_result {
	PROXY_MORE, /* so far it is one, and not complete */
	PROXY_BAD,  /* it is none, or too long */
	PROXY_DONE
};

enum proxy_whose {
	PROXY_CLIENT, /* client's, which is named */
	PROXY_OWN,    /* of the proxy itself: it looks if we are there */
	PROXY_UNKNOWN /* somebody's, and not over TCP */
};

struct proxy_header {
	enum proxy_whose whose;
	struct net_addr client, local; /* local: to which it connected */
	uint16_t client_port, local_port;
	size_t len; /* of the header: what follows is the client's */
};

/* in: all that has come yet, from the first byte on. */
enum proxy_result proxy_proto_read(struct slice in, struct proxy_header *h_r);

#endif
