/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl_setup_talk - set-up submits one message by SMTP, as an application of
 * this host would that has not signed in.
 *
 * Blocks, for some seconds at most in each step; one thread.
 */

#ifndef ADMIN_CTL_SETUP_TALK_H
#define ADMIN_CTL_SETUP_TALK_H

#include "lib/err.h"
#include "lib/str.h"

enum talk_end {
	TALK_TAKEN,
	/* Not for who has not signed in; the host's proxy does answer. */
	TALK_REFUSED,
	TALK_FAILED /* it does not work */
};

struct talk_mail {
	const char *port; /* "10587", "127.0.0.1:10587" */
	const char *sender, *rcpt;
	const char *text; /* without a line that begins with a dot */
};

/*
 * Said is the last reply, for TALK_REFUSED.  The service has just been made, and
 * may not listen yet.
 */
enum talk_end ctl_setup_talk(const struct talk_mail *m, struct buf *said,
    struct err *e);

#endif
