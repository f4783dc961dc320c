/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each setting in force is told with the line that it comes from; and what is
 * told, written into a <domain> block, gives the same settings.
 */
#include "tests/conf_file.h"
#include "vmta/explain.h"

static const char text[] = /* the line numbers count */
    "host-name top.example\n"
    "domain-macro big macro.com, both.com\n"
    "<domain *>\n"
    "  max-smtp-out 10\n"
    "  retry-after 1m,2m\n"
    "</domain>\n"
    "<domain $big>\n"
    "  max-smtp-out 11\n"
    "  max-smtp-out 12\n"
    "</domain>\n"
    "<virtual-mta news>\n"
    "  smtp-source-host 127.0.0.2 a.example\n"
    "  <domain macro.com>\n"
    "    max-msg-rate 100/h\n"
    "  </domain>\n"
    "</virtual-mta>\n"
    "<virtual-mta plain>\n"
    "  max-smtp-out 7\n"
    "</virtual-mta>\n"
    "<virtual-mta-pool p>\n"
    "  virtual-mta plain\n"
    "  <domain macro.com>\n"
    "    connect-timeout 5s\n"
    "  </domain>\n"
    "</virtual-mta-pool>\n"
    "<virtual-mta news>\n"
    "  smtp-source-host 127.0.0.3 b.example\n"
    "  smtp-source-host [127.0.0.8/30] c.example\n"
    "  smtp-source-host 127.0.0.4 d.example\n"
    "</virtual-mta>\n";

static const struct {
	const char *domain, *vmta, *section, *wanted;
} cases[] = {
	{ "other.net", "", "Queue Settings", "max-smtp-out 10 :4 <domain *>" },
	{ "other.net", "{default}", "Queue Settings",
	    "retry-after 1m,2m :5 <domain *>" },
	{ "other.net", "news", "Queue Settings", "bounce-after 4d12h :0 " },
	{ "both.com", "news", "Queue Settings",
	    "max-smtp-out 12 :9 <domain $big>" },
	{ "macro.com", "NEWS", "Queue Settings",
	    "max-msg-rate 100/h :14 <domain macro.com> of <virtual-mta news>" },
	{ "macro.com", "plain", "Queue Settings",
	    "connect-timeout 5s :23 <domain macro.com> of "
	    "<virtual-mta-pool p>" },
	{ "macro.com", "p", "Queue Settings",
	    "connect-timeout 5s :23 <domain macro.com> of "
	    "<virtual-mta-pool p>" },
	{ "other.net", "news", "Virtual MTA Settings",
	    "smtp-source-host 127.0.0.2 a.example :12 <virtual-mta news>" },
	{ "other.net", "news", "Virtual MTA Settings",
	    "smtp-source-host 127.0.0.3 b.example :27 <virtual-mta news>" },
	{ "other.net", "news", "Virtual MTA Settings",
	    "smtp-source-host 127.0.0.10 c.example :28 <virtual-mta news>" },
	{ "other.net", "news", "Virtual MTA Settings",
	    "smtp-source-host 127.0.0.4 d.example :29 <virtual-mta news>" },
	{ "other.net", "plain", "Virtual MTA Settings",
	    "max-smtp-out 7 :18 <virtual-mta plain>" },
	{ "other.net", "plain", "Virtual MTA Settings",
	    "host-name top.example :1 " },
	{ "[192.0.2.1]", "", "Queue Settings",
	    "max-smtp-out 10 :4 <domain *>" },
};

struct hunt {
	const char *section, *wanted;
	bool found;
	struct buf line;
};

static void
look(void *ctx, const struct setting *s)
{
	struct hunt *h = ctx;

	buf_clear(&h->line);
	buf_printf(&h->line, "%s %s :%u %s", s->name, s->value, s->line,
	    s->block);
	if (strcmp(s->section, h->section) == 0 &&
	    strcmp(buf_cstr(&h->line), h->wanted) == 0)
		h->found = true;
	if (strncmp(buf_cstr(&h->line), h->wanted, strcspn(h->wanted, " ")) ==
	    0)
		(void)printf("# %s\n", buf_cstr(&h->line));
}

