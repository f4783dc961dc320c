/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration is loaded whole or not at all, with all that is wrong. */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <time.h>

#include "lib/clock.h"
#include "mail/acct_field.h"
#include "tests/conf_file.h"
#include "vmta/snapshot.h"
#include "vmta/snapshot_signing.h"

static const char good[] =
    "dsn-host localhost:10028\n"
    "host-name mail.example.com\n"
    "host-name second.example.com\n"
    "log-level debug\nlog-file /var/log/x\ncontrol-group adm\n"
    "control-socket /run/x/control\nmilter-control-socket /run/x/m\n"
    "milter-listener /run/x/milter\n"
    "name-server 127.0.0.1:5353, ::1\nspool-min-free-space 10M\n"
    "total-max-smtp-in 50\ntotal-max-smtp-out 60\n"
    "relay-domain [*.]relay.example\n"
    "host-domain own.example, [*.]relayed.example\n"
    "domain-macro m one.example, two.example\nrelay-domain $m\n"
    "lmtp-listener /run/x/lmtp\nlmtp-listener 127.0.0.1:24\n"
    "smtp-listener 127.0.0.1:2525 source=apps\n"
    "<smtp-listener [::1]:2525>\n source apps\n</smtp-listener>\n"
    "smtp-listener 127.0.0.2:25\n"
    "<smtp-listener /run/x/inject>\nhost-mta yes\n</smtp-listener>\n"
    "smtp-source-host 192.0.2.9 global.example.com\n"
    "<spool /var/spool/x>\n</spool>\n"
    "domain-key g, *, rsa.pem\n"
    "<virtual-mta a>\n smtp-source-host 192.0.2.1 a.example.com\n"
    " smtp-source-host 192.0.2.2\n host-name helo.example.com\n"
    " max-smtp-msg-rate 100/h\n max-smtp-out 7\n"
    " domain-key s, news.example.com, rsa.pem\n"
    " domain-key t, example.com, weak.pem\n"
    "</virtual-mta>\n"
    "<virtual-mta 10.0.0.1>\n</virtual-mta>\n"
    "<virtual-mta-pool p>\n virtual-mta a\n virtual-mta 10.0.0.1\n"
    "</virtual-mta-pool>\n"
    "<pattern-list l>\n * virtual-mta=p\n</pattern-list>\n"
    "<source apps>\n default-virtual-mta p\n pattern-list l\n"
    " process-x-virtual-mta yes\n</source>\n"
    "<smtp-user joe>\n source apps\n</smtp-user>\n"
    "<smtp-user ann>\n</smtp-user>\n"
    "<acct-file \"/var/log/x/acct.csv\">\n records d, bounce\n records t,d\n"
    "</acct-file>\n"
    "<acct-file /var/log/x/b.csv>\n</acct-file>\n"
    "<domain *>\n dkim-sign yes\n default-smtp-port 2525\n"
    " connection-idle-timeout 5s\n data-send-timeout 1m\n"
    " max-msg-per-connection 3\n max-msg-rate 5/s\n"
    " mx-connection-attempts 2\n retry-recipients-after 5m\n"
    " smtp-data-termination-timeout 2m\n smtp-greeting-timeout 1m\n"
    " smtp-hosts [127.0.0.1]\n require-starttls no\n bounce-after 2d\n"
    "</domain>\n";

static void
write_key(const char *name, unsigned bits)
{
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits);
	FILE *f = fopen(conf_file_path(name), "w");

	if (pkey == NULL || f == NULL)
		abort();
	(void)PEM_write_PrivateKey(f, pkey, NULL, NULL, 0, NULL, NULL);
	(void)fclose(f);
	EVP_PKEY_free(pkey);
}

