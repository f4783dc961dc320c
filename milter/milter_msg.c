/* SPDX-License-Identifier: Apache-2.0 */
#include "milter/milter_msg.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "mail/canon.h"
#include "milter/milter_msg_priv.h"
#include "milter/milter_senders.h"
#include "milter/milter_suppress.h"
#include "vmta/assign.h"
#include "vmta/sealing_run.h"

struct milter_msg *
milter_msg_new(struct milter_env *env, struct milter_talk *talk)
{
	struct milter_msg *m = mem_new(struct milter_msg);

	m->env = env;
	m->talk = talk;
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
	dkim_answers_free(&m->answers);
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

enum milter_answer
milter_msg_reply(const struct milter_msg *m, uint32_t step)
{
	return (m->talk->steps & step) != 0 ? MILTER_SILENT : MILTER_CONTINUE;
}

/* ---- gathering ----------------------------------------------------------- */

static const char *
macro(const struct milter_msg *m, const char *name)
{
	return milter_macro(&m->talk->macros, name);
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
milter_msg_connect(struct milter_msg *m, const struct net_addr *client)
{
	milter_msg_abort(m);
	m->client = *client;
	m->local = macro_address(macro(m, "{daemon_addr}"));
	/* Postfix's cleanup makes up a client 127.0.0.1 with port 0. */
	m->submitted = strcmp(macro(m, "{client_port}"), "0") == 0;
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

void
milter_msg_policy_in(const struct milter_msg *m, struct policy_in *in)
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

uint32_t
milter_msg_replies(struct milter_env *env)
{
	struct milter_conf *conf = current_get(env->conf);
	uint32_t steps = 0;

	if (snapshot_judges_senders(conf->snapshot))
		steps |= MILTER_NR_MAIL;
	if (snapshot_limits_senders(conf->snapshot))
		steps |= MILTER_NR_MAIL | MILTER_NR_RCPT;
	if (milter_suppress_wanted(conf))
		steps |= MILTER_NR_RCPT;
	milter_conf_unref(&conf);
	return steps;
}

static void
sender_of(const struct milter_msg *m, struct milter_sender *who)
{
	*who = (struct milter_sender){ .env = m->env,
		.submitted = m->submitted,
		.queue_id = region_strdup(m->rg, macro(m, "i")) };
	milter_msg_policy_in(m, &who->in);
}

enum milter_answer
milter_msg_refuse(struct milter_msg *m, const char *reply)
{
	m->talk->reply = reply;
	return MILTER_REFUSED;
}

enum milter_answer
milter_msg_deny(struct milter_msg *m, enum sender_fault fault)
{
	struct milter_sender who;

	sender_of(m, &who);
	return milter_msg_refuse(m, milter_sender_denied(&who, fault, m->rg));
}

/*
 * To MAIL or RCPT, of so many messages and recipients.  What a step without a
 * reply should have said holds for the message.
 */
static enum milter_answer
answer_step(struct milter_msg *m, uint32_t step,
    const uint32_t n[RATE_IN_WHATS])
{
	bool can_reply = (m->talk->steps & step) == 0;
	struct milter_sender who;
	const char *why;

	if (m->submitted)
		return milter_msg_reply(m, step);
	if (m->fault != SENDER_FINE)
		return can_reply ? milter_msg_deny(m, m->fault) :
				   milter_msg_reply(m, step);
	if (m->late != NULL)
		return can_reply ? milter_msg_refuse(m, m->late) :
				   milter_msg_reply(m, step);
	if (!snapshot_limits_senders(m->conf->snapshot))
		return milter_msg_reply(m, step);
	sender_of(m, &who);
	why = milter_sender_take(&who, n, m->rg);
	if (why == NULL)
		return milter_msg_reply(m, step);
	if (can_reply)
		return milter_msg_refuse(m, why);
	m->late = why;
	return milter_msg_reply(m, step);
}

enum milter_answer
milter_msg_mail(struct milter_msg *m, const char *sender)
{
	static const uint32_t message[RATE_IN_WHATS] = {
		[RATE_IN_MESSAGES] = 1
	};
	struct policy_in in;

	begin(m);
	m->sender = bare_address(m->rg, sender);
	m->auth_user = region_strdup(m->rg, macro(m, "{auth_authen}"));
	if (snapshot_judges_senders(m->conf->snapshot)) {
		milter_msg_policy_in(m, &in);
		m->fault = policy_mail(&in, m->rg);
	}
	return answer_step(m, MILTER_NR_MAIL, message);
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

/* The reply of a list that says no; NULL: none does. */
static const char *
listed(struct milter_msg *m, const char *rcpt)
{
	struct milter_suppress said;
	struct policy_in in;

	if (m->submitted || (m->talk->steps & MILTER_NR_RCPT) != 0 ||
	    !milter_suppress_wanted(m->conf))
		return NULL;
	milter_msg_policy_in(m, &in);
	milter_suppress_ask(m->env, &in, rcpt, m->rg, &said);
	if (said.state == SUPPRESS_LISTED) {
		count_add(&m->env->suppressed, 1);
		log_suppressed(m, rcpt, &said);
	}
	return said.reply;
}

enum milter_answer
milter_msg_rcpt(struct milter_msg *m, const char *rcpt)
{
	static const uint32_t one[RATE_IN_WHATS] = { [RATE_IN_RCPTS] = 1 };
	bool elsewhere = goes_elsewhere(macro(m, "{rcpt_mailer}"));
	const char *addr = bare_address(m->rg, rcpt);
	const char *reply = elsewhere ? NULL : listed(m, addr);
	enum milter_answer answer;

	if (reply != NULL)
		return milter_msg_refuse(m, reply);
	answer = answer_step(m, MILTER_NR_RCPT, one);
	if (answer == MILTER_REFUSED)
		return answer;
	if (elsewhere)
		m->others++;
	else
		add_rcpt(m, addr);
	return answer;
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
	if ((m->talk->steps & MILTER_LEADING_BLANK) == 0)
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
	m->header_len += HEADER_COST + strlen(name) + strlen(value);
	if (m->header_len <= HEADERS_MAX)
		header_list_add(&m->headers, m->rg, slice_of(name),
		    wire_value(m, name, value));
}

/*
 * The header is whole: whether the body is needed for ARC can be said.  Without
 * marks the transport signs again, and so it does that, too.
 */
void
milter_msg_begin_arc(struct milter_msg *m)
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
	milter_msg_policy_in(m, &in);
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

	milter_msg_begin_arc(m);
	if (m->arc != NULL)
		sealing_run_body(m->arc, p, len);
	while (line_fold_next(&m->fold, &in, &run))
		canon_body_add(m->body, run.p, run.len);
}
