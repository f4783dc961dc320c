/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The example of RFC 8463 appendix A: with its keys, over its message and the
 * fields of its signatures, the signatures are those that are printed there.
 */
#include <strings.h>

#include "lib/base64.h"
#include "mail/canon.h"
#include "mail/dkim_key.h"
#include "mail/dkim_sign.h"
#include "mail/tag_list.h"
#include "tests/tap.h"

/* Appendix A.2; the seed of the first is put into PKCS#8 below. */
#define ED25519_SEED "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
#define RSA_KEY \
	"-----BEGIN RSA PRIVATE KEY-----\n" \
	"MIICXQIBAAKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQi\n" \
	"Y/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqM\n" \
	"KrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB\n" \
	"AoGAH0cxOhFZDgzXWhDhnAJDw5s4roOXN4OhjiXa8W7Y3rhX3FJqmJSPuC8N9vQm\n" \
	"6SVbaLAE4SG5mLMueHlh4KXffEpuLEiNp9Ss3O4YfLiQpbRqE7Tm5SxKjvvQoZZe\n" \
	"zHorimOaChRL2it47iuWxzxSiRMv4c+j70GiWdxXnxe4UoECQQDzJB/0U58W7RZy\n" \
	"6enGVj2kWF732CoWFZWzi1FicudrBFoy63QwcowpoCazKtvZGMNlPWnC7x/6o8Gc\n" \
	"uSe0ga2xAkEA8C7PipPm1/1fTRQvj1o/dDmZp243044ZNyxjg+/OPN0oWCbXIGxy\n" \
	"WvmZbXriOWoSALJTjExEgraHEgnXssuk7QJBALl5ICsYMu6hMxO73gnfNayNgPxd\n" \
	"WFV6Z7ULnKyV7HSVYF0hgYOHjeYe9gaMtiJYoo0zGN+L3AAtNP9huqkWlzECQE1a\n" \
	"licIeVlo1e+qJ6Mgqr0Q7Aa7falZ448ccbSFYEPD6oFxiOl9Y9se9iYHZKKfIcst\n" \
	"o7DUw1/hz2Ck4N5JrgUCQQCyKveNvjzkkd8HjYs0SwM0fPjK16//5qDZ2UiDGnOe\n" \
	"uEzxBDAr518Z8VFbR41in3W4Y3yCDgQlLlcETrS+zYcL\n" \
	"-----END RSA PRIVATE KEY-----\n"

#define BODY_HASH "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8="

/* Appendix A.3 */
static const char message[] =
    "From: Joe SixPack <joe@football.example.com>\r\n"
    "To: Suzie Q <suzie@shopping.example.net>\r\n"
    "Subject: Is dinner ready?\r\n"
    "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
    "Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"
    "\r\n"
    "Hi.\r\n"
    "\r\n"
    "We lost the game.  Are you hungry yet?\r\n"
    "\r\n"
    "Joe.\r\n";

static const struct {
	enum dkim_algorithm algorithm;
	const char *field; /* with b= empty */
	const char *b;
} signatures[] = {
	{ DKIM_ED25519_SHA256,
	    " v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"
	    " d=football.example.com; i=@football.example.com;\r\n"
	    " q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"
	    " subject : date : message-id : from : subject : date;\r\n"
	    " bh=" BODY_HASH ";\r\n"
	    " b=",
	    "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus"
	    "Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==" },
	{ DKIM_RSA_SHA256,
	    " v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n"
	    " d=football.example.com; i=@football.example.com;\r\n"
	    " q=dns/txt; s=test; t=1528637909; h=from : to : subject :\r\n"
	    " date : message-id : from : subject : date;\r\n"
	    " bh=" BODY_HASH ";\r\n"
	    " b=",
	    "F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3"
	    "DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz"
	    "dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=" },
};

/* PKCS#8 of an Ed25519 seed is 16 fixed bytes and the seed (RFC 8410). */
static struct dkim_key *
ed25519_key(void)
{
	static const uint8_t front[16] = { 0x30, 0x2e, 0x02, 0x01, 0x00, 0x30,
		0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20 };
	struct dkim_key *key = NULL;
	struct buf pem = { 0 };
	uint8_t der[48];
	struct err e;
	bool weak;

	memcpy(der, front, 16);
	if (!base64_read(SLICE_LIT(ED25519_SEED), der + 16, 32))
		return NULL;
	buf_str(&pem, "-----BEGIN PRIVATE KEY-----\n");
	base64_add(&pem, der, sizeof(der));
	buf_str(&pem, "\n-----END PRIVATE KEY-----\n");
	(void)dkim_key_of_text(pem.p, pem.len, &key, &weak, &e);
	buf_fini(&pem);
	return key;
}

static struct dkim_key *
rsa_key(void)
{
	struct dkim_key *key = NULL;
	struct err e;
	bool weak;

	(void)dkim_key_of_text(RSA_KEY, strlen(RSA_KEY), &key, &weak, &e);
	return key;
}

/* The fields that h= names, from below; what is not there adds nothing. */
static void
hash_named(struct buf *out, struct slice names, const struct header_list *list)
{
	bool used[16] = { false };
	struct slice name;

	while (tag_item(&names, &name))
		for (size_t i = list->n; i-- > 0;) {
			struct slice have = list->v[i].name;

			if (used[i] || have.len != name.len ||
			    strncasecmp(have.p, name.p, name.len) != 0)
				continue;
			canon_header(out, &list->v[i], CANON_RELAXED);
			used[i] = true;
			break;
		}
}

static void
test_signature(size_t i, const struct header_list *list, struct region *rg)
{
	bool ed = signatures[i].algorithm == DKIM_ED25519_SHA256;
	struct dkim_key *key = ed ? ed25519_key() : rsa_key();
	struct buf hashed = { 0 }, b = { 0 };
	struct header_list own = { 0 };
	struct tag_list tags;
	struct err e = { "" };

	if (!ok(key != NULL &&
		    dkim_key_algorithm(key) == signatures[i].algorithm &&
		    tag_list_parse(slice_of(signatures[i].field), rg, &tags,
			&e) == 0,
		"the key and the field of %s",
		dkim_algorithm_name(signatures[i].algorithm)))
		return;
	hash_named(&hashed, *tag_list_get(&tags, "h"), list);
	header_list_add(&own, rg, SLICE_LIT(DKIM_HEADER),
	    slice_of(signatures[i].field));
	canon_header(&hashed, &own.v[0], CANON_RELAXED);
	hashed.len -= 2;
	ok(dkim_key_sign(key, hashed.p, hashed.len, &b, &e) == 0, "signs");
	is_str(buf_cstr(&b), signatures[i].b, "what the RFC prints");
	buf_fini(&b);
	buf_fini(&hashed);
	dkim_key_free(&key);
}

int
main(void)
{
	struct region *rg = region_new();
	struct canon_body *body;
	struct header_list list;
	struct buf hash = { 0 };
	size_t at;

	header_parse(message, sizeof(message) - 1, rg, &list, &at);
	body = canon_body_of(message + at, sizeof(message) - 1 - at);
	base64_add(&hash, canon_body_hash(body, CANON_RELAXED), 32);
	is_str(buf_cstr(&hash), BODY_HASH, "the body's hash");
	for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++)
		test_signature(i, &list, rg);
	buf_fini(&hash);
	canon_body_free(&body);
	region_free(&rg);
	return done_testing();
}
