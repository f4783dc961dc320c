/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/exim/ex_cat.h"

#include <inttypes.h>
#include <string.h>

#include "compat/log_text.h"

/* Fields that Exim looks at; of others the letter is a blank. */
static const struct {
	const char *name;
	char letter;
} kinds[] = {
	{ "bcc", 'B' },
	{ "cc", 'C' },
	{ "from", 'F' },
	{ "message-id", 'I' },
	{ "received", 'P' },
	{ "reply-to", 'R' },
	{ "sender", 'S' },
	{ "to", 'T' },
};

static char
letter_of(struct slice name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (slice_eq_nocase(name, kinds[i].name))
			return kinds[i].letter;
	return ' ';
}

/* With the lines that continue it. */
static size_t
field_length(struct slice s)
{
	size_t n = 0;

	do {
		const char *lf = memchr(s.p + n, '\n', s.len - n);

		n = lf == NULL ? s.len : (size_t)(lf - s.p) + 1;
	} while (n < s.len && (s.p[n] == ' ' || s.p[n] == '\t'));
	return n;
}

static struct slice
name_of(struct slice field)
{
	const char *colon = memchr(field.p, ':', field.len);

	field.len = colon == NULL ? 0 : (size_t)(colon - field.p);
	return slice_trim(field);
}

static void
add(const char *text, struct buf *out)
{
	log_text(out, text, SIZE_MAX, LOG_AS_EXIM);
}

void
ex_cat_rcpt(const char *address, struct buf *out)
{
	add(address, out);
	buf_byte(out, '\n');
}

void
ex_cat_envelope(const struct ex_cat *m, struct buf *out)
{
	buf_printf(out, "%s-H\nmailrace 0 0\n<", m->id);
	add(m->sender, out);
	buf_printf(out, ">\n%" PRId64 " 0\n", m->arrival_s);
	if (m->user[0] != '\0') {
		buf_str(out, "-auth_id ");
		add(m->user, out);
		buf_byte(out, '\n');
	}
	buf_printf(out, "XX\n%zu\n", m->rcpt_count);
	buf_add(out, m->rcpts.p, m->rcpts.len);
	buf_byte(out, '\n');
}

void
ex_cat_header(struct slice header, struct buf *out)
{
	while (header.len > 0) {
		const struct slice field = { header.p, field_length(header) };

		buf_printf(out, "%03zu%c ", field.len,
		    letter_of(name_of(field)));
		buf_add(out, field.p, field.len);
		header.p += field.len;
		header.len -= field.len;
	}
}
