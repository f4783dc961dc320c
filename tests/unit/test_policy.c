/* SPDX-License-Identifier: Apache-2.0 */
/* At intake a message gets its virtual MTA, job and signature, by its source. */
#include "vmta/policy.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/str.h"
#include "mail/canon.h"
#include "mail/dkim_sign.h"
#include "tests/tap.h"
#include "vmta/assign.h"

#define SHOWN "vmta=%s job=%s removed=%s prio=%d add=%d unknown=%s trouble=%s"
#define SIGNED "From: a@example.net\r\n"
#define OLD "DKIM-Signature: v=1; d=example.net; s=s1\r\n"

static const char config[] =
    "domain-key s1, example.net, %s/key\n"
    "<virtual-mta ip1>\n  smtp-source-host 127.0.0.1 one.example\n"
    "</virtual-mta>\n"
    "<virtual-mta Ip2>\n  smtp-source-host 127.0.0.2 two.example\n"
    "  <domain own.example>\n    dkim-sign yes\n  </domain>\n"
    "</virtual-mta>\n"
    "<virtual-mta ip3>\n  smtp-source-host 127.0.0.3 three.example\n"
    "  domain-key s3, brand.example, %s/key\n"
    "</virtual-mta>\n"
    "<virtual-mta-pool both>\n  virtual-mta ip1\n  virtual-mta ip3\n"
    "</virtual-mta-pool>\n"
    "<domain sign.example>\n  dkim-sign yes\n</domain>\n"
    "<domain [192.0.2.0/24]>\n  dkim-sign yes\n</domain>\n"
    "<domain [2001:db8::/32]>\n  dkim-sign yes\n</domain>\n"
    "<domain here.example>\n  vmta IP2\n</domain>\n"
    "<domain signed-here.example>\n  vmta BOTH\n  dkim-sign yes\n</domain>\n"
    "<domain own.here.example>\n  vmta there\n</domain>\n"
    "<virtual-mta there>\n  <domain own.here.example>\n    dkim-sign yes\n"
    "  </domain>\n  smtp-source-host 127.0.0.4 four.example\n"
    "  domain-key s4, there.example, %s/key\n</virtual-mta>\n"
    "<source 198.51.100.1>\n  default-virtual-mta by-smtp-source-ip\n"
    "</source>\n"
    "<pattern-list p1>\n"
    "  mail-from /@pattern/ virtual-mta=ip2,recipient-priority=70\n"
    "  rcpt-to /@prio/ recipient-priority=10\n"
    "</pattern-list>\n"
    "<source 10.0.0.0/8>\n  always-allow-relaying yes\n"
    "  process-x-virtual-mta yes\n  process-x-job yes\n"
    "  pattern-list p1\n  default-virtual-mta ip1\n</source>\n"
    "<source 0/0>\n  default-virtual-mta both\n</source>\n"
    "<source {auth}>\n  process-x-job yes\n</source>\n"
    "<source 172.16.0.1>\n  process-x-job yes\n  jobid-header X-Campaign\n"
    "  jobid-prefix news-\n  process-x-schedule yes\n</source>\n"
    "<source 172.16.0.2>\n  process-x-schedule yes\n"
    "  retain-x-schedule yes\n</source>\n"
    "<source 172.16.0.3>\n  process-x-virtual-mta yes\n"
    "  reject-invalid-virtual-mta no\n</source>\n"
    "<source by-user>\n  jobid-header X-Campaign\n  jobid-prefix {AUTH}\n"
    "</source>\n<smtp-user \"c d\">\n  source by-user\n</smtp-user>\n"
    "<source named>\n  default-virtual-mta ip3\n</source>\n"
    "<smtp-user bob>\n  source named\n</smtp-user>\n";

