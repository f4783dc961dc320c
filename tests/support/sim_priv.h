/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the sim share: a connection, its events, and who does
 * what.  sim.c turns the wheel, sim_events.c keeps what is to happen,
 * sim_servers.c lets it happen, sim_sources.c has our addresses, sim_seen.c remembers what was seen, sim_restart.c
 * ends one scheduler and starts the next.
 *
 * One process and one thread; a connection belongs to sim->conns until
 * sim_conn_closed() frees it.  Times are microseconds of the virtual clock.
 * Nothing fails: what cannot be is a CHECK.
 */

#ifndef TESTS_SUPPORT_SIM_PRIV_H
#define TESTS_SUPPORT_SIM_PRIV_H

#include "tests/support/sim.h"
#include "transport/tour.h"

enum sim_event_kind {
	EV_ASK,
	EV_CONNECTING,
	EV_READY,
	EV_IDLE_END,
	EV_REFUSED,
	EV_UNBOUND,
	EV_WRITTEN,
	EV_TOLD,
	EV_REPLY,
	EV_INTERRUPTED,
	EV_CLOSED
};

struct sim_event {
	int64_t at_us;
	uint64_t seq; /* those of one time keep their order */
	enum sim_event_kind kind;
	struct sim_conn *conn;
};

struct sim_conn {
	TAILQ_ENTRY(sim_conn) link;
	struct sim *sim;
	struct sched_conn *sched;
	struct sim_server *server;
	struct sim_count *count;
	struct tour tour;          /* along the server's hosts */
	const struct sim_host *at; /* or NULL */
	struct outcome greeting;
	struct outcome failed; /* the last host that was left for another */
	struct grant *grant;
	int64_t granted_us;
	int64_t written_us; /* 0: not yet */
	bool ready;         /* at the host where it is */
	bool breaks;        /* this grant ends with the connection */
	bool worked;        /* at least one transaction did */
	bool counted;       /* a grant of it was, for thresholds */
	bool source_off;    /* a reply to it had its source disabled */
};

/* ---- sim_events.c -------------------------------------------------------- */

void sim_post(struct sim_conn *c, enum sim_event_kind kind, int64_t after_us);
/* The next, if it is due; the caller frees it. */
struct sim_event *sim_event_take(struct sim *sim, int64_t now_us);
/* When the next is due; INT64_MAX: there is none. */
int64_t sim_event_next(const struct sim *sim);
/* Those of one connection will not happen; NULL: of all. */
void sim_events_drop(struct sim *sim, const struct sim_conn *c);

/* ---- sim_servers.c ------------------------------------------------------- */

/* A scheduler for sim->conf that knows what the disk kept, with our servers. */
void sim_start(struct sim *sim);
void sim_handle(struct sim *sim, const struct sim_event *ev);
/* Frees it; what it was granted must have its results. */
void sim_conn_closed(struct sim *sim, struct sim_conn *c);
/* Is the i-th of its grant in a suppression list; how many are in none? */
bool sim_is_suppressed(const struct sim_conn *c, uint32_t i);
uint32_t sim_wanted(const struct sim_conn *c);

/* ---- sim_restart.c ------------------------------------------------------- */

/* The grant ends untried. */
void sim_grant_unused(struct sim *sim, struct sim_conn *c, bool written);

/* ---- sim_sources.c ------------------------------------------------------- */

bool sim_has_lost(const struct sim *sim, const struct net_addr *a);
/* The scheduler tells that one is lost, or back. */
void sim_on_source(void *ctx, const struct net_addr *a, bool lost);
/* Is a source back that was lost? */
void sim_watch(struct sim *sim);

/* ---- sim_seen.c ---------------------------------------------------------- */

/* Counts it, and tells the watcher. */
void sim_saw_open(struct sim_conn *c);
/* It has an address, c->at; no watcher asks for that. */
void sim_saw_address(struct sim_conn *c);
/* It has left the one that it had, if any. */
void sim_saw_no_address(struct sim_conn *c);
/* The recipients of its grant are written, each with a record. */
void sim_saw_rcpts(struct sim_conn *c);
/* The message of its grant is taken. */
void sim_saw_delivery(struct sim_conn *c);
void sim_saw_close(struct sim_conn *c);

#endif
