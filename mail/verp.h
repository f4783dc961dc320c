/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verp - a sender of its own for each recipient, so that whatever comes back
 * to it tells whom it is about (VERP of PowerMTA).
 *
 *	sender     bounce@news.example
 *	recipient  joe@example.com
 *	goes out   bounce-joe=example.com@news.example
 *
 * What stands between the quotes of local parts is joined, and the whole is
 * quoted again where it is no dot-atom (RFC 5321 section 4.1.2):
 * "joe doe"@example.com makes "bounce-joe doe=example.com"@news.example.  The
 * recipient's domain stands there as it was given.  A local part with '=' is
 * no trouble: the last one counts.
 *
 * The null sender stays null, and a sender stays as it is where the result
 * would be longer than RFC 5321 section 4.5.3.1 lets everybody take: mail from
 * a plain sender arrives, and what comes back comes to that.
 *
 * Pure; memory from the caller's region; any thread.
 */

#ifndef MAIL_VERP_H
#define MAIL_VERP_H

#include "lib/mem.h"

enum {
	VERP_LOCAL_MAX = 64, /* octets as sent, with quotes */
	VERP_ADDR_MAX = 254  /* a path of 256 has two brackets */
};

/* What is between sender and recipient, and between that and its domain. */
#define VERP_DELIMITERS "-="

const char *verp_make(const char *sender, const char *rcpt, struct region *rg);

/*
 * The recipient in an address that was made of this sender so, or by others
 * with two other delimiters; NULL: it was not.
 */
const char *verp_split(const char *addr, const char *sender,
    const char *delimiters, struct region *rg);

#endif
