/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of known names hold together, rows of blocks without effect are
 * checked, and a PowerMTA configuration loads with warnings only.
 */
#include "tests/conf_file.h"
#include "vmta/reply_actions.h"
#include "vmta/snapshot_priv.h"

/* ---- the tables ---------------------------------------------------------- */

static bool
is_place(char letter)
{
	for (size_t i = 0; i < conf_schema.table_count; i++)
		if (conf_schema.tables[i]->letter == letter)
			return true;
	for (size_t i = 0; i < conf_schema.block_count; i++)
		if (conf_schema.blocks[i].inside.letter == letter)
			return true;
	return false;
}

static const struct conf_table *
table_of(char letter)
{
	for (size_t i = 0; i < conf_schema.table_count; i++)
		if (conf_schema.tables[i]->letter == letter)
			return conf_schema.tables[i];
	return NULL;
}

/* What is wrong with an entry in one of its places; NULL: nothing. */
static const char *
find_fault(const struct conf_known *k, char letter)
{
	const struct conf_table *t = table_of(letter);
	bool has_row = t != NULL && conf_find_row(t, k->name) != NULL;
	bool renames = conf_fate_renames(k->fate);

	if (!is_place(letter))
		return "nothing has that letter";
	if (conf_known_find(&conf_schema, k->name, letter) != k)
		return "there are two for one place";
	if (has_row)
		return "there is a row of that name";
	if (renames && (t == NULL || conf_find_row(t, k->advice) == NULL))
		return "the row that it renames does not exist";
	return NULL;
}

static void
test_tables(void)
{
	unsigned wrong = 0;

	for (size_t i = 0; i < conf_schema.known_count; i++) {
		const struct conf_known *k = &conf_schema.known[i];

		for (const char *w = k->where; *w != '\0'; w++) {
			const char *fault = find_fault(k, *w);

			if (fault == NULL)
				continue;
			(void)printf("# %s in %c: %s\n", k->name, *w, fault);
			wrong++;
		}
	}
	ok(wrong == 0, "%zu known names, each once in its places",
	    conf_schema.known_count);
}

