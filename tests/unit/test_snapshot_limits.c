/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Providers, jobs, pools and remote hosts have their limits, each is found for
 * what it is about, and what cannot be meant is said with its lines.
 */
#include "tests/conf_file.h"
#include "vmta/snapshot.h"

static const char good[] =
    "domain-macro g gmail.com, googlemail.com\n"
    "<provider Google>\n domain $g, *.google.com\n max-smtp-out 30\n"
    " max-msg-rate 500/s\n max-connect-rate 10/s\n"
    " max-data-volume-rate 5G/h\n</provider>\n"
    "<provider mail>\n domain [*.]web.example\n domain Mail.google.com\n"
    "</provider>\n"
    "<provider rest>\n domain gone.example\n domain \"\"\n"
    " domain [192.0.2.0/24]\n domain [*.]\xc3\xa4.example\n</provider>\n"
    "<provider REST>\n max-smtp-out 9\n domain more.example\n</provider>\n"
    "<job bulk-1>\n max-msg-rate 7/m\n</job>\n"
    "<job bulk-*>\n max-msg-rate 10/m\n fair-share 50\n</job>\n"
    "<job \"a b\">\n fair-share 1000\n</job>\n"
    "<virtual-mta a>\n fair-share 300\n max-smtp-data-volume-rate 1M/s\n"
    "</virtual-mta>\n"
    "<virtual-mta b>\n</virtual-mta>\n<virtual-mta c>\n</virtual-mta>\n"
    "<virtual-mta-pool p>\n virtual-mta a\n max-smtp-out 50\n"
    " max-smtp-msg-rate 100/s\n max-smtp-data-volume-rate 5000000000/h\n"
    "</virtual-mta-pool>\n"
    "<virtual-mta-pool q>\n virtual-mta a, b\n</virtual-mta-pool>\n"
    "<virtual-mta-pool r>\n virtual-mta c\n <domain x.example>\n"
    " max-smtp-out 3\n </domain>\n</virtual-mta-pool>\n"
    "<smtp-user joe>\n max-msg-rate 2/h\n</smtp-user>\n"
    "mx-connection-limit *.google.com 4\n"
    "mx-connection-limit mx1.google.com 5\n"
    "mx-connection-limit mx2.google.com unlimited\n"
    "ip-connection-limit 192.0.2.1 6\nip-connection-limit 192.0.2.0/24 7\n"
    "ip-connection-limit 2001:db8::/32 unlimited\n"
    "ip-connection-limit 0/0 8\n"
    "startup-ramp 5m\nspool-max-recipients 1000000\n"
    "max-memory-usage-percent 75%\n"
    "<domain *>\n max-connect-rate 3/s\n max-data-volume-rate 8G/d\n"
    " max-errors-per-connection 5\n smtp-out-rampup-interval 10s\n"
    " queue-priority 70\n allow-priority-interruption no\n"
    " allow-priority-interruption-during-transfer yes\n"
    " source-ip-max-smtp-out 192.0.2.1 2\n source-ip-max-smtp-out 0/0 3\n"
    " source-ip-max-msg-rate 0/0 1/20m\n source-ip-max-connect-rate 0/0 1/s\n"
    " source-ip-max-data-volume-rate 0/0 1M/s\n</domain>\n"
    "<domain x.example>\n source-ip-max-smtp-out 10/8 9\n</domain>\n"
    "<domain y.example>\n source-ip-max-smtp-out \"\"\n"
    " max-errors-per-connection unlimited\n</domain>\n"
    "<domain old.example>\n max-smtp-out-per-source-ip 4\n</domain>\n";

static const struct {
	const char *domain, *provider; /* NULL: none */
} of_domain[] = {
	{ "gmail.com", "Google" }, { "GoogleMail.com", "Google" },
	{ "x.gmail.com", NULL }, { "www.google.com", "Google" },
	{ "google.com", NULL },
	{ "mail.google.com", "mail" }, /* the more specific pattern */
	{ "web.example", "mail" }, { "a.web.example", "mail" },
	{ "gone.example", NULL }, { "[192.0.2.9]", "rest" },
	{ "[192.0.3.9]", NULL }, { "\xc3\xa4.example", "rest" },
	{ "xn--4ca.example", "rest" }, { "{dsn}", NULL },
	{ "more.example", "rest" }, /* of its second block */
};

