/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fake_intake.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/count.h"
#include "lib/mem.h"
#include "mail/waybill.h"
#include "transport/dispatch.h"
#include "transport/passwords.h"
#include "transport/sasl_server.h"
#include "transport/sign_later.h"
#include "vmta/assign.h"
#include "vmta/header_work.h"
#include "vmta/password.h"
#include "vmta/policy.h"
#include "vmta/pool.h"
#include "vmta/sender_rates.h"
#include "vmta/suppress.h"

/* ---- configuration ------------------------------------------------------- */

void
fake_snapshot_init(struct snapshot *s)
{
	static const char *const names[] = { "{default}", "one", "two",
		"three" };

	*s = (struct snapshot){
		.global = { .host_name = "mx.test",
		    .domain_suffix = "",
		    .postmaster = "",
		    .merge_empties = "yes",
		    .max_conns_in = 3 },
		.source = { .default_vmta = "",
		    .max_size = SIZE_UNLIMITED,
		    .pattern_list = "",
		    .add_received = true,
		    .allow_auth = true,
		    .smtp_service = true,
		    .allow_utf8 = true,
		    .allow_xclient = "no",
		    .allow_xforward = "local",
		    .auto_qualify = true,
		    .command_timeout = 600 * US_PER_S,
		    .data_timeout = 600 * US_PER_S,
		    .group = "",
		    .max_bad_commands = 10,
		    .max_hops = 50 },
		.assign = "one",
		.sealing = { .authserv_id = "" },
	};
	for (size_t i = 0; i < 4; i++)
		s->vmtas[i].name = names[i];
	s->members[0] = &s->vmtas[1];
	s->members[1] = &s->vmtas[2];
	s->pool.name = "both";
	s->pool.vmtas = s->members;
	s->pool.members.n = 2;
	s->pool.turns = &s->turns;
}

struct snapshot *
snapshot_ref(const struct snapshot *s)
{
	union {
		const struct snapshot *in;
		struct snapshot *out;
	} u = { .in = s };

	return u.out;
}

void
snapshot_unref(struct snapshot **sp)
{
	*sp = NULL;
}

const struct global_conf *
snapshot_global(const struct snapshot *s)
{
	return &s->global;
}

const struct vmta *
snapshot_vmta(const struct snapshot *s, const char *name)
{
	if (name[0] == '\0')
		return &s->vmtas[0];
	for (size_t i = 0; i < 4; i++)
		if (str_eq_nocase(name, s->vmtas[i].name))
			return &s->vmtas[i];
	return NULL;
}

const struct acct_wants *
snapshot_acct_wants(const struct snapshot *s)
{
	return &s->wants;
}

/* Nobody asks for more of it. */
void
snapshot_queue_conf(const struct snapshot *s, const char *domain,
    const char *vmta, struct queue_conf *out)
{
	(void)vmta;
	memset(out, 0, sizeof(*out));
	out->disabled_records.n = s->disabled != NULL &&
	    strcmp(s->disabled, domain) == 0;
	out->dsn_format = "standard";
}

const struct dsn_forms *
snapshot_dsn(const struct snapshot *s)
{
	static const struct dsn_forms none;

	(void)s;
	return &none;
}

bool
acct_is_disabled(const struct queue_conf *c, enum acct_type t)
{
	(void)t;
	return c->disabled_records.n > 0;
}

const struct pool *
snapshot_pool(const struct snapshot *s, const char *name)
{
	return str_eq_nocase(name, s->pool.name) ? &s->pool : NULL;
}

void
snapshot_source_conf(const struct snapshot *s, const struct net_addr *client,
    const char *name, struct source_conf *out)
{
	const struct net_addr *other = &s->other_client;

	*out = other->family != 0 && net_addr_eq(client, other) ?
	    s->other_source :
	    s->source;
	out->dsn_return = "system";
	if (name != NULL &&
	    (strcmp(name, "apps") == 0 || strcmp(name, "tim") == 0))
		out->relay = true;
}

