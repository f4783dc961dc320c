/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ehlo - what a remote server says it can do: its reply to EHLO, taken apart.
 * RFC 5321 section 4.1.1.1.
 *
 *	ehlo-line    = ehlo-keyword *( SP ehlo-param )
 *	ehlo-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
 *
 * A line that is anything else is passed over: a filtering proxy (PIX) that
 * overwrites keywords with stars takes the extension away by that.  One form
 * from before RFC 4954 is read: "AUTH=LOGIN PLAIN".
 *
 * Pure; a plain value.
 */

#ifndef MAIL_EHLO_H
#define MAIL_EHLO_H

#include <stdint.h>

#include "mail/smtp_reply.h"

enum {
	EHLO_PIPELINING = 1,
	EHLO_8BITMIME = 2,
	EHLO_SIZE = 4,
	EHLO_STARTTLS = 8,
	EHLO_DSN = 16,
	EHLO_SMTPUTF8 = 32,
	EHLO_AUTH = 64
};

struct ehlo {
	unsigned flags;
	uint64_t size_max;  /* bytes; 0: the server named no limit */
	char auth[256];     /* mechanisms of AUTH, with blanks between them */
	char keywords[512]; /* all, as announced, comma separated */
};

/* An EHLO that was refused (HELO instead) is an empty struct. */
void ehlo_parse(const struct smtp_reply *r, struct ehlo *out);

#endif
