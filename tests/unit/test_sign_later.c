/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is kept at intake is what a signature at delivery needs: it is the one
 * that would have been made then, and takes no more room than was said.
 */
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "mail/dkim_sign.h"
#include "tests/conf_file.h"
#include "tests/tap.h"
#include "transport/sign_later.h"
#include "vmta/signing.h"

#define LONG_NAME "a23456789-123456789-123456789-123456789-123456789-12345"
#define LONG_DOMAIN LONG_NAME "." LONG_NAME "." LONG_NAME ".example"

enum { X_DIGIT = 1 }; /* x= of the latest time has one more */

static const char with_keys[] =
    "dsn-host localhost\n"
    "include-headers-from more\n"
    "<domain wish.example>\n remove-header x-cee,Received\n</domain>\n"
    "domain-key s1, example.net, rsa.pem\n"
    "domain-key " LONG_NAME ", " LONG_DOMAIN ", large.pem\n"
    "<domain *>\n dkim-sign yes\n</domain>\n"
    "<domain none.example>\n dkim-sign no\n</domain>\n"
    "<domain all.example>\n dkim-add-timestamp yes\n"
    " dkim-expire-after 30d\n dkim-add-body-limit yes\n"
    " dkim-query-method " LONG_DOMAIN "." LONG_NAME "\n"
    " dkim-headers X-A,X-B,/^X-C/\n"
    " dkim-disallow-adding-headers From,To,Cc,Subject,Date,Reply-To,"
    "Message-ID,MIME-Version,Content-Type,Content-Transfer-Encoding,"
    "List-Unsubscribe,List-Unsubscribe-Post,List-Id,Feedback-ID,Sender,"
    "In-Reply-To,References\n"
    " second-dkim-sign yes\n second-dkim-headers-canon simple\n</domain>\n";

/* Those who sign with the second key only. */
static const char without_keys[] =
    "dsn-host localhost\n"
    "domain-key s1, example.org, rsa.pem\n"
    "<domain *>\n dkim-sign yes\n</domain>\n"
    "<domain none.example>\n dkim-sign no\n</domain>\n";

static const char text[] = "From: <a@%s>\r\nTo: b@x.example\r\nX-A: 1\r\n"
			   "X-B: 2\r\nX-Cee: 3\r\nX-Cee: 4\r\nSubject: x\r\n"
			   "\r\nHello. \r\n\r\n";

static const char more[] = "List-Help: <mailto:h@example.net>\nX-More: 1\n";

static struct region *rg;

static void
write_key(const char *name, size_t bits)
{
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", bits);
	FILE *f = fopen(conf_file_path(name), "w");

	if (pkey == NULL || f == NULL)
		abort();
	(void)PEM_write_PrivateKey(f, pkey, NULL, NULL, 0, NULL, NULL);
	(void)fclose(f);
	EVP_PKEY_free(pkey);
}

static struct snapshot *
load(const char *config)
{
	struct conf_errors errs = { 0 };
	struct snapshot *s;

	conf_file_put("main", config);
	s = snapshot_load(conf_file_path("main"), &errs);
	if (s == NULL)
		(void)conf_file_said(&errs, "");
	conf_errors_fini(&errs);
	return s;
}

static struct body *
message_from(const char *domain)
{
	const char *p = region_printf(rg, text, domain);
	struct body *b = body_new((uint32_t)strlen(p));

	memcpy(b->bytes, p, b->len);
	return b;
}

/* Of a message to two recipients at the domain. */
static const struct env_signing *
keep_with(const char *how, const struct snapshot *conf, const struct body *b,
    const char *domain, uint8_t counts[2])
{
	const struct letter_way way = { "", "" };
	const struct letter_way *const ways[] = { &way, &way };
	const char *const domains[] = { domain, domain };
	struct sign_later_keep in = { .conf = conf,
		.text = how,
		.domains = domains,
		.ways = ways,
		.rcpt_count = 2 };
	const struct env_signing *kept;
	struct header_list headers;
	size_t at;

	header_parse(b->bytes, b->len, rg, &headers, &at);
	in.headers = &headers;
	in.body = canon_body_of(b->bytes + at, b->len - at);
	kept = sign_later_keep(&in, rg, counts);
	canon_body_free(&in.body);
	return kept;
}

static const struct env_signing *
keep(const struct snapshot *conf, const struct body *b, const char *domain,
    uint8_t counts[2])
{
	return keep_with("", conf, b, domain, counts);
}

static int
make(const struct snapshot *conf, const struct env_signing *kept,
    const struct body *b, const char *domain, struct ready_header *header,
    struct err *e)
{
	struct queue_conf queue;
	struct sign_later_in in = { .conf = conf,
		.queue = &queue,
		.domain = domain,
		.vmta = "{default}",
		.signing = kept,
		.body = b,
		.wanted = 1,
		.now_s = 1700000000 };

	snapshot_queue_conf(conf, domain, "", &queue);
	return sign_later(&in, rg, header, e);
}

/* The signature that policy would have made. */
static const char *
at_intake(const struct snapshot *conf, const struct body *b, const char *domain)
{
	struct header_list headers;
	struct signing_facts facts;
	struct signing s;
	struct signing_in find = { conf, &facts, "", domain };
	const char *values[SIGNATURES_MAX];
	struct canon_body *c;
	struct err e;
	size_t at;

	header_parse(b->bytes, b->len, rg, &headers, &at);
	c = canon_body_of(b->bytes + at, b->len - at);
	signing_facts_read(&headers, "", rg, &facts);
	signing_find(&find, rg, &s);
	if (s.n == 0 ||
	    signing_make(&s,
		&(struct signing_make_in){ .headers = &headers,
		    .body_hash = { canon_body_hash(c, CANON_SIMPLE),
			canon_body_hash(c, CANON_RELAXED) },
		    .body_len = { canon_body_len(c, CANON_SIMPLE),
			canon_body_len(c, CANON_RELAXED) },
		    .now_s = 1700000000 },
		rg, values, &e) == -1)
		values[0] = "none";
	canon_body_free(&c);
	return values[0];
}

