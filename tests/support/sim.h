/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim - a world for vmta/sched on a virtual clock: mail is submitted, scripted
 * servers answer, and every RCPT that is written leaves a record.
 *
 * One process, no sockets, no real time.  What a reply means is judged by
 * transport/disposition.c, as in the daemon.
 */

#ifndef TESTS_SUPPORT_SIM_H
#define TESTS_SUPPORT_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "tests/support/sim_disk.h"
#include "tests/support/sim_mx.h"
#include "tests/support/sim_script.h"
#include "vmta/heap.h"
#include "vmta/lost.h"
#include "vmta/sched.h"
#include "vmta/snapshot.h"

enum { SIM_NAME = 64, SIM_HOSTS = 4 };

/* How the servers of a domain behave; times in microseconds. */
struct sim_server {
	char domain[SIM_NAME];     /* "*": all that have no line of their own */
	int64_t greeting_us;       /* from opening until ready, or refused */
	int64_t write_us;          /* from the grant until RCPT is written */
	int64_t reply_us;          /* from there until the last reply */
	int64_t told_us;           /* so late the scheduler hears of both */
	int64_t hangs_up_us;       /* on who does nothing then; 0: never */
	int greeting;              /* usually: 220, 421, or 0: no answer */
	int reply;                 /* usually, to each recipient */
	uint32_t welcome;          /* connections at once; 0: any number */
	struct sim_reply *replies; /* what is said else, or NULL */
	unsigned drop_every; /* each so many grants the connection breaks */
	unsigned
	    suppress_every; /* so many recipients of it one is suppressed */
	/* Where its hosts are, by preference; without: no address is asked. */
	size_t host_count;
	struct sim_host {
		char name[SIM_NAME], addr[NET_ADDR_TEXT];
	} hosts[SIM_HOSTS];
};

/* One recipient's RCPT, as seen by the receiver. */
struct sim_rcpt {
	int64_t at_us;
	const char *domain, *vmta; /* live as long as the sim */
	struct net_addr source;
	const char *host; /* of a server that has some, else "" */
	uint64_t message;
	uint32_t n;
	uint64_t conn;
};

struct sim_count { /* by "domain/vmta", sums under "*" */
	char domain[SIM_NAME], vmta[SIM_NAME];
	uint64_t submitted, delivered, failed, expired, suppressed, attempts;
	uint32_t open, most_open, opened;
};

/* What a receiver sees; for a judge. */
enum sim_seen_what {
	SIM_OPENED,
	SIM_CLOSED,
	SIM_RCPTS,    /* n of them are written */
	SIM_DELIVERED /* n bytes are taken */
};

struct sim_seen {
	enum sim_seen_what what;
	int64_t at_us, since_us; /* when the scheduler said yes */
	const char *domain, *vmta;
	const char *job, *user; /* of a message; else NULL */
	const struct net_addr *source;
	uint64_t n;
};

typedef void sim_watch_fn(void *ctx, const struct sim_seen *seen);

struct sim_mail { /* by message number */
	const char *job, *user;
	const char *vmta; /* it was given to, wherever it goes */
	uint32_t size;
	uint8_t priority;
	bool by_pool;              /* which chose the virtual MTA */
	const struct spans *spans; /* NULL: none */
};

/* Connections of a virtual MTA, or to an address; the first is of all. */
struct sim_open {
	char vmta[SIM_NAME];
	uint32_t now, most;
};

enum { SIM_OPENS = 64, SIM_LOST = 8 };
enum { SIM_COUNTS = 4096, SIM_SERVERS = 2048 };

struct sim {
	int64_t now_us, next_run_us;
	struct snapshot *conf;
	struct sched *sched;
	struct heap events;
	struct sim_disk disk;
	struct sim_mx mx;
	struct region *rg; /* what servers say */
	uint64_t last_message, grants, events_done;
	uint64_t pool_turn;
	uint64_t random; /* state of sim_random() */
	uint32_t day;    /* local; 0: not told */
	int64_t day_ends_us;

	size_t server_count;
	struct sim_server servers[SIM_SERVERS];

	size_t rcpt_count, rcpt_cap;
	struct sim_rcpt *rcpts; /* in order of time */
	size_t count_count;
	struct sim_count *counts; /* SIM_COUNTS */

	size_t open_count;
	struct sim_open opens[SIM_OPENS];

	size_t state_cap; /* by message number */
	uint8_t *ended;   /* how often a message's recipients have ended */
	struct sim_mail *mail;

	size_t lost_count;
	struct net_addr lost[SIM_LOST];  /* source addresses */
	struct lost watched;             /* as the scheduler said */
	int64_t watch_us;                /* next look whether one is back */
	uint32_t told_lost, told_back;   /* what the scheduler said of them */
	uint32_t told_moved, told_loops; /* of mail that goes elsewhere */

	TAILQ_HEAD(, sim_conn) conns;
	int64_t step_us;     /* at the next restart */
	sim_watch_fn *watch; /* or NULL */
	void *watcher;
};

void sim_init(struct sim *sim, struct snapshot *conf, uint64_t seed);
/* Closes what is open and frees; the scheduler must let go of all. */
void sim_fini(struct sim *sim);

/* Takes over the snapshot. */
void sim_reload(struct sim *sim, struct snapshot *conf);
/* The line for a domain; made, with usual values, if there is none. */
struct sim_server *sim_server(struct sim *sim, const char *domain);

/* The host has the source address no more; and has it again. */
void sim_lose(struct sim *sim, const struct net_addr *a);
void sim_find(struct sim *sim, const struct net_addr *a);

struct sim_submit {
	const char *domain, *vmta; /* a virtual MTA, or a pool */
	uint32_t messages, rcpts;  /* each of so many recipients */
	uint8_t priority;
	int64_t age_us;            /* accepted so long ago */
	const char *job, *user;    /* NULL: none; live as long as the sim */
	uint32_t size;             /* of the body; 0: 1000 */
	uint32_t room;             /* sched_rcpt_in */
	bool one_by_one;           /* likewise */
	const struct spans *spans; /* NULL: none; live as long as the sim */
};

void sim_submit(struct sim *sim, const struct sim_submit *what);
/*
 * Starts anew, with what was queued.  A crash cuts connections as they stand
 * and what is on them is tried again; else they end first.
 */
void sim_restart(struct sim *sim, bool crash);
/*
 * At the next restart the clock will have been set by so much; what a watcher
 * is told goes on.  boots: the machine starts anew as well.
 */
void sim_step_clock(struct sim *sim, int64_t by_us, bool boots);
/* A local day begins, of 24 hours; it is told again after a restart. */
void sim_set_day(struct sim *sim, uint32_t day);
void sim_run(struct sim *sim, int64_t for_us);

struct sim_count *sim_count(struct sim *sim, const char *domain,
    const char *vmta);
struct sim_count sim_sum(const struct sim *sim, const char *domain,
    const char *vmta); /* NULL: any */

struct sim_open *sim_open(struct sim *sim, const char *vmta); /* NULL: all */
/* Starts to look for the most anew. */
void sim_forget_most(struct sim *sim);

/*
 * The oracle for rates: the most RCPTs in any window of that length, of those
 * from from_us on, by nothing but the records.  NULL: any.
 */
uint64_t sim_most_in(const struct sim *sim, const char *domain,
    const char *vmta, int64_t from_us, int64_t window_us);
/* RCPTs in [from, to). */
uint64_t sim_rcpts_in(const struct sim *sim, const char *domain,
    const char *vmta, int64_t from_us, int64_t to_us);

uint64_t sim_random(struct sim *sim, uint64_t below);

#endif
