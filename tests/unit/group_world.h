/* SPDX-License-Identifier: Apache-2.0 */
/*
 * group_world - a scheduler whose queues may be in groups, for tests of how
 * these stand: what it said of them is in told, what is kept of them in rows.
 *
 * The test owns it, between begin() and end().  No connection is ever ready;
 * none is opened unless the test ends the hold.
 */

#ifndef TESTS_UNIT_GROUP_WORLD_H
#define TESTS_UNIT_GROUP_WORLD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "mail/message.h"
#include "tests/conf_file.h"
#include "tests/tap.h"
#include "vmta/sched.h"
#include "vmta/sched_keep.h"
#include "vmta/sched_priv.h"
#include "vmta/sched_why.h"
#include "vmta/snapshot.h"

#define S US_PER_S
#define MIN (60 * S)
#define H (3600 * S)
#define NOW (1000 * H)

enum { ROWS = 16, ASKED = 16 };

struct row {
	char name[80];
	struct buf bytes;
};

struct world {
	struct sched *sched;
	int64_t now;
	char told[400]; /* events, one behind the other */
	char asked[80]; /* of MX hosts, last */
	char unanswered[ASKED][16];
	unsigned unanswered_n;
	char told_to[40];      /* whom the settings name, of a mode */
	struct row rows[ROWS]; /* what is kept now */
	unsigned rows_n;
};

/* ---- its owner ----------------------------------------------------------- */

static inline void
on_open(void *ctx, struct sched_conn *c)
{
	(void)ctx;
	(void)c;
}

static inline void
on_event(void *ctx, const struct sched_event *e)
{
	static const char *const words[] = { [SCHED_BACKOFF] = "backoff",
		[SCHED_RETURN] = "return",
		[SCHED_NORMAL] = "normal",
		[SCHED_SOURCE_OFF] = "off",
		[SCHED_SOURCE_ON] = "on",
		[SCHED_ALL_OFF] = "all-off",
		[SCHED_MOVED] = "moved" };
	struct world *w = ctx;
	size_t len = strlen(w->told);

	(void)snprintf(w->told + len, sizeof(w->told) - len, "%s %s/%s; ",
	    words[e->kind], e->domain, e->vmta);
	if (e->conf->backoff_notify.n > 0)
		(void)snprintf(w->told_to, sizeof(w->told_to), "%s",
		    e->conf->backoff_notify.v[0]);
}

static inline void
on_resolve(void *ctx, const char *domain, const struct conf_strs *listed)
{
	struct world *w = ctx;

	(void)listed;
	(void)snprintf(w->asked, sizeof(w->asked), "%s", domain);
	CHECK(w->unanswered_n < ASKED);
	(void)snprintf(w->unanswered[w->unanswered_n++], 16, "%s", domain);
}

static inline struct row *
row_of(struct world *w, struct slice name)
{
	for (unsigned i = 0; i < w->rows_n; i++)
		if (slice_eq(name, w->rows[i].name))
			return &w->rows[i];
	CHECK(w->rows_n < ROWS);
	(void)snprintf(w->rows[w->rows_n].name, sizeof(w->rows[0].name), "%.*s",
	    (int)name.len, name.p);
	return &w->rows[w->rows_n++];
}

static inline void
on_keep(void *ctx, struct slice name, struct slice bytes, uint64_t ticket)
{
	struct row *r = row_of(ctx, name);

	(void)ticket;
	buf_clear(&r->bytes);
	if (bytes.len > 0)
		buf_add(&r->bytes, bytes.p, bytes.len);
}

/* ---- a world ------------------------------------------------------------- */

static inline struct snapshot *
conf_of(const char *text)
{
	struct conf_errors errs = { 0 };
	struct snapshot *s;

	conf_file_put("main", text);
	s = snapshot_load(conf_file_path("main"), &errs);
	CHECK(s != NULL);
	conf_errors_fini(&errs);
	return s;
}

static inline void
begin(struct world *w, const char *text)
{
	static const struct sched_owner owner = { .open = on_open,
		.event = on_event,
		.resolve = on_resolve,
		.keep = on_keep };
	struct snapshot *conf = conf_of(text);

	*w = (struct world){ .now = NOW };
	w->sched = sched_new(conf, &owner, w, w->now);
	snapshot_unref(&conf);
	sched_hold(w->sched, true, w->now); /* no connections */
}

static inline void
reload(struct world *w, const char *text)
{
	struct snapshot *conf = conf_of(text);

	sched_reload(w->sched, conf, w->now);
	snapshot_unref(&conf);
	(void)sched_run(w->sched, w->now);
}

static inline void
end_sched(struct world *w)
{
	while (!TAILQ_EMPTY(&w->sched->conns)) {
		struct sched_conn *c = TAILQ_FIRST(&w->sched->conns);

		sched_closed(w->sched, &c, w->now);
	}
	sched_free(&w->sched);
}

static inline void
end_rows(struct world *w)
{
	for (unsigned i = 0; i < w->rows_n; i++)
		buf_fini(&w->rows[i].bytes);
}

static inline void
end(struct world *w)
{
	end_sched(w);
	end_rows(w);
}

static inline void
pass(struct world *w, int64_t us)
{
	int64_t end = w->now + us, next;

	while ((next = sched_run(w->sched, w->now)) < end)
		w->now = next > w->now ? next : w->now + 1;
	w->now = end;
	(void)sched_run(w->sched, w->now);
}

/* Mail for it, and its queue. */
static inline struct sched_queue *
mail(struct world *w, const char *domain)
{
	static uint64_t id;
	const struct sched_rcpt_in in = { .domain = domain,
		.vmta = "",
		.queued_us = w->now };
	struct message *m = message_at(++id, &(struct message_loc){ 0 });

	sched_add(w->sched, m, &in, 1, w->now);
	message_unref(&m);
	(void)sched_run(w->sched, w->now);
	return queue_find(w->sched, domain_obj_find(&w->sched->domains, domain),
	    vmta_find(w->sched, ""));
}

static inline struct sched_queue *
queue(const struct world *w, const char *domain)
{
	const struct domain_obj *d = domain_obj_find(&w->sched->domains,
	    domain);

	return d == NULL ? NULL :
			   queue_find(w->sched, d, vmta_find(w->sched, ""));
}

static inline void
slow(struct world *w, struct sched_queue *q, int64_t until_us)
{
	static const struct sched_reason why = { "421 slow down", "config", 7 };

	sched_queue_backoff(w->sched, q, until_us, &why, w->now);
}

static inline void
facts(struct world *w, const char *domain, const char *host)
{
	const char *const hosts[] = { host };
	const struct mx_facts f = { .ok = true,
		.n = 1,
		.hosts = hosts,
		.has_v4 = true,
		.ttl_us = 300 * S };

	sched_resolved(w->sched, domain, &f, w->now);
	(void)sched_run(w->sched, w->now);
}

#define SOURCES \
	"smtp-source-host 192.0.2.1 a.example\n" \
	"smtp-source-host 192.0.2.2 b.example\n"
#define BIG \
	"<provider big>\n domain a.example, b.example, c.example\n" \
	" rollup big.rollup\n</provider>\n"
#define BY_MX \
	"<provider big>\n mx *.big.test\n rollup big.rollup\n</provider>\n"
#define LIMITS \
	"<domain big.rollup>\n max-smtp-out 8\n backoff-max-smtp-out 2\n" \
	" backoff-return-interval 16m\n backoff-notify ops@host.example\n" \
	"</domain>\n"

#endif