/* Clients have connected to the address behind the blank, if there is one. */
static const struct {
	const char *label, *client, *user, *sender, *rcpts, *header;
	const char *vmta, *job, *removed;
	int priority, signatures;
	const char *unknown;
} cases[] = {
	{ "default of the source", "10.1.1.1", NULL, "a@b", "x@y", SIGNED,
	    "ip1", "", "", 50, 0, "" },
	{ "default of everybody", "192.0.2.1", NULL, "a@b", "x@y", SIGNED,
	    "both", "", "", 50, 0, "" },
	{ "header from an allowed source", "10.1.1.1", NULL, "a@b", "x@y",
	    "X-Virtual-MTA: ip2\r\nX-Job: news\r\n" SIGNED, "Ip2", "news",
	    "X-Virtual-MTA X-Job ", 50, 0, "" },
	{ "what only the host may say", "10.1.1.1", NULL, "a@b", "x@y",
	    "X-Mailrace-Auth: boss\r\n" SIGNED, "ip1", "", "X-Mailrace-Auth ",
	    50, 0, "" },
	{ "what only its Exim may say", "10.1.1.1", NULL, "a@b", "x@y",
	    "X-Mailrace-Meta: x\r\n" SIGNED, "ip1", "", "X-Mailrace-Meta ", 50,
	    0, "" },
	{ "names have no case", "10.1.1.1", NULL, "a@b", "x@y",
	    "x-virtual-mta: IP3\r\n" SIGNED, "ip3", "", "x-virtual-mta ", 50, 0,
	    "" },
	{ "header from another source", "192.0.2.1", NULL, "a@b", "x@y",
	    "X-Virtual-MTA: ip2\r\nX-Job: news\r\n" SIGNED, "both", "",
	    "X-Virtual-MTA X-Job ", 50, 0, "" },
	{ "a pool in the header", "10.1.1.1", NULL, "a@b", "x@y",
	    "X-Virtual-MTA: BOTH\r\n" SIGNED, "both", "", "X-Virtual-MTA ", 50,
	    0, "" },
	{ "{default} in the header", "10.1.1.1", NULL, "a@b", "x@y",
	    "X-Virtual-MTA: {default}\r\n" SIGNED, "", "", "X-Virtual-MTA ", 50,
	    0, "" },
	{ "unknown in the header", "172.16.0.3", NULL, "a@b", "x@y",
	    "X-Virtual-MTA: nope\r\n" SIGNED, "both", "", "X-Virtual-MTA ", 50,
	    0, "nope" },
	{ "the first of two headers", "10.1.1.1", NULL, "a@b", "x@y",
	    "X-Job: 1\r\nX-Job: 2\r\n" SIGNED, "ip1", "1", "X-Job X-Job ", 50,
	    0, "" },
	{ "a job is one word", "10.1.1.1", NULL, "a@b", "x@y",
	    "X-Job:\r\n one two\r\n" SIGNED, "ip1", "one", "X-Job ", 50, 0,
	    "" },
	{ "X-Job before another header", "172.16.0.1", NULL, "a@b", "x@y",
	    "x-campaign: 1\r\nX-Job: 2\r\n" SIGNED, "both", "news-2", "X-Job ",
	    50, 0, "" },
	{ "another header, which stays", "172.16.0.1", NULL, "a@b", "x@y",
	    "x-campaign:\r\n 1 2\r\nX-Job:\r\n" SIGNED, "both", "news-1",
	    "X-Job ", 50, 0, "" },
	{ "no job, no prefix", "172.16.0.1", NULL, "a@b", "x@y", SIGNED, "both",
	    "", "", 50, 0, "" },
	{ "the user in front", "192.0.2.1", "c d", "a@b", "x@y",
	    "X-Campaign: 1\r\nX-Job: 2\r\n" SIGNED, "both", "c?d1", "X-Job ",
	    50, 0, "" },
	{ "pattern list", "10.1.1.1", NULL, "a@pattern", "x@y", SIGNED, "Ip2",
	    "", "", 70, 0, "" },
	{ "header before pattern list", "10.1.1.1", NULL, "a@pattern", "x@y",
	    "X-Virtual-MTA: ip3\r\n" SIGNED, "ip3", "", "X-Virtual-MTA ", 70, 0,
	    "" },
	{ "a pattern that gives a priority only", "10.1.1.1", NULL, "a@b",
	    "x@y,x@prio", SIGNED, "ip1", "", "", 10, 0, "" },
	{ "a user's own source", "192.0.2.1", "bob", "a@b", "x@y", SIGNED,
	    "ip3", "", "", 50, 0, "" },
	{ "users without one: {auth}", "192.0.2.1", "eve", "a@b", "x@y",
	    "X-Job: j\r\n" SIGNED, "both", "j", "X-Job ", 50, 0, "" },
	{ "no user: not {auth}", "192.0.2.1", NULL, "a@b", "x@y",
	    "X-Job: j\r\n" SIGNED, "both", "", "X-Job ", 50, 0, "" },
	{ "somebody's mark", "192.0.2.1", NULL, "a@b", "x@y",
	    "x-mailrace-mark: v=1; vmta=ip2\r\n" SIGNED, "both", "",
	    "x-mailrace-mark ", 50, 0, "" },
	{ "signed for the domain", "10.1.1.1", NULL, "a@b", "x@sign.example",
	    SIGNED, "ip1", "", "", 50, 1, "" },
	{ "signed for one of them", "10.1.1.1", NULL, "a@b",
	    "x@y,x@SIGN.example", SIGNED, "ip1", "", "", 50, 1, "" },
	{ "not for a subdomain of it", "10.1.1.1", NULL, "a@b",
	    "x@a.sign.example", SIGNED, "ip1", "", "", 50, 0, "" },
	{ "signed under the VMTA's settings", "10.1.1.1", NULL, "a@pattern",
	    "x@own.example", SIGNED, "Ip2", "", "", 50 + 20, 1, "" },
	{ "not under another's", "10.1.1.1", NULL, "a@b", "x@own.example",
	    SIGNED, "ip1", "", "", 50, 0, "" },
	{ "key of a parent domain", "10.1.1.1", NULL, "a@b", "x@sign.example",
	    "From: a@sub.example.net\r\n", "ip1", "", "", 50, 1, "" },
	{ "no key", "10.1.1.1", NULL, "a@b", "x@sign.example",
	    "From: a@other.example\r\n", "ip1", "", "", 50, 0, "" },
	{ "no From", "10.1.1.1", NULL, "a@b", "x@sign.example",
	    "Subject: x\r\n", "ip1", "", "", 50, 0, "" },
	{ "Sender first", "10.1.1.1", NULL, "a@b", "x@sign.example",
	    "From: a@other.example\r\nSender: <s@example.net>\r\n", "ip1", "",
	    "", 50, 1, "" },
	{ "From where Sender has no key", "10.1.1.1", NULL, "a@b",
	    "x@sign.example", "Sender: s@other.example\r\n" SIGNED, "ip1", "",
	    "", 50, 1, "" },
	{ "key of the VMTA", "10.1.1.1", NULL, "a@b", "x@sign.example",
	    "X-Virtual-MTA: ip3\r\nFrom: a@brand.example\r\n", "ip3", "",
	    "X-Virtual-MTA ", 50, 1, "" },
	{ "not of another VMTA", "10.1.1.1", NULL, "a@b", "x@sign.example",
	    "From: a@brand.example\r\n", "ip1", "", "", 50, 0, "" },
	{ "key of a pool's member", "192.0.2.1", NULL, "a@b", "x@sign.example",
	    "From: a@brand.example\r\n", "both", "", "", 50, 1, "" },
	{ "our own signature is replaced", "10.1.1.1", NULL, "a@b",
	    "x@sign.example",
	    "DKIM-Signature: v=1; d=example.net; s=s1; b=x\r\n"
	    "DKIM-Signature: v=1; d=other.example; s=s1; b=x\r\n" SIGNED,
	    "ip1", "", "DKIM-Signature ", 50, 1, "" },
	{ "a key of the domain's own VMTA", "10.1.1.1", NULL, "a@b",
	    "x@own.here.example", "From: a@there.example\r\n", "ip1", "", "",
	    50, 1, "" },
	{ "not where another was asked for", "10.1.1.1", NULL, "a@b",
	    "x@own.here.example",
	    "X-Virtual-MTA: ip3\r\nFrom: a@there.example\r\n", "ip3", "",
	    "X-Virtual-MTA ", 50, 0, "" },
	{ "its settings say whether it is signed", "10.1.1.1", NULL, "a@b",
	    "x@here.example,x@own.here.example", SIGNED, "ip1", "", "", 50, 1,
	    "" },
	{ "those of the default do not", "10.1.1.1", NULL, "a@b",
	    "x@here.example", SIGNED, "ip1", "", "", 50, 0, "" },
	{ "a key of a member of the domain's own pool", "10.1.1.1", NULL, "a@b",
	    "x@y,x@signed-here.example", "From: a@brand.example\r\n", "ip1", "",
	    "", 50, 1, "" },
	{ "by the address it came to", "198.51.100.1 127.0.0.2", NULL, "a@b",
	    "x@y", SIGNED, "Ip2", "", "", 50, 0, "" },
	{ "a mapped one", "198.51.100.1 ::ffff:127.0.0.3", NULL, "a@b", "x@y",
	    SIGNED, "ip3", "", "", 50, 0, "" },
	{ "by an address that none has", "198.51.100.1 127.0.0.9", NULL, "a@b",
	    "x@y", SIGNED, "", "", "", 50, 0, "" },
	{ "by one that is not known", "198.51.100.1", NULL, "a@b", "x@y",
	    SIGNED, "", "", "", 50, 0, "" },
	{ "what is asked for comes before the address",
	    "198.51.100.1 127.0.0.2", "bob", "a@b", "x@y", SIGNED, "ip3", "",
	    "", 50, 0, "" },
	{ "no recipients", "10.1.1.1", NULL, "", "", SIGNED, "ip1", "", "", 50,
	    0, "" },
	{ "nothing at all", "10.1.1.1", NULL, "", "", "", "ip1", "", "", 50, 0,
	    "" },
	{ "an address that is none", "10.1.1.1", NULL, "@", "@,,x@,@@", SIGNED,
	    "ip1", "", "", 50, 0, "" },
};

