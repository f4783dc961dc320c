/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What log-connections and log-commands of a source tell of a session.  All of
 * its lines have one id.
 *
 * No secret and nothing of a message gets in: XDFN is told without its
 * definitions; of AUTH there is the mechanism,
 * if it is one, of its challenges and responses that they came; of a line that
 * is no command nothing at all, since a client whose AUTH or DATA was refused
 * may go on as if it had not been.  Values are cut and escaped by lib/log.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "transport/ingress_priv.h"
#include "transport/sasl_server.h"

enum { ID_TEXT = 40 };

/* What is shown of a command; NULL: its whole line. */
static const char *const shown[SMTP_VERB_COUNT] = {
	[SMTP_VERB_UNKNOWN] = "(no command)",
	[SMTP_VERB_AUTH] = "AUTH",
	[SMTP_VERB_DATA] = "DATA",
	[SMTP_VERB_HELP] = "HELP",
	[SMTP_VERB_HTTP] = "(HTTP)",
	[SMTP_VERB_NOOP] = "NOOP",
	[SMTP_VERB_PROXY] = "(PROXY)",
	[SMTP_VERB_QUIT] = "QUIT",
	[SMTP_VERB_RSET] = "RSET",
	[SMTP_VERB_STARTTLS] = "STARTTLS",
	[SMTP_VERB_XDFN] = "XDFN",
};

static const char *
id_text(const struct ingress_session *s, char text[ID_TEXT])
{
	(void)snprintf(text, ID_TEXT, "in%u.%" PRIu64, s->env->index,
	    s->serial);
	return text;
}

static void
log_client(const struct ingress_session *s, struct log_line *l)
{
	char text[NET_ADDR_TEXT];

	log_str(l, "client",
	    s->peer.is_unix ? "local" : net_addr_text(&s->peer.addr, text));
	log_str(l, "listener", s->door->name);
}

/* ---- connections --------------------------------------------------------- */

void
ingress_log_opened(struct ingress_session *s)
{
	char id[ID_TEXT];
	struct log_line l;

	if (!s->source.log_connections)
		return;
	s->logged = true;
	log_begin(&l, LOG_L_INFO, id_text(s, id), "ingress-opened");
	log_client(s, &l);
	log_end(&l);
}

/* For whom a proxy spoke, or who signed in, may be of a source that wants it. */
void
ingress_log_closed(const struct ingress_session *s)
{
	char id[ID_TEXT];
	struct log_line l;

	if (!s->logged && !s->source.log_connections)
		return;
	log_begin(&l, LOG_L_INFO, id_text(s, id), "ingress-closed");
	log_client(s, &l);
	if (s->user != NULL)
		log_str(&l, "user", s->user);
	if (s->helo[0] != '\0')
		log_str(&l, "helo", s->helo);
	log_int(&l, "commands", s->commands);
	log_int(&l, "messages", s->messages);
	log_fmt(&l, "seconds", "%.3f",
	    (double)(clock_us() - s->began_us) / (double)US_PER_S);
	log_end(&l);
}

/* ---- commands ------------------------------------------------------------ */

static void
log_text(const struct ingress_session *s, const char *text)
{
	char id[ID_TEXT];
	struct log_line l;

	log_begin(&l, LOG_L_INFO, id_text(s, id), "ingress-command");
	log_str(&l, "text", text);
	log_end(&l);
}

static void
log_auth(const struct ingress_session *s, struct slice mech)
{
	enum sasl_mech m = mech.len == 0 ? SASL_MECHS : sasl_mech_find(mech);
	char text[64];

	(void)STR_JOIN(text, sizeof(text), shown[SMTP_VERB_AUTH], " ",
	    m == SASL_MECHS ? "(no mechanism)" : sasl_mech_name(m));
	log_text(s, text);
}

void
ingress_log_command(struct ingress_session *s, const struct smtp_cmd *c)
{
	char line[sizeof(s->line.text)];

	s->commands++;
	if (!s->source.log_commands)
		return;
	if (c->verb == SMTP_VERB_AUTH) {
		log_auth(s, c->mech);
	} else if (shown[c->verb] != NULL) {
		log_text(s, shown[c->verb]);
	} else {
		memcpy(line, s->line.text, s->line.len);
		line[s->line.len] = '\0';
		log_text(s, line);
	}
}

void
ingress_log_response(const struct ingress_session *s)
{
	if (s->source.log_commands)
		log_text(s, "(response)");
}

void
ingress_log_replies(const struct ingress_session *s, size_t from)
{
	const char *p = s->out.p + from, *end = s->out.p + s->out.len, *cr;
	char id[ID_TEXT];
	struct log_line l;

	if (!s->source.log_commands)
		return;
	for (; p < end; p = cr + 2) {
		cr = memmem(p, (size_t)(end - p), "\r\n", 2);
		if (cr == NULL) /* no reply is without */
			return;
		log_begin(&l, LOG_L_INFO, id_text(s, id), "ingress-reply");
		if (strncmp(p, "334", 3) == 0)
			log_str(&l, "text", "334 (challenge)");
		else
			log_fmt(&l, "text", "%.*s", (int)(cr - p), p);
		log_end(&l);
	}
}
