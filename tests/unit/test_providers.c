/* SPDX-License-Identifier: Apache-2.0 */
/*
 * etc/providers.conf: each provider is known by hosts that it has, each of its
 * rows and rules does what it is for with a reply that is given, nothing in it
 * fails a recipient, and the lines of whoever includes it count more.
 */
#include <stdlib.h>

#include "tests/conf_file.h"
#include "tests/support/show_hit.h"
#include "vmta/rollup.h"

enum { LINES_MAX = 2000, HOSTS_MAX = 2 };

/* ---- hosts --------------------------------------------------------------- */

static const struct {
	const char *provider; /* NULL: none */
	const char *hosts[HOSTS_MAX];
	const char *rollup; /* by rows; NULL: the provider's */
} hosts[] = {
	{ "google", { "gmail-smtp-in.l.google.com" }, NULL },
	{ "google", { "aspmx.l.google.com" }, "workspace.rollup" },
	{ "google", { "aspmx2.googlemail.com", "aspmx3.googlemail.com" },
	    NULL },
	{ "outlook", { "hotmail-com.olc.protection.outlook.com" }, NULL },
	{ "microsoft365", { "example-com.mail.protection.outlook.com" }, NULL },
	{ "microsoft365", { "example-com.k-v1.mx.microsoft" }, NULL },
	{ "yahoo", { "mta5.am0.yahoodns.net", "mta6.am0.yahoodns.net" }, NULL },
	{ "yahoo", { "mx-aol.mail.gm0.yahoodns.net" }, NULL },
	{ "att", { "al-ip4-mx-vip1.prodigy.net" }, NULL },
	{ "comcast", { "mx1.comcast.net", "mx2.comcast.net" }, NULL },
	{ "apple", { "mx01.mail.icloud.com", "mx02.mail.icloud.com" }, NULL },
	{ "gmx", { "mx00.gmx.net" }, NULL },
	{ "gmx", { "mx-ha01.web.de" }, NULL },
	{ "gmx", { "mx00.mail.com" }, NULL },
	{ "gmx", { "mx00.kundenserver.de" }, NULL },
	{ "t-online", { "mx00.t-online.de", "mx03.t-online.de" }, NULL },
	{ "orange", { "smtp-in.orange.fr" }, NULL },
	{ "orange", { "smtp-in.wanadoo.fr" }, NULL },
	{ "laposte", { "smtp4.laposte.net" }, NULL },
	{ "free", { "mx1.free.fr" }, NULL },
	{ "libero", { "smtp-in.libero.it" }, NULL },
	{ "libero", { "smtp-in.virgilio.it" }, NULL },
	{ "seznam", { "mx1.seznam.cz" }, "seznam-all.rollup" },
	{ "onet", { "mx.poczta.onet.pl" }, NULL },
	{ "wp", { "mx.wp.pl" }, NULL },
	{ "yandex", { "mx.yandex.ru" }, NULL },
	{ "yandex", { "mx.yandex.net" }, NULL },
	{ "mailru", { "mxs.mail.ru" }, NULL },
	{ "zoho", { "mx.zoho.com" }, NULL },
	{ "zoho", { "mx.zoho.eu" }, NULL },
	{ "fastmail", { "in1-smtp.messagingengine.com" }, NULL },
	{ "proton", { "mail.protonmail.ch" }, NULL },
	{ "qq", { "mx3.qq.com" }, NULL },
	{ "netease", { "163mx01.mxmail.netease.com" }, NULL },
	{ "naver", { "mx1.naver.com", "mx3.naver.com" }, NULL },
	{ "mimecast", { "eu-smtp-inbound-1.mimecast.com" }, NULL },
	{ "mimecast", { "za-smtp-inbound-1.mimecast.co.za" }, NULL },
	{ "proofpoint", { "mxa-00000001.gslb.pphosted.com" }, NULL },
	{ "proofpoint", { "mx1-us1.ppe-hosted.com" }, NULL },
	{ "barracuda", { "d1.ess.barracudanetworks.com" }, NULL },
	{ "ironport", { "mx1.hc1-1.iphmx.com" }, NULL },
	{ "trendmicro", { "example.in.tmes.trendmicro.com" }, NULL },
	{ "trendmicro", { "example.in.tmes.trendmicro.eu" }, NULL },
	{ "symantec", { "cluster5.eu.messagelabs.com" }, NULL },
	/* Neither whose name only ends alike, nor some hosts of it. */
	{ NULL, { "mx.notgoogle.com" }, NULL },
	{ NULL, { "aspmx2.googlemail.com", "mx.example.net" }, NULL },
	{ NULL, { "mx1.seznam.cz.example" }, NULL },
};

