/* SPDX-License-Identifier: Apache-2.0 */
#include "milter/milter_msg.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "mail/arc_seal.h"
#include "mail/canon.h"
#include "mail/envelope.h"
#include "mail/line_fold.h"
#include "mail/mark.h"
#include "milter/milter_arc.h"
#include "milter/milter_conf.h"
#include "milter/milter_edit.h"
#include "milter/milter_senders.h"
#include "milter/milter_suppress.h"
#include "vmta/assign.h"
#include "vmta/policy.h"

/*
 * More than this in header fields is kept by no one.  Such a message is refused:
 * who let it go on would let it past the rules of who has signed in, of whom
 * the transport does not hear without a mark.
 */
#define HEADERS_MAX ((size_t)32 << 20)

struct milter_msg {
	struct milter_env *env;
	unsigned long steps; /* as negotiated */
	struct net_addr client;
	struct net_addr local; /* it connected to that; family 0: unknown */
	bool submitted;        /* by sendmail(1) and the like, not by SMTP */

	/* The message; in the region, all gone at its end. */
	struct region *rg;
	struct milter_conf *conf; /* NULL: no message under way */
	const char *sender, *auth_user;
	enum sender_fault fault; /* of MAIL */
	const char *late; /* a reply to a step that takes none, or NULL */
	const char **rcpts;
	size_t rcpt_count, rcpt_cap;
	size_t others; /* recipients that do not go through the transport */
	struct header_list headers;
	size_t header_len;
	struct canon_body *body;
	struct line_fold fold; /* of the body's lines */
	struct sealing_run
	    *arc; /* NULL: not begun, or there is nothing to do */
	bool arc_begun;
};

struct milter_msg *
milter_msg_new(struct milter_env *env)
{
	struct milter_msg *m = mem_new(struct milter_msg);

	m->env = env;
	m->rg = region_new();
	count_add(&env->sessions, 1);
	return m;
}

void
milter_msg_abort(struct milter_msg *m)
{
	milter_conf_unref(&m->conf);
	canon_body_free(&m->body);
	sealing_run_free(&m->arc);
	m->arc_begun = false;
	m->fold = (struct line_fold){ 0 };
	m->sender = m->auth_user = NULL;
	m->fault = SENDER_FINE;
	m->late = NULL;
	m->rcpts = NULL;
	m->rcpt_count = m->rcpt_cap = m->others = 0;
	m->headers = (struct header_list){ 0 };
	m->header_len = 0;
	region_reset(m->rg);
}

void
milter_msg_free(struct milter_msg **mp)
{
	struct milter_msg *m = *mp;

	*mp = NULL;
	if (m == NULL)
		return;
	milter_msg_abort(m);
	region_free(&m->rg);
	count_sub(&m->env->sessions, 1);
	free(m);
}

void
milter_msg_negotiated(struct milter_msg *m, unsigned long steps)
{
	m->steps = steps;
}

sfsistat
milter_msg_reply(const struct milter_msg *m, unsigned long step)
{
	return (m->steps & step) != 0 ? SMFIS_NOREPLY : SMFIS_CONTINUE;
}

/* ---- gathering ----------------------------------------------------------- */

/* A macro's value, or "" where the host MTA sends none. */
static const char *
macro(SMFICTX *ctx, const char *name)
{
	char symbol[32];
	const char *value;

	(void)strncpy(symbol, name, sizeof(symbol) - 1);
	symbol[sizeof(symbol) - 1] = '\0';
	value = smfi_getsymval(ctx, symbol);
	return value == NULL ? "" : value;
}

/* As Postfix has it, or with sendmail's tag; family 0: there is none. */
static struct net_addr
macro_address(const char *text)
{
	struct slice s = slice_of(text);
	struct net_addr a;
	struct err ignored;

	if (strncasecmp(text, "IPv6:", 5) == 0)
		s = slice_of(text + 5);
	if (s.len == 0 || net_addr_parse(s, &a, &ignored) == -1)
		a = (struct net_addr){ 0 };
	return a;
}

void
milter_msg_connect(struct milter_msg *m, SMFICTX *ctx,
    const struct sockaddr *peer)
{
	uint16_t port;

	milter_msg_abort(m);
	m->client = (struct net_addr){ 0 };
	m->local = macro_address(macro(ctx, "{daemon_addr}"));
	if (peer != NULL &&
	    (peer->sa_family == AF_INET || peer->sa_family == AF_INET6))
		net_addr_from_sa(peer, &m->client, &port);
	/* Postfix's cleanup makes up a client 127.0.0.1 with port 0. */
	m->submitted = strcmp(macro(ctx, "{client_port}"), "0") == 0;
}

