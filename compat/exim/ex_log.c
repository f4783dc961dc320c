/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/exim/ex_log.h"

#include <string.h>

#include "compat/log_text.h"
#include "lib/clock.h"

/* Where -M and -nt know it by. */
#define OWN_ROUTE " R=mailrace_dsn T=mailrace_dsn"
#define ROUTE " R=dnslookup T=remote_smtp"

enum { WIDTH_NEW = 23 }; /* of an id, since Exim 4.97 */

static const char digits[] = "0123456789"
			     "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			     "abcdefghijklmnopqrstuvwxyz";

static void
base62(char *out, size_t width, uint64_t v)
{
	for (size_t i = width; i-- > 0; v /= 62)
		out[i] = digits[v % 62];
}

const char *
ex_log_id(uint64_t id, const char *host_id, char out[EX_ID_TEXT])
{
	size_t middle = strlen(host_id) == WIDTH_NEW ? 11 : 6;
	size_t last = middle == 11 ? 4 : 2;

	/* Ids are microseconds of the wall clock, or a little ahead of it. */
	base62(out, 6, id / US_PER_S);
	out[6] = '-';
	base62(out + 7, middle, id % US_PER_S);
	out[7 + middle] = '-';
	base62(out + 8 + middle, last, 0);
	out[8 + middle + last] = '\0';
	return out;
}

/* What stands behind the digits; NULL: they are none, or end is not there. */
static const char *
read_base62(const char *p, size_t width, char end, uint64_t *v_r)
{
	*v_r = 0;
	for (size_t i = 0; i < width; i++) {
		const char *at = p[i] == '\0' ? NULL : strchr(digits, p[i]);

		if (at == NULL || *v_r > UINT64_MAX / 62 - 1)
			return NULL;
		*v_r = *v_r * 62 + (uint64_t)(at - digits);
	}
	return p[width] == end ? p + width + 1 : NULL;
}

bool
ex_log_read_id(const char *text, uint64_t *id_r)
{
	bool wide = strlen(text) == WIDTH_NEW;
	uint64_t s, us, last;
	const char *p = read_base62(text, 6, '-', &s);

	if (p != NULL)
		p = read_base62(p, wide ? 11 : 6, '-', &us);
	if (p == NULL || read_base62(p, wide ? 4 : 2, '\0', &last) == NULL)
		return false;
	*id_r = s * US_PER_S + us;
	return us < US_PER_S && last == 0 && *id_r != 0;
}

bool
ex_log_is_host_id(const char *text)
{
	const size_t first = strspn(text, digits);
	size_t middle, last;

	if (first != 6 || text[first] != '-')
		return false;
	text += first + 1;
	middle = strspn(text, digits);
	if ((middle != 6 && middle != 11) || text[middle] != '-')
		return false;
	text += middle + 1;
	last = middle == 6 ? 2 : 4;
	return strspn(text, digits) == last && text[last] == '\0';
}

/* "1rABcd-0000Xy-00 => " */
static void
begin(const struct log_mail *m, const char *flag, struct buf *out)
{
	char id[EX_ID_TEXT];

	buf_str(out, ex_log_id(m->id, m->env->host_id, id));
	buf_byte(out, ' ');
	buf_str(out, flag);
	buf_byte(out, ' ');
}

static void
add_host(const char *name, const struct net_addr *addr, struct buf *out)
{
	char text[NET_ADDR_TEXT];

	buf_str(out, "H=");
	if (name[0] != '[') { /* a route to an address has no name */
		log_host(out, name, LOG_AS_EXIM);
		buf_byte(out, ' ');
	}
	buf_byte(out, '[');
	buf_str(out, net_addr_text(addr, text));
	buf_byte(out, ']');
}

/* In parentheses the name that nobody but the client gives it. */
static void
add_client(const struct log_client *c, struct buf *out)
{
	char text[NET_ADDR_TEXT];

	buf_str(out, "H=");
	if (c->name[0] != '\0') {
		log_host(out, c->name, LOG_AS_EXIM);
		buf_byte(out, ' ');
	}
	if (!str_eq_nocase(c->helo, c->name)) {
		buf_byte(out, '(');
		log_host(out, c->helo, LOG_AS_EXIM);
		buf_str(out, ") ");
	}
	buf_byte(out, '[');
	buf_str(out, net_addr_text(&c->addr, text));
	buf_byte(out, ']');
}

static void
add_sender(const char *sender, struct buf *out)
{
	if (sender[0] == '\0')
		buf_str(out, "<>");
	else
		log_address(out, sender, LOG_AS_EXIM);
}

static bool
has_host(const struct outcome *o)
{
	return o->mx != NULL && o->mx[0] != '\0' && o->peer.family != 0;
}

/* ---- it came ------------------------------------------------------------- */

static void
add_protocol(const char *protocol, struct buf *out)
{
	buf_str(out, " P=");
	for (; *protocol != '\0'; protocol++)
		buf_byte(out,
		    *protocol >= 'A' && *protocol <= 'Z' ?
			(char)(*protocol - 'A' + 'a') :
			*protocol);
}

