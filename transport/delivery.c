/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/delivery.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "mail/envelope.h"
#include "mail/mark.h"
#include "transport/courier.h"
#include "transport/dispatch.h"
#include "transport/disposition.h"
#include "transport/envelope_read.h"
#include "transport/replies.h"
#include "transport/sender_out.h"
#include "transport/settlement.h"
#include "transport/sign_later.h"
#include "transport/suppressing.h"
#include "vmta/settings.h"

/* How far the message could be made ready. */
enum reading { READ_NOTHING, READ_ENVELOPE, READ_UNSIGNED, READ_ALL };

struct delivery {
	struct settlement settlement;
	struct worker_env *env;
	struct region *rg;
	struct grant *grant;
	struct delivery_route route;
	uint64_t id;
	struct envelope envelope;
	struct envelope_shared *shared; /* then that is its, too; or NULL */
	struct body *body;
	struct ready_header header; /* that comes before it */
	const char *sender;         /* that goes out; NULL: not known */
	struct smtp_transaction tx;
	/*
	 * By recipient of the grant: what the suppression lists came to, or
	 * NULL where it is sent; NULL: all are.
	 */
	struct outcome **held;
	uint32_t *numbers; /* in the grant, of those of tx */
	enum reading reading;
	struct err err; /* why not all was read */
	uint32_t slot;
	int64_t begun_wall_us, dot_wall_us; /* grant taken, final dot sent */
};

static bool
is_to_host(const char *domain)
{
	return strcmp(domain, SNAPSHOT_DSN_DOMAIN) == 0;
}

/* Whoever of the grant was to have the most. */
static uint8_t
signatures_wanted(const struct delivery *d)
{
	uint8_t most = 0;

	for (uint32_t i = 0; i < d->grant->count; i++) {
		uint8_t n = d->envelope.rcpts[d->grant->rcpts[i].n].signatures;

		if (n > most)
			most = n;
	}
	return most;
}

/* Mail for the internet, on the way to the host MTA. */
static bool
is_handed_back(const struct delivery *d)
{
	return d->grant->of_vmta != NULL;
}

static const char *
domain_of(const struct delivery *d)
{
	return is_handed_back(d) ? d->grant->of_domain : d->route.domain;
}

/* By whose settings it is made ready: the host sends on what it gets back. */
static const char *
vmta_of(const struct delivery *d)
{
	return is_handed_back(d) ? d->grant->of_vmta : d->route.vmta;
}

static const struct queue_conf *
conf_of(const struct delivery *d)
{
	struct queue_conf *conf;

	if (!is_handed_back(d))
		return d->route.conf;
	conf = region_new_obj(d->rg, struct queue_conf);
	settings_queue(d->route.snapshot, domain_of(d), vmta_of(d), conf);
	return conf;
}

static int
sign(struct delivery *d)
{
	const struct sign_later_in in = { .conf = d->route.snapshot,
		.queue = conf_of(d),
		.domain = domain_of(d),
		.vmta = vmta_of(d),
		.signing = d->envelope.signing,
		.body = d->body,
		.wanted = signatures_wanted(d),
		.now_s = d->begun_wall_us / US_PER_S };

	return sign_later(&in, d->rg, &d->header, &d->err);
}

/* When it came first: should the host give it to us again, it is no younger. */
static void
add_arrival(struct delivery *d)
{
	const struct mark_key *key = d->env->mark_key;
	struct slice *text = &d->header.text;
	struct buf all = { 0 };
	uint8_t body_hash[32];

	if (key == NULL)
		return;
	mark_body_hash((struct slice){ d->body->bytes, d->body->len }, d->rg,
	    body_hash);
	buf_printf(&all, "%s: %s\r\n", MARK_ARRIVAL_HEADER,
	    mark_arrival_make(key, d->envelope.arrival_us, body_hash, d->rg));
	buf_add(&all, text->p, text->len);
	*text = (struct slice){ region_dup(d->rg, all.p, all.len), all.len };
	buf_fini(&all);
}