static void
test_hosts(const struct snapshot *s)
{
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		struct mx_facts f = { .ok = true, .hosts = hosts[i].hosts };
		const char *own = "domain.example";
		struct place place;
		char group[100];

		while (f.n < HOSTS_MAX && hosts[i].hosts[f.n] != NULL)
			f.n++;
		rollup_place(s, own, "", &f, &place);
		is_str(place.provider == NULL ? "-" : place.provider->name,
		    hosts[i].provider == NULL ? "-" : hosts[i].provider,
		    hosts[i].hosts[0]);
		(void)snprintf(group, sizeof(group), "%s.rollup",
		    hosts[i].provider == NULL ? "" : hosts[i].provider);
		if (hosts[i].rollup != NULL)
			(void)snprintf(group, sizeof(group), "%s",
			    hosts[i].rollup);
		is_str(place.group == NULL ? ".rollup" : place.group, group,
		    "its group");
	}
}

/* Each has hosts above, limits in its group, and a list of its own. */
static void
test_each(const struct snapshot *s)
{
	for (size_t i = 0; i < snapshot_provider_count(s); i++) {
		const struct provider *p = snapshot_provider_at(s, i);
		struct queue_conf plain, own;
		char list[100];
		bool sampled = false;

		for (size_t k = 0; k < sizeof(hosts) / sizeof(hosts[0]); k++)
			sampled = sampled ||
			    (hosts[k].provider != NULL &&
				strcmp(hosts[k].provider, p->name) == 0);
		snapshot_queue_conf(s, "plain.example", "", &plain);
		snapshot_queue_conf(s, p->rollup, "", &own);
		(void)snprintf(list, sizeof(list), "%s-replies", p->name);
		ok(sampled && own.max_conns < plain.max_conns &&
			own.max_msg_per_conn > 0 &&
			snapshot_replies(s, list) != snapshot_replies(s, ""),
		    "%s: hosts, limits and replies", p->name);
	}
}

/* ---- replies ------------------------------------------------------------- */

