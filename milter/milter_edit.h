/* SPDX-License-Identifier: Apache-2.0 */
/*
 * milter_edit - asks the host MTA for the changes that policy decided.
 *
 * At the end of a message, on its thread, before the answer.
 */

#ifndef MILTER_MILTER_EDIT_H
#define MILTER_MILTER_EDIT_H

#include <stdbool.h>

#include "lib/mem.h"
#include "mail/header.h"
#include "milter/milter_talk.h"

struct milter_edit {
	struct milter_talk *talk;
	struct region *rg;
	const char *leave; /* not deleted for all that: of that name, or NULL */
};

/* Deletes the fields whose flag is set in remove. */
void milter_edit_remove(const struct milter_edit *ed,
    const struct header_list *headers, const bool *remove);

/* The envelope sender becomes another one; "" is the null sender. */
void milter_edit_sender(const struct milter_edit *ed, const char *sender);

/* Puts a field above all others, the host's own Received included. */
void milter_edit_insert(const struct milter_edit *ed, const char *name,
    const char *value);

#endif