/* Local submissions come without the angle brackets that SMTP has. */
static const char *
bare_address(struct region *rg, const char *addr)
{
	struct slice s = slice_trim(slice_of(addr));

	if (s.len >= 2 && s.p[0] == '<' && s.p[s.len - 1] == '>') {
		s.p++;
		s.len -= 2;
	}
	return region_strndup(rg, s.p, s.len);
}

static void
begin(struct milter_msg *m)
{
	milter_msg_abort(m);
	m->conf = current_get(m->env->conf);
	m->body = canon_body_new();
	m->sender = "";
	m->auth_user = "";
}

static void
policy_in(const struct milter_msg *m, struct policy_in *in)
{
	*in = (struct policy_in){
		.conf = m->conf->snapshot,
		.client = m->client,
		.local = m->local,
		.auth_user = m->auth_user[0] == '\0' ? NULL : m->auth_user,
		.again = m->conf->mark_key == NULL,
		.host_notice = m->submitted && m->sender[0] == '\0',
		.sender = m->sender,
		.rcpts = m->rcpts,
		.rcpt_count = m->rcpt_count,
		.others = m->others,
		.headers = &m->headers,
		.body = m->body,
		.now_s = clock_wall_us() / US_PER_S,
	};
}

/* ---- who may send ---------------------------------------------------------- */

unsigned long
milter_msg_replies(struct milter_env *env)
{
	struct milter_conf *conf = current_get(env->conf);
	unsigned long steps = 0;

	if (snapshot_judges_senders(conf->snapshot))
		steps |= SMFIP_NR_MAIL;
	if (snapshot_limits_senders(conf->snapshot))
		steps |= SMFIP_NR_MAIL | SMFIP_NR_RCPT;
	if (milter_suppress_wanted(conf))
		steps |= SMFIP_NR_RCPT;
	milter_conf_unref(&conf);
	return steps;
}

static void
sender_of(const struct milter_msg *m, SMFICTX *ctx, struct milter_sender *who)
{
	*who = (struct milter_sender){ .env = m->env,
		.submitted = m->submitted,
		.queue_id = region_strdup(m->rg, macro(ctx, "i")) };
	policy_in(m, &who->in);
}

static sfsistat
deny(struct milter_msg *m, SMFICTX *ctx, enum sender_fault fault)
{
	struct milter_sender who;

	sender_of(m, ctx, &who);
	milter_set_reply(ctx, milter_sender_denied(&who, fault, m->rg), m->rg);
	return SMFIS_REJECT;
}

static sfsistat
put_off(struct milter_msg *m, SMFICTX *ctx, const char *reply)
{
	milter_set_reply(ctx, reply, m->rg);
	return SMFIS_TEMPFAIL;
}

/*
 * To MAIL or RCPT, of so many messages and recipients.  What a step without a
 * reply should have said holds for the message.
 */
static sfsistat
answer(struct milter_msg *m, SMFICTX *ctx, unsigned long step,
    const uint32_t n[RATE_IN_WHATS])
{
	bool can_reply = (m->steps & step) == 0;
	struct milter_sender who;
	const char *why;

	if (m->submitted)
		return milter_msg_reply(m, step);
	if (m->fault != SENDER_FINE)
		return can_reply ? deny(m, ctx, m->fault) :
				   milter_msg_reply(m, step);
	if (m->late != NULL)
		return can_reply ? put_off(m, ctx, m->late) :
				   milter_msg_reply(m, step);
	if (!snapshot_limits_senders(m->conf->snapshot))
		return milter_msg_reply(m, step);
	sender_of(m, ctx, &who);
	why = milter_sender_take(&who, n, m->rg);
	if (why == NULL)
		return milter_msg_reply(m, step);
	if (can_reply)
		return put_off(m, ctx, why);
	m->late = why;
	return milter_msg_reply(m, step);
}

sfsistat
milter_msg_mail(struct milter_msg *m, SMFICTX *ctx, const char *sender)
{
	static const uint32_t message[RATE_IN_WHATS] = {
		[RATE_IN_MESSAGES] = 1
	};
	struct policy_in in;

	begin(m);
	m->sender = bare_address(m->rg, sender);
	m->auth_user = region_strdup(m->rg, macro(ctx, "{auth_authen}"));
	if (snapshot_judges_senders(m->conf->snapshot)) {
		policy_in(m, &in);
		m->fault = policy_mail(&in, m->rg);
	}
	return answer(m, ctx, SMFIP_NR_MAIL, message);
}