/* No form may name a type that does not exist: it would stand for itself. */
static void
test_forms(void)
{
	static const char *const all =
	    " ACTIONS ADDR ANY APIKEY BOOL CIDR DATA-RATE DIR DOMAIN FILE "
	    "HEADER HEX HOST HOST:PORT HOSTS IDENTITY INTERVAL INTERVALS IP "
	    "IP:PORT KEY MAILBOX NAME PERCENT RATE RATES REGEX /REGEX/ REWRITE "
	    "ROLLUP SIZE SOURCE SUBACCOUNT TEXT UINT URL ";
	unsigned wrong = 0;

	for (size_t i = 0; i < conf_schema.known_count; i++) {
		const char *p = conf_schema.known[i].form;
		char word[60];

		while (*p != '\0') {
			size_t len = strcspn(p, " |,[]");

			(void)snprintf(word, sizeof(word), " %.*s ", (int)len,
			    p);
			if (strpbrk(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") !=
				NULL &&
			    strstr(all, word) == NULL) {
				(void)printf("# %s:%s\n",
				    conf_schema.known[i].name, word);
				wrong++;
			}
			p += len + (p[len] != '\0');
		}
	}
	is_int(wrong, 0, "every form is of types that exist");
}

/* ---- actions ------------------------------------------------------------- */

static const struct {
	const char *text;
	const char *shown; /* or what is said, behind "!" */
} actions[] = {
	{ "mode=backoff", "backoff" },
	{ "mode=normal", "normal" },
	{ "MODE=Backoff , backoff-to-normal-after=2h", "backoff(2h)" },
	{ "mode=backoff,backoff-to-normal-after=never", "backoff(never)" },
	{ "disable-source-ip", "disable" },
	{ "disable-source-ip,reenable-after=90s,defer-queue",
	    "disable(1m30s) defer" },
	{ "skip-mx", "skip" },
	{ "skip-mx,bounce-rcpt", "skip rcpt" },
	{ "bounce-queue,mode=backoff", "backoff queue" },
	{ "mode=backoff,mode=normal", "!mode=backoff and mode=normal" },
	{ "mode=backoff,mode=backoff", "!mode=backoff is there twice" },
	{ "skip-mx,bounce-queue", "!skip-mx and bounce-queue" },
	{ "reenable-after=1h", "!does not stand behind the action" },
	{ "backoff-to-normal-after=1h,mode=backoff", "!does not stand behind" },
	{ "mode=normal,backoff-to-normal-after=1h", "!does not stand behind" },
	{ "disable-source-ip,reenable-after=1h,reenable-after=2h", "!twice" },
	{ "disable-source-ip,reenable-after=x", "!is not a time" },
	{ "mode=slow", "!\"mode=slow\" is no action" },
	{ "reenable-aft=1h", "!is no action" },
	{ "", "!an action is missing" },
	{ ",", "!an action is missing" },
	{ "\"mode=backoff", "!no closing quote" },
};

static void
show_time(struct buf *b, bool has, int64_t us)
{
	if (!has)
		return;
	buf_str(b, "(");
	str_interval(b, us);
	buf_str(b, ")");
}

static void
show(struct buf *b, const struct reply_actions *a)
{
	if (a->normal)
		buf_str(b, "normal ");
	if (a->backoff) {
		buf_str(b, "backoff");
		show_time(b, a->has_normal_after, a->normal_after_us);
		buf_str(b, " ");
	}
	if (a->disable_source) {
		buf_str(b, "disable");
		show_time(b, a->has_reenable_after, a->reenable_after_us);
		buf_str(b, " ");
	}
	buf_printf(b, "%s%s%s%s", a->skip_mx ? "skip " : "",
	    a->bounce_queue ? "queue " : "", a->bounce_rcpt ? "rcpt " : "",
	    a->defer_queue ? "defer " : "");
	if (b->len > 0)
		b->len--;
}

static void
test_actions(void)
{
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		struct region *rg = region_new();
		struct reply_actions a;
		struct buf out = { 0 };
		struct err e;

		if (reply_actions_parse(slice_of(actions[i].text), rg, &a,
			&e) == 0) {
			show(&out, &a);
			is_str(buf_cstr(&out), actions[i].shown,
			    actions[i].text);
		} else {
			ok(actions[i].shown[0] == '!' &&
				strstr(e.text, actions[i].shown + 1) != NULL,
			    "%s: %s", actions[i].text, e.text);
		}
		buf_fini(&out);
		region_free(&rg);
	}
}

/* ---- rows and blocks ------------------------------------------------------ */

#define KEY32 "0123456789abcdef0123456789abcde_"