static struct snapshot *
load(const char *name, const char *config)
{
	struct conf_errors errs = { 0 };
	struct snapshot *s;

	conf_file_put(name, config);
	s = snapshot_load(conf_file_path(name), &errs);
	for (size_t i = 0; i < errs.n; i++)
		(void)printf("# %s\n", errs.v[i].text);
	conf_errors_fini(&errs);
	if (s == NULL)
		abort();
	return s;
}

static void
test_places(const struct snapshot *s)
{
	struct err e;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hunt h = { cases[i].section, cases[i].wanted, false,
			{ NULL, 0, 0 } };

		is_int(explain_queue(s, cases[i].domain, cases[i].vmta, look,
			   &h, &e),
		    0, "it is known");
		ok(h.found, "%s/%s: %s", cases[i].domain, cases[i].vmta,
		    cases[i].wanted);
		buf_fini(&h.line);
	}
}

static void
test_global(const struct snapshot *s)
{
	struct hunt h = { "Global Settings", "host-name top.example :1 ", false,
		{ NULL, 0, 0 } };

	explain_global(s, look, &h);
	ok(h.found, "%s", h.wanted);
	h.found = false;
	h.wanted = "log-level info :0 ";
	explain_global(s, look, &h);
	ok(h.found, "%s", h.wanted);
	buf_fini(&h.line);
}

static void
copy_line(void *ctx, const struct setting *s)
{
	if (strcmp(s->section, "Queue Settings") == 0)
		buf_printf(ctx, "%s %s\n", s->name, s->value);
}

static void
test_pasting(const struct snapshot *s)
{
	static const char *const queues[][2] = { { "other.net", "" },
		{ "macro.com", "news" }, { "macro.com", "plain" },
		{ "both.com", "news" } };

	for (size_t i = 0; i < sizeof(queues) / sizeof(queues[0]); i++) {
		struct buf once = { 0 }, twice = { 0 };
		struct snapshot *pasted;
		struct err e;

		buf_str(&once, "<domain *>\n");
		(void)explain_queue(s, queues[i][0], queues[i][1], copy_line,
		    &once, &e);
		buf_str(&once, "</domain>\n");
		pasted = load("pasted", buf_cstr(&once));
		buf_str(&twice, "<domain *>\n");
		(void)explain_queue(pasted, "any.example", "", copy_line,
		    &twice, &e);
		buf_str(&twice, "</domain>\n");
		is_str(buf_cstr(&twice), buf_cstr(&once), queues[i][0]);
		snapshot_unref(&pasted);
		buf_fini(&once);
		buf_fini(&twice);
	}
}

static const char acct_text[] = /* the line numbers count */
    "<acct-file /a/acct.csv>\n"
    "  records d, t\n"
    "  records b\n"
    "  record-fields t rcpt, header_X\n"
    "  record-fields d *, !rcpt\n"
    "  user-string \"a b\"\n"
    "</acct-file>\n"
    "<acct-file /a/acct.csv>\n"
    "  move-interval 5m\n"
    "</acct-file>\n"
    "<acct-file |/bin/feed x>\n"
    "</acct-file>\n"
    "<acct-file /a/hook.json>\n"
    "  http-webhook-url http://a.example/\n"
    "</acct-file>\n";

#define OF_A " <acct-file /a/acct.csv>"

static const struct {
	const char *path, *wanted;
} of_acct[] = {
	{ "/a/acct.csv", "records t :2" OF_A },
	{ "/a/acct.csv", "records b :3" OF_A },
	{ "/a/acct.csv", "record-fields t rcpt, header_X :4" OF_A },
	{ "/a/acct.csv", "record-fields d *, !rcpt :5" OF_A },
	{ "/a/acct.csv", "user-string \"a b\" :6" OF_A },
	{ "/a/acct.csv", "move-interval 5m :9" OF_A },
	{ "/a/acct.csv", "max-size 250m :0 " },
	{ "/a/acct.csv", "delete-after 1w1d :0 " },
	{ "|/bin/feed x", "write-timeout 1m :0 " },
	{ "/a/hook.json",
	    "http-webhook-url http://a.example/ :14 <acct-file /a/hook.json>" },
	{ "/a/hook.json", "max-size 5m :0 " },
};

