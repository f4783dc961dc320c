/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched - the core: queues, limits, connections wanted, grants, fates.
 *
 * Pure on a given clock: no I/O, no log, no time call; every function takes
 * now_us (engine clock, lib/clock.h).  One thread owns it.  It acts through
 * the callbacks of struct sched_owner, which are called from inside the
 * functions below and may not call back into the same sched.
 *
 * Sessions pull: sched opens connections under the connection limits; one
 * that says sched_ready() gets a grant when a recipient is due and the rate
 * limits allow, at once or later; only then are recipients taken and tokens
 * spent.  A token counts from when the RCPT was written: until then it is
 * pending and counts as now; grant->timed asks for sched_written().
 *
 * sched_run() is to be called after each batch of other calls, and when it
 * asked for: connections are opened and limits that ended are served from there.
 *
 * Mail of a virtual MTA that is not in the configuration goes on under the
 * settings and source addresses of {default}; its queues keep their names.
 * A recipient older than bounce-after leaves when it is due again or when its
 * queue fails: none leaves that has neither been tried nor waited for a queue
 * that failed.  One with times in which it may be sent (mail/spans.h) is granted
 * in these alone, leaves when they are over, and is never too old.
 *
 * A paused queue starts nothing: what is being sent ends, mail is taken in,
 * and what gets older than bounce-after leaves even when it was never tried.
 * So does one that has no source address left.
 *
 * No scans: a blocked queue waits on the limit that ends last.  Slots of a
 * limit shared by queues (VMTA, process) go round in fair order
 * (vmta/line.h).
 */

#ifndef VMTA_SCHED_H
#define VMTA_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/str.h"
#include "mail/message.h"
#include "vmta/retry.h"
#include "vmta/sched_lease.h"
#include "vmta/snapshot.h"

struct entry;
struct mx_facts;
struct spans; /* mail/spans.h */
struct sched;
struct sched_queue; /* domain/vmta */
struct sched_warmup_info;
struct sched_conn;  /* a connection, from wanted to closed */
struct sched_event; /* vmta/sched_standing.h */

struct grant_rcpt {
	uint32_t n;
	uint16_t attempts; /* before this one */
};

/* A transaction: recipients of one message for one connection. */
struct grant {
	struct sched_conn *conn;
	struct message *msg; /* a reference of the grant's own */
	/* The queue that gives it back to the host MTA; NULL: none does. */
	char *of_domain, *of_vmta;
	bool timed;     /* say sched_written() when the RCPTs are out */
	bool had_round; /* was skipped before its queue failed */
	uint32_t count;
	struct grant_rcpt rcpts[];
};

