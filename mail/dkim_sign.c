/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/dkim_sign.h"

#include <stddef.h>
#include <string.h>

#include "lib/base64.h"
#include "lib/check.h"
#include "lib/str.h"
#include "mail/canon.h"

#define LINE_COLS 75
#define HASH_LEN 32

/*
 * More of one name than this are not listed: a message with thousands of
 * Resent-To fields must not get a signature field of its own size.  Those at
 * the bottom are signed, as RFC 6376 section 5.4.2 counts from there.
 */
#define SAME_NAME_MAX 50

/* In the order of h=.  RFC 6376 section 5.4.1, and what bulk mail needs. */
static const char *const signed_names[] = {
	"From",
	"Sender",
	"Reply-To",
	"To",
	"Cc",
	"Subject",
	"Date",
	"Message-ID",
	"MIME-Version",
	"Content-Type",
	"Content-Transfer-Encoding",
	"Content-ID",
	"Content-Description",
	"Content-Disposition",
	"Content-Language",
	"In-Reply-To",
	"References",
	"Feedback-ID",
	"List-Id",
	"List-Help",
	"List-Unsubscribe",
	"List-Unsubscribe-Post",
	"List-Subscribe",
	"List-Post",
	"List-Owner",
	"List-Archive",
	"Resent-From",
	"Resent-Sender",
	"Resent-To",
	"Resent-Cc",
	"Resent-Date",
	"Resent-Message-ID",
};

#define SIGNED_COUNT ((uint8_t)(sizeof(signed_names) / sizeof(signed_names[0])))
#define NOT_SIGNED UINT8_MAX
_Static_assert(sizeof(signed_names) / sizeof(signed_names[0]) < NOT_SIGNED,
    "a kind fits in a byte");

struct signer {
	const struct dkim_sign_in *in;
	uint8_t *kind;     /* by index of headers: index of signed_names */
	struct buf value;  /* the field as it is written */
	struct buf hashed; /* canonical fields */
	size_t col;
};

static uint8_t
kind_of(struct slice name)
{
	for (uint8_t i = 0; i < SIGNED_COUNT; i++)
		if (slice_eq_nocase(name, signed_names[i]))
			return i;
	return NOT_SIGNED;
}

/* Writes one piece that must not be broken, on a new line if it needs one. */
static void
put(struct signer *s, const char *sep, const char *piece)
{
	size_t len = strlen(sep) + strlen(piece);

	if (s->col + len > LINE_COLS) {
		buf_str(&s->value, "\r\n\t");
		s->col = 8;
		if (*sep == ' ')
			sep++;
	}
	buf_str(&s->value, sep);
	buf_str(&s->value, piece);
	s->col += len;
}

/* Names of one kind, bottom up, into h= and into what is hashed. */
static void
sign_kind(struct signer *s, uint8_t kind, bool *first)
{
	const struct header_list *list = s->in->headers;
	unsigned count = 0;

	for (size_t i = list->n; i-- > 0 && count < SAME_NAME_MAX;) {
		if (s->kind[i] != kind)
			continue;
		canon_header(&s->hashed, &list->v[i], CANON_RELAXED);
		put(s, *first ? "" : ":", signed_names[kind]);
		*first = false;
		count++;
	}
}

static void
sign_fields(struct signer *s)
{
	bool first = true;

	put(s, " ", "h=");
	for (uint8_t kind = 0; kind < SIGNED_COUNT; kind++)
		sign_kind(s, kind, &first);
	/* One From more than there is; it is always named. */
	put(s, first ? "" : ":", signed_names[0]);
	buf_byte(&s->value, ';');
	s->col++;
}

static void
put_tag(struct signer *s, const char *tag, const char *value)
{
	struct buf b = { 0 };

	buf_str(&b, tag);
	buf_str(&b, value);
	buf_byte(&b, ';');
	put(s, s->value.len == 0 ? "" : " ", buf_cstr(&b));
	buf_fini(&b);
}

