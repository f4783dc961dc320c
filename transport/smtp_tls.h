/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_tls - what a queue's settings ask of TLS with a server: what may be
 * spoken, who must have signed its certificate, and whose names may be in it.
 *
 * A value; what it points to is the snapshot's, but for the next hop, which is
 * the caller's.  All zero asks for nothing.
 */

#ifndef TRANSPORT_SMTP_TLS_H
#define TRANSPORT_SMTP_TLS_H

#include <stdbool.h>

#include "lib/tls.h"
#include "vmta/snapshot.h"

struct smtp_tls_policy {
	struct tls_limits limits;
	bool takes_old; /* TLS 1.0 or 1.1 also where TLS is required */
	const struct tls_trust *trust; /* NULL: any certificate does */
	struct tls_names names;        /* host is the session's */
};

void smtp_tls_policy(const struct snapshot *s, const struct queue_conf *conf,
    const char *nexthop, struct smtp_tls_policy *out);

#endif
