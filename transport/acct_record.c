/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/acct_record.h"

#include <stdbool.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "mail/classify.h"

enum { FORMAT = 1, HEAD = 6 }; /* be32 length of the rest, version, type */

/* ---- bytes --------------------------------------------------------------- */

static void
pack_u64(struct buf *out, uint64_t v)
{
	unsigned char be[8];

	put_be64(be, v);
	buf_add(out, be, sizeof(be));
}

static void
pack_TIME(struct buf *out, const int64_t *v)
{
	pack_u64(out, (uint64_t)*v);
}

static void
pack_SIZE(struct buf *out, const uint64_t *v)
{
	pack_u64(out, *v);
}

static void
pack_STATUS(struct buf *out, const struct acct_status *v)
{
	buf_add(out, v->code, sizeof(v->code));
}

/* be16 length, bytes, NUL: unpacked strings stay in place. */
static void
pack_STR(struct buf *out, const char *const *v)
{
	const char *s = *v == NULL ? "" : *v;
	size_t len = strlen(s);
	unsigned char be[2];

	if (len > UINT16_MAX)
		len = UINT16_MAX;
	put_be16(be, (uint16_t)len);
	buf_add(out, be, sizeof(be));
	buf_add(out, s, len);
	buf_byte(out, '\0');
}

void
acct_record_pack(const struct acct_record *r, struct buf *out)
{
	size_t start = out->len;
	unsigned char
	    head[HEAD] = { [4] = FORMAT, [5] = (unsigned char)r->type };

	buf_add(out, head, sizeof(head));
#define A(column, field, type) pack_##type(out, &r->field);
#include "transport/acct_fields.def"
#undef A
	put_be32(out->p + start, (uint32_t)(out->len - start - 4));
}

struct reader {
	const char *p;
	size_t left;
	bool bad;
};

static const char *
take(struct reader *r, size_t len)
{
	static const char zeros[8];
	const char *p = r->p;

	CHECK(len <= sizeof(zeros) || !r->bad);
	if (r->bad || r->left < len) {
		r->bad = true;
		return zeros;
	}
	r->p += len;
	r->left -= len;
	return p;
}

static void
unpack_TIME(struct reader *r, int64_t *v)
{
	*v = (int64_t)get_be64(take(r, 8));
}

static void
unpack_SIZE(struct reader *r, uint64_t *v)
{
	*v = get_be64(take(r, 8));
}

static void
unpack_STATUS(struct reader *r, struct acct_status *v)
{
	memcpy(v->code, take(r, 3), 3);
}

static void
unpack_STR(struct reader *r, const char **v)
{
	size_t len = get_be16(take(r, 2));

	*v = "";
	if (r->bad || r->left < len + 1 || r->p[len] != '\0') {
		r->bad = true;
		return;
	}
	*v = take(r, len + 1);
}

enum acct_next
acct_record_unpack(const char **p, size_t *left, struct acct_record *r_r)
{
	struct reader r = { *p, *left, false };
	size_t len;

	if (*left == 0)
		return ACCT_END;
	len = get_be32(take(&r, 4));
	if (r.bad || r.left < len || len < 2)
		return ACCT_BROKEN;
	*p = r.p + len;
	*left = r.left - len;
	r.left = len;
	if (*take(&r, 1) != FORMAT)
		return ACCT_BROKEN;
	r_r->type = *take(&r, 1);
#define A(column, field, type) unpack_##type(&r, &r_r->field);
#include "transport/acct_fields.def"
#undef A
	return r.bad || r.left != 0 ? ACCT_BROKEN : ACCT_RECORD;
}

/* ---- CSV (RFC 4180) ------------------------------------------------------ */

static void
csv_STR(struct buf *out, const char *const *v)
{
	const char *s = *v;

	if (strpbrk(s, ",\"\r\n") == NULL) {
		buf_str(out, s);
		return;
	}
	buf_byte(out, '"');
	for (; *s != '\0'; s++) {
		if (*s == '"')
			buf_byte(out, '"');
		buf_byte(out, *s);
	}
	buf_byte(out, '"');
}

static void
csv_TIME(struct buf *out, const int64_t *v)
{
	char text[40];

	if (*v == 0) /* nobody knows */
		return;
	(void)clock_iso(text, sizeof(text), *v);
	buf_str(out, text);
}

static void
csv_SIZE(struct buf *out, const uint64_t *v)
{
	if (*v > 0)
		buf_printf(out, "%llu", (unsigned long long)*v);
}

static void
csv_STATUS(struct buf *out, const struct acct_status *v)
{
	char text[96];
	const char *shown = dsn_status_text(v->code, text, sizeof(text));

	csv_STR(out, &shown);
}

void
acct_csv_header(struct buf *out)
{
	buf_str(out, "type");
#define A(column, field, type) buf_str(out, "," column);
#include "transport/acct_fields.def"
#undef A
	buf_str(out, "\r\n");
}

void
acct_csv_row(const struct acct_record *r, struct buf *out)
{
	buf_byte(out, r->type);
#define A(column, field, type) \
	buf_byte(out, ','); \
	csv_##type(out, &r->field);
#include "transport/acct_fields.def"
#undef A
	buf_str(out, "\r\n");
}
