/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acct_twins - <acct-file> blocks whose files would get in each other's way:
 * two that write the same files, since a folder has two names, and move-to
 * folders where names come twice.  Each is an error at its line.
 *
 * Folders are the same by name, or by what this host has there.
 */

#ifndef VMTA_ACCT_TWINS_H
#define VMTA_ACCT_TWINS_H

#include "lib/conf_types.h"
#include "vmta/snapshot.h"

void acct_twins_check(const struct snapshot *s, struct conf_errors *errs);

#endif
