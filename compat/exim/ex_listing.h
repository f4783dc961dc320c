/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ex_listing - the queue as `exim -bp' prints it: the form that exiqgrep and
 * exiqsumm read.
 *
 * A message that an operator holds back is "frozen".  There is no line about
 * all of them.  Pure; any thread.
 */

#ifndef COMPAT_EXIM_EX_LISTING_H
#define COMPAT_EXIM_EX_LISTING_H

#include "compat/listed.h"
#include "lib/str.h"

void ex_listing_message(const struct listed *m, int64_t now_s, struct buf *out);

#endif
