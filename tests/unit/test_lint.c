/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lint tells what can never be reached, with the line that is the reason, and
 * is silent where it could be reached after all.
 *
 * Each finding has its near miss beside it.
 */
#include "tests/conf_file.h"
#include "vmta/lint.h"

/* Mail that nothing assigns is the built-in virtual MTA's, if there is none. */
#define ALL_TO(name) "<source 0/0>\n default-virtual-mta " name "\n</source>\n"
#define VMTA(name, inside) "<virtual-mta " name ">\n" inside "</virtual-mta>\n"
#define DOMAIN(name, inside) "<domain " name ">\n" inside "</domain>\n"
#define POOL(name, inside) \
	"<virtual-mta-pool " name ">\n" inside "</virtual-mta-pool>\n"
#define PROVIDER(inside) "<provider p>\n" inside "</provider>\n"
#define IP(n) " smtp-source-host 192.0.2." n " a.example\n"

static const struct {
	const char *label, *text;
	/* "KIND LINE<LINE NUMBERS", each with its "; "; "" for none */
	const char *found;
} cases[] = {
	{ "an empty file", "", "" },
	/* who may send */
	{ "allowed and denied",
	    "<source 0/0>\n allow-sender a@b.c, d@*.b.c\n"
	    " deny-sender [*.]b.c\n</source>\n",
	    "refused 2<3; refused 2<3; " },
	{ "some of it is not denied",
	    "<source x>\n allow-sender a*@b.c, [*.]b.c, /x@b.c/\n"
	    " deny-sender a@b.c, *.b.c, <>, /y/\n</source>\n",
	    "" },
	{ "allowed in a domain where nobody may send",
	    "<smtp-user u>\n sender-domains b.c, *.d.e\n"
	    " allow-sender x@d.e, x@b.c, y.d.e, *.com, <>\n</smtp-user>\n",
	    "refused 3<2; " },
	/* suppression lists */
	{ "a list that a job names",
	    "<address-list a>\n</address-list>\n"
	    "<job x>\n suppression-lists A\n</job>\n",
	    "" },
	{ "one that nobody names",
	    "<suppression-list a>\n"
	    "</suppression-list>\n",
	    "unnamed 1; " },
	/* a queue within what is around it */
	{ "queue within virtual MTA",
	    ALL_TO("a") VMTA("a", " max-smtp-out 10\n")
		DOMAIN("x.com", " max-smtp-out 11\n"),
	    "unreachable 8<5 10, against 11; " },
	{ "as much as the virtual MTA",
	    ALL_TO("a") VMTA("a", " max-smtp-out 10\n")
		DOMAIN("x.com", " max-smtp-out 10\n"),
	    "" },
	{ "other mail is the built-in's, which has no such limit",
	    VMTA("a", " max-smtp-out 10\n")
		DOMAIN("x.com", " max-smtp-out 11\n"),
	    "" },
	{ "within one of two virtual MTAs",
	    ALL_TO("a") VMTA("a", " max-smtp-out 10\n") VMTA("b",
		" max-smtp-out 12\n") DOMAIN("x.com", " max-smtp-out 11\n"),
	    "" },
	{ "within both: the one that allows more is told",
	    ALL_TO("a") VMTA("a", " max-smtp-out 5\n") VMTA("b",
		" max-smtp-out 9\n") DOMAIN("x.com", " max-smtp-out 11\n"),
	    "unreachable 11<8 9, against 11; " },
	{ "in the block of one virtual MTA",
	    "<virtual-mta a>\n max-smtp-out 10\n"
	    " <domain *>\n  max-smtp-out 11\n </domain>\n</virtual-mta>\n",
	    "unreachable 4<2 10, against 11; " },
	{ "rates in different units",
	    ALL_TO("a") VMTA("a", " max-smtp-msg-rate 1000/d\n")
		DOMAIN("x.com", " max-msg-rate 1/m\n"),
	    "unreachable 8<5 1000/d, against 1440/d; " },
	{ "a day's rate that is more than a second's",
	    ALL_TO("a") VMTA("a", " max-smtp-msg-rate 1/s\n")
		DOMAIN("x.com", " max-msg-rate 86400/d\n"),
	    "" },
	{ "and one that is more by one",
	    ALL_TO("a") VMTA("a", " max-smtp-msg-rate 1/s\n")
		DOMAIN("x.com", " max-msg-rate 86401/d\n"),
	    "unreachable 8<5 86400/d, against 86401/d; " },
	{ "bytes, beyond 32 bits",
	    "<source 0/0>\n default-virtual-mta a\n max-message-size 1M\n"
	    "</source>\n" VMTA("a", " max-smtp-data-volume-rate 10G/h\n")
		DOMAIN("x.com", " max-data-volume-rate 20G/h\n"),
	    "unreachable 9<6 10G/h, against 20G/h; " },
	{ "queue within the process",
	    "total-max-smtp-out 10\n" DOMAIN("x.com", " max-smtp-out 11\n"),
	    "unreachable 3<1 10, against 11; " },
	{ "queue within the process's default",
	    DOMAIN("x.com", " max-smtp-out 1201\n"),
	    "unreachable 2<0 1200, against 1201; " },
	{ "queue within pool",
	    ALL_TO("p") VMTA("a", "")
		POOL("p", " virtual-mta a\n max-smtp-out 10\n")
		    DOMAIN("x.com", " max-smtp-out 11\n"),
	    "unreachable 11<8 10, against 11; " },
	{ "another virtual MTA is in no pool",
	    ALL_TO("p") VMTA("a", "") VMTA("b", "")
		POOL("p", " virtual-mta a\n max-smtp-out 10\n")
		    DOMAIN("x.com", " max-smtp-out 11\n"),
	    "" },
	{ "queue within provider",
	    PROVIDER(" domain x.com\n max-connect-rate 1/s\n")
		DOMAIN("x.com", " max-connect-rate 61/m\n"),
	    "unreachable 6<3 60/m, against 61/m; " },
	{ "the block has more than the provider",
	    PROVIDER(" domain x.com\n max-connect-rate 1/s\n")
		DOMAIN("*", " max-connect-rate 61/m\n"),
	    "" },
	{ "queue within what its addresses may",
	    VMTA("{default}", IP("1") IP("2")) DOMAIN("x.com",
		" max-smtp-out 5\n source-ip-max-smtp-out 0/0 2\n"),
	    "unreachable 6<7 4 from 2 addresses together, against 5; " },
	{ "with one more address",
	    VMTA("{default}", IP("1") IP("2") IP("3")) DOMAIN("x.com",
		" max-smtp-out 5\n source-ip-max-smtp-out 0/0 2\n"),
	    "" },
	{ "an address without a limit",
	    VMTA("{default}", IP("1") IP("2")) DOMAIN("x.com",
		" max-smtp-out 5\n source-ip-max-smtp-out 192.0.2.1 2\n"),
	    "" },
	/* source addresses */
	{ "address within its queue",
	    VMTA("{default}", IP("1")) DOMAIN("x.com",
		" max-msg-rate 5/s\n source-ip-max-msg-rate 0/0 6/s\n"),
	    "unreachable 6<5 5/s, against 6/s; " },
	{ "address within the default of its queue",
	    DOMAIN("x.com", " source-ip-max-smtp-out 0/0 21\n"),
	    "unreachable 2<0 20, against 21; " },
	{ "no address of that range",
	    VMTA("{default}", IP("1"))
		DOMAIN("x.com", " source-ip-max-smtp-out 192.0.2.2 1\n"),
	    "unmatched 5; " },
	{ "addresses that the kernel chooses",
	    DOMAIN("x.com", " source-ip-max-smtp-out 192.0.2.2 1\n"), "" },
	{ "one of two virtual MTAs has the address",
	    VMTA("a", IP("1")) VMTA("b", IP("2")) ALL_TO("a")
		DOMAIN("x.com", " source-ip-max-smtp-out 192.0.2.2 1\n"),
	    "" },
	{ "a range behind a wider one",
	    DOMAIN("x.com",
		" source-ip-max-smtp-out 10/8 1\n"
		" source-ip-max-smtp-out 10.1/16 2\n"),
	    "covered 3<2; " },
	{ "a range before a wider one",
	    DOMAIN("x.com",
		" source-ip-max-smtp-out 10.1/16 2\n"
		" source-ip-max-smtp-out 10/8 1\n"),
	    "" },
	/* above the queue */
	{ "virtual MTA within process",
	    "total-max-smtp-out 10\n" VMTA("a", " max-smtp-out 11\n"),
	    "unreachable 3<1 10, against 11; " },
	{ "virtual MTA within pool",
	    VMTA("a", " max-smtp-msg-rate 11/s\n")
		POOL("p", " virtual-mta a\n max-smtp-msg-rate 600/m\n"),
	    "unreachable 2<6 10/s, against 11/s; " },
	{ "pool beyond its members",
	    VMTA("a", " max-smtp-out 3\n") VMTA("b", " max-smtp-out 4\n")
		POOL("p", " virtual-mta a, b\n max-smtp-out 8\n"),
	    "unreachable 9<2 7 of 2 members together, against 8; " },
	{ "pool as its members",
	    VMTA("a", " max-smtp-out 3\n") VMTA("b", " max-smtp-out 4\n")
		POOL("p", " virtual-mta a, b\n max-smtp-out 7\n"),
	    "" },
	{ "a member without a limit",
	    VMTA("a", " max-smtp-out 3\n") VMTA("b", "")
		POOL("p", " virtual-mta a, b\n max-smtp-out 8\n"),
	    "" },
	{ "pool within process",
	    "total-max-smtp-out 9\n" VMTA("a", "")
		POOL("p", " virtual-mta a\n max-smtp-out 10\n"),
	    "unreachable 6<1 9, against 10; " },
	{ "process beyond all virtual MTAs",
	    "total-max-smtp-out 9\n" VMTA("a", " max-smtp-out 4\n")
		VMTA("{default}", " max-smtp-out 4\n"),
	    "unreachable 1<6 8 of 2 virtual MTAs together, against 9; " },
	{ "the built-in virtual MTA has no limit",
	    "total-max-smtp-out 9\n" VMTA("a", " max-smtp-out 4\n"), "" },
	{ "provider within process",
	    "total-max-smtp-out 9\n" PROVIDER(" domain *.x.com\n"
					      " max-smtp-out 10\n"),
	    "unreachable 4<1 9, against 10; " },
	{ "provider beyond its queues",
	    PROVIDER(" domain x.com, y.com\n max-smtp-out 16\n") DOMAIN("x.com",
		" max-smtp-out 10\n") DOMAIN("y.com", " max-smtp-out 5\n"),
	    "unreachable 3<9 15 of 2 queues together, against 16; " },
	{ "provider as its queues",
	    PROVIDER(" domain x.com, y.com\n max-smtp-out 15\n") DOMAIN("x.com",
		" max-smtp-out 10\n") DOMAIN("y.com", " max-smtp-out 5\n"),
	    "" },
	{ "provider of any number of domains",
	    PROVIDER(" domain *.x.com\n max-smtp-out 900\n"), "" },
	{ "provider without a limit", PROVIDER(" domain x.com\n"),
	    "empty 1; " },
	{ "job within all virtual MTAs",
	    ALL_TO("a") VMTA("a",
		" max-smtp-msg-rate 1/s\n") "<job x>\n max-msg-rate 2/s\n</job>\n",
	    "unreachable 8<5 1/s of 1 virtual MTA together, against 2/s; " },
	{ "job that may have the built-in virtual MTA, too",
	    VMTA("a",
		" max-smtp-msg-rate 1/s\n") "<job x>\n max-msg-rate 2/s\n</job>\n",
	    "" },
	{ "user within all virtual MTAs",
	    ALL_TO("a") VMTA("a",
		" max-smtp-msg-rate 1/s\n") "<smtp-user x>\n max-msg-rate 2/s\n</smtp-user>\n",
	    "unreachable 8<5 1/s of 1 virtual MTA together, against 2/s; " },
	/* kinds of limits of one queue */
	{ "connect rate and ramp-up",
	    DOMAIN("x.com",
		" max-connect-rate 7/m\n"
		" smtp-out-rampup-interval 10s\n"),
	    "unreachable 2<3 6/m of connections one after the other, against "
	    "7/m; " },
	{ "as slow as the ramp-up",
	    DOMAIN("x.com",
		" max-connect-rate 6/m\n"
		" smtp-out-rampup-interval 10s\n"),
	    "" },
	{ "messages of few connections",
	    DOMAIN("x.com",
		" max-msg-rate 61/m\n max-connect-rate 6/m\n"
		" max-msg-per-connection 10\n"),
	    "recipients 2<3 60/m with max-msg-per-connection 10 and one "
	    "recipient each, against 61/m; " },
	{ "messages of just enough connections",
	    DOMAIN("x.com",
		" max-msg-rate 60/m\n max-connect-rate 6/m\n"
		" max-msg-per-connection 10\n"),
	    "" },
	{ "connections that carry any number",
	    DOMAIN("x.com", " max-msg-rate 61/m\n max-connect-rate 6/m\n"),
	    "" },
	{ "messages of few connections, few recipients each",
	    DOMAIN("x.com",
		" max-msg-rate 121/m\n max-connect-rate 6/m\n"
		" max-msg-per-connection 10\n"
		" max-rcpt-per-message 2\n"),
	    "unreachable 2<3 120/m with max-msg-per-connection 10 and "
	    "max-rcpt-per-message 2, against 121/m; " },
	{ "more connections than the rate can use",
	    DOMAIN("x.com", " max-smtp-out 3\n max-msg-rate 1/20m\n"),
	    "connections 2<3 2 can be busy at once, against 3; " },
	{ "as many as it can use",
	    DOMAIN("x.com", " max-smtp-out 2\n max-msg-rate 1/20m\n"), "" },
	{ "errors that no connection has recipients for",
	    DOMAIN("x.com",
		" max-errors-per-connection 21\n"
		" max-msg-per-connection 2\n"
		" max-rcpt-per-message 10\n"),
	    "unreachable 2<3 20 recipients with max-rcpt-per-message 10, "
	    "against 21; " },
	{ "errors of all recipients",
	    DOMAIN("x.com",
		" max-errors-per-connection 20\n"
		" max-msg-per-connection 2\n"
		" max-rcpt-per-message 10\n"),
	    "" },
	{ "less than a large message",
	    DOMAIN("x.com",
		" max-data-volume-rate 9M/h\n") "<source 0/0>\n max-message-size 10M\n</source>\n",
	    "message 2<5 9M, against messages of 10M; " },
	{ "as much as a large message",
	    DOMAIN("x.com",
		" max-data-volume-rate 10M/h\n") "<source 0/0>\n max-message-size 10M\n</source>\n",
	    "" },
	{ "the largest of all sources counts",
	    DOMAIN("x.com",
		" max-data-volume-rate 10M/h\n") "<source 0/0>\n max-message-size 10M\n</source>\n"
						 "<source big>\n max-message-size 11M\n</source>\n",
	    "message 2<8 10M, against messages of 11M; " },
	{ "messages of any size: what is usual counts",
	    DOMAIN("x.com", " max-data-volume-rate 9M/h\n")
		DOMAIN("y.com", " max-data-volume-rate 10M/h\n"),
	    "message 2 9M, against messages of any size; " },
	/* remote hosts */
	{ "limits of the hosts of a route",
	    "ip-connection-limit 10/8 2\n" DOMAIN("x.com",
		" max-smtp-out 5\n smtp-hosts [10.0.0.1], [10.0.0.2]\n"),
	    "unreachable 3<1 4 to 2 hosts of smtp-hosts, against 5; " },
	{ "one host of a route without a limit",
	    "ip-connection-limit 10/8 2\n" DOMAIN("x.com",
		" max-smtp-out 5\n smtp-hosts [10.0.0.1], [11.0.0.2]\n"),
	    "" },
	{ "a host's limit is for each local address",
	    "mx-connection-limit *.x.com 2\n" VMTA("{default}", IP("1") IP("2"))
		DOMAIN("x.com", " max-smtp-out 5\n smtp-hosts mx.x.com\n"),
	    "unreachable 7<1 4 to 1 host of smtp-hosts, against 5; " },
	{ "MX hosts may be any number",
	    "mx-connection-limit *.x.com 2\n" VMTA("{default}", IP("1")) DOMAIN(
		"x.com", " max-smtp-out 5\n smtp-hosts lookup-mx:mx.x.com\n"),
	    "" },
	{ "an address within the process",
	    "total-max-smtp-out 10\nip-connection-limit 10/8 11\n",
	    "unreachable 2<1 10, against 11; " },
	{ "an MX host within the process",
	    "total-max-smtp-out 10\nmx-connection-limit x.com 11\n",
	    "unreachable 2<1 10, against 11; " },
	{ "an address behind a wider range",
	    "ip-connection-limit 0/0 5\nip-connection-limit ::1 6\n",
	    "covered 2<1; " },
	{ "an MX pattern twice",
	    "mx-connection-limit x.com 5\nmx-connection-limit X.com 6\n",
	    "overridden 1<2; " },
	/* lines that never count */
	{ "a directive twice in a block",
	    DOMAIN("x.com", " max-smtp-out 5\n max-smtp-out 6\n"),
	    "overridden 2<3; " },
	{ "lists may be there twice",
	    DOMAIN("x.com",
		" source-ip-max-smtp-out 10/8 1\n"
		" source-ip-max-smtp-out 11/8 2\n"),
	    "" },
	{ "a block again",
	    DOMAIN("x.com", " max-smtp-out 5\n")
		DOMAIN("x.com", " max-smtp-out 6\n"),
	    "overridden 2<5; " },
	{ "a block again, about something else",
	    DOMAIN("x.com", " max-smtp-out 5\n")
		DOMAIN("x.com", " max-msg-rate 6/s\n"),
	    "" },
	{ "every virtual MTA has its own",
	    ALL_TO("a") DOMAIN("x.com",
		" queue-priority 5\n") "<virtual-mta a>\n <domain x.com>\n  queue-priority 6\n"
				       " </domain>\n</virtual-mta>\n",
	    "overridden 5<9; " },
	{ "the built-in virtual MTA has none",
	    DOMAIN("x.com",
		" queue-priority 5\n") "<virtual-mta a>\n <domain x.com>\n  queue-priority 6\n"
				       " </domain>\n</virtual-mta>\n",
	    "" },
	{ "what is below the domain goes on",
	    DOMAIN("[*.]x.com", " max-smtp-out 5\n")
		DOMAIN("x.com", " max-smtp-out 6\n"),
	    "" },
	{ "neither the domain nor what is below it",
	    DOMAIN("[*.]x.com", " max-smtp-out 5\n") DOMAIN("x.com",
		" max-smtp-out 6\n") DOMAIN("*.x.com", " max-smtp-out 7\n"),
	    "overridden 2<8; " },
	{ "address literals of a range",
	    DOMAIN("[10/8]", " max-smtp-out 5\n")
		DOMAIN("[10.0.0.0/24]", " max-smtp-out 6\n"),
	    "" },
	{ "a macro's names one by one",
	    "domain-macro m x.com, y.com\n" DOMAIN("$m", " max-smtp-out 5\n")
		DOMAIN("x.com", " max-smtp-out 6\n"),
	    "" },
	{ "all of a macro's names",
	    "domain-macro m x.com, y.com\ndomain-macro n y.com, x.com\n" DOMAIN(
		"$m", " max-smtp-out 5\n") DOMAIN("$n", " max-smtp-out 6\n"),
	    "overridden 4<7; " },
	{ "jobs behind a wider pattern",
	    "<job a*>\n fair-share 5\n</job>\n<job ab>\n fair-share 6\n"
	    "</job>\n",
	    "covered 4<1; " },
	{ "a job without a limit", "<job a>\n</job>\n", "empty 1; " },
	{ "notifications have a queue of their own",
	    ALL_TO("a") VMTA("a", " max-smtp-out 3\n")
		DOMAIN("{dsn}", " max-smtp-out 5\n"),
	    "" },
	/* shares and the start */
	{ "a share, and nobody else", ALL_TO("a") VMTA("a", " fair-share 50\n"),
	    "alone 5; " },
	{ "a share beside the built-in virtual MTA",
	    VMTA("a", " fair-share 50\n"), "" },
	{ "a share beside another",
	    ALL_TO("a") VMTA("a", " fair-share 50\n") VMTA("b", ""), "" },
	{ "a start that takes longer than mail is kept",
	    "startup-ramp 2h\n" DOMAIN("x.com", " bounce-after 1h\n"),
	    "ramp 1<3; " },
	{ "mail is thrown away", "dummy-smtp-port 2526\ndummy-smtp-latency 1\n",
	    "dummy 1; " },
	{ "there is no dummy", "dummy-smtp-port 0\n", "" },
	{ "a start that takes as long as mail is kept",
	    "startup-ramp 1h\n" DOMAIN("x.com", " bounce-after 1h\n"), "" },
};

