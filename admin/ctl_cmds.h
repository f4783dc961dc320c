/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl_cmds - the commands, by the functions that admin/commands.def names.
 *
 * Each prints its answer and returns the exit status: 0, 1 when the answer is
 * no, 2 when nobody answered.  One thread.
 */

#ifndef ADMIN_CTL_CMDS_H
#define ADMIN_CTL_CMDS_H

#include "admin/ctl_parse.h"

#define M(words, fn, argument, options, doc, example) ctl_cmd_fn fn;
#include "admin/commands.def"
#undef M

#endif