/*
 * Is the recipient bound for another transport of the host?  Only known for
 * SMTP mail.  `error` is none of them: that is what addresses in virtual
 * alias domains show, which may well end in ours.
 */
static bool
goes_elsewhere(const char *mailer)
{
	static const char *const others[] = { "local", "virtual", "relay",
		"discard" };

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strcmp(mailer, others[i]) == 0)
			return true;
	return false;
}

static void
add_rcpt(struct milter_msg *m, const char *rcpt)
{
	if (m->rcpt_count == m->rcpt_cap) {
		size_t cap = m->rcpt_cap == 0 ? 8 : 2 * m->rcpt_cap;
		const char **v = region_array(m->rg, cap, sizeof(*v));

		if (m->rcpt_count > 0)
			memcpy(v, m->rcpts, m->rcpt_count * sizeof(*v));
		m->rcpts = v;
		m->rcpt_cap = cap;
	}
	m->rcpts[m->rcpt_count++] = rcpt;
}

static void
log_suppressed(const struct milter_msg *m, const char *rcpt,
    const struct milter_suppress *said)
{
	char client[NET_ADDR_TEXT];
	struct log_line l;

	log_begin(&l, LOG_L_INFO, NULL, "suppressed");
	log_str(&l, "client", net_addr_text(&m->client, client));
	if (m->auth_user[0] != '\0')
		log_str(&l, "user", m->auth_user);
	log_fmt(&l, "from", "<%s>", m->sender);
	log_fmt(&l, "to", "<%s>", rcpt);
	log_str(&l, "list", said->list);
	log_end(&l);
}

/* False: a list says no, and the reply is set. */
static bool
may_have_mail(struct milter_msg *m, SMFICTX *ctx, const char *rcpt,
    sfsistat *rc_r)
{
	struct milter_suppress said;
	struct policy_in in;

	if (m->submitted || (m->steps & SMFIP_NR_RCPT) != 0 ||
	    !milter_suppress_wanted(m->conf))
		return true;
	policy_in(m, &in);
	milter_suppress_ask(m->env, &in, rcpt, m->rg, &said);
	if (said.state == SUPPRESS_CLEAR)
		return true;
	milter_set_reply(ctx, said.reply, m->rg);
	*rc_r = SMFIS_TEMPFAIL;
	if (said.state == SUPPRESS_LISTED) {
		*rc_r = SMFIS_REJECT;
		count_add(&m->env->suppressed, 1);
		log_suppressed(m, rcpt, &said);
	}
	return false;
}

sfsistat
milter_msg_rcpt(struct milter_msg *m, SMFICTX *ctx, const char *rcpt)
{
	static const uint32_t one[RATE_IN_WHATS] = { [RATE_IN_RCPTS] = 1 };
	bool elsewhere = goes_elsewhere(macro(ctx, "{rcpt_mailer}"));
	const char *addr;
	sfsistat rc;

	if (m->conf == NULL)
		begin(m);
	addr = bare_address(m->rg, rcpt);
	if (!elsewhere && !may_have_mail(m, ctx, addr, &rc))
		return rc;
	rc = answer(m, ctx, SMFIP_NR_RCPT, one);
	if (rc == SMFIS_TEMPFAIL || rc == SMFIS_REJECT)
		return rc;
	if (elsewhere)
		m->others++;
	else
		add_rcpt(m, addr);
	return rc;
}

/*
 * As the field goes over the wire: each LF is a CRLF, the blank behind the
 * colon is there even where the host MTA has taken it off, and no line is too
 * long.
 */
static struct slice
wire_value(struct milter_msg *m, const char *name, const char *value)
{
	size_t len = strlen(value), n = 0;
	char *out = region_alloc(m->rg, 2 * len + 1);

	while (len > 0 && (value[len - 1] == '\n' || value[len - 1] == '\r'))
		len--;
	if ((m->steps & SMFIP_HDR_LEADSPC) == 0)
		out[n++] = ' ';
	for (size_t i = 0; i < len; i++) {
		if (value[i] == '\n' && (i == 0 || value[i - 1] != '\r'))
			out[n++] = '\r';
		out[n++] = value[i];
	}
	return line_fold_text((struct slice){ out, n }, strlen(name) + 1,
	    m->rg);
}

