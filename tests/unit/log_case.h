/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_case - a message and an attempt for the tests of log lines; header only.
 *
 * It came on 2026-11-22 at 07:40:00 UTC and was tried three seconds later, on
 * a connection that took a quarter of a second.
 */

#ifndef TESTS_UNIT_LOG_CASE_H
#define TESTS_UNIT_LOG_CASE_H

#include "compat/log_style.h"
#include "tests/tap.h"

#define LOG_CAME_US INT64_C(1795333200000000)
#define LOG_TRIED_US (LOG_CAME_US + 3000000)

struct log_case {
	const char *label;
	struct outcome outcome;
	enum log_result result;
	uint8_t dsn[3];
	uint32_t use;
	bool again, follows;
	const char *to, *orig, *sender, *host_id;
	bool own;
	const char *want;
};

static inline struct net_addr
log_addr(uint8_t last)
{
	return (struct net_addr){ .family = AF_INET, .a = { 192, 0, 2, last } };
}

static inline const char *
log_run(const struct log_style *style, const struct log_names *names,
    const struct log_case *c, struct buf *out)
{
	struct envelope env = envelope_blank;
	struct outcome o = c->outcome;
	struct log_mail mail = { .id = LOG_CAME_US + 345678,
		.env = &env,
		.size = 4321,
		.own = c->own };
	struct log_attempt a = { .mail = &mail,
		.to = c->to == NULL ? "bob@example.net" : c->to,
		.orig = c->orig == NULL ? "" : c->orig,
		.outcome = &o,
		.result = c->result,
		.dsn = { c->dsn[0], c->dsn[1], c->dsn[2] },
		.port = 25,
		.use = c->use,
		.begun_us = LOG_TRIED_US - 120000,
		.setup_us = 250000,
		.begins = !c->follows,
		.again = c->again,
		.first = !c->follows };

	env.arrival_us = LOG_CAME_US;
	env.sender = c->sender == NULL ? "ann@example.com" : c->sender;
	env.host_id = c->host_id == NULL ? "" : c->host_id;
	env.rcpt_count = 2;
	o.wall_us = LOG_TRIED_US;
	if (o.mx != NULL)
		o.peer = log_addr(25);
	buf_clear(out);
	style->attempt(names, &a, out);
	return buf_cstr(out);
}

#endif
