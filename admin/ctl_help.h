/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl_help - what `mailrace --help` says, on standard output: of all commands,
 * of those that begin with the same words, or of one.  One thread.
 */

#ifndef ADMIN_CTL_HELP_H
#define ADMIN_CTL_HELP_H

#include "admin/ctl_table.h"

void ctl_help(void);

/* in: which of ctl_commands. */
void ctl_help_several(const bool *in);

void ctl_help_command(const struct ctl_command *c);

#endif
