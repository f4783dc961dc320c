/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/postfix/pf_log.h"

#include <string.h>

#include "compat/log_text.h"
#include "lib/clock.h"
#include "mail/message.h"

#define HUNDREDTH_US (US_PER_S / 100)

/* "postfix/smtp[123]: " */
static void
begin(const struct log_names *n, bool own, const char *service, struct buf *out)
{
	buf_str(out, own ? PF_LOG_OWN : n->program);
	buf_byte(out, '/');
	buf_str(out, service);
	buf_printf(out, "[%ld]: ", n->pid);
}

static void
add_id(const struct log_mail *m, struct buf *out)
{
	char text[MESSAGE_ID_TEXT];

	/* Recipients may have ended whose message never came. */
	if (m->id == 0 && m->env->host_id[0] == '\0') {
		buf_str(out, "NOQUEUE");
		return;
	}
	buf_str(out,
	    log_is_queue_id(m->env->host_id) ? m->env->host_id :
					       message_id_text(m->id, text));
}

static void
begin_mail(const struct log_names *n, const struct log_mail *m,
    const char *service, struct buf *out)
{
	begin(n, m->own, service, out);
	add_id(m, out);
	buf_str(out, ": ");
}

static void
add_in_brackets(const char *addr, struct buf *out)
{
	buf_byte(out, '<');
	log_address(out, addr, LOG_AS_POSTFIX);
	buf_byte(out, '>');
}

/* "mx.example.net[192.0.2.1]"; of a route to an address "192.0.2.1[...]". */
static void
add_host(const char *name, const struct net_addr *addr, struct buf *out)
{
	char text[NET_ADDR_TEXT];

	if (name[0] == '[')
		buf_str(out, net_addr_text(addr, text));
	else
		log_host(out, name, LOG_AS_POSTFIX);
	buf_byte(out, '[');
	buf_str(out, net_addr_text(addr, text));
	buf_byte(out, ']');
}

static bool
has_host(const struct outcome *o)
{
	return o->mx != NULL && o->mx[0] != '\0' && o->peer.family != 0;
}

/* ---- it came ------------------------------------------------------------- */

static void
add_client(const struct log_client *c, struct buf *out)
{
	const char *name = c->name[0] == '\0' ? "unknown" : c->name;

	if (c->addr.family != 0) {
		add_host(name, &c->addr, out);
		return;
	}
	log_host(out, name, LOG_AS_POSTFIX);
	buf_str(out, "[local]");
}

static void
submitted(const struct log_names *n, const struct log_mail *m,
    const struct log_client *c, struct buf *out)
{
	begin_mail(n, m, "smtpd", out);
	buf_str(out, "client=");
	add_client(c, out);
	if (m->env->auth_user[0] != '\0') {
		buf_str(out, ", sasl_username=");
		log_address(out, m->env->auth_user, LOG_AS_POSTFIX);
	}
	buf_byte(out, '\n');
	if (c->message_id[0] == '\0')
		return;
	begin_mail(n, m, "cleanup", out);
	buf_str(out, "message-id=");
	log_text(out, c->message_id, LOG_ADDR_MAX, LOG_AS_POSTFIX);
	buf_byte(out, '\n');
}

static void
active(const struct log_names *n, const struct log_mail *m, struct buf *out)
{
	begin_mail(n, m, "qmgr", out);
	buf_str(out, "from=");
	add_in_brackets(m->env->sender, out);
	buf_printf(out, ", size=%u, nrcpt=%u (queue active)\n", m->size,
	    m->env->rcpt_count);
}

static void
came(const struct log_names *n, const struct log_mail *m,
    const struct log_client *client, struct buf *out)
{
	if (client != NULL)
		submitted(n, m, client, out);
	active(n, m, out);
}

static void
refused(const struct log_names *n, const struct log_client *client,
    const struct log_refused *r, struct buf *out)
{
	begin(n, false, "smtpd", out);
	buf_str(out, "NOQUEUE: reject: RCPT from ");
	add_client(client, out);
	buf_str(out, ": ");
	buf_str(out, r->code);
	buf_byte(out, ' ');
	add_in_brackets(r->to, out);
	buf_str(out, ": Recipient address rejected: ");
	log_text(out, r->text, LOG_REPLY_MAX, LOG_AS_POSTFIX);
	buf_str(out, "; from=");
	add_in_brackets(r->sender, out);
	buf_str(out, " to=");
	add_in_brackets(r->to, out);
	buf_printf(out, " proto=%s helo=", client->protocol);
	add_in_brackets(client->helo, out);
	buf_byte(out, '\n');
}

/* ---- it was tried -------------------------------------------------------- */

