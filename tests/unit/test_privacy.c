/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounting does not tell recipients where it must not: hashes are those of
 * PowerMTA (vectors made with `openssl mac`), and the local part is gone from
 * every field that could tell it.
 */
#include "mail/privacy.h"

#include "lib/mem.h"
#include "tests/tap.h"

/* ---- the directive ------------------------------------------------------- */

static const struct {
	const char *value;
	const char *shows; /* of alice@example.com */
	const char *wrong; /* part of the message, instead */
} values[] = {
	{ "retain", "alice@example.com", NULL },
	{ "Redact", "...@example.com", NULL },
	{ "redact x", "x@example.com", NULL },
	{ "redact \"not shown\"", "not shown@example.com", NULL },
	{ "redact \"\"", "@example.com", NULL },
	{ "siphash openmta", "B8C20B1AC3BB95C1@example.com", NULL },
	{ "siphash \"openmta\"", "B8C20B1AC3BB95C1@example.com", NULL },
	{ "siphash-hexkey 6f70656E6d7461", "B8C20B1AC3BB95C1@example.com",
	    NULL },
	{ "siphash-hexkey 6f70656e6d7461000000000000000000",
	    "B8C20B1AC3BB95C1@example.com", NULL },
	{ "HMAC-SHA256 openmta",
	    "991F3277F404378F5BDAF8861376BF02"
	    "3472BA0905CD3AF7F93901C4BAC5663E@example.com",
	    NULL },
	{ "hmac-sha256-hexkey 6f70656e6d7461",
	    "991F3277F404378F5BDAF8861376BF02"
	    "3472BA0905CD3AF7F93901C4BAC5663E@example.com",
	    NULL },
	{ "", NULL, "\"\" is none of retain" },
	{ "hash x", NULL, "\"hash\" is none of retain, redact, siphash" },
	{ "retain x", NULL, "retain takes nothing" },
	{ "siphash", NULL, "siphash: a key is missing" },
	{ "siphash \"\"", NULL, "siphash: a key is missing" },
	{ "siphash 12345678901234567", NULL, "at most 16 bytes" },
	{ "siphash-hexkey 0123456789abcdef0123456789abcdef01", NULL,
	    "at most 16 bytes" },
	{ "siphash-hexkey 123", NULL, "a key in hex has pairs" },
	{ "siphash-hexkey 12g4", NULL, "a key in hex has pairs" },
	{ "hmac-sha256", NULL, "hmac-sha256: a key is missing" },
	{ "hmac-sha256-hexkey xy", NULL, "a key in hex has pairs" },
	{ "hmac-sha256-hexkey \"", NULL, "quote" },
};

static void
test_values(struct region *rg)
{
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct acct_record r = { .rcpt = "alice@example.com" };
		struct privacy_keys keys = { { NULL } };
		struct privacy p;
		struct err e;
		int rc = privacy_parse(slice_of(values[i].value), rg, &p, &e);

		if (values[i].wrong != NULL) {
			ok(rc == -1 && strstr(e.text, values[i].wrong) != NULL,
			    "%s: %s", values[i].value,
			    rc == -1 ? e.text : "taken");
			continue;
		}
		if (!ok(rc == 0, "%s", values[i].value))
			continue;
		privacy_apply(&keys, &p, rg, &r);
		is_str(r.rcpt, values[i].shows, values[i].value);
		privacy_keys_fini(&keys);
	}
}

static void
test_mistake_hides_key(struct region *rg)
{
	struct privacy p;
	struct err e;

	is_int(
	    privacy_parse(SLICE_LIT("siphash my-very-secret-key"), rg, &p, &e),
	    -1, "too long a key");
	ok(strstr(e.text, "secret") == NULL, "the message does not tell it");
}

/* ---- hashes -------------------------------------------------------------- */

/*
 * SipHash: vectors_sip64 of its authors; HMAC: RFC 4231, cases 1, 2, 6; all
 * seen again with openssl mac.
 */