bool
header_work_drops_received(const struct source_conf *source)
{
	return source->remove_received;
}

/* Users have the source of their name, where the test has settings for it. */
void
assign_source(const struct policy_in *in, struct source_conf *out)
{
	snapshot_source_conf(in->conf, &in->client,
	    in->auth_user != NULL ? in->auth_user : in->source, out);
}

const struct crowd_group *
snapshot_source_groups(const struct snapshot *s, size_t *n_r)
{
	*n_r = s->group_count;
	return s->groups;
}

const struct listener_conf *
snapshot_listener(const struct snapshot *s, const char *where)
{
	(void)where;
	return &s->listener;
}

const struct tls_server *
snapshot_listener_tls(const struct snapshot *s, const char *where)
{
	(void)where;
	return s->tls;
}

bool
snapshot_signs_in_by_cert(const struct snapshot *s, const char *user)
{
	return s->cert_user != NULL && strcmp(s->cert_user, user) == 0;
}

const struct password *
snapshot_password(const struct snapshot *s, const char *user)
{
	return strcmp(user, "tim") == 0 ? s->password : NULL;
}

const struct password *
snapshot_any_password(const struct snapshot *s)
{
	return s->password;
}

unsigned
snapshot_password_forms(const struct snapshot *s)
{
	return s->password == NULL ? 0 : 1U << s->password->form;
}

const char *
snapshot_listener_source(const struct snapshot *s, const char *where)
{
	(void)where;
	return s->listener_source;
}

bool
snapshot_relays_to(const struct snapshot *s, const char *addr,
    const char *domain)
{
	return (s->relay_to != NULL && strcmp(s->relay_to, domain) == 0) ||
	    (s->relay_address != NULL && strcmp(s->relay_address, addr) == 0);
}

bool
snapshot_is_host_domain(const struct snapshot *s, const char *domain)
{
	return s->host_domain != NULL && strcmp(s->host_domain, domain) == 0;
}

const struct vmta *
pool_next(const struct pool *pool)
{
	return pool->vmtas[(count_next(pool->turns) - 1) % pool->members.n];
}

/* Only the name of a default is another one, for one domain. */
const char *
assign_rcpt(const struct snapshot *conf, const char *dflt, const char *domain)
{
	return conf->assigned != NULL && strcmp(conf->assigned, domain) == 0 ?
	    conf->assigned_to :
	    dflt;
}

void
policy_assign(const struct policy_in *in, struct region *rg,
    struct policy_out *out)
{
	struct snapshot *s = snapshot_ref(in->conf);

	(void)rg;
	(void)snprintf(s->policy_user, sizeof(s->policy_user), "%s",
	    in->auth_user == NULL ? "" : in->auth_user);
	*out = (struct policy_out){ .vmta = s->source.default_vmta,
		.dflt = true,
		.job = "",
		.unknown_vmta = "" };
}

bool
snapshot_checks_clients(const struct snapshot *s)
{
	return s->checks;
}

bool
snapshot_judges_senders(const struct snapshot *s)
{
	return s->mail_fault != SENDER_FINE || s->denied != NULL;
}

enum sender_fault
policy_mail(const struct policy_in *in, struct region *rg)
{
	struct snapshot *s = snapshot_ref(in->conf);

	(void)rg;
	s->policy_client = in->client;
	return fake_judge(s, in->sender);
}

bool
snapshot_limits_senders(const struct snapshot *s)
{
	return s->limits.n > 0;
}

void
sender_rates_find(const struct policy_in *in, struct rate_in_limits *out)
{
	*out = in->conf->limits;
}

static void
take_given(const struct policy_given *g, struct policy_out *out)
{
	if (g->vmta != NULL)
		out->vmta = g->vmta;
	if (g->job != NULL)
		out->job = g->job;
	if (g->priority != 0)
		out->priority = g->priority;
	if (g->spans != NULL)
		out->spans = *g->spans;
}

