/* SPDX-License-Identifier: Apache-2.0 */
/* Who signs a message, and with which key, is said by queue and message. */
#include "vmta/signing.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "tests/conf_file.h"
#include "vmta/snapshot_signing.h"

#define FROM "From: \"A\" <a.b@example.net>\r\n"
#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static const char config[] =
    "domain-key s1, example.net, rsa.pem\n"
    "domain-key s2, example.net, ed.pem\n"
    "domain-key s3, sub.example.net, ed.pem\n"
    "domain-macro m one.example, two.example\n"
    "domain-key macro, $m, ed.pem\n"
    "<domain-key-list L1>\n domain-key l1, list.example, ed.pem\n"
    "</domain-key-list>\n"
    "<domain-key-list l1>\n domain-key l2, *, rsa.pem\n"
    "</domain-key-list>\n"
    "<virtual-mta v>\n domain-key v, example.net, ed.pem\n"
    " domain-key star, *, ed.pem\n</virtual-mta>\n"
    "<virtual-mta w>\n</virtual-mta>\n<virtual-mta x>\n</virtual-mta>\n"
    "<virtual-mta-pool p>\n virtual-mta w\n dkim-key ed.pem\n"
    " dkim-selector \"p, example.net\"\n</virtual-mta-pool>\n"
    "<virtual-mta-pool q>\n virtual-mta v\n virtual-mta x\n"
    " virtual-mta {default}\n</virtual-mta-pool>\n"
    "dkim-sign yes\n"
    "<domain no.example>\n dkim-sign false\n</domain>\n"
    "<domain news.example>\n dkim-identity News@Example.NET\n</domain>\n"
    "<domain all.example>\n dkim-identity EXAMPLE.net\n</domain>\n"
    "<domain back.example>\n dkim-identity @nokey.example\n"
    " dkim-identity-fallback Sender-Or-From\n</domain>\n"
    "<domain ed.example>\n dkim-algorithm ed25519-sha256\n"
    " second-dkim-sign yes\n second-dkim-algorithm rsa-sha256\n</domain>\n"
    "<domain twice.example>\n second-dkim-sign yes\n</domain>\n"
    "<domain other.example>\n second-dkim-sign yes\n"
    " second-dkim-body-canon simple\n</domain>\n"
    "<domain asked.example>\n dkim-sign if-x-dkim-options-present\n"
    "</domain>\n";

