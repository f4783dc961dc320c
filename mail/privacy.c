/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/privacy.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/conf_lex.h"

enum { SIPHASH_KEY = 16, SIPHASH_LEN = 8, HASH_MAX = SHA256_DIGEST_LENGTH };

/* ---- a directive's value ------------------------------------------------- */

static const struct form {
	const char *word;
	enum privacy_kind kind;
	bool hex;
} forms[] = {
	{ "retain", PRIVACY_RETAIN, false },
	{ "redact", PRIVACY_REDACT, false },
	{ "siphash", PRIVACY_SIPHASH, false },
	{ "siphash-hexkey", PRIVACY_SIPHASH, true },
	{ "hmac-sha256", PRIVACY_HMAC, false },
	{ "hmac-sha256-hexkey", PRIVACY_HMAC, true },
};

static const struct form *
find_form(const char *word)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (str_eq_nocase(word, forms[i].word))
			return &forms[i];
	return NULL;
}

/* In place; false if there is anything but pairs of digits. */
static bool
from_hex(char *text, size_t *len)
{
	for (size_t i = 0; i < *len; i += 2) {
		int high = str_hex_digit(text[i]),
		    low = str_hex_digit(text[i + 1]);

		/* Behind an odd one stands the NUL. */
		if (high == -1 || low == -1)
			return false;
		text[i / 2] = (char)(high << 4 | low);
	}
	*len /= 2;
	return true;
}

static int
set_key(struct privacy *p, char *key, size_t len, struct err *e)
{
	if (p->kind == PRIVACY_SIPHASH && len > SIPHASH_KEY)
		return err_set(e, "a key of SipHash has at most %d bytes",
		    SIPHASH_KEY);
	if (len <= sizeof(p->key)) {
		memcpy(p->key, key, len);
		p->key_len = p->kind == PRIVACY_SIPHASH ? SIPHASH_KEY : len;
		return 0;
	}
	/* RFC 2104, 2: it makes no difference to the result. */
	CHECK(SHA256((const unsigned char *)key, len, p->key) != NULL);
	p->key_len = SHA256_DIGEST_LENGTH;
	return 0;
}

int
privacy_key(struct privacy *p_r, enum privacy_kind kind, const char *key,
    bool hex, struct err *e)
{
	size_t len = strlen(key);
	char *bytes = mem_strdup(key);
	int rc;

	*p_r = (struct privacy){ .kind = kind, .text = "" };
	if (hex && !from_hex(bytes, &len))
		rc = err_set(e, "a key in hex has pairs of 0 to 9, a to f");
	else if (len == 0)
		rc = err_set(e, "a key is missing");
	else
		rc = set_key(p_r, bytes, len, e);
	free(bytes);
	return rc;
}

int
privacy_parse(struct slice value, struct region *rg, struct privacy *p_r,
    struct err *e)
{
	const struct form *f;
	const char *word, *text;
	struct slice rest = value;

	*p_r = (struct privacy){ .text = "" };
	if (conf_word(&rest, rg, &word, e) == -1)
		return -1;
	f = word == NULL ? NULL : find_form(word);
	if (f == NULL)
		return err_set(e,
		    "\"%s\" is none of retain, redact, siphash, siphash-hexkey, "
		    "hmac-sha256, hmac-sha256-hexkey",
		    word == NULL ? "" : word);
	p_r->kind = f->kind;
	rest = slice_trim(rest);
	if (conf_unquote(rest, rg, &text, e) == -1)
		return -1;
	switch (f->kind) {
	case PRIVACY_RETAIN:
		if (rest.len > 0)
			return err_set(e, "retain takes nothing");
		return 0;
	case PRIVACY_REDACT:
		p_r->text = rest.len == 0 ? "..." : text;
		return 0;
	case PRIVACY_SIPHASH:
	case PRIVACY_HMAC:
		if (privacy_key(p_r, f->kind, text, f->hex, e) == 0)
			return 0;
		return err_where(e, "%s", f->word);
	}
	CHECK_NEVER("a kind of privacy");
}

/* ---- hashes -------------------------------------------------------------- */