static void
test_providers(const struct snapshot *s)
{
	const struct provider *p = snapshot_provider_named(s, "GOOGLE");

	for (size_t i = 0; i < sizeof(of_domain) / sizeof(of_domain[0]); i++) {
		const struct provider *found = snapshot_provider(s,
		    of_domain[i].domain);

		is_str(found == NULL ? "none" : found->name,
		    of_domain[i].provider == NULL ? "none" :
						    of_domain[i].provider,
		    of_domain[i].domain);
	}
	is_int((int64_t)snapshot_provider_count(s), 3, "three providers");
	ok(snapshot_provider_at(s, 0) == p, "in the order of the file");
	ok(snapshot_provider_named(s, "yahoo") == NULL, "and no other");
	is_int(p->max_conns, 30, "connections");
	is_int(p->msg_rate.count, 500, "messages");
	is_int(p->connect_rate.count, 10, "connects");
	ok(p->data_rate.bytes == UINT64_C(5) << 30, "bytes, more than 32 bits");
	ok(snapshot_provider_named(s, "mail")->max_conns == 0 &&
		snapshot_provider_named(s, "mail")->msg_rate.period_us == 0,
	    "by default no limit");
	is_int(snapshot_provider_named(s, "rest")->max_conns, 9,
	    "a second block adds to the first");
}

static const struct {
	const char *job;
	int per_minute; /* 0: no limit */
	int share;      /* 0: no <job> */
} of_job[] = {
	{ "bulk-1", 7, 100 },
	{ "Bulk-12", 10, 50 },
	{ "a b", 0, 1000 },
	{ "bulk", 0, 0 },
	{ "", 0, 0 },
};

static void
test_jobs(const struct snapshot *s)
{
	for (size_t i = 0; i < sizeof(of_job) / sizeof(of_job[0]); i++) {
		const struct job_conf *j = snapshot_job(s, of_job[i].job);

		if (!ok((j != NULL) == (of_job[i].share != 0), "job \"%s\"",
			of_job[i].job) ||
		    j == NULL)
			continue;
		is_int(j->msg_rate.count, of_job[i].per_minute, "its rate");
		is_int(j->fair_share, of_job[i].share, "its share");
	}
}

static void
test_others(const struct snapshot *s)
{
	const struct global_conf *g = snapshot_global(s);
	const struct pool *p = snapshot_pool_of(s, "A");

	is_str(p->name, "p", "the pool that has limits");
	ok(p->max_conns == 50 && p->msg_rate.count == 100 &&
		p->data_rate.bytes == 5000000000,
	    "they are its own");
	ok(snapshot_pool_of(s, "b") == NULL && snapshot_pool_of(s, "") == NULL,
	    "a pool without any does not count");
	is_str(snapshot_pool_of(s, "c")->name, "r", "one with <domain> does");
	is_int((int64_t)snapshot_pool_count(s), 3, "all pools");
	is_str(snapshot_pool_at(s, 1)->name, "q", "in order");
	is_int(snapshot_vmta(s, "a")->fair_share, 300, "a share");
	is_int(snapshot_vmta(s, "b")->fair_share, 100, "the default one");
	ok(snapshot_vmta(s, "a")->data_rate.bytes == 1 << 20,
	    "bytes of a VMTA");
	is_int(snapshot_user(s, "joe")->msg_rate.count, 2, "a user's rate");
	ok(g->startup_ramp_us == 300000000 && g->spool_max_rcpts == 1000000 &&
		g->max_memory_percent == 75,
	    "limits of the process");
}

static const struct {
	const char *host;
	uint32_t max;
} of_mx[] = {
	{ "alt1.google.com", 4 },
	{ "MX1.google.com", 5 },
	{ "mx2.google.com", 0 },
	{ "google.com", 0 },
	{ "192.0.2.1", 0 },
};

static const struct {
	const char *addr;
	uint32_t max;
} of_ip[] = {
	{ "192.0.2.1", 6 }, { "192.0.2.2", 7 }, { "198.51.100.1", 8 },
	{ "2001:db8::1", 0 }, { "::1", 8 }, /* 0/0 is every address */
};