/* options: of the field; NULL: there is none.  signatures: s d i, each. */
static const struct {
	const char *label, *vmta, *domain, *header, *options, *signatures;
} cases[] = {
	{ "From", "", "x.y", FROM, NULL, "s1 example.net a.b@example.net;" },
	{ "Sender first", "", "x.y", "Sender: s@one.example\r\n" FROM, NULL,
	    "macro one.example s@one.example;" },
	{ "From where Sender has no key", "", "x.y",
	    "Sender: s@nokey.example\r\n" FROM, NULL,
	    "s1 example.net a.b@example.net;" },
	{ "neither has one", "", "x.y", "From: a@nokey.example\r\n", NULL, "" },
	{ "no From", "", "x.y", "Subject: x\r\n", NULL, "" },
	{ "no address", "", "x.y", "From: nobody\r\n", NULL, "" },
	{ "a local part in quotes is left out", "", "x.y",
	    "From: \"a b\"@example.net\r\n", NULL,
	    "s1 example.net @example.net;" },
	{ "and one that is not ASCII", "", "x.y",
	    "From: <gr\xc3\xbc\xc3\x9f@example.net>\r\n", NULL,
	    "s1 example.net @example.net;" },
	{ "the first key of the file, not the nearest", "", "x.y",
	    "From: a@sub.example.net\r\n", NULL,
	    "s1 example.net a@sub.example.net;" },
	{ "no key of a domain that only ends like it", "", "x.y",
	    "From: a@badexample.net\r\n", NULL, "" },
	{ "not signed there", "", "no.example", FROM, NULL, "" },
	{ "an identity", "", "news.example", FROM, NULL,
	    "s1 example.net News@example.net;" },
	{ "a domain as identity", "", "all.example", "From: a@b.example\r\n",
	    NULL, "s1 example.net @example.net;" },
	{ "fallback", "", "back.example", FROM, NULL,
	    "s1 example.net a.b@example.net;" },
	{ "a virtual MTA's key first", "v", "x.y", FROM, NULL,
	    "v example.net a.b@example.net;" },
	{ "its key for any domain", "v", "x.y", "From: a@one.example\r\n", NULL,
	    "star one.example a@one.example;" },
	{ "its pool's before the global ones", "w", "x.y", FROM, NULL,
	    "p example.net a.b@example.net;" },
	{ "the global ones of one without", "x", "x.y", FROM, NULL,
	    "s1 example.net a.b@example.net;" },
	{ "keys of a kind", "", "ed.example", FROM, NULL,
	    "s2 example.net a.b@example.net;s1 example.net a.b@example.net;" },
	{ "never the same twice", "", "twice.example", FROM, NULL,
	    "s1 example.net a.b@example.net;" },
	{ "but twice in two ways", "", "other.example", FROM, NULL,
	    "s1 example.net a.b@example.net;s1 example.net a.b@example.net;" },
	{ "only with options", "", "asked.example", FROM, NULL, "" },
	{ "with options", "", "asked.example", FROM, "",
	    "s1 example.net a.b@example.net;" },
	{ "selector", "", "x.y", FROM, "S=S2",
	    "s2 example.net a.b@example.net;" },
	{ "selector of a lower domain", "", "x.y",
	    "From: a@x.sub.example.net\r\n", " s = s3 ; ",
	    "s3 sub.example.net a@x.sub.example.net;" },
	{ "a selector that there is not", "", "x.y", FROM, "s=s9", "" },
	{ "domain", "", "x.y", FROM, "d=One.Example", "macro one.example -;" },
	{ "domain of the sender", "", "x.y", "From: a@b.one.example\r\n",
	    "d=one.example", "macro one.example a@b.one.example;" },
	{ "no key of a domain above it", "", "x.y", FROM, "d=a.one.example",
	    "" },
	{ "identity", "", "x.y", FROM, "i=z@one.example",
	    "macro one.example z@one.example;" },
	{ "not a stranger's identity", "", "x.y", FROM,
	    "i=z@one.example; d=two.example", "macro two.example -;" },
	{ "key list", "", "x.y", FROM, "key-list=L1",
	    "l2 example.net a.b@example.net;" },
	{ "both blocks of it", "", "x.y", "From: a@list.example\r\n",
	    "key-list=l1", "l1 list.example a@list.example;" },
	{ "one that there is not", "", "x.y", FROM, "key-list=l", "" },
	{ "not of the second signature", "", "other.example", FROM, "s=s2",
	    "s2 example.net a.b@example.net;s1 example.net a.b@example.net;" },
	{ "nonsense is passed over", "", "x.y", FROM,
	    ";;=;s=;d=..;i=x;s=a b;q=\x01;x=y;20200609pm",
	    "s1 example.net a.b@example.net;" },
};

static void
write_key(const char *name, size_t bits)
{
	EVP_PKEY *pkey = bits > 0 ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", bits) :
				    EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	FILE *f = fopen(conf_file_path(name), "w");

	if (pkey == NULL || f == NULL)
		abort();
	(void)PEM_write_PrivateKey(f, pkey, NULL, NULL, 0, NULL, NULL);
	(void)fclose(f);
	EVP_PKEY_free(pkey);
}

static const char *
shown(const struct signing *s, struct region *rg)
{
	const char *text = "";

	for (size_t i = 0; i < s->n; i++)
		text = region_printf(rg, "%s%s %s %s;", text, s->v[i].selector,
		    s->v[i].domain,
		    s->v[i].identity == NULL ? "-" : s->v[i].identity);
	return text;
}

static void
run(size_t i, const struct snapshot *conf, struct region *rg)
{
	struct header_list headers;
	struct signing_facts facts;
	struct signing_in in = { conf, &facts, cases[i].vmta, cases[i].domain };
	struct signing got, again;
	size_t at;

	header_parse(cases[i].header, strlen(cases[i].header), rg, &headers,
	    &at);
	signing_facts_read(&headers, signing_text(cases[i].options, false, rg),
	    rg, &facts);
	signing_find(&in, rg, &got);
	signing_find(&in, rg, &again);
	is_str(shown(&got, rg), cases[i].signatures, cases[i].label);
	if (!signing_equal(&got, &again))
		ok(false, "%s: not equal to itself", cases[i].label);
}

