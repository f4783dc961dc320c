/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AUTH of an SMTP client (RFC 4954), around transport/sasl_server.h.
 *
 *	COMMAND --> AUTH <--> AUTH      a challenge, its response
 *	COMMAND, AUTH --> CHECK         the password is looked at, elsewhere
 *	CHECK --> AUTH, COMMAND         SCRAM says one more; 235
 *	COMMAND, AUTH, CHECK --> REFUSE it was wrong: the answer takes its time
 *	REFUSE --> COMMAND, CLOSING     535; too often: 421
 *
 * No line of it gets into a log, and what it was read from is wiped.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "transport/ingress_priv.h"
#include "transport/passwords.h"
#include "transport/sasl_server.h"

enum { FAILURES_MAX = 3 }; /* RFC 4954, 4 leaves it to us */

/* One AUTH command. */
struct ingress_auth {
	struct ingress_session *s;
	struct sasl_users users;
	struct sasl_server *server;
	enum sasl_mech mech;
	struct password_task task;
	bool checking;       /* the task is away */
	int64_t checked_us;  /* when it went; 0: there was none */
	bool outlived;       /* the session has ended otherwise */
	struct event *delay; /* in REFUSE */
};

/* ---- what may be used ---------------------------------------------------- */

static unsigned
usable(const struct ingress_session *s)
{
	unsigned forms = snapshot_password_forms(s->conf), mechs = ~0U;

	for (unsigned f = 0; forms >> f != 0; f++)
		if ((forms >> f & 1) != 0)
			mechs &= sasl_mechs_of((enum password_form)f);
	return forms == 0 ? 0 : mechs;
}

/* Is AUTH there at all? */
static bool
has_auth(const struct ingress_session *s)
{
	return s->door->protocol == INGRESS_SMTP && s->source.allow_auth &&
	    s->env->sasl != NULL && usable(s) != 0;
}

static unsigned
offered(const struct ingress_session *s)
{
	bool encrypted = s->tls != NULL;

	if (!has_auth(s) || s->user != NULL ||
	    (s->source.tls_before_auth && !encrypted))
		return 0;
	return sasl_mechs_offered(usable(s), encrypted, s->source.plain_auth);
}

void
ingress_offer_auth(struct ingress_session *s)
{
	unsigned mechs = offered(s);

	if (mechs == 0)
		return;
	buf_str(&s->out, "250-AUTH");
	for (unsigned m = 0; m < SASL_MECHS; m++)
		if ((mechs >> m & 1) != 0)
			buf_printf(&s->out, " %s",
			    sasl_mech_name((enum sasl_mech)m));
	buf_str(&s->out, "\r\n");
}

/* ---- one AUTH ------------------------------------------------------------ */

static const struct password *
find_password(void *ctx, const char *user)
{
	return snapshot_password(ctx, user);
}

static void
auth_free(struct ingress_auth **ap)
{
	struct ingress_auth *a = *ap;

	*ap = NULL;
	if (a == NULL)
		return;
	CHECK(!a->checking);
	if (a->delay != NULL)
		event_free(a->delay);
	sasl_server_free(&a->server);
	free(a);
}

static struct ingress_auth *
auth_new(struct ingress_session *s, enum sasl_mech mech)
{
	struct ingress_auth *a = mem_new(struct ingress_auth);

	a->s = s;
	a->mech = mech;
	a->users = (struct sasl_users){ .find = find_password,
		.ctx = s->conf,
		.decoy = snapshot_any_password(s->conf) };
	memcpy(a->users.secret, passwords_secret(s->env->passwords),
	    sizeof(a->users.secret));
	a->server = sasl_server_new(s->env->sasl, &a->users, mech);
	a->task = (struct password_task){ .server = a->server,
		.back = s->env->worker };
	return a;
}

bool
ingress_auth_stop(struct ingress_session *s)
{
	if (s->auth != NULL && s->auth->checking) {
		s->auth->outlived = true;
		return false;
	}
	auth_free(&s->auth);
	return true;
}

static void
log_who(const struct ingress_auth *a, struct log_line *l)
{
	char text[NET_ADDR_TEXT];

	log_str(l, "user", sasl_server_user(a->server));
	log_str(l, "client", net_addr_text(&a->s->peer.addr, text));
	log_str(l, "mechanism", sasl_mech_name(a->mech));
}

/* ---- how it ends --------------------------------------------------------- */

static enum ingress_state
accept_user(struct ingress_session *s)
{
	struct log_line l;

	log_begin(&l, LOG_L_INFO, NULL, "signed-in");
	log_who(s->auth, &l);
	log_end(&l);
	ingress_set_user(s, sasl_server_user(s->auth->server));
	auth_free(&s->auth);
	ingress_say(s, "235 2.7.0 signed in");
	return INGRESS_COMMAND;
}

static const char *
why(enum sasl_failure f)
{
	switch (f) {
	case SASL_BAD_PASSWORD:
		return "wrong password";
	case SASL_UNKNOWN_USER:
		return "no such user";
	case SASL_OTHER_USER:
		return "wants to act as another";
	case SASL_MALFORMED:
	case SASL_TOO_LONG:
	case SASL_CANCELLED:
	case SASL_NO_FAILURE:
		break;
	}
	return NULL;
}

static void
on_delay(evutil_socket_t fd, short what, void *arg)
{
	struct ingress_session *s = arg;
	enum sasl_failure f = sasl_server_failure(s->auth->server);

	(void)fd;
	(void)what;
	if (s->state == INGRESS_CLOSED) /* and about to be freed */
		return;
	auth_free(&s->auth);
	if (s->auth_failures < FAILURES_MAX)
		ingress_say(s, sasl_failure_reply(f));
	else
		ingress_reply(s, "421 4.7.0 %.180s too many failures", s->host);
	ingress_go_on(s,
	    s->auth_failures < FAILURES_MAX ? INGRESS_COMMAND :
					      INGRESS_CLOSING);
}