static bool
is_held(const struct delivery *d, uint32_t i)
{
	return d->held != NULL && d->held[i] != NULL;
}

static void
hold(struct delivery *d, uint32_t i, const struct suppressing_said *said)
{
	if (d->held == NULL)
		d->held = region_array(d->rg, d->grant->count,
		    sizeof(struct outcome *));
	d->held[i] = region_new_obj(d->rg, struct outcome);
	*d->held[i] = suppressing_outcome(said);
	if (said->state == SUPPRESS_LISTED)
		suppressing_ended(d->env->suppressing);
}

/* Those that the source had named when the message came; some may have gone. */
static void
add_source_lists(const struct delivery *d, const struct snapshot *conf,
    struct suppress_set *lists)
{
	const char *p = d->envelope.lists, *end;

	for (; *p != '\0'; p = *end == '\0' ? end : end + 1) {
		const struct suppress_list *l;

		end = strchrnul(p, ',');
		l = snapshot_suppress(conf,
		    region_strndup(d->rg, p, (size_t)(end - p)));
		if (l != NULL)
			suppress_set_add(lists, l->number);
	}
}

/* An unsubscribe counts until the last moment. */
static void
check_lists(struct delivery *d)
{
	const struct snapshot *conf =
	    d->env->conf; /* not as old as the route */
	struct suppressing_said said;
	struct suppress_set lists;

	if (snapshot_suppress_count(conf) == 0 || is_to_host(domain_of(d)))
		return;
	for (uint32_t i = 0; i < d->grant->count; i++) {
		const struct env_rcpt *rcpt;

		CHECK(d->grant->rcpts[i].n < d->envelope.rcpt_count);
		rcpt = &d->envelope.rcpts[d->grant->rcpts[i].n];
		suppress_set_of(conf,
		    &(struct suppress_scope){ .vmta = vmta_of(d),
			.pool = rcpt->pool,
			.job = d->envelope.job },
		    &lists);
		add_source_lists(d, conf, &lists);
		if (suppressing_ask(d->env->suppressing, conf, &lists,
			rcpt->addr, d->rg, &said) != SUPPRESS_CLEAR)
			hold(d, i, &said);
	}
}

static enum reading
read_grant(struct delivery *d)
{
	d->shared = envelope_share(d->env, d->grant->msg, &d->envelope,
	    &d->body);
	if (d->shared == NULL &&
	    envelope_read_all(d->env, d->grant->msg, d->rg, &d->envelope,
		&d->body, &d->err) == -1)
		return READ_NOTHING;
	check_lists(d);
	/* One sender for each: then the grant is of one (of the waybill). */
	CHECK(d->grant->count == 1 || (d->envelope.flags & ENVELOPE_VERP) == 0);
	d->sender = sender_out(d->route.snapshot, &d->envelope,
	    d->grant->rcpts[0].n, vmta_of(d), d->rg);
	if (d->body == NULL)
		return READ_ENVELOPE;
	if (d->envelope.signing != NULL && sign(d) == -1)
		return READ_UNSIGNED;
	if (is_handed_back(d))
		add_arrival(d);
	return READ_ALL;
}

static void
fill_transaction(struct delivery *d)
{
	struct smtp_rcpt *rcpts = region_array(d->rg, d->grant->count,
	    sizeof(*rcpts));
	uint32_t count = 0;

	d->numbers = region_array(d->rg, d->grant->count, sizeof(uint32_t));
	for (uint32_t i = 0; i < d->grant->count; i++) {
		uint32_t n = d->grant->rcpts[i].n;

		CHECK(n < d->envelope.rcpt_count);
		if (is_held(d, i))
			continue;
		rcpts[count].addr = d->envelope.rcpts[n].addr;
		rcpts[count].orcpt = d->envelope.rcpts[n].orcpt;
		rcpts[count].notify = d->envelope.rcpts[n].notify;
		d->numbers[count++] = i;
	}
	d->tx = (struct smtp_transaction){ .sender = d->sender,
		.envid = d->envelope.envid,
		.ret = d->envelope.ret,
		.flags = d->envelope.flags,
		.prefix = d->header.text,
		.skip = d->header.skip,
		.body = d->body,
		.count = count,
		.rcpts = rcpts };
}