static void
note(void *ctx, const struct lint_finding *f)
{
	struct buf *out = ctx;

	buf_printf(out, "%s %u", f->word, f->limit.line);
	if (f->by.directive != NULL || f->by.file != NULL)
		buf_printf(out, "<%u", f->by.line);
	buf_printf(out, "%s%s; ", f->numbers[0] == '\0' ? "" : " ", f->numbers);
}

static struct snapshot *
load(const char *text)
{
	struct conf_errors errs = { 0 };
	struct snapshot *s;

	conf_file_put("main", text);
	s = snapshot_load(conf_file_path("main"), &errs);
	for (size_t i = 0; s == NULL && i < errs.n; i++)
		(void)printf("# %s\n", errs.v[i].text);
	conf_errors_fini(&errs);
	return s;
}

static void
test_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct snapshot *s = load(cases[i].text);
		struct buf found = { 0 };

		if (!ok(s != NULL, "loads: %s", cases[i].label))
			continue;
		ok(lint_run(s, note, &found), "all of it is compared");
		is_str(buf_cstr(&found), cases[i].found, cases[i].label);
		buf_fini(&found);
		snapshot_unref(&s);
	}
}

/* ---- what is told of each -------------------------------------------------- */

static void
keep(void *ctx, const struct lint_finding *f)
{
	buf_printf(ctx, "%s %s|%s|%s|%s %s|%s|", f->limit.directive,
	    f->limit.value, f->limit.block, f->what, f->by.directive,
	    f->by.value, f->by.block);
}