/* Adds one field, takes X-Remove away. */
void
policy_run(const struct policy_in *in, struct region *rg,
    struct policy_out *out)
{
	struct snapshot *s = snapshot_ref(in->conf);
	const struct header_list *h = in->headers;

	s->policy_runs++;
	(void)snprintf(s->run_user, sizeof(s->run_user), "%s",
	    in->auth_user == NULL ? "" : in->auth_user);
	s->policy_client = in->client;
	s->policy_source = in->source;
	s->policy_submission = in->submission;
	*out = (struct policy_out){ .sender = in->sender,
		.vmta = s->assign,
		.dflt = s->assign_dflt,
		.job = "campaign",
		.priority = 70,
		.unknown_vmta = "",
		.trouble = s->trouble,
		.fault = s->fault };
	if (in->given != NULL)
		take_given(in->given, out);
	out->remove = region_array(rg, h->n, sizeof(bool));
	for (size_t i = 0; i < h->n; i++)
		out->remove[i] = slice_eq_nocase(h->v[i].name, "X-Remove");
	out->add_count = 1;
	out->add = region_array(rg, 1, sizeof(*out->add));
	out->add[0] = (struct policy_add){ "X-Policy", "ran" };
}

/* ---- suppression lists: of the top level, of a virtual MTA or source ----- */

enum { TOP, LATE };
static const struct suppress_list fake_lists[] = { { .name = "out" },
	{ .name = "late" } };

size_t
snapshot_suppress_count(const struct snapshot *s)
{
	return s->listed != NULL || s->listed_late != NULL ||
		s->unsure != NULL ?
	    2 :
	    0;
}

const struct suppress_list *
snapshot_suppress_at(const struct snapshot *s, size_t i)
{
	(void)s;
	return &fake_lists[i];
}

/* None is published. */
const struct suppress_watched *
snapshot_suppress_watched(const struct snapshot *s, size_t *count_r)
{
	(void)s;
	*count_r = 0;
	return NULL;
}

void
suppress_set_of(const struct snapshot *s, const struct suppress_scope *c,
    struct suppress_set *set_r)
{
	*set_r = (struct suppress_set){ 0 };
	if (snapshot_suppress_count(s) == 0)
		return;
	set_r->bits[0] = 1 << TOP;
	if ((c->vmta != NULL && strcmp(c->vmta, "one") == 0) ||
	    (c->source != NULL && c->source->suppression_lists.n > 0))
		set_r->bits[0] |= 1 << LATE;
}

bool
suppress_set_is_empty(const struct suppress_set *set)
{
	return set->bits[0] == 0;
}

static bool
is_address(const char *wanted, struct slice address)
{
	return wanted != NULL && slice_eq(address, wanted);
}

enum suppress_state
suppress_check(const struct snapshot *s, const struct suppress_set *set,
    const struct suppress_ask *ask, struct slice address, struct region *rg,
    struct suppress_found *found_r)
{
	bool late = is_address(s->listed_late, address) &&
	    (set->bits[0] & 1 << LATE) != 0;

	(void)ask;
	(void)rg;
	found_r->list = &fake_lists[late ? LATE : TOP];
	if (late || is_address(s->listed, address))
		return SUPPRESS_LISTED;
	return is_address(s->unsure, address) ? SUPPRESS_UNSURE :
						SUPPRESS_CLEAR;
}

bool
snapshot_seals(const struct snapshot *s)
{
	return s->sealing.check || s->sealing.seal;
}

void
sealing_find(const struct policy_in *in, const struct policy_out *assigned,
    struct region *rg, struct sealing *out)
{
	(void)assigned;
	(void)rg;
	*out = in->conf->sealing;
}

/* Nobody here leaves a signature to delivery. */
const struct env_signing *
sign_later_keep(const struct sign_later_keep *in, struct region *rg,
    uint8_t *counts)
{
	(void)in;
	(void)rg;
	(void)counts;
	CHECK_NEVER("to be signed later");
}

