/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_pipe - the commands of a transaction that are under way: MAIL, RCPT
 * for each recipient, DATA.  RFC 2920.
 *
 * A ring: what was sent goes in at the tail, and each reply belongs to the
 * head.  With PIPELINING it holds as much as its two limits allow, without it
 * one command.  Embedded in the session, and its thread's.
 */

#ifndef TRANSPORT_SMTP_PIPE_H
#define TRANSPORT_SMTP_PIPE_H

#include <stddef.h>
#include <stdint.h>

struct smtp_session;

/*
 * Limits of what is not answered.  We read while we write, so the ring cannot
 * deadlock with a server that does not; the limit on bytes is for those that
 * lose what does not fit their socket buffer.
 */
#define SMTP_PIPE_CMDS 256u
#define SMTP_PIPE_BYTES 32768u

enum smtp_cmd_kind { SMTP_CMD_MAIL, SMTP_CMD_RCPT, SMTP_CMD_DATA };

struct smtp_cmd {
	enum smtp_cmd_kind kind;
	uint32_t rcpt; /* index, for SMTP_CMD_RCPT */
	uint32_t len;  /* bytes */
};

struct smtp_pipe {
	unsigned head, count;
	unsigned rcpts; /* of the commands in the ring */
	size_t bytes;   /* of all in the ring */
	size_t cursor;  /* what comes next: 0 MAIL, 1..n RCPT, n + 1 DATA */
	struct smtp_cmd ring[SMTP_PIPE_CMDS];
};

void smtp_pipe_reset(struct smtp_pipe *p);

/* The command that the next reply is for.  CHECKs that there is one. */
struct smtp_cmd smtp_pipe_pop(struct smtp_pipe *p);

/*
 * Puts into the ring, and into s->out, what may be sent now.  The caller
 * flushes.  Recipients whose address cannot be sent are refused here; those
 * for whom max-errors-per-connection leaves no room are left unsent, and the
 * message goes to those accepted before.
 */
void smtp_pipe_fill(struct smtp_session *s);

#endif
