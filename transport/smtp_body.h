/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_body - sends the message of a transaction, as fast as the server
 * takes it and no faster.
 *
 * The body is already in memory, and is not copied again: long stretches go
 * to the connection by reference, dots, short ones and the prefix by copy.  At most
 * SMTP_BODY_HIGH bytes and a chunk wait in the connection at any time.
 * Embedded in the session, and its thread's.
 */

#ifndef TRANSPORT_SMTP_BODY_H
#define TRANSPORT_SMTP_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/str.h"
#include "mail/dot_stuff.h"
#include "transport/data_log.h"

struct smtp_session;

#define SMTP_BODY_HIGH 131072u /* no more is added while so much waits */
#define SMTP_BODY_LOW 32768u   /* more is added when no more than this waits */
#define SMTP_BODY_CHUNK 65536u
#define SMTP_BODY_COPY 16384u /* shorter stretches are copied */

struct smtp_body {
	struct dot_stuff dots;
	size_t pos;      /* bytes of prefix and body given to the connection */
	uint64_t queued; /* the same as they go out */
	uint64_t gone;   /* of those, taken by the kernel when last looked */
	bool dot_queued;
	struct data_log log;
};

enum smtp_body_step {
	SMTP_BODY_WAIT, /* for the connection */
	SMTP_BODY_SENT, /* all of it, the dot too, is with the kernel */
	SMTP_BODY_STOP  /* the owner does not want the dot to be sent */
};

void smtp_body_start(struct smtp_session *s);
/* Nothing more is sent of it. */
void smtp_body_end(struct smtp_session *s);
enum smtp_body_step smtp_body_go(struct smtp_session *s);

/* Has the server taken another chunk since this was last asked? */
bool smtp_body_moved(struct smtp_session *s);

#endif
