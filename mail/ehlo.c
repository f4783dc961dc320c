/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/ehlo.h"

#include <string.h>

static const struct {
	const char *keyword;
	unsigned flag;
} known[] = {
	{ "8BITMIME", EHLO_8BITMIME },
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

static void
add_keyword(struct ehlo *e, struct slice word)
{
	size_t n = strlen(e->keywords);

	if (n + word.len + 2 > sizeof(e->keywords))
		return;
	if (n > 0)
		e->keywords[n++] = ',';
	memcpy(e->keywords + n, word.p, word.len);
	e->keywords[n + word.len] = '\0';
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
	out->keywords[0] = '\0';
	if (!smtp_reply_line(r, &pos, &line)) /* the server's name */
		return;
	while (smtp_reply_line(r, &pos, &line)) {
		word = take_keyword(&line);
		if (word.len == 0)
			continue;
		add_keyword(out, word);
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
			if (!slice_eq_nocase(word, known[i].keyword))
				continue;
			out->flags |= known[i].flag;
			if (known[i].flag == EHLO_SIZE)
				out->size_max = size_limit(line);
		}
	}
}
