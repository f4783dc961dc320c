/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/settlement.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "transport/dispatch.h"
#include "transport/host_log.h"
#include "transport/notice.h"

/* Of the host MTA's queue ids: no line shows one as long. */
enum { HOST_ID_MAX = 64 };

/* A notification or a copy until it is the scheduler's. */
struct settlement_note {
	uint64_t about;
	char *copy_from; /* of a copy: its sender; NULL: it is none */
	uint32_t copy_rcpts;
	enum dsn_action action;
	char host_id[HOST_ID_MAX + 1]; /* of that message */
	struct notice notice;
};

void
settlement_init(struct settlement *st, struct worker_env *env)
{
	*st = (struct settlement){ .env = env };
}

static struct store_doubt *
doubts_of(const struct settlement *st)
{
	return (void *)st->doubts.p;
}

static size_t
doubt_count(const struct settlement *st)
{
	return st->doubts.len / sizeof(struct store_doubt);
}

void
settlement_fini(struct settlement *st)
{
	struct store_doubt *doubts = doubts_of(st);
	struct settlement_note *notes = (void *)st->notes.p;

	snapshot_unref(&st->conf);
	for (size_t i = 0; i < st->notes.len / sizeof(*notes); i++) {
		notice_fini(&notes[i].notice);
		free(notes[i].copy_from);
	}
	for (size_t i = 0; i < doubt_count(st); i++) {
		free(doubts[i].to);
		free(doubts[i].queue);
	}
	buf_fini(&st->doubts);
	buf_fini(&st->items);
	buf_fini(&st->records);
	buf_fini(&st->told);
	buf_fini(&st->mails);
	buf_fini(&st->notes);
	buf_fini(&st->lines);
	buf_fini(&st->ends);
	buf_fini(&st->gone);
}

/* Indexed by enum disposition_what. */
static const enum store_verdict verdicts[] = {
	[DISPOSE_DELIVERED] = VERDICT_DELIVERED,
	[DISPOSE_FAIL] = VERDICT_FAILED,
	[DISPOSE_EXPIRE] = VERDICT_EXPIRED,
	[DISPOSE_SUPPRESS] = VERDICT_SUPPRESSED,
	[DISPOSE_DELETE] = VERDICT_DELETED,
	[DISPOSE_RETRY] = VERDICT_RETRY,
};

/* Remembers whom to tell of it. */
static void
note(struct settlement *st, const struct settlement_rcpt *r,
    int64_t bounce_after_us)
{
	struct notice_rcpt told = { .bounce_after_us = bounce_after_us,
		.n = r->of.n,
		.outcome = r->of.outcome,
		.disposition = *r->of.disposition };

	if (snapshot_global(st->env->conf)->dsn_hosts.n > 0 &&
	    !r->tell_nobody && notice_wanted(r->of.env, &told, r->tell_deleted))
		buf_add(&st->told, &told, sizeof(told));
}

/*
 * The answer to the final dot was lost with the connection: as RFC 5321
 * section 4.5.3.2.6 has it, the message is sent again, and who may have it
 * twice then is named.  The names are copied: they are not the store's.
 */
static void
add_doubt(struct settlement *st, const struct settlement_rcpt *r)
{
	const struct store_doubt d = { .id = r->of.id,
		.n = r->of.n,
		.session = r->session,
		.wall_us = r->dot_wall_us,
		.to = mem_strdup(r->of.env->rcpts[r->of.n].addr),
		.queue = mem_strdup(r->of.queue) };

	buf_add(&st->doubts, &d, sizeof(d));
}

/*
 * A d or b record is made whether a file takes it or not, so that none is
 * missing in a file that a reload adds; others only for a file.
 */
static bool
is_recorded(const struct settlement *st, const struct settlement_rcpt *r)
{
	const struct acct_wants *wants = snapshot_acct_wants(st->env->conf);

	return !r->unrecorded &&
	    (r->of.disposition->what != DISPOSE_RETRY ||
		(wants->types & ACCT_BIT(ACCT_T)) != 0);
}

/* Behind which an item's part of `gone' ends. */
static void
end_item(struct settlement *st)
{
	uint32_t end = (uint32_t)st->gone.len;

	if (host_lines_wanted(st->env) != NULL)
		buf_add(&st->ends, &end, sizeof(end));
}

/* Taken away by somebody who wants no record of it: it did not fail. */
static bool
is_hidden(const struct settlement_rcpt *r)
{
	return r->unrecorded && r->of.disposition->what == DISPOSE_DELETE;
}

