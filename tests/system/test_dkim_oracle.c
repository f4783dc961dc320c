/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Other people's verifiers accept our signatures, on the oddest messages.
 *
 * Signs each message, writes it to a directory beside the key's DNS record and
 * gives way to dkim_oracle.py, which asks dkimpy and Mail::DKIM and removes
 * the directory.
 */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base64.h"
#include "mail/canon.h"
#include "mail/dkim_sign.h"

#define RANDOM_COUNT 200
#define BODY "one\r\ntwo\r\n"
#define FROM "From: A <a@example.net>\r\n"

static const struct {
	const char *label, *text;
} odd[] = {
	{ "plain",
	    FROM "To: b@d\r\nSubject: hi\r\nDate: x\r\n"
		 "Message-ID: <1@d>\r\n\r\n" BODY },
	{ "empty-body", FROM "\r\n" },
	{ "no-body-at-all", FROM },
	{ "one-empty-line", FROM "\r\n\r\n" },
	{ "trailing-empty-lines", FROM "\r\n" BODY "\r\n\r\n\r\n" },
	{ "trailing-blank-lines", FROM "\r\n" BODY " \r\n\t \r\n  \r\n" },
	{ "blanks-only-body", FROM "\r\n   \r\n\t\r\n" },
	{ "blanks-at-line-ends", FROM "\r\na \r\nb\t\r\nc \t \r\n" },
	{ "blanks-inside", FROM "\r\na  b\tc \t d\r\n" },
	{ "blanks-in-front", FROM "\r\n a\r\n\tb\r\n  c\r\n" },
	{ "dots", FROM "\r\n.\r\n..\r\n.a\r\n" },
	{ "fold-behind-colon", FROM "Subject:\r\n hi\r\n\r\n" BODY },
	{ "many-folds", FROM "Subject: a\r\n b\r\n\tc\r\n  d\r\n\r\n" BODY },
	{ "fold-with-blanks",
	    FROM "Subject: a \r\n \t b\t\r\n c\r\n\r\n" BODY },
	{ "no-blank-behind-colon",
	    "From:a@example.net\r\nSubject:x\r\n\r\n" BODY },
	{ "many-blanks-behind-colon", FROM "Subject:    x  y\r\n\r\n" BODY },
	{ "empty-subject", FROM "Subject:\r\n\r\n" BODY },
	{ "blank-subject", FROM "Subject:   \r\n\r\n" BODY },
	{ "upper-case-names",
	    "FROM: a@example.net\r\nSUBJECT: X\r\n\r\n" BODY },
	{ "8-bit-header", FROM "Subject: \xc3\xa4\xff  \x80\r\n\r\n" BODY },
	{ "8-bit-body", FROM "\r\n\xc3\xa4 \xff  \x80\r\n" },
	{ "two-subjects", FROM "Subject: 1\r\nSubject: 2\r\n\r\n" BODY },
	{ "three-to-around",
	    "To: 1@d\r\n" FROM "To: 2@d\r\nCc: c@d\r\n"
	    "To: 3@d\r\n\r\n" BODY },
	{ "two-from", FROM "From: b@example.net\r\n\r\n" BODY },
	{ "bulk",
	    FROM "List-Unsubscribe: <https://x/?a=b;c=d>\r\n"
		 "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
		 "List-Id: <l.example.net>\r\nFeedback-ID: a:b:c\r\n"
		 "\r\n" BODY },
	{ "mime",
	    FROM "MIME-Version: 1.0\r\n"
		 "Content-Type: multipart/mixed;\r\n\tboundary=\"x\"\r\n"
		 "Content-Transfer-Encoding: 8bit\r\n\r\n"
		 "--x\r\n\r\na\r\n--x--\r\n" },
	{ "other-signature",
	    "DKIM-Signature: v=1; a=rsa-sha256; d=o.example;"
	    " s=x; h=From; bh=; b=\r\n" FROM "\r\n" BODY },
	{ "no-final-line-end", FROM "\r\none\r\ntwo" },
};

static uint64_t seed = UINT64_C(0x9e3779b97f4a7c15);

/* xorshift: the same messages in every run. */
static unsigned
below(unsigned n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed % n);
}

static const char *
one_of(const char *const *v, unsigned n)
{
	return v[below(n)];
}

static void
add_words(struct buf *b, bool header)
{
	static const char *const words[] = { "a", "word", "\xc3\xa4",
		"=?utf-8?q?x?=", "\"", ";", ":", "\x80\xff", "0123456789",
		"<x@y>", "." };
	static const char *const blanks[] = { " ", " ", " ", "\t", "  ", " \t",
		"" };
	unsigned n = below(12);

	for (unsigned i = 0; i < n; i++) {
		buf_str(b, one_of(blanks, 7));
		if (header && below(5) == 0 && i > 0)
			buf_str(b, below(2) == 0 ? "\r\n\t" : " \r\n  ");
		buf_str(b, one_of(words, 11));
	}
	if (!header || n > 0)
		buf_str(b, one_of(blanks, 7));
}

static void
add_fields(struct buf *b)
{
	static const char *const names[] = { "Subject", "To", "Cc", "X-Any",
		"Received", "Reply-To", "Message-ID", "List-Help", "date",
		"Content-TYPE", "Resent-To", "Sender", "References" };
	unsigned before = below(6), after = below(6);

	for (unsigned i = 0; i < before + after; i++) {
		if (i == before)
			buf_str(b, FROM);
		buf_str(b, one_of(names, 13));
		buf_str(b, ":");
		add_words(b, true);
		buf_str(b, "\r\n");
	}
	if (after == 0)
		buf_str(b, FROM);
}

