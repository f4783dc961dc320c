/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/source_fault.h"

#include "lib/check.h"
#include "lib/log.h"
#include "transport/disposition.h"

bool
source_fault(struct sched *s, struct sched_conn *c, const struct outcome *o,
    int64_t now_us)
{
	switch (disposition_source(o)) {
	case SOURCE_IS_FINE:
		return false;
	case SOURCE_NO_FAMILY:
		sched_conn_no_family(s, c);
		return true;
	case SOURCE_IS_LOST:
		return sched_conn_source_lost(s, c, o->text, now_us);
	}
	CHECK_NEVER("what a source is");
}

void
source_log(void *ctx, const struct net_addr *a, bool lost)
{
	enum log_level level = lost ? LOG_L_WARN : LOG_L_INFO;
	char addr[NET_ADDR_TEXT];
	struct log_line l;

	(void)ctx;
	log_begin(&l, level, NULL, "source");
	log_str(&l, "state", lost ? "lost" : "back");
	log_str(&l, "address", net_addr_text(a, addr));
	log_end(&l);
}