struct privacy_keyed {
	enum privacy_kind kind;
	unsigned char key[PRIVACY_KEY_MAX];
	size_t key_len;
	EVP_MAC_CTX *mac;
	/* The last one: rcpt, orcpt and the same row of the next file. */
	char local[256];
	size_t local_len;
	char hex[2 * HASH_MAX];
};

static EVP_MAC_CTX *
new_mac(enum privacy_kind kind)
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL,
	    kind == PRIVACY_HMAC ? "HMAC" : "SIPHASH", NULL);
	EVP_MAC_CTX *ctx;

	CHECK(mac != NULL);
	ctx = EVP_MAC_CTX_new(mac);
	EVP_MAC_free(mac); /* the context has its own reference */
	CHECK(ctx != NULL);
	return ctx;
}

static struct privacy_keyed *
keyed_new(const struct privacy *p)
{
	OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(
				    OSSL_MAC_PARAM_DIGEST, (char[]){ "SHA256" },
				    0),
		OSSL_PARAM_construct_end() };
	struct privacy_keyed *k = mem_new(struct privacy_keyed);

	k->kind = p->kind;
	memcpy(k->key, p->key, sizeof(k->key));
	k->key_len = p->key_len;
	k->mac = new_mac(p->kind);
	if (k->kind == PRIVACY_HMAC)
		CHECK(EVP_MAC_init(k->mac, k->key, k->key_len, params) == 1);
	return k;
}

static void
keyed_free(struct privacy_keyed **kp)
{
	struct privacy_keyed *k = *kp;

	*kp = NULL;
	if (k == NULL)
		return;
	EVP_MAC_CTX_free(k->mac);
	OPENSSL_cleanse(k->key, sizeof(k->key));
	free(k);
}

/* An HMAC keeps its key; OpenSSL 3.0 begins a SipHash anew only with one. */
static void
begin(struct privacy_keyed *k)
{
	size_t len = SIPHASH_LEN;
	OSSL_PARAM params[] = { OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE,
				    &len),
		OSSL_PARAM_construct_end() };

	if (k->kind == PRIVACY_HMAC)
		CHECK(EVP_MAC_init(k->mac, NULL, 0, NULL) == 1);
	else
		CHECK(EVP_MAC_init(k->mac, k->key, k->key_len, params) == 1);
}

/* Returns the number of digits. */
static size_t
hash(struct privacy_keyed *k, struct slice text, char hex[2 * HASH_MAX])
{
	static const char digits[] = "0123456789ABCDEF";
	unsigned char bytes[HASH_MAX];
	size_t len;

	begin(k);
	CHECK(EVP_MAC_update(k->mac, (const unsigned char *)text.p, text.len) ==
	    1);
	CHECK(EVP_MAC_final(k->mac, bytes, &len, sizeof(bytes)) == 1);
	CHECK(len == (k->kind == PRIVACY_HMAC ? HASH_MAX : SIPHASH_LEN));
	for (size_t i = 0; i < len; i++) {
		hex[2 * i] = digits[bytes[i] >> 4];
		hex[2 * i + 1] = digits[bytes[i] & 15];
	}
	return 2 * len;
}

void
privacy_digest(const struct privacy *p, struct slice text, struct buf *out)
{
	struct privacy_keyed *k;
	char hex[2 * HASH_MAX];

	CHECK(p->kind == PRIVACY_SIPHASH || p->kind == PRIVACY_HMAC);
	k = keyed_new(p);
	buf_add(out, hex, hash(k, text, hex));
	keyed_free(&k);
}

static bool
is_keyed_by(const struct privacy_keyed *k, const struct privacy *p)
{
	return k != NULL && k->kind == p->kind && k->key_len == p->key_len &&
	    memcmp(k->key, p->key, p->key_len) == 0;
}

/* By the key itself: a policy lives as long as its configuration. */
static struct privacy_keyed *
find_keyed(struct privacy_keys *keys, const struct privacy *p)
{
	struct privacy_keyed *k;
	size_t i = 0;

	while (i < PRIVACY_KEYED - 1 && !is_keyed_by(keys->keyed[i], p))
		i++;
	k = keys->keyed[i];
	if (!is_keyed_by(k, p)) {
		keyed_free(&keys->keyed[i]);
		k = keyed_new(p);
	}
	for (; i > 0; i--)
		keys->keyed[i] = keys->keyed[i - 1];
	keys->keyed[0] = k;
	return k;
}

