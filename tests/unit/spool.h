/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool - a real store for a test, asked and answered one by one; header only.
 *
 * The store's callbacks come on its thread; they write down what they saw and
 * wake the test by a byte in a pipe, which also orders the memory.
 */

#ifndef TESTS_UNIT_SPOOL_H
#define TESTS_UNIT_SPOOL_H

#include "lib/clock.h"
#include "lib/mem.h"
#include "mail/envelope.h"
#include "mail/waybill.h"
#include "queue/inflight.h"
#include "queue/segment.h"
#include "queue/segment_priv.h"
#include "queue/store.h"
#include "tests/unit/tmpdir.h"

enum { SPOOL_MAX = 100000 };

struct spool_rcpt {
	uint64_t id;
	uint32_t n;
	uint16_t attempts;
	int64_t due_wall_us;
	struct message_loc loc;
};

static struct {
	struct store *store;
	int pipe[2];
	/* What the load brought, in order. */
	struct spool_rcpt recovered[SPOOL_MAX];
	size_t recovered_count, doubts;
	/* Bytes and last sequence of the outbox. */
	char outbox[1 << 16];
	size_t outbox_len;
	uint64_t outbox_seq;
	bool outbox_has_ledger; /* the last: as committed with it */
	struct store_ledger outbox_after;
	/* The last move of a body, and how many. */
	size_t moved_count;
	struct {
		uint64_t id;
		struct message_loc loc;
	} moved[1000];
	char states[1000]; /* NAME=VALUE; of the last opening */
	char leases[4000]; /* likewise: NAME=LEASE+PENDING; NAME=?; */
	struct store_leases_loaded leases_loaded;
	enum store_space space; /* the last that spool_wait() has heard of */
	/* Senders are s1@sender.example and so on. */
	unsigned serial;
	/* Bytes of the records of those that were taken. */
	uint64_t taken_bytes;
	/* Options of the next opening. */
	uint32_t segment_size;
	uint64_t min_free;
} spool;

static inline void
spool_wake(char what)
{
	if (write(spool.pipe[1], &what, 1) != 1)
		abort();
}

/*
 * Until what was said; false after ten seconds.  How much space there is
 * comes as a digit and counts as an 'S'.
 */
static inline bool
spool_wait(char what)
{
	static unsigned said[256];
	int64_t end = clock_us() + 10 * US_PER_S;

	while (said[(unsigned char)what] == 0) {
		char c;

		if (read(spool.pipe[0], &c, 1) == 1) {
			if (c >= '0' && c <= '9') {
				spool.space = (enum store_space)(c - '0');
				c = 'S';
			}
			said[(unsigned char)c]++;
		} else if (clock_us() > end)
			return false;
		else
			(void)usleep(100);
	}
	said[(unsigned char)what]--;
	return true;
}

static inline void
spool_on_state(void *ctx, struct slice name, struct slice value)
{
	size_t len = strlen(spool.states);

	(void)ctx;
	(void)snprintf(spool.states + len, sizeof(spool.states) - len,
	    "%.*s=%.*s; ", (int)name.len, name.p, (int)value.len, value.p);
}

static inline void
spool_on_lease(void *ctx, struct slice key, const struct lease_record *rec)
{
	size_t len = strlen(spool.leases);
	char value[64] = "?";

	(void)ctx;
	if (rec != NULL)
		(void)snprintf(value, sizeof(value), "%u+%u",
		    (unsigned)rec->lease, (unsigned)rec->pending);
	(void)snprintf(spool.leases + len, sizeof(spool.leases) - len,
	    "%.*s=%s; ", (int)key.len, key.p, value);
}

static inline void
spool_on_leases_loaded(void *ctx, const struct store_leases_loaded *all)
{
	(void)ctx;
	spool.leases_loaded = *all;
}

static inline void
spool_note(const struct store_arrival *a)
{
	for (uint32_t i = 0; i < a->count; i++)
		if (spool.recovered_count < SPOOL_MAX)
			spool.recovered[spool.recovered_count++] =
			    (struct spool_rcpt){ a->id, a->rcpts[i].n,
				    a->rcpts[i].attempts,
				    a->rcpts[i].due_wall_us, a->loc };
}