static bool
make_key(const char *dir)
{
	EVP_PKEY *pkey = EVP_RSA_gen(2048);
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/key", dir);
	f = fopen(path, "w");
	if (f == NULL)
		return false;
	(void)PEM_write_PrivateKey(f, pkey, NULL, NULL, 0, NULL, NULL);
	EVP_PKEY_free(pkey);
	return fclose(f) == 0;
}

static struct snapshot *
load(const char *dir)
{
	struct conf_errors errs = { 0 };
	struct snapshot *s;
	struct buf text = { 0 };
	char path[128];
	FILE *f;

	for (const char *p = config; *p != '\0'; p++)
		if (p[0] == '%' && p[1] == 's') {
			buf_str(&text, dir);
			p++;
		} else {
			buf_byte(&text, *p);
		}
	(void)snprintf(path, sizeof(path), "%s/config", dir);
	f = fopen(path, "w");
	if (f == NULL)
		return NULL;
	(void)fwrite(text.p, 1, text.len, f);
	(void)fclose(f);
	s = snapshot_load(path, &errs);
	for (size_t i = 0; i < errs.n; i++)
		(void)printf("# %s\n", errs.v[i].text);
	conf_errors_fini(&errs);
	buf_fini(&text);
	return s;
}

static size_t
split(const char *list, struct region *rg, const char **out)
{
	char *text = region_strdup(rg, list), *save = NULL;
	size_t n = 0;

	for (char *p = strtok_r(text, ",", &save); p != NULL;
	     p = strtok_r(NULL, ",", &save))
		out[n++] = p;
	return n;
}