/* The check is within it, so that how long it took is not seen. */
static int64_t
penalty_us(const struct ingress_session *s)
{
	int64_t us = passwords_penalty_us(s->env->passwords), spent = 0;

	if (s->auth->checked_us != 0)
		spent = clock_us() - s->auth->checked_us;
	return spent < us ? us - spent : 0;
}

/* Who guesses waits; the session has nothing to do meanwhile. */
static enum ingress_state
refuse_user(struct ingress_session *s)
{
	int64_t us = penalty_us(s);
	const struct timeval delay = { .tv_sec = (time_t)(us / US_PER_S),
		.tv_usec = (suseconds_t)(us % US_PER_S) };
	struct ingress_auth *a = s->auth;
	enum sasl_failure f = sasl_server_failure(a->server);
	struct log_line l;

	if (why(f) == NULL) { /* a client that cannot, or does not want to */
		auth_free(&s->auth);
		return ingress_bad(s, sasl_failure_reply(f));
	}
	log_begin(&l, LOG_L_INFO, NULL, "sign-in-failed");
	log_who(a, &l);
	log_str(&l, "why", why(f));
	log_end(&l);
	s->auth_failures++;
	ingress_count_failure(s, INGRESS_FAILED_AUTH,
	    &s->source.auth_failure_rate);
	a->delay = event_new(worker_base(s->env->worker), -1, 0, on_delay, s);
	CHECK(a->delay != NULL && event_add(a->delay, &delay) == 0);
	return INGRESS_REFUSE;
}

/* ---- steps --------------------------------------------------------------- */

static enum ingress_state
check(struct ingress_session *s)
{
	struct ingress_auth *a = s->auth;

	a->checked_us = clock_us();
	a->checking = passwords_check(s->env->passwords, &a->task);
	if (a->checking)
		return INGRESS_CHECK;
	auth_free(&s->auth);
	ingress_say(s, "454 4.7.0 too many are signing in now");
	return INGRESS_COMMAND;
}

static enum ingress_state
go(struct ingress_session *s, enum sasl_status status)
{
	size_t from;

	switch (status) {
	case SASL_CHALLENGE:
		/* As long as the client's own words make it. */
		from = s->out.len;
		buf_printf(&s->out, "334 %s\r\n",
		    sasl_server_challenge(s->auth->server));
		ingress_log_replies(s, from);
		return INGRESS_AUTH;
	case SASL_CHECK:
		return check(s);
	case SASL_DONE:
		return accept_user(s);
	case SASL_FAILED:
		return refuse_user(s);
	}
	CHECK_NEVER("a status of SASL");
}

static void
on_checked(struct password_task *t)
{
	struct ingress_auth *a = post_owner(t, struct ingress_auth, task);
	struct ingress_session *s = a->s;
	bool outlived = a->outlived;

	a->checking = false;
	if (s->state != INGRESS_CLOSED) {
		ingress_go_on(s, go(s, sasl_server_checked(a->server)));
		return;
	}
	auth_free(&s->auth);
	if (outlived)
		ingress_go_on(s, INGRESS_CLOSED);
}

void
ingress_wipe_line(struct ingress_session *s)
{
	explicit_bzero(s->line.text, sizeof(s->line.text));
	ingress_wipe(s);
}

/* NULL: it may begin. */
static const char *
not_now(const struct ingress_session *s)
{
	if (!has_auth(s))
		return "502 5.5.1 command not implemented";
	if (!s->extended)
		return "503 5.5.1 EHLO first";
	if (s->user != NULL)
		return "503 5.5.1 you have signed in already";
	if (s->tx.open)
		return "503 5.5.1 a transaction is open";
	if (s->source.tls_before_auth && s->tls == NULL)
		return "530 5.7.0 STARTTLS first";
	if (!ingress_may_fail(s, INGRESS_FAILED_AUTH,
		&s->source.auth_failure_rate))
		return "454 4.7.0 too many failures, try later";
	return NULL;
}

enum ingress_state
ingress_auth_begin(struct ingress_session *s, struct slice mech_name,
    struct slice initial)
{
	enum sasl_mech mech = sasl_mech_find(mech_name);
	const char *reply = not_now(s);
	enum sasl_status status;

	if (reply == NULL &&
	    (mech == SASL_MECHS || (usable(s) >> mech & 1) == 0))
		reply = "504 5.5.4 mechanism not offered";
	if (reply == NULL && (offered(s) >> mech & 1) == 0)
		reply = "538 5.7.11 this mechanism needs TLS: STARTTLS first";
	if (reply != NULL)
		return ingress_bad(s, reply);
	s->auth = auth_new(s, mech);
	s->auth->task.done = on_checked;
	status = sasl_server_begin(s->auth->server, initial);
	return go(s, status);
}

bool
ingress_on_response(struct ingress_session *s, enum ingress_state *next_r)
{
	enum smtp_line_result r = ingress_read_line(s);
	struct slice line = { s->line.text, s->line.len };
	enum sasl_status status;

	if (r == SMTP_LINE_MORE)
		return false;
	ingress_log_response(s);
	if (r == SMTP_LINE_TOO_LONG) {
		auth_free(&s->auth);
		ingress_wipe_line(s);
		*next_r = ingress_bad(s, sasl_failure_reply(SASL_TOO_LONG));
		return true;
	}
	status = sasl_server_step(s->auth->server, line);
	ingress_wipe_line(s);
	*next_r = go(s, status);
	return true;
}
