/* SPDX-License-Identifier: Apache-2.0 */
/* What holds for a queue or a client is merged from general to specific. */
#include "lib/clock.h"
#include "tests/conf_file.h"
#include "vmta/snapshot.h"

static const char queues[] =
    "domain-macro big macro.com, both.com\n"
    "<domain *>\n max-smtp-out 10\n max-rcpt-per-message 50\n</domain>\n"
    "<domain [*.]example.com>\n max-smtp-out 11\n connect-timeout 11s\n"
    "</domain>\n"
    "<domain *.example.com>\n max-smtp-out 12\n</domain>\n"
    "<domain www.example.com>\n max-smtp-out 13\n</domain>\n"
    "<domain both.com>\n max-smtp-out 15\n</domain>\n"
    "<domain $big>\n max-smtp-out 14\n retry-after 1m,2m\n</domain>\n"
    "<domain twice.com>\n max-smtp-out 16\n</domain>\n"
    "<domain twice.com>\n connect-timeout 16s\n</domain>\n"
    "dsn-host [192.0.2.1]:26\n"
    "<domain {dsn}>\n connect-timeout 17s\n smtp-hosts [192.0.2.2]\n"
    "</domain>\n"
    "<virtual-mta a>\n"
    " <domain *>\n max-rcpt-per-message 60\n</domain>\n"
    " <domain www.example.com>\n max-smtp-out 21\n</domain>\n"
    "</virtual-mta>\n"
    "<virtual-mta b>\n</virtual-mta>\n"
    "<virtual-mta c>\n</virtual-mta>\n"
    "<virtual-mta-pool p>\n virtual-mta a\n virtual-mta b\n"
    " <domain example.com>\n max-smtp-out 31\n"
    " max-rcpt-per-message 70\n</domain>\n"
    "</virtual-mta-pool>\n";

static const struct {
	const char *domain, *vmta;
	uint32_t conns, rcpts;
	int64_t connect_s;
	size_t retries;
} queue_cases[] = {
	{ "other.net", "", 10, 50, 120, 1 },
	{ "other.net", "{default}", 10, 50, 120, 1 },
	{ "other.net", "unknown", 10, 50, 120, 1 },
	{ "example.com", "c", 11, 50, 11, 1 },
	{ "mx.example.com", "c", 12, 50, 11, 1 },
	{ "www.example.com", "c", 13, 50, 11, 1 },
	{ "WWW.Example.Com", "C", 13, 50, 11, 1 },
	/* By name beats by macro, wherever it stands; the rest merges. */
	{ "both.com", "", 15, 50, 120, 2 },
	{ "macro.com", "", 14, 50, 120, 2 },
	{ "twice.com", "", 16, 50, 16, 1 },
	/* The pool's, then the virtual MTA's. */
	{ "example.com", "b", 31, 70, 11, 1 },
	{ "example.com", "a", 31, 60, 11, 1 },
	{ "example.com", "p", 31, 70, 11, 1 },
	{ "www.example.com", "a", 21, 60, 11, 1 },
	{ "www.example.com", "b", 13, 50, 11, 1 },
	/* Only what is said of it by name; dsn-host wins over smtp-hosts. */
	{ "{dsn}", "", 20, 1000, 17, 1 },
};

static const char sources[] =
    "<virtual-mta v>\n</virtual-mta>\n"
    "<virtual-mta w>\n</virtual-mta>\n"
    "<source {auth}>\n always-allow-relaying yes\n</source>\n"
    "<source 10.1/16>\n default-virtual-mta w\n</source>\n"
    "<source 0/0>\n process-x-job yes\n default-virtual-mta v\n</source>\n"
    "<source 10/8>\n max-rcpt-per-message 8\n max-message-size 1M\n"
    "</source>\n"
    "<source 127.0.0.1>\n smtp-service no\n</source>\n"
    "<source ::1>\n max-rcpt-per-message 6\n</source>\n"
    "<source list>\n default-virtual-mta v\n process-x-job no\n</source>\n";

static const struct {
	const char *client, *name;
	const char *vmta;
	bool relay, x_job, service;
	uint32_t rcpts;
} source_cases[] = {
	{ "192.0.2.1", NULL, "v", false, true, true, 0 },
	{ "10.2.0.1", NULL, "v", false, true, true, 8 },
	{ "10.1.2.3", NULL, "w", false, true, true, 8 },
	{ "::ffff:10.1.2.3", NULL, "w", false, true, true, 8 },
	{ "10.1.2.3", "{auth}", "w", true, true, true, 8 },
	{ "10.1.2.3", "LIST", "v", false, false, true, 8 },
	{ "10.1.2.3", "unknown", "w", false, true, true, 8 },
	{ "127.0.0.1", NULL, "v", false, true, false, 0 },
	{ "", NULL, "v", false, true, false, 0 }, /* a unix socket */
	{ "::1", NULL, "v", false, true, true, 6 },
	{ "2001:db8::1", NULL, "v", false, true, true, 0 },
};

static struct snapshot *
load(const char *text)
{
	struct conf_errors errs = { 0 };
	struct snapshot *s;

	conf_file_put("main", text);
	s = snapshot_load(conf_file_path("main"), &errs);
	for (size_t i = 0; i < errs.n; i++)
		(void)printf("# %s\n", errs.v[i].text);
	conf_errors_fini(&errs);
	if (s == NULL)
		abort();
	return s;
}

static void
test_queues(void)
{
	struct snapshot *s = load(queues);
	struct queue_conf q;

	for (size_t i = 0; i < sizeof(queue_cases) / sizeof(queue_cases[0]);
	     i++) {
		snapshot_queue_conf(s, queue_cases[i].domain,
		    queue_cases[i].vmta, &q);
		ok(q.max_conns == queue_cases[i].conns &&
			q.max_rcpt_per_msg == queue_cases[i].rcpts &&
			q.connect_timeout_us ==
			    queue_cases[i].connect_s * US_PER_S &&
			q.retry_after.n == queue_cases[i].retries,
		    "%s/%s: %u connections, %u recipients, %zu times",
		    queue_cases[i].domain, queue_cases[i].vmta, q.max_conns,
		    q.max_rcpt_per_msg, q.retry_after.n);
	}
	snapshot_queue_conf(s, SNAPSHOT_DSN_DOMAIN, "", &q);
	ok(q.smtp_hosts.n == 1 && q.smtp_hosts.v[0].port == 26,
	    "notifications go to dsn-host");
	snapshot_unref(&s);
}

static void
test_sources(void)
{
	struct snapshot *s = load(sources);
	struct source_conf c;
	struct err e;

	for (size_t i = 0; i < sizeof(source_cases) / sizeof(source_cases[0]);
	     i++) {
		struct net_addr a = { 0 };

		if (source_cases[i].client[0] != '\0')
			(void)net_addr_parse(slice_of(source_cases[i].client),
			    &a, &e);
		snapshot_source_conf(s, &a, source_cases[i].name, &c);
		ok(strcmp(c.default_vmta, source_cases[i].vmta) == 0 &&
			c.relay == source_cases[i].relay &&
			c.process_x_job == source_cases[i].x_job &&
			c.smtp_service == source_cases[i].service &&
			c.max_rcpts == source_cases[i].rcpts,
		    "\"%s\" as %s", source_cases[i].client,
		    source_cases[i].name == NULL ? "nobody" :
						   source_cases[i].name);
	}
	snapshot_unref(&s);
}

int
main(void)
{
	conf_file_begin();
	test_queues();
	test_sources();
	conf_file_end();
	return done_testing();
}