static void
add_body(struct buf *b)
{
	unsigned lines = below(20);

	for (unsigned i = 0; i < lines; i++) {
		if (below(3) != 0)
			add_words(b, false);
		buf_str(b, "\r\n");
	}
	/* A message on the wire always ends in a CRLF. */
	if (below(8) == 0) {
		for (unsigned i = 0; i < 3000; i++)
			buf_str(b, below(2) == 0 ? "xy " : "\tz");
		buf_str(b, "\r\n");
	}
}

static void
add_large(struct buf *b, unsigned which)
{
	buf_str(b, FROM);
	for (unsigned i = 0; which == 0 && i < 1500; i++)
		buf_printf(b, "X-%u: %u\r\nReferences: <%u@x>\r\n", i, i, i);
	if (which == 1) {
		buf_str(b, "Subject: ");
		for (unsigned i = 0; i < 20000; i++)
			buf_str(b, i % 10 == 9 ? "word\r\n " : "word ");
		buf_str(b, "end\r\n");
	}
	buf_str(b, "\r\n");
	for (unsigned i = 0; which == 2 && i < 100000; i++)
		buf_byte(b, i % 7 == 0 ? ' ' : 'x');
	if (which == 3)
		buf_add(b, "a\0b \0\r\n", 7);
	buf_str(b, "\r\n");
}

static int
write_file(const char *dir, unsigned number, const char *label,
    const struct buf *text)
{
	char path[256];
	FILE *f;
	bool good;

	(void)snprintf(path, sizeof(path), "%s/%03u-%s.eml", dir, number,
	    label);
	f = fopen(path, "w");
	if (f == NULL)
		return -1;
	good = fwrite(text->p, 1, text->len, f) == text->len;
	return fclose(f) == 0 && good ? 0 : -1;
}

static const struct dkim_sign_opts opts = {
	.header_canon = CANON_RELAXED,
	.body_canon = CANON_RELAXED,
	.query_method = "",
};

static int
sign_to(const char *dir, const struct dkim_key *key, const char *label,
    const struct buf *text)
{
	static unsigned number;
	struct region *rg = region_new();
	struct canon_body *body = canon_body_new();
	struct header_list headers;
	struct dkim_sign_in in = { .key = key,
		.selector = "s1",
		.domain = "example.net",
		.opts = &opts,
		.headers = &headers };
	struct buf out = { 0 };
	const char *value;
	struct err e;
	size_t at;
	int rc = -1;

	header_parse(text->p, text->len, rg, &headers, &at);
	canon_body_add(body, text->p + at, text->len - at);
	canon_body_finish(body);
	in.body_hash = canon_body_hash(body, CANON_RELAXED);
	value = dkim_sign(&in, rg, &e);
	if (value != NULL) {
		buf_printf(&out, DKIM_HEADER ": %s\r\n", value);
		buf_add(&out, text->p, text->len);
		rc = write_file(dir, ++number, label, &out);
	}
	buf_fini(&out);
	canon_body_free(&body);
	region_free(&rg);
	return rc;
}

/* The key for us, and its public half as the record of s1._domainkey. */
static struct dkim_key *
make_key(const char *dir)
{
	EVP_PKEY *pkey = EVP_RSA_gen(2048);
	struct dkim_key *key = NULL;
	struct buf record = { 0 };
	unsigned char *der = NULL;
	char path[256];
	int len = i2d_PUBKEY(pkey, &der);
	struct err e;
	bool weak;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/key.pem", dir);
	f = fopen(path, "w");
	if (f != NULL) {
		(void)PEM_write_PrivateKey(f, pkey, NULL, NULL, 0, NULL, NULL);
		(void)fclose(f);
		(void)dkim_key_read(path, &key, &weak, &e);
	}
	(void)snprintf(path, sizeof(path), "%s/record", dir);
	f = fopen(path, "w");
	if (f != NULL && len > 0) {
		base64_add(&record, der, (size_t)len);
		(void)fprintf(f, "v=DKIM1; k=rsa; p=%s", buf_cstr(&record));
		(void)fclose(f);
	}
	buf_fini(&record);
	OPENSSL_free(der);
	EVP_PKEY_free(pkey);
	return key;
}

static int
sign_all(const char *dir, const struct dkim_key *key)
{
	static const char *const large[] = { "1500-fields", "huge-field",
		"huge-line", "nul-bytes" };
	struct buf text = { 0 };
	int rc = 0;

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		buf_clear(&text);
		buf_str(&text, odd[i].text);
		rc |= sign_to(dir, key, odd[i].label, &text);
	}
	for (unsigned i = 0; i < 4; i++) {
		buf_clear(&text);
		add_large(&text, i);
		rc |= sign_to(dir, key, large[i], &text);
	}
	for (unsigned i = 0; i < RANDOM_COUNT; i++) {
		buf_clear(&text);
		add_fields(&text);
		buf_str(&text, "\r\n");
		add_body(&text);
		rc |= sign_to(dir, key, "random", &text);
	}
	buf_fini(&text);
	return rc;
}

int
main(void)
{
	char dir[] = "/tmp/mailrace-oracle-XXXXXX", script[512];
	const char *top = getenv("top_srcdir");
	struct dkim_key *key;

	if (top == NULL || mkdtemp(dir) == NULL) {
		(void)printf("1..0 # SKIP top_srcdir is not set\n");
		return 0;
	}
	key = make_key(dir);
	if (key == NULL || sign_all(dir, key) != 0) {
		(void)printf("Bail out!  cannot sign into %s\n", dir);
		return 1;
	}
	dkim_key_free(&key);
	(void)snprintf(script, sizeof(script), "%s/tests/system/dkim_oracle.py",
	    top);
	(void)fflush(stdout);
	(void)execl("/usr/bin/python3", "python3", script, dir, (char *)NULL);
	(void)printf("Bail out!  no /usr/bin/python3\n");
	return 1;
}
