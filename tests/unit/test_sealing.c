/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a message is sealed, and by which key, is what its source, its
 * virtual MTA and the domains of its recipients say; what cannot work is told
 * at load.
 */
#include "vmta/sealing.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include "tests/conf_file.h"

#define KEY(s) "arc-key " s ", a.example, rsa.pem\n"

static const struct {
	const char *label, *config, *error;
} bad[] = {
	{ "no key", "authserv-id mx\n<source 0/0>\narc-seal yes\n</source>\n",
	    "arc-seal: there is no arc-key" },
	{ "no id", "<source 0/0>\narc-seal yes\n" KEY("s1") "</source>\n",
	    "arc-seal: authserv-id is needed, too" },
	{ "an id that is none", "authserv-id \"mx a\"\n",
	    "authserv-id: \"mx a\" is no authserv-id" },
	{ "a key for all domains",
	    "<domain a.example>\narc-key s1, *, rsa.pem\n</domain>\n",
	    "arc-key: SELECTOR, DOMAIN, FILE is needed" },
	{ "a key without a file",
	    "<domain a.example>\narc-key s1, a.example\n</domain>\n",
	    "arc-key: SELECTOR, DOMAIN or *, FILE is needed" },
	{ "a file that is not there",
	    "<virtual-mta v>\narc-key s1, a.example, none.pem\n"
	    "</virtual-mta>\n",
	    "arc-key: " },
	{ "an Ed25519 key",
	    "<virtual-mta v>\narc-key s1, a.example, ed.pem\n</virtual-mta>\n",
	    "is no RSA key" },
};

static const char config[] =
    "authserv-id mx.example\n"
    "<domain d.example>\narc-seal yes\n" KEY(
	"sd") "</domain>\n"
	      "<domain key.example>\n" KEY(
		  "sk") "</domain>\n"
			"<virtual-mta v>\nsmtp-source-host 127.0.0.1 v.example\narc-seal yes\n" KEY(
			    "sv") "<domain off.example>\narc-seal no\n</domain>\n</virtual-mta>\n"
				  "<virtual-mta plain>\nsmtp-source-host 127.0.0.1 p.example\n"
				  "</virtual-mta>\n"
				  "<source 10.0.0.1>\ndefault-virtual-mta v\n</source>\n"
				  "<source 10.0.0.2>\ndefault-virtual-mta plain\narc-seal yes\n" KEY(
				      "ss") "</source>\n"
					    "<source 10.0.0.3>\ncheck-arc-inbound yes\n</source>\n";

static const struct {
	const char *label, *client, *rcpt;
	bool check, seal;
	const char *selector; /* NULL: no key */
} cases[] = {
	{ "nobody says so", "10.0.0.9", "x@other.example", false, false, NULL },
	{ "the domain", "10.0.0.9", "x@d.example", false, true, "sd" },
	{ "a key alone is no wish", "10.0.0.9", "x@key.example", false, false,
	    "sk" },
	{ "the virtual MTA", "10.0.0.1", "x@other.example", false, true, "sv" },
	{ "the domain's key comes first", "10.0.0.1", "x@d.example", false,
	    true, "sd" },
	{ "no in one place is no veto", "10.0.0.1", "x@off.example", false,
	    true, "sv" },
	{ "the source", "10.0.0.2", "x@other.example", false, true, "ss" },
	{ "the source, with the key of the domain", "10.0.0.2", "x@key.example",
	    false, true, "sk" },
	{ "only checked", "10.0.0.3", "x@other.example", true, false, NULL },
	{ "checked and sealed", "10.0.0.3", "x@d.example", true, true, "sd" },
};

static void
put_key(const char *name, const char *kind)
{
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, kind, (size_t)2048);
	FILE *f = fopen(conf_file_path(name), "w");

	if (f == NULL ||
	    PEM_write_PrivateKey(f, pkey, NULL, NULL, 0, NULL, NULL) != 1)
		abort();
	(void)fclose(f);
	EVP_PKEY_free(pkey);
}

static void
test_bad(void)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct conf_errors errs = { 0 };
		struct snapshot *s;

		conf_file_put("main", bad[i].config);
		s = snapshot_load(conf_file_path("main"), &errs);
		ok(s == NULL && conf_file_said(&errs, bad[i].error), "%s",
		    bad[i].label);
		snapshot_unref(&s);
		conf_errors_fini(&errs);
	}
}

static void
find(const struct snapshot *s, const char *client, const char *rcpt,
    struct region *rg, struct sealing *out)
{
	struct header_list none = { 0 };
	struct policy_in in = { .conf = s,
		.sender = "a@b.example",
		.rcpts = &rcpt,
		.rcpt_count = 1,
		.headers = &none };
	struct policy_out assigned;
	struct err e;

	(void)net_addr_parse(slice_of(client), &in.client, &e);
	policy_assign(&in, rg, &assigned);
	sealing_find(&in, &assigned, rg, out);
}

static void
test_case(const struct snapshot *s, size_t i, struct region *rg)
{
	struct sealing got;

	find(s, cases[i].client, cases[i].rcpt, rg, &got);
	ok(got.check == cases[i].check && got.seal == cases[i].seal &&
		(cases[i].selector == NULL ? got.key == NULL :
					     got.key != NULL &&
			    strcmp(got.key->selector, cases[i].selector) == 0),
	    "%s: %d %d %s", cases[i].label, got.check, got.seal,
	    got.key == NULL ? "-" : got.key->selector);
}

/* A relative path begins at the file that it stands in. */
static void
test_folders(struct region *rg)
{
	struct conf_errors errs = { .portable = true };
	struct sealing here, below;
	struct snapshot *s;

	(void)mkdir(conf_file_path("sub"), 0700);
	put_key("sub/rsa.pem", "RSA");
	conf_file_put("sub/more",
	    "<source 10.0.0.2>\narc-seal yes\n" KEY("s") "</source>\n");
	conf_file_put("main",
	    "authserv-id mx.example\nmark-key-file /mark\n"
	    "<source 10.0.0.1>\ncheck-arc-inbound yes\n" KEY(
		"s") "arc-seal yes\n</source>\n"
		     "include sub/more\n");
	s = snapshot_load(conf_file_path("main"), &errs);
	if (ok(s != NULL, "two folders")) {
		find(s, "10.0.0.1", "x@a.example", rg, &here);
		find(s, "10.0.0.2", "x@a.example", rg, &below);
		ok(here.key != NULL && below.key != NULL &&
			here.key->key != below.key->key,
		    "with a key of the same name in each");
	} else {
		(void)conf_file_said(&errs, "nothing");
	}
	snapshot_unref(&s);
	conf_errors_fini(&errs);
	(void)unlink(conf_file_path("sub/more"));
	(void)unlink(conf_file_path("sub/rsa.pem"));
	(void)rmdir(conf_file_path("sub"));
}

int
main(void)
{
	struct conf_errors errs = { .portable = true };
	struct region *rg = region_new();
	struct snapshot *s;

	conf_file_begin();
	put_key("rsa.pem", "RSA");
	put_key("ed.pem", "ED25519");
	test_bad();
	test_folders(rg);
	conf_file_put("main", config);
	s = snapshot_load(conf_file_path("main"), &errs);
	if (!ok(s != NULL, "it loads"))
		(void)conf_file_said(&errs, "nothing");
	for (size_t i = 0; s != NULL && i < sizeof(cases) / sizeof(cases[0]);
	     i++)
		test_case(s, i, rg);
	snapshot_unref(&s);
	conf_errors_fini(&errs);
	conf_file_end();
	region_free(&rg);
	return done_testing();
}
