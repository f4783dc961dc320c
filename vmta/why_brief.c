/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/why_brief.h"

#include <stdio.h>

bool
why_holds(const struct why *w)
{
	switch (w->kind) {
	case WHY_HELD:
	case WHY_PAUSED:
	case WHY_RETRY:
	case WHY_DEFERRED:
	case WHY_LIMIT:
	case WHY_TURN:
	case WHY_CROWD:
	case WHY_FRUITLESS:
		return true;
	case WHY_SENDING:
	case WHY_ROOM:
	case WHY_OPENING:
	case WHY_BUSY:
		return false;
	}
	return false;
}

static void
brief_limit(const struct why *w, char out[WHY_BRIEF])
{
	bool own = w->scope == SCOPE_QUEUE || w->scope == SCOPE_PROCESS;

	(void)snprintf(out, WHY_BRIEF, "%.40s%s%s", w->directive,
	    own ? "" : " of the ", own ? "" : why_scope_word(w->scope));
}

void
why_brief(const struct why *w, char out[WHY_BRIEF])
{
	if (w->kind == WHY_LIMIT && w->directive[0] != '\0')
		brief_limit(w, out);
	else if (w->kind == WHY_HELD)
		(void)snprintf(out, WHY_BRIEF, "room on the spool's disk");
	else
		(void)snprintf(out, WHY_BRIEF, "%s", why_word(w->kind));
}
