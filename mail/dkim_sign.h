/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dkim_sign - one DKIM-Signature (RFC 6376, RFC 8463).
 *
 * The algorithm is that of the key; which fields are signed is said by
 * dkim_fields.  The body's hash is given: it is computed once, however many
 * signatures there are.  With a simple form of the header the field must go
 * out byte by byte as it is returned, behind "DKIM-Signature: ".  Pure; any
 * thread.
 */

#ifndef MAIL_DKIM_SIGN_H
#define MAIL_DKIM_SIGN_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/mem.h"
#include "mail/canon.h"
#include "mail/dkim_fields.h"
#include "mail/dkim_key.h"
#include "mail/header.h"

#define DKIM_HEADER "DKIM-Signature"

/* How a destination is signed for; immutable. */
struct dkim_sign_opts {
	enum canon header_canon, body_canon;
	const struct dkim_fields *fields; /* NULL: the fixed set */
	bool timestamp;                   /* t= */
	int64_t expire_s;                 /* x= so long from now; 0: never */
	bool body_limit;                  /* l= */
	const char *query_method;         /* q=; "": none */
};

struct dkim_sign_in {
	const struct dkim_key *key;
	const char *selector, *domain; /* s= and d= */
	const char *identity;          /* i=, "local@d" or "@d"; NULL: none */
	const struct dkim_sign_opts *opts;
	const struct header_list *headers;
	const bool *skip; /* by index: fields that do not go out; may be NULL */
	const uint8_t *body_hash; /* SHA-256 of the body in its form of opts */
	uint64_t body_len;        /* bytes of that form; for l= */
	int64_t now_s;            /* for t= and x= */
};

/*
 * The field's value, folded with CRLF, in the region; NULL with e filled.
 * (dkim_sign() is a function of libopendkim.)
 */
const char *dkim_sign_field(const struct dkim_sign_in *in, struct region *rg,
    struct err *e);

/* The octets of the field with its name and CRLF, without making it. */
size_t dkim_sign_len(const struct dkim_sign_in *in, struct region *rg);

/*
 * May it stand in i= beside that d=?  Its domain must be that or below it
 * (RFC 6376 section 3.5), and it must fit into a line; dkim_sign_field() leaves
 * out what may not.
 */
bool dkim_sign_identity_fits(const char *identity, const char *domain);

/*
 * Was this DKIM-Signature made for that domain and selector?  Used to replace
 * a signature of ours when a message passes twice.
 */
bool dkim_sign_is_of(const struct header *h, const char *domain,
    const char *selector, struct region *rg);

#endif
