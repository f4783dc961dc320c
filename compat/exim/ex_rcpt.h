/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ex_rcpt - the question at RCPT who is suppressed, as statements of an access
 * control list.  Pure.
 */

#ifndef COMPAT_EXIM_EX_RCPT_H
#define COMPAT_EXIM_EX_RCPT_H

#include "compat/exim/ex_setup.h"

/*
 * which: the conditions of our router.  "": what is the host's own mail cannot
 * be told, and the plan says so.
 */
const char *ex_rcpt_question(struct ex_setup *s, const char *which);

#endif
