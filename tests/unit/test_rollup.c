/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a domain's mail is queued, with whom it shares limits and whose it is,
 * from the configuration and its MX hosts; and what cannot be meant is said.
 */
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "tests/conf_file.h"
#include "vmta/rollup.h"

static const char text[] =
    "domain-macro two one, two\n"
    "<mx-rollup-list>\n"
    " mx mx.$two.example macro.rollup\n"
    " mx mx1.big.example Big.rollup\n"
    " mx mx2.big.example big.rollup\n"
    " mx MX1.Big.example. big.rollup\n" /* again */
    " mx mx.dot.example. dot.rollup\n"
    " mx mx.\xc3\xa4.example dot.rollup\n"
    " mx *.wide.example wide.rollup\n"
    " mx *.own.example own.rollup rollup-by-ip\n"
    " mx mx1.both.example first.rollup\n"
    " mx *.both.example second.rollup rollup-by-ip\n"
    " mx mx.mixed.example mixed.rollup\n"
    " mx *.mixed.example mixed.rollup\n"
    " mx aspmx.pair.example pair.rollup\n"
    " mx *.pair.example pair.rollup rollup-by-ip\n"
    " mx Mx1.ip.example. ip.rollup rollup-by-ip\n"
    " mx mx2.ip.example ip.rollup rollup-by-ip\n"
    "</mx-rollup-list>\n"
    "<domain wide.rollup>\n smtp-hosts lookup-mx:wide.example\n</domain>\n"
    "<domain mixed.rollup>\n smtp-hosts mx.mixed.example\n</domain>\n"
    "<domain moved.example>\n queue-to Hotmail.Rollup\n</domain>\n"
    "<domain named.example>\n queue-to named-too.example.\n</domain>\n"
    "<domain umlaut.example>\n queue-to \xc3\xa4.example\n</domain>\n"
    "<domain hotmail.rollup>\n smtp-hosts [192.0.2.2]\n</domain>\n"
    "<domain alone.example>\n disable-mx-rollup yes\n</domain>\n"
    "<domain fixed.example>\n smtp-hosts [192.0.2.1]\n</domain>\n"
    "<domain back.example>\n queue-to x.example\n queue-to \"\"\n</domain>\n"
    "<virtual-mta v>\n <domain plain.example>\n queue-to v.example\n"
    " </domain>\n</virtual-mta>\n"
    "<provider guard>\n mx *.guard.example, [*.]guard.test\n"
    " rollup Guard.rollup\n</provider>\n"
    "<provider inner>\n mx mx.inner.guard.example\n</provider>\n"
    "<provider names>\n domain named.test, fixed.example, alone.example\n"
    " rollup names.rollup\n</provider>\n"
    "<provider second>\n mx *.own.example\n rollup second.rollup\n"
    "</provider>\n"
    "<provider third>\n domain named-too.example\n</provider>\n"
    "<provider big>\n mx *.big.example\n rollup big-group.rollup\n"
    "</provider>\n";

#define HOSTS_MAX 3