static void
test_names(const struct snapshot *s)
{
	const struct vmta *a = snapshot_vmta(s, "A");
	const struct pool *p = snapshot_pool(s, "P");

	is_int((int64_t)snapshot_vmta_count(s), 3, "two virtual MTAs and ours");
	is_str(snapshot_vmta_at(s, 0)->name, "{default}", "ours is first");
	ok(snapshot_vmta(s, "") == snapshot_vmta_at(s, 0) &&
		snapshot_vmta(s, "{DEFAULT}") == snapshot_vmta_at(s, 0),
	    "and has two names");
	is_str(snapshot_vmta_at(s, 2)->name, "10.0.0.1", "file order");
	ok(snapshot_vmta(s, "zz") == NULL && snapshot_pool(s, "a") == NULL,
	    "what is not there");
	is_int(a->max_conns, 7, "its connections");
	is_int(a->msg_rate.count, 100, "its rate");
	is_int((int64_t)a->sources.n, 2, "its sources");
	is_str(a->sources.v[0].name, "a.example.com", "named");
	is_str(a->sources.v[1].name, "helo.example.com", "by its host-name");
	is_str(snapshot_vmta(s, "10.0.0.1")->sources.v[0].name,
	    "global.example.com", "without sources: the global ones");
	is_str(snapshot_vmta(s, "")->host_name, "mail.example.com",
	    "host-name: the first one");
	ok(p->members.n == 2 && p->vmtas[0] == a &&
		p->vmtas[1] == snapshot_vmta(s, "10.0.0.1"),
	    "members of the pool");
	is_str(snapshot_user(s, "joe")->source, "apps", "a user's source");
	is_str(snapshot_user(s, "ann")->source, "{auth}", "or the default");
	ok(snapshot_user(s, "Joe") == NULL, "users are told apart by case");
}

static void
test_globals(const struct snapshot *s)
{
	const struct global_conf *g = snapshot_global(s);
	const struct acct_conf *acct = snapshot_acct_at(s, 0);

	is_str(g->spool, "/var/spool/x", "a spool as a block");
	is_str(g->log_level, "debug", "log-level");
	is_int((int64_t)g->lmtp_listeners.n, 2, "LMTP listeners");
	is_int((int64_t)g->smtp_listeners.n, 4, "SMTP listeners");
	is_str(g->smtp_listeners.v[0], "127.0.0.1:2525", "without its source");
	is_str(snapshot_listener_source(s, "127.0.0.1:2525"), "apps",
	    "source of a line");
	is_str(snapshot_listener_source(s, "[::1]:2525"), "apps",
	    "source of a block");
	ok(snapshot_listener_source(s, "127.0.0.2:25") == NULL, "no source");
	ok(g->dsn_hosts.n == 1 && g->dsn_hosts.v[0].port == 10028 &&
		strcmp(g->dsn_hosts.v[0].name, "localhost") == 0,
	    "where notifications go");
	ok(snapshot_relays_to(s, "a@relay.example", "relay.example") &&
		snapshot_relays_to(s, "", "x.Relay.example") &&
		snapshot_relays_to(s, "", "two.example") &&
		!snapshot_relays_to(s, "", "three.example") &&
		!snapshot_relays_to(s, "", "x.two.example"),
	    "relay domains");
	ok(snapshot_is_host_domain(s, "OWN.example") &&
		snapshot_is_host_domain(s, "x.relayed.example") &&
		!snapshot_is_host_domain(s, "x.own.example"),
	    "the host's own domains");
	ok(snapshot_listener(s, "/run/x/inject")->host_mta &&
		!snapshot_listener(s, "127.0.0.2:25")->host_mta,
	    "the host's own listener");
	is_int((int64_t)snapshot_acct_count(s), 2, "accounting files");
	is_str(acct->path, "/var/log/x/acct.csv", "the first");
	is_int(acct->types,
	    ACCT_BIT(ACCT_D) | ACCT_BIT(ACCT_B) | ACCT_BIT(ACCT_T),
	    "its records are the union of the lines");
	is_int(snapshot_acct_at(s, 1)->types,
	    ACCT_BIT(ACCT_D) | ACCT_BIT(ACCT_B), "by default two");
}

static const struct {
	const char *vmta, *domain;
	const char *selector, *d; /* NULL: no key */
} key_cases[] = {
	{ "a", "example.com", "t", "example.com" },
	{ "a", "x.Example.COM", "t", "example.com" },
	{ "a", "news.example.com", "s", "news.example.com" },
	{ "a", "x.news.example.com", "s", "news.example.com" },
	{ "a", "other.net", "g", "other.net" },
	{ "", "example.com", "g", "example.com" },
	{ "10.0.0.1", "x.y", "g", "x.y" },
};