/* A block (up to its first blank) with a row; NULL: nothing is wrong. */
static const struct {
	const char *block, *row, *said;
} rows[] = {
	{ "smtp-pattern-list a", "reply /x/ mode=backoff", NULL },
	{ "smtp-pattern-list a", "reply /x/ mode=slow", "is no action" },
	{ "smtp-pattern-list a", "reply /x/", "reply: argument missing" },
	{ "smtp-pattern-list a", "reply /x mode=backoff", "lacks its last /" },
	{ "smtp-pattern-list a", "reply mode=backoff", "/.../ is needed" },
	{ "smtp-pattern-list a", "replay /x/ mode=backoff",
	    "did you mean reply (in <smtp-pattern-list>)?" },
	{ "smtp-pattern-list", "reply // mode=normal", "argument missing" },
	{ "dsn-rule 450_4.2.2", "pattern \"450 4.2.2.*Mailbox full\"", NULL },
	{ "dsn-rule a", "pattern /x/\nretry-interval 3600", NULL },
	{ "dsn-rule a", "pattern x\nretry-interval 1h", NULL },
	{ "dsn-rule a", "pattern x\ncategory soft-bounce", NULL },
	{ "dsn-rule a", "pattern x\naction requeue,backoff", NULL },
	{ "dsn-rule a", "retry-interval 0", "0 is less than 1" },
	{ "dsn-rule a", "retry-interval 31d", "is not a number" },
	{ "dsn-rule a", "category soft bounce", "\"bounce\" is too much" },
	{ "dsn-rule a", "action retry", "is none of requeue|bounce|backoff" },
	{ "dsn-rule a", "reply /x/ skip-mx",
	    "reply does not belong in <dsn-rule>, but in <smtp-pattern-list>" },
	{ "dsn-rule", "pattern x", "argument missing" },
	{ "bounce-category-patterns", "/x/ hardbnc", NULL },
	{ "bounce-category-patterns", "// other", NULL },
	{ "bounce-category-patterns", "/x/", "the row: argument missing" },
	{ "bounce-category-patterns", "/x",
	    "the row: the regular expression "
	    "lacks its last /" },
	{ "bounce-category-patterns a", "/x/ b", "\"a\" is too much" },
	{ "mx-rollup-list", "mx mx.google.com google.rollup", NULL },
	{ "mx-rollup-list", "mx a.b google.rollup rollup-by-ip", NULL },
	{ "mx-rollup-list", "mx a.b google", "does not end in .rollup" },
	{ "mx-rollup-list", "mx a.b", "mx: argument missing" },
	{ "address-list a", "address /^x/", NULL },
	{ "address-list a", "address x@y.com", NULL },
	{ "address-list a", "address x", NULL },
	{ "address-list a", "address x@", "address: " },
	{ "address-list a", "domain $none", "unknown macro $none" },
	{ "rewrite-list a", "mail-from a@* b@*", NULL },
	{ "rewrite-list a", "mail-from <> *@*", NULL },
	{ "rewrite-list a", "mail-from a b@c.com", "is none of a@b, a@*" },
	{ "rewrite-list a", "from-domain *.a.com b.com", NULL },
	{ "bounce-processor", "forward-errors-to a@b.com", NULL },
	{ "bounce-processor", "<address-list>\naddress a\n</address-list>",
	    NULL },
	{ "bounce-processor", "<address-list>\naddress a@\n</address-list>",
	    "address: " },
	{ "bounce-processor", "<dns>\n</dns>",
	    "<dns> does not belong in <bounce-processor>, but at the top" },
	{ "feedback-loop-processor",
	    "<email-patterns>\nbody-pattern-file x\n</email-patterns>", NULL },
	{ "domain-key-list a", "domain-key s, *, /no/such/file",
	    "No such file" },
	{ "domain-key-list a", "domain-key s", "SELECTOR, DOMAIN" },
	{ "dns", "precached-max-domains 500", NULL },
	{ "dns", "precached-max-domains x", "is not a number" },
	{ "aliases", "alias *@a.com b@c.com,root", NULL },
	{ "aliases", "alias a@b.com", "alias: argument missing" },
	{ "proxy a", "server a.com:1080", NULL },
	{ "proxy a", "server a.com", "is not HOST:PORT" },
	{ "proxy a", "client 192.0.2.1:99 a.com", NULL },
	{ "proxy a", "protocol-version 3", "is none of 1|2" },
	{ "vault", "server-url vault.example.com", "is not a URL" },
	{ "transmissions-api", "api-key " KEY32, NULL },
	{ "transmissions-api", "api-key short", "32 to 128" },
	{ "transmissions-api-listener 127.0.0.1:1", "tls-allow-tlsv1.2 yes",
	    NULL },
	{ "transmissions-api-listener x", "tls-allow-tlsv1.2 yes",
	    "neither a path nor IP:PORT" },
	{ "signals", "process-x-sp-subaccount-id yes", NULL },
	{ "signals", "privacy-policy redact",
	    "privacy-policy protects and has no effect yet" },
	{ "signals-filter", "whatever it is", NULL },
	{ "source-group a", "max-smtp-in 100", NULL },
	{ "source-group a", "max-smtp-out 100",
	    "max-smtp-out does not belong in <source-group>, but in <domain>" },
	{ "spool /a", "priority 100", NULL },
	{ "spool /a", "priority 101", "101 is more than 100" },
	{ "acct-file |/bin/x", "write-timeout 5m", NULL },
	{ "acct-file |/bin/x", "write-timeout x", "is not a time" },
	{ "acct-file /a", "max-size 5K", "5k is less than 1m" },
	{ "acct-file /a", "record-fields f *", NULL },
	{ "acct-file /a", "record-fields g *", "\"g\" is none of" },
	{ "acct-file /a", "privacy-policy hmac-sha256-hexkey 00ff", NULL },
	{ "acct-file /a", "privacy-policy hmac-sha256-hexkey 00f",
	    "privacy-policy: " },
	{ "acct-file /a", "privacy-policy siphash 12345678901234567",
	    "privacy-policy: " },
	{ "acct-file /a", "map-header-to-field d header_X", "missing" },
	{ "acct-file /a", "map-header-to-field d header_X jobId", NULL },
	{ "acct-file /a", "delete-after never", NULL },
	{ "acct-file /a", "move-interval never", "is no value here" },
	{ "acct-file /a", "max-size unlimited", NULL },
	{ "acct-file /a", "max-buffer-size 15M", "15m is less than 16m" },
	{ "acct-file /a", "http-webhook-max-interval 59s", "59s is less" },
	{ "acct-file /a", "http-webhook-transfer-encoding br", "none of" },
	{ "acct-file /a", "format xml", "is none of auto|csv|json" },
	{ "acct-file /a", "privacy-policy hash x", "privacy-policy: " },
	{ "source 0/0", "suppression-lists a",
	    "there is no <suppression-list a>" },
	{ "source 0/0", "default-virtual-mta by-smtp-source-ip", NULL },
	{ "source 0/0", "jobid-header X Job",
	    "\"X Job\" is not the name of a header field" },
	{ "source 0/0", "jobid-prefix a b", "a job has no blanks" },
	{ "source 0/0", "add-date-header maybe", "is none of no|yes|override" },
	{ "smtp-user a", "authentication-method system login",
	    "system login is not possible" },
	{ "smtp-user a", "authentication-method password", NULL },
	{ "virtual-mta a", "smtp-source-ip 192.0.2.1 a.com", NULL },
	{ "virtual-mta a", "smtp-source-ip 192.0.2 a.com", "smtp-source-ip: " },
	{ "domain a.com", "route [10.1.1.1]:2525", NULL },
	{ "domain a.com", "route a..b", "route: " },
	{ "domain a.com", "max-msg-per-hour 100", NULL },
	{ "domain a.com", "backoff-retry-after 10m,x", "is not a time" },
	{ "domain a.com", "backoff-notify a", "is not a mail address" },
	{ "domain a.com", "dkim-algorithm md5",
	    "none of any|rsa-sha256|rsa-sha1|ed25519-sha256" },
	{ "domain a.com", "dkim-identity x", "neither an address nor @domain" },
	{ "domain a.com", "use-dane yes", "use-dane protects" },
	{ "domain a.com", "use-dane no", NULL },
	{ "domain a.com", "queue-priority 101", "101 is more than 100" },
	{ "domain a.com", "max-smtp-ot 3",
	    "main:2: unknown directive max-smtp-ot in <domain>; did you mean "
	    "max-smtp-out (in <domain> or in <virtual-mta> or in "
	    "<virtual-mta-pool> or in <provider>)?" },
	{ "domain a.com", "reply /x/ mode=backoff",
	    "reply does not belong in <domain>, but in <smtp-pattern-list>" },
	{ "domain a.com", "rcpt-to /x/ y", "but in <pattern-list>" },
};

