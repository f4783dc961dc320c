/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/csv_write.h"

#include <stdbool.h>
#include <string.h>

static bool
needs_quotes(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.p[i] == ',' || text.p[i] == '"' || text.p[i] == '\r' ||
		    text.p[i] == '\n')
			return true;
	return false;
}

void
csv_cell(struct buf *out, struct slice text)
{
	if (!needs_quotes(text)) {
		if (text.len > 0)
			buf_add(out, text.p, text.len);
		return;
	}
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