static void
test_remote(const struct snapshot *s)
{
	for (size_t i = 0; i < sizeof(of_mx) / sizeof(of_mx[0]); i++)
		is_int(snapshot_mx_limit(s, of_mx[i].host), of_mx[i].max,
		    of_mx[i].host);
	for (size_t i = 0; i < sizeof(of_ip) / sizeof(of_ip[0]); i++) {
		struct net_addr a;
		struct err e;

		if (net_addr_parse(slice_of(of_ip[i].addr), &a, &e) == -1)
			abort();
		is_int(snapshot_ip_limit(s, &a), of_ip[i].max, of_ip[i].addr);
	}
}

static void
test_queues(const struct snapshot *s)
{
	struct queue_conf q;

	snapshot_queue_conf(s, "any.example", "", &q);
	ok(q.connect_rate.count == 3 &&
		q.data_rate.bytes == UINT64_C(8) << 30 &&
		q.max_errors_per_conn == 5 && q.rampup_us == 10000000,
	    "limits of a queue");
	ok(q.queue_priority == 70 && !q.interruption &&
		q.interruption_in_transfer,
	    "its priority");
	ok(q.source_max_conns.n == 2 && q.source_max_conns.v[1].max == 3 &&
		q.source_msg_rates.v[0].rate.count == 1 &&
		q.source_connect_rates.n == 1 && q.source_data_rates.n == 1,
	    "limits of a source, in the order of the file");
	snapshot_queue_conf(s, "x.example", "", &q);
	ok(q.source_max_conns.n == 1 && q.source_max_conns.v[0].max == 9,
	    "a more specific list replaces the other");
	snapshot_queue_conf(s, "y.example", "", &q);
	ok(q.source_max_conns.n == 0 && q.max_errors_per_conn == 0,
	    "or takes it away");
	snapshot_queue_conf(s, "old.example", "", &q);
	ok(q.source_max_conns.n == 1 && q.source_max_conns.v[0].max == 4 &&
		q.source_max_conns.v[0].prefix.bits == 0,
	    "the old name is for every address");
}

static void
test_good(void)
{
	struct conf_errors errs = { 0 };
	struct snapshot *s;

	conf_file_put("main", good);
	s = snapshot_load(conf_file_path("main"), &errs);
	if (!ok(s != NULL, "a good configuration")) {
		(void)conf_file_said(&errs, "");
		return;
	}
	ok(conf_file_said(&errs,
	       "max-smtp-out-per-source-ip is an old name: "
	       "use source-ip-max-smtp-out"),
	    "an old name is warned of");
	test_providers(s);
	test_jobs(s);
	test_others(s);
	test_remote(s);
	test_queues(s);
	snapshot_unref(&s);
	conf_errors_fini(&errs);
}

#define POOL(name, inside) \
	"<virtual-mta-pool " name ">\n virtual-mta a\n" inside \
	"</virtual-mta-pool>\n"
#define VMTA "<virtual-mta a>\n</virtual-mta>\n"

