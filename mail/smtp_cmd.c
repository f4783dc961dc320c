/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/smtp_cmd.h"

#include <string.h>

#include "mail/envelope.h"
#include "mail/merge.h"
#include "mail/xtext.h"

enum {
	ORCPT_MAX = 500, /* section 4.2 */
	HELO_MAX = 255,
	UNPARSED_MAX = ADDR_LOCAL_MAX + 1 + ADDR_DOMAIN_MAX
};

#define BAD_SYNTAX "501 5.5.4 syntax error in parameters"
#define BAD_ADDRESS "501 5.1.3 bad recipient address syntax"
#define BAD_SENDER "501 5.1.7 bad sender address syntax"

/* ---- lines --------------------------------------------------------------- */

enum smtp_line_result
smtp_line_feed(struct smtp_line *l, const char **p, size_t *len)
{
	const char *lf = memchr(*p, '\n', *len);
	size_t take = lf == NULL ? *len : (size_t)(lf + 1 - *p), room;

	if (l->done) {
		l->len = 0;
		l->done = l->overlong = false;
	}
	room = SMTP_LINE_MAX - l->len;
	if (take > room)
		l->overlong = true;
	memcpy(l->text + l->len, *p, take < room ? take : room);
	l->len += take < room ? take : room;
	*p += take;
	*len -= take;
	if (lf == NULL)
		return SMTP_LINE_MORE;
	l->done = true;
	if (l->overlong)
		return SMTP_LINE_TOO_LONG;
	l->len--;
	if (l->len > 0 && l->text[l->len - 1] == '\r')
		l->len--;
	return SMTP_LINE_DONE;
}

/* ---- words and parameters ------------------------------------------------ */

static bool
has_8bit(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((s.p[i] & 0x80) != 0)
			return true;
	return false;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The next word; false: none is left. */
static bool
next_word(struct slice *rest, struct slice *word_r)
{
	*rest = slice_trim(*rest);
	*word_r = (struct slice){ rest->p, 0 };
	while (word_r->len < rest->len && !is_blank(rest->p[word_r->len]))
		word_r->len++;
	rest->p += word_r->len;
	rest->len -= word_r->len;
	return word_r->len > 0;
}

struct param {
	struct slice name, value;
	bool has_value;
};

static bool
next_param(struct slice *rest, struct param *p_r)
{
	struct slice word;
	const char *eq;

	if (!next_word(rest, &word))
		return false;
	eq = memchr(word.p, '=', word.len);
	p_r->name = word;
	p_r->value = (struct slice){ word.p + word.len, 0 };
	p_r->has_value = eq != NULL;
	if (eq != NULL) {
		p_r->name.len = (size_t)(eq - word.p);
		p_r->value = (struct slice){ eq + 1,
			word.len - p_r->name.len - 1 };
	}
	return true;
}

static bool
parse_size(struct slice s, uint64_t *size_r)
{
	struct err e;

	return s.len > 0 && s.len <= 20 && str_to_u64(s, size_r, &e) == 0;
}

/* Comma separated; NEVER stands alone (RFC 3461 section 4.1). */
static bool
parse_notify(struct slice s, uint8_t *notify_r)
{
	static const struct {
		const char *word;
		uint8_t bit;
	} words[] = {
		{ "NEVER", NOTIFY_NEVER },
		{ "SUCCESS", NOTIFY_SUCCESS },
		{ "FAILURE", NOTIFY_FAILURE },
		{ "DELAY", NOTIFY_DELAY },
	};
	uint8_t all = 0;

	for (;;) {
		const char *comma = memchr(s.p, ',', s.len);
		struct slice w = { s.p,
			comma == NULL ? s.len : (size_t)(comma - s.p) };
		uint8_t bit = 0;

		for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
			if (slice_eq_nocase(w, words[i].word))
				bit = words[i].bit;
		if (bit == 0)
			return false;
		all |= bit;
		if (comma == NULL)
			break;
		s.len -= w.len + 1;
		s.p = comma + 1;
	}
	*notify_r = all;
	return (all & NOTIFY_NEVER) == 0 || all == NOTIFY_NEVER;
}

static bool
is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	    (c >= 'A' && c <= 'Z');
}