static const struct {
	const char *provider, *reply;
	const char *shown; /* "": nothing is asked */
} replies[] = {
	{ "google",
	    "421 4.7.28 Our system has detected an unusual rate of mail",
	    "backoff(30m)" },
	{ "google",
	    "450 4.7.0 unusual rate of messages with the same Message-ID",
	    "backoff(30m)" },
	{ "google", "550 5.7.1 the very low reputation of the sending domain",
	    "backoff defer" },
	{ "google", "421 4.7.0 Try again later, closing connection.", "" },
	{ "google",
	    "450 4.2.1 The user you are trying to contact is receiving mail "
	    "too quickly.",
	    "quota-issues 3600s" },
	{ "google",
	    "450 4.2.1 The user is receiving mail at a rate that prevents "
	    "additional messages",
	    "quota-issues 3600s" },
	{ "google", "550 5.7.26 Unauthenticated email is not accepted",
	    "policy-related 0s" },
	{ "google", "421 4.7.32 From: header isn't aligned",
	    "policy-related 0s" },
	{ "google", "550 5.7.40 no DMARC record", "policy-related 0s" },
	{ "google", "550 5.1.1 The email account does not exist", "" },
	{ "outlook",
	    "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent, "
	    "since part of their network is on our block list (S3150).",
	    "requeue source(4h) spam-related 0s" },
	{ "outlook",
	    "451 4.7.651 The mail server [192.0.2.1] has been temporarily "
	    "rate limited due to IP reputation.",
	    "backoff(30m)" },
	{ "outlook",
	    "421 RP-001 The mail server IP has exceeded the maximum number of "
	    "connections",
	    "backoff(1h)" },
	{ "outlook",
	    "550 5.5.0 Requested action not taken: mailbox unavailable "
	    "(S2017062302)",
	    "" },
	{ "microsoft365",
	    "550 5.7.606 Access denied, banned sending IP [192.0.2.1]",
	    "requeue source(1d) spam-related 0s" },
	{ "microsoft365",
	    "550 5.7.649 Access denied, banned sending IP [192.0.2.1]",
	    "requeue source(1d) spam-related 0s" },
	{ "microsoft365", "550 5.7.650 x", "" },
	{ "microsoft365", "550 5.7.605 x", "" },
	{ "microsoft365", "451 4.7.500 Server busy. Please try again later",
	    "backoff(30m)" },
	{ "microsoft365", "451 4.7.850 Access denied, please try again later",
	    "backoff(30m)" },
	{ "microsoft365", "451 4.7.700 x", "" },
	{ "microsoft365",
	    "432 4.3.2 STOREDRV.Deliver; recipient thread limit exceeded",
	    "other 900s" },
	{ "microsoft365",
	    "550 5.4.1 Recipient address rejected: Access denied.",
	    "bad-mailbox 0s" },
	{ "yahoo",
	    "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred",
	    "backoff(4h) defer" },
	{ "yahoo", "421 4.7.0 [TS02] Messages from 192.0.2.1 deferred",
	    "backoff(4h) defer" },
	{ "yahoo",
	    "421 4.7.1 [TS03] All messages from 192.0.2.1 will be permanently "
	    "deferred",
	    "source(1d)" },
	{ "yahoo",
	    "553 5.7.2 [TSS11] All messages from 192.0.2.1 will be permanently "
	    "deferred",
	    "requeue source(1d) spam-related 0s" },
	{ "yahoo", "553 5.7.1 [BL23] Connections will not be accepted",
	    "requeue source(1d) spam-related 0s" },
	{ "yahoo", "554 5.7.9 [PH01] Message not accepted for policy reasons",
	    "content-related 0s" },
	{ "yahoo", "421 Max message per connection reached", "" },
	{ "yahoo",
	    "554 delivery error: dd This user doesn't have a yahoo.com account",
	    "" },
	{ "att", "421 4.7.0 [TSS04] Messages from 192.0.2.1 deferred",
	    "backoff(4h) defer" },
	{ "att", "553 5.7.1 [BL21] Connections will not be accepted",
	    "requeue source(1d) spam-related 0s" },
	{ "comcast", "421 4.2.0 192.0.2.1 throttled, RL000001", "backoff(2h)" },
	{ "comcast", "554 5.7.1 192.0.2.1 listed, BL000001",
	    "requeue source(1d) spam-related 0s" },
	{ "comcast",
	    "554 mx.example comcast requires that all mail servers must have "
	    "a PTR record",
	    "requeue source(1d) spam-related 0s" },
	{ "comcast", "421 - [Too many sessions opened]", "backoff(30m)" },
	{ "apple", "421 4.7.1 Messages deferred due to excessive volume",
	    "backoff(30m)" },
	{ "apple", "421 [HCM1] Your mail from 192.0.2.1 was deferred",
	    "backoff(30m)" },
	{ "apple", "550 5.7.1 [CS01] Message rejected due to local policy.",
	    "policy-related 0s" },
	{ "apple", "554 5.7.1 [HME1] SPF and DKIM failed",
	    "policy-related 0s" },
	{ "gmx",
	    "554 gmx.net (mxgmx104) Nemesis ESMTP Service not available No "
	    "SMTP service IP address is block listed. For explanation visit "
	    "https://postmaster.gmx.net/en/case?c=r0201&i=ip&v=192.0.2.1",
	    "source(1d)" },
	{ "gmx", "421 Rate limit reached. Please try again later.",
	    "backoff(30m)" },
	{ "gmx", "421 Too many connections", "backoff(30m)" },
	{ "gmx",
	    "550 For explanation visit "
	    "https://postmaster.gmx.net/en/case?c=rdns&i=ip&v=192.0.2.1",
	    "policy-related 0s" },
	{ "t-online",
	    "554 IP=192.0.2.1 - A problem occurred. Contact "
	    "tosa@rx.t-online.de (NOWL)",
	    "source(1d)" },
	{ "t-online", "554 IP=192.0.2.1 - Dialup/transit IP not allowed (DIAL)",
	    "source(1d)" },
	{ "orange", "421 Too many connections, slow down. OFR004_104 [104]",
	    "backoff(1h)" },
	{ "orange", "421 Trop de connexions, veuillez verifier",
	    "backoff(1h)" },
	{ "orange", "550 5.7.1 Client host blocked, see csi. OFR006_102",
	    "requeue source spam-related 0s" },
	{ "orange", "550 5.2.0 Mail rejete. OFR_506 [506]", "backoff(2h)" },
	{ "laposte",
	    "450 4.7.1 Client host rejected: Service refuse, veuillez essayer "
	    "plus tard. LPN027_503",
	    "backoff(1h)" },
	{ "laposte", "550 5.7.1 Service refuse. LPN007_510",
	    "policy-related 0s" },
	{ "laposte", "450 4.1.8 Emetteur invalide. LPN007_405",
	    "invalid-sender 0s" },
	{ "free", "550 too many spams from your IP (192.0.2.1)",
	    "requeue source(1d) spam-related 0s" },
	{ "free", "421 Too many errors from your ip (192.0.2.1)",
	    "backoff(4h)" },
	{ "libero", "421 Too many connections from your IP", "backoff(1h)" },
	{ "libero", "550 User unknown", "" },
	{ "seznam", "421 4.7.0 try later", "backoff(1h)" },
	{ "onet", "450 4.7.1 Too many messages", "backoff(1h)" },
	{ "wp", "451 Limit exceeded", "backoff(1h)" },
	{ "yandex",
	    "451 4.7.1 Sorry, the service is currently unavailable. Please "
	    "come back later.",
	    "backoff(15m)" },
	{ "yandex", "554 5.7.1 Blocked by spam statistics",
	    "requeue source(1d) spam-related 0s" },
	{ "mailru", "421 4.7.0 Messages exceed the frequency allowed",
	    "backoff(15m)" },
	{ "mailru", "451 Ratelimit exceeded", "backoff(15m)" },
	{ "zoho", "421 4.7.0 Rate limit exceeded", "backoff(15m)" },
	{ "zoho", "421 4.7.0 A moderate delay", "" },
	{ "fastmail", "450 4.7.1 Too many connections", "backoff(15m)" },
	{ "proton", "450 4.7.1 too many messages", "backoff(15m)" },
	{ "qq", "550 Ip frequency limited",
	    "backoff(1h) requeue spam-related "
	    "0s" },
	{ "qq", "550 Mailbox unavailable or access denied [x]",
	    "backoff(1h) requeue spam-related 0s" },
	{ "qq", "550 Suspected spam ip", "requeue source(1d) spam-related 0s" },
	{ "qq", "550 Mailbox not found.", "bad-mailbox 0s" },
	{ "netease", "421 HL:ICC 163 mx1,x 192.0.2.1", "backoff(1h)" },
	{ "netease", "550 RP:ORQ 163 mx1,x",
	    "backoff(1h) requeue spam-related 0s" },
	{ "netease", "554 HL:ITC 163 mx1,x",
	    "backoff(1h) requeue spam-related 0s" },
	{ "netease", "554 DT:RBL 163 mx1,x",
	    "requeue source(1d) spam-related 0s" },
	{ "netease", "451 DT:SPM 163 mx1,x", "spam-related 120s" },
	{ "netease", "450 MI:DMC 163 mx1,x", "" },
	{ "naver", "421 4.3.1 You send too many messages.", "backoff(4h)" },
	{ "naver",
	    "421 4.3.2 Your IP(192.0.2.1) is filtered and this connection "
	    "will be closed.",
	    "backoff(4h)" },
	{ "mimecast", "421 Unable to process connection at this time",
	    "defer" },
	{ "mimecast",
	    "451 Internal resource is temporarily unavailable - "
	    "https://community.mimecast.com/docs/DOC-1369#451",
	    "other 120s" },
	{ "proofpoint",
	    "554 Blocked - see https://ipcheck.proofpoint.com/?ip=192.0.2.1",
	    "requeue source(1d) spam-related 0s" },
	{ "proofpoint", "550 5.7.0 blocked using prs.proofpoint.com",
	    "requeue source(1d) spam-related 0s" },
	{ "proofpoint", "421 Too many concurrent SMTP connections",
	    "backoff(15m)" },
	{ "barracuda", "450 4.7.1 Rate Control, try again later",
	    "backoff(30m)" },
	{ "ironport", "554 Your access has been rejected, SBRS -5",
	    "requeue source(1d) spam-related 0s" },
	{ "ironport",
	    "554 Your access was rejected due to the sending MTA's poor "
	    "reputation",
	    "requeue source(1d) spam-related 0s" },
	{ "ironport", "452 #4.5.3 Too many recipients received this hour",
	    "backoff(1h)" },
	{ "trendmicro", "450 4.7.1 Rate limit temporarily exceeded",
	    "backoff(15m)" },
	{ "symantec", "421 Service Temporarily Unavailable", "backoff(1h)" },
};

