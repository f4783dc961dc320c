/* SPDX-License-Identifier: Apache-2.0 */
#include "milter/milter_session.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "milter/milter_msg.h"
#include "milter/milter_packet.h"
#include "milter/milter_talk.h"

#define ACTIONS (MILTER_ADDS_FIELDS | MILTER_CHANGES_FIELDS)
/* Of which not each message needs one. */
#define MORE_ACTIONS (MILTER_CHANGES_SENDER | MILTER_ASKS_MACROS)

/* Steps that tell us nothing. */
#define SKIPPED \
	(MILTER_NO_HELO | MILTER_NO_DATA | MILTER_NO_UNKNOWN | \
	    MILTER_NO_HEADER_END)

#define NO_REPLY \
	(MILTER_NR_CONNECT | MILTER_NR_MAIL | MILTER_NR_RCPT | \
	    MILTER_NR_HEADER | MILTER_NR_BODY)

enum { FAMILY_AND_PORT = 3 }; /* bytes */

enum state {
	NEW,
	IDLE,
	ENVELOPE,
	HEADER,
	BODY,
	OVER,
	SAME /* not a state: the one it was in */
};

struct milter_session {
	struct milter_env *env;
	enum state state;
	struct milter_talk talk;
	struct milter_msg *msg;
	const struct step *waits; /* for DNS, before its answer; NULL: none */
};

struct milter_session *
milter_session_new(struct milter_env *env)
{
	struct milter_session *s = mem_new(struct milter_session);

	s->env = env;
	s->msg = milter_msg_new(env, &s->talk);
	return s;
}

void
milter_session_free(struct milter_session **sp)
{
	struct milter_session *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	milter_msg_free(&s->msg);
	milter_macros_fini(&s->talk.macros);
	buf_fini(&s->talk.out);
	free(s);
}

/* ---- negotiation --------------------------------------------------------- */

/* So that main.cf needs no milter_*_macros of ours. */
static const struct milter_symbols symbols[] = {
	{ MILTER_AT_CONNECT,
	    "j {client_addr} {client_name} {client_port} "
	    "{daemon_addr} {daemon_name} {daemon_port}" },
	{ MILTER_AT_MAIL, "i {auth_type} {auth_authen} {mail_addr}" },
	{ MILTER_AT_RCPT, "i {rcpt_addr} {rcpt_host} {rcpt_mailer}" },
	{ MILTER_AT_END, "i" },
	{ 0, NULL },
};

/*
 * Steps without a reply save a round trip each over a unix socket.  Over TCP
 * they make Nagle's algorithm wait for delayed ACKs, 88 ms a message.
 */
static enum milter_answer
on_options(struct milter_session *s, struct slice args)
{
	uint32_t wanted = MILTER_LEADING_BLANK | SKIPPED;
	struct milter_options o;

	if (milter_options_read(args, &o) == -1 ||
	    o.version < MILTER_VERSION_LEAST)
		return MILTER_BROKEN;
	if ((o.actions & ACTIONS) != ACTIONS) {
		log_note(LOG_L_ERROR, "milter",
		    "the host MTA offers no changes of header fields");
		return MILTER_BROKEN;
	}
	if (s->env->unix_socket)
		wanted |= NO_REPLY & ~milter_msg_replies(s->env);
	if (o.version > MILTER_VERSION)
		o.version = MILTER_VERSION;
	o.actions &= ACTIONS | MORE_ACTIONS;
	o.steps &= wanted;
	s->talk.actions = o.actions;
	s->talk.steps = o.steps;
	milter_put_options(&s->talk.out, &o,
	    (o.actions & MILTER_ASKS_MACROS) != 0 ? symbols : NULL);
	return MILTER_SILENT;
}

/* ---- the client ---------------------------------------------------------- */

