/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/csv_write.h"

#include <stdbool.h>
#include <string.h>

static const bool needs_quotes[256] = {
	[','] = true,
	['"'] = true,
	['\r'] = true,
	['\n'] = true,
};

static void
quoted(struct buf *out, struct slice text)
{
	buf_byte(out, '"');
	while (text.len > 0) {
		const char *quote = memchr(text.p, '"', text.len);
		size_t len = quote == NULL ? text.len :
					     (size_t)(quote - text.p) + 1;

		buf_add(out, text.p, len);
		if (quote != NULL)
			buf_byte(out, '"');
		text.p += len;
		text.len -= len;
	}
	buf_byte(out, '"');
}

/* Looked at while it is copied: few cells need quotes. */
void
csv_cell(struct buf *out, struct slice text)
{
	char *to;

	if (text.len == 0)
		return;
	buf_reserve(out, text.len);
	to = out->p + out->len;
	for (size_t i = 0; i < text.len; i++) {
		if (needs_quotes[(unsigned char)text.p[i]]) {
			quoted(out, text);
			return;
		}
		to[i] = text.p[i];
	}
	out->len += text.len;
}