/* Without its brackets. */
static void
add_message_id(const char *id, struct buf *out)
{
	static const char bracket[] = "\\076";
	size_t len = strlen(id), tail = sizeof(bracket) - 1;

	log_address(out, id[0] == '<' ? id + 1 : id, LOG_AS_EXIM);
	if (len > tail && id[len - 1] == '>' &&
	    memcmp(out->p + out->len - tail, bracket, tail) == 0)
		out->len -= tail;
}

static void
came(const struct log_names *n, const struct log_mail *m,
    const struct log_client *client, struct buf *out)
{
	(void)n;
	begin(m, "<=", out);
	add_sender(m->env->sender, out);
	if (client == NULL) {
		if (log_is_queue_id(m->env->host_id))
			buf_printf(out, " R=%s", m->env->host_id);
		buf_str(out, " P=lmtp");
	} else {
		if (client->addr.family != 0) {
			buf_byte(out, ' ');
			add_client(client, out);
		}
		add_protocol(client->protocol, out);
	}
	if (m->env->auth_user[0] != '\0') {
		buf_str(out, " A=mailrace:");
		log_address(out, m->env->auth_user, LOG_AS_EXIM);
	}
	buf_printf(out, " S=%u", m->size);
	if (client != NULL && client->message_id[0] != '\0') {
		buf_str(out, " id=");
		add_message_id(client->message_id, out);
	}
	buf_byte(out, '\n');
}

static void
refused(const struct log_names *n, const struct log_client *client,
    const struct log_refused *r, struct buf *out)
{
	(void)n;
	if (client->addr.family != 0) {
		add_client(client, out);
		buf_byte(out, ' ');
	}
	buf_str(out, "F=<");
	log_address(out, r->sender, LOG_AS_EXIM);
	buf_str(out, "> rejected RCPT <");
	log_address(out, r->to, LOG_AS_EXIM);
	buf_str(out, ">: ");
	log_text(out, r->text, LOG_REPLY_MAX, LOG_AS_EXIM);
	buf_byte(out, '\n');
}

/* ---- it was tried -------------------------------------------------------- */

static void
add_address(const struct log_attempt *a, struct buf *out)
{
	log_address(out, a->to, LOG_AS_EXIM);
	if (a->orig[0] == '\0' || str_eq_nocase(a->orig, a->to))
		return;
	buf_str(out, " <");
	log_address(out, a->orig, LOG_AS_EXIM);
	buf_byte(out, '>');
}

/* "3s", "2m5s" */
static void
add_time(const char *key, int64_t us, struct buf *out)
{
	static const struct {
		char unit;
		int64_t s;
	} units[] = { { 'w', 604800 }, { 'd', 86400 }, { 'h', 3600 },
		{ 'm', 60 }, { 's', 1 } };
	int64_t s = us > 0 ? us / US_PER_S : 0;

	buf_str(out, key);
	if (s == 0)
		buf_str(out, "0s");
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (s >= units[i].s)
			buf_printf(out, "%lld%c", (long long)(s / units[i].s),
			    units[i].unit);
		s %= units[i].s;
	}
}

static void
add_delivery_time(const struct log_attempt *a, struct buf *out)
{
	int64_t us = a->outcome->wall_us - a->begun_us;

	add_time(" DT=", a->begun_us > 0 ? us : 0, out);
}

static void
add_times(const struct log_attempt *a, struct buf *out)
{
	int64_t now = a->outcome->wall_us;

	add_time(" QT=", now - a->mail->env->arrival_us, out);
	add_delivery_time(a, out);
}

/* Of what an attempt failed by: Exim's number, and its words. */
static const struct {
	int number;
	const char *command;
} phases[PHASE_COUNT] = {
	[PHASE_RESOLVE] = { -36, "" },
	[PHASE_CONNECT] = { 0, "initial connection" },
	[PHASE_GREETING] = { 0, "initial connection" },
	[PHASE_EHLO] = { 0, "EHLO" },
	[PHASE_TLS] = { -37, "STARTTLS" },
	[PHASE_AUTH] = { -42, "AUTH" },
	[PHASE_MAIL] = { -45, "MAIL FROM" },
	[PHASE_RCPT] = { -44, "RCPT TO" },
	[PHASE_DATA] = { -46, "DATA" },
	[PHASE_BODY] = { -46, "end of data" },
	[PHASE_DOT] = { -46, "end of data" },
};

enum { NUMBER_CLOSED = -18, NUMBER_TIMEOUT = 110 };

static int
number_of(const struct outcome *o)
{
	if (o->kind == OUTCOME_LOST)
		return NUMBER_CLOSED;
	return o->kind == OUTCOME_TIMEOUT ? NUMBER_TIMEOUT :
					    phases[o->phase].number;
}

