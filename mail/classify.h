/* SPDX-License-Identifier: Apache-2.0 */
/*
 * classify - what an outcome is called: enhanced status and category.
 *
 * PowerMTA's categories (mail/bounce_class.def) and the enhanced status codes
 * of RFC 3463 with the words that accounting files use.  By enhanced code
 * first, then by a few words of the reply, then by the basic code and phase.
 * It names; transport/disposition.c decides.  Pure; any thread.
 */

#ifndef MAIL_CLASSIFY_H
#define MAIL_CLASSIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mail/outcome.h"

enum bounce_class {
#define B(name, text, doc) BOUNCE_##name,
#include "mail/bounce_class.def"
#undef B
	BOUNCE_CLASS_COUNT
};

const char *bounce_class_name(enum bounce_class c);

/*
 * The status to record: the server's own, or the one that fits.  mailbox_553:
 * a 553 to RCPT without a status of its own is about the mailbox.
 */
void classify_status(const struct outcome *o, bool mailbox_553,
    uint8_t dsn_r[3]);
/* Of an outcome with that status. */
enum bounce_class classify(const struct outcome *o, const uint8_t dsn[3]);

/* Does a server put mail off to see whether it comes again? */
bool classify_is_greylisting(const struct outcome *o);

/* "5.1.1 (bad destination mailbox address)" */
const char *dsn_status_text(const uint8_t dsn[3], char *out, size_t cap);

#endif
