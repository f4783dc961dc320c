/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dsn_form - what an operator may word in notifications by himself: From,
 * Subject and the text, as templates.
 *
 *	template = *( text / "{{" / "{" variable "}" )
 *	variable = hostname / originator / recipient / subject / retryAfter /
 *	    bounceAfter / date / timeQueued / response
 *
 * "{{" stands for "{".  Values come from others: they are made one line
 * without control characters before they are put in, an address that is not
 * one takes its From away, and what is beyond ASCII is encoded; so no value can
 * end a field or begin another.
 *
 * Compiled at load, in the snapshot's region; pure; any thread.
 */

#ifndef MAIL_DSN_FORM_H
#define MAIL_DSN_FORM_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "lib/mem.h"
#include "lib/str.h"

enum dsn_var {
	DSN_HOSTNAME,
	DSN_ORIGINATOR,
	DSN_RECIPIENT,
	DSN_SUBJECT,
	DSN_RETRY_AFTER,
	DSN_BOUNCE_AFTER,
	DSN_DATE,
	DSN_TIME_QUEUED,
	DSN_RESPONSE,
	DSN_VAR_COUNT
};

struct dsn_piece {
	bool is_var;
	enum dsn_var var;
	struct slice text;
};

struct dsn_template {
	size_t n;
	struct dsn_piece *v;
};

/* "Name <address>" or an address alone; both parts are templates. */
struct dsn_from {
	struct dsn_template name, addr; /* name.n 0: none */
};

/* Of one notification: fit to be put in. */
struct dsn_values {
	const char *v[DSN_VAR_COUNT];
};

/* -1: what is wrong, and in which line of it. */
int dsn_template_parse(struct slice text, struct region *rg,
    struct dsn_template *out, unsigned *line_r, struct err *e);

/* plain: no variables; braces stand for themselves. */
int dsn_from_parse(const char *text, bool plain, struct region *rg,
    struct dsn_from *out, struct err *e);

/* For the text of the notification: CRLF lines, none too long. */
void dsn_form_body(const struct dsn_template *t, const struct dsn_values *vals,
    struct region *rg, struct buf *out);

/* One line, the rest of "Subject: ". */
void dsn_form_subject(const struct dsn_template *t,
    const struct dsn_values *vals, struct region *rg, struct buf *out);

/*
 * The rest of "From: ".  False: with these values it has no address, or one
 * beyond ASCII where utf8 is not set; nothing was added.
 */
bool dsn_form_from(const struct dsn_from *f, const struct dsn_values *vals,
    bool utf8, struct region *rg, struct buf *out);

#endif
