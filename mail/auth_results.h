/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth_results - what the filters of this host wrote about a message
 * (Authentication-Results, RFC 8601), for an ARC set.
 *
 * All fields of one authserv-id are merged in their order, without version
 * and comments, which receivers of ARC are known to stumble over; "none" says
 * nothing and is left out.  A field that cannot be read is none.  That nobody
 * but this host's filters wrote these fields is for the filters to see to:
 * whoever adds them must remove those that came in (RFC 8601 section 5).
 * Pure; any thread.
 */

#ifndef MAIL_AUTH_RESULTS_H
#define MAIL_AUTH_RESULTS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/mem.h"
#include "mail/header.h"

#define AUTH_RESULTS_HEADER "Authentication-Results"

struct auth_results {
	size_t n;
	const char **v; /* "dkim=pass header.d=example.net", on one line */
};

void auth_results_read(const struct header_list *headers,
    const char *authserv_id, struct region *rg, struct auth_results *out);

/* text stays; it is a result as those of above. */
void auth_results_add(struct auth_results *r, const char *text,
    struct region *rg);

/*
 * What was found by that method, such as "pass" by "dkim", in the region; the
 * first of several.  NULL: nothing is said about it.
 */
const char *auth_results_find(const struct auth_results *r, const char *method,
    struct region *rg);

/*
 * Is that a field of this authserv-id, or one of which nobody can tell?  Who adds
 * one of his own takes these away (RFC 8601 section 5).
 */
bool auth_results_may_be_of(const struct header *field,
    const char *authserv_id);

/*
 * The value of a field that says that, with folds, for behind the colon; every
 * result is a line of its own.  Without any it says "none".
 */
const char *auth_results_write(const struct auth_results *r,
    const char *authserv_id, struct region *rg);

/* Such a field first, in place of all that may be of that authserv-id. */
void auth_results_replace(const struct auth_results *r, const char *authserv_id,
    struct region *rg, struct header_list *headers);

/* Can it be written as an authserv-id: a token (RFC 2045 section 5.1)? */
bool auth_results_is_id(const char *text);

/* A value of a result, quoted if it must be; in the region. */
const char *auth_results_quote(const char *value, struct region *rg);

#endif