static void
test_rows(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct conf_errors errs = { 0 };
		struct buf text = { 0 };
		struct snapshot *s;

		buf_printf(&text, "<%s>\n%s\n</%.*s>\n", rows[i].block,
		    rows[i].row, (int)strcspn(rows[i].block, " "),
		    rows[i].block);
		conf_file_put("main", buf_cstr(&text));
		s = snapshot_load(conf_file_path("main"), &errs);
		if (rows[i].said == NULL)
			ok(s != NULL || !conf_file_said(&errs, "none of these"),
			    "<%s> %s", rows[i].block, rows[i].row);
		else
			ok(s == NULL && errs.fatal == 1 &&
				conf_file_said(&errs, rows[i].said),
			    "<%s> %s: %s", rows[i].block, rows[i].row,
			    rows[i].said);
		snapshot_unref(&s);
		conf_errors_fini(&errs);
		buf_fini(&text);
	}
}

/* Every old name says what to use. */
static const struct {
	const char *text, *said;
} old[] = {
	{ "smtp-ip 192.0.2.1", "use smtp-listener" },
	{ "smtp-port 25", "use smtp-listener" },
	{ "sync-msg-create false", "on the disk before it is answered" },
	{ "sync-msg-update no", "on the disk before it is answered" },
	{ "http-mgmt-source 10/8", "use http-access" },
	{ "no-http-mgmt-source 10/8", "use http-access" },
	{ "http-tls-allow-sslv3 no", "SSLv3" },
	{ "smtp-server-tls-allow-sslv3 no", "SSLv3" },
	{ "pickup-retry-interval 1m", "when they appear" },
	{ "acct-log-header yes", "begins with its header" },
	{ "total-max-file 3", "need no limit" },
	{ "dummy-smtp-blacklist 10/8", "lists nobody" },
	{ "<source 0/0> check-mfrom-inbound yes </source>", "use SPF" },
	{ "<source 0/0> broken-auth-clients yes </source>", "nothing" },
	{ "<source 0/0> check-spf-inbound-best-guess yes </source>",
	    "use check-spf-inbound" },
	{ "<domain *> dk-sign yes </domain>", "use dkim-sign" },
	{ "<domain *> add-gm-token yes </domain>", "is gone" },
	{ "<domain *> check-pra-outbound yes </domain>", "use SPF" },
	{ "<domain *> max-msg-per-hour 100 </domain>", "use max-msg-rate" },
	{ "<domain *> backoff-max-msg-per-hour 100 </domain>",
	    "use backoff-max-msg-rate" },
	{ "<domain *> max-smtp-out-per-source-ip 2 </domain>",
	    "is an old name: use source-ip-max-smtp-out" },
	{ "<domain *> delivery-priority 9 </domain>", "use queue-priority" },
	{ "<domain *> route a.com </domain>", "use smtp-hosts" },
	{ "<domain *> deliver-email no </domain>", "use type discard" },
	{ "<domain *> smtp-tls-allow-sslv3 no </domain>", "SSLv3" },
	{ "<virtual-mta a> smtp-source-ip 192.0.2.1 a.com </virtual-mta>",
	    "use smtp-source-host" },
	{ "<virtual-mta a> auto-cold-virtual-mta 192.0.2.1 a </virtual-mta>",
	    "use cold-virtual-mta" },
	/* what is not old, and has no effect */
	{ "run-as-root no", "no effect here" },
	{ "track-time-first-attempt yes", "no effect here: records have it" },
	{ "spool /a\nspool /b", "more than one has no effect yet" },
	{ "<acct-file /a>\nrecords d, rb\n</acct-file>",
	    "main:2: records: rb has no effect yet" },
	{ "<domain a>\ndisabled-source-ip-notify a@b.example\n</domain>\n",
	    "main:2: disabled-source-ip-notify: nobody is told while dsn-host "
	    "is not set" },
	{ "<domain a>\nvmta b\n</domain>\n<domain c>\nvmta B\n</domain>\n",
	    "main:2: vmta: there is no virtual MTA or pool b; it is one with "
	    "the addresses of the top level" },
	{ "<domain a>\nlog-resolution no\n</domain>\n<domain b>\nlog-resolution no\n"
	  "</domain>\n<domain c>\nlog-resolution no\n</domain>\n",
	    "main:2: log-resolution has no effect yet (and 2 more)" },
};