static void
test_keys(const struct snapshot *s)
{
	struct key_found k = { 0 }, other = { 0 };

	for (size_t i = 0; i < sizeof(key_cases) / sizeof(key_cases[0]); i++) {
		const struct key_wish w = { .domain = key_cases[i].domain };

		ok(snapshot_key(s, key_cases[i].vmta, &w, &k) &&
			strcmp(k.selector, key_cases[i].selector) == 0 &&
			str_eq_nocase(k.domain, key_cases[i].d),
		    "%s signs %s with %s, d=%s", key_cases[i].vmta,
		    key_cases[i].domain, k.selector, k.domain);
	}
	(void)snapshot_key(s, "", &(struct key_wish){ .domain = "x.y" }, &k);
	(void)snapshot_key(s, "a",
	    &(struct key_wish){ .domain = "news.example.com" }, &other);
	ok(k.key != NULL && k.key == other.key,
	    "a key file is parsed once, however many directives name it");
}

static void
test_good(void)
{
	struct conf_errors errs = { 0 };
	struct snapshot *s, *again;
	uint64_t generation;

	conf_file_put("main", good);
	s = snapshot_load(conf_file_path("main"), &errs);
	if (!ok(s != NULL, "a good configuration")) {
		(void)conf_file_said(&errs, "");
		return;
	}
	ok(conf_file_said(&errs, "weak.pem has less than 2048 bits"),
	    "a weak key is warned about");
	ok(conf_file_said(&errs, "main:3: host-name: more than the first"),
	    "and a second host-name");
	ok(conf_file_said(&errs,
	       "rsa.pem can be read or written by every user"),
	    "and a key that everybody can read");
	is_int((int64_t)errs.n, 3, "that is all");
	test_names(s);
	test_globals(s);
	test_keys(s);
	generation = snapshot_generation(s);
	again = snapshot_ref(s);
	snapshot_unref(&s);
	is_str(snapshot_global(again)->log_level, "debug",
	    "a reference keeps it");
	s = snapshot_load(conf_file_path("main"), &errs);
	ok(snapshot_generation(s) > generation, "a newer generation");
	snapshot_unref(&s);
	snapshot_unref(&again);
	conf_errors_fini(&errs);
}

#define VMTA_A "<virtual-mta a>\n</virtual-mta>\n"