static void
test_same(const struct snapshot *conf)
{
	struct body *b = message_from("example.net");
	const struct env_signing *kept;
	struct ready_header header;
	uint8_t counts[2];
	struct err e;

	kept = keep(conf, b, "x.example", counts);
	ok(counts[0] == 1 && counts[1] == 1, "one signature for each");
	ok(make(conf, kept, b, "x.example", &header, &e) == 0 &&
		slice_eq(header.text,
		    REGION_JOIN(rg, DKIM_HEADER ": ",
			at_intake(conf, b, "x.example"), "\r\n")),
	    "it is the one that intake would have made");
	(void)keep(conf, b, "none.example", counts);
	is_int(counts[0], 0, "none where none is wanted");
	ok(make(conf, kept, b, "none.example", &header, &e) == 0 &&
		header.text.len == 0,
	    "nor at delivery, also if there was to be one");
	body_unref(&b);
}

static void
test_room(const struct snapshot *conf)
{
	struct body *b = message_from("news." LONG_DOMAIN);
	const struct env_signing *kept;
	struct ready_header header;
	uint8_t counts[2];
	struct err e;

	kept = keep(conf, b, "all.example", counts);
	is_int(counts[0], 2, "two signatures");
	is_int(make(conf, kept, b, "all.example", &header, &e), 0, "signed");
	ok(header.text.len <= kept->room &&
		kept->room <= header.text.len + X_DIGIT,
	    "of 4096 bits with all there is: %zu octets, room for %u",
	    header.text.len, (unsigned)kept->room);
	body_unref(&b);
}

static void
test_gone(const struct snapshot *conf, const struct snapshot *gone)
{
	struct body *b = message_from("example.net");
	const struct env_signing *kept;
	struct ready_header header;
	uint8_t counts[2];
	struct err e;

	kept = keep(conf, b, "x.example", counts);
	ok(make(gone, kept, b, "x.example", &header, &e) == -1,
	    "without a key any more: %s", e.text);
	ok(make(gone, kept, b, "none.example", &header, &e) == 0 &&
		header.text.len == 0,
	    "which is no matter where none is wanted");
	body_unref(&b);
}

/* It goes into a mark and an envelope, whoever wrote it. */
static void
test_text(void)
{
	static char huge[70000];
	struct header_list none = { 0 };
	struct signing_facts facts;
	const char *got;

	memset(huge, 'x', sizeof(huge) - 1);
	memcpy(huge, "s=s1;", 5);
	huge[sizeof(huge) - 1] = '\0';
	got = signing_text(huge, true, rg);
	is_str(got, "-:", "options of 70,000 bytes: that there are some");
	huge[SIGNING_TEXT_MAX - 2] = '\0';
	got = signing_text(huge, true, rg);
	is_int((int64_t)strlen(got), SIGNING_TEXT_MAX, "the longest");
	signing_facts_read(&none, got, rg, &facts);
	is_str(facts.s, "s1", "is read");
}

/* A new header in place of the stored one: e, below our own first field: t. */
static void
test_wishes(const struct snapshot *conf)
{
	static const char stored[] =
	    "Received: ours\r\nFrom: <a@example.net>\r\nX-Cee: 1\r\n"
	    "Received: theirs\r\nX-CEE:\r\n 2\r\nSubject: x\r\n\r\nHello.\r\n";
	struct body *b = body_new(sizeof(stored) - 1);
	const struct env_signing *kept;
	struct ready_header header;
	const char *sent, *end;
	uint8_t counts[2];
	struct err e;

	memcpy(b->bytes, stored, b->len);
	kept = keep_with("et", conf, b, "wish.example", counts);
	is_int(counts[0], 1, "one signature");
	is_int(make(conf, kept, b, "wish.example", &header, &e), 0, "made");
	is_str(stored + header.skip, "Hello.\r\n", "up to the body");
	sent = region_strndup(rg, header.text.p, header.text.len);
	ok(strncmp(sent, "Received: ours\r\nDKIM-Signature: ", 32) == 0,
	    "our Received on top, then the signature");
	end = strstr(sent, "\r\nList-Help: <");
	is_str(end == NULL ? NULL : end + 2,
	    "List-Help: <mailto:h@example.net>\r\nX-More: 1\r\n"
	    "From: <a@example.net>\r\nSubject: x\r\n\r\n",
	    "what comes, and what is left");
	ok(header.text.len - header.skip <= kept->room, "%zu more, room for %u",
	    header.text.len - header.skip, (unsigned)kept->room);
	kept = keep(conf, b, "wish.example", counts);
	is_int(make(conf, kept, b, "wish.example", &header, &e), 0,
	    "not asked for");
	ok(header.skip == 0, "nothing but a signature goes in front");
	body_unref(&b);
}

int
main(void)
{
	struct snapshot *conf, *gone;

	rg = region_new();
	conf_file_begin();
	test_text();
	write_key("rsa.pem", 2048);
	write_key("large.pem", 4096);
	conf_file_put("more", more);
	conf = load(with_keys);
	gone = load(without_keys);
	if (ok(conf != NULL && gone != NULL, "the configurations")) {
		test_same(conf);
		test_room(conf);
		test_gone(conf, gone);
		test_wishes(conf);
	}
	snapshot_unref(&conf);
	snapshot_unref(&gone);
	conf_file_end();
	region_free(&rg);
	return done_testing();
}
