/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/ingress_merge.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "transport/receive_merge.h"
#include "transport/refusals.h"

static const char not_offered[] = "502 5.5.1 command not implemented";
static const char no_merge[] = "503 5.5.1 XMRG first";
static const char has_begun[] = "503 5.5.1 the message has begun";

void
ingress_merge_free(struct ingress_merge **mp)
{
	struct ingress_merge *m = *mp;

	*mp = NULL;
	if (m == NULL)
		return;
	for (size_t i = 0; i <= MERGE_PARTS_MAX; i++)
		buf_fini(&m->parts[i].text);
	free(m);
}

/* No host MTA speaks it. */
static bool
may_merge(const struct ingress_session *s)
{
	return s->door->protocol == INGRESS_SMTP && !s->by_host &&
	    (s->source.allow_mailmerge || s->source.allow_api);
}

void
ingress_offer_merge(struct ingress_session *s)
{
	if (may_merge(s))
		buf_str(&s->out, "250-XACK\r\n250-XMRG\r\n");
}

/* ---- XACK ---------------------------------------------------------------- */

enum ingress_state
ingress_xack(struct ingress_session *s, const struct smtp_cmd *c)
{
	if (!may_merge(s))
		return ingress_bad(s, not_offered);
	s->no_acks = !c->ack;
	ingress_say(s, "250 2.0.0 OK");
	return INGRESS_COMMAND;
}

void
ingress_hush(struct ingress_session *s, enum smtp_verb verb)
{
	s->hushed = s->no_acks &&
	    (verb == SMTP_VERB_RCPT || verb == SMTP_VERB_XDFN);
}

bool
ingress_is_hushed(struct ingress_session *s, const char *line, size_t len)
{
	/* Whoever is hung up on is told so. */
	if (!s->hushed || strncmp(line, "421", 3) == 0)
		return false;
	if (line[0] != '2' && s->tx.late == NULL)
		s->tx.late = region_strndup(s->tx_rg, line, len);
	return true;
}

bool
ingress_say_late(struct ingress_session *s, enum ingress_state *next_r)
{
	if (s->tx.late == NULL)
		return false;
	ingress_reply(s, "%s", s->tx.late);
	*next_r = ingress_tx_end(s);
	return true;
}

/* ---- XMRG ---------------------------------------------------------------- */

const char *
ingress_merge_refusal(const struct ingress_session *s, enum smtp_verb verb)
{
	if (verb != SMTP_VERB_XMRG)
		return NULL;
	if (!may_merge(s))
		return not_offered;
	return s->xforwards > 0 ? "503 5.5.1 no XMRG behind XFORWARD" : NULL;
}

void
ingress_merge_begin(struct ingress_session *s, enum smtp_verb verb)
{
	if (verb == SMTP_VERB_XMRG)
		s->tx.merge = mem_new(struct ingress_merge);
}

const char *
ingress_rcpt_refusal(const struct ingress_session *s)
{
	const struct ingress_merge *m = s->tx.merge;

	if (s->tx.chunked || (m != NULL && m->sent_count > 0))
		return has_begun;
	return m != NULL && m->failed ? "503 5.5.1 its XDFN was refused" : NULL;
}

/* ---- XDFN ---------------------------------------------------------------- */

/* NULL, or the reply. */
static const char *
define(struct ingress_session *s, struct slice text)
{
	struct ingress_merge *m = s->tx.merge;
	const char *why;

	m->defined_bytes += text.len;
	if (m->defined_bytes > MERGE_DEFINED_BYTES ||
	    m->defined > MERGE_DEFINED_MAX)
		return "552 5.3.4 too many definitions";
	m->defined -= m->next.taken;
	why = merge_define(text, s->tx.utf8, s->tx_rg, &m->next);
	m->defined += m->next.taken;
	return why;
}

enum ingress_state
ingress_xdfn(struct ingress_session *s, const struct smtp_cmd *c)
{
	struct ingress_merge *m = s->tx.merge;
	const char *why;

	if (!may_merge(s))
		return ingress_bad(s, not_offered);
	if (m == NULL)
		return ingress_bad(s, no_merge);
	if (m->sent_count > 0)
		return ingress_bad(s, has_begun);
	why = define(s, c->defined);
	if (why != NULL) {
		m->failed = true;
		return ingress_bad(s, why);
	}
	ingress_say(s, "250 2.0.0 OK");
	return INGRESS_COMMAND;
}

void
ingress_merge_lacks(struct ingress_session *s, enum smtp_verb verb)
{
	if (verb == SMTP_VERB_XDFN && s->tx.merge != NULL)
		s->tx.merge->failed = true;
}

static void
keep_next(struct ingress_session *s, struct merge_defined *of)
{
	of->v = region_grow(s->tx_rg, of->v, of->n, sizeof(*of->v));
	of->v[of->n++] = s->tx.merge->next;
}

