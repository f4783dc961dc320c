/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_rows - an answer of rows that are copied on another thread, and made
 * JSON of on main as the client reads.
 *
 * Stands in what the command needs besides, which ends with the answer.  One
 * thread at a time has it: main, who copies, main again.
 */

#ifndef TRANSPORT_CONTROL_ROWS_H
#define TRANSPORT_CONTROL_ROWS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/ctl_proto.h"
#include "lib/worker.h"

struct control_rows;

/* Of one command; constant. */
struct control_rows_kind {
	size_t row_size; /* bytes */
	json_t *(*json)(const void *row);
	void (*fini)(void *row); /* what the row owns */
	/* All was sent, or nobody reads: frees what r stands in. */
	void (*done)(struct control_rows *r);
};

struct control_rows {
	const struct control_rows_kind *kind;
	struct ctl_request *request;
	struct worker *main;
	uint64_t matched; /* how many there are, sent or not */
	struct post home;
	size_t count, cap, next;
	char *rows;
};

void control_rows_init(struct control_rows *r,
    const struct control_rows_kind *kind, struct ctl_request *request,
    struct worker *main);
/* Before it is sent only: of a request that failed. */
void control_rows_fini(struct control_rows *r);

/* One more, zeroed, until the next is added. */
void *control_rows_add(struct control_rows *r);

/* From the thread that copied, whose it is not any more. */
void control_rows_send(struct control_rows *r);

#endif