static const char *
removed(const struct header_list *list, const struct policy_out *out,
    struct region *rg)
{
	const char *text = "";

	for (size_t i = 0; i < list->n; i++)
		if (out->remove[i])
			text = region_printf(rg, "%s%.*s ", text,
			    (int)list->v[i].name.len, list->v[i].name.p);
	return text;
}

static void
set_addresses(const char *text, struct policy_in *in)
{
	size_t len = strcspn(text, " ");
	struct err e;

	(void)net_addr_parse((struct slice){ text, len }, &in->client, &e);
	if (text[len] != '\0')
		(void)net_addr_parse(slice_of(text + len + 1), &in->local, &e);
}

static void
run(size_t i, const struct snapshot *conf, struct region *rg)
{
	struct canon_body *body = canon_body_new();
	const char *rcpts[8];
	struct header_list headers;
	struct policy_in in = { .conf = conf,
		.auth_user = cases[i].user,
		.sender = cases[i].sender,
		.rcpts = rcpts,
		.headers = &headers,
		.body = body,
		.now_s = 1 };
	struct policy_out out;
	const char *got, *want;
	size_t at;

	canon_body_finish(body);
	set_addresses(cases[i].client, &in);
	in.rcpt_count = split(cases[i].rcpts, rg, rcpts);
	header_parse(cases[i].header, strlen(cases[i].header), rg, &headers,
	    &at);
	policy_run(&in, rg, &out);
	got = region_printf(rg, SHOWN, out.vmta, out.job,
	    removed(&headers, &out, rg), out.priority, (int)out.add_count,
	    out.unknown_vmta, out.trouble == NULL ? "" : out.trouble);
	want = region_printf(rg, SHOWN, cases[i].vmta, cases[i].job,
	    cases[i].removed, cases[i].priority, cases[i].signatures,
	    cases[i].unknown, "");
	is_str(got, want, cases[i].label);
	canon_body_free(&body);
}

