/* SPDX-License-Identifier: Apache-2.0 */
/*
 * milter_talk - what a session and its message say to the host MTA, and have been
 * told by it.
 *
 * The session owns it, on its thread; a message reads macros, and puts its
 * changes and its reply here.
 */

#ifndef MILTER_MILTER_TALK_H
#define MILTER_MILTER_TALK_H

#include <stdint.h>

#include "lib/str.h"
#include "milter/milter_macros.h"
#include "milter/milter_proto.h"

/* To one step of the host MTA. */
enum milter_answer {
	MILTER_CONTINUE,
	MILTER_SILENT,  /* nothing is said, as was agreed on */
	MILTER_REFUSED, /* by talk's reply */
	MILTER_LATER,   /* not yet */
	MILTER_BROKEN   /* it is not in the protocol */
};

struct milter_talk {
	uint32_t actions; /* agreed on: MILTER_CHANGES_SENDER ... */
	uint32_t steps;   /* MILTER_NR_..., MILTER_LEADING_BLANK */
	struct milter_macros macros;
	/*
	 * "450 4.7.1 text", of MILTER_REFUSED.  Never left to the host MTA, in
	 * whose own text log scanners take "rejected" for an attack.
	 */
	const char *reply;
	struct buf out; /* packets that are to be sent */
};

#endif
