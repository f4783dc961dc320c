/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/cat_lines.h"

#include <stdlib.h>

#include "lib/base64.h"
#include "lib/mem.h"

enum { PIECE_MAX = 1024 * 1024 };

static void
put(struct cat_lines *l, char byte, struct buf *header, struct buf *body)
{
	if (!l->in_body && byte == '\n' && !l->line_is_open)
		l->in_body = true;
	l->line_is_open = byte != '\n';
	buf_byte(l->in_body ? body : header, byte);
}

void
cat_lines_add(struct cat_lines *l, const json_t *item, struct buf *header,
    struct buf *body)
{
	const char *text = json_string_value(json_object_get(item, "base64"));
	size_t len = (size_t)json_integer_value(
	    json_object_get(item, "octets"));
	char *bytes;

	if (text == NULL || len > PIECE_MAX)
		return;
	bytes = mem_zalloc(len + 1);
	if (!base64_read(slice_of(text), bytes, len))
		len = 0;
	for (size_t i = 0; i < len; i++) {
		if (l->cr && bytes[i] != '\n')
			put(l, '\r', header, body);
		l->cr = bytes[i] == '\r';
		if (!l->cr)
			put(l, bytes[i], header, body);
	}
	free(bytes);
}
