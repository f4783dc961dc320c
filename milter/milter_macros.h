/* SPDX-License-Identifier: Apache-2.0 */
/*
 * milter_macros - what the host MTA says of a client and his message in macros,
 * such as the queue id.
 *
 * They come before the command that they belong to, and those of a command
 * take the place of what came for it before.  Those of CONNECT and HELO hold
 * for the session, the others for the message, those of RCPT for the last
 * recipient.  Owned by the session, on its thread.
 */

#ifndef MILTER_MILTER_MACROS_H
#define MILTER_MILTER_MACROS_H

#include "lib/str.h"

enum milter_stage {
	MILTER_STAGE_CONNECT,
	MILTER_STAGE_HELO,
	MILTER_STAGE_MAIL,
	MILTER_STAGE_RCPT,
	MILTER_STAGE_DATA,
	MILTER_STAGE_HEADER_END,
	MILTER_STAGE_END,
	MILTER_STAGES
};

/* Zero-initialised has none. */
struct milter_macros {
	struct buf
	    stages[MILTER_STAGES]; /* names and values, each with a NUL */
};

void milter_macros_fini(struct milter_macros *m);

/*
 * A packet of macros: a command's letter, and names and values.  Those of a
 * command that has none (fields of the header, pieces of the body) are not
 * kept.  -1: malformed.
 */
int milter_macros_take(struct milter_macros *m, struct slice args);

/* Forgets those of a stage and all behind it. */
void milter_macros_forget(struct milter_macros *m, enum milter_stage from);

/*
 * The value, or "" where the host MTA sends none; a macro of several stages has
 * that of the last one.  Valid until packets come.  name as it is sent: "i",
 * "{client_port}".
 */
const char *milter_macro(const struct milter_macros *m, const char *name);

#endif