/* ---- store and scheduler ------------------------------------------------- */

void
fake_store_init(struct store *st)
{
	*st = (struct store){ .answer = STORE_TAKEN, .rg = region_new() };
}

void
fake_store_fini(struct store *st)
{
	CHECK(st->waiting_count == 0 && st->settling == NULL);
	buf_fini(&st->refusals);
	buf_fini(&st->mail);
	buf_fini(&st->merge);
	region_free(&st->rg);
	buf_fini(&st->env_bytes);
	buf_fini(&st->text);
	buf_fini(&st->receipts);
}

/* Is it known?  If not, it is from now on. */
static bool
know(struct store *st, const struct store_accept *a, uint32_t i)
{
	if (!a->has_key)
		return false;
	for (size_t k = 0; k < st->key_count; k++)
		if (memcmp(st->keys[k].key, a->key, 16) == 0 &&
		    st->keys[k].rcpt == a->rcpt_keys[i])
			return true;
	if (st->key_count == FAKE_KEYS)
		return false; /* no room to remember it */
	memcpy(st->keys[st->key_count].key, a->key, 16);
	st->keys[st->key_count].rcpt = a->rcpt_keys[i];
	st->key_count++;
	return false;
}

static void
keep_receipts(struct store *st, const struct store_accept *a)
{
	const struct store_receipts *r = a->receipts;

	buf_clear(&st->receipts);
	for (uint32_t i = 0, from = 0; r != NULL && i < a->rcpt_count;
	     from = r->ends[i++]) {
		size_t at = st->receipts.len;

		if (a->known[i] || r->ends[i] == from)
			continue;
		buf_add(&st->receipts, r->p + from, r->ends[i] - from);
		put_be64(st->receipts.p + at + r->id_at, a->msg->id);
	}
}

static uint32_t
keep_refused(struct store *st, const struct store_refused *r, uint64_t id)
{
	buf_clear(&st->refusals);
	for (uint32_t i = 0, from = 0; i < r->count; from = r->ends[i++]) {
		size_t at = st->refusals.len;

		if (r->ends[i] == from)
			continue;
		buf_add(&st->refusals, r->p + from, r->ends[i] - from);
		if (id != 0)
			put_be64(st->refusals.p + at + r->id_at, id);
	}
	st->failed += r->failed;
	return r->count;
}

/* As a line, and the text behind it; how many recipients it has. */
static uint32_t
keep_merged(struct store *st, const struct message *m)
{
	struct region *rg = region_new();
	struct envelope env;
	struct err e;

	CHECK(envelope_unpack(m->env, m->env_len, rg, &env, &e) == 0);
	if (env.job[0] == '\0')
		env.rcpt_count = 0; /* a notification: of no job */
	else
		buf_printf(&st->merge, "%s", env.sender);
	for (uint32_t i = 0; i < env.rcpt_count; i++)
		buf_printf(&st->merge, "%c%s", i == 0 ? ' ' : ',',
		    env.rcpts[i].addr);
	if (env.rcpt_count > 0) {
		buf_printf(&st->merge, " %s %s %s %u %zu%s\n",
		    env.rcpts[0].vmta, env.job,
		    env.envid[0] == '\0' ? "-" : env.envid,
		    env.rcpts[0].priority, env.spans.n,
		    (env.flags & ENVELOPE_VERP) != 0 ? " verp" : "");
		buf_add(&st->merge, m->body->bytes, m->body->len);
	}
	region_free(&rg);
	return env.rcpt_count;
}

static void
keep_mails(struct store *st, const struct store_mail *mails, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct body *body = mails[i].msg->body;
		uint32_t rcpts = keep_merged(st, mails[i].msg);

		mails[i].msg->id = ++st->last_id;
		CHECK(rcpts == 0 || rcpts == mails[i].rcpt_count);
		st->merged += rcpts > 0;
		st->merged_rcpts += rcpts;
		if (rcpts > 0)
			continue;
		st->mails++;
		buf_clear(&st->mail);
		buf_add(&st->mail, body->bytes, body->len);
		buf_add(&st->mail, "", 1);
	}
}