/* addr-type ";" xtext */
static bool
orcpt_is_valid(struct slice s)
{
	const char *semi = memchr(s.p, ';', s.len);
	size_t type;

	if (semi == NULL || semi == s.p || s.len > ORCPT_MAX)
		return false;
	type = (size_t)(semi - s.p);
	for (size_t i = 0; i < type; i++)
		if (!is_alnum(s.p[i]) && s.p[i] != '-')
			return false;
	return s.len > type + 1 &&
	    xtext_is_valid((struct slice){ semi + 1, s.len - type - 1 });
}

enum { /* parameters seen, so that none comes twice */
	SEEN_SIZE = 1,
	SEEN_BODY = 2,
	SEEN_UTF8 = 4,
	SEEN_RET = 8,
	SEEN_ENVID = 16,
	SEEN_NOTIFY = 32,
	SEEN_ORCPT = 64,
	SEEN_AUTH = 128,
	SEEN_VERP = 256
};

static const struct {
	const char *name;
	enum smtp_verb verb;
	unsigned seen;
} params[] = {
	{ "AUTH", SMTP_VERB_MAIL, SEEN_AUTH },
	{ "BODY", SMTP_VERB_MAIL, SEEN_BODY },
	{ "ENVID", SMTP_VERB_MAIL, SEEN_ENVID },
	{ "NOTIFY", SMTP_VERB_RCPT, SEEN_NOTIFY },
	{ "ORCPT", SMTP_VERB_RCPT, SEEN_ORCPT },
	{ "RET", SMTP_VERB_MAIL, SEEN_RET },
	{ "SIZE", SMTP_VERB_MAIL, SEEN_SIZE },
	{ "SMTPUTF8", SMTP_VERB_MAIL, SEEN_UTF8 },
	{ "VERP", SMTP_VERB_MAIL, SEEN_VERP },
};

static unsigned
param_lookup(struct slice name, enum smtp_verb verb)
{
	for (size_t i = 0; i < sizeof(params) / sizeof(*params); i++)
		if (params[i].verb == verb &&
		    slice_eq_nocase(name, params[i].name))
			return params[i].seen;
	return 0;
}

static bool
param_take(unsigned which, const struct param *p, struct region *rg,
    struct smtp_cmd *c)
{
	if (which == SEEN_UTF8) {
		c->utf8 = true;
		return !p->has_value;
	}
	if (which == SEEN_VERP) {
		c->verp = true;
		return !p->has_value;
	}
	if (p->value.len == 0)
		return false;
	switch (which) {
	case SEEN_AUTH: /* RFC 4954 section 5: as if it were <> */
		return slice_eq(p->value, "<>") || xtext_is_valid(p->value);
	case SEEN_SIZE:
		c->has_size = true;
		return parse_size(p->value, &c->size);
	case SEEN_BODY: /* what the text really is, the bytes say */
		return slice_eq_nocase(p->value, "7BIT") ||
		    slice_eq_nocase(p->value, "8BITMIME");
	case SEEN_RET:
		c->ret = slice_eq_nocase(p->value, "FULL") ? RET_FULL :
		    slice_eq_nocase(p->value, "HDRS")      ? RET_HDRS :
							     RET_NONE;
		return c->ret != RET_NONE;
	case SEEN_ENVID:
		c->envid = region_strndup(rg, p->value.p, p->value.len);
		return p->value.len <= ENVID_MAX && xtext_is_valid(p->value);
	case SEEN_NOTIFY:
		return parse_notify(p->value, &c->notify);
	case SEEN_ORCPT:
		c->orcpt = region_strndup(rg, p->value.p, p->value.len);
		c->utf8 = c->utf8 || has_8bit(p->value);
		return orcpt_is_valid(p->value);
	}
	return false;
}

static const char *
parse_params(struct slice rest, struct region *rg, struct smtp_cmd *c)
{
	enum smtp_verb verb = c->verb == SMTP_VERB_XMRG ? SMTP_VERB_MAIL :
							  c->verb;
	unsigned seen = 0;
	struct param p;

	while (next_param(&rest, &p)) {
		unsigned which = param_lookup(p.name, verb);

		if (which == 0)
			return "555 5.5.4 parameter not recognized";
		if ((seen & which) != 0 || !param_take(which, &p, rg, c))
			return BAD_SYNTAX;
		seen |= which;
	}
	return NULL;
}

/* ---- the commands -------------------------------------------------------- */