/* What was asked, by the line of the row or rule. */
static bool used[LINES_MAX];

static void
note_lines(const struct reply_hit *h)
{
	for (size_t k = 0; k < REPLY_KINDS; k++)
		if (h->at[k].line < LINES_MAX)
			used[h->at[k].line] = true;
	if (h->rule != NULL && h->rule->line < LINES_MAX)
		used[h->rule->line] = true;
}

static bool
fails_anybody(const struct reply_hit *h)
{
	return h->bounce || h->act.bounce_rcpt || h->act.bounce_queue;
}

static void
test_replies(const struct snapshot *s)
{
	unsigned failing = 0;

	for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
		int code = atoi(replies[i].reply);
		struct buf b = { 0 };
		struct reply_hit h;
		char list[100];

		(void)snprintf(list, sizeof(list), "%s-replies",
		    replies[i].provider);
		(void)reply_rules_match(snapshot_replies(s, list),
		    replies[i].reply, code, &h);
		is_str(show_hit(&b, &h, false), replies[i].shown,
		    replies[i].reply);
		note_lines(&h);
		failing += fails_anybody(&h);
		buf_fini(&b);
	}
	is_int(failing, 0, "nothing fails a recipient");
}

/* ---- the file ------------------------------------------------------------ */

static const char *
file_path(void)
{
	const char *top = getenv("top_srcdir");
	static char path[500];

	(void)snprintf(path, sizeof(path), "%s/etc/providers.conf",
	    top == NULL ? "." : top);
	return path;
}

