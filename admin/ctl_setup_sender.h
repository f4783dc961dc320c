/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl_setup_sender - as whom set-up sends its probe through a Postfix where a
 * table (--senders) says whose mail comes to us.
 *
 * Asks postmap; changes nothing.  Blocks; one thread.
 */

#ifndef ADMIN_CTL_SETUP_SENDER_H
#define ADMIN_CTL_SETUP_SENDER_H

#include "admin/ctl_setup_conf.h"

/*
 * The sender, in the region of the plan; NULL: none is known, since the table
 * cannot be listed.  One that can, and leads nobody to us, is refused, as is one
 * that cannot be opened: Postfix would defer all mail.
 */
const char *ctl_setup_sender(const struct ctl_setup_asks *a, const char *table);

#endif