/* What comes of X-Schedule: how many windows, or why it is refused. */
static void
test_schedule(const struct snapshot *conf, struct region *rg)
{
#define DAY "2026-11-30 08:00:00 / 2026-11-30 12:00:00"
	static const struct {
		const char *label, *client, *header, *refused;
		int windows;
		bool removed;
	} rows[] = {
		{ "two windows, folded", "172.16.0.1",
		    "X-Schedule: " DAY ",\r\n 2026-12-01 08:00:00 /\r\n"
		    "\t2026-12-01 12:00:00\r\n",
		    "", 2, true },
		{ "from a source that may not", "10.1.1.1",
		    "X-Schedule: " DAY "\r\n", "", 0, true },
		{ "one that retains it", "172.16.0.2",
		    "x-schedule: " DAY "\r\n", "", 1, false },
		{ "none", "172.16.0.1", "From: a@b\r\n", "", 0, false },
		{ "that cannot be read", "172.16.0.1",
		    "X-Schedule: tomorrow\r\n",
		    "5.6.0 X-Schedule: window 1 is not \"YYYY-MM-DD HH:MM:SS / "
		    "YYYY-MM-DD HH:MM:SS\"",
		    0, false },
		{ "an empty one", "172.16.0.1", "X-Schedule:\r\n",
		    "5.6.0 X-Schedule: window 1 is not \"YYYY-MM-DD HH:MM:SS / "
		    "YYYY-MM-DD HH:MM:SS\"",
		    0, false },
		{ "two of them", "172.16.0.1",
		    "X-Schedule: " DAY "\r\nX-Schedule: " DAY "\r\n",
		    "5.6.0 X-Schedule: there is more than one", 0, false },
		{ "which nobody reads", "10.1.1.1",
		    "X-Schedule: " DAY "\r\nX-Schedule: x\r\n", "", 0, true },
	};
	struct canon_body *body = canon_body_of("", 0);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct header_list headers;
		struct policy_in in = { .conf = conf,
			.sender = "a@b",
			.headers = &headers,
			.body = body };
		struct policy_out out;
		size_t at;

		header_parse(rows[i].header, strlen(rows[i].header), rg,
		    &headers, &at);
		set_addresses(rows[i].client, &in);
		policy_run(&in, rg, &out);
		is_str(out.refused == NULL ? "" : out.refused, rows[i].refused,
		    rows[i].label);
		is_int((int64_t)out.spans.n, rows[i].windows, "windows");
		ok(out.remove[0] == rows[i].removed, "whether the field goes");
	}
	canon_body_free(&body);
}

/* A milter without a mark key leaves what is honoured to the transport. */
static void
test_again(const struct snapshot *conf, struct region *rg)
{
	static const char text[] = "X-Job: j\r\nX-Virtual-MTA: ip2\r\n"
				   "X-Mailrace-Mark: v=1\r\n"
				   "X-Mailrace-Arrival: v=1\r\n";
	struct header_list headers;
	struct canon_body *body = canon_body_of("", 0);
	struct policy_in in = { .conf = conf,
		.again = true,
		.sender = "a@b",
		.headers = &headers,
		.body = body };
	struct policy_out out;
	struct err e;
	size_t at;

	header_parse(text, sizeof(text) - 1, rg, &headers, &at);
	(void)net_addr_parse(slice_of("10.1.1.1"), &in.client, &e);
	policy_run(&in, rg, &out);
	is_str(removed(&headers, &out, rg),
	    "X-Mailrace-Mark X-Mailrace-Arrival ",
	    "without a mark: those of a source that may stay");
	(void)net_addr_parse(slice_of("192.0.2.1"), &in.client, &e);
	policy_run(&in, rg, &out);
	is_str(removed(&headers, &out, rg),
	    "X-Job X-Virtual-MTA X-Mailrace-Mark X-Mailrace-Arrival ",
	    "those of another source never do");
	in.source = "named";
	policy_assign(&in, rg, &out);
	is_str(out.vmta, "ip3", "the source of a listener assigns");
	canon_body_free(&body);
}

