/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An address is the same on a list however it is written, as far as the list
 * says so, and its digests are those of coreutils and `openssl mac`.
 */
#include "mail/suppress_norm.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "tests/tap.h"

enum { AS_IS = 0, CASE = 1, DOTS = 2, TAG = 4 };

static const struct {
	const char *label, *address;
	int how;
	const char *text; /* NULL: refused */
} addresses[] = {
	{ "lower case", "Alice@Example.COM", AS_IS, "alice@example.com" },
	{ "case kept", "Alice@Example.COM", CASE, "Alice@example.com" },
	{ "blanks around", " \ta@b.example ", AS_IS, "a@b.example" },
	{ "dots and tag stay", "a.b+c@d.example", AS_IS, "a.b+c@d.example" },
	{ "dots", "a.b.c@d.example", DOTS, "abc@d.example" },
	{ "dots only", "...@d.example", DOTS, "...@d.example" },
	{ "dots of the domain stay", "a@d.e.example", DOTS, "a@d.e.example" },
	{ "tag", "a+news@d.example", TAG, "a@d.example" },
	{ "two tags", "a+b+c@d.example", TAG, "a@d.example" },
	{ "empty tag", "a+@d.example", TAG, "a@d.example" },
	{ "tag alone", "+a@d.example", TAG, "+a@d.example" },
	{ "tag behind plus", "+a+b@d.example", TAG, "+a@d.example" },
	{ "one plus", "+@d.example", TAG, "+@d.example" },
	{ "dots in the tag", "A.b+c.d@E.example", TAG | DOTS, "ab@e.example" },
	{ "all but case", "A.b+c@E.example", CASE | TAG | DOTS,
	    "Ab@e.example" },
	{ "quoted for nothing", "\"a.b\"@d.example", AS_IS, "a.b@d.example" },
	{ "quoted", "\"A b\"@d.example", AS_IS, "a b@d.example" },
	{ "quoted pair", "\"a\\\"b\"@d.example", AS_IS, "a\"b@d.example" },
	{ "quoted tag", "\"a+b\"@d.example", TAG, "a@d.example" },
	{ "quoted at", "\"a@b\"@d.example", AS_IS, "a@b@d.example" },
	{ "U-labels", "a@B\303\274cher.example", AS_IS,
	    "a@xn--bcher-kva.example" },
	{ "UTF-8 local part", "A\303\204@d.example", AS_IS,
	    "a\303\204@d.example" },
	{ "literal", "A@[192.0.2.1]", AS_IS, "a@[192.0.2.1]" },
	{ "nothing", "", AS_IS, NULL },
	{ "null path", "<>", AS_IS, NULL },
	{ "local part alone", "alice", AS_IS, NULL },
	{ "domain alone", "@d.example", AS_IS, NULL },
	{ "no domain", "a@", AS_IS, NULL },
	{ "bad domain", "a@b..c", AS_IS, NULL },
	{ "two", "a@b.example, c@d.example", AS_IS, NULL },
};

static void
test_addresses(struct region *rg)
{
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		const struct suppress_norm n = {
			.keep_case = (addresses[i].how & CASE) != 0,
			.drop_dots = (addresses[i].how & DOTS) != 0,
			.drop_tag = (addresses[i].how & TAG) != 0,
		};
		const char *text;
		struct err e;
		int rc = suppress_norm_address(&n,
		    slice_of(addresses[i].address), rg, &text, &e);

		if (addresses[i].text == NULL) {
			ok(rc == -1 && text == NULL, "%s: refused",
			    addresses[i].label);
			is_str(rc == -1 ? e.text : "", "not an address",
			    addresses[i].label);
			continue;
		}
		is_str(text, addresses[i].text, addresses[i].label);
	}
}

static const struct {
	const char *name, *key;
	size_t len;
	const char *hex, *base64; /* of alice@example.com */
} digests[] = {
	{ "Plain", "salt", 32,
	    "771672a85fbac3a09ea3559eb6dcbca6"
	    "fc0d74353c3cb0918dae59bc617f5f10",
	    "dxZyqF+6w6Ceo1Wetty8pvwNdDU8PLCRja5ZvGF/XxA=" },
	{ "sha256", "", 32,
	    "ff8d9819fc0e12bf0d24892e45987e24"
	    "9a28dce836a85cad60e28eaaa8c6d976",
	    "/42YGfwOEr8NJIkuRZh+JJoo3Og2qFytYOKOqqjG2XY=" },
	{ "SHA1", "", 20, "fc2398a73dd54d6237c4fdb58fd7d75347cf5af3",
	    "/COYpz3VTWI3xP21j9fXU0fPWvM=" },
	{ "md5", "", 16, "c160f8cc69a4f0bf2b0362752353d060",
	    "wWD4zGmk8L8rA2J1I1PQYA==" },
	{ "hmac-sha256", "openmta", 32,
	    "d306e50dd025b3f4b5bc138129b3f4a4"
	    "9b992c4720cf57b06627efff2a5260f9",
	    "0wblDdAls/S1vBOBKbP0pJuZLEcgz1ewZifv/ypSYPk=" },
};