static const struct {
	const char *value, *text;
	size_t len;
	const char *hex;
} vectors[] = {
	{ "siphash-hexkey 000102030405060708090a0b0c0d0e0f", "", 0,
	    "310E0EDD47DB6F72" },
	{ "siphash-hexkey 000102030405060708090a0b0c0d0e0f", "\0", 1,
	    "FD67DC93C539F874" },
	{ "siphash-hexkey 000102030405060708090a0b0c0d0e0f",
	    "\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16", 15, "E545BE4961CA29A1" },
	{ "siphash openmta", "alice", 5, "B8C20B1AC3BB95C1" },
	{ "hmac-sha256-hexkey 0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
	    "Hi There", 8,
	    "B0344C61D8DB38535CA8AFCEAF0BF12B"
	    "881DC200C9833DA726E9376C2E32CFF7" },
	{ "hmac-sha256 Jefe", "what do ya want for nothing?", 28,
	    "5BDCC146BF60754E6A042426089575C7"
	    "5A003F089D2739839DEC58B964EC3843" },
	{ "hmac-sha256-hexkey "
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaa",
	    "Test Using Larger Than Block-Size Key - Hash Key First", 54,
	    "60E431591EE0B67F0D8A26AACBF5B77F"
	    "8E0BC6213728C5140546040F0EE37F54" },
	{ "hmac-sha256 openmta", "alice", 5,
	    "991F3277F404378F5BDAF8861376BF02"
	    "3472BA0905CD3AF7F93901C4BAC5663E" },
	{ "hmac-sha256 "
	  "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
	  "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk",
	    "alice", 5,
	    "9CFC5185EC97EC4D309082EDF920F9B9"
	    "A431F74DBA329F178789BD6FCB7E8B29" },
	{ "hmac-sha256 "
	  "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
	  "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk",
	    "alice", 5,
	    "B1BEFC4713786E7F7F959B3F2B706306"
	    "AA9EB7CE8D21C13241ACDD2E50242040" },
	{ "hmac-sha256 openmta", "Alice", 5,
	    "9A920F43FC17AF7D2D31006F2B786261"
	    "EED122BC7A89630740596DAB62FB16A2" },
};

static void
test_vectors(struct region *rg)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		struct slice text = { vectors[i].text, vectors[i].len };
		struct buf out = { 0 };
		struct privacy p;
		struct err e;

		if (!ok(privacy_parse(slice_of(vectors[i].value), rg, &p, &e) ==
			    0,
			"%s", vectors[i].value))
			continue;
		privacy_digest(&p, text, &out);
		is_str(buf_cstr(&out), vectors[i].hex, vectors[i].value);
		buf_fini(&out);
	}
}

/* ---- a record ------------------------------------------------------------ */

/* What a text becomes with `redact`, of alice@example.com or of rcpt. */
static const struct {
	const char *label, *rcpt, *orcpt;
	const char *in, *out;
	const char *short_out; /* where a word alone stays; NULL: the same */
} texts[] = {
	{ "a reply", NULL, "",
	    "smtp;550 5.1.1 <alice@example.com>: no such user",
	    "smtp;550 5.1.1 <...@example.com>: no such user", NULL },
	{ "in any case", NULL, "", "550 ALICE@Example.COM unknown",
	    "550 ...@Example.COM unknown", NULL },
	{ "twice", NULL, "", "alice@example.com alice@example.com",
	    "...@example.com ...@example.com", NULL },
	{ "the whole text", NULL, "", "alice@example.com", "...@example.com",
	    NULL },
	{ "VERP", NULL, "", "bounce-alice=example.com@list.example",
	    "bounce-...=example.com@list.example", NULL },
	{ "VERP without a mark before it", NULL, "",
	    "bouncealice=example.com@list.example",
	    "bounce...=example.com@list.example", NULL },
	{ "a word", NULL, "", "550 user Alice unknown", "550 user ... unknown",
	    "550 user Alice unknown" },
	{ "a word in quotes, at the end", NULL, "", "550 'alice'", "550 '...'",
	    "550 'alice'" },
	{ "at another host", NULL, "", "550 alice@mx1.example.com",
	    "550 ...@mx1.example.com", "550 alice@mx1.example.com" },
	{ "part of a word", NULL, "", "550 malice and alices, alice_",
	    "550 malice and alices, alice_", NULL },
	{ "part of a word beyond ASCII", NULL, "", "550 \303\251alice",
	    "550 \303\251alice", NULL },
	{ "a short local part", "al@example.com", "",
	    "550 al not known, al@example.com",
	    "550 al not known, ...@example.com", NULL },
	{ "a quoted one", "\"a b\"@example.com", "",
	    "550 <\"A B\"@example.com>", "550 <...@example.com>", NULL },
	{ "VERP of a quoted one", "\"a b\"@example.com", "",
	    "\"bounce-a b=example.com\"@list.example",
	    "\"bounce-...=example.com\"@list.example", NULL },
	{ "with a detail", "alice+x@example.com", "",
	    "550 alice+x@example.com alice", "550 ...@example.com alice",
	    NULL },
	{ "an @ in quotes", "\"a@b\"@example.com", "", "\"a@b\"@example.com",
	    "...@example.com", NULL },
	{ "the original recipient, too", NULL, "Bob@example.net",
	    "550 alice@example.com for bob@example.net",
	    "550 ...@example.com for ...@example.net", NULL },
	{ "nobody", NULL, "", "smtp;250 2.0.0 ok", "smtp;250 2.0.0 ok", NULL },
	{ "nothing", NULL, "", "", "", NULL },
	{ "cut off", NULL, "", "550 alice@exampl", "550 ...@exampl",
	    "550 alice@exampl" },
	{ "cut off earlier", NULL, "", "550 alic", "550 alic", NULL },
};