/* What is signed now, and what only when each recipient's mail goes. */
static void
test_later(const struct snapshot *conf, struct region *rg)
{
	static const struct {
		const char *label, *rcpts, *header;
		bool can, later;
		int signatures;
		const char *removed;
	} later[] = {
		{ "all agree", "x@sign.example", SIGNED, true, false, 1, "" },
		{ "nobody wants any", "x@y,x@z", SIGNED, true, false, 0, "" },
		{ "one of them does", "x@y,x@sign.example", SIGNED, true, true,
		    0, "" },
		{ "an old one of ours goes", "x@y,x@sign.example", OLD SIGNED,
		    true, true, 0, "DKIM-Signature " },
		{ "also where it is replaced", "x@sign.example", OLD SIGNED,
		    true, false, 1, "DKIM-Signature " },
		{ "but not where nobody wants any", "x@y", OLD SIGNED, true,
		    false, 0, "" },
		{ "and it cannot be later", "x@y,x@sign.example", SIGNED, false,
		    false, 1, "" },
		{ "members of a pool differ", "x@sign.example",
		    "From: a@brand.example\r\nX-Virtual-MTA: both\r\n", true,
		    true, 0, "X-Virtual-MTA " },
		{ "but not for that sender", "x@sign.example",
		    SIGNED "X-Virtual-MTA: both\r\n", true, false, 1,
		    "X-Virtual-MTA " },
		{ "an address literal is a domain", "x@[192.0.2.1]", SIGNED,
		    true, false, 1, "" },
		{ "like another", "x@y,x@[IPv6:2001:DB8:0::1]", SIGNED, true,
		    true, 0, "" },
		{ "domains have different virtual MTAs",
		    "x@own.here.example,x@sign.example",
		    "From: a@there.example\r\n", true, true, 0, "" },
	};

	for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
		struct canon_body *body = canon_body_of("", 0);
		struct header_list headers;
		const char *rcpts[8];
		struct policy_in in = { .conf = conf,
			.can_sign_later = later[i].can,
			.sender = "a@b",
			.rcpts = rcpts,
			.rcpt_count = split(later[i].rcpts, rg, rcpts),
			.headers = &headers,
			.body = body };
		struct policy_out out;
		size_t at;

		set_addresses("10.1.1.1", &in);
		header_parse(later[i].header, strlen(later[i].header), rg,
		    &headers, &at);
		policy_run(&in, rg, &out);
		ok(out.sign_later == later[i].later &&
			(int)out.add_count == later[i].signatures &&
			strcmp(removed(&headers, &out, rg), later[i].removed) ==
			    0,
		    "%s: later %d, signatures %zu", later[i].label,
		    out.sign_later, out.add_count);
		canon_body_free(&body);
	}
}

/* What <domain> says of recipients, as seen from a default. */
static void
test_rcpt(const struct snapshot *conf)
{
	static const struct {
		const char *dflt, *domain, *vmta;
	} rcpts[] = {
		{ "ip1", "x.example", "ip1" },
		{ "", "x.example", "" },
		{ "ip1", "here.example", "Ip2" },
		{ "", "here.example", "Ip2" },
		{ "both", "here.example", "Ip2" },
		{ "", "signed-here.example", "both" },
		{ "ip1", "sub.here.example", "ip1" },
		{ "ip3", "own.here.example", "there" },
	};

	for (size_t i = 0; i < sizeof(rcpts) / sizeof(rcpts[0]); i++)
		is_str(assign_rcpt(conf, rcpts[i].dflt, rcpts[i].domain),
		    rcpts[i].vmta, rcpts[i].domain);
}

int
main(void)
{
	char dir[] = "/tmp/mailrace-policy-XXXXXX", path[128];
	struct region *rg = region_new();
	struct snapshot *conf;

	if (mkdtemp(dir) == NULL || !make_key(dir))
		return 1;
	conf = load(dir);
	if (ok(conf != NULL, "the configuration"))
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
			run(i, conf, rg);
	if (conf != NULL) {
		test_schedule(conf, rg);
		test_again(conf, rg);
		test_later(conf, rg);
		test_rcpt(conf);
	}
	snapshot_unref(&conf);
	(void)snprintf(path, sizeof(path), "%s/key", dir);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/config", dir);
	(void)unlink(path);
	(void)rmdir(dir);
	region_free(&rg);
	return done_testing();
}