static void
to_hex(const unsigned char *p, size_t len, char out[65])
{
	for (size_t i = 0; i < len; i++)
		(void)snprintf(out + 2 * i, 3, "%02x", p[i]);
}

static void
test_digests(void)
{
	for (size_t i = 0; i < sizeof(digests) / sizeof(digests[0]); i++) {
		struct suppress_norm n = { .key = slice_of(digests[i].key) };
		unsigned char out[SUPPRESS_DIGEST_MAX];
		char hex[65] = "", upper[67] = " ";
		struct err e;

		if (!ok(suppress_hash_find(digests[i].name, &n.hash), "%s",
			digests[i].name))
			continue;
		is_int((int64_t)suppress_digest_len(n.hash),
		    (int64_t)digests[i].len, "its length");
		ok(suppress_norm_digest(&n, "alice@example.com", out, &e) == 0,
		    "hashed");
		to_hex(out, digests[i].len, hex);
		is_str(hex, digests[i].hex, "its digits");

		memset(out, 0, sizeof(out));
		for (size_t j = 0; hex[j] != '\0'; j++)
			upper[j + 1] = (char)(hex[j] >= 'a' ? hex[j] - 32 :
							      hex[j]);
		ok(suppress_digest_read(slice_of(upper), n.hash, out, &e) == 0,
		    "digits of upper case read");
		to_hex(out, digests[i].len, hex);
		is_str(hex, digests[i].hex, "as they were");

		memset(out, 0, sizeof(out));
		ok(suppress_digest_read(slice_of(digests[i].base64), n.hash,
		       out, &e) == 0,
		    "base64 read");
		to_hex(out, digests[i].len, hex);
		is_str(hex, digests[i].hex, "as it was");
	}
}

static const struct {
	const char *label, *text;
} wrong[] = {
	{ "nothing", "" },
	{ "an address", "alice@example.com" },
	{ "a digit too few", "c160f8cc69a4f0bf2b0362752353d06" },
	{ "a digit too many", "c160f8cc69a4f0bf2b0362752353d0600" },
	{ "not a digit", "c160f8cc69a4f0bf2b0362752353d06g" },
	{ "a longer hash", "c160f8cc69a4f0bf2b0362752353d060c160f8cc" },
	{ "base64 without padding", "wWD4zGmk8L8rA2J1I1PQYA" },
	{ "base64 with stray bits", "wWD4zGmk8L8rA2J1I1PQYB==" },
	{ "a blank inside", "c160f8cc69a4f0bf 2b0362752353d06" },
};

static void
test_wrong_digests(void)
{
	enum suppress_hash hash;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		unsigned char out[SUPPRESS_DIGEST_MAX];
		struct err e;

		if (suppress_digest_read(slice_of(wrong[i].text), SUPPRESS_MD5,
			out, &e) == 0)
			ok(false, "%s: taken", wrong[i].label);
		else
			is_str(e.text,
			    "not a digest of md5: 32 hex digits, or base64 of "
			    "16 bytes",
			    wrong[i].label);
	}
	ok(!suppress_hash_find("sha512", &hash), "no such hash");
}

/* Keys shorter and longer than a block, as OpenSSL's own HMAC has them. */
static void
test_keys(void)
{
	static const char text[] = "alice@example.com";
	static const size_t lens[] = { 1, 31, 32, 63, 64, 65, 200 };

	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		unsigned char key[200], ours[SUPPRESS_DIGEST_MAX], theirs[32];
		struct suppress_norm n = { .hash = SUPPRESS_HMAC_SHA256 };
		unsigned len = 0;
		struct err e;

		memset(key, (int)lens[i] ^ 0xa5, sizeof(key));
		n.key = (struct slice){ (const char *)key, lens[i] };
		ok(HMAC(EVP_sha256(), key, (int)lens[i],
		       (const unsigned char *)text, strlen(text), theirs,
		       &len) != NULL &&
			suppress_norm_digest(&n, text, ours, &e) == 0 &&
			memcmp(ours, theirs, sizeof(theirs)) == 0,
		    "a key of %zu bytes", lens[i]);
	}
}

int
main(void)
{
	struct region *rg = region_new();

	test_addresses(rg);
	test_digests();
	test_keys();
	test_wrong_digests();
	region_free(&rg);
	return done_testing();
}