struct delivery *
delivery_new(struct worker_env *env, struct grant *g,
    const struct delivery_route *route)
{
	struct delivery *d = mem_new(struct delivery);

	d->env = env;
	d->rg = region_new();
	d->grant = g;
	d->route = *route;
	d->id = g->msg->id;
	d->begun_wall_us = clock_wall_us();
	d->slot = INFLIGHT_NONE;
	settlement_init(&d->settlement, env);
	d->reading = read_grant(d);
	if (d->reading == READ_ALL)
		fill_transaction(d);
	return d;
}

static void
delivery_free(struct delivery **dp)
{
	struct delivery *d = *dp;

	*dp = NULL;
	CHECK(d->grant == NULL && d->slot == INFLIGHT_NONE);
	body_unref(&d->body);
	settlement_fini(&d->settlement);
	region_free(&d->rg);
	envelope_unshare(&d->shared);
	free(d);
}

/*
 * A body that does not pass its checksum never will: its sender is told.  One
 * without an envelope has nobody to tell, and stays queued until it expires: a
 * disk may come back.
 */
static void
log_unreadable(const struct delivery *d)
{
	char id[MESSAGE_ID_TEXT];
	struct log_line l;

	log_begin(&l, LOG_L_ERROR, message_id_text(d->id, id),
	    "message-unreadable");
	log_str(&l, "queue", d->route.queue);
	log_int(&l, "rcpts", d->grant->count);
	log_str(&l, "result",
	    d->reading == READ_ENVELOPE ? "failed" : "stays queued");
	log_str(&l, "text", d->err.text);
	log_end(&l);
}

static bool
is_too_big(const struct delivery *d)
{
	return smtp_transaction_size(&d->tx) > d->route.conf->max_msg_size;
}

static struct outcome
too_big(const struct delivery *d)
{
	return (struct outcome){ .kind = OUTCOME_TOO_BIG,
		.phase = PHASE_MAIL,
		.text = region_printf(d->rg,
		    "message size %u exceeds max-message-size %llu of %s",
		    smtp_transaction_size(&d->tx),
		    (unsigned long long)d->route.conf->max_msg_size,
		    d->route.queue),
		.mx = "",
		.esmtp = "",
		.tls = "",
		.wall_us = clock_wall_us() };
}

const struct smtp_transaction *
delivery_transaction(const struct delivery *d, struct outcome *outcome_r)
{
	if (d->reading == READ_ALL && d->tx.count == 0) {
		*outcome_r = *d->held[0];
		return NULL;
	}
	if (d->reading == READ_ALL && is_too_big(d)) {
		*outcome_r = too_big(d);
		return NULL;
	}
	if (d->reading == READ_ALL)
		return &d->tx;
	if (d->reading != READ_UNSIGNED)
		log_unreadable(d);
	*outcome_r = (struct outcome){ .kind = d->reading == READ_ENVELOPE ?
		    OUTCOME_DAMAGED :
		    OUTCOME_LOCAL_TEMP,
		.phase = PHASE_MAIL,
		.text = d->err.text,
		.mx = "",
		.esmtp = "",
		.tls = "",
		.wall_us = clock_wall_us() };
	return NULL;
}

bool
delivery_is_timed(const struct delivery *d)
{
	return d->grant->timed;
}

struct grant *
delivery_grant(const struct delivery *d)
{
	return d->grant;
}

uint32_t
delivery_count(const struct delivery *d)
{
	return (uint32_t)d->tx.count;
}

bool
delivery_dot(struct delivery *d, const uint32_t *accepted, size_t count)
{
	uint32_t *numbers = region_array(d->rg, count, sizeof(*numbers));

	CHECK(d->slot == INFLIGHT_NONE);
	for (size_t i = 0; i < count; i++)
		numbers[i] = d->grant->rcpts[d->numbers[accepted[i]]].n;
	d->dot_wall_us = clock_wall_us();
	d->slot = inflight_fill(d->env->inflight, d->id, d->route.session,
	    d->dot_wall_us, numbers, count);
	return d->slot != INFLIGHT_NONE;
}