static void
put_body_hash(struct signer *s)
{
	struct buf hash = { 0 };

	base64_add(&hash, s->in->body_hash, HASH_LEN);
	put_tag(s, "bh=", buf_cstr(&hash));
	buf_fini(&hash);
}

/* The signature field itself is hashed last, b= empty and without CRLF. */
static void
hash_own(struct signer *s)
{
	struct buf value = { 0 };
	struct header own;

	buf_byte(&value, ' ');
	buf_add(&value, s->value.p, s->value.len);
	own.name = SLICE_LIT(DKIM_HEADER);
	own.value = (struct slice){ value.p, value.len };
	own.whole = own.value; /* not used by the relaxed form */
	canon_header(&s->hashed, &own, CANON_RELAXED);
	s->hashed.len -= 2;
	buf_fini(&value);
}

static void
put_folded(struct signer *s, const char *p, size_t len)
{
	while (len > 0) {
		size_t n = s->col >= LINE_COLS ? 0 : LINE_COLS - s->col;

		if (n > len)
			n = len;
		buf_add(&s->value, p, n);
		p += n;
		len -= n;
		s->col += n;
		if (len > 0) {
			buf_str(&s->value, "\r\n\t");
			s->col = 8;
		}
	}
}

static void
classify(struct signer *s, struct region *rg)
{
	const struct dkim_sign_in *in = s->in;

	s->kind = region_alloc(rg, in->headers->n);
	for (size_t i = 0; i < in->headers->n; i++)
		s->kind[i] = in->skip != NULL && in->skip[i] ?
		    NOT_SIGNED :
		    kind_of(in->headers->v[i].name);
}

const char *
dkim_sign(const struct dkim_sign_in *in, struct region *rg, struct err *e)
{
	struct signer s = { .in = in, .col = sizeof(DKIM_HEADER ":") };
	struct buf base64 = { 0 };
	const char *value = NULL;

	classify(&s, rg);
	put_tag(&s, "v=", "1");
	put_tag(&s, "a=", "rsa-sha256");
	put_tag(&s, "c=", "relaxed/relaxed");
	put_tag(&s, "d=", in->domain);
	put_tag(&s, "s=", in->selector);
	sign_fields(&s);
	put_body_hash(&s);
	put(&s, " ", "b=");
	hash_own(&s);
	if (dkim_key_sign(in->key, s.hashed.p, s.hashed.len, &base64, e) == 0) {
		put_folded(&s, base64.p, base64.len);
		value = region_strndup(rg, s.value.p, s.value.len);
	}
	buf_fini(&base64);
	buf_fini(&s.value);
	buf_fini(&s.hashed);
	return value;
}

/* ---- recognising --------------------------------------------------------- */

/*
 * tag-list = tag-spec *( ";" tag-spec ) [ ";" ] ; RFC 6376 section 3.2
 * Blanks and folds stand around tag names and inside values.
 */
static bool
tag_is(struct slice list, char tag, const char *want)
{
	while (list.len > 0) {
		const char *semi = memchr(list.p, ';', list.len);
		size_t len = semi == NULL ? list.len : (size_t)(semi - list.p);
		struct slice spec = slice_trim((struct slice){ list.p, len });

		if (spec.len > 1 && spec.p[0] == tag) {
			struct slice rest = slice_trim(
			    (struct slice){ spec.p + 1, spec.len - 1 });

			if (rest.len > 0 && rest.p[0] == '=')
				return slice_eq_nocase(
				    slice_trim((struct slice){ rest.p + 1,
					rest.len - 1 }),
				    want);
		}
		if (semi == NULL)
			break;
		list.p += len + 1;
		list.len -= len + 1;
	}
	return false;
}

bool
dkim_sign_is_of(const struct header *h, const char *domain,
    const char *selector, struct region *rg)
{
	struct slice value;

	if (!slice_eq_nocase(h->name, DKIM_HEADER))
		return false;
	value = slice_of(header_value(h, rg));
	return tag_is(value, 'd', domain) && tag_is(value, 's', selector);
}
