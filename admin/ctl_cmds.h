/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl_cmds - the commands of mailrace: what each asks and how it is shown.
 *
 * The table is admin/commands.def.  One thread.
 */

#ifndef ADMIN_CTL_CMDS_H
#define ADMIN_CTL_CMDS_H

#include <stdbool.h>
#include <stddef.h>

struct ctl_options {
	const char *config;
	bool json;
	const char *domain, *vmta; /* shell patterns; NULL: all */
	long maxitems;             /* 0: the daemon's default */
};

/* Runs what the words say; the exit status of the process. */
int ctl_run(struct ctl_options *opt, int argc, char **argv);
void ctl_print_commands(void);

#endif
