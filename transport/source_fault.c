/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/source_fault.h"

#include "lib/check.h"
#include "transport/disposition.h"

bool
source_fault(struct sched *s, struct sched_conn *c, const struct outcome *o)
{
	switch (disposition_source(o)) {
	case SOURCE_IS_FINE:
		return false;
	case SOURCE_NO_FAMILY:
		sched_conn_no_family(s, c);
		return true;
	case SOURCE_UNREACHED:
		return sched_conn_unreached(s, c, o->text);
	case SOURCE_IS_LOST:
		sched_conn_source_lost(s, c, o->text);
		return true;
	}
	CHECK_NEVER("what a source is");
}