/* Up to a bracket that closes at the end of a word, or the first word. */
static size_t
unparsed_len(struct slice rest)
{
	size_t len = 0;

	for (size_t i = 0; rest.p[0] == '<' && i < rest.len; i++)
		if (rest.p[i] == '>' &&
		    (i + 1 == rest.len || is_blank(rest.p[i + 1])))
			return i + 1;
	while (len < rest.len && !is_blank(rest.p[len]))
		len++;
	return len;
}

/* Who is named there that nobody can read; not nobody at all. */
static void
take_unparsed(struct slice rest, struct region *rg, struct smtp_cmd *c)
{
	size_t len = rest.len == 0 ? 0 : unparsed_len(rest);
	struct slice name = { rest.p, len };
	char *text;

	if (len > 1 && name.p[0] == '<') {
		name.p++;
		name.len -= name.p[name.len - 2] == '>' ? 2 : 1;
	}
	if (name.len > UNPARSED_MAX)
		name.len = UNPARSED_MAX;
	rest.p += len;
	rest.len -= len;
	if (name.len == 0 || parse_params(rest, rg, c) != NULL)
		return;
	text = region_strndup(rg, name.p, name.len);
	for (size_t i = 0; i < name.len; i++)
		if (text[i] < ' ' || text[i] > '~')
			text[i] = '?';
	c->unparsed = text;
}

static const char *
bad_address(struct slice rest, struct region *rg, struct smtp_cmd *c)
{
	if (c->verb != SMTP_VERB_RCPT)
		return BAD_SENDER;
	take_unparsed(rest, rg, c);
	return BAD_ADDRESS;
}

/* "FROM:<...> params" or "TO:<...> params" */
static const char *
parse_mail_rcpt(struct slice rest, const char *word, struct region *rg,
    struct smtp_cmd *c)
{
	bool is_rcpt = c->verb == SMTP_VERB_RCPT;
	size_t len = strlen(word), used;
	enum addr_status st;

	if (rest.len < len ||
	    !slice_eq_nocase((struct slice){ rest.p, len }, word))
		return BAD_SYNTAX;
	rest = slice_trim((struct slice){ rest.p + len, rest.len - len });
	st = addr_path(rest, rg, &c->addr, &used);
	/* Only a recipient can be one that every host has: postmaster. */
	c->no_domain = st == ADDR_NO_DOMAIN && is_rcpt;
	if ((st != ADDR_OK && !c->no_domain) ||
	    (is_rcpt && c->addr.text[0] == '\0') ||
	    (used < rest.len && !is_blank(rest.p[used])))
		return bad_address(rest, rg, c);
	c->utf8 = is_rcpt && c->addr.utf8;
	rest.p += used;
	rest.len -= used;
	return parse_params(rest, rg, c);
}

static bool
line_is_clean(struct slice line)
{
	for (size_t i = 0; i < line.len; i++)
		if (((unsigned char)line.p[i] < ' ' && line.p[i] != '\t') ||
		    line.p[i] == 0x7F)
			return false;
	return true;
}

/* Light: names of clients are not to be believed anyway. */
bool
smtp_helo_is_valid(struct slice name)
{
	if (name.len == 0 || name.len > HELO_MAX || !addr_utf8_valid(name) ||
	    !line_is_clean(name))
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (is_blank(name.p[i]) ||
		    strchr("<>()\"\\", name.p[i]) != NULL)
			return false;
	return true;
}

static const char *
parse_helo(struct slice rest, struct region *rg, struct smtp_cmd *c)
{
	if (!smtp_helo_is_valid(rest))
		return "501 5.5.4 your host name is needed";
	c->arg = region_strndup(rg, rest.p, rest.len);
	return NULL;
}

struct attr {
	const char *name;
	const char **field;
};

/* A value that is known, "" for one that is not; NULL: it is badly formed. */
static const char *
attr_value(struct slice text, struct region *rg)
{
	const char *v = text.len == 0 || text.len > HELO_MAX ?
	    NULL :
	    xtext_decode(text, rg);

	if (v == NULL)
		return NULL;
	for (size_t i = 0; v[i] != '\0'; i++)
		if ((unsigned char)v[i] < ' ' || v[i] == 0x7F)
			return NULL;
	return str_eq_nocase(v, "[UNAVAILABLE]") ||
		str_eq_nocase(v, "[TEMPUNAVAIL]") ?
	    "" :
	    v;
}