void
milter_msg_header(struct milter_msg *m, const char *name, const char *value)
{
	if (m->conf == NULL)
		begin(m);
	m->header_len += strlen(name) + strlen(value);
	if (m->header_len <= HEADERS_MAX)
		header_list_add(&m->headers, m->rg, slice_of(name),
		    wire_value(m, name, value));
}

/*
 * The header is whole: whether the body is needed for ARC can be said.  Without
 * marks the transport signs again, and so it does that, too.
 */
static void
begin_arc(struct milter_msg *m)
{
	struct policy_out assigned;
	struct sealing wanted;
	struct policy_in in;

	if (m->arc_begun)
		return;
	m->arc_begun = true;
	if (!snapshot_seals(m->conf->snapshot) || m->conf->mark_key == NULL ||
	    m->header_len > HEADERS_MAX)
		return;
	policy_in(m, &in);
	policy_assign(&in, m->rg, &assigned);
	sealing_find(&in, &assigned, m->rg, &wanted);
	m->arc = sealing_run_new(&wanted,
	    &(struct sealing_run_in){ .verifier = m->env->verifier,
		.headers = &m->headers,
		.now_s = in.now_s },
	    m->rg);
}

void
milter_msg_body(struct milter_msg *m, const void *p, size_t len)
{
	struct slice in = { p, len }, run;

	if (m->conf == NULL)
		begin(m);
	begin_arc(m);
	if (m->arc != NULL)
		sealing_run_body(m->arc, p, len);
	while (line_fold_next(&m->fold, &in, &run))
		canon_body_add(m->body, run.p, run.len);
}

/* ---- the end ------------------------------------------------------------- */

/* Will the transport get it, and believe our mark? */
static bool
goes_by_transport(const struct milter_msg *m, const char *queue_id)
{
	return m->conf->mark_key != NULL && queue_id[0] != '\0' &&
	    (m->rcpt_count > 0 || m->others == 0);
}

static void
end_arc(struct milter_msg *m, struct policy_out *out, struct sealing_note *note)
{
	struct dkim_answers *answers = milter_arc_ask(m->env, m->arc, m->rg);

	sealing_run_end(m->arc,
	    &(struct sealing_run_end){ .answers = answers,
		.headers = &m->headers,
		.body = m->body },
	    out, note);
	dkim_answers_free(&answers);
}

static void
decide(struct milter_msg *m, const char *queue_id, struct policy_out *out,
    struct sealing_note *note)
{
	struct slice end = line_fold_end(&m->fold);
	struct policy_in in;

	canon_body_add(m->body, end.p, end.len);
	canon_body_finish(m->body);
	begin_arc(m); /* there may be no body */
	policy_in(m, &in);
	in.can_sign_later = goes_by_transport(m, queue_id);
	in.sealed = sealing_run_seals(m->arc);
	policy_run(&in, m->rg, out);
	*note = (struct sealing_note){ 0 };
	if (out->fault != SENDER_FINE)
		return;
	if (m->arc != NULL)
		end_arc(m, out, note);
}

/* Nobody would take the mark off mail that never reaches the transport. */
static const char *
make_mark(const struct milter_msg *m, const struct policy_out *out,
    const char *queue_id)
{
	struct mark mark = {
		.vmta = out->vmta,
		.dflt = out->dflt,
		.job = out->job,
		.user = m->auth_user,
		.later = out->sign_later ? out->later_text : NULL,
		.sender = out->sender,
		.queue_id = queue_id,
		.priority = out->priority,
	};

	if (!goes_by_transport(m, queue_id))
		return NULL;
	memcpy(mark.body_hash, canon_body_hash(m->body, CANON_SIMPLE),
	    sizeof(mark.body_hash));
	return mark_make(m->conf->mark_key, &mark, m->rg);
}

static int
apply(const struct milter_msg *m, SMFICTX *ctx, const struct policy_out *out,
    const char *mark, struct err *e)
{
	struct milter_edit ed = {
		.ctx = ctx,
		.rg = m->rg,
		.leadspc = (m->steps & SMFIP_HDR_LEADSPC) != 0,
		/* The transport reads it, and takes it away. */
		.leave = mark != NULL ? ENVID_HEADER : NULL,
	};

	if (strcmp(out->sender, m->sender) != 0 &&
	    milter_edit_sender(&ed, out->sender, e) == -1)
		return -1;
	if (milter_edit_remove(&ed, &m->headers, out->remove, e) == -1)
		return -1;
	/* Each goes above those before it: the first of the list comes last. */
	for (size_t i = out->add_count; i-- > 0;)
		if (milter_edit_insert(&ed, out->add[i].name, out->add[i].value,
			e) == -1)
			return -1;
	if (mark != NULL)
		return milter_edit_insert(&ed, MARK_HEADER, mark, e);
	return 0;
}