/* The name of a host, a family, and for most of them a port and an address. */
static enum milter_answer
on_connect(struct milter_session *s, struct slice args)
{
	struct net_addr client = { 0 };
	struct err ignored;
	const char *addr;
	char family;

	if (milter_text(&args) == NULL || args.len == 0)
		return MILTER_BROKEN;
	family = args.p[0];
	if (family == MILTER_FAMILY_INET || family == MILTER_FAMILY_INET6) {
		if (args.len < FAMILY_AND_PORT)
			return MILTER_BROKEN;
		args.p += FAMILY_AND_PORT;
		args.len -= FAMILY_AND_PORT;
		addr = milter_text(&args);
		if (addr == NULL ||
		    net_addr_parse(slice_of(addr), &client, &ignored) == -1)
			return MILTER_BROKEN;
	}
	milter_macros_forget(&s->talk.macros, MILTER_STAGE_HELO);
	milter_msg_connect(s->msg, &client);
	return milter_msg_reply(s->msg, MILTER_NR_CONNECT);
}

static enum milter_answer
on_macro(struct milter_session *s, struct slice args)
{
	return milter_macros_take(&s->talk.macros, args) == -1 ? MILTER_BROKEN :
								 MILTER_SILENT;
}

/* HELO, DATA, the end of the header, unknown commands: not asked for. */
static enum milter_answer
on_other(struct milter_session *s, struct slice args)
{
	(void)s;
	(void)args;
	return MILTER_CONTINUE;
}

/* ---- a message ----------------------------------------------------------- */

/* What tells of the message is forgotten with it. */
static void
forget_message(struct milter_session *s)
{
	milter_msg_abort(s->msg);
	milter_macros_forget(&s->talk.macros, MILTER_STAGE_MAIL);
}

static enum milter_answer
on_mail(struct milter_session *s, struct slice args)
{
	const char *sender = milter_text(&args); /* and ESMTP's parameters */

	if (sender == NULL)
		return MILTER_BROKEN;
	milter_macros_forget(&s->talk.macros, MILTER_STAGE_RCPT);
	return milter_msg_mail(s->msg, sender);
}

static enum milter_answer
on_rcpt(struct milter_session *s, struct slice args)
{
	const char *rcpt = milter_text(&args);

	if (rcpt == NULL)
		return MILTER_BROKEN;
	return milter_msg_rcpt(s->msg, rcpt);
}

static enum milter_answer
on_header(struct milter_session *s, struct slice args)
{
	const char *name = milter_text(&args);
	const char *value = name == NULL ? NULL : milter_text(&args);

	if (value == NULL || name[0] == '\0')
		return MILTER_BROKEN;
	milter_msg_header(s->msg, name, value);
	return milter_msg_reply(s->msg, MILTER_NR_HEADER);
}

static enum milter_answer
on_body(struct milter_session *s, struct slice args)
{
	milter_msg_body(s->msg, args.p, args.len);
	return milter_msg_reply(s->msg, MILTER_NR_BODY);
}

static enum milter_answer
on_end(struct milter_session *s, struct slice args)
{
	if (args.len > 0)
		milter_msg_body(s->msg, args.p, args.len);
	return milter_msg_end(s->msg);
}

static enum milter_answer
on_abort(struct milter_session *s, struct slice args)
{
	(void)args;
	forget_message(s);
	return MILTER_SILENT;
}

static enum milter_answer
on_quit(struct milter_session *s, struct slice args)
{
	static const struct net_addr nobody = { 0 };

	(void)args;
	milter_macros_forget(&s->talk.macros, MILTER_STAGE_CONNECT);
	milter_msg_connect(s->msg, &nobody);
	return MILTER_SILENT;
}

/* ---- packets ------------------------------------------------------------- */

#define IN(state) (1U << (state))
#define OF_MESSAGE (IN(ENVELOPE) | IN(HEADER) | IN(BODY))
#define AGREED (IN(IDLE) | OF_MESSAGE)

