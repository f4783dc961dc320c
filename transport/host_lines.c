/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/host_lines.h"

#include <string.h>
#include <strings.h>

#include "mail/xtext.h"
#include "transport/host_log.h"

const struct log_style *
host_lines_wanted(const struct worker_env *env)
{
	return host_log_style(env->conf);
}

void
host_lines_came(const struct worker_env *env, const struct log_mail *m,
    const struct log_client *client, struct buf *out)
{
	const struct log_style *style = host_log_style(env->conf);
	struct log_names names;

	if (style == NULL)
		return;
	names = host_log_names(env->host_log, env->conf);
	style->came(&names, m, client, out);
}

void
host_lines_refused(const struct worker_env *env,
    const struct log_client *client, const struct log_refused *r,
    struct buf *out)
{
	const struct log_style *style = host_log_style(env->conf);
	struct log_names names;

	if (style == NULL)
		return;
	names = host_log_names(env->host_log, env->conf);
	style->refused(&names, client, r, out);
}

static enum log_result
result_of(enum disposition_what what)
{
	switch (what) {
	case DISPOSE_DELIVERED:
		return LOG_SENT;
	case DISPOSE_RETRY:
		return LOG_DEFERRED;
	case DISPOSE_EXPIRE:
		return LOG_EXPIRED;
	case DISPOSE_FAIL:
	case DISPOSE_SUPPRESS:
	case DISPOSE_DELETE:
	case DISPOSE_UNUSED:
		break;
	}
	return LOG_BOUNCED;
}

/* As the client wrote it; other types than addresses of mail are left out. */
static const char *
original(const char *orcpt, struct region *rg)
{
	static const char type[] = "rfc822;";
	const char *text;

	if (strncasecmp(orcpt, type, sizeof(type) - 1) != 0)
		return "";
	text = orcpt + sizeof(type) - 1;
	if (strchr(text, '+') != NULL)
		text = xtext_decode(slice_of(text), rg);
	return text == NULL ? "" : text;
}

/* Is it a message about a message, on its way to the host MTA? */
static bool
is_own(const struct env_rcpt *rcpt)
{
	return strcmp(rcpt->domain, SNAPSHOT_DSN_DOMAIN) == 0;
}

void
host_lines_attempt(const struct worker_env *env, struct host_lines_told *told,
    const struct record_of *r, const struct host_lines_way *way,
    uint16_t attempts, struct buf *out)
{
	const struct log_style *style = host_log_style(env->conf);
	const struct env_rcpt *rcpt = &r->env->rcpts[r->n];
	const struct log_mail mail = { r->id, r->env, way->size, is_own(rcpt) };
	enum log_result result = result_of(r->disposition->what);
	struct log_attempt a = { .mail = &mail,
		.to = rcpt->addr,
		.orig = original(rcpt->orcpt, r->rg),
		.outcome = r->outcome,
		.result = result,
		.dsn = { r->disposition->dsn[0], r->disposition->dsn[1],
		    r->disposition->dsn[2] },
		.port = way->port,
		.use = way->use,
		.begun_us = way->begun_us,
		.setup_us = way->setup_us };
	struct log_names names;

	if (style == NULL)
		return;
	if (told->id != r->id)
		*told = (struct host_lines_told){ style, r->id, 0 };
	a.begins = told->results == 0;
	a.again = attempts > 1;
	a.first = (told->results & (1U << result)) == 0;
	told->results |= 1U << result;
	names = host_log_names(env->host_log, env->conf);
	style->attempt(&names, &a, out);
}

void
host_lines_gone(const struct worker_env *env, uint64_t id,
    const struct envelope *msg, struct buf *out)
{
	const struct log_style *style = host_log_style(env->conf);
	const struct log_mail mail = { id, msg, 0,
		msg->rcpt_count > 0 && is_own(&msg->rcpts[0]) };
	struct log_names names;

	if (style == NULL)
		return;
	names = host_log_names(env->host_log, env->conf);
	style->gone(&names, &mail, out);
}

void
host_lines_notice(const struct host_lines_sink *sink,
    const struct host_lines_notice *n, struct buf *out)
{
	const struct log_style *style = host_log_style(sink->conf);
	struct envelope about_env = envelope_blank, own_env = envelope_blank;
	const struct log_mail about = { n->about, &about_env, 0, false };
	const struct log_mail own = { n->id, &own_env, n->size, true };
	struct log_names names;

	if (style == NULL)
		return;
	about_env.host_id = n->host_id;
	own_env.rcpt_count = 1;
	names = host_log_names(sink->log, sink->conf);
	style->told(&names, &about, &own, n->action, out);
}

void
host_lines_unreached(const struct worker_env *env, const struct outcome *o,
    uint16_t port)
{
	const struct log_style *style = host_log_style(env->conf);
	struct log_names names;
	struct buf lines = { 0 };

	if (style == NULL || style->unreached == NULL)
		return;
	names = host_log_names(env->host_log, env->conf);
	style->unreached(&names, o, port, &lines);
	host_lines_put(&(struct host_lines_sink){ env->host_log, env->conf },
	    style, &lines);
	buf_fini(&lines);
}

void
host_lines_put(const struct host_lines_sink *sink,
    const struct log_style *style, struct buf *lines)
{
	if (style != NULL && style == host_log_style(sink->conf))
		host_log_put(sink->log, sink->conf, lines);
	buf_clear(lines);
}
