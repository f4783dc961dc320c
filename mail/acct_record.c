/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/acct_record.h"

#include <stdbool.h>
#include <string.h>

#include "lib/check.h"

enum {
	FORM_1 = 1,
	FORM_2 = 2,
	FORM_1_FIELDS = 22,
	HEAD = 18, /* be32 length of the rest, form, type, be64 id, be32 rcpt */
	EXTRA = 0x80, /* in place of a field's number */
	EXTRAS_MAX = 256
};

/* ---- to bytes ------------------------------------------------------------ */

/* Cut where a character of UTF-8 begins, so that none is torn. */
static size_t
length_of(const char *s)
{
	size_t len = strlen(s);

	if (len <= UINT16_MAX)
		return len;
	len = UINT16_MAX;
	while (len > 0 && ((unsigned char)s[len] & 0xc0) == 0x80)
		len--;
	return len;
}

/* be16 length, bytes, NUL: unpacked strings stay in place. */
static void
pack_bytes(struct buf *out, const void *p, size_t len)
{
	unsigned char be[2];

	put_be16(be, (uint16_t)len);
	buf_add(out, be, sizeof(be));
	buf_add(out, p, len);
	buf_byte(out, '\0');
}

static void
pack_number(struct buf *out, unsigned number, uint64_t v)
{
	unsigned char be[8];

	if (v == 0)
		return;
	put_be64(be, v);
	buf_byte(out, (char)number);
	pack_bytes(out, be, sizeof(be));
}

static void
pack_TIME(struct buf *out, unsigned number, const int64_t *v)
{
	pack_number(out, number, (uint64_t)*v);
}

static void
pack_SIZE(struct buf *out, unsigned number, const uint64_t *v)
{
	pack_number(out, number, *v);
}

static void
pack_STATUS(struct buf *out, unsigned number, const struct acct_status *v)
{
	static const uint8_t none[sizeof(v->code)];

	if (memcmp(v->code, none, sizeof(none)) == 0)
		return;
	buf_byte(out, (char)number);
	pack_bytes(out, v->code, sizeof(v->code));
}

static void
pack_STR(struct buf *out, unsigned number, const char *const *v)
{
	if (*v == NULL || (*v)[0] == '\0')
		return;
	buf_byte(out, (char)number);
	pack_bytes(out, *v, length_of(*v));
}

static void
pack_extra(struct buf *out, const struct acct_extra *x)
{
	buf_byte(out, (char)EXTRA);
	pack_bytes(out, x->name, length_of(x->name));
	pack_bytes(out, x->value, length_of(x->value));
}

void
acct_record_pack(const struct acct_record *r, struct buf *out)
{
	size_t start = out->len;
	unsigned char
	    head[HEAD] = { [4] = FORM_2, [5] = (unsigned char)r->type };

	CHECK(r->type < ACCT_TYPES && r->extra_count <= EXTRAS_MAX);
	put_be64(head + ACCT_RECORD_ID_AT, r->id);
	put_be32(head + HEAD - 4, r->rcpt_number);
	buf_add(out, head, sizeof(head));
#define A(number, name, column, member, kind, types) \
	pack_##kind(out, number, &r->member);
#include "mail/acct_fields.def"
#undef A
	for (size_t i = 0; i < r->extra_count; i++)
		pack_extra(out, &r->extras[i]);
	put_be32(out->p + start, (uint32_t)(out->len - start - 4));
}

/* ---- from bytes ---------------------------------------------------------- */

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

static struct slice
take_bytes(struct reader *r)
{
	size_t len = get_be16(take(r, 2));

	if (r->bad || r->left < len + 1 || r->p[len] != '\0') {
		r->bad = true;
		return SLICE_LIT("");
	}
	return (struct slice){ take(r, len + 1), len };
}

static uint64_t
number_in(struct reader *r, struct slice v)
{
	if (v.len == 8)
		return get_be64(v.p);
	r->bad = true;
	return 0;
}

static void
read_TIME(struct reader *r, struct slice v, int64_t *out)
{
	*out = (int64_t)number_in(r, v);
}

static void
read_SIZE(struct reader *r, struct slice v, uint64_t *out)
{
	*out = number_in(r, v);
}

static void
read_STATUS(struct reader *r, struct slice v, struct acct_status *out)
{
	if (v.len == sizeof(out->code))
		memcpy(out->code, v.p, sizeof(out->code));
	else
		r->bad = true;
}

/* Up to a NUL, should somebody have written one. */
static void
read_STR(struct reader *r, struct slice v, const char **out)
{
	(void)r;
	*out = v.p;
}

