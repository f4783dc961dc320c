/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_check - what a configuration names that this host does not have:
 * addresses, groups, folders.
 *
 * For `mailrace test config`; of these the daemons look at source addresses
 * alone (snapshot_check_sources()).  Warnings, but for what keeps a daemon from
 * starting, which is an error unless errs->portable.  Asks the system; one
 * thread.
 */

#ifndef ADMIN_HOST_CHECK_H
#define ADMIN_HOST_CHECK_H

#include "vmta/snapshot.h"

void host_check(const struct snapshot *s, struct conf_errors *errs);

#endif