/* A row or rule without a reply above is one that nobody has tried. */
static void
test_all_used(void)
{
	FILE *f = fopen(file_path(), "r");
	unsigned line = 0, rows = 0, idle = 0;
	char text[2000];

	if (!ok(f != NULL, "%s can be read", file_path()))
		return;
	while (fgets(text, sizeof(text), f) != NULL) {
		line++;
		if (strncmp(text, "    reply ", 10) != 0 &&
		    strncmp(text, "<dsn-rule ", 10) != 0)
			continue;
		rows++;
		if (line < LINES_MAX && used[line])
			continue;
		(void)printf("# line %u: %s", line, text);
		idle++;
	}
	(void)fclose(f);
	ok(rows > 60 && idle == 0, "%u rows and rules, %u without a reply",
	    rows, idle);
}

/* ---- overriding ---------------------------------------------------------- */

static const char before[] = "<smtp-pattern-list google-replies>\n"
			     " reply /low reputation/ skip-mx,mode=normal\n"
			     "</smtp-pattern-list>\n";
static const char after[] =
    "<domain google.rollup>\n max-smtp-out 3\n</domain>\n"
    "<provider yahoo>\n mx \"\"\n mx mx.yahoo.test\n</provider>\n"
    "<dsn-rule outlook-block>\n category mine\n</dsn-rule>\n"
    "<domain alone.example>\n disable-mx-rollup yes\n</domain>\n";

