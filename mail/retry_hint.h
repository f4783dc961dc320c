/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retry_hint - when a server that puts mail off says to come back, as those
 * that greylist do.
 *
 *	hint     = what lead duration
 *	what     = up to three words behind one of "again", "retry", "wait",
 *		   "back", "greylisted" and the like, in one sentence
 *	lead     = "in" / "for" / "after" / "wait" / ":"
 *	duration = number unit *( ["and"] number unit )		300 s, 1h30m
 *		 / 2DIGIT ":" 2DIGIT ":" 2DIGIT			00:04:59
 *	unit     = seconds, minutes or hours, whole or cut short
 *
 * Words between: "about", "at least", "another".  "Your IP is blocked for an
 * hour" is no hint: that is about us, and to keep the same address for it would
 * be wrong; nor is "50 messages in 10 minutes", which is a limit.
 *
 * Pure; any thread.
 */

#ifndef MAIL_RETRY_HINT_H
#define MAIL_RETRY_HINT_H

#include <stdbool.h>
#include <stdint.h>

#define RETRY_HINT_MIN_S 10
#define RETRY_HINT_MAX_S 43200

/*
 * The time that the reply names; the first that it names counts.  False: none,
 * or one that is not from 10 seconds to 12 hours.
 */
bool retry_hint(const char *text, int64_t *after_us);

#endif