/* NAME=xtext ...; [UNAVAILABLE] and [TEMPUNAVAIL] are not known. */
static const char *
parse_attrs(struct slice rest, struct region *rg, const struct attr *attrs,
    size_t n)
{
	struct param p;

	if (rest.len == 0)
		return BAD_SYNTAX;
	while (next_param(&rest, &p)) {
		const char **field = NULL, *v = attr_value(p.value, rg);

		for (size_t i = 0; i < n; i++)
			if (slice_eq_nocase(p.name, attrs[i].name))
				field = attrs[i].field;
		if (field == NULL || v == NULL)
			return BAD_SYNTAX;
		*field = v;
	}
	return NULL;
}

static const char *
parse_xforward(struct slice rest, struct region *rg, struct smtp_cmd *c)
{
	struct smtp_xforward *xf = &c->xforward;
	const struct attr attrs[] = {
		{ "ADDR", &xf->addr },
		{ "HELO", &xf->helo },
		{ "IDENT", &xf->ident },
		{ "NAME", &xf->name },
		{ "PORT", &xf->port },
		{ "PROTO", &xf->proto },
		{ "SOURCE", &xf->source },
	};

	return parse_attrs(rest, rg, attrs, sizeof(attrs) / sizeof(*attrs));
}

static const char *
parse_xclient(struct slice rest, struct region *rg, struct smtp_cmd *c)
{
	struct smtp_xclient *xc = &c->xclient;
	const struct attr attrs[] = {
		{ "ADDR", &xc->addr },
		{ "DESTADDR", &xc->destaddr },
		{ "DESTPORT", &xc->destport },
		{ "HELO", &xc->helo },
		{ "LOGIN", &xc->login },
		{ "NAME", &xc->name },
		{ "PORT", &xc->port },
		{ "PROTO", &xc->proto },
	};

	const size_t n = sizeof(attrs) / sizeof(*attrs);
	const char *why = parse_attrs(rest, rg, attrs, n);

	/* These stand in records and logs. */
	for (size_t i = 0; why == NULL && i < n; i++)
		if (*attrs[i].field != NULL &&
		    !addr_utf8_valid(slice_of(*attrs[i].field)))
			why = BAD_SYNTAX;
	return why;
}

/* number [ "LAST" ]; of a chunk its size, of a part of a mail merge which. */
static bool
parse_piece(struct slice rest, struct slice *number_r, bool *last_r)
{
	struct slice word;

	if (!next_word(&rest, number_r))
		return false;
	*last_r = next_word(&rest, &word);
	return !*last_r ||
	    (slice_eq_nocase(word, "LAST") && !next_word(&rest, &word));
}

static const char *
parse_bdat(struct slice rest, struct smtp_cmd *c)
{
	struct slice number;

	return parse_piece(rest, &number, &c->chunk_last) &&
		parse_size(number, &c->chunk_len) ?
	    NULL :
	    BAD_SYNTAX;
}

static const char *
parse_xprt(struct slice rest, struct smtp_cmd *c)
{
	struct slice number;

	return parse_piece(rest, &number, &c->part_last) &&
		merge_number(number, MERGE_PARTS_MAX, &c->part) ?
	    NULL :
	    BAD_SYNTAX;
}

static const char *
parse_xack(struct slice rest, struct smtp_cmd *c)
{
	c->ack = slice_eq_nocase(rest, "ON");
	return c->ack || slice_eq_nocase(rest, "OFF") ? NULL : BAD_SYNTAX;
}

static const struct {
	const char *word;
	enum smtp_verb verb;
} verbs[] = {
	/* The usual ones first. */
	{ "RCPT", SMTP_VERB_RCPT },
	{ "MAIL", SMTP_VERB_MAIL },
	{ "DATA", SMTP_VERB_DATA },
	{ "XFORWARD", SMTP_VERB_XFORWARD },
	{ "RSET", SMTP_VERB_RSET },
	{ "QUIT", SMTP_VERB_QUIT },
	{ "LHLO", SMTP_VERB_LHLO },
	{ "EHLO", SMTP_VERB_EHLO },
	{ "HELO", SMTP_VERB_HELO },
	{ "NOOP", SMTP_VERB_NOOP },
	{ "VRFY", SMTP_VERB_VRFY },
	{ "HELP", SMTP_VERB_HELP },
	{ "STARTTLS", SMTP_VERB_STARTTLS },
	{ "AUTH", SMTP_VERB_AUTH },
	{ "BDAT", SMTP_VERB_BDAT },
	{ "XCLIENT", SMTP_VERB_XCLIENT },
	{ "XDFN", SMTP_VERB_XDFN },
	{ "XMRG", SMTP_VERB_XMRG },
	{ "XPRT", SMTP_VERB_XPRT },
	{ "XACK", SMTP_VERB_XACK },
	{ "PROXY", SMTP_VERB_PROXY },
	{ "ETRN", SMTP_VERB_ETRN },
	{ "EXPN", SMTP_VERB_EXPN },
	{ "CONNECT", SMTP_VERB_HTTP },
	{ "DELETE", SMTP_VERB_HTTP },
	{ "GET", SMTP_VERB_HTTP },
	{ "OPTIONS", SMTP_VERB_HTTP },
	{ "POST", SMTP_VERB_HTTP },
	{ "PUT", SMTP_VERB_HTTP },
};