static const struct {
	const char *text, *said;
} bad[] = {
	{ "<virtual-mta-pool p>\nvirtual-mta x\n</virtual-mta-pool>",
	    "main:2: <virtual-mta-pool p>: there is no virtual MTA x" },
	{ "<virtual-mta-pool p>\n</virtual-mta-pool>", "has no virtual-mta" },
	{ VMTA_A "<virtual-mta-pool A>\nvirtual-mta a\n</virtual-mta-pool>",
	    "main:3: <virtual-mta-pool A>: a virtual MTA has that name" },
	{ VMTA_A "<virtual-mta-pool p>\nvirtual-mta a, a\n</virtual-mta-pool>",
	    "a is listed twice" },
	{ VMTA_A
	    "<virtual-mta-pool p>\nvirtual-mta a\n<domain x.com>\n</domain>\n"
	    "</virtual-mta-pool>\n<virtual-mta-pool q>\nvirtual-mta a\n"
	    "<domain y.com>\n</domain>\n</virtual-mta-pool>",
	    "main:9: a is in the pools p and q, which both have <domain>" },
	{ "<source 0/0>\ndefault-virtual-mta x\n</source>",
	    "main:2: default-virtual-mta: there is no virtual MTA or pool x" },
	{ "invalid-virtual-mta-fallback x",
	    "main:1: invalid-virtual-mta-fallback: there is no virtual MTA or "
	    "pool x" },
	{ "<source 0/0>\npattern-list x\n</source>",
	    "main:2: pattern-list: there is no <pattern-list x>" },
	{ VMTA_A "<source 0/0>\npattern-list x\n</source>\n<pattern-list x>\n"
		 "* virtual-mta=a\n</pattern-list>",
	    "main:4: pattern-list: <pattern-list x> must stand before" },
	{ "<smtp-user joe>\nauthentication-method system login\n</smtp-user>",
	    "main:2: authentication-method: system login is not possible" },
	{ "<smtp-user joe>\npassword {CRYPT}x\n</smtp-user>",
	    "main:2: password: {CRYPT}" },
	{ "<smtp-user joe>\nsource x\n</smtp-user>",
	    "main:2: source: there is no <source x>" },
	{ "smtp-listener 127.0.0.1:25 source=x",
	    "main:1: source: there is no <source x>" },
	{ "<source 10.0.0.1>\nsource-group g\n</source>",
	    "main:2: source-group: there is no <source-group g>" },
	{ "total-max-smtp-in 5\n<source-group a>\nreserved-smtp-in 4\n"
	  "</source-group>\n<source-group b>\nreserved-smtp-in 1\n"
	  "</source-group>",
	    "main:5: reserved-smtp-in: with this <source-group> all of "
	    "total-max-smtp-in (5) is reserved" },
	{ "domain-suffix .corp", "main:1: domain-suffix: \".corp\" is not a" },
	{ "smtp-listener 127.0.0.1:25\nlmtp-listener 127.0.0.1:25",
	    "main:2: lmtp-listener: 127.0.0.1:25 is taken by smtp-listener" },
	{ "smtp-listener 127.0.0.1:25\n<smtp-listener 0/0:25>\n"
	  "</smtp-listener>",
	    "main:2: smtp-listener: 0/0:25 is taken" },
	{ "lmtp-listener /a\nmilter-listener /a", "main:2: milter-listener" },
	{ "smtp-listener /a",
	    "main:1: smtp-listener: \"/a\" is not IP:PORT; a" },
	{ "<smtp-listener 127.0.0.1:25>\nhost-mta yes\n</smtp-listener>",
	    "main:1: host-mta: 127.0.0.1:25 is not a path" },
	{ "host-domain a b", "main:1: host-domain" },
	{ "lmtp-listener a", "neither a path nor IP:PORT" },
	{ "lmtp-listener /a, 192.0.2.1:24\nexim-listener /a, /b",
	    "main:2: exim-listener: /b is no lmtp-listener" },
	{ "lmtp-listener 192.0.2.1:24\nexim-listener 192.0.2.1:24",
	    "main:2: exim-listener: 192.0.2.1:24 is neither a path nor a "
	    "loopback address" },
	{ "postmaster nobody",
	    "main:1: postmaster: \"nobody\" is not an address" },
	{ "postmaster j\xc3\xb6@b.test\n",
	    "main:1: postmaster: \"j\xc3\xb6@b.test\" is not ASCII: mail to it "
	    "would need SMTPUTF8, which its senders may not have" },
	{ "pickup /a", "main:1: pickup: write DIR BADDIR, neither with" },
	{ "pickup a /b", "main:1: pickup: absolute paths are needed" },
	{ "pickup /a /b /c", "main:1: pickup: write DIR BADDIR" },
	{ "dsn-host lookup-mx:example.com",
	    "main:1: dsn-host: lookup-mx would send" },
	{ "smtp-listener 127.0.0.1:25\ndsn-host [192.0.2.1], [127.0.0.1]",
	    "main:2: dsn-host is a smtp-listener of our own" },
	{ "<source 0/0>\ndsn-return-default body\n</source>",
	    "main:2: dsn-return-default: \"body\" is none of" },
	{ "smtp-listener /a", "is not IP:PORT" },
	{ "smtp-listener 127.0.0.1:0", "bad port" },
	{ "smtp-listener 127.0.0.1:25 x=y", "is not source=NAME" },
	{ "smtp-source-host 10/8 a.example", "more than 256 addresses" },
	{ "<domain x.com>\nrequire-starttls yes\nuse-starttls no\n</domain>",
	    "main:3: require-starttls yes with use-starttls no, for x.com/" },
	{ "<domain *>\nrequire-starttls yes\n</domain>\n" VMTA_A
	  "<virtual-mta b>\n<domain *.y.com>\nuse-starttls no\n</domain>\n"
	  "</virtual-mta>",
	    "main:8: require-starttls yes with use-starttls no, for "
	    "any.y.com/b" },
	{ "<acct-file /a>\nrecords d\nrecords x\n</acct-file>",
	    "main:3: records: \"x\" is no type of record" },
	{ "<acct-file a>\n</acct-file>", "an absolute path" },
	{ "domain-key s, x.com, none.pem", "main:1: domain-key: " },
	{ "log-level loud", "main:1: log-level" },
	{ "log-file x", "main:1: log-file: an absolute path" },
	{ "name-server x", "main:1: name-server" },
	{ "host-name a b", "main:1: host-name" },
	{ "relay-domain a b", "main:1: relay-domain" },
	{ "<domain x>\ndkim-expire-after 0\n</domain>",
	    "main:2: dkim-expire-after: 0 is less than" },
	{ "<domain a b>\n</domain>", "main:1: <domain a b>" },
	{ "<domain $x>\n</domain>", "unknown macro $x" },
	{ "<domain>\n</domain>", "<domain>: argument missing" },
	{ "<virtual-mta a/b>\n</virtual-mta>", "not a name" },
	{ "<virtual-mtaa a>\n</virtual-mtaa>", "did you mean <virtual-mta>" },
	{ "<domain x>\n<domain y>\n</domain>\n</domain>",
	    "main:2: <domain> does not belong in <domain>" },
	{ "<domain x>\nuse-mta-sts yes\n</domain>", "use-mta-sts protects" },
	{ "<domain x>\ntype discard\n</domain>", "type protects" },
	{ "<domain x>\nuse-dane true\n</domain>", "use-dane protects" },
	{ "<source x>\nsuppression-lists a\n</source>",
	    "main:2: suppression-lists: there is no <suppression-list a>" },
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

/* Known, without effect, no error. */
static const char *const accepted[] = {
	"log-rotate 3",
	"http-mgmt-port 8080\nhttp-access 0/0 monitor",
	"<domain x>\nlog-resolution no\nuse-dane no\n</domain>",
	("<bounce-category-patterns>\n/spam/ spam-related\n// other\n"
	 "</bounce-category-patterns>"),
	"<spool /x>\ndeliver-only no\n</spool>",
};

static void
test_accepted(void)
{
	for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
		struct conf_errors errs = { 0 };
		struct snapshot *s;

		conf_file_put("main", accepted[i]);
		s = snapshot_load(conf_file_path("main"), &errs);
		ok(s != NULL && conf_file_said(&errs, "no effect yet"),
		    "accepted, with a warning: %.*s",
		    (int)strcspn(accepted[i], "\n"), accepted[i]);
		snapshot_unref(&s);
		conf_errors_fini(&errs);
	}
}

