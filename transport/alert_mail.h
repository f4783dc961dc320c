/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alert_mail - an alert (transport/alert.h) as a message of ours: null sender,
 * so that nothing ever answers it, in the queue of notifications ({dsn}), which
 * goes to the host MTA.  Makes messages, sends none; any thread.
 */

#ifndef TRANSPORT_ALERT_MAIL_H
#define TRANSPORT_ALERT_MAIL_H

#include "lib/mem.h"
#include "lib/str.h"
#include "mail/message.h"
#include "transport/alert.h"

struct alert_mail {
	const char *host; /* our name */
	const struct alert_of *of;
	uint64_t more;   /* as alert_send_fn has it */
	int64_t now_us;  /* wall clock */
	uint64_t number; /* of those at this time */
};

/* The caller's reference; its waybill goes to bill. */
struct message *alert_mail_make(const struct alert_mail *m, struct region *rg,
    struct buf *bill);

#endif