/* Each once. */
static void
note_name(void *ctx, const struct setting *s)
{
	if (strstr(buf_cstr(ctx), s->name) == NULL)
		buf_printf(ctx, "%s ", s->name);
}

static void
test_acct(void)
{
	struct snapshot *s = load("acct", acct_text);
	struct buf names = { 0 };
	struct err e;

	for (size_t i = 0; i < sizeof(of_acct) / sizeof(of_acct[0]); i++) {
		struct hunt h = { "Accounting Settings", of_acct[i].wanted,
			false, { NULL, 0, 0 } };

		is_int(explain_acct(s, of_acct[i].path, look, &h, &e), 0,
		    of_acct[i].path);
		ok(h.found, "%s: %s", of_acct[i].path, of_acct[i].wanted);
		buf_fini(&h.line);
	}
	(void)explain_acct(s, "|/bin/feed x", note_name, &names, &e);
	is_str(buf_cstr(&names),
	    "format http-webhook-url iso-times max-buffer-size records "
	    "redis-stream-url retry-interval sync user-string write-timeout ",
	    "of a command what means something");
	is_int(explain_acct(s, "/a/b", note_name, &names, &e), -1,
	    "an unknown one");
	is_str(e.text, "there is no <acct-file /a/b>", "why");
	buf_fini(&names);
	snapshot_unref(&s);
}

static void
nothing(void *ctx, const struct setting *s)
{
	(void)ctx;
	(void)s;
	abort();
}

static void
test_unknown(const struct snapshot *s)
{
	struct err e;

	is_int(explain_queue(s, "a.example", "nwes", nothing, NULL, &e), -1,
	    "an unknown virtual MTA");
	is_str(e.text,
	    "there is no virtual MTA or pool \"nwes\"; "
	    "did you mean news?",
	    "why");
	is_int(explain_queue(s, "a b", "news", nothing, NULL, &e), -1,
	    "no domain");
	is_str(e.text, "\"a b\" is not a domain", "why");
}

/* ---- limits -------------------------------------------------------------- */

static const char limits_text[] = /* the line numbers count */
    "mx-connection-limit *.mx.example 3\n"
    "mx-connection-limit a.mx.example 4\n"
    "ip-connection-limit 192.0.2.0/24 5\n"
    "ip-connection-limit 0/0 6\n"
    "<provider big>\n"
    "  domain big.example, other.example\n"
    "  max-smtp-out 30\n"
    "</provider>\n"
    "<job bulk-*>\n"
    "  max-msg-rate 10/m\n"
    "</job>\n"
    "<job *>\n"
    "  fair-share 7\n"
    "</job>\n"
    "<virtual-mta v>\n"
    "  fair-share 5\n"
    "  <domain big.example>\n"
    "    source-ip-max-smtp-out 10.0.0.1 1\n"
    "    source-ip-max-smtp-out 10/8 2\n"
    "    source-ip-max-msg-rate 10/8 1/20m\n"
    "  </domain>\n"
    "</virtual-mta>\n"
    "<virtual-mta-pool p>\n"
    "  virtual-mta v\n"
    "  max-smtp-msg-rate 100/s\n"
    "</virtual-mta-pool>\n"
    "<smtp-user joe>\n"
    "  max-msg-rate 2/h\n"
    "</smtp-user>\n"
    "<domain big.example>\n"
    "  queue-priority 60\n"
    "</domain>\n";