/* CPU time, so that what else the machine does is no matter. */
static int64_t
cpu_us(void)
{
	return (int64_t)clock() * (US_PER_S / CLOCKS_PER_SEC);
}

/* Of so many domains, with the processor's time that it took. */
static struct snapshot *
load_domains(unsigned count, int64_t *us_r)
{
	struct conf_errors errs = { 0 };
	struct buf text = { 0 };
	struct snapshot *s;
	int64_t start;

	for (unsigned i = 0; i < count; i++)
		buf_printf(&text,
		    "<domain d%u.example.com>\n max-smtp-out %u\n"
		    " max-msg-rate 100/h\n use-starttls yes\n</domain>\n",
		    i, i + 1);
	conf_file_put("main", buf_cstr(&text));
	start = cpu_us();
	s = snapshot_load(conf_file_path("main"), &errs);
	*us_r = cpu_us() - start;
	buf_fini(&text);
	conf_errors_fini(&errs);
	return s;
}

/*
 * Four times the domains cost four times as much, and not sixteen; in a build
 * with a sanitizer, too, which may be ten times as slow.
 */
static void
test_large(void)
{
	struct queue_conf q;
	struct snapshot *s;
	int64_t few, many, start;

	s = load_domains(1250, &few);
	snapshot_unref(&s);
	s = load_domains(5000, &many);
	ok(s != NULL && many < 10 * few, "5,000 domains in %d ms, 1,250 in %d",
	    (int)(many / US_PER_MS), (int)(few / US_PER_MS));
	snapshot_queue_conf(s, "d4711.example.com", "", &q);
	is_int(q.max_conns, 4712, "one of them");
	start = cpu_us();
	for (unsigned i = 0; i < 10000; i++)
		snapshot_queue_conf(s, "d4711.example.com", "", &q);
	ok(cpu_us() - start < US_PER_S, "settings of a queue in %d ns",
	    (int)(cpu_us() - start) / 10);
	snapshot_unref(&s);
}

