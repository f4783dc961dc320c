/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server - the lines of a scenario that say how servers behave.
 *
 *	server DOMAIN { WORD ; WORD ; ... }     "*": those without a line
 *
 *	greeting-after TIME, written-after TIME, reply-after TIME
 *	told-after TIME        so late the scheduler hears of it
 *	hangs-up-after TIME    that long ready, and nothing under way then
 *	welcome N              connections at once; 421 to the others
 *	suppress-every N       of its recipients one is in a suppression list
 *	at MX ADDRESS          a host of its route; repeated, in the order to try
 *	PHASE CODE ["TEXT"] [for N]
 *	from ADDRESS { PHASE ... ; }    to what comes from this source
 *	on MX { PHASE ... ; }           what this host says
 *
 * PHASE is greeting, mail, rcpt (or reply) or dot; CODE 0 is none, `hangs-up`
 * ends the connection, `greeting unresolved` is DNS that fails.  Of lines for one phase the first counts that was not
 * said so often as it may; when none is left, all is well.  A line with any
 * reply takes the place of all that the domain's servers said before.
 */

#ifndef TESTS_SCENARIO_SERVER_H
#define TESTS_SCENARIO_SERVER_H

#include "tests/scenario/play.h"

/* The words behind "server". */
void play_server(struct play *p, struct words *w);

#endif
