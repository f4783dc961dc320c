/* SPDX-License-Identifier: Apache-2.0 */
/*
 * milter_edit - asks the host MTA for the changes that policy decided.
 *
 * Only from the end-of-message callback, on its thread.
 */

#ifndef MILTER_MILTER_EDIT_H
#define MILTER_MILTER_EDIT_H

#include <libmilter/mfapi.h>
#include <stdbool.h>

#include "lib/err.h"
#include "lib/mem.h"
#include "mail/header.h"
#include "vmta/policy.h"

struct milter_edit {
	SMFICTX *ctx;
	struct region *rg;
	bool leadspc;      /* the blank behind the colon is ours to give */
	const char *leave; /* not deleted for all that: of that name, or NULL */
};

/* Deletes the fields whose flag is set in remove. */
int milter_edit_remove(const struct milter_edit *ed,
    const struct header_list *headers, const bool *remove, struct err *e);

/* The envelope sender becomes another one; "" is the null sender. */
int milter_edit_sender(const struct milter_edit *ed, const char *sender,
    struct err *e);

/* Puts a field above all others, the host's own Received included. */
int milter_edit_insert(const struct milter_edit *ed, const char *name,
    const char *value, struct err *e);

#endif
