/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/packed.h"

#include <string.h>

#include "lib/check.h"

void
packed_add_byte(struct buf *out, uint8_t v)
{
	buf_byte(out, (char)v);
}

void
packed_add_u32(struct buf *out, uint32_t v)
{
	unsigned char b[4];

	put_be32(b, v);
	buf_add(out, b, sizeof(b));
}

void
packed_add_u64(struct buf *out, uint64_t v)
{
	unsigned char b[8];

	put_be64(b, v);
	buf_add(out, b, sizeof(b));
}

void
packed_add_str(struct buf *out, const char *s)
{
	size_t len = s == NULL ? 0 : strlen(s);
	unsigned char head[2];

	CHECK(len <= UINT16_MAX);
	put_be16(head, (uint16_t)len);
	buf_add(out, head, sizeof(head));
	if (len > 0)
		buf_add(out, s, len);
	buf_byte(out, '\0');
}

/* The next len bytes, or NULL. */
static const char *
take(struct packed *r, size_t len)
{
	const char *p = r->p;

	if (r->bad || r->left < len) {
		r->bad = true;
		return NULL;
	}
	r->p += len;
	r->left -= len;
	return p;
}

uint8_t
packed_byte(struct packed *r)
{
	const char *p = take(r, 1);

	return p == NULL ? 0 : (uint8_t)*p;
}

uint32_t
packed_u32(struct packed *r)
{
	const char *p = take(r, 4);

	return p == NULL ? 0 : get_be32(p);
}

uint64_t
packed_u64(struct packed *r)
{
	const char *p = take(r, 8);

	return p == NULL ? 0 : get_be64(p);
}

const char *
packed_str(struct packed *r)
{
	const char *head = take(r, 2), *s;
	size_t len;

	if (head == NULL)
		return "";
	len = get_be16(head);
	s = take(r, len + 1);
	if (s == NULL)
		return "";
	if (s[len] != '\0' || memchr(s, '\0', len) != NULL) {
		r->bad = true;
		return "";
	}
	return s;
}