/*
 * An attempt, for people: as the log in force has it.  What is counted there is
 * what the accounting files have.
 */
static void
tell(struct settlement *st, const struct settlement_rcpt *r,
    const struct record_of *of)
{
	const struct log_style *style = host_lines_wanted(st->env);

	if (style == NULL) {
		record_log(of);
		return;
	}
	if (is_hidden(r))
		st->logged.style = style;
	else
		host_lines_attempt(st->env, &st->logged, of, &r->way,
		    r->attempts, &st->lines);
	if (of->disposition->what != DISPOSE_RETRY)
		host_lines_gone(st->env, of->id, of->env, &st->gone);
	end_item(st);
}

/* Its envelope cannot be read: what is left to say of it. */
static void
record_nameless(struct settlement *st, const struct settlement_rcpt *r)
{
	struct env_rcpt nobody = { .addr = "",
		.domain = "",
		.vmta = "",
		.pool = "",
		.orcpt = "" };
	struct envelope env = envelope_blank;
	struct record_of of = r->of;

	env.rcpt_count = 1;
	env.rcpts = &nobody;
	of.env = &env;
	of.n = 0;
	if (is_recorded(st, r))
		record_pack(&of, &st->records);
	tell(st, r, &of);
}

void
settlement_add(struct settlement *st, const struct settlement_rcpt *r)
{
	const struct disposition *what = r->of.disposition;
	struct store_settled item = { .id = r->of.id,
		.n = r->of.n,
		.attempts = r->attempts };

	CHECK(what->what != DISPOSE_UNUSED);
	item.verdict = verdicts[what->what];
	if (what->what == DISPOSE_RETRY)
		item.due_wall_us = clock_wall_us() + what->retry_after_us;
	else
		item.unrecorded = r->unrecorded;
	buf_add(&st->items, &item, sizeof(item));
	if (r->of.n >= r->of.env->rcpt_count) {
		if (what->what != DISPOSE_RETRY)
			record_nameless(st, r);
		else
			end_item(st);
		return;
	}
	if (is_recorded(st, r))
		record_pack(&r->of, &st->records);
	if (r->of.outcome->in_doubt && what->what != DISPOSE_DELIVERED &&
	    what->what != DISPOSE_FAIL)
		add_doubt(st, r);
	tell(st, r, &r->of);
	if (what->what != DISPOSE_RETRY)
		note(st, r, 0);
}

void
settlement_delayed(struct settlement *st, const struct settlement_rcpt *r,
    int64_t bounce_after_us)
{
	CHECK(r->of.disposition->what == DISPOSE_RETRY);
	if (r->of.n < r->of.env->rcpt_count)
		note(st, r, bounce_after_us);
}

/* ---- telling ------------------------------------------------------------- */

/* Goes in with the outcomes; the note keeps what the mail borrows. */
static void
add_mail(struct settlement *st, const struct settlement_note *n, uint32_t rcpts)
{
	const struct store_mail mail = { .msg = n->notice.msg,
		.waybill = { n->notice.waybill.p, n->notice.waybill.len },
		.rcpt_count = rcpts };

	buf_add(&st->mails, &mail, sizeof(mail));
	buf_add(&st->notes, n, sizeof(*n));
}

bool
settlement_wants_notice(const struct settlement *st)
{
	return st->told.len > 0;
}

void
settlement_notify(struct settlement *st, const struct record_of *of,
    const struct body *body)
{
	static const enum dsn_action actions[] = { DSN_FAILED, DSN_RELAYED,
		DSN_DELAYED };
	const struct notice_of about = { .rg = of->rg,
		.conf = st->env->conf,
		.id = of->id,
		.env = of->env,
		.body = body };
	size_t count = st->told.len / sizeof(struct notice_rcpt);

	if (count == 0)
		return;
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		struct settlement_note n = { .about = of->id,
			.action = actions[i] };

		if (!notice_make(&about, actions[i], (void *)st->told.p, count,
			&n.notice))
			continue;
		(void)snprintf(n.host_id, sizeof(n.host_id), "%s",
		    of->env->host_id);
		add_mail(st, &n, 1);
	}
	buf_clear(&st->told);
}

void
settlement_copy(struct settlement *st, uint64_t about,
    const struct bcc_copy *of)
{
	struct settlement_note n = { .about = about };

	n.copy_rcpts = bcc_copy_make(of, &n.notice);
	if (n.copy_rcpts == 0)
		return;
	n.copy_from = mem_strdup(of->env->sender);
	add_mail(st, &n, n.copy_rcpts);
}