void
privacy_keys_fini(struct privacy_keys *keys)
{
	for (size_t i = 0; i < PRIVACY_KEYED; i++)
		keyed_free(&keys->keyed[i]);
}

/* ---- what is hidden ------------------------------------------------------ */

struct secret {
	struct slice local, domain; /* as they stand in the address */
	struct slice shown;         /* in place of local */
};

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static bool
same_nocase(const char *a, const char *b, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (lower(a[i]) != lower(b[i]))
			return false;
	return true;
}

static struct slice
hashed(struct privacy_keys *keys, const struct privacy *p, struct region *rg,
    struct slice local)
{
	struct privacy_keyed *k = find_keyed(keys, p);
	char *text = region_strndup(rg, local.p, local.len), *hex;
	size_t len = p->kind == PRIVACY_HMAC ? (size_t)2 * HASH_MAX :
					       (size_t)2 * SIPHASH_LEN;

	str_lower(text);
	hex = region_alloc(rg, len);
	if (local.len == k->local_len && memcmp(text, k->local, local.len) == 0)
		return (struct slice){ memcpy(hex, k->hex, len), len };
	CHECK(hash(k, (struct slice){ text, local.len }, k->hex) == len);
	k->local_len = 0;
	if (local.len <= sizeof(k->local)) {
		memcpy(k->local, text, local.len);
		k->local_len = local.len;
	}
	return (struct slice){ memcpy(hex, k->hex, len), len };
}

/* The secret of an address that begins at p; false: it has none. */
static bool
find_secret(const char *p, struct secret *s_r)
{
	const char *at = strrchr(p, '@');

	if (at == NULL || at == p)
		return false;
	s_r->local = (struct slice){ p, (size_t)(at - p) };
	s_r->domain = slice_of(at + 1);
	return true;
}

/* Bytes of "type;" before the address in an original recipient (RFC 3461). */
static size_t
type_length(const char *orcpt)
{
	size_t len = strcspn(orcpt, ";\"@");

	return orcpt[len] == ';' ? len + 1 : 0;
}

static bool
is_same(const struct secret *a, const struct secret *b)
{
	return a->local.len == b->local.len && a->domain.len == b->domain.len &&
	    same_nocase(a->local.p, b->local.p, a->local.len) &&
	    same_nocase(a->domain.p, b->domain.p, a->domain.len);
}

/* ---- where it is hidden -------------------------------------------------- */

struct hiding {
	struct secret secrets[4]; /* of rcpt and of orcpt, and without quotes */
	size_t count;
	struct region *rg;
};

static bool
is_word(char c)
{
	return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') ||
	    c == '_' || (unsigned char)c >= 0x80;
}

enum { WORD_MIN = 3 }; /* a shorter one is in half of all texts */

/* Does the local part stand at text[i], in a way that tells the recipient? */
static bool
stands_at(const struct secret *s, struct slice text, size_t i, bool words)
{
	struct slice next;

	if (text.len - i < s->local.len ||
	    !same_nocase(text.p + i, s->local.p, s->local.len))
		return false;
	next.p = text.p + i + s->local.len;
	next.len = text.len - i - s->local.len;
	/*
	 * A longer name that ends like this one is not told apart: what stands
	 * before the address in that of a sender may be anything.
	 */
	if (next.len > s->domain.len && (*next.p == '@' || *next.p == '=') &&
	    same_nocase(next.p + 1, s->domain.p, s->domain.len))
		return true;
	return words && s->local.len >= WORD_MIN &&
	    (i == 0 || !is_word(text.p[i - 1])) &&
	    (next.len == 0 || !is_word(*next.p));
}

/* The next place from *i on; NULL: none, and *i is the text's length. */
static const struct secret *
find_place(const struct hiding *h, struct slice text, size_t *i, bool words)
{
	for (; *i < text.len; (*i)++)
		for (size_t n = 0; n < h->count; n++)
			if (lower(text.p[*i]) ==
				lower(h->secrets[n].local.p[0]) &&
			    stands_at(&h->secrets[n], text, *i, words))
				return &h->secrets[n];
	return NULL;
}