struct sched_owner {
	void (*open)(void *ctx, struct sched_conn *c);
	void (*grant)(void *ctx, struct sched_conn *c, struct grant *g);
	/* Not wanted any more: end it, then sched_closed(). */
	void (*close)(void *ctx, struct sched_conn *c);
	/* Older than bounce-after; it has left the scheduler already. */
	void (*expired)(void *ctx, struct sched_queue *q, struct message *m,
	    uint32_t n, uint16_t attempts);
	/*
	 * The times are over in which it was to be sent; likewise.  May be NULL:
	 * then it is expired.
	 */
	void (*missed)(void *ctx, struct sched_queue *q, struct message *m,
	    uint32_t n, uint16_t attempts);
	/*
	 * It waits for long, and its sender may want to know: told with a
	 * failure, once for each multiple of notify-of-delay-every.  May be
	 * NULL.
	 */
	void (*delayed)(void *ctx, struct sched_queue *q, struct message *m,
	    uint32_t n, uint16_t attempts);
	/*
	 * As close, in the middle of a grant: whoever does not have the message
	 * yet comes back as FATE_UNUSED.  Once its end was sent the answer is
	 * waited for.
	 */
	void (*interrupt)(void *ctx, struct sched_conn *c);
	/*
	 * Keep this about a limit, with the stamp of now (rec NULL: nothing),
	 * in the order of the calls, and then sched_leased() with the ticket;
	 * that of rec NULL is 0 (vmta/sched_lease.h).  Borrowed.  A NULL
	 * pointer: no limit outlives the process.
	 */
	void (*lease)(void *ctx, struct slice key,
	    const struct lease_record *rec, uint64_t ticket);
	/*
	 * Keep these bytes under the name, with the stamp of now (none: forget
	 * it), in the order of the calls, and then sched_kept() with the
	 * ticket; there is no answer to 0 (vmta/sched_keep.h).  Borrowed.  A
	 * NULL pointer: nothing of queues outlives the process.
	 */
	void (*keep)(void *ctx, struct slice name, struct slice bytes,
	    uint64_t ticket);
	/*
	 * A day of a new source address was judged, or closed.  May be NULL.
	 */
	void (*warmup)(void *ctx, const struct sched_warmup_info *info);
	/* A source is lost, or is back (below); said once.  May be NULL. */
	void (*source)(void *ctx, const struct net_addr *a, bool lost);
	/*
	 * Which MX hosts has the domain, and which of the listed ones, borrowed,
	 * are at their addresses?  sched_resolved() has to follow, some time.
	 * May be NULL: nothing is ever known of them.
	 */
	void (*resolve)(void *ctx, const char *domain,
	    const struct conf_strs *listed);
	/* How a queue stands has changed; borrowed.  May be NULL. */
	void (*event)(void *ctx, const struct sched_event *e);
};

struct sched *sched_new(const struct snapshot *conf,
    const struct sched_owner *owner, void *ctx, int64_t now_us);
/* Drops all; connections must be closed, and walks are not touched again. */
void sched_free(struct sched **sp);
void sched_reload(struct sched *s, const struct snapshot *conf, int64_t now_us);

/*
 * By how much the wall clock is before the engine's: times in which mail may be
 * sent are by it.  To be told whenever it may have changed.
 */
void sched_set_wall(struct sched *s, int64_t ahead_us);

/* Starts nothing new while held (disk full); what runs goes on. */
void sched_hold(struct sched *s, bool hold, int64_t now_us);

/*
 * Pauses or resumes queues, also those to come, by patterns (vmta/pause.h;
 * the virtual MTA without a name is "{default}").  -1: there are too many.
 */
struct sched_pause {
	const char *domain, *vmta;
	bool paused;
};
int sched_pause(struct sched *s, const struct sched_pause *what, struct err *e);
/* All that was ordered, as text, and back at the next start. */
void sched_pauses(const struct sched *s, struct buf *out);
int sched_restore_pauses(struct sched *s, struct slice text, struct err *e);

/*
 * Likewise the mail of jobs, by a pattern of their names: it waits, and the
 * others of its queues go on.  Mail without a job is of none.
 */
int sched_pause_job(struct sched *s, const char *job, bool paused,
    struct err *e);
void sched_job_pauses(const struct sched *s, struct buf *out);
int sched_restore_job_pauses(struct sched *s, struct slice text, struct err *e);
bool sched_job_is_paused(const struct sched *s, const char *job);

/* Tries a queue that waits after a failure at once; false: it does not wait. */
bool sched_queue_schedule(struct sched *s, struct sched_queue *q,
    int64_t now_us);

/*
 * Instead of a time when it is due: an operator holds it until he releases it.
 * It is neither sent, nor too old, nor part of what becomes of its queue.
 */
#define SCHED_ON_HOLD INT64_MAX

struct sched_rcpt_in {
	uint32_t n;
	const char *domain, *vmta; /* as in the envelope */
	uint8_t priority;
	bool by_pool; /* vmta was chosen by a pool */
	bool is_left; /* by a process before: it is no new mail */
	uint16_t attempts;
	int64_t due_us; /* 0 or past: now; or SCHED_ON_HOLD */
	/* Of the message, the same for all: */
	int64_t queued_us;      /* when accepted, on the engine clock */
	const char *job, *user; /* NULL is ""; user: that authenticated */
	uint32_t room;          /* octets that come before it when it is sent */
	bool one_by_one;        /* each recipient in a grant of its own */
	const struct spans *spans; /* in which it may be sent; NULL: any time */
};

