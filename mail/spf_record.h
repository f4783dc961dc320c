/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spf_record - an SPF record as its terms (RFC 7208 sections 4.5, 4.6, 5, 6, 12).
 *
 * A mistake anywhere in it spoils the whole record.  Pure; slices point into the
 * text, arrays are the region's.
 */

#ifndef MAIL_SPF_RECORD_H
#define MAIL_SPF_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/mem.h"
#include "lib/net.h"
#include "lib/str.h"

enum spf_mechanism {
	SPF_ALL,
	SPF_A,
	SPF_EXISTS,
	SPF_INCLUDE,
	SPF_IP4,
	SPF_IP6,
	SPF_MX,
	SPF_PTR
};

struct spf_term {
	enum spf_mechanism mechanism;
	char qualifier;       /* + - ~ ? */
	struct slice text;    /* as it stands */
	struct slice domain;  /* domain-spec; p NULL: none */
	struct net_prefix to; /* of ip4 and ip6 */
	uint8_t bits4, bits6; /* of a and mx */
};

struct spf_record {
	size_t n;
	struct spf_term *terms;
	struct slice redirect, exp; /* domain-spec; p NULL: none */
};

/* "v=spf1", and a space or nothing behind it. */
bool spf_record_is(const char *text);

/* Of such a text. */
int spf_record_parse(const char *text, struct region *rg,
    struct spf_record *out, struct err *e);

#endif