static const char *
provider_of(const struct snapshot *s, const char *domain, const char *host)
{
	const struct mx_facts f = { .ok = true, .n = 1, .hosts = &host };
	struct place place;

	rollup_place(s, domain, "", &f, &place);
	return place.provider == NULL ? "none" : place.provider->name;
}

static void
check_overridden(const struct snapshot *s)
{
	struct queue_conf c;
	struct reply_hit h;

	snapshot_queue_conf(s, "google.rollup", "", &c);
	is_int(c.max_conns, 3, "another limit");
	is_int(c.max_msg_per_conn, 50, "the others stay");
	is_str(provider_of(s, "a.example", "mta5.am0.yahoodns.net"), "none",
	    "other hosts");
	is_str(provider_of(s, "a.example", "mx.yahoo.test"), "yahoo",
	    "are the provider's");
	is_str(provider_of(s, "alone.example", "mx.gmx.net"), "none",
	    "a domain that stays out");
	(void)reply_rules_match(snapshot_replies(s, "google-replies"),
	    "421 4.7.0 very low reputation of the sending IP", 421, &h);
	ok(h.act.normal && !h.act.backoff && h.act.skip_mx && h.act.defer_queue,
	    "a row before the include counts first");
	(void)reply_rules_match(snapshot_replies(s, "outlook-replies"),
	    "550 5.7.1 (S3140)", 550, &h);
	ok(h.rule != NULL && strcmp(h.rule->category, "mine") == 0 && h.requeue,
	    "another category, the same action");
}

static void
test_override(void)
{
	struct conf_errors errs = { 0 };
	struct buf text = { 0 };
	struct snapshot *s;

	conf_file_begin();
	buf_printf(&text, "%sinclude %s\n%s", before, file_path(), after);
	conf_file_put("main", buf_cstr(&text));
	s = snapshot_load(conf_file_path("main"), &errs);
	if (ok(s != NULL, "lines before and behind the include"))
		check_overridden(s);
	else
		(void)conf_file_said(&errs, "");
	snapshot_unref(&s);
	conf_errors_fini(&errs);
	buf_fini(&text);
	conf_file_end();
}

int
main(void)
{
	struct conf_errors errs = { 0 };
	struct snapshot *s = snapshot_load(file_path(), &errs);

	if (!ok(s != NULL, "the file is right")) {
		(void)conf_file_said(&errs, "");
		return 1;
	}
	test_hosts(s);
	test_each(s);
	test_replies(s);
	test_all_used();
	snapshot_unref(&s);
	conf_errors_fini(&errs);
	test_override();
	return done_testing();
}