static void
test_alike(const struct snapshot *conf)
{
	size_t n = 0;
	const struct vmta *const *v = snapshot_pool_signers(conf, "q", &n);

	is_int((int64_t)n, 2, "members without keys stand for each other");
	is_str(n == 2 ? v[1]->name : "", "x", "the first of them");
	ok(snapshot_pool_signers(conf, "v", &n) == NULL, "not a pool");
}

static const struct {
	const char *lines, *said; /* NULL: it loads without a word */
} checks[] = {
	{ "dkim-key rsa.pem\ndkim-selector s, *\ndkim-sign yes\n", NULL },
	{ "dkim-key rsa.pem\n", "main:2: dkim-key: dkim-selector is needed" },
	{ "dkim-selector s, *\n", "main:2: dkim-selector: dkim-key is needed" },
	{ "dkim-key rsa.pem\ndkim-selector s\n",
	    "main:3: dkim-selector: SELECTOR, DOMAIN or *, FILE" },
	{ "dkim-key none.pem\ndkim-selector s, *\n", "main:2: domain-key: " },
	{ "<virtual-mta a>\n domain-key s, *, small.pem\n</virtual-mta>\n",
	    "main:3: domain-key: " },
	{ "domain-key s, *, weak.pem\n", "weak.pem has less than 2048 bits" },
	{ "<domain-key-list l>\n domain-key s, *, none.pem\n"
	  "</domain-key-list>\n",
	    "main:3: domain-key: " },
	{ "<domain a>\n dkim-sign perhaps\n</domain>\n",
	    "none of no|yes|if-x-dkim-options-present" },
	{ "<domain a>\n second-dkim-identity x\n</domain>\n",
	    "main:3: second-dkim-identity: \"x\" is neither an address" },
	{ "<domain a>\n dkim-query-method dns txt\n</domain>\n",
	    "main:3: dkim-query-method: \"dns txt\" is no query method" },
	{ "<domain a>\n dkim-query-method " HUNDRED HUNDRED HUNDRED
	  "\n</domain>\n",
	    "main:3: dkim-query-method: \"01234" },
	{ "<domain a>\n dkim-algorithm rsa-sha1\n</domain>\n",
	    "main:3: dkim-algorithm: nobody accepts rsa-sha1" },
	{ "<domain a>\n dkim-headers a b\n</domain>\n",
	    "main:3: dkim-headers: \"a b\" is not the name of" },
	{ "<domain a>\n dkim-headers /(/\n</domain>\n",
	    "main:3: dkim-headers: " },
	{ "<domain a>\n dkim-headers Received\n</domain>\n",
	    "main:3: dkim-headers: " },
	{ "<domain a>\n dkim-sign yes\n</domain>\n",
	    "main:2: dkim-sign yes, but there is no domain-key" },
	{ "<virtual-mta a>\n</virtual-mta>\n"
	  "<virtual-mta-pool p>\n virtual-mta a\n domain-key s, *, rsa.pem\n"
	  "</virtual-mta-pool>\n"
	  "<virtual-mta-pool q>\n virtual-mta a\n domain-key s, *, rsa.pem\n"
	  "</virtual-mta-pool>\n",
	    "a is in the pools p and q, which both have keys, limits or" },
};

static void
test_checks(struct region *rg)
{
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		struct conf_errors errs = { 0 };
		const char *said = checks[i].said;
		struct snapshot *s;

		conf_file_put("main",
		    region_printf(rg, "dsn-host localhost\n%s",
			checks[i].lines));
		s = snapshot_load(conf_file_path("main"), &errs);
		if (said == NULL)
			is_int((int64_t)errs.n, 0, checks[i].lines);
		else
			ok(conf_file_said(&errs, said), "%s", said);
		snapshot_unref(&s);
		conf_errors_fini(&errs);
	}
}

int
main(void)
{
	struct region *rg = region_new();
	struct conf_errors errs = { 0 };
	struct snapshot *conf;

	conf_file_begin();
	write_key("rsa.pem", 2048);
	write_key("weak.pem", 1024);
	write_key("small.pem", 768);
	write_key("ed.pem", 0);
	conf_file_put("main", config);
	conf = snapshot_load(conf_file_path("main"), &errs);
	if (ok(conf != NULL, "the configuration")) {
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
			run(i, conf, rg);
		test_alike(conf);
	} else {
		(void)conf_file_said(&errs, "");
	}
	snapshot_unref(&conf);
	conf_errors_fini(&errs);
	test_checks(rg);
	conf_file_end();
	region_free(&rg);
	return done_testing();
}