static void
test_sample(void)
{
	const char *top = getenv("top_srcdir");
	struct conf_errors errs = { 0 };
	struct snapshot *s;
	char path[500];

	(void)snprintf(path, sizeof(path), "%s/etc/config.sample",
	    top == NULL ? "." : top);
	s = snapshot_load(path, &errs);
	ok(s != NULL && errs.n == 0, "the sample loads without a word");
	snapshot_unref(&s);
	conf_errors_fini(&errs);
}

static void
test_mark_key(void)
{
	struct conf_errors errs = { 0 };
	struct snapshot *s;
	char text[600], path[400];

	(void)snprintf(path, sizeof(path), "%s", conf_file_path("mark"));
	(void)snprintf(text, sizeof(text), "mark-key-file %s\n", path);
	conf_file_put("main", text);
	s = snapshot_load(conf_file_path("main"), &errs);
	ok(s == NULL && conf_file_said(&errs, "main:1: mark-key-file: "),
	    "a mark key that is not there");
	snapshot_unref(&s);
	conf_file_put("mark", "0123456789abcdef0123456789abcdef\n");
	s = snapshot_load(conf_file_path("main"), &errs);
	ok(s != NULL && strcmp(snapshot_global(s)->mark_key_file, path) == 0,
	    "and one that is");
	snapshot_unref(&s);
	conf_errors_fini(&errs);
}

static void
test_order(void)
{
	struct conf_errors errs = { 0 };
	struct snapshot *s;

	conf_file_put("main",
	    "log-level loud\nb\033[31mogus\n"
	    "name-server x\nbogus\nspool y\n</source>\n");
	s = snapshot_load(conf_file_path("main"), &errs);
	is_int((int64_t)errs.n, 6, "all mistakes");
	for (unsigned i = 0; i < errs.n; i++)
		is_int(errs.v[i].line, i + 1, "in the order of the lines");
	ok(strstr(errs.v[1].text, "b?[31mogus") != NULL,
	    "nothing that a terminal would obey");
	snapshot_unref(&s);
	conf_errors_fini(&errs);
}

static void
test_restart(void)
{
	struct conf_errors errs = { 0 };
	struct snapshot *old, *new;

	conf_file_put("main",
	    "spool /a\nlmtp-listener /x\nlog-level warn\n"
	    "dummy-smtp-latency 1\n");
	old = snapshot_load(conf_file_path("main"), &errs);
	conf_file_put("main",
	    "spool /a\nlmtp-listener /x, /y\npickup-remove-dot yes\n");
	new = snapshot_load(conf_file_path("main"), &errs);
	snapshot_check_reload(old, new, "main", &errs);
	is_int((int64_t)errs.n, 5, "three need a start");
	ok(conf_file_said(&errs, "main: dsn-host is not set"),
	    "beside a warning of each file");
	ok(conf_file_said(&errs, "main:2: lmtp-listener has changed"),
	    "and is named");
	ok(conf_file_said(&errs, "main:3: pickup-remove-dot has changed") &&
		conf_file_said(&errs, "main: dummy-smtp-latency has changed"),
	    "numbers and switches, too");
	snapshot_unref(&old);
	snapshot_unref(&new);
	conf_errors_fini(&errs);
}

int
main(void)
{
	conf_file_begin();
	write_key("rsa.pem", 2048);
	write_key("weak.pem", 1024);
	(void)chmod(conf_file_path("rsa.pem"), 0644);
	(void)chmod(conf_file_path("weak.pem"), 0640);
	test_good();
	test_bad();
	test_accepted();
	test_large();
	test_sample();
	test_mark_key();
	test_order();
	test_restart();
	conf_file_end();
	return done_testing();
}