static inline void
spool_on_recovered(void *ctx, struct store_arrivals *arrivals)
{
	const struct store_arrival *a;

	(void)ctx;
	STAILQ_FOREACH(a, &arrivals->list, link)
	spool_note(a);
	store_arrivals_done(&arrivals);
}

static inline void
spool_on_loaded(void *ctx, size_t doubts)
{
	(void)ctx;
	spool.doubts = doubts;
	spool_wake('L');
}

static inline void
spool_on_outbox(void *ctx, uint64_t seq, const struct store_ledger *after,
    const void *p, size_t len)
{
	(void)ctx;
	if (spool.outbox_len + len <= sizeof(spool.outbox)) {
		memcpy(spool.outbox + spool.outbox_len, p, len);
		spool.outbox_len += len;
	}
	spool.outbox_seq = seq;
	spool.outbox_has_ledger = after != NULL;
	if (after != NULL)
		spool.outbox_after = *after;
}

static inline void
spool_on_space(void *ctx, enum store_space space)
{
	(void)ctx;
	spool_wake((char)('0' + space));
}

static inline void
spool_on_moved(void *ctx, uint64_t id, uint32_t old_segment,
    const struct message_loc *loc)
{
	(void)ctx;
	(void)old_segment;
	if (spool.moved_count < 1000) {
		spool.moved[spool.moved_count].id = id;
		spool.moved[spool.moved_count++].loc = *loc;
	}
	spool_wake('M');
}

static inline void
spool_open(void)
{
	const struct store_options opt = { .dir = tmpdir_path("spool"),
		.min_free = spool.min_free,
		.workers = 2,
		.sessions = 100,
		.segment_size = spool.segment_size };
	const struct store_owner owner = { .state = spool_on_state,
		.lease = spool_on_lease,
		.leases_loaded = spool_on_leases_loaded,
		.recovered = spool_on_recovered,
		.loaded = spool_on_loaded,
		.outbox = spool_on_outbox,
		.space = spool_on_space,
		.moved = spool_on_moved };
	struct err e;

	if (spool.pipe[1] == 0 &&
	    (pipe(spool.pipe) == -1 ||
		fcntl(spool.pipe[0], F_SETFL, O_NONBLOCK) == -1))
		exit(99);
	spool.recovered_count = spool.outbox_len = spool.moved_count = 0;
	spool.outbox_has_ledger = false;
	spool.states[0] = spool.leases[0] = '\0';
	spool.leases_loaded = (struct store_leases_loaded){ 0 };
	if (store_open(&opt, &owner, NULL, &spool.store, &e) == -1) {
		(void)printf("Bail out! %s\n", e.text);
		exit(99);
	}
}

static inline bool
spool_load(void)
{
	store_load(spool.store);
	return spool_wait('L');
}

/* ---- one by one ---------------------------------------------------------- */

static inline void
spool_accept_done(struct store_accept *a)
{
	(void)a;
	spool_wake('A');
}

/* All messages with as many recipients have the same; it stays. */
static inline struct slice
spool_waybill(const struct envelope *env)
{
	static struct buf bills[16];

	if (env->rcpt_count >= sizeof(bills) / sizeof(bills[0]))
		abort();
	if (bills[env->rcpt_count].len == 0)
		waybill_pack(env, &bills[env->rcpt_count]);
	return (struct slice){ bills[env->rcpt_count].p,
		bills[env->rcpt_count].len };
}

/* What is to be accepted. */
static inline void
spool_fill(struct store_accept *a, uint32_t rcpt_count, uint32_t body_len)
{
	struct env_rcpt *rcpts = mem_array(rcpt_count, sizeof(*rcpts));
	char sender[40];
	struct envelope env = { .arrival_us = 1,
		.sender = sender,
		.rcpt_count = rcpt_count,
		.rcpts = rcpts };
	struct buf packed = { 0 };

	(void)snprintf(sender, sizeof(sender), "s%u@sender.example",
	    ++spool.serial);
	for (uint32_t i = 0; i < rcpt_count; i++)
		rcpts[i] = (struct env_rcpt){ .addr = "b@example.net",
			.domain = "example.net",
			.pool = "" };
	envelope_pack(&env, &packed);
	a->rcpt_count = rcpt_count;
	a->waybill = spool_waybill(&env);
	a->msg = message_new(packed.p, (uint32_t)packed.len);
	a->msg->body = body_new(body_len);
	memset(a->msg->body->bytes, 'm', body_len);
	buf_fini(&packed);
	free(rcpts);
}