/* They were those of a recipient who is known now, or nobody's. */
static void
end_definitions(struct ingress_session *s)
{
	struct ingress_merge *m = s->tx.merge;

	if (s->tx.refused_count > m->refused.n)
		keep_next(s, &m->refused);
	if (s->tx.unparsed_count > m->unparsed.n)
		keep_next(s, &m->unparsed);
	if (s->tx.rcpt_count > m->count) {
		m->vars = region_grow(s->tx_rg, m->vars, m->count,
		    sizeof(*m->vars));
		m->vars[m->count++] = m->next;
	}
	m->next = (struct merge_vars){ 0 };
	m->failed = false;
}

void
ingress_unhush(struct ingress_session *s, enum smtp_verb verb)
{
	s->hushed = false;
	if (verb == SMTP_VERB_RCPT && s->tx.merge != NULL)
		end_definitions(s);
}

/* ---- lines --------------------------------------------------------------- */

/* A whole line of XDFN, or what may become one. */
static bool
begins_definition(struct ingress_session *s, struct slice in)
{
	size_t n = in.len < 4 ? in.len : 4;

	return s->tx.merge != NULL && (s->line.len == 0 || s->line.done) &&
	    n > 0 && strncasecmp(in.p, "XDFN", n) == 0;
}

static enum smtp_line_result
take_definition(struct ingress_session *s, struct slice in, const char *lf,
    struct slice *line_r)
{
	size_t len = (size_t)(lf - in.p);

	region_reset(s->cmd_rg);
	if (len > 0 && lf[-1] == '\r')
		len--;
	*line_r = (struct slice){ region_strndup(s->cmd_rg, in.p, len), len };
	ingress_take(s, (size_t)(lf - in.p) + 1);
	return SMTP_LINE_DONE;
}

enum smtp_line_result
ingress_command_line(struct ingress_session *s, struct slice *line_r)
{
	enum smtp_line_result r;
	struct slice in;

	while (in = ingress_input(s), begins_definition(s, in)) {
		size_t n = in.len < XDFN_LINE_MAX ? in.len : XDFN_LINE_MAX;
		const char *lf = memchr(in.p, '\n', n);

		if (lf != NULL)
			return take_definition(s, in, lf, line_r);
		if (n == XDFN_LINE_MAX)
			break;
		if (s->tls == NULL || !ingress_decrypt(s))
			return SMTP_LINE_MORE;
	}
	r = ingress_read_line(s);
	if (r != SMTP_LINE_MORE)
		region_reset(s->cmd_rg);
	*line_r = (struct slice){ s->line.text, s->line.len };
	return r;
}

/* ---- XPRT ---------------------------------------------------------------- */

size_t
ingress_text_len(const struct ingress_session *s)
{
	return s->tx.text.len +
	    (s->tx.merge == NULL ? 0 : s->tx.merge->parts_len);
}

enum ingress_state
ingress_xprt(struct ingress_session *s, const struct smtp_cmd *c)
{
	struct ingress_merge *m = s->tx.merge;
	enum ingress_state next;

	if (!may_merge(s))
		return ingress_bad(s, not_offered);
	if (ingress_say_late(s, &next))
		return next;
	if (m == NULL)
		return ingress_bad(s, no_merge);
	if (!ingress_has_rcpts(s)) {
		ingress_say(s, "554 5.5.1 no valid recipients");
		return refusals_settle(s) ? INGRESS_COMMIT : INGRESS_COMMAND;
	}
	if (s->tx.too_many) {
		ingress_say(s, "554 5.5.3 too many recipients");
		return ingress_tx_end(s);
	}
	if (m->parts[c->part].sent)
		return ingress_bad(s, "503 5.5.1 that part is there already");
	m->part = c->part;
	m->last = c->part_last;
	dot_unstuff_init(&s->tx.dot);
	ingress_say(s, "354 end part with <CR><LF>.<CR><LF>");
	return INGRESS_DATA;
}

enum ingress_state
ingress_part_end(struct ingress_session *s)
{
	struct ingress_tx *tx = &s->tx;
	struct ingress_merge *m = tx->merge;
	struct merge_part *part = &m->parts[m->part];

	if (tx->dot.bare)
		return receive_refuse(s, "550 5.6.0 bare CR or LF in message",
		    NULL);
	if (tx->too_big)
		return receive_refuse(s, "552 5.3.4 message too big", NULL);
	part->text = tx->text; /* moved */
	tx->text = (struct buf){ 0 };
	part->sent = true;
	part->plain = !merge_has_variables(
	    (struct slice){ part->text.p, part->text.len });
	m->sent_count++;
	m->parts_len += part->text.len;
	if (m->last)
		return receive_merge(s);
	ingress_say(s, "250 2.6.0 part ok");
	return INGRESS_COMMAND;
}
