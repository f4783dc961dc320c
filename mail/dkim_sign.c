/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/dkim_sign.h"

#include <stddef.h>
#include <string.h>

#include "lib/str.h"
#include "mail/sig_field.h"
#include "mail/tag_list.h"

#define HASH_LEN 32
/*
 * The longest address (RFC 5321 section 4.5.3.1).  Quoted it has three times as
 * much, and still fits into a line of 998 octets, which nobody has to break.
 */
#define IDENTITY_MAX 320

bool
dkim_sign_identity_fits(const char *identity, const char *domain)
{
	const char *at = strrchr(identity, '@');
	size_t len, need = strlen(domain);

	if (at == NULL || strlen(identity) > IDENTITY_MAX)
		return false;
	len = strlen(at + 1);
	return len >= need && str_eq_nocase(at + 1 + len - need, domain) &&
	    (len == need || at[len - need] == '.');
}

static const char *const canons[][CANON_RELAXED + 1] = {
	[CANON_SIMPLE] = { "simple/simple", "simple/relaxed" },
	[CANON_RELAXED] = { "relaxed/simple", "relaxed/relaxed" },
};

/* The tags before h=, which say how it was signed, by whom and when. */
static void
put_terms(struct sig_field *f, const struct dkim_sign_in *in)
{
	const struct dkim_sign_opts *o = in->opts;

	sig_field_tag(f, "v", "1");
	sig_field_tag(f, "a", dkim_algorithm_name(dkim_key_algorithm(in->key)));
	sig_field_tag(f, "c", canons[o->header_canon][o->body_canon]);
	sig_field_tag(f, "d", in->domain);
	sig_field_tag(f, "s", in->selector);
	if (in->identity != NULL &&
	    dkim_sign_identity_fits(in->identity, in->domain))
		sig_field_quoted(f, "i", in->identity);
	if (o->query_method[0] != '\0')
		sig_field_tag(f, "q", o->query_method);
	if (o->timestamp)
		sig_field_number(f, "t", (uint64_t)in->now_s);
	if (o->expire_s > 0)
		sig_field_number(f, "x", (uint64_t)(in->now_s + o->expire_s));
	if (o->body_limit)
		sig_field_number(f, "l", in->body_len);
}

/* The chosen fields, into h= and into what is hashed, if that is wanted. */
static void
put_fields(struct sig_field *f, const struct dkim_sign_in *in,
    struct buf *hashed, struct region *rg)
{
	struct dkim_field *v;
	size_t n = dkim_fields_choose(in->opts->fields, in->headers, in->skip,
	    rg, &v);

	sig_field_open(f, "h");
	for (size_t i = 0; i < n; i++) {
		sig_field_item(f, v[i].name);
		if (v[i].header != NULL && hashed != NULL)
			canon_header(hashed, v[i].header,
			    in->opts->header_canon);
	}
	sig_field_close(f);
}

/* All but what is in b=. */
static void
put_all(struct sig_field *f, const struct dkim_sign_in *in, struct buf *hashed,
    struct region *rg)
{
	sig_field_init(f, DKIM_HEADER);
	put_terms(f, in);
	put_fields(f, in, hashed, rg);
	sig_field_base64(f, "bh", in->body_hash, HASH_LEN);
	sig_field_b(f);
}

size_t
dkim_sign_len(const struct dkim_sign_in *in, struct region *rg)
{
	size_t len = (dkim_key_signature_len(in->key) + 2) / 3 * 4;
	char *any = region_alloc(rg, len);
	struct sig_field field;

	memset(any, 'A', len);
	put_all(&field, in, NULL, rg);
	sig_field_signature(&field, any, len);
	len = field.text.len + 2;
	sig_field_fini(&field);
	return len;
}

const char *
dkim_sign_field(const struct dkim_sign_in *in, struct region *rg, struct err *e)
{
	struct sig_field field;
	struct buf hashed = { 0 }, base64 = { 0 };
	const char *value = NULL;
	struct header own;

	buf_reserve(&hashed, 4096); /* enough for most headers */
	put_all(&field, in, &hashed, rg);
	/* The field itself is hashed last, b= empty and without its CRLF. */
	own = sig_field_header(&field);
	canon_header(&hashed, &own, in->opts->header_canon);
	hashed.len -= 2;
	if (dkim_key_sign(in->key, hashed.p, hashed.len, &base64, e) == 0) {
		struct slice s;

		sig_field_signature(&field, base64.p, base64.len);
		s = sig_field_value(&field);
		value = region_strndup(rg, s.p, s.len);
	}
	buf_fini(&base64);
	buf_fini(&hashed);
	sig_field_fini(&field);
	return value;
}

/* ---- recognising --------------------------------------------------------- */

static bool
tag_is(const struct tag_list *list, const char *name, const char *want)
{
	const struct slice *value = tag_list_get(list, name);

	return value != NULL && slice_eq_nocase(*value, want);
}

bool
dkim_sign_is_of(const struct header *h, const char *domain,
    const char *selector, struct region *rg)
{
	struct tag_list tags;
	struct err e;

	return slice_eq_nocase(h->name, DKIM_HEADER) &&
	    tag_list_parse(h->value, rg, &tags, &e) == 0 &&
	    tag_is(&tags, "d", domain) && tag_is(&tags, "s", selector);
}