/*
 * m->id is set and its own; it has its body, or is one of message_at().  A
 * reference on it is kept while it is in memory and some recipient is to be
 * tried soon; then only its number and place.
 */
void sched_add(struct sched *s, struct message *m,
    const struct sched_rcpt_in *rcpts, size_t count, int64_t now_us);

/*
 * Does what the time asks for (due recipients, limits that ended, expiry) and
 * serves what is ready.  Returns when it wants to be called again, or
 * INT64_MAX.
 */
int64_t sched_run(struct sched *s, int64_t now_us);
/*
 * So often a sched_run() came to no end, and went on a millisecond later: a
 * mistake in here that has to be told.  Mail goes on, though slowly.
 */
uint64_t sched_stuck(const struct sched *s);

/* ---- a connection's life, told by the owner ------------------------------ */

/*
 * When it was begun to connect; a connect rate and smtp-out-rampup-interval
 * count it as now until this is said, or it is ready or closed.  Who found all
 * addresses full without this was no connection.
 */
bool sched_conn_is_timed(const struct sched_conn *c); /* it asks for it */
void sched_connecting(struct sched *s, struct sched_conn *c, int64_t when_us);
/*
 * One that asked for it has called an address, in vain, and has others left:
 * the next is a connection of its own to those limits.  So this one ends
 * (sched_closed(), and its queue has not failed), and the next of its queue
 * goes on there, if its route has that address in that place; else it begins
 * anew, but `tried` counts, or a route that changes each time had no end.
 *
 * It is of one attempt to reach the domain, which ends when the queue fails,
 * when no mail waits that may be sent, and when the queue is paused.  How long
 * the limits let it wait does not matter: an attempt that began anew for that
 * would always end at the first address.  Only where mail goes out meanwhile,
 * over another connection, the place is gone after ten minutes.
 *
 * One that left a host by skip-mx, and is closed before the next host was given
 * any mail, says so as well, and that place stays: what the limits count was
 * spent at the host that was left, and would be there each time.
 */
struct sched_place {
	uint64_t shuffle; /* the order of equal hosts */
	uint32_t next;    /* address, in that order */
	uint32_t tried;   /* addresses before it */
	bool no_tls;
	bool refused;  /* each of those greeted with 5xx, not 554 */
	bool stays;    /* for all connections of the queue, not for the next */
	uint16_t port; /* of it: */
	struct net_addr addr;
	uint64_t host;         /* its name, hashed */
	struct net_addr first; /* stood before its betters; family 0: none */
	/* The scheduler's: */
	uint8_t family;   /* of the source */
	int64_t since_us; /* that it is known */
};
void sched_goes_on(struct sched *s, struct sched_conn *c,
    const struct sched_place *at);
/* Where to go on; NULL: it begins anew. */
const struct sched_place *sched_conn_place(const struct sched_conn *c);
void sched_ready(struct sched *s, struct sched_conn *c, int64_t now_us);
/* n: of its recipients; the others are not tried, and cost no limit anything. */
void sched_written(struct sched *s, struct grant *g, uint32_t n,
    int64_t when_us);

enum sched_fate {
	FATE_DONE,  /* terminal: leaves the scheduler */
	FATE_RETRY, /* this recipient waits until due_us */
	FATE_UNUSED /* was not tried: back to the front */
};

struct sched_result {
	enum sched_fate fate;
	int64_t due_us;
	/*
	 * FATE_RETRY: the server has named the time, so the message is tried
	 * from the same source, until then; 0: from any.
	 */
	int64_t pin_until_us;
	bool skipped; /* with FATE_UNUSED: its host is to be left (skip-mx) */
	/* FATE_RETRY: for good, were it not handed (sched_walk_hand()). */
	bool refused;
	bool written;   /* its RCPT was written, so its token is spent */
	bool delivered; /* with FATE_DONE: the server took the message */
};

