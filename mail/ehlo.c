/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/ehlo.h"

#include <string.h>

static const struct {
	const char *keyword;
	unsigned flag;
} known[] = {
	{ "8BITMIME", EHLO_8BITMIME },
	{ "AUTH", EHLO_AUTH },
	{ "DSN", EHLO_DSN },
	{ "PIPELINING", EHLO_PIPELINING },
	{ "SIZE", EHLO_SIZE },
	{ "SMTPUTF8", EHLO_SMTPUTF8 },
	{ "STARTTLS", EHLO_STARTTLS },
};

static bool
is_keyword_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '-';
}

/* Takes the keyword off the front of line; empty when there is none. */
static struct slice
take_keyword(struct slice *line)
{
	struct slice word = { line->p, 0 };

	while (word.len < line->len && is_keyword_char(line->p[word.len]))
		word.len++;
	if (word.len < line->len && line->p[word.len] != ' ')
		word.len = 0;
	if (word.len > 0 && word.p[0] == '-')
		word.len = 0;
	line->p += word.len;
	line->len -= word.len;
	return word;
}

/* What there is no room for is left out. */
static void
add_word(char *list, size_t cap, char between, struct slice word)
{
	size_t n = strlen(list);

	if (n + word.len + 2 > cap)
		return;
	if (n > 0)
		list[n++] = between;
	memcpy(list + n, word.p, word.len);
	list[n + word.len] = '\0';
}

/* RFC 4422 section 3.1: sasl-char, which are no more than ours and "_". */
static void
set_mechs(struct ehlo *e, struct slice arg)
{
	e->auth[0] = '\0';
	while (arg.len > 0) {
		struct slice word = { arg.p, 0 };

		while (word.len < arg.len &&
		    (is_keyword_char(word.p[word.len]) ||
			word.p[word.len] == '_'))
			word.len++;
		if (word.len > 0)
			add_word(e->auth, sizeof(e->auth), ' ', word);
		else
			word.len = 1; /* a blank, or no mechanism */
		arg.p += word.len;
		arg.len -= word.len;
	}
}

static bool
is_old_auth(struct slice line)
{
	return line.len > 5 &&
	    slice_eq_nocase((struct slice){ line.p, 5 }, "AUTH=");
}

/* RFC 1870 section 4: at most 20 digits; a bad one is no limit. */
static uint64_t
size_limit(struct slice arg)
{
	struct err e;
	uint64_t v;

	arg = slice_trim(arg);
	if (arg.len == 0 || str_to_u64(arg, &v, &e) == -1)
		return 0;
	return v;
}

void
ehlo_parse(const struct smtp_reply *r, struct ehlo *out)
{
	struct slice line, word;
	size_t pos = 0;

	out->flags = 0;
	out->size_max = 0;
	out->auth[0] = '\0';
	out->keywords[0] = '\0';
	if (!smtp_reply_line(r, &pos, &line)) /* the server's name */
		return;
	while (smtp_reply_line(r, &pos, &line)) {
		if (is_old_auth(line) && out->auth[0] == '\0')
			set_mechs(out,
			    (struct slice){ line.p + 5, line.len - 5 });
		word = take_keyword(&line);
		if (word.len == 0)
			continue;
		add_word(out->keywords, sizeof(out->keywords), ',', word);
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
			if (!slice_eq_nocase(word, known[i].keyword))
				continue;
			out->flags |= known[i].flag;
			if (known[i].flag == EHLO_SIZE)
				out->size_max = size_limit(line);
			if (known[i].flag == EHLO_AUTH)
				set_mechs(out, line);
		}
	}
}