static void
test_old(void)
{
	for (size_t i = 0; i < sizeof(old) / sizeof(old[0]); i++) {
		struct conf_errors errs = { 0 };
		struct snapshot *s;

		conf_file_put("main", old[i].text);
		s = snapshot_load(conf_file_path("main"), &errs);
		ok(s != NULL && errs.n == 1 &&
			conf_file_said(&errs, old[i].said),
		    "accepted: %s", old[i].text);
		snapshot_unref(&s);
		conf_errors_fini(&errs);
	}
}

/* What an old name says takes effect, where there is something to set. */
static void
test_renamed(void)
{
	struct conf_errors errs = { 0 };
	struct queue_conf q;
	struct snapshot *s;

	conf_file_put("main",
	    "<domain *>\nmax-msg-per-hour 9000\nroute [10.1.1.1]:2525\n"
	    "max-rcpt-per-transaction 7\n</domain>\n"
	    "<virtual-mta a>\nsmtp-source-ip 192.0.2.1 a.com\n"
	    "</virtual-mta>\n");
	s = snapshot_load(conf_file_path("main"), &errs);
	if (!ok(s != NULL, "old names load"))
		return;
	snapshot_queue_conf(s, "x.com", "a", &q);
	ok(q.msg_rate.count == 9000 &&
		q.msg_rate.period_us == 3600 * INT64_C(1000000),
	    "max-msg-per-hour limits");
	ok(q.smtp_hosts.n == 1 && q.smtp_hosts.v[0].port == 2525,
	    "route routes");
	is_int(q.max_rcpt_per_msg, 7, "max-rcpt-per-transaction counts");
	is_str(snapshot_vmta(s, "a")->sources.v[0].name, "a.com",
	    "smtp-source-ip is a source");
	snapshot_unref(&s);
	conf_errors_fini(&errs);
}