/* ---- the end ------------------------------------------------------------- */

static void
clear_slot(struct delivery *d)
{
	if (d->slot != INFLIGHT_NONE)
		inflight_clear(d->env->inflight, d->slot);
	d->slot = INFLIGHT_NONE;
	courier_resume(d->env);
}

/* After the flush. */
static void
on_flushed(struct settlement *st)
{
	struct delivery *d = post_owner(st, struct delivery, settlement);

	clear_slot(d);
	delivery_free(&d);
}

static struct host_lines_way
way_of(const struct delivery *d)
{
	return (struct host_lines_way){ .port = d->route.port,
		.use = d->route.use,
		.size = d->body == NULL ? 0 : d->body->len,
		.begun_us = d->begun_wall_us,
		.setup_us = d->route.setup_us };
}

static void
settle_one(struct delivery *d, uint32_t i, const struct outcome *o,
    const struct disposition *what)
{
	const struct grant_rcpt *rcpt = &d->grant->rcpts[i];
	const struct settlement_rcpt item = {
		.of = { .rg = d->rg,
		    .id = d->id,
		    .env = &d->envelope,
		    .n = rcpt->n,
		    .orig = d->sender,
		    .queue = d->route.queue,
		    .vmta = d->route.vmta,
		    .outcome = o,
		    .disposition = what,
		    .first_attempt_us = rcpt->attempts == 0 ? d->begun_wall_us :
							      0 },
		.attempts = (uint16_t)(rcpt->attempts +
		    (rcpt->attempts < UINT16_MAX)),
		.unrecorded = acct_is_disabled(d->route.conf,
		    record_type(what->what)),
		.tell_nobody = !d->route.conf->deliver_dsn,
		.way = way_of(d),
		.dot_wall_us = d->dot_wall_us,
		.session = d->route.session
	};

	settlement_add(&d->settlement, &item);
}

/* Outcomes of one reply have its text in common. */
static struct said *
said_of(const struct outcome *o, const struct outcome *last, struct said *said)
{
	if (said != NULL && o->text == last->text && o->code == last->code)
		return said_ref(said);
	return said_new(o);
}

/* What was said to those that wait now; NULL: to nobody. */
static struct said **
all_said(const struct outcome *const *outcomes,
    const struct sched_result *results, uint32_t count)
{
	const struct outcome *last = NULL;
	struct said **all = NULL, *said = NULL;

	for (uint32_t i = 0; i < count; i++) {
		if (results[i].fate != FATE_RETRY)
			continue;
		if (all == NULL)
			all = mem_array(count, sizeof(struct said *));
		all[i] = said = said_of(outcomes[i], last, said);
		last = outcomes[i];
	}
	return all;
}

static void
judge(struct delivery *d, uint32_t i, const struct outcome *o,
    struct judgement *j)
{
	int64_t wall_us = clock_wall_us();
	int64_t age_us = wall_us - d->envelope.arrival_us;
	const struct judging by = { .conf = d->route.conf,
		.rules = d->route.rules,
		.age_us = d->envelope.rcpt_count == 0 ? 0 : age_us,
		.attempts = d->grant->rcpts[i].attempts,
		.spans = &d->envelope.spans,
		.wall_us = wall_us,
		.no_skip = d->route.last_host || d->grant->had_round,
		.handed_back = is_handed_back(d) };

	disposition_judge(o, &by, j);
}

static void
set_result(struct delivery *d, uint32_t i, const struct outcome *o,
    const struct judgement *j, struct sched_result *result)
{
	const struct disposition *what = &j->rcpt;

	if (what->what == DISPOSE_UNUSED) {
		result->fate = FATE_UNUSED;
		result->skipped = j->effects.skip_mx;
		return;
	}
	settle_one(d, i, o, what);
	result->fate = what->what == DISPOSE_RETRY ? FATE_RETRY : FATE_DONE;
	result->delivered = what->what == DISPOSE_DELIVERED;
	result->refused = j->refused;
	result->due_us = clock_us() + what->retry_after_us;
	if (j->keep_source)
		result->pin_until_us = result->due_us + what->retry_after_us;
}

