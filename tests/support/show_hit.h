/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show_hit - what rules say about a reply, as a line that tests compare:
 * "backoff(1h) skip source(1d) defer", then the dsn-rule's category and seconds
 * to the next attempt, if one fits.
 */

#ifndef TESTS_SUPPORT_SHOW_HIT_H
#define TESTS_SUPPORT_SHOW_HIT_H

#include <stdbool.h>

#include "lib/str.h"
#include "vmta/reply_rules.h"

/*
 * The text is b's, until it is used again.  With places each action has its
 * line behind it: ":2" if the file is called "list", ":r2" in any other.
 */
const char *show_hit(struct buf *b, const struct reply_hit *h, bool places);

#endif
