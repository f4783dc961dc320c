/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/sim_script.h"

#include <stdio.h>
#include <string.h>

#include "lib/check.h"
#include "mail/smtp_reply.h"
#include "tests/support/sim.h"

static const struct sim_reply busy = { .code = 421,
	.line = "421 4.7.0 try later",
	.dsn = { 4, 7, 0 } };

/* What a session makes of the bytes. */
static void
read_reply(struct region *rg, struct sim_reply *r)
{
	char line[400], text[400];
	struct reply_parser p;
	const char *at = line;
	size_t len;

	(void)snprintf(line, sizeof(line), "%d %s\r\n", r->code,
	    r->text[0] == '\0' ? "as the script says" : r->text);
	len = strlen(line);
	CHECK(len + 1 < sizeof(line));
	reply_parser_init(&p);
	CHECK(reply_parser_feed(&p, &at, &len) == REPLY_DONE);
	(void)smtp_reply_text(&p.reply, text, sizeof(text));
	memcpy(r->dsn, p.reply.dsn, sizeof(r->dsn));
	r->line = region_strdup(rg, text);
	reply_parser_fini(&p);
}

void
sim_script_add(struct region *rg, struct sim_server *s,
    const struct sim_reply *what)
{
	struct sim_reply *r = region_new_obj(rg, struct sim_reply), **end;

	*r = *what;
	r->next = NULL;
	r->host = region_strdup(rg, what->host);
	if (r->code == SIM_SILENCE)
		r->line = "timeout";
	else if (r->code == SIM_HANGS_UP)
		r->line = "connection lost";
	else if (r->code == SIM_UNRESOLVED)
		r->line = "DNS: SERVFAIL";
	else
		read_reply(rg, r);
	for (end = &s->replies; *end != NULL; end = &(*end)->next)
		;
	*end = r;
}

static bool
fits(const struct sim_reply *r, enum sim_phase at, const struct outcome *to)
{
	return r->at == at && r->times > 0 &&
	    (r->from.family == 0 || net_addr_eq(&r->from, &to->source)) &&
	    (r->host[0] == '\0' || strcmp(r->host, to->mx) == 0);
}

static bool
take(struct sim_server *s, enum sim_phase at, const struct outcome *to,
    struct sim_reply *out)
{
	for (struct sim_reply *r = s->replies; r != NULL; r = r->next) {
		if (!fits(r, at, to))
			continue;
		if (r->times != SIM_ALWAYS)
			r->times--;
		*out = *r;
		return true;
	}
	return false;
}

/* Of who has no line for it. */
static struct sim_reply
usual(const struct sim_server *s, enum sim_phase at)
{
	int code = at == SIM_GREETING ? s->greeting : s->reply;

	if (at == SIM_MAIL || at == SIM_DOT || code / 100 == 2)
		return (struct sim_reply){ .code = 250, .line = "250 ok" };
	if (code == SIM_SILENCE)
		return (struct sim_reply){ .line = "timeout" };
	if (code == 421)
		return busy;
	return (struct sim_reply){ .code = code, .line = "a reply" };
}

static void
fill(const struct sim_reply *r, struct outcome *out)
{
	out->code = r->code;
	out->text = r->line;
	memcpy(out->dsn, r->dsn, sizeof(out->dsn));
	switch (r->code) {
	case SIM_SILENCE:
		out->kind = OUTCOME_TIMEOUT;
		break;
	case SIM_HANGS_UP:
		out->kind = OUTCOME_LOST;
		out->code = 0;
		break;
	case SIM_UNRESOLVED:
		out->kind = OUTCOME_DNS_TEMP;
		out->phase = PHASE_RESOLVE;
		out->code = 0;
		break;
	default:
		out->kind = r->code < 400 ? OUTCOME_DELIVERED : OUTCOME_REPLY;
		break;
	}
}

void
sim_script_busy(struct outcome *out)
{
	out->phase = PHASE_GREETING;
	fill(&busy, out);
}

void
sim_script_say(struct sim_server *s, enum sim_phase at, struct outcome *out)
{
	static const enum outcome_phase phases[] = {
		[SIM_GREETING] = PHASE_GREETING,
		[SIM_MAIL] = PHASE_MAIL,
		[SIM_RCPT] = PHASE_RCPT,
		[SIM_DOT] = PHASE_DOT,
	};
	struct sim_reply r;

	if (!take(s, at, out, &r))
		r = usual(s, at);
	out->phase = phases[at];
	fill(&r, out);
}
