/* SPDX-License-Identifier: Apache-2.0 */
/*
 * walk - all messages of the database in the order of their ids, each with
 * what its recipients have come to.
 *
 * The load hands them to the scheduler; a verifier or a dump reads envelope
 * and body as well, by segment_read() at rec.loc.  On the environment's
 * thread; between two calls others may write to it.
 */

#ifndef QUEUE_WALK_H
#define QUEUE_WALK_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "queue/env.h"
#include "queue/record.h"
#include "queue/store.h"

struct walk;

/* A recipient that is not fresh. */
struct walk_row {
	uint32_t n;
	struct record_state st;
};

struct walk_message {
	uint64_t id;
	const char *trouble; /* NULL; or the row is damaged, and why */
	struct record_message rec;
	const struct walk_row *rows; /* by number */
	size_t row_count;
	uint32_t left; /* recipients that have not ended */
};

struct walk *walk_new(struct env *env);
void walk_free(struct walk **wp);

/*
 * The next one; what m_r points to is good until the next call.  ENV_ABSENT:
 * none is left with an id below end.  A damaged state is logged, and its
 * recipient counts as fresh: tried once more than needed.
 */
enum env_result walk_next(struct walk *w, uint64_t end,
    struct walk_message *m_r, struct err *e);

/* Fills in m->left recipients, by number. */
void walk_rcpts(const struct walk_message *m, struct store_rcpt *out);

#endif
