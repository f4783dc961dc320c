/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_script - a remote SMTP server that does what its script says, on one
 * end of a socket pair, in the same event loop as what is tested.
 *
 * A script is an array of steps that ends in NULL:
 *
 *	">220 hello"    says a line, with CRLF
 *	"+250-x\n250"   says bytes as they stand
 *	"<MAIL"         reads a line, which must begin so
 *	"body"          reads up to the final dot
 *	"quiet"         nothing more may come for 30 ms
 *	"wait"          goes on 30 ms later
 *	"tls"           is a TLS server from here on, with a new certificate
 *	"flood x"       says x without end
 *	"auto"          answers every command as a good server would, but
 *	                recipients with "bad" in them
 *	"slow"          like auto, and reads nothing for 200 ms, then little
 *	"deaf"          reads nothing any more
 *	"hold"          does nothing any more
 *	"close"         hangs up
 *
 * After the last step it hangs up.  All it heard is kept.
 */

#ifndef TESTS_UNIT_SMTP_SCRIPT_H
#define TESTS_UNIT_SMTP_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>

struct event_base;
struct smtp_script;

struct smtp_script *smtp_script_new(struct event_base *base, int fd,
    const char *const *steps);
void smtp_script_free(struct smtp_script **sp);

/* Called while a slow server reads nothing, just before it begins to. */
void smtp_script_on_stall(struct smtp_script *s, void (*fn)(void));

bool smtp_script_is_over(const struct smtp_script *s);
const char *smtp_script_heard(struct smtp_script *s, size_t *len_r);
const char *smtp_script_wrong(const struct smtp_script *s); /* or NULL */

#endif