static const struct {
	const char *domain, *vmta;
	const char *hosts[HOSTS_MAX];
	const char *group, *provider; /* NULL: none */
	bool asks;                    /* are its MX hosts asked for? */
} cases[] = {
	/* Nothing is said. */
	{ "plain.example", "", { "mx.plain.example" }, NULL, NULL, true },
	{ "plain.example", "", { NULL }, NULL, NULL, true },
	/* Rows: all of those named, and further ones do not matter. */
	{ "a.example", "", { "mx1.big.example", "mx2.big.example" },
	    "big.rollup", "big", true },
	{ "a.example", "", { "MX2.Big.example", "mx1.big.example" },
	    "big.rollup", "big", true },
	{ "a.example", "",
	    { "mx1.big.example", "x.example", "mx2.big.example" }, "big.rollup",
	    NULL, true },
	{ "a.example", "",
	    { "mx1.big.example", "mx1.big.example", "mx2.big.example" },
	    "big.rollup", "big", true },
	{ "a.example", "", { "mx1.big.example", "mx1.big.example" },
	    "big-group.rollup", "big", true },
	{ "a.example", "", { "mx.one.example", "mx.two.example" },
	    "macro.rollup", NULL, true },
	/* However they are spelt. */
	{ "a.example", "", { "mx.dot.example", "mx.xn--4ca.example" },
	    "dot.rollup", NULL, true },
	{ "a.example", "", { "mx1.big.example" }, "big-group.rollup", "big",
	    true },
	{ "a.example", "", { "mx1.big.example", "x.example" }, NULL, NULL,
	    true },
	/* Patterns: all hosts fit. */
	{ "a.example", "", { "x.wide.example", "y.wide.example" },
	    "wide.rollup", NULL, true },
	{ "a.example", "", { "x.wide.example", "y.example" }, NULL, NULL,
	    true },
	{ "a.example", "", { "wide.example" }, NULL, NULL, true },
	/* With rollup-by-ip it is a group, and the row's before a provider's. */
	{ "a.example", "", { "c1.own.example" }, "own.rollup", "second", true },
	/* The first rollup of the file. */
	{ "a.example", "", { "mx2.both.example" }, "second.rollup", NULL,
	    true },
	{ "a.example", "", { "mx2.both.example", "mx1.both.example" },
	    "first.rollup", NULL, true },
	/* Rows of both kinds for one rollup: either. */
	{ "a.example", "", { "mx.mixed.example", "x.example" }, "mixed.rollup",
	    NULL, true },
	{ "a.example", "", { "y.mixed.example" }, "mixed.rollup", NULL, true },
	/* The same name with rollup-by-ip and without. */
	{ "a.example", "", { "aspmx.pair.example", "x.pair.example" },
	    "pair.rollup", NULL, true },
	{ "a.example", "", { "x.pair.example" }, "pair.rollup", NULL, true },
	/* Providers, the most specific one by host; all must fit. */
	{ "a.example", "", { "c1.guard.example", "guard.test" }, "guard.rollup",
	    "guard", true },
	{ "a.example", "", { "mx.inner.guard.example" }, NULL, "inner", true },
	{ "a.example", "", { "c1.guard.example", "mx.inner.guard.example" },
	    NULL, NULL, true },
	{ "a.example", "", { "c1.guard.example", "x.example" }, NULL, NULL,
	    true },
	/* One that names the domain comes first. */
	{ "named.test", "", { "c1.guard.example" }, "names.rollup", "names",
	    true },
	{ "named.test", "", { NULL }, "names.rollup", "names", true },
	{ "back.example", "", { "x.wide.example" }, "wide.rollup", NULL, true },
	{ "plain.example", "v", { "x.wide.example" }, "wide.rollup", NULL,
	    true },
	{ "plain.example", "{default}", { "x.wide.example" }, "wide.rollup",
	    NULL, true },
	/* disable-mx-rollup: not even a group; the provider that names it. */
	{ "alone.example", "", { "x.wide.example" }, NULL, "names", false },
	/* A route of its own, and what has no MX hosts. */
	{ "fixed.example", "", { "x.wide.example" }, "names.rollup", "names",
	    false },
	{ "[192.0.2.1]", "", { "x.wide.example" }, NULL, NULL, false },
	{ "{dsn}", "", { "x.wide.example" }, NULL, NULL, false },
	/* Where queue-to sends mail: a group of its name, if there is one. */
	{ "big.rollup", "", { "x.wide.example" }, "big.rollup", NULL, false },
	{ "Guard.rollup", "", { NULL }, "Guard.rollup", NULL, false },
	{ "hotmail.rollup", "", { NULL }, NULL, NULL, false },
};

static const char *
none(const char *s)
{
	return s == NULL ? "none" : s;
}

/* Only what names the domain itself is known. */
static bool
is_no_better(const struct place *without, const struct place *with)
{
	return (without->group == NULL || without->group == with->group) &&
	    (without->provider == NULL || without->provider == with->provider);
}