static const struct {
	const char *text, *said;
} bad[] = {
	{ "<provider a>\n domain x.com\n</provider>\n"
	  "<provider b>\n domain y.com, X.com\n</provider>\n",
	    "main:5: domain: X.com is in <provider a> already, at " },
	{ "<provider a>\n domain *.x.com\n</provider>\n"
	  "<provider b>\n domain *.x.com\n</provider>\n",
	    "main:5: domain: *.x.com is in <provider a> already, at " },
	{ "<provider a>\n max-smtp-out 3\n</provider>\n",
	    "main:1: <provider a> has neither domain nor mx" },
	{ "<provider a>\n domain x.com\n domain \"\"\n</provider>\n",
	    "main:1: <provider a> has neither domain nor mx" },
	{ "<provider a>\n domain x y\n</provider>\n", "main:2: domain: " },
	{ "<provider a>\n domain x.com\n max-smtp-out -1\n</provider>\n",
	    "main:3: max-smtp-out: \"-1\" is not a number" },
	{ "<provider a>\n domain x.com\n max-msg-rate 5\n</provider>\n",
	    "main:3: max-msg-rate: \"5\" is not a rate" },
	{ "<provider a>\n domain x.com\n max-msg-per-connection 3\n"
	  "</provider>\n",
	    "max-msg-per-connection does not belong in <provider>" },
	{ "<provider a b>\n domain x.com\n</provider>\n", "not a name" },
	{ "<provider>\n domain x.com\n</provider>\n", "argument missing" },
	{ "<job x>\n max-msg-rate 0/h\n</job>\n", "main:2: max-msg-rate: " },
	{ "<job x>\n fair-share 0\n</job>\n", "fair-share: 0 is less than 1" },
	{ "<job x>\n fair-share 1001\n</job>\n", "1001 is more than 1000" },
	{ "<virtual-mta a>\n fair-share 0\n</virtual-mta>\n", "0 is less" },
	{ VMTA POOL("p", " max-smtp-out 3\n")
		POOL("q", " max-smtp-msg-rate 5/h\n"),
	    "main:8: a is in the pools p and q, which both have limits or" },
	{ VMTA POOL("p", " <domain x.com>\n </domain>\n")
		POOL("q", " max-smtp-data-volume-rate 5M/h\n"),
	    "main:9: a is in the pools p and q, which both have limits or" },
	{ "mx-connection-limit x.com 0", "0 would let nothing through" },
	{ "mx-connection-limit 3", "what it is for and the limit are needed" },
	{ "ip-connection-limit x.com 3", "is not an address or CIDR" },
	{ "ip-connection-limit 10/8 100001", "100001 is more than 100000" },
	{ "max-memory-usage-percent 0", "0 is less than 1" },
	{ "max-memory-usage-percent 101", "is not a percentage" },
	{ "startup-ramp 2d", "2d is more than 1d" },
	{ "<domain x>\n queue-priority 101\n</domain>", "101 is more" },
	{ "<domain x>\n source-ip-max-msg-rate 10/8 5\n</domain>",
	    "main:2: source-ip-max-msg-rate: \"5\" is not a rate" },
	{ "<domain x>\n source-ip-max-smtp-out 10/8 0\n</domain>",
	    "main:2: source-ip-max-smtp-out: 0 would let nothing through" },
	{ "<domain x>\n max-smtp-out-per-source-ip x\n</domain>",
	    "main:2: max-smtp-out-per-source-ip: " },
};

static void
test_bad(void)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct conf_errors errs = { 0 };
		struct snapshot *s;

		conf_file_put("main", bad[i].text);
		s = snapshot_load(conf_file_path("main"), &errs);
		ok(s == NULL && errs.fatal >= 1 &&
			conf_file_said(&errs, bad[i].said),
		    "said: %s", bad[i].said);
		snapshot_unref(&s);
		conf_errors_fini(&errs);
	}
}

static const struct {
	const char *first, *second;
	bool reached;
} orders[] = {
	{ "bulk-*", "bulk-1", false },
	{ "*", "x", false },
	{ "x", "X", false },
	{ "bulk-1", "bulk-*", true },
	{ "a*", "b*", true },
};

/* A pattern that an earlier one has whole is warned of, with both lines. */
static void
test_unreached(void)
{
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		struct conf_errors errs = { 0 };
		struct snapshot *s;
		char text[200], said[600];
		bool found = false;

		(void)snprintf(text, sizeof(text),
		    "<job %s>\n</job>\n<job %s>\n</job>\n", orders[i].first,
		    orders[i].second);
		conf_file_put("main", text);
		s = snapshot_load(conf_file_path("main"), &errs);
		(void)snprintf(said, sizeof(said),
		    "main:3: <job %s> is never reached: <job %s> at %s:1 fits",
		    orders[i].second, orders[i].first, conf_file_path("main"));
		for (size_t k = 0; k < errs.n; k++)
			found = found || strstr(errs.v[k].text, said) != NULL;
		ok(s != NULL && found == !orders[i].reached, "%s behind %s",
		    orders[i].second, orders[i].first);
		snapshot_unref(&s);
		conf_errors_fini(&errs);
	}
}

int
main(void)
{
	conf_file_begin();
	test_good();
	test_bad();
	test_unreached();
	conf_file_end();
	return done_testing();
}
