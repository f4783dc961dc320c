/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ex_log - lines as in Exim's main log: "<=", "=>", "->", "==", "**" and
 * "Completed", in the columns that eximstats and exigrep look at.
 *
 * A message has an id of ours in Exim's form, of which the first part is the
 * second in which it came: Exim's own is Completed with the hand-over, and its
 * tools would take ours for lines behind the end.  The first line says
 * R=HOSTID, by which `exigrep -M` goes from one to the other.  Lines about
 * notifications name a transport that `eximstats -nt/mailrace/` leaves out, as
 * it does the one of the hand-over.
 */

#ifndef COMPAT_EXIM_EX_LOG_H
#define COMPAT_EXIM_EX_LOG_H

#include "compat/log_style.h"

extern const struct log_style ex_log_style;

#define EX_ID_TEXT 24

/*
 * The id in the width that the host's has: "1rABcd-0000Xy-00"; since Exim 4.97
 * "1rABcd-0000000Xy00-0000".
 */
const char *ex_log_id(uint64_t id, const char *host_id, char out[EX_ID_TEXT]);

/* Of either width; false: ex_log_id() makes none like this. */
bool ex_log_read_id(const char *text, uint64_t *id_r);

/* Has it the form of an id of Exim's own, of either width? */
bool ex_log_is_host_id(const char *text);

#endif