/*
 * Ends a grant: one result for each of its recipients, in their order.
 * Frees the grant.  The connection may then say sched_ready() again.
 */
void sched_results(struct sched *s, struct grant **gp,
    const struct sched_result *results, int64_t now_us);

/*
 * May a connection that is being opened go to this address of this host?  It
 * is asked before each address it tries, if mx-connection-limit or
 * ip-connection-limit may concern it.  False: there are enough.  When that is
 * so everywhere, sched_closed(): its queue waits until a slot gets free
 * there, and it has not failed.
 */
bool sched_address(struct sched *s, struct sched_conn *c, const char *host,
    const struct net_addr *peer);
/*
 * Its queue has waited for a slot at this host (or at this address: then host
 * is ""), and it is kept for it: it should go there first.  False: for none.
 */
bool sched_conn_awaited(const struct sched_conn *c, const char **host_r,
    struct net_addr *addr_r);
/* It is there already, since before there was such a limit. */
void sched_located(struct sched *s, struct sched_conn *c, const char *host,
    const struct net_addr *peer);

/*
 * It leaves its server for the next one of its route (skip-mx), and will say
 * sched_ready() from there: what it has carried does not count any more.  It is
 * told to close where a reload has ended the rules by which it would sign in.
 */
void sched_conn_anew(struct sched *s, struct sched_conn *c);

/* The connection is gone; all its grants must have ended. */
void sched_closed(struct sched *s, struct sched_conn **cp, int64_t now_us);

/*
 * Queue-level failure: the queue waits, gives nothing to its connections and
 * closes idle ones; returns until when.  Failures while it waits are the same
 * failure.  sched_queue_worked() sets the next wait to the first of the list;
 * a wait that has begun stands.  tried: none of its servers can be reached, so
 * what is too old, and was to be tried once, ends too; so it does with the
 * second failure of DNS in a row.
 */
int64_t sched_queue_failed(struct sched *s, struct sched_queue *q,
    enum retry_kind kind, const char *why, int64_t now_us, bool tried);
void sched_queue_worked(struct sched *s, struct sched_queue *q);

/* Has its queue other connections that are ready, busy or being set up? */
bool sched_conn_has_peers(const struct sched_conn *c);
/* Is it ready, and has nothing to do?  A server may end it then, as any. */
bool sched_conn_is_spare(const struct sched_conn *c);

/*
 * The domain has no address of the family of its source, but one of the other:
 * the next connection of the queue goes out from a source of that, at once.
 */
void sched_conn_no_family(struct sched *s, struct sched_conn *c);

/*
 * It has reached no address of the domain.  True: address-family preferred the
 * family of its source, and there is one of the other: the next connections of
 * the queue go out from that, at once, as if the domain had no other address.
 */
bool sched_conn_unreached(struct sched *s, struct sched_conn *c,
    const char *why);

/*
 * Its source cannot be bound, so it is lost (below).  Its queue has not failed:
 * it goes on from another one at once, or waits until one of them is back.
 */
void sched_conn_source_lost(struct sched *s, struct sched_conn *c,
    const char *why);

/*
 * The host does not have the address, or has it again.  While it is lost no
 * connection goes out from there, of any queue.
 */
void sched_source_lost(struct sched *s, const struct net_addr *a, bool lost);

/*
 * The server wants no more connections than the others: the queue goes on
 * with so many, and one more is tried later, ever later while it is refused.
 */
void sched_conn_refused(struct sched *s, struct sched_conn *c, const char *why,
    int64_t now_us);

/*
 * Takes every waiting recipient out of the queue (not those granted or on
 * hold): for a route that is gone for good.
 */
typedef void sched_taken_fn(void *ctx, struct sched_queue *q, struct message *m,
    uint32_t n, uint16_t attempts);
void sched_queue_take_all(struct sched *s, struct sched_queue *q,
    sched_taken_fn *fn, void *ctx, int64_t now_us);
