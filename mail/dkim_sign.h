/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dkim_sign - one DKIM-Signature (RFC 6376): rsa-sha256, relaxed/relaxed.
 *
 * Signs the fields of a fixed set that are present, each as often as it
 * occurs, and From once more than that, so that nobody can add one.  The body
 * hash is given: it is computed once, however many signatures there are.
 * Pure; any thread.
 */

#ifndef MAIL_DKIM_SIGN_H
#define MAIL_DKIM_SIGN_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/mem.h"
#include "mail/dkim_key.h"
#include "mail/header.h"

#define DKIM_HEADER "DKIM-Signature"

struct dkim_sign_in {
	const struct dkim_key *key;
	const char *selector, *domain; /* s= and d= */
	const struct header_list *headers;
	const bool *skip; /* by index: fields that do not go out; may be NULL */
	const uint8_t *body_hash; /* SHA-256 of the relaxed body */
};

/* The field's value, folded with CRLF, in the region; NULL with e filled. */
const char *dkim_sign(const struct dkim_sign_in *in, struct region *rg,
    struct err *e);

/*
 * Was this DKIM-Signature made for that domain and selector?  Used to replace
 * a signature of ours when a message passes twice.
 */
bool dkim_sign_is_of(const struct header *h, const char *domain,
    const char *selector, struct region *rg);

#endif
