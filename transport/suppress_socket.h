/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suppress_socket - tells a host MTA that has no milter, which is Exim, at RCPT
 * who is in a suppression list of the top level or of <source>.
 *
 * A request is a line, the answer is one, and the connection may bring more:
 *
 *	RECIPIENT [SENDER [CLIENT]] LF
 *	OK LF                  no list has him
 *	DENY TEXT LF           one has, and TEXT says which
 *	DEFER TEXT LF          that cannot be told now, or this was no request
 *
 * Addresses may stand in angle brackets, and must if they are empty or have a
 * blank; CLIENT is an IP address, by which <source> is found.  What is refused
 * so never comes to us: there is no record of it but the log line.
 *
 * On the main worker, where configurations change; asking takes microseconds.
 */

#ifndef TRANSPORT_SUPPRESS_SOCKET_H
#define TRANSPORT_SUPPRESS_SOCKET_H

#include "lib/err.h"
#include "lib/str.h"
#include "lib/worker.h"
#include "vmta/snapshot.h"

struct suppress_socket;
struct suppressing;

struct suppress_socket_options {
	struct worker *main;
	const char *where; /* "/path" or "IP:PORT" */
	struct suppressing *suppressing;
	const struct snapshot *(*snapshot)(void *ctx); /* in force */
	void *ctx;
};

int suppress_socket_new(const struct suppress_socket_options *opt,
    struct suppress_socket **ss_r, struct err *e);
void suppress_socket_free(struct suppress_socket **ssp);

/* The answer to one line, without its end. */
void suppress_socket_answer(struct suppressing *sp, const struct snapshot *conf,
    struct slice line, struct buf *out);

#endif