static void
test_texts(struct region *rg)
{
	const struct privacy p = { .kind = PRIVACY_REDACT, .text = "..." };
	struct privacy_keys keys = { { NULL } };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const char *in = texts[i].in;
		const struct acct_extra extras[] = { { "header_a", "" },
			{ "header_to", in } };
		struct acct_record r = { .rcpt = texts[i].rcpt,
			.orcpt = texts[i].orcpt,
			.orig = in,
			.env_id = in,
			.job_id = in,
			.dsn_diag = in,
			.queue = in,
			.extras = extras,
			.extra_count = 2 };
		const char *few = texts[i].short_out;

		if (r.rcpt == NULL)
			r.rcpt = "alice@example.com";
		if (few == NULL)
			few = texts[i].out;
		privacy_apply(&keys, &p, rg, &r);
		is_str(r.dsn_diag, texts[i].out, texts[i].label);
		is_str(r.extras[1].value, texts[i].out, "in a header field");
		is_str(r.orig, few, "in the sender");
		is_str(r.env_id, few, "in the envelope id");
		is_str(r.job_id, few, "in the job");
		ok(r.queue == in, "not in the queue");
		ok(extras[1].value == in &&
			r.extras[0].value == extras[0].value,
		    "nothing is written over");
	}
	privacy_keys_fini(&keys);
}

static const struct {
	const char *label, *rcpt, *orcpt, *shown, *shown_orcpt;
} addresses[] = {
	{ "both", "alice@example.com", "alice@example.com", "...@example.com",
	    "...@example.com" },
	{ "with a type", "alice@example.com", "utf-8;Alice@Example.com",
	    "...@example.com", "utf-8;...@Example.com" },
	{ "a type of other addresses", "alice@example.com",
	    "x400;/S=alice/C=xx", "...@example.com", "x400;/S=.../C=xx" },
	{ "another one", "b@x.example", "a.b@x.example", "...@x.example",
	    "...@x.example" },
	{ "a local part that looks like a type", "\"x;y\"@example.com",
	    "\"x;y\"@example.com", "...@example.com", "...@example.com" },
	{ "rcpt has no type", "x;y@example.com", "", "...@example.com", "" },
	{ "no domain", "postmaster", "", "postmaster", "" },
	{ "an empty domain", "alice@", "", "...@", "" },
	{ "no local part", "@example.com", "", "@example.com", "" },
	{ "only the original one", "", "alice@example.com", "",
	    "...@example.com" },
	{ "none, as of a queue", "", "", "", "" },
};