static void
add_reason(const struct log_attempt *a, struct buf *out)
{
	const struct outcome *o = a->outcome;

	buf_str(out, ": ");
	if (a->result == LOG_EXPIRED)
		buf_str(out, "retry timeout exceeded: ");
	if (o->kind == OUTCOME_REPLY && !o->ours && has_host(o)) {
		buf_printf(out, "SMTP error from remote mail server after %s",
		    phases[o->phase].command);
		if (o->phase == PHASE_RCPT || o->phase == PHASE_MAIL) {
			buf_str(out, ":<");
			log_address(out,
			    o->phase == PHASE_RCPT ? a->to :
						     a->mail->env->sender,
			    LOG_AS_EXIM);
			buf_byte(out, '>');
		}
		buf_str(out, ": ");
	}
	log_text(out, o->text == NULL ? "" : o->text, LOG_REPLY_MAX,
	    LOG_AS_EXIM);
}

/* The reply in quotes, where Exim has a backslash before quotes. */
static void
add_confirmation(const char *text, struct buf *out)
{
	struct buf plain = { 0 };

	log_text(&plain, text, LOG_REPLY_MAX, LOG_AS_EXIM);
	buf_str(out, " C=\"");
	for (size_t i = 0; i < plain.len; i++) {
		if (plain.p[i] == '"')
			buf_byte(out, '\\');
		buf_byte(out, plain.p[i]);
	}
	buf_byte(out, '"');
	buf_fini(&plain);
}

/* Of "TLSv1.3 NAME" Exim leaves out the v, whatever library it is built with. */
static void
add_tls(const struct outcome *o, struct buf *out)
{
	const char *blank = o->tls == NULL ? NULL : strchr(o->tls, ' ');

	if (blank == NULL)
		return;
	buf_str(out, " X=");
	for (const char *p = o->tls; p < blank; p++)
		if (*p != 'v')
			buf_byte(out, *p);
	buf_byte(out, ':');
	log_address(out, blank + 1, LOG_AS_EXIM);
	buf_printf(out, ":%u CV=%s", log_cipher_bits(blank),
	    o->trusted ? "yes" : "no");
}

static void
add_sender_named(const struct log_attempt *a, struct buf *out)
{
	buf_str(out, " F=<");
	log_address(out, a->mail->env->sender, LOG_AS_EXIM);
	buf_byte(out, '>');
}

static void
attempt(const struct log_names *n, const struct log_attempt *a, struct buf *out)
{
	static const char *const flags[LOG_RESULT_COUNT] = {
		[LOG_SENT] = "=>",
		[LOG_DEFERRED] = "==",
		[LOG_BOUNCED] = "**",
		[LOG_EXPIRED] = "**",
	};
	const struct outcome *o = a->outcome;
	bool sent = a->result == LOG_SENT;

	(void)n;
	begin(a->mail, sent && !a->first ? "->" : flags[a->result], out);
	add_address(a, out);
	if (a->result != LOG_DEFERRED)
		add_sender_named(a, out);
	buf_str(out, a->mail->own ? OWN_ROUTE : ROUTE);
	if (sent && o->size > 0)
		buf_printf(out, " S=%u", o->size);
	if (a->result == LOG_DEFERRED)
		buf_printf(out, " defer (%d)", number_of(o));
	if (has_host(o)) {
		buf_byte(out, ' ');
		add_host(o->mx, &o->peer, out);
	}
	if (a->result != LOG_DEFERRED)
		add_tls(o, out);
	if (sent) {
		add_confirmation(o->text == NULL ? "" : o->text, out);
		add_times(a, out);
	} else {
		if (a->result == LOG_DEFERRED)
			add_delivery_time(a, out);
		add_reason(a, out);
	}
	buf_byte(out, '\n');
}

/* ---- the rest ------------------------------------------------------------ */

static void
told(const struct log_names *n, const struct log_mail *about,
    const struct log_mail *notice, enum dsn_action action, struct buf *out)
{
	char id[EX_ID_TEXT];

	(void)n;
	(void)action;
	begin(notice, "<=", out);
	buf_str(out, "<> R=");
	buf_str(out, ex_log_id(about->id, about->env->host_id, id));
	/* That it comes from us, for those who count by protocol. */
	buf_printf(out, " U=mailrace P=local S=%u\n", notice->size);
}

static void
gone(const struct log_names *n, const struct log_mail *m, struct buf *out)
{
	(void)n;
	begin(m, "Completed", out);
	out->len--;
	buf_byte(out, '\n');
}

static void
head(const struct log_names *n, const struct tm *tm, bool syslog,
    struct buf *out)
{
	if (syslog)
		buf_printf(out, "%s[%ld]: ", n->program, n->pid);
	buf_printf(out, "%04d-%02d-%02d %02d:%02d:%02d ", tm->tm_year + 1900,
	    tm->tm_mon + 1, tm->tm_mday, tm->tm_hour, tm->tm_min, tm->tm_sec);
}

const struct log_style ex_log_style = {
	.program = "exim",
	.came = came,
	.attempt = attempt,
	.refused = refused,
	.told = told,
	.gone = gone,
	.head = head,
};