void
pf_log_delay(struct buf *out, int64_t us)
{
	int64_t hundredths;

	if (us < 0)
		us = 0;
	hundredths = (us + HUNDREDTH_US / 2) / HUNDREDTH_US;
	if (hundredths >= 100) /* from 1 s on one decimal is the second digit */
		hundredths = (us + US_PER_S / 20) / (US_PER_S / 10) * 10;
	if (hundredths >= 1000)
		hundredths = (us + US_PER_S / 2) / US_PER_S * 100;
	buf_printf(out, "%lld", (long long)(hundredths / 100));
	hundredths %= 100;
	if (hundredths % 10 != 0)
		buf_printf(out, ".%02lld", (long long)hundredths);
	else if (hundredths != 0)
		buf_printf(out, ".%lld", (long long)(hundredths / 10));
}

/* Before the queue manager, in the queue, for the connection, sending. */
static void
add_delays(const struct log_attempt *a, struct buf *out)
{
	int64_t now = a->outcome->wall_us, came_us = a->mail->env->arrival_us;
	int64_t all = came_us > 0 && now > came_us ? now - came_us : 0;
	int64_t sending = a->begun_us > 0 ? now - a->begun_us : 0;
	int64_t setup = a->use == 1 ? a->setup_us : 0;

	if (sending < 0)
		sending = 0;
	if (all < sending)
		all = sending;
	if (setup > all - sending)
		setup = all - sending;
	buf_str(out, ", delay=");
	pf_log_delay(out, all);
	buf_str(out, ", delays=0/");
	pf_log_delay(out, all - sending - setup);
	buf_byte(out, '/');
	pf_log_delay(out, setup);
	buf_byte(out, '/');
	pf_log_delay(out, sending);
}

/* Indexed by enum outcome_phase: what was being done, what was replied to. */
static const struct {
	const char *doing, *command;
} phases[PHASE_COUNT] = {
	[PHASE_RESOLVE] = { "looking up the host", "" },
	[PHASE_CONNECT] = { "connecting", "" },
	[PHASE_GREETING] = { "receiving the initial server greeting", "" },
	[PHASE_EHLO] = { "performing the EHLO handshake", "EHLO" },
	[PHASE_TLS] = { "performing the TLS handshake", "STARTTLS" },
	[PHASE_AUTH] = { "performing SASL authentication", "AUTH" },
	[PHASE_MAIL] = { "sending MAIL FROM", "MAIL FROM" },
	[PHASE_RCPT] = { "sending RCPT TO", "RCPT TO" },
	[PHASE_DATA] = { "sending DATA command", "DATA" },
	[PHASE_BODY] = { "sending message body", "end of DATA" },
	[PHASE_DOT] = { "sending end of data -- message may be sent more than "
			"once",
	    "end of DATA" },
};

static void
add_text(const struct outcome *o, struct buf *out)
{
	log_text(out, o->text == NULL ? "" : o->text, LOG_REPLY_MAX,
	    LOG_AS_POSTFIX);
}

static void
add_reply(const struct outcome *o, struct buf *out)
{
	bool greeting = o->phase <= PHASE_GREETING;

	buf_str(out, "host ");
	add_host(o->mx, &o->peer, out);
	buf_str(out, greeting ? " refused to talk to me: " : " said: ");
	add_text(o, out);
	if (!greeting)
		buf_printf(out, " (in reply to %s command)",
		    phases[o->phase].command);
}

/* "connect to mx.example.net[192.0.2.1]:25: Connection refused" */
static void
add_unreached(const struct outcome *o, uint16_t port, struct buf *out)
{
	static const char before[] = "while connecting: ";
	const char *text = o->text == NULL ? "" : o->text;
	const char *at = strstr(text, before);

	buf_str(out, "connect to ");
	add_host(o->mx, &o->peer, out);
	buf_printf(out, ":%u: ", port);
	if (o->kind == OUTCOME_TIMEOUT)
		text = "Connection timed out";
	else if (at != NULL)
		text = at + sizeof(before) - 1;
	log_text(out, text, LOG_REPLY_MAX, LOG_AS_POSTFIX);
}

static bool
is_unreached(const struct outcome *o)
{
	return has_host(o) && o->phase == PHASE_CONNECT;
}

void
pf_log_reason(const struct outcome *o, uint16_t port, struct buf *out)
{
	bool called = has_host(o);

	if (is_unreached(o)) {
		add_unreached(o, port, out);
	} else if (called && o->kind == OUTCOME_REPLY && !o->ours) {
		add_reply(o, out);
	} else if (called && o->kind == OUTCOME_LOST) {
		buf_str(out, "lost connection with ");
		add_host(o->mx, &o->peer, out);
		buf_printf(out, " while %s", phases[o->phase].doing);
	} else if (called && o->kind == OUTCOME_TIMEOUT) {
		buf_str(out, "conversation with ");
		add_host(o->mx, &o->peer, out);
		buf_printf(out, " timed out while %s", phases[o->phase].doing);
	} else {
		add_text(o, out);
	}
}

