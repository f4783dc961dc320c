/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_peer - what a server hears from an outgoing session, byte by byte, and
 * that it is what a client may say: whole lines without control bytes,
 * commands in an order that RFC 5321 allows, one at a time unless PIPELINING
 * was announced, nothing between STARTTLS and the end of the handshake, no
 * mail in clear where TLS is required, nothing behind QUIT.  Anything else
 * ends the process.
 */

#ifndef TESTS_FUZZ_SMTP_PEER_H
#define TESTS_FUZZ_SMTP_PEER_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/str.h"

enum smtp_peer_mode {
	PEER_COMMAND,
	PEER_AFTER_DATA, /* a message, an empty one, or a command */
	PEER_MESSAGE,
	PEER_HANDSHAKE,
	PEER_OVER /* QUIT was heard */
};

struct smtp_peer {
	struct slice message; /* as it must come, with its final dot */
	bool tls_required;

	enum smtp_peer_mode mode;
	struct buf line;
	size_t message_at;
	bool hello, mail, tls;
	unsigned rcpts, commands, dots;

	/* What the server said: */
	bool pipelining;      /* announced, in whatever way */
	unsigned replies;     /* lines that end one */
	unsigned ends;        /* the same, since STARTTLS */
	unsigned go_aheads;   /* lines with a 3xx */
	char said_last;       /* the last byte that the server said */
	struct buf said_line; /* unfinished */
};

void smtp_peer_init(struct smtp_peer *p, struct slice message,
    bool tls_required);
void smtp_peer_fini(struct smtp_peer *p);

/* The server says this, the client that. */
void smtp_peer_said(struct smtp_peer *p, const char *bytes, size_t len);
void smtp_peer_heard(struct smtp_peer *p, const char *bytes, size_t len);

/* The client begins a handshake; it has ended well. */
void smtp_peer_handshake(const struct smtp_peer *p);
void smtp_peer_tls(struct smtp_peer *p);

#endif