static const struct {
	const char *domain, *vmta, *section, *wanted;
	bool found;
} of_limits[] = {
	{ "big.example", "v", "Provider Settings",
	    "max-smtp-out 30 :7 <provider big>", true },
	{ "big.example", "v", "Provider Settings", "max-msg-rate unlimited :0 ",
	    true },
	{ "x.example", "v", "Provider Settings", "max-msg-rate unlimited :0 ",
	    false },
	{ "x.example", "v", "Pool Settings",
	    "max-smtp-msg-rate 100/s :25 <virtual-mta-pool p>", true },
	{ "x.example", "", "Pool Settings",
	    "max-smtp-msg-rate 100/s :25 <virtual-mta-pool p>", false },
	{ "x.example", "v", "Pool Settings",
	    "virtual-mta v :24 <virtual-mta-pool p>", false },
	{ "x.example", "p", "Pool Settings",
	    "virtual-mta v :24 <virtual-mta-pool p>", true },
	{ "x.example", "", "Job Settings", "max-msg-rate 10/m :10 <job bulk-*>",
	    true },
	{ "x.example", "", "Job Settings", "fair-share 7 :13 <job *>", true },
	{ "big.example", "v", "Queue Settings",
	    "source-ip-max-smtp-out 10.0.0.0/8 2 :19 <domain big.example> of "
	    "<virtual-mta v>",
	    true },
};

static void
test_limits(const struct snapshot *s)
{
	struct err e;

	for (size_t i = 0; i < sizeof(of_limits) / sizeof(of_limits[0]); i++) {
		struct hunt h = { of_limits[i].section, of_limits[i].wanted,
			false, { NULL, 0, 0 } };

		(void)explain_queue(s, of_limits[i].domain, of_limits[i].vmta,
		    look, &h, &e);
		ok(h.found == of_limits[i].found, "%s/%s: %s%s",
		    of_limits[i].domain, of_limits[i].vmta,
		    of_limits[i].found ? "" : "not ", of_limits[i].wanted);
		buf_fini(&h.line);
	}
}

static const struct {
	enum explain_of of;
	const char *name, *domain, *addr, *directive;
	const char *wanted; /* NULL: there is none */
} ones[] = {
	{ EXPLAIN_GLOBAL, "", NULL, NULL, "total-max-smtp-out",
	    "total-max-smtp-out 1200 :0 " },
	{ EXPLAIN_GLOBAL, "", "b.mx.example", NULL, "mx-connection-limit",
	    "mx-connection-limit *.mx.example 3 :1 " },
	{ EXPLAIN_GLOBAL, "", "a.mx.example", NULL, "mx-connection-limit",
	    "mx-connection-limit a.mx.example 4 :2 " },
	{ EXPLAIN_GLOBAL, "", "mx.example", NULL, "mx-connection-limit", NULL },
	{ EXPLAIN_GLOBAL, "", NULL, NULL, "mx-connection-limit", NULL },
	{ EXPLAIN_GLOBAL, "", NULL, "192.0.2.9", "ip-connection-limit",
	    "ip-connection-limit 192.0.2.0/24 5 :3 " },
	{ EXPLAIN_GLOBAL, "", NULL, "::1", "ip-connection-limit",
	    "ip-connection-limit 0.0.0.0/0 6 :4 " },
	{ EXPLAIN_GLOBAL, "", NULL, NULL, "ip-connection-limit", NULL },
	{ EXPLAIN_GLOBAL, "", NULL, NULL, "max-smtp-out", NULL },
	{ EXPLAIN_VMTA, "V", NULL, NULL, "fair-share",
	    "fair-share 5 :16 <virtual-mta v>" },
	{ EXPLAIN_VMTA, "", NULL, NULL, "fair-share", "fair-share 100 :0 " },
	{ EXPLAIN_VMTA, "w", NULL, NULL, "fair-share", NULL },
	{ EXPLAIN_POOL, "p", NULL, NULL, "max-smtp-msg-rate",
	    "max-smtp-msg-rate 100/s :25 <virtual-mta-pool p>" },
	{ EXPLAIN_POOL, "v", NULL, NULL, "max-smtp-msg-rate", NULL },
	{ EXPLAIN_PROVIDER, "big", NULL, NULL, "max-smtp-out",
	    "max-smtp-out 30 :7 <provider big>" },
	{ EXPLAIN_PROVIDER, "v", NULL, NULL, "max-smtp-out", NULL },
	{ EXPLAIN_JOB, "bulk-7", NULL, NULL, "max-msg-rate",
	    "max-msg-rate 10/m :10 <job bulk-*>" },
	{ EXPLAIN_JOB, "x", NULL, NULL, "fair-share",
	    "fair-share 7 :13 <job *>" },
	{ EXPLAIN_USER, "joe", NULL, NULL, "max-msg-rate",
	    "max-msg-rate 2/h :28 <smtp-user joe>" },
	{ EXPLAIN_USER, "ann", NULL, NULL, "max-msg-rate", NULL },
	{ EXPLAIN_QUEUE, "v", "big.example", NULL, "queue-priority",
	    "queue-priority 60 :31 <domain big.example>" },
	{ EXPLAIN_QUEUE, "v", "x.example", NULL, "queue-priority",
	    "queue-priority 50 :0 " },
	{ EXPLAIN_QUEUE, "v", "big.example", "10.0.0.1",
	    "source-ip-max-smtp-out",
	    "source-ip-max-smtp-out 10.0.0.1/32 1 :18 <domain big.example> of "
	    "<virtual-mta v>" },
	{ EXPLAIN_QUEUE, "v", "big.example", "10.0.0.2",
	    "source-ip-max-msg-rate",
	    "source-ip-max-msg-rate 10.0.0.0/8 1/20m :20 <domain big.example> "
	    "of <virtual-mta v>" },
	{ EXPLAIN_QUEUE, "v", "big.example", "11.0.0.2",
	    "source-ip-max-smtp-out", NULL },
	{ EXPLAIN_QUEUE, "v", "big.example", "11.0.0.2",
	    "source-ip-max-connect-rate", NULL },
	{ EXPLAIN_QUEUE, "v", "big.example", NULL, "no-such", NULL },
};