static void
test_texts(void)
{
	struct snapshot *s = load(
	    "<virtual-mta a>\n max-smtp-out 10\n"
	    " <domain *>\n  max-smtp-out 11\n </domain>\n</virtual-mta>\n");
	struct buf text = { 0 };

	ok(lint_run(s, keep, &text), "compared");
	is_str(buf_cstr(&text),
	    "max-smtp-out 11|<domain *> of <virtual-mta a>|can never be "
	    "reached|max-smtp-out 10|<virtual-mta a>|",
	    "both lines, with their values and blocks");
	buf_clear(&text);
	snapshot_unref(&s);
	s = load("<domain x>\n max-smtp-out 1201\n</domain>\n");
	ok(lint_run(s, keep, &text), "compared");
	is_str(buf_cstr(&text),
	    "max-smtp-out 1201|<domain x>|can never be reached|"
	    "total-max-smtp-out 1200||",
	    "a default is the reason");
	buf_fini(&text);
	snapshot_unref(&s);
}

static void
test_patterns(void)
{
	for (int count = 500; count <= 501; count++) {
		struct conf_errors errs = { 0 };
		struct buf text = { 0 }, found = { 0 };
		struct snapshot *s;

		buf_str(&text, "suppression-lists a\n<address-list a>\n");
		for (int i = 0; i < count; i++)
			buf_printf(&text, "address /x%d@/\n", i);
		buf_str(&text, "</address-list>\n");
		conf_file_put("main", buf_cstr(&text));
		s = snapshot_load(conf_file_path("main"), &errs);
		if (ok(s != NULL, "%d patterns load", count)) {
			(void)lint_run(s, note, &found);
			is_str(buf_cstr(&found),
			    count == 500 ? "" : "patterns 2 501; ",
			    "so many patterns");
		}
		snapshot_unref(&s);
		buf_fini(&text);
		buf_fini(&found);
		conf_errors_fini(&errs);
	}
}

/* The text that every file of PowerMTA's kind looks like: nothing silly. */
static void
test_whole(void)
{
	const char *top = getenv("top_srcdir");
	struct conf_errors errs = { .portable = true };
	struct buf found = { 0 };
	struct snapshot *s;
	char path[500];

	(void)snprintf(path, sizeof(path), "%s/tests/conf/powermta.conf",
	    top == NULL ? "." : top);
	errs.portable = true; /* its files are on another host */
	s = snapshot_load(path, &errs);
	if (!ok(s != NULL, "the large one loads"))
		return;
	ok(lint_run(s, note, &found), "all of it is compared");
	is_str(buf_cstr(&found),
	    "unreachable 220<217 250/h, against 400/h; covered 221<219; ",
	    "two lines of it are in vain");
	buf_fini(&found);
	snapshot_unref(&s);
	conf_errors_fini(&errs);
}

int
main(void)
{
	conf_file_begin();
	test_cases();
	test_texts();
	test_patterns();
	test_whole();
	conf_file_end();
	return done_testing();
}
