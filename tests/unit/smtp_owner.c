/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/smtp_owner.h"

#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/check.h"
#include "mail/envelope.h"

struct session_test o;

/* ---- the owner ----------------------------------------------------------- */

static void
note(const struct outcome *out)
{
	buf_printf(&o.told, "%s/%s/%d", outcome_kind_name(out->kind),
	    outcome_phase_name(out->phase), out->code);
	if (out->dsn[0] != 0)
		buf_printf(&o.told, "/%d.%d.%d", out->dsn[0], out->dsn[1],
		    out->dsn[2]);
	if (out->in_doubt)
		buf_byte(&o.told, '?');
	buf_printf(&o.text, "%s\n", out->text);
	o.last = *out;
	(void)snprintf(o.esmtp, sizeof(o.esmtp), "%s", out->esmtp);
	(void)snprintf(o.tls_text, sizeof(o.tls_text), "%s", out->tls);
}

void
send_next(void)
{
	smtp_session_send(o.session, &o.tx[o.next++]);
}

static void
on_ready(void *ctx)
{
	(void)ctx;
	buf_str(&o.told, "R ");
	if (o.next < o.tx_count)
		send_next();
	else if ((o.options & O_STAY) == 0)
		smtp_session_quit(o.session);
}

static void
on_written(void *ctx)
{
	(void)ctx;
	buf_str(&o.told, "W ");
	if ((o.options & O_DROP_SENT) != 0)
		smtp_session_drop(o.session);
	if ((o.options & O_QUIT_SENT) != 0)
		smtp_session_quit(o.session);
}

static bool
on_dot(void *ctx, const uint32_t *accepted, size_t count)
{
	(void)ctx;
	buf_printf(&o.told, "D%zu ", count);
	for (size_t i = 1; i < count; i++)
		if (accepted[i] <= accepted[i - 1])
			buf_str(&o.told, "out of order ");
	if ((o.options & O_DROP_DOT) != 0)
		smtp_session_drop(o.session);
	if ((o.options & O_INTERRUPT_DOT) != 0)
		smtp_session_interrupt(o.session);
	return (o.options & O_STOP_DOT) == 0;
}

static void
on_result(void *ctx, const struct outcome *outcomes, const bool *written,
    size_t count)
{
	(void)ctx;
	for (size_t i = 0; i < count; i++) {
		if (count > 10 && i >= 3)
			break;
		buf_byte(&o.told, i == 0 ? '[' : ',');
		note(&outcomes[i]);
		if (!written[i])
			buf_byte(&o.told, '-');
	}
	buf_str(&o.told, "] ");
	if ((o.options & O_EARLY) != 0 && o.next < o.tx_count)
		send_next();
}

static void
on_closed(void *ctx, const struct outcome *why)
{
	(void)ctx;
	buf_byte(&o.told, 'C');
	if (why != NULL) {
		buf_byte(&o.told, '(');
		note(why);
		buf_byte(&o.told, ')');
	}
	o.closed = true;
	o.session = NULL;
}

static const struct smtp_session_owner owner = { on_ready, on_written, on_dot,
	on_result, on_closed };

/* ---- one session --------------------------------------------------------- */

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if ((o.closed && smtp_script_is_over(o.script)) || ++o.ticks > 8000)
		worker_stop(o.worker);
}

void
start_on(int fd, const char *const *script, unsigned options,
    const struct queue_conf *conf)
{
	const struct timeval each = { 0, MS };
	struct smtp_session_params p = { .host = "mx.example.net",
		.helo = "mail.example.org",
		.peer = { AF_INET, { 192, 0, 2, 1 } },
		.conf = conf,
		.tls = o.tls,
		.policy = { .trust = (options & O_TRUST) != 0 ? o.trust :
								NULL },
		.no_tls = (options & O_NO_TLS) != 0 };
	int pair[2];
	struct err e;

	o.options = options;
	o.next = 0;
	o.ticks = 0;
	o.closed = false;
	buf_clear(&o.told);
	buf_clear(&o.text);
	o.worker = worker_new("test", &e);
	CHECK(o.worker != NULL);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		  pair) == 0);
	o.script = smtp_script_new(worker_base(o.worker), pair[1], script);
	p.worker = o.worker;
	p.fd = fd == -1 ? pair[0] : fd;
	if (fd != -1)
		(void)close(pair[0]);
	o.session = smtp_session_new(&p, &owner, NULL);
	o.tick = event_new(worker_base(o.worker), -1, EV_PERSIST, on_tick,
	    NULL);
	CHECK(event_add(o.tick, &each) == 0);
}

void
start(const char *const *script, unsigned options,
    const struct queue_conf *conf)
{
	start_on(-1, script, options, conf);
}

void
finish(void)
{
	event_free(o.tick);
	smtp_script_free(&o.script);
	worker_free(&o.worker);
}

struct body *
make_body(const char *text, size_t times)
{
	size_t len = strlen(text);
	struct body *b = body_new((uint32_t)(len * times));

	for (size_t i = 0; i < times; i++)
		memcpy(b->bytes + i * len, text, len);
	return b;
}

struct queue_conf
make_conf(unsigned options)
{
	int64_t us = (options & O_TINY) != 0 ? 60 * MS : 8000 * MS;

	return (struct queue_conf){ .connect_timeout_us = us,
		.greeting_timeout_us = us,
		.data_timeout_us = us,
		.dot_timeout_us = us,
		.max_errors_per_conn = (options & O_ERRORS_1) != 0 ? 1 :
		    (options & O_ERRORS_2) != 0                    ? 2 :
								     0,
		.auth_username = "",
		.auth_password = "",
		.smtp_tls_authorities = (options & O_TRUST) != 0 ? "system" :
								   "",
		.use_starttls = (options & O_USE) != 0,
		.require_starttls = (options & O_REQUIRE) != 0 };
}

void
make_transactions(unsigned options, size_t count, const struct body *body,
    const struct smtp_rcpt *rcpts, size_t rcpt_count)
{
	o.tx_count = count;
	for (size_t i = 0; i < count; i++)
		o.tx[i] = (struct smtp_transaction){
			.sender = (options & O_BAD_FROM) != 0 ?
			    "a@b>\r\nRSET" :
			    "from@example.org",
			.envid = (options & O_DSN) != 0 ? "id=1+2" : "",
			.ret = (options & O_DSN) != 0 ? RET_HDRS : RET_NONE,
			.flags = (uint8_t)(((options & O_8BIT) != 0 ?
						   ENVELOPE_8BIT :
						   0) |
			    ((options & O_UTF8) != 0 ? ENVELOPE_UTF8 : 0)),
			.prefix = (options & O_PREFIX) != 0 ?
			    SLICE_LIT(PREFIX_TEXT) :
			    (struct slice){ 0 },
			.body = body,
			.count = rcpt_count,
			.rcpts = rcpts
		};
}