/* ---- all of it ------------------------------------------------------------ */

static void
test_whole(void)
{
	const char *top = getenv("top_srcdir");
	struct conf_errors errs = { .portable = true };
	struct queue_conf q;
	struct snapshot *s;
	char path[500];

	(void)snprintf(path, sizeof(path), "%s/tests/conf/powermta.conf",
	    top == NULL ? "." : top);
	errs.portable = true; /* its files are on another host */
	s = snapshot_load(path, &errs);
	for (size_t i = 0; i < errs.n; i++)
		if (!errs.v[i].warning)
			(void)printf("# error: %s\n", errs.v[i].text);
	if (!ok(s != NULL && errs.fatal == 0 && errs.n > 50,
		"a PowerMTA configuration loads, with %zu warnings", errs.n))
		goto out;
	ok(conf_file_said(&errs, "a regular expression over several lines"),
	    "its wrapped regex is read, with a warning");
	ok(conf_file_said(&errs, "a list over several lines") &&
		conf_file_said(&errs, "the list stands in the next line"),
	    "and its lists");
	snapshot_queue_conf(s, "yahoo.fr", "news", &q);
	is_int(q.msg_rate.count, 250, "a macro within a macro");
	is_int(q.max_rcpt_per_msg, 20, "with all of its block");
	snapshot_queue_conf(s, "live.co.uk", "192.0.2.2", &q);
	is_int(q.msg_rate.count, 400, "a domain within a virtual MTA");
	is_int(q.max_conns, 40, "and its block on one line");
	snapshot_queue_conf(s, "x.example.net", "", &q);
	is_int((int64_t)q.smtp_hosts.n, 1, "an old route");
	is_str(snapshot_vmta(s, "fresh")->sources.v[0].name,
	    "fresh.example.com", "a virtual MTA on one line");
	snapshot_unref(&s);
out:
	conf_errors_fini(&errs);
}

int
main(void)
{
	conf_file_begin();
	test_tables();
	test_forms();
	test_actions();
	test_rows();
	test_old();
	test_renamed();
	test_whole();
	conf_file_end();
	return done_testing();
}