static void
log_message(const struct milter_msg *m, const char *queue_id,
    const struct policy_out *out, const struct sealing_note *note,
    const char *trouble)
{
	struct log_line l;
	char client[NET_ADDR_TEXT];

	log_begin(&l, trouble != NULL ? LOG_L_ERROR : LOG_L_INFO,
	    queue_id[0] == '\0' ? NULL : queue_id, "milter");
	log_str(&l, "vmta", envelope_vmta_shown(out->vmta));
	if (out->job[0] != '\0')
		log_str(&l, "job", out->job);
	log_fmt(&l, "from", "<%s>", m->sender);
	if (strcmp(out->sender, m->sender) != 0)
		log_fmt(&l, "rewritten", "<%s>", out->sender);
	log_int(&l, "nrcpt", (int64_t)(m->rcpt_count + m->others));
	log_int(&l, "signatures",
	    (int64_t)(out->add_count - (note->sealed ? ARC_PARTS : 0)));
	sealing_note_log(note, &l);
	if (out->sign_later)
		log_str(&l, "dkim", "later");
	log_str(&l, "client",
	    m->submitted ? "local" : net_addr_text(&m->client, client));
	if (m->auth_user[0] != '\0')
		log_str(&l, "user", m->auth_user);
	if (out->unknown_vmta[0] != '\0')
		log_str(&l, "unknown-vmta", out->unknown_vmta);
	if (out->dkim_note != NULL)
		log_str(&l, "dkim-note", out->dkim_note);
	if (out->from_note != NULL)
		log_str(&l, "from-note", out->from_note);
	if (trouble != NULL)
		log_str(&l, "trouble", trouble);
	log_end(&l);
}

static sfsistat
tempfail(struct milter_msg *m, SMFICTX *ctx)
{
	milter_set_reply(ctx,
	    "451 4.3.0 message cannot be prepared for delivery now, try again "
	    "later",
	    m->rg);
	count_add(&m->env->tempfailed, 1);
	return SMFIS_TEMPFAIL;
}

static sfsistat
refuse_large(struct milter_msg *m, SMFICTX *ctx, const char *queue_id)
{
	struct log_line l;

	log_begin(&l, LOG_L_WARN, queue_id, "milter");
	log_fmt(&l, "from", "<%s>", m->sender);
	log_str(&l, "text", "header fields too large; refused");
	log_end(&l);
	milter_set_reply(ctx, "552 5.3.4 header fields too large", m->rg);
	milter_msg_abort(m);
	return SMFIS_REJECT;
}

static void
count_sums(struct milter_env *env, const struct policy_out *out,
    const struct sealing_note *note)
{
	count_add(&env->signatures,
	    out->add_count - (note->sealed ? ARC_PARTS : 0));
	count_add(&env->seals, note->sealed ? 1 : 0);
}

sfsistat
milter_msg_end(struct milter_msg *m, SMFICTX *ctx)
{
	struct policy_out out;
	struct sealing_note note;
	const char *queue_id, *trouble;
	sfsistat rc = SMFIS_CONTINUE;
	struct err e;

	if (m->conf == NULL)
		begin(m);
	if (m->late != NULL) {
		rc = put_off(m, ctx, m->late);
		milter_msg_abort(m);
		return rc;
	}
	count_add(&m->env->messages, 1);
	/* Absent at MAIL and at the first RCPT. */
	queue_id = region_strdup(m->rg, macro(ctx, "i"));
	if (m->header_len > HEADERS_MAX)
		return refuse_large(m, ctx, queue_id);
	decide(m, queue_id, &out, &note);
	if (out.fault != SENDER_FINE) {
		rc = deny(m, ctx, out.fault);
		milter_msg_abort(m);
		return rc;
	}
	trouble = out.trouble;
	if (trouble == NULL &&
	    apply(m, ctx, &out, make_mark(m, &out, queue_id), &e) == -1)
		trouble = e.text;
	if (trouble == NULL)
		count_sums(m->env, &out, &note);
	else
		rc = tempfail(m, ctx);
	log_message(m, queue_id, &out, &note, trouble);
	milter_msg_abort(m);
	return rc;
}