static void
test_addresses(struct region *rg)
{
	const struct privacy p = { .kind = PRIVACY_REDACT, .text = "..." };
	struct privacy_keys keys = { { NULL } };

	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		struct acct_record r = { .rcpt = addresses[i].rcpt,
			.orcpt = addresses[i].orcpt,
			.orig = "",
			.dsn_diag = "550 no" };

		privacy_apply(&keys, &p, rg, &r);
		is_str(r.rcpt, addresses[i].shown, addresses[i].label);
		is_str(r.orcpt, addresses[i].shown_orcpt, "original");
		is_str(r.orig, "", "the null sender stays");
		is_str(r.dsn_diag, "550 no", "a reply without names stays");
	}
	privacy_keys_fini(&keys);
}

/* Two secrets: a hash that holds the other one is not changed again. */
static void
test_hash_stays(struct region *rg)
{
	struct acct_record r = { .rcpt = "alice@x.example",
		.orcpt = "1@x.example",
		.dsn_diag = "alice@x.example 1@x.example" };
	struct privacy_keys keys = { { NULL } };
	struct privacy p;
	struct err e;

	is_int(privacy_parse(SLICE_LIT("siphash openmta"), rg, &p, &e), 0, "p");
	privacy_apply(&keys, &p, rg, &r);
	is_str(r.rcpt, "B8C20B1AC3BB95C1@x.example", "rcpt");
	ok(strncmp(r.dsn_diag, "B8C20B1AC3BB95C1@x.example ", 27) == 0,
	    "once: %s", r.dsn_diag);
	is_str(r.dsn_diag + 27, r.orcpt, "and the other");
	privacy_keys_fini(&keys);
}

/* More policies than are kept keyed, in turn, each over and over. */
static void
test_many_keys(struct region *rg)
{
	enum { POLICIES = PRIVACY_KEYED + 2 };
	static const char *const people[] = { "alice", "bob", "bob" };
	struct privacy_keys keys = { { NULL } };
	struct privacy p[POLICIES];
	size_t right = 0;
	struct err e;

	for (size_t i = 0; i < POLICIES; i++) {
		const char *v = region_printf(rg, "%s key%zu",
		    i % 2 == 0 ? "siphash" : "hmac-sha256", i / 2);

		is_int(privacy_parse(slice_of(v), rg, &p[i], &e), 0, v);
	}
	for (size_t i = 0; i < (size_t)20 * POLICIES; i++) {
		const char *who = people[i % 3];
		const struct privacy *policy = &p[(i * i / 5) % POLICIES];
		const char *rcpt = region_printf(rg, "%s@example.com", who);
		struct acct_record r = { .rcpt = rcpt };
		struct buf want = { 0 };

		privacy_digest(policy, slice_of(who), &want);
		buf_str(&want, "@example.com");
		privacy_apply(&keys, policy, rg, &r);
		right += strcmp(r.rcpt, buf_cstr(&want)) == 0;
		buf_fini(&want);
	}
	is_int((int64_t)right, (int64_t)20 * POLICIES,
	    "each has the hash of its policy");
	privacy_keys_fini(&keys);
}

/* A local part too long to be kept, between two that are the same. */
static void
test_long(struct region *rg)
{
	struct acct_record r = { .rcpt = "alice@x" };
	struct privacy_keys keys = { { NULL } };
	struct buf want = { 0 };
	char *local = region_zalloc(rg, 301);
	struct privacy p;
	struct err e;

	memset(local, 'a', 300);
	is_int(privacy_parse(SLICE_LIT("siphash openmta"), rg, &p, &e), 0, "p");
	privacy_apply(&keys, &p, rg, &r);
	r.rcpt = region_printf(rg, "%s@x", local);
	privacy_apply(&keys, &p, rg, &r);
	privacy_digest(&p, slice_of(local), &want);
	buf_str(&want, "@x");
	is_str(r.rcpt, buf_cstr(&want), "a local part of 300 bytes");
	r.rcpt = "alice@x";
	privacy_apply(&keys, &p, rg, &r);
	is_str(r.rcpt, "B8C20B1AC3BB95C1@x", "and the one before again");
	privacy_keys_fini(&keys);
	buf_fini(&want);
}

int
main(void)
{
	struct region *rg = region_new();

	test_values(rg);
	test_mistake_hides_key(rg);
	test_vectors(rg);
	test_texts(rg);
	test_addresses(rg);
	test_hash_stays(rg);
	test_many_keys(rg);
	test_long(rg);
	region_free(&rg);
	return done_testing();
}