static void
test_case(const struct snapshot *s, size_t i)
{
	const char *domain = cases[i].domain;
	struct mx_facts f = { .hosts = cases[i].hosts };
	struct place place, known;

	while (f.n < HOSTS_MAX && cases[i].hosts[f.n] != NULL)
		f.n++;
	f.ok = f.n > 0;
	rollup_place(s, domain, cases[i].vmta, &f, &place);
	is_str(none(place.group), none(cases[i].group), domain);
	is_str(none(place.provider == NULL ? NULL : place.provider->name),
	    none(cases[i].provider), "its provider");
	is_int(rollup_needs_mx(s, domain, cases[i].vmta), cases[i].asks,
	    "are its hosts asked for");
	/* Nobody asked or knows: as without any. */
	f.ok = false;
	known = place;
	rollup_place(s, domain, cases[i].vmta, &f, &place);
	ok(is_no_better(&place, &known) || !cases[i].asks, "without facts");
	rollup_place(s, domain, cases[i].vmta, NULL, &place);
	ok(is_no_better(&place, &known) || !cases[i].asks,
	    "without a question");
}

/* With rollup-by-ip: hosts of the list that are at the domain's addresses. */
static const struct {
	const char *hosts[2], *same[2];
	const char *group;
} by_ip[] = {
	{ { "x.example" }, { "mx1.ip.example", "mx2.ip.example" },
	    "ip.rollup" },
	{ { "MX1.ip.example" }, { "mx2.ip.example" }, "ip.rollup" },
	{ { "mx1.ip.example" }, { "mx1.ip.example" }, NULL },
	{ { "x.example" }, { "mx1.ip.example" }, NULL },
	{ { "mx1.ip.example", "mx2.ip.example" }, { NULL }, "ip.rollup" },
	/* Rows without it, and patterns, go by name. */
	{ { "x.example" }, { "mx1.big.example", "mx2.big.example" }, NULL },
	{ { "x.example" }, { "c1.own.example" }, NULL },
};

static size_t
count(const char *const names[2])
{
	return names[0] == NULL ? 0 : names[1] == NULL ? 1 : 2;
}

static void
test_by_ip(const struct snapshot *s)
{
	const struct conf_strs *listed = rollup_listed(s);

	for (size_t i = 0; i < sizeof(by_ip) / sizeof(by_ip[0]); i++) {
		struct mx_facts f = { .ok = true,
			.n = count(by_ip[i].hosts),
			.hosts = by_ip[i].hosts,
			.same_n = count(by_ip[i].same),
			.same = by_ip[i].same };
		struct place place;

		rollup_place(s, "a.example", "", &f, &place);
		is_str(none(place.group), none(by_ip[i].group), "by address");
	}
	is_int(listed->n, 2, "hosts whose addresses count");
	is_str(listed->v[0], "mx1.ip.example", "as DNS is asked");
}

static const struct {
	const char *domain, *vmta, *queue;
} moved[] = {
	{ "moved.example", "", "hotmail.rollup" },
	{ "named.example", "", "named-too.example" },
	{ "back.example", "", "back.example" },
	{ "plain.example", "v", "v.example" },
	{ "plain.example", "", "plain.example" },
	{ "umlaut.example", "", "xn--4ca.example" },
	{ "{dsn}", "", "{dsn}" },
};

static void
test_queue_to(const struct snapshot *s)
{
	for (size_t i = 0; i < sizeof(moved) / sizeof(moved[0]); i++)
		is_str(rollup_queue_to(s, moved[i].domain, moved[i].vmta),
		    moved[i].queue, moved[i].domain);
}

static const struct {
	const char *queue, *hosts; /* NULL: it has no such route */
} routes[] = {
	{ "big.rollup", "mx1.big.example mx2.big.example" },
	{ "BIG.rollup", "mx1.big.example mx2.big.example" },
	{ "first.rollup", "mx1.both.example" },
	{ "mixed.rollup", "mx.mixed.example" },
	{ "pair.rollup", "aspmx.pair.example" }, /* not the other pattern */
	{ "wide.rollup", NULL },                 /* patterns only */
	{ "own.rollup", NULL },                  /* a group */
	{ "none.rollup", NULL },
	{ "big.rollup/ip", NULL },
	{ "mx1.big.example", NULL },
};