static void
add_original(const struct log_attempt *a, struct buf *out)
{
	if (a->orig[0] == '\0' || str_eq_nocase(a->orig, a->to))
		return;
	buf_str(out, ", orig_to=");
	add_in_brackets(a->orig, out);
}

/* "TLSv1.3 NAME"; what is known of the certificate is Postfix's first word. */
static void
add_tls(const struct log_names *n, const struct log_attempt *a, struct buf *out)
{
	const struct outcome *o = a->outcome;
	const char *blank = o->tls == NULL ? NULL : strchr(o->tls, ' ');

	if (blank == NULL || a->use != 1 || !has_host(o))
		return;
	begin(n, a->mail->own, "smtp", out);
	buf_str(out, o->trusted ? "Verified" : "Untrusted");
	buf_str(out, " TLS connection established to ");
	add_host(o->mx, &o->peer, out);
	buf_printf(out, ":%u: %.*s with cipher %s (%u/%u bits)\n", a->port,
	    (int)(blank - o->tls), o->tls, blank + 1, log_cipher_bits(blank),
	    log_cipher_bits(blank));
}

static void
expired(const struct log_names *n, const struct log_mail *m, struct buf *out)
{
	begin_mail(n, m, "qmgr", out);
	buf_str(out, "from=");
	add_in_brackets(m->env->sender, out);
	buf_str(out, ", status=expired, returned to sender\n");
}

static void
attempt(const struct log_names *n, const struct log_attempt *a, struct buf *out)
{
	static const char *const words[LOG_RESULT_COUNT] = {
		[LOG_SENT] = "sent",
		[LOG_DEFERRED] = "deferred",
		[LOG_BOUNCED] = "bounced",
		[LOG_EXPIRED] = "bounced",
	};
	const struct outcome *o = a->outcome;

	if (a->begins)
		add_tls(n, a, out);
	/* It enters the active queue once more, as qmgr says each time. */
	if (a->begins && a->again && a->mail->size > 0)
		active(n, a->mail, out);
	begin_mail(n, a->mail, "smtp", out);
	buf_str(out, "to=");
	add_in_brackets(a->to, out);
	add_original(a, out);
	buf_str(out, ", relay=");
	if (has_host(o)) {
		add_host(o->mx, &o->peer, out);
		buf_printf(out, ":%u", a->port);
	} else {
		buf_str(out, "none");
	}
	if (a->use > 1)
		buf_printf(out, ", conn_use=%u", a->use);
	add_delays(a, out);
	buf_printf(out, ", dsn=%u.%u.%u, status=%s (", a->dsn[0], a->dsn[1],
	    a->dsn[2], words[a->result]);
	if (a->result == LOG_SENT)
		add_text(o, out);
	else
		pf_log_reason(o, a->port, out);
	buf_str(out, ")\n");
	if (a->result == LOG_EXPIRED && a->first)
		expired(n, a->mail, out);
}

/* ---- the rest ------------------------------------------------------------ */

static void
told(const struct log_names *n, const struct log_mail *about,
    const struct log_mail *notice, enum dsn_action action, struct buf *out)
{
	static const char *const words[] = {
		[DSN_FAILED] = "non-delivery",
		[DSN_RELAYED] = "delivery status",
		[DSN_DELAYED] = "delay",
	};

	begin_mail(n, about, "bounce", out);
	buf_printf(out, "sender %s notification: ", words[action]);
	add_id(notice, out);
	buf_byte(out, '\n');
	active(n, notice, out);
}

static void
gone(const struct log_names *n, const struct log_mail *m, struct buf *out)
{
	begin_mail(n, m, "qmgr", out);
	buf_str(out, "removed\n");
}

static void
unreached(const struct log_names *n, const struct outcome *o, uint16_t port,
    struct buf *out)
{
	if (!is_unreached(o))
		return;
	begin(n, false, "smtp", out);
	add_unreached(o, port, out);
	buf_byte(out, '\n');
}

static void
head(const struct log_names *n, const struct tm *tm, bool syslog,
    struct buf *out)
{
	if (syslog)
		return;
	log_stamp(out, tm);
	buf_str(out, n->host);
	buf_byte(out, ' ');
}

const struct log_style pf_log_style = {
	.program = "postfix",
	.came = came,
	.attempt = attempt,
	.refused = refused,
	.told = told,
	.gone = gone,
	.unreached = unreached,
	.head = head,
};