static enum smtp_verb
verb_lookup(struct slice word)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (slice_eq_nocase(word, verbs[i].word))
			return verbs[i].verb;
	return SMTP_VERB_UNKNOWN;
}

/*
 * XDFNname=value is meant as one: as an unknown command it would be missing,
 * and its recipient would get a text without it.
 */
static bool
is_definition(struct slice word)
{
	return word.len > 4 &&
	    slice_eq_nocase((struct slice){ word.p, 4 }, "XDFN");
}

/* RFC 4954 section 4: mechanism [SP initial-response] */
static const char *
parse_auth(struct slice rest, struct smtp_cmd *c)
{
	struct slice word;

	if (!next_word(&rest, &c->mech))
		return BAD_SYNTAX;
	rest = slice_trim(rest);
	if (rest.len == 0)
		return NULL;
	if (!next_word(&rest, &c->initial) || next_word(&rest, &word))
		return BAD_SYNTAX;
	return NULL;
}

static const char *
parse_arguments(struct slice rest, struct region *rg, struct smtp_cmd *c)
{
	switch (c->verb) {
	case SMTP_VERB_MAIL:
	case SMTP_VERB_XMRG:
		return parse_mail_rcpt(rest, "FROM:", rg, c);
	case SMTP_VERB_RCPT:
		return parse_mail_rcpt(rest, "TO:", rg, c);
	case SMTP_VERB_EHLO:
	case SMTP_VERB_HELO:
	case SMTP_VERB_LHLO:
		return parse_helo(rest, rg, c);
	case SMTP_VERB_BDAT:
		return parse_bdat(rest, c);
	case SMTP_VERB_XACK:
		return parse_xack(rest, c);
	case SMTP_VERB_XCLIENT:
		return parse_xclient(rest, rg, c);
	case SMTP_VERB_XDFN:
		c->defined = rest;
		break;
	case SMTP_VERB_XFORWARD:
		return parse_xforward(rest, rg, c);
	case SMTP_VERB_XPRT:
		return parse_xprt(rest, c);
	case SMTP_VERB_DATA:
	case SMTP_VERB_RSET:
	case SMTP_VERB_QUIT:
		return rest.len == 0 ? NULL : BAD_SYNTAX;
	case SMTP_VERB_STARTTLS:
		c->arg = region_strndup(rg, rest.p, rest.len);
		break;
	case SMTP_VERB_AUTH:
		return parse_auth(rest, c);
	case SMTP_VERB_ETRN:
	case SMTP_VERB_EXPN:
	case SMTP_VERB_HELP:
	case SMTP_VERB_HTTP:
	case SMTP_VERB_NOOP:
	case SMTP_VERB_PROXY:
	case SMTP_VERB_VRFY:
	case SMTP_VERB_UNKNOWN:
	case SMTP_VERB_COUNT:
		break;
	}
	return NULL;
}

const char *
smtp_cmd_parse(struct slice line, struct region *rg, struct smtp_cmd *c_r)
{
	struct slice rest = line, word;

	*c_r = (struct smtp_cmd){ .arg = "", .envid = "", .orcpt = "" };
	c_r->addr = (struct addr){ "", "", false };
	if (!next_word(&rest, &word))
		return "500 5.5.2 command expected";
	c_r->verb = verb_lookup(word);
	if (!line_is_clean(line))
		return "500 5.5.2 control character in command";
	if (c_r->verb == SMTP_VERB_UNKNOWN && is_definition(word)) {
		c_r->verb = SMTP_VERB_XDFN;
		return "501 5.5.4 XDFN: a blank is missing behind it";
	}
	return parse_arguments(slice_trim(rest), rg, c_r);
}