static void
test_routes(const struct snapshot *s)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		const struct conf_strs *hosts = rollup_hosts(s,
		    routes[i].queue);
		struct buf b = { 0 };

		for (size_t k = 0; hosts != NULL && k < hosts->n; k++)
			buf_printf(&b, "%s%s", k == 0 ? "" : " ", hosts->v[k]);
		is_str(hosts == NULL ? "none" : buf_cstr(&b),
		    none(routes[i].hosts), routes[i].queue);
		buf_fini(&b);
	}
}

static void
test_cases(void)
{
	struct conf_errors errs = { 0 };
	struct snapshot *s;

	conf_file_put("main", text);
	s = snapshot_load(conf_file_path("main"), &errs);
	if (!ok(s != NULL, "the configuration is right")) {
		(void)conf_file_said(&errs, "");
		return;
	}
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		test_case(s, i);
	test_by_ip(s);
	test_queue_to(s);
	test_routes(s);
	snapshot_unref(&s);
	conf_errors_fini(&errs);
}

/* Which parts of a configuration have a use for MX hosts. */
static const struct {
	const char *text;
	bool asks, named; /* of any domain; of one that a provider names */
} needs[] = {
	{ "", false, false },
	{ "<domain *>\nqueue-to x.example\n</domain>\n", false, false },
	{ "<provider p>\ndomain b.example\n</provider>\n", false, false },
	{ "<provider p>\ndomain b.example\nmx *.x.example\n</provider>\n", true,
	    false },
	{ "<provider p>\ndomain b.example\n</provider>\n"
	  "<mx-rollup-list>\nmx x.example y.rollup\n</mx-rollup-list>\n",
	    true, true },
};

static void
test_needs(void)
{
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		struct conf_errors errs = { 0 };
		struct snapshot *s;

		conf_file_put("main", needs[i].text);
		s = snapshot_load(conf_file_path("main"), &errs);
		ok(s != NULL &&
			rollup_needs_mx(s, "a.example", "") == needs[i].asks &&
			rollup_needs_mx(s, "b.example", "") == needs[i].named,
		    "who is asked for, %zu", i);
		snapshot_unref(&s);
		conf_errors_fini(&errs);
	}
}

/* Of a queue in a group: which limits are its own, which the group's. */
static void
test_member(void)
{
	struct conf_errors errs = { 0 };
	struct queue_conf c;
	struct snapshot *s;

	conf_file_put("main",
	    "<domain *>\n max-smtp-out 40\n bounce-after 1d\n</domain>\n"
	    "<domain g.rollup>\n max-smtp-out 5\n max-msg-rate 9/s\n"
	    " max-connect-rate 3/s\n max-data-volume-rate 1M/s\n"
	    " backoff-max-smtp-out 40%\n backoff-max-msg-rate 50%\n"
	    " backoff-max-data-volume-rate 1K/s\n retry-after 7m\n</domain>\n"
	    "<domain *.example>\n max-smtp-out 9\n retry-after 9m\n</domain>\n"
	    "<domain own.example>\n max-msg-rate 2/s\n max-errors-per-hour 3\n"
	    " backoff-to-normal-after 5m\n reenable-source-ip-after 5m\n"
	    " backoff-max-smtp-out 1\n</domain>\n"
	    "<virtual-mta v>\n<domain own.example>\n max-smtp-out 2\n"
	    "</domain>\n</virtual-mta>\n");
	s = snapshot_load(conf_file_path("main"), &errs);
	CHECK(s != NULL);
	rollup_member_conf(s, "any.example", "g.rollup", "", &c);
	ok(c.max_conns == 0 && c.msg_rate.count == 0 &&
		c.connect_rate.count == 0 && c.data_rate.bytes == 0,
	    "a member has no limits of its own");
	ok(c.backoff_max_conns.count == 0 && c.backoff_max_conns.percent == 0 &&
		c.backoff_msg_rate.percent == 0 &&
		c.backoff_data_rate.rate.bytes == 0,
	    "nor in backoff: they are the group's");
	ok(c.retry_after.v[0] == 420 * US_PER_S &&
		c.bounce_after_us == 86400 * US_PER_S,
	    "and the other settings of its group");
	rollup_member_conf(s, "own.example", "g.rollup", "", &c);
	ok(c.max_errors_per_hour == 0 && c.normal_after_us == INTERVAL_NEVER &&
		c.reenable_after_us == INTERVAL_NEVER &&
		c.backoff_max_conns.count == 0,
	    "modes and sources are of its group");
	ok(c.max_conns == 0 && c.msg_rate.count == 2,
	    "but what is said of itself");
	rollup_member_conf(s, "own.example", "g.rollup", "v", &c);
	ok(c.max_conns == 2 && c.msg_rate.count == 2,
	    "also for one virtual MTA");
	ok(!rollup_is_used(s), "nothing here asks for MX hosts");
	snapshot_unref(&s);
	conf_errors_fini(&errs);
}

