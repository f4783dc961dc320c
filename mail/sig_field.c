/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/sig_field.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base64.h"

#define LINE_COLS 75
#define TAB_COLS 8

void
sig_field_init(struct sig_field *f, const char *name)
{
	*f = (struct sig_field){ .name_len = strlen(name) };
	/* Most signatures fit: no growing step by step. */
	buf_reserve(&f->text, 1024);
	buf_add(&f->text, name, f->name_len);
	buf_byte(&f->text, ':');
	f->col = f->name_len + 1;
}

void
sig_field_fini(struct sig_field *f)
{
	buf_fini(&f->text);
}

static void
fold(struct sig_field *f)
{
	buf_add(&f->text, "\r\n\t", 3);
	f->col = TAB_COLS;
}

/* A blank, or a fold where less than len fits behind it.  Never one at once
 * behind the colon: the field begins with one blank in every form. */
static void
gap(struct sig_field *f, size_t len)
{
	if (f->col + 1 + len > LINE_COLS && f->col > f->name_len + 1) {
		fold(f);
		return;
	}
	buf_byte(&f->text, ' ');
	f->col++;
}

static void
add(struct sig_field *f, const char *p, size_t len)
{
	buf_add(&f->text, p, len);
	f->col += len;
}

/* "name=", with room behind it for len bytes, which may be many. */
static void
name(struct sig_field *f, const char *tag, size_t len)
{
	size_t name_len = strlen(tag);

	gap(f, name_len + 1 + len);
	add(f, tag, name_len);
	add(f, "=", 1);
}

static void
whole(struct sig_field *f, const char *tag, const char *value, size_t len)
{
	name(f, tag, len + 1);
	add(f, value, len);
	add(f, ";", 1);
}

void
sig_field_tag(struct sig_field *f, const char *tag, const char *value)
{
	whole(f, tag, value, strlen(value));
}

void
sig_field_number(struct sig_field *f, const char *tag, uint64_t value)
{
	char text[24];
	int len = snprintf(text, sizeof(text), "%" PRIu64, value);

	whole(f, tag, text, (size_t)len);
}

void
sig_field_base64(struct sig_field *f, const char *tag, const void *p,
    size_t len)
{
	name(f, tag, (len + 2) / 3 * 4 + 1);
	base64_add(&f->text, p, len);
	f->col += (len + 2) / 3 * 4;
	add(f, ";", 1);
}

/*
 * dkim-safe-char = %x21-3A / %x3C / %x3E-7E ; all but SP, ";" and "="
 * Anything else is "=" and two hexadecimal digits.
 */
static bool
is_safe(char c)
{
	return c > ' ' && c < 0x7f && c != ';' && c != '=';
}

void
sig_field_quoted(struct sig_field *f, const char *tag, const char *value)
{
	static const char digits[] = "0123456789ABCDEF";
	struct buf quoted = { 0 };

	for (; *value != '\0'; value++) {
		unsigned char c = (unsigned char)*value;

		if (is_safe(*value)) {
			buf_byte(&quoted, *value);
			continue;
		}
		buf_byte(&quoted, '=');
		buf_byte(&quoted, digits[c >> 4]);
		buf_byte(&quoted, digits[c & 15]);
	}
	whole(f, tag, quoted.p, quoted.len);
	buf_fini(&quoted);
}

void
sig_field_open(struct sig_field *f, const char *tag)
{
	name(f, tag, 0);
	f->items = false;
}

/* Between items the colon stands at the end of a line, not in front of one. */
void
sig_field_item(struct sig_field *f, struct slice item)
{
	if (f->items)
		add(f, ":", 1);
	if (f->col + item.len + 1 > LINE_COLS)
		fold(f);
	add(f, item.p, item.len);
	f->items = true;
}

void
sig_field_close(struct sig_field *f)
{
	add(f, ";", 1);
}

void
sig_field_b(struct sig_field *f)
{
	name(f, "b", 0);
}

void
sig_field_signature(struct sig_field *f, const char *base64, size_t len)
{
	while (len > 0) {
		size_t n = f->col >= LINE_COLS ? 0 : LINE_COLS - f->col;

		if (n > len)
			n = len;
		add(f, base64, n);
		base64 += n;
		len -= n;
		if (len > 0)
			fold(f);
	}
}

struct header
sig_field_header(const struct sig_field *f)
{
	struct slice text = { f->text.p, f->text.len };

	return (struct header){
		.name = { text.p, f->name_len },
		.value = { text.p + f->name_len + 1,
		    text.len - f->name_len - 1 },
		.whole = text,
	};
}

struct slice
sig_field_value(const struct sig_field *f)
{
	size_t from = f->name_len + 2;

	if (f->text.len < from)
		return (struct slice){ "", 0 };
	return (struct slice){ f->text.p + from, f->text.len - from };
}
