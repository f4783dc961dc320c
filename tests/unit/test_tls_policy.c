/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a configuration asks of TLS with servers: mistakes are told at their
 * line, what protects is never left out in silence, and a connection that was
 * opened by other rules carries no mail by these.
 */
#include "vmta/tls_policy.h"

#include "lib/check.h"
#include "lib/str.h"
#include "tests/conf_file.h"
#include "tests/support/certs.h"
#include "vmta/snapshot.h"

#define IN(lines) "<domain x.com>\n" lines "\n</domain>"

static const struct {
	const char *text, *said;
} bad[] = {
	{ IN("smtp-tls-ca-file none.crt"), "main:2: smtp-tls-ca-file: " },
	{ IN("smtp-tls-ca-file none.crt"), "none.crt: No such file" },
	{ IN("smtp-tls-ca-file main"), "there is no certificate (PEM) in it" },
	{ IN("smtp-tls-ciphers X"),
	    "main:2: smtp-tls-ciphers: \"X\" names no cipher" },
	{ IN("smtp-tls-tlsv1.3-ciphersuites X"),
	    "main:2: smtp-tls-tlsv1.3-ciphersuites: \"X\" are no cipher" },
	{ IN("smtp-tls-allow-tlsv1 perhaps"),
	    "main:2: smtp-tls-allow-tlsv1: " },
	{ IN("smtp-tls-ca-file \"a\nsmtp-tls-ciphers \"b"),
	    "main:3: smtp-tls-ciphers: " },
	{ IN("smtp-tls-ca-file ca.crt\nsmtp-tls-cert-match nexthop\n"
	     "smtp-tls-cert-match dot-nexthop, *.x.com"),
	    "main:4: smtp-tls-cert-match: \"*.x.com\"" },
	{ IN("smtp-tls-cert-match nexthop"),
	    "main:2: smtp-tls-cert-match without smtp-tls-ca-file, for x.com/" },
	{ "<domain *>\nsmtp-tls-ca-file ca.crt\nsmtp-tls-cert-match a.com\n"
	  "</domain>\n" IN("smtp-tls-ca-file \"\""),
	    "main:6: smtp-tls-cert-match without smtp-tls-ca-file, for x.com/" },
	{ IN("require-starttls yes\nsmtp-tls-allow-tlsv1.2 no\n"
	     "smtp-tls-allow-tlsv1.3 no"),
	    "main:4: no version of TLS is allowed, for x.com/{default}: its "
	    "mail could never be sent" },
	{ IN("smtp-tls-allow-tlsv1.2 no\nsmtp-tls-allow-tlsv1.3 no\n"
	     "smtp-tls-allow-tlsv1 no\nsmtp-tls-allow-tlsv1.1 no"),
	    "main:5: no version of TLS is allowed, for x.com/{default}: write "
	    "use-starttls no" },
};

static void
test_bad(void)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct conf_errors errs = { 0 };
		struct snapshot *s;

		conf_file_put("main", bad[i].text);
		s = snapshot_load(conf_file_path("main"), &errs);
		ok(s == NULL && conf_file_said(&errs, bad[i].said), "said: %s",
		    bad[i].said);
		snapshot_unref(&s);
		conf_errors_fini(&errs);
	}
}

static struct snapshot *
load(const char *lines)
{
	struct conf_errors errs = { 0 };
	struct snapshot *s;
	struct buf text = { 0 };

	buf_printf(&text, IN("%s"), lines);
	conf_file_put("main", buf_cstr(&text));
	s = snapshot_load(conf_file_path("main"), &errs);
	CHECK(s != NULL);
	conf_errors_fini(&errs);
	buf_fini(&text);
	return s;
}

static const struct {
	const char *lines, *versions;
} allowed[] = {
	{ "", "10 11 12 13" },
	{ "require-starttls yes", "12 13" },
	{ "require-starttls yes\nsmtp-tls-allow-tlsv1.1 yes", "11 12 13" },
	{ "require-starttls yes\nsmtp-tls-allow-tlsv1 yes", "10 12 13" },
	{ "require-starttls yes\nsmtp-tls-allow-tlsv1.2 no", "13" },
	{ "smtp-tls-allow-tlsv1 no\nsmtp-tls-allow-tlsv1.3 no", "11 12 " },
	{ "smtp-tls-allow-tlsv1.1 no", "10 12 13" },
};

static void
test_allowed(void)
{
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		struct snapshot *s = load(allowed[i].lines);
		struct queue_conf q;
		struct tls_allowed may;
		char text[32];

		snapshot_queue_conf(s, "x.com", "", &q);
		may = tls_allowed(&q);
		(void)snprintf(text, sizeof(text), "%s%s%s%s",
		    may.tls10 ? "10 " : "", may.tls11 ? "11 " : "",
		    may.tls12 ? "12 " : "", may.tls13 ? "13" : "");
		is_str(text, allowed[i].versions, allowed[i].lines);
		snapshot_unref(&s);
	}
}

#define USER "auth-username office\nauth-password secret\n"