static void
post_to_store(struct delivery *d)
{
	if (settlement_is_empty(&d->settlement)) {
		clear_slot(d); /* its dot was noted, and then not sent */
		delivery_free(&d);
		return;
	}
	settlement_commit(&d->settlement, on_flushed);
}

/*
 * What came to each of the grant: its own, if the lists hold it; else that of
 * the transaction, which is one for all with step 0.
 */
static const struct outcome **
all_outcomes(const struct delivery *d, const struct outcome *outcomes,
    size_t step)
{
	const struct outcome **all = region_array(d->rg, d->grant->count,
	    sizeof(const struct outcome *));

	for (uint32_t i = 0; i < d->grant->count; i++) {
		all[i] = is_held(d, i) ? d->held[i] : outcomes;
		outcomes += is_held(d, i) ? 0 : step;
	}
	return all;
}

/* Of a message of ours to its sender nobody wants one. */
static void
copy(struct delivery *d, const struct sched_result *results)
{
	const struct conf_strs *to = &d->route.conf->delivery_bcc;
	uint32_t i = 0;

	if (to->n == 0 || strcmp(d->route.domain, SNAPSHOT_DSN_DOMAIN) == 0)
		return;
	while (i < d->grant->count && !results[i].delivered)
		i++;
	if (i < d->grant->count)
		settlement_copy(&d->settlement, d->id,
		    &(struct bcc_copy){ .rg = d->rg,
			.env = &d->envelope,
			.n = d->grant->rcpts[i].n,
			.body = d->body,
			.to = to,
			.conf = d->route.snapshot });
}

static void
finish(struct delivery *d, void *link, const struct outcome *outcomes,
    size_t step, const bool *written, struct effects_sum *sum)
{
	const struct outcome **all = all_outcomes(d, outcomes, step);
	struct dispatch *dispatch = d->env->dispatch;
	uint32_t count = d->grant->count;
	struct dispatch_result res = { .grant = d->grant,
		.results = mem_array(count, sizeof(*res.results)) };

	for (uint32_t i = 0; i < count; i++) {
		const struct outcome *o = all[i];
		struct judgement j;

		judge(d, i, o, &j);
		if (written != NULL && !is_held(d, i))
			res.results[i].written = *written++;
		set_result(d, i, o, &j, &res.results[i]);
		effects_add(sum, o, &j);
	}
	res.said = all_said(all, res.results, count);
	res.worked = sum->worked;
	res.skipped = sum->skipped != NULL;
	res.effects = sum->list;
	res.tally = sum->tally;
	sum->list = (struct effects_list){ 0 };
	copy(d, res.results);
	if (settlement_wants_notice(&d->settlement))
		settlement_notify(&d->settlement,
		    &(struct record_of){ .rg = d->rg,
			.id = d->id,
			.env = &d->envelope },
		    d->body);
	/*
	 * The store first: the dispatcher may let the next attempt begin at
	 * once, whose outcome must come behind this one.
	 */
	d->grant = NULL;
	post_to_store(d);
	dispatch_results(dispatch, link, &res);
}

void
delivery_finish(struct delivery **dp, void *link,
    const struct outcome *outcomes, const bool *written,
    struct effects_sum *sum_r)
{
	struct delivery *d = *dp;

	*dp = NULL;
	*sum_r = (struct effects_sum){ 0 };
	finish(d, link, outcomes, 1, written, sum_r);
}

void
delivery_fail(struct delivery **dp, void *link, const struct outcome *o)
{
	struct delivery *d = *dp;
	struct effects_sum sum = { 0 };

	*dp = NULL;
	finish(d, link, o, 0, NULL, &sum);
}