static void
keep_line(void *ctx, const struct setting *s)
{
	buf_printf(ctx, "%s %s :%u %s", s->name, s->value, s->line, s->block);
}

static void
test_one(const struct snapshot *s)
{
	for (size_t i = 0; i < sizeof(ones) / sizeof(ones[0]); i++) {
		struct net_addr addr;
		struct explain_ask a = { ones[i].of, ones[i].name,
			ones[i].domain, NULL, ones[i].directive };
		struct buf line = { 0 };
		struct err e;

		if (ones[i].addr != NULL) {
			is_int(
			    net_addr_parse(slice_of(ones[i].addr), &addr, &e),
			    0, "an address");
			a.addr = &addr;
		}
		ok(explain_one(s, &a, keep_line, &line) ==
			(ones[i].wanted != NULL),
		    "%s of \"%s\" is%s there", ones[i].directive, ones[i].name,
		    ones[i].wanted == NULL ? " not" : "");
		is_str(buf_cstr(&line),
		    ones[i].wanted == NULL ? "" : ones[i].wanted, "its line");
		buf_fini(&line);
	}
}

/* The file of a key is told, and never what is in it. */
static void
test_suppress(void)
{
	struct hunt h = { "Suppression List Settings", NULL, false,
		{ NULL, 0, 0 } };
	struct snapshot *s;

	conf_file_put("key", "geheim");
	s = load("suppress",
	    "suppression-lists a\n<suppression-list a>\n"
	    " hashed hmac-sha256\n key-file key\n</suppression-list>\n");
	h.wanted = "hashed hmac-sha256 :3 <suppression-list a>";
	explain_global(s, look, &h);
	ok(h.found, "%s", h.wanted);
	h.found = false;
	h.wanted = "key-file key :4 <suppression-list a>";
	explain_global(s, look, &h);
	ok(h.found, "%s", h.wanted);
	buf_fini(&h.line);
	snapshot_unref(&s);
}

int
main(void)
{
	struct snapshot *s;

	conf_file_begin();
	s = load("main", text);
	test_places(s);
	test_global(s);
	test_pasting(s);
	test_unknown(s);
	test_acct();
	snapshot_unref(&s);
	s = load("limits", limits_text);
	test_limits(s);
	test_one(s);
	snapshot_unref(&s);
	test_suppress();
	conf_file_end();
	return done_testing();
}