/* DNS puts a domain into a group: it takes none of its safety from it. */
static void
test_safety(void)
{
	struct conf_errors errs = { 0 };
	struct queue_conf c;
	struct snapshot *s;

	conf_file_put("main",
	    "<domain g.rollup>\n require-starttls yes\n"
	    " smtp-tls-allow-tlsv1 no\n auth-username joe\n"
	    " auth-password s1\n</domain>\n"
	    "<domain off.rollup>\n use-starttls no\n</domain>\n"
	    "<domain relay.rollup>\n smtp-hosts [192.0.2.1]\n"
	    " auth-username joe\n auth-password s1\n</domain>\n"
	    "<domain [*.]bank.example>\n require-starttls yes\n"
	    " smtp-tls-ca-file system\n smtp-tls-cert-match nexthop\n"
	    " auth-username ann\n auth-password s2\n</domain>\n"
	    "<domain *.sent.example>\n smtp-hosts [192.0.2.2]\n"
	    " auth-username ann\n auth-password s2\n</domain>\n"
	    "<virtual-mta v>\n<domain [*.]example>\n require-starttls yes\n"
	    "</domain>\n</virtual-mta>\n"
	    "<domain no.example>\n require-starttls no\n</domain>\n");
	s = snapshot_load(conf_file_path("main"), &errs);
	CHECK(s != NULL);
	rollup_member_conf(s, "a.bank.example", "g.rollup", "", &c);
	ok(c.require_starttls && c.smtp_tls_match.n == 1, "by a pattern");
	is_str(c.smtp_tls_authorities, "system", "authorities");
	is_str(c.smtp_tls10, "no", "and what the group adds");
	is_str(c.auth_username, "ann", "it signs in as it would alone");
	rollup_member_conf(s, "bank.example", "off.rollup", "", &c);
	ok(c.require_starttls && c.use_starttls,
	    "a contradiction ends as the domain alone");
	rollup_member_conf(s, "any.example", "g.rollup", "", &c);
	ok(c.require_starttls, "the group's where nothing is said");
	is_str(c.auth_username, "", "but no password to hosts of DNS");
	rollup_member_conf(s, "bank.example", "relay.rollup", "", &c);
	is_str(c.auth_password, "s1", "hosts of the group: its user");
	rollup_member_conf(s, "x.sent.example", "g.rollup", "", &c);
	ok(c.smtp_hosts.n == 1, "hosts by a pattern");
	is_str(c.auth_password, "s2", "with their user");
	rollup_member_conf(s, "no.example", "g.rollup", "", &c);
	ok(!c.require_starttls, "a name says less than the group");
	rollup_member_conf(s, "no.example", "g.rollup", "v", &c);
	ok(c.require_starttls, "but not than the virtual MTA");
	snapshot_unref(&s);
	conf_errors_fini(&errs);
}