/* The number of the sender of a message with a whole body at loc, or 0. */
static inline unsigned
spool_read(struct segment_reader *r, uint64_t id, const struct message_loc *loc)
{
	struct region *rg = region_new();
	struct segment_got got;
	struct envelope env;
	unsigned serial = 0;
	struct err e;

	if (segment_read(r, id, loc, rg, &got, &e) == 0 && got.body != NULL &&
	    envelope_unpack(got.env, loc->env_len, rg, &env, &e) == 0)
		serial = (unsigned)strtoul(env.sender + 1, NULL, 10);
	for (uint32_t i = 0; serial > 0 && i < got.body->len; i++)
		if (got.body->bytes[i] != 'm')
			serial = 0;
	body_unref(&got.body);
	region_free(&rg);
	return serial;
}

/* The id, 0 when it was not kept; a is filled for those who look closer. */
static inline uint64_t
spool_accept(struct store_accept *a, uint32_t rcpt_count, uint32_t body_len)
{
	uint64_t id;

	a->done = spool_accept_done;
	spool_fill(a, rcpt_count, body_len);
	store_accept(spool.store, a);
	if (!spool_wait('A'))
		return 0;
	id = a->answer == STORE_TAKEN ? a->msg->id : 0;
	if (id != 0)
		spool.taken_bytes += segment_size(&a->msg->loc);
	message_unref(&a->msg);
	return id;
}

static inline void
spool_settle_done(struct store_settle *o)
{
	(void)o;
	spool_wake('O');
}

static inline bool
spool_settle(struct store_settled *items, size_t count, const char *record)
{
	struct store_settle o = { .done = spool_settle_done,
		.count = count,
		.items = items,
		.records = record,
		.records_len = strlen(record) };

	store_settle(spool.store, &o);
	return spool_wait('O');
}

static inline bool
spool_settle_one(uint64_t id, uint32_t n, enum store_verdict verdict,
    const char *record)
{
	struct store_settled item = { .id = id,
		.n = n,
		.verdict = verdict,
		.attempts = 3,
		.due_wall_us = 5000 };

	return spool_settle(&item, 1, record);
}

/*
 * An outcome and the message that it causes, whose body is "caused by ID";
 * the id of that message, or 0.
 */
static inline uint64_t
spool_settle_mail(uint64_t id, uint32_t n, enum store_verdict verdict)
{
	struct store_settled item = { .id = id, .n = n, .verdict = verdict };
	struct store_accept a = { 0 };
	struct store_mail mail = { .rcpt_count = 1 };
	struct store_settle o = { .done = spool_settle_done,
		.count = 1,
		.items = &item,
		.records = "f",
		.records_len = 1,
		.mails = &mail,
		.mail_count = 1 };
	char text[64];
	int len = snprintf(text, sizeof(text), "caused by %llu\r\n",
	    (unsigned long long)id);
	uint64_t mail_id;

	spool_fill(&a, 1, (uint32_t)len);
	mail.msg = a.msg;
	mail.waybill = a.waybill;
	memcpy(mail.msg->body->bytes, text, (size_t)len);
	store_settle(spool.store, &o);
	if (!spool_wait('O'))
		return 0;
	mail_id = mail.msg->id;
	message_unref(&mail.msg);
	return mail_id;
}

static inline void
spool_audit_done(struct store_audit_ask *ask)
{
	(void)ask;
	spool_wake('Q');
}

/* The caller frees it by store_audit_fini(). */
static inline struct store_audit
spool_audit(void)
{
	struct store_audit_ask ask = { .done = spool_audit_done };

	store_audit(spool.store, &ask);
	if (!spool_wait('Q'))
		exit(99);
	return ask.audit;
}

/* The same without the count; likewise. */
static inline struct store_audit
spool_counters(void)
{
	struct store_audit_ask ask = { .done = spool_audit_done,
		.brief = true };

	store_audit(spool.store, &ask);
	if (!spool_wait('Q'))
		exit(99);
	return ask.audit;
}

static inline bool
spool_balances(const struct store_audit *a)
{
	return a->ledger.accepted == store_ledger_ended(&a->ledger) + a->queued;
}

#endif
