/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pf_cat - the records of a queued message's envelope as postcat prints them,
 * and the lines that it puts between its parts.
 *
 * What Postfix has no record for is a named attribute that begins with
 * "mailrace_".  Everything is borrowed.  Pure; any thread.
 */

#ifndef COMPAT_POSTFIX_PF_CAT_H
#define COMPAT_POSTFIX_PF_CAT_H

#include <stdbool.h>
#include <time.h>

#include "compat/listed.h"
#include "lib/str.h"
#include "mail/envelope.h"

struct pf_cat {
	uint64_t id;
	enum listed_state state;
	uint64_t size; /* octets */
	const struct envelope *env;
};

/* tm: when it came, in local time. */
void pf_cat_envelope(const struct pf_cat *m, const struct tm *tm,
    struct buf *out);
/* queued: it has not ended yet. */
void pf_cat_rcpt(const struct env_rcpt *r, bool queued, struct buf *out);
/* "*** MESSAGE CONTENTS deferred/000660D8FA9123F4 ***" */
void pf_cat_mark(const struct pf_cat *m, const char *what, struct buf *out);

#endif