static void
read_field(struct reader *r, unsigned number, struct slice v,
    struct acct_record *out)
{
	switch (number) {
#define A(number, name, column, member, kind, types) \
	case number: \
		read_##kind(r, v, &out->member); \
		break;
#include "mail/acct_fields.def"
#undef A
	default: /* a later version has more */
		break;
	}
}

/* From here to the end of the record; it may turn out to be broken. */
static size_t
count_extras(struct reader r)
{
	size_t count = 0;

	while (!r.bad && r.left > 0) {
		unsigned number = (unsigned char)*take(&r, 1);

		(void)take_bytes(&r);
		if (number != EXTRA)
			continue;
		(void)take_bytes(&r);
		count++;
	}
	return count;
}

static void
read_form_2(struct reader *r, struct region *rg, struct acct_record *out)
{
	struct acct_extra *extras = NULL;

	out->id = get_be64(take(r, 8));
	out->rcpt_number = get_be32(take(r, 4));
	while (!r->bad && r->left > 0) {
		struct reader here = *r;
		unsigned number = (unsigned char)*take(r, 1);
		struct slice v = take_bytes(r);

		if (number != EXTRA) {
			read_field(r, number, v, out);
			continue;
		}
		if (extras == NULL)
			extras = region_array(rg, count_extras(here),
			    sizeof(*extras));
		if (out->extra_count == EXTRAS_MAX) {
			r->bad = true;
			return;
		}
		extras[out->extra_count].name = v.p;
		extras[out->extra_count++].value = take_bytes(r).p;
	}
	out->extras = extras;
}

/* Form 1 has every field up to the last that there was. */
static void
form_1_TIME(struct reader *r, unsigned number, int64_t *out)
{
	if (number <= FORM_1_FIELDS)
		read_TIME(r, (struct slice){ take(r, 8), 8 }, out);
}

static void
form_1_SIZE(struct reader *r, unsigned number, uint64_t *out)
{
	if (number <= FORM_1_FIELDS)
		read_SIZE(r, (struct slice){ take(r, 8), 8 }, out);
}

static void
form_1_STATUS(struct reader *r, unsigned number, struct acct_status *out)
{
	if (number <= FORM_1_FIELDS)
		read_STATUS(r, (struct slice){ take(r, 3), 3 }, out);
}

static void
form_1_STR(struct reader *r, unsigned number, const char **out)
{
	if (number <= FORM_1_FIELDS)
		read_STR(r, take_bytes(r), out);
}

static void
read_form_1(struct reader *r, struct acct_record *out)
{
#define A(number, name, column, member, kind, types) \
	form_1_##kind(r, number, &out->member);
#include "mail/acct_fields.def"
#undef A
	if (r->left != 0)
		r->bad = true;
}

/* Form 1 has letters. */
static bool
read_type(struct reader *r, unsigned form, enum acct_type *t_r)
{
	const char *p = take(r, 1);

	if (form == FORM_1)
		return acct_type_find((struct slice){ p, 1 }, t_r);
	*t_r = (enum acct_type)(unsigned char)*p;
	return *t_r < ACCT_TYPES;
}

static void
blank(struct acct_record *r)
{
	memset(r, 0, sizeof(*r));
#define ACCT_BLANK_TIME(v) (v) = 0
#define ACCT_BLANK_SIZE(v) (v) = 0
#define ACCT_BLANK_STATUS(v) memset(&(v), 0, sizeof(v))
#define ACCT_BLANK_STR(v) (v) = ""
#define A(number, name, column, member, kind, types) \
	ACCT_BLANK_##kind(r->member);
#include "mail/acct_fields.def"
#undef A
}

enum acct_next
acct_record_unpack(const char **p, size_t *left, struct region *rg,
    struct acct_record *r_r)
{
	struct reader r = { *p, *left, false };
	size_t len;
	unsigned form;

	if (*left == 0)
		return ACCT_END;
	len = get_be32(take(&r, 4));
	if (r.bad || r.left < len || len < 2)
		return ACCT_BROKEN;
	r.left = len;
	blank(r_r);
	form = (unsigned char)*take(&r, 1);
	if ((form != FORM_1 && form != FORM_2) ||
	    !read_type(&r, form, &r_r->type))
		return ACCT_BROKEN;
	if (form == FORM_1)
		read_form_1(&r, r_r);
	else
		read_form_2(&r, rg, r_r);
	if (r.bad)
		return ACCT_BROKEN;
	*p += 4 + len;
	*left -= 4 + len;
	return ACCT_RECORD;
}