/* `room` is how much longer it gets. */
static const char *
rewritten(const struct hiding *h, struct slice text, bool words, size_t room)
{
	char *new = region_alloc(h->rg, text.len + room + 1), *out = new;
	const struct secret *s;
	size_t from = 0, i = 0;

	while ((s = find_place(h, text, &i, words)) != NULL) {
		memcpy(out, text.p + from, i - from);
		out += i - from;
		memcpy(out, s->shown.p, s->shown.len);
		out += s->shown.len;
		i += s->local.len;
		from = i;
	}
	memcpy(out, text.p + from, text.len - from);
	out[text.len - from] = '\0';
	return new;
}

/* Itself if no secret is in it. */
static const char *
without(const struct hiding *h, const char *p, bool words)
{
	const struct secret *s;
	struct slice text;
	size_t room = 0, i = 0;
	bool found = false;

	if (p == NULL)
		return p;
	text = slice_of(p);
	while ((s = find_place(h, text, &i, words)) != NULL) {
		found = true;
		room += s->shown.len;
		i += s->local.len;
	}
	return found ? rewritten(h, text, words, room) : p;
}

static const char *
hidden_address(const struct hiding *h, const struct secret *s, const char *p)
{
	size_t before = (size_t)(s->local.p - p);
	size_t len = before + s->shown.len + 1 + s->domain.len;
	char *new = region_alloc(h->rg, len + 1), *out = new;

	memcpy(out, p, before);
	out += before;
	memcpy(out, s->shown.p, s->shown.len);
	out += s->shown.len;
	memcpy(out, s->domain.p - 1, s->domain.len + 2); /* @ and the NUL */
	return new;
}

/* ---- the record ---------------------------------------------------------- */

struct hider {
	struct privacy_keys *keys;
	const struct privacy *privacy;
	struct hiding hiding;
};

/* VERP puts a local part between others, and quotes around them all. */
static void
take_bare(struct hiding *h, const struct secret *s)
{
	if (s->local.len <= 2 || s->local.p[0] != '"')
		return;
	h->secrets[h->count] = *s;
	h->secrets[h->count].local.p++;
	h->secrets[h->count].local.len -= 2;
	h->count++;
}

/* The address as it may be shown; NULL: it has no local part to hide. */
static const char *
take_secret(struct hider *x, const char *address, size_t type)
{
	struct hiding *h = &x->hiding;
	struct secret *s = &h->secrets[h->count];

	if (!find_secret(address + type, s))
		return NULL;
	s->shown = x->privacy->kind == PRIVACY_REDACT ?
	    slice_of(x->privacy->text) :
	    hashed(x->keys, x->privacy, h->rg, s->local);
	if (h->count == 0 || !is_same(s, &h->secrets[0])) {
		h->count++;
		take_bare(h, s);
	}
	return hidden_address(h, s, address);
}

static void
hide_extras(const struct hiding *h, struct acct_record *r)
{
	struct acct_extra *extras;

	if (r->extra_count == 0)
		return;
	extras = region_dup(h->rg, r->extras, r->extra_count * sizeof(*extras));
	for (size_t i = 0; i < r->extra_count; i++)
		extras[i].value = without(h, extras[i].value, true);
	r->extras = extras;
}

void
privacy_apply(struct privacy_keys *keys, const struct privacy *p,
    struct region *rg, struct acct_record *r)
{
	struct hider x = { keys, p, { .rg = rg } };
	const char *rcpt = NULL, *orcpt = NULL;

	if (p->kind == PRIVACY_RETAIN)
		return;
	if (r->rcpt != NULL)
		rcpt = take_secret(&x, r->rcpt, 0);
	if (r->orcpt != NULL)
		orcpt = take_secret(&x, r->orcpt, type_length(r->orcpt));
	if (x.hiding.count == 0)
		return;
	r->rcpt = rcpt != NULL ? rcpt : without(&x.hiding, r->rcpt, true);
	r->orcpt = orcpt != NULL ? orcpt : without(&x.hiding, r->orcpt, true);
	r->orig = without(&x.hiding, r->orig, false);
	r->env_id = without(&x.hiding, r->env_id, false);
	r->job_id = without(&x.hiding, r->job_id, false);
	r->dsn_diag = without(&x.hiding, r->dsn_diag, true);
	hide_extras(&x.hiding, r);
}