void
fake_store_settled(struct store *st)
{
	struct store_settle *o = st->settling;

	CHECK(o != NULL);
	st->settling = NULL;
	st->refused_alone += keep_refused(st, o->refused, 0);
	keep_mails(st, o->mails, o->mail_count);
	o->done(o);
}

void
store_settle(struct store *s, struct store_settle *o)
{
	CHECK(s->settling == NULL && o->count == 0);
	s->settling = o;
	if (!s->delayed)
		fake_store_settled(s);
}

static void
answer(struct store *st, struct store_accept *a)
{
	struct err e;

	a->answer = st->answer;
	(void)err_set(&a->err, "as the test wants it");
	if (a->answer == STORE_TAKEN) {
		unsigned before = st->rcpts_new;

		for (uint32_t i = 0; i < a->rcpt_count; i++) {
			a->known[i] = know(st, a, i);
			st->rcpts_new += !a->known[i];
		}
		if (st->rcpts_new > before) {
			a->msg->id = ++st->last_id;
			st->taken++;
		}
		keep_receipts(st, a);
		if (a->refused != NULL && a->msg->id != 0)
			st->refused += keep_refused(st, a->refused, a->msg->id);
		buf_clear(&st->merge);
		(void)keep_merged(st, a->msg);
		if (a->msg->id != 0)
			keep_mails(st, a->mails, a->mail_count);
		st->has_key = a->has_key;
		buf_clear(&st->text);
		buf_add(&st->text, a->msg->body->bytes, a->msg->body->len);
		buf_clear(&st->env_bytes);
		buf_add(&st->env_bytes, a->msg->env, a->msg->env_len);
		region_reset(st->rg);
		CHECK(envelope_unpack(st->env_bytes.p, st->env_bytes.len,
			  st->rg, &st->env, &e) == 0);
	}
	a->done(a);
}

void
store_accept(struct store *s, struct store_accept *a)
{
	if (!s->delayed) {
		answer(s, a);
		return;
	}
	CHECK(s->waiting_count < 16);
	s->waiting[s->waiting_count++] = a;
}

void
fake_store_answer(struct store *st)
{
	struct store_accept *a;

	CHECK(st->waiting_count > 0);
	a = st->waiting[0];
	st->waiting_count--;
	memmove(st->waiting, st->waiting + 1,
	    st->waiting_count * sizeof(struct store_accept *));
	answer(st, a);
}

void
dispatch_accepted(struct dispatch *d, struct message *m, struct slice waybill,
    const bool *known)
{
	struct region *rg = region_new();
	struct waybill bill;
	struct err e;

	CHECK(waybill_unpack(waybill.p, waybill.len, rg, &bill, &e) == 0);
	d->messages++;
	for (uint32_t i = 0; i < bill.rcpt_count; i++)
		d->rcpts += !known[i];
	region_free(&rg);
	message_unref(&m);
}

/* ---- passwords ----------------------------------------------------------- */

static void
on_checked(struct post *post)
{
	struct password_task *t = post_owner(post, struct password_task, post);

	t->done(t);
}

struct fake_passwords fake_passwords;

/* At once, but the answer comes later, as it does. */
bool
passwords_check(struct passwords *p, struct password_task *t)
{
	CHECK(p == NULL);
	(void)usleep((useconds_t)fake_passwords.check_us);
	sasl_server_check(t->server);
	t->post.fn = on_checked;
	worker_post(t->back, &t->post);
	return true;
}

int64_t
passwords_penalty_us(const struct passwords *p)
{
	(void)p;
	return fake_passwords.penalty_us;
}

const unsigned char *
passwords_secret(const struct passwords *p)
{
	static const unsigned char secret[PASSWORDS_SECRET_LEN];

	CHECK(p == NULL);
	return secret;
}
