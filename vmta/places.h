/* SPDX-License-Identifier: Apache-2.0 */
/*
 * places - where the daemons of a configuration take commands and keep mail.
 *
 * For who asks a daemon or stands in for one: that must go on while the file
 * has mistakes, and for a user who may not read the keys that it names.
 * Nothing else in the file is looked at.  One thread.
 */

#ifndef VMTA_PLACES_H
#define VMTA_PLACES_H

#include "lib/conf_types.h"
#include "lib/mem.h"

struct places {
	struct region *rg;
	const char *control;        /* the transport's socket */
	const char *milter_control; /* "": the milter has none */
	const char *spool;
};

/* -1: the file, or what it says of these, cannot be read; see errs. */
int places_read(const char *path, struct places *out, struct conf_errors *errs);
void places_fini(struct places *p);

#endif