/* The same for those that wait their turn and were queued before born_us. */
void sched_queue_take_old(struct sched *s, struct sched_queue *q,
    int64_t born_us, sched_taken_fn *fn, void *ctx, int64_t now_us);

/*
 * Compaction moved a message.  False while a grant may still use the old
 * place: ask again when grants have ended.
 */
bool sched_message_moved(struct sched *s, uint64_t id,
    const struct message_loc *loc);

/*
 * What owner->resolve() asked for: facts that are not ok, or NULL, when DNS did
 * not say.  What was known before goes on to count then, for a minute.
 */
void sched_resolved(struct sched *s, const char *domain,
    const struct mx_facts *facts, int64_t now_us);

/* ---- facts --------------------------------------------------------------- */

struct sched_queue *sched_conn_queue(const struct sched_conn *c);
/* Never NULL; family 0 and name "" when none is configured. */
const struct conf_source *sched_conn_source(const struct sched_conn *c);
/* Has its virtual MTA sources of IPv4 and of IPv6, and may it use both? */
bool sched_conn_has_both_families(const struct sched_conn *c);
const struct snapshot *sched_conn_conf(const struct sched_conn *c);
uint64_t sched_conn_id(const struct sched_conn *c);
void sched_conn_set_user(struct sched_conn *c, void *user);
void *sched_conn_user(const struct sched_conn *c);

const char *sched_queue_domain(const struct sched_queue *q);
const char *sched_queue_vmta(const struct sched_queue *q); /* "" default */
/* What it shares limits with: NAME.rollup/VMTA, a provider; "": nothing. */
const char *sched_queue_group(const struct sched_queue *q);
const char *sched_queue_provider(const struct sched_queue *q);
/* What it returns when a connection opens lives until sched_closed(). */
const struct queue_conf *sched_queue_conf(const struct sched_queue *q);
/* Has it failed as a whole, and waits? */
bool sched_queue_waits(const struct sched_queue *q, int64_t now_us);
/* Why the whole queue failed last, or "". */
const char *sched_queue_last_error(const struct sched_queue *q);

struct sched_queue_info {
	const char *domain, *vmta;
	uint64_t rcpts, deferred; /* all; those that wait for their time */
	uint32_t conns;
	uint64_t kbytes;
	int64_t retry_us;             /* the queue waits until then, or 0 */
	const char *last_error;       /* or "" */
	const char *waits_for;        /* first limit that says no, or "" */
	const char *group, *provider; /* that it shares limits with, or "" */
	bool paused;
	enum queue_mode mode;
	/* Mail of other virtual MTAs came here, last from this one; or NULL. */
	const char *moved_from;
	uint64_t moved; /* so many recipients of that one so far */
};

void sched_queue_info(struct sched *s, struct sched_queue *q, int64_t now_us,
    struct sched_queue_info *out);

struct sched_rcpt_info {
	const struct entry *entry; /* for sched_rcpt_message() */
	uint64_t id;
	uint32_t size;  /* of the body */
	uint32_t rcpts; /* of its message, in all queues */
	const char *job, *user;
	int64_t queued_us;
	uint32_t n;
	uint16_t attempts;
	int64_t due_us; /* 0: now; or SCHED_ON_HOLD */
	bool granted;
	uint16_t pin; /* of its queue, where it waits its turn; or 0 */
	const char *domain, *vmta;
};

/* Is it in memory, that is: does any recipient of it wait or is being sent? */
bool sched_has_message(const struct sched *s, uint64_t id);

/* A reference on its message. */
struct message *sched_rcpt_message(const struct sched_rcpt_info *info);

struct sched_totals {
	uint64_t queues, rcpts, deferred, granted, kbytes;
	uint64_t handed; /* sched_walk_hand(), and not gone yet */
	/* Of these: it, or another of its message there, was refused. */
	uint64_t refused;
	uint32_t conns;
};
/* Kept as they change: costs the same however many queues there are. */
void sched_totals(const struct sched *s, struct sched_totals *out);

#endif
