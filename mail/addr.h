/* SPDX-License-Identifier: Apache-2.0 */
/*
 * addr - addresses of the envelope: RFC 5321 section 4.1.2, with UTF-8 by
 * RFC 6531.
 *
 *	path    = "<" [ "@" ... ":" ] mailbox ">"  or  "<>"
 *	mailbox = local-part "@" ( domain / address-literal )
 *
 * The text stays as it was given, quoting included; a source route is dropped
 * (RFC 5321 appendix C).  The domain is lower-cased and made of A-labels, so
 * that it is one queue however it was written.  More is taken than the grammar
 * allows where real mail needs it: dots anywhere in a local part, '_' and '-'
 * anywhere in a label, local parts of more than 64 bytes (VERP, SRS).
 *
 * Pure; memory from the caller's region; any thread.
 */

#ifndef MAIL_ADDR_H
#define MAIL_ADDR_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/mem.h"
#include "lib/str.h"

#define ADDR_LOCAL_MAX 256
#define ADDR_DOMAIN_MAX 253 /* also of the A-label form */

enum addr_status {
	ADDR_OK,
	ADDR_SYNTAX,
	ADDR_TOO_LONG,
	ADDR_NO_DOMAIN, /* a local part alone; text is set */
	ADDR_BAD_DOMAIN
};

struct addr {
	const char *text;   /* without brackets; "" is the null path */
	const char *domain; /* "[192.0.2.1]", "[IPv6:2001:db8::1]" if literal */
	bool utf8;          /* some byte of text is not ASCII */
};

/* The whole of s is a mailbox. */
enum addr_status addr_parse(struct slice s, struct region *rg,
    struct addr *a_r);

/* s starts with a path; used_r is its length with both brackets. */
enum addr_status addr_path(struct slice s, struct region *rg, struct addr *a_r,
    size_t *used_r);

/* Well-formed UTF-8 (RFC 3629), without NUL. */
bool addr_utf8_valid(struct slice s);

#endif
