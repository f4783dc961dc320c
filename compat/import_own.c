/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/import_own.h"

#define ACCT_FILE "/var/log/mailrace/acct.csv"
#define MARK_KEY "/etc/mailrace/mark.key"

void
import_own(struct import_conf *out, struct import_report *report, bool milter)
{
	static const struct import_fact acct = { "acct-file", ACCT_FILE, "",
		false };
	static const struct import_fact mark = { "mark-key-file", MARK_KEY, "",
		false };

	(void)import_add(
	    import_block(out, import_top(out), "acct-file", ACCT_FILE),
	    "records", "d, b, t", "deliveries, bounces, deferrals");
	import_tell(report, IMPORT_ADDED, &acct,
	    "what find, stats and audit read; nothing is recorded without it");
	if (!milter)
		return;
	(void)import_offer(import_top(out), "mark-key-file", MARK_KEY,
	    "take the # off when the file is there");
	import_tell(report, IMPORT_ADDED, &mark,
	    "as a comment: make the file, of 32 random bytes or more that the "
	    "user mailrace can read, and take the # off; without it the virtual "
	    "MTA that the milter chose for a user is lost");
}
