/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup_left - what waits in our queue when the way of a host MTA to us is
 * taken out: told as a note of the plan, with what to do.  Blocks; one thread.
 */

#ifndef ADMIN_SETUP_LEFT_H
#define ADMIN_SETUP_LEFT_H

#include "admin/ctl_parse.h"
#include "compat/host_plan.h"

void setup_left_tell(const struct ctl_options *opt, struct host_plan *p);

#endif