static void
log_copy(uint64_t id, const struct settlement_note *n)
{
	char text[MESSAGE_ID_TEXT];
	struct log_line l;

	log_begin(&l, LOG_L_INFO, message_id_text(id, text), "copied");
	log_str(&l, "of", message_id_text(n->about, text));
	log_str(&l, "from", n->copy_from);
	log_int(&l, "rcpts", n->copy_rcpts);
	log_end(&l);
}

static void
log_notice(uint64_t id, const struct settlement_note *n)
{
	char text[MESSAGE_ID_TEXT];
	struct log_line l;

	log_begin(&l, LOG_L_INFO, message_id_text(id, text), "notice");
	log_str(&l, "about", message_id_text(n->about, text));
	log_str(&l, "action", dsn_action_word(n->action));
	log_end(&l);
}

static void
log_mail(uint64_t id, const struct settlement_note *n)
{
	if (n->copy_from != NULL)
		log_copy(id, n);
	else
		log_notice(id, n);
}

/*
 * What became of it is durable: now the log may say so.  On the store's thread,
 * in the order of its commits.
 */
static void
put_lines(struct settlement *st)
{
	const struct host_lines_sink sink = { st->env->host_log, st->conf };
	const struct settlement_note *notes = (void *)st->notes.p;
	const uint32_t *ends = (void *)st->ends.p;
	size_t count = st->ends.len / sizeof(*ends);

	for (size_t i = 0; i < st->settle.mail_count; i++) {
		const struct message *m = st->settle.mails[i].msg;

		if (notes[i].copy_from != NULL) {
			host_lines_copy(&sink,
			    &(struct host_lines_copy){ .id = m->id,
				.sender = notes[i].copy_from,
				.rcpts = notes[i].copy_rcpts,
				.size = m->loc.body_len },
			    &st->lines);
			continue;
		}
		host_lines_notice(&sink,
		    &(struct host_lines_notice){ .about = notes[i].about,
			.id = m->id,
			.host_id = notes[i].host_id,
			.size = m->loc.body_len,
			.action = notes[i].action },
		    &st->lines);
	}
	/* Items of before a reload that brought log-style have no lines. */
	for (size_t i = 0; i < count && count == st->settle.count; i++) {
		uint32_t from = i == 0 ? 0 : ends[i - 1];

		if (st->settle.items[i].last)
			buf_add(&st->lines, st->gone.p + from, ends[i] - from);
	}
	/* Of notices alone there is no style yet. */
	host_lines_put(&sink,
	    st->logged.style != NULL ? st->logged.style :
				       host_log_style(st->conf),
	    &st->lines);
}

/* They are durable: the scheduler may have them. */
static void
dispatch_mails(struct settlement *st)
{
	const struct store_mail *mails = (void *)st->mails.p;
	const struct settlement_note *notes = (void *)st->notes.p;

	for (size_t i = 0; i < st->settle.mail_count; i++) {
		bool *known = mem_array(mails[i].rcpt_count, sizeof(*known));

		if (host_lines_wanted(st->env) == NULL)
			log_mail(mails[i].msg->id, &notes[i]);
		dispatch_accepted(st->env->dispatch, message_ref(mails[i].msg),
		    mails[i].waybill, known);
		free(known);
	}
}

/* ---- to the store -------------------------------------------------------- */

bool
settlement_is_empty(const struct settlement *st)
{
	return st->items.len == 0 && st->mails.len == 0;
}

static void
on_flushed(struct post *p)
{
	struct settlement *st = post_owner(p, struct settlement, flushed);

	dispatch_mails(st);
	st->done(st);
}

/* On the store thread: must only post on, which the lines are, too. */
static void
on_settled(struct store_settle *s)
{
	struct settlement *st = post_owner(s, struct settlement, settle);

	put_lines(st);
	worker_post(st->env->worker, &st->flushed);
}

void
settlement_commit(struct settlement *st, settlement_done_fn *done)
{
	CHECK(!settlement_is_empty(st) && !settlement_wants_notice(st));
	st->done = done;
	st->conf = snapshot_ref(st->env->conf);
	st->settle.items = (void *)st->items.p;
	st->settle.count = st->items.len / sizeof(struct store_settled);
	st->settle.records = st->records.p;
	st->settle.records_len = st->records.len;
	st->settle.mails = (void *)st->mails.p;
	st->settle.mail_count = st->mails.len / sizeof(struct store_mail);
	st->settle.doubts = doubts_of(st);
	st->settle.doubt_count = doubt_count(st);
	st->settle.done = on_settled;
	st->flushed.fn = on_flushed;
	store_settle(st->env->store, &st->settle);
}