/* Whatever level says it of the group, what is said of the domain counts. */
static void
test_levels(void)
{
	struct conf_errors errs = { 0 };
	struct queue_conf c;
	struct snapshot *s;

	conf_file_put("main",
	    "<domain [*.]bank.example>\n require-starttls yes\n"
	    " smtp-tls-ca-file system\n</domain>\n"
	    "<domain no.example>\n require-starttls no\n</domain>\n"
	    "<virtual-mta v>\n<domain g.rollup>\n require-starttls no\n"
	    " smtp-tls-ca-file \"\"\n smtp-tls-allow-tlsv1 no\n</domain>\n"
	    "</virtual-mta>\n"
	    "<virtual-mta w>\n<domain *>\n require-starttls yes\n"
	    " smtp-tls-allow-tlsv1 no\n</domain>\n</virtual-mta>\n"
	    "<virtual-mta x>\n<domain *>\n require-starttls yes\n"
	    "</domain>\n<domain g.rollup>\n require-starttls no\n"
	    "</domain>\n</virtual-mta>\n"
	    "<domain m.example>\n smtp-tls-ca-file system\n"
	    " smtp-tls-cert-match m.host\n</domain>\n"
	    "<virtual-mta z>\n<domain *>\n smtp-tls-ca-file system\n"
	    " smtp-tls-cert-match all.host\n</domain>\n<domain g.rollup>\n"
	    " smtp-tls-cert-match g.host\n</domain>\n</virtual-mta>\n"
	    "<virtual-mta y>\n<domain *>\n require-starttls no\n"
	    "</domain>\n<domain g.rollup>\n require-starttls yes\n"
	    "</domain>\n</virtual-mta>\n"
	    "<virtual-mta-pool p>\n virtual-mta w\n"
	    "<domain g.rollup>\n require-starttls no\n"
	    " smtp-tls-ca-file \"\"\n</domain>\n</virtual-mta-pool>\n");
	s = snapshot_load(conf_file_path("main"), &errs);
	CHECK(s != NULL);
	rollup_member_conf(s, "a.bank.example", "g.rollup", "v", &c);
	ok(c.require_starttls, "not less than the domain by a virtual MTA");
	is_str(c.smtp_tls_authorities, "system", "nor authorities");
	is_str(c.smtp_tls10, "no", "but more");
	rollup_member_conf(s, "a.bank.example", "g.rollup", "p", &c);
	ok(c.require_starttls, "nor by a pool");
	is_str(c.smtp_tls_authorities, "system", "authorities, too");
	rollup_member_conf(s, "no.example", "g.rollup", "w", &c);
	ok(c.require_starttls, "nor than all domains of the virtual MTA");
	rollup_member_conf(s, "a.bank.example", "g.rollup", "x", &c);
	ok(c.require_starttls, "nor where all domains ask for the same");
	rollup_member_conf(s, "a.bank.example", "g.rollup", "y", &c);
	ok(c.require_starttls, "nor where the group does");
	rollup_member_conf(s, "m.example", "g.rollup", "z", &c);
	CHECK(c.smtp_tls_match.n == 1);
	is_str(c.smtp_tls_match.v[0], "all.host", "other names: as alone");
	snapshot_unref(&s);
	conf_errors_fini(&errs);
}

/* A user is told the hosts alone that it is written for. */
static void
test_hosts(void)
{
	struct conf_errors errs = { 0 };
	struct queue_conf c;
	struct snapshot *s;

	conf_file_put("main",
	    "<domain g.rollup>\n auth-username joe\n auth-password s1\n"
	    "</domain>\n"
	    "<domain relay.rollup>\n smtp-hosts g.host\n"
	    " auth-username joe\n auth-password s1\n</domain>\n"
	    "<domain a.example>\n smtp-hosts a.host\n</domain>\n"
	    "<virtual-mta v>\n<domain *.example>\n smtp-hosts b.host\n"
	    " default-smtp-port 587\n"
	    " auth-username ann\n auth-password s2\n</domain>\n"
	    "</virtual-mta>\n"
	    "<virtual-mta w>\n<domain *.example>\n smtp-hosts \"\"\n"
	    "</domain>\n</virtual-mta>\n");
	s = snapshot_load(conf_file_path("main"), &errs);
	CHECK(s != NULL);
	rollup_member_conf(s, "a.example", "g.rollup", "v", &c);
	CHECK(c.smtp_hosts.n == 1);
	is_str(c.smtp_hosts.v[0].name, "b.host", "the domain's, as alone");
	is_str(c.auth_password, "s2", "with their user");
	is_int(c.smtp_port, 587, "and their port");
	rollup_member_conf(s, "a.example", "relay.rollup", "v", &c);
	CHECK(c.smtp_hosts.n == 1);
	is_str(c.smtp_hosts.v[0].name, "b.host", "not the group's");
	is_str(c.auth_password, "s2", "nor its user");
	rollup_member_conf(s, "a.example", "g.rollup", "w", &c);
	is_int(c.smtp_hosts.n, 0, "those of DNS, as alone");
	is_str(c.auth_username, "", "without a user");
	rollup_member_conf(s, "b.example", "relay.rollup", "v", &c);
	CHECK(c.smtp_hosts.n == 1);
	is_str(c.smtp_hosts.v[0].name, "g.host", "before a pattern's");
	is_str(c.auth_password, "s1", "with the group's user");
	is_int(c.smtp_port, 25, "and port");
	snapshot_unref(&s);
	conf_errors_fini(&errs);
}

