/* SPDX-License-Identifier: Apache-2.0 */
/*
 * milter_cb - the callbacks that libmilter is given, and what is negotiated.
 *
 * They decide nothing: each hands on to the session's milter_msg.  Called on
 * any thread of libmilter's pool, for one session on one at a time.
 */

#ifndef MILTER_MILTER_CB_H
#define MILTER_MILTER_CB_H

#include "lib/err.h"
#include "milter/milter_env.h"

/* Once, before smfi_opensocket(); env must live as long as the process. */
int milter_cb_register(struct milter_env *env, struct err *e);

#endif