static const struct step {
	char command;
	unsigned may;    /* come in these states */
	enum state next; /* unless it is refused or broken */
	enum milter_answer (*fn)(struct milter_session *s, struct slice args);
} steps[] = {
	/* The most frequent first. */
	{ MILTER_MACRO, AGREED, SAME, on_macro },
	{ MILTER_HEADER, IN(ENVELOPE) | IN(HEADER), HEADER, on_header },
	{ MILTER_BODY, OF_MESSAGE, BODY, on_body },
	{ MILTER_MAIL, AGREED, ENVELOPE, on_mail },
	{ MILTER_RCPT, IN(ENVELOPE), SAME, on_rcpt },
	{ MILTER_END, OF_MESSAGE, IDLE, on_end },
	{ MILTER_ABORT, AGREED, IDLE, on_abort },
	{ MILTER_OPTIONS, IN(NEW), IDLE, on_options },
	{ MILTER_CONNECT, IN(IDLE), SAME, on_connect },
	{ MILTER_QUIT, IN(NEW) | AGREED, OVER, on_quit },
	{ MILTER_QUIT_NC, AGREED, IDLE, on_quit },
	{ MILTER_HELO, AGREED, SAME, on_other },
	{ MILTER_DATA, IN(ENVELOPE), HEADER, on_other },
	{ MILTER_HEADER_END, IN(ENVELOPE) | IN(HEADER), BODY, on_other },
	{ MILTER_UNKNOWN, AGREED, SAME, on_other },
};

static const struct step *
find_step(char command)
{
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (steps[i].command == command)
			return &steps[i];
	return NULL;
}

static const char *
doing(const struct milter_session *s)
{
	static const char *const names[] = { [NEW] = "before anything else",
		[IDLE] = "between messages",
		[ENVELOPE] = "in an envelope",
		[HEADER] = "in a header",
		[BODY] = "in a body" };

	return names[s->state];
}

static void
break_off(struct milter_session *s, const char *why, char command)
{
	int c = (unsigned char)command;

	log_note(LOG_L_WARN, "milter",
	    "the host MTA sent %s (0x%02x, '%c') %s; hanging up", why,
	    (unsigned)c, isprint(c) ? c : '?', doing(s));
	s->state = OVER;
}

/* A message is over when it has its answer; other refusals are of a step. */
static void
answer(struct milter_session *s, const struct step *step, enum milter_answer a)
{
	bool ends = step->command == MILTER_END ||
	    (step->command == MILTER_MAIL && a == MILTER_REFUSED);

	s->waits = a == MILTER_LATER ? step : NULL;
	if (a == MILTER_LATER)
		return;
	if (a == MILTER_CONTINUE)
		milter_put_continue(&s->talk.out);
	else if (a == MILTER_REFUSED)
		milter_put_reply(&s->talk.out, s->talk.reply);
	if (ends)
		forget_message(s);
	if (ends || step->next != SAME)
		s->state = ends ? IDLE : step->next;
}

static void
take(struct milter_session *s, const struct milter_packet *p)
{
	const struct step *step = find_step(p->command);
	enum milter_answer a;

	if (step == NULL) {
		break_off(s, "an unknown packet", p->command);
		return;
	}
	if ((step->may & IN(s->state)) == 0) {
		break_off(s, "a packet out of order", p->command);
		return;
	}
	a = step->fn(s, p->args);
	if (a == MILTER_BROKEN)
		break_off(s, "a malformed packet", p->command);
	else
		answer(s, step, a);
}

size_t
milter_session_input(struct milter_session *s, struct slice in)
{
	enum milter_found found = MILTER_FOUND;
	size_t taken = 0;

	while (found == MILTER_FOUND && s->waits == NULL && s->state != OVER) {
		struct milter_packet p;

		found = milter_packet_find(
		    (struct slice){ in.p + taken, in.len - taken }, &p);
		if (found == MILTER_FOUND) {
			taken += p.len;
			take(s, &p);
		} else if (found == MILTER_FOUND_BAD) {
			break_off(s, "a packet of an impossible length",
			    in.p[taken]);
		}
	}
	return taken;
}

struct buf *
milter_session_output(struct milter_session *s)
{
	return &s->talk.out;
}

struct dkim_answers *
milter_session_wanted(struct milter_session *s)
{
	return s->waits != NULL ? milter_msg_wanted(s->msg) : NULL;
}

void
milter_session_answered(struct milter_session *s)
{
	CHECK(s->waits != NULL);
	answer(s, s->waits, milter_msg_answered(s->msg));
}

bool
milter_session_is_over(const struct milter_session *s)
{
	return s->state == OVER;
}

bool
milter_session_is_idle(const struct milter_session *s)
{
	return (IN(s->state) & OF_MESSAGE) == 0;
}