/* A rollup is in no DNS: its route is smtp-hosts, or its rows. */
static void
test_route_of_queue_to(void)
{
	struct conf_errors errs = { 0 };
	struct queue_conf c;
	struct snapshot *s;

	conf_file_put("main",
	    "<domain a.example>\n queue-to none.rollup\n</domain>\n"
	    "<domain b.example>\n queue-to rows.rollup\n</domain>\n"
	    "<mx-rollup-list>\n mx mx1.x.example rows.rollup\n"
	    " mx mx2.x.example rows.rollup\n</mx-rollup-list>\n");
	s = snapshot_load(conf_file_path("main"), &errs);
	CHECK(s != NULL);
	ok(conf_file_said(&errs,
	       "main:2: queue-to: without smtp-hosts in "
	       "<domain none.rollup> it has no effect"),
	    "said");
	is_str(rollup_queue_to(s, "a.example", ""), "a.example", "it stays");
	is_str(rollup_queue_to(s, "b.example", ""), "rows.rollup",
	    "rows make a route");
	rollup_member_conf(s, "rows.rollup", "rows.rollup", "", &c);
	ok(c.smtp_hosts.n == 2 &&
		strcmp(c.smtp_hosts.v[1].name, "mx2.x.example") == 0,
	    "of their hosts");
	rollup_member_conf(s, "b.example", "rows.rollup", "", &c);
	is_int(c.smtp_hosts.n, 0, "for mail that queue-to sends there alone");
	snapshot_unref(&s);
	conf_errors_fini(&errs);
}

static const struct {
	const char *text, *said;
} bad[] = {
	{ "<mx-rollup-list>\nmx *.x.example y.rollup\n</mx-rollup-list>\n",
	    "main:2: mx: a wildcard needs smtp-hosts in <domain y.rollup>" },
	{ "<mx-rollup-list>\nmx a.example y\n</mx-rollup-list>\n",
	    "does not end in .rollup" },
	{ "<domain x.example>\nqueue-to x y\n</domain>\n",
	    "main:2: queue-to: \"x y\" is not the name of a domain" },
	{ "<provider p>\nmx *.x.example\nrollup y\n</provider>\n",
	    "main:3: rollup: \"y\" is not a name that ends in .rollup" },
	{ "<provider p>\nmx *.x.example\nrollup a/b.rollup\n</provider>\n",
	    "main:3: rollup: \"a/b.rollup\" is not a name" },
	{ "<provider p>\nmx *.x.example\n</provider>\n"
	  "<provider q>\nmx y.example, *.X.example\n</provider>\n",
	    "main:5: mx: *.X.example is in <provider p> already" },
	{ "<provider p>\nmx a b\n</provider>\n", "main:2: mx: " },
	{ "<provider p>\nmx a.example\nmx \"\"\n</provider>\n",
	    "main:1: <provider p> has neither domain nor mx" },
};

static void
test_bad(void)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct conf_errors errs = { 0 };
		struct snapshot *s;

		conf_file_put("main", bad[i].text);
		s = snapshot_load(conf_file_path("main"), &errs);
		ok(s == NULL && errs.fatal == 1 &&
			conf_file_said(&errs, bad[i].said),
		    "said once: %s", bad[i].said);
		snapshot_unref(&s);
		conf_errors_fini(&errs);
	}
}

int
main(void)
{
	conf_file_begin();
	test_cases();
	test_needs();
	test_member();
	test_safety();
	test_levels();
	test_hosts();
	test_route_of_queue_to();
	test_bad();
	conf_file_end();
	return done_testing();
}
