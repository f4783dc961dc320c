/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_sockets - where the daemons of a configuration take commands.
 *
 * For who asks a daemon: that must go on while the file has mistakes, and for
 * a user who may not read the keys that it names.  Nothing else in the file is
 * looked at.  One thread.
 */

#ifndef VMTA_CONTROL_SOCKETS_H
#define VMTA_CONTROL_SOCKETS_H

#include "lib/conf_types.h"

struct control_sockets {
	char *transport, *milter; /* owned; "": the milter has none */
};

/* -1: the file or what it says of these cannot be read; see errs. */
int control_sockets_read(const char *path, struct control_sockets *out,
    struct conf_errors *errs);
void control_sockets_fini(struct control_sockets *s);

#endif
