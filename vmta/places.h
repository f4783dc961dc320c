/* SPDX-License-Identifier: Apache-2.0 */
/*
 * places - where the daemons of a configuration take commands, keep mail and
 * write their accounting files.
 *
 * For who asks a daemon or stands in for one: that must go on while the file
 * has mistakes, and for a user who may not read the keys that it names.
 * Nothing else in the file is looked at.  One thread.
 */

#ifndef VMTA_PLACES_H
#define VMTA_PLACES_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/conf_types.h"
#include "lib/mem.h"

struct place_acct {          /* an <acct-file> that is a file */
	const char *path;    /* as mailraced names it */
	const char *move_to; /* where finished ones go, or NULL */
	unsigned types;      /* ACCT_BIT() of what it takes */
	bool filtered;       /* of some queues only */
	bool elsewhere;      /* while it is read: it is no file */
};

struct places {
	struct region *rg;
	const char *control;        /* the transport's socket */
	const char *milter_control; /* "": the milter has none */
	const char *spool;
	struct place_acct *accts; /* in the order of the file */
	size_t acct_count;
};

/* -1: the file, or what it says of these, cannot be read; see errs. */
int places_read(const char *path, struct places *out, struct conf_errors *errs);
void places_fini(struct places *p);

#endif