static const struct {
	const char *lines;
	bool guards, needed;
} needs[] = {
	{ "", false, false },
	{ "require-starttls yes", false, true },
	{ "smtp-tls-ca-file ca.crt", false, false },
	{ USER, false, false },
	{ USER "smtp-tls-ca-file ca.crt", true, true },
	{ USER "require-starttls yes", false, true },
};

/* Where a connection in clear is of no use nobody makes one. */
static void
test_needed(void)
{
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		struct snapshot *s = load(needs[i].lines);
		struct queue_conf q;

		snapshot_queue_conf(s, "x.com", "", &q);
		ok(tls_guards_user(&q) == needs[i].guards, "the user of \"%s\"",
		    needs[i].lines);
		ok(tls_is_needed(&q) == needs[i].needed, "TLS with \"%s\"",
		    needs[i].lines);
		snapshot_unref(&s);
	}
}

static const struct {
	const char *opened, *now;
	bool holds;
} changes[] = {
	{ "", "", true },
	{ "max-smtp-out 3", "max-smtp-out 4", true },
	{ "", "require-starttls yes", false },
	{ "require-starttls yes", "", false },
	{ "use-starttls no", "", false },
	{ "", "smtp-tls-ca-file ca.crt", false },
	{ "smtp-tls-ca-file ca.crt", "", false },
	{ "smtp-tls-ca-file ca.crt", "smtp-tls-ca-file ca.crt", false },
	{ "", "smtp-tls-allow-tlsv1 no", false },
	{ "", "smtp-tls-allow-tlsv1.1 no", false },
	{ "", "smtp-tls-allow-tlsv1.2 no", false },
	{ "", "smtp-tls-allow-tlsv1.3 no", false },
	{ "", "smtp-tls-ciphers HIGH", false },
	{ "smtp-tls-ciphers HIGH", "smtp-tls-ciphers HIGH", true },
	{ "", "smtp-tls-tlsv1.3-ciphersuites TLS_AES_256_GCM_SHA384", false },
};

static void
test_holds(void)
{
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct snapshot *opened = load(changes[i].opened);
		struct snapshot *now = load(changes[i].now);
		struct queue_conf a, b;

		snapshot_queue_conf(opened, "x.com", "", &a);
		snapshot_queue_conf(now, "x.com", "", &b);
		ok(tls_policy_holds(&a, &b) == changes[i].holds,
		    "\"%s\" to \"%s\"", changes[i].opened, changes[i].now);
		snapshot_unref(&opened);
		snapshot_unref(&now);
	}
}

#define CA "smtp-tls-ca-file ca.crt\n"

static const struct {
	const char *a, *b;
	bool both;
} pairs[] = {
	{ CA, CA, true },
	{ CA, "", true },
	{ "", CA, true },
	{ CA, "smtp-tls-ca-file system", false },
	{ CA "smtp-tls-cert-match a.example", CA, false },
	{ CA "smtp-tls-cert-match a.example",
	    CA "smtp-tls-cert-match b.example", false },
	{ CA "smtp-tls-cert-match a.example", "", true },
	{ CA "smtp-tls-cert-match a.example, b.example",
	    CA "smtp-tls-cert-match a.example, b.example", true },
};

/* One certificate has to do for both. */
static void
test_tighten(void)
{
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct snapshot *one = load(pairs[i].a);
		struct snapshot *other = load(pairs[i].b);
		struct queue_conf a, b;

		snapshot_queue_conf(one, "x.com", "", &a);
		snapshot_queue_conf(other, "x.com", "", &b);
		ok(tls_policy_tighten(&a, &b) == pairs[i].both,
		    "a certificate for both, %zu", i);
		snapshot_unref(&one);
		snapshot_unref(&other);
	}
}

/* A file that several blocks name is read once; what names none asks none. */
static void
test_trust(void)
{
	struct snapshot *s = load("smtp-tls-ca-file ca.crt\n</domain>\n"
				  "<domain y.com>\nsmtp-tls-ca-file ca.crt\n"
				  "</domain>\n<domain z.com>\n");
	struct queue_conf x, y, z;

	snapshot_queue_conf(s, "x.com", "", &x);
	snapshot_queue_conf(s, "y.com", "", &y);
	snapshot_queue_conf(s, "z.com", "", &z);
	ok(snapshot_tls_trust(s, x.smtp_tls_authorities) != NULL, "a file");
	ok(snapshot_tls_trust(s, x.smtp_tls_authorities) ==
		snapshot_tls_trust(s, y.smtp_tls_authorities),
	    "the same one");
	ok(snapshot_tls_trust(s, z.smtp_tls_authorities) == NULL, "none");
	snapshot_unref(&s);
}

int
main(void)
{
	struct cert authority;

	conf_file_begin();
	cert_make(&(struct cert_wish){ .names = { slice_of("authority") } },
	    &authority);
	cert_write(&authority, conf_file_path("ca.crt"), true, false);
	test_bad();
	test_allowed();
	test_needed();
	test_holds();
	test_tighten();
	test_trust();
	cert_free(&authority);
	conf_file_end();
	return done_testing();
}
