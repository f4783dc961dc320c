/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ex_stay - what would silently stop to hold when mail of an Exim goes out by
 * Mailrace: that is refused, or told.  Pure.
 */

#ifndef COMPAT_EXIM_EX_STAY_H
#define COMPAT_EXIM_EX_STAY_H

#include "compat/exim/ex_setup.h"

/*
 * Finds the router by which all other mail leaves, and its transport; false:
 * there is none to go before, and that is refused.
 */
bool ex_stay(struct ex_setup *s);

/* Options of that transport which ours gets, too: NULL behind them. */
extern const char *const ex_kept_options[];

#endif
