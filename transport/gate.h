/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate - who may bring mail now, who waits, who is sent away.
 *
 * There is room while the queue has places (spool-max-recipients), the process
 * uses less memory than it may (max-memory-usage-percent) and the disk has
 * space (spool-min-free-space).  With room, sessions pass by themselves: two
 * atomic reads.  Without, a host MTA waits here for it: a 4xx would cost it
 * 300 s and more, a reply that comes late costs nothing.  After
 * GATE_PATIENCE_S it gets the 4xx, which is before Postfix gives up: 300 s for
 * the reply to MAIL, 600 s for the one to the end of data, whose places are
 * taken here.  Other clients do not wait.
 *
 * First come, first served, of those who have brought a message before those
 * who only want to; nobody passes while somebody waits.  At most GATE_LINE
 * wait, with at most GATE_BYTES of messages in memory (or one message).
 *
 * What we write ourselves does not ask: a notification or a copy of a delivery
 * is committed with the outcome that it is of, which has happened.  None is made
 * when the disk is full, since no attempt begins then (STORE_SPACE_FULL).
 *
 * While it is closed, by an operator who wants the queue to run empty, nobody
 * begins a message, nor waits to; those that have come in are still taken.
 *
 * The line belongs to main; tickets are a session's, the gate's from
 * gate_wait() until done().  Memory is looked at each second.
 */

#ifndef TRANSPORT_GATE_H
#define TRANSPORT_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "lib/gauge.h"
#include "lib/memory.h"
#include "lib/worker.h"
#include "queue/store.h"
#include "vmta/pressure.h"
#include "vmta/snapshot.h"

enum { GATE_PATIENCE_S = 200, GATE_LINE = 1000, GATE_BYTES = 64 << 20 };

struct gate;

struct gate_options {
	struct worker *main;
	struct gauge *places; /* of the store */
	const struct global_conf *conf;
	int64_t patience_us; /* 0: GATE_PATIENCE_S; below: nobody waits */
	int (*memory)(struct memory_use *m, struct err *e); /* NULL: real */
};

struct gate *gate_new(const struct gate_options *opt);
void gate_free(struct gate **gp); /* nobody waits any more */

/* On main. */
void gate_reload(struct gate *g, const struct global_conf *conf);

void gate_space(struct gate *g, enum store_space space); /* any thread */

/* On main; until it is opened again, or the process ends. */
void gate_close(struct gate *g);
void gate_open(struct gate *g);

enum gate_stage {
	GATE_MAIL, /* before the message comes */
	GATE_DATA, /* it is there: places for its recipients */
	GATE_STAGES
};

/*
 * Any thread.  True: there is room, and GATE_DATA has taken rcpts places of at
 * most max (0: any number), which are the caller's.
 */
bool gate_pass(struct gate *g, enum gate_stage stage, uint32_t rcpts,
    uint32_t max);

/* Places that were taken and are not needed; any thread. */
void gate_give_back(struct gate *g, uint32_t rcpts);

/* One was sent away without waiting; any thread. */
void gate_refused(struct gate *g);

struct gate_ticket {
	/* The caller's to fill: */
	enum gate_stage stage;
	uint32_t rcpts; /* places to take */
	size_t bytes;   /* held in memory for it */
	struct worker *worker;
	void (*done)(struct gate_ticket *t); /* there */
	int64_t until_us; /* 0: the gate's patience; kept if set */

	bool passed; /* in done(): with the places taken */

	struct post post;
	TAILQ_ENTRY(gate_ticket) link;
	struct gate *gate;
	uint64_t id;
};

/* From the ticket's worker; done() comes from its event loop, always. */
void gate_wait(struct gate *g, struct gate_ticket *t);

/* From there too: does not want to wait; done() may come with passed set. */
void gate_cancel(struct gate *g, const struct gate_ticket *t);

/* ---- facts, on main ------------------------------------------------------ */

struct gate_facts {
	const struct pressure *pressure;
	int64_t closed_us;         /* since then; 0: it is open */
	uint32_t waiting;          /* now */
	uint64_t delayed, refused; /* since start */
};

void gate_facts(struct gate *g, struct gate_facts *out);

#endif
