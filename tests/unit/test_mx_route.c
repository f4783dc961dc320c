/* SPDX-License-Identifier: Apache-2.0 */
/* The order of hosts, where loops are cut, which addresses are tried. */
#include "transport/mx_route.h"

#include <stdlib.h>

#include "lib/dns_answer.h"
#include "lib/mem.h"
#include "tests/tap.h"

#define HOSTS 8

static uint64_t
seed(void)
{
	static uint64_t last = 4711;

	return last += UINT64_C(0x9e3779b97f4a7c15);
}

/* "192.0.2.66" is where we send from, 192.0.2.67:25 where we listen. */
static bool
owns(const void *ctx, const struct net_addr *addr, uint16_t port)
{
	char text[NET_ADDR_TEXT];

	(void)ctx;
	(void)net_addr_text(addr, text);
	return strcmp(text, "192.0.2.66") == 0 ||
	    (strcmp(text, "192.0.2.67") == 0 && port == 25);
}

static const struct mx_self self = { .name = "us.example", .owns = owns };

static struct dns_answer *
addresses(const char *list)
{
	struct dns_answer *a = dns_answer_new(DNS_OK);
	struct err e;

	a->addrs = mem_array(HOSTS * 5, sizeof(*a->addrs));
	while (*list != '\0') {
		size_t len = strcspn(list, " ");

		if (net_addr_parse((struct slice){ list, len },
			&a->addrs[a->count++], &e) == -1)
			ok(false, "%s", e.text);
		list += len + strspn(list + len, " ");
	}
	return a;
}

struct host_text {
	uint32_t order;
	const char *name, *a, *aaaa; /* a may be NULL: not asked */
	bool fixed;
	uint16_t port;
	size_t list;
};

static size_t
build(struct mx_host hosts[HOSTS], const struct host_text *text)
{
	size_t n = 0;

	for (; n < HOSTS && text[n].name != NULL; n++) {
		hosts[n] = (struct mx_host){ .order = text[n].order,
			.list = text[n].list,
			.from_dns = !text[n].fixed,
			.port = text[n].port == 0 ? 25 : text[n].port,
			.name = text[n].name };
		if (text[n].a != NULL)
			hosts[n].a = addresses(text[n].a);
		if (text[n].aaaa != NULL)
			hosts[n].aaaa = addresses(text[n].aaaa);
	}
	return n;
}

static void
drop(struct mx_host *hosts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		dns_answer_unref(&hosts[i].a);
		dns_answer_unref(&hosts[i].aaaa);
	}
}

static const char *
names(char out[200], const struct mx_host *hosts, size_t n)
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < n; i++)
		len += (size_t)snprintf(out + len, 200 - len, "%s%s",
		    i == 0 ? "" : " ", hosts[i].name);
	return out;
}

static const struct {
	const char *label;
	struct host_text hosts[HOSTS];
	const char *left;
} cuts[] = {
	{ "nobody is us",
	    { { .order = 10, .name = "a" }, { .order = 20, .name = "b" } },
	    "a b" },
	{ "we are the backup: ours and worse go",
	    { { .order = 10, .name = "a" },
		{ .order = 20, .name = "US.example" },
		{ .order = 30, .name = "c" } },
	    "a" },
	{ "equal ones go too, also when they stand first",
	    { { .order = 10, .name = "a" }, { .order = 20, .name = "b" },
		{ .order = 20, .name = "us.example" } },
	    "a" },
	{ "we are the best: nothing is left",
	    { { .order = 10, .name = "us.example" },
		{ .order = 20, .name = "b" } },
	    "" },
	{ "known by the address that we send from",
	    { { .order = 10, .name = "a", .a = "192.0.2.1" },
		{ .order = 20, .name = "b", .a = "192.0.2.2 192.0.2.66" } },
	    "a" },
	{ "known by where we listen",
	    { { .order = 10, .name = "a", .a = "192.0.2.67" } }, "" },
	{ "another port of that address is another program",
	    { { .order = 10, .name = "a", .a = "192.0.2.67", .port = 2525 } },
	    "a" },
	{ "a host that the operator wrote is never cut",
	    { { .order = 10, .name = "us.example", .fixed = true } },
	    "us.example" },
	{ "a cut stays within its list",
	    { { .order = 10, .name = "us.example", .list = 0 },
		{ .order = 20, .name = "b", .list = 0 },
		{ .order = 30, .name = "c", .list = 1 },
		{ .order = 30, .name = "d", .fixed = true, .list = 2 } },
	    "c d" },
	{ "two lists that both name us",
	    { { .order = 10, .name = "a", .list = 0 },
		{ .order = 20, .name = "us.example", .list = 0 },
		{ .order = 30, .name = "c", .list = 1 },
		{ .order = 40, .name = "us.example", .list = 1 } },
	    "a c" },
};

static void
test_cuts(void)
{
	struct mx_host hosts[HOSTS];
	const char *found;
	char text[200];

	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		size_t before = build(hosts, cuts[i].hosts);
		size_t n = mx_hosts_cut(hosts, before, &self, &found);

		is_str(names(text, hosts, n), cuts[i].left, cuts[i].label);
		ok((found != NULL) == (n < before), "found as %s",
		    found == NULL ? "nobody" : found);
		drop(hosts, n);
	}
}

static void
test_order(void)
{
	static const struct host_text text[HOSTS] = {
		{ .order = 20, .name = "c" }, { .order = 10, .name = "a" },
		{ .order = 10, .name = "b" }, { .order = 30, .name = "d" }
	};
	struct mx_host hosts[HOSTS];
	int first_a = 0, wrong = 0;
	char got[200];

	for (int i = 0; i < 1000; i++) {
		size_t n = build(hosts, text);

		mx_hosts_order(hosts, n, seed());
		(void)names(got, hosts, n);
		if (strcmp(got, "a b c d") == 0)
			first_a++;
		else if (strcmp(got, "b a c d") != 0)
			wrong++;
	}
	is_int(wrong, 0, "lower numbers come first, always");
	ok(first_a > 400 && first_a < 600,
	    "equal ones take turns: %d of 1000 times the one", first_a);
}

static const struct {
	const char *label;
	struct host_text hosts[HOSTS];
	size_t max;
	const char *want; /* families, for more than one address of a host */
} targets[] = {
	{ "in the order of the hosts",
	    { { .name = "a", .a = "192.0.2.1" },
		{ .name = "b", .aaaa = "2001:db8::2" },
		{ .name = "c", .a = "192.0.2.3", .port = 26 } },
	    10, "a/192.0.2.1:25 b/2001:db8::2:25 c/192.0.2.3:26" },
	{ "a host without addresses is skipped",
	    { { .name = "a", .a = "", .aaaa = "" },
		{ .name = "b", .a = "192.0.2.2" } },
	    10, "b/192.0.2.2:25" },
	{ "IPv4 and IPv6 take turns",
	    { { .name = "a", .a = "192.0.2.1", .aaaa = "2001:db8::1" } }, 10,
	    "a/192.0.2.1:25 a/2001:db8::1:25" },
	{ "no more than asked for",
	    { { .name = "a", .a = "192.0.2.1" },
		{ .name = "b", .a = "192.0.2.2" },
		{ .name = "c", .a = "192.0.2.3" } },
	    2, "a/192.0.2.1:25 b/192.0.2.2:25" },
	{ "an address only once",
	    { { .name = "a", .a = "192.0.2.1" },
		{ .name = "b", .a = "192.0.2.1" },
		{ .name = "c", .a = "192.0.2.1", .port = 26 } },
	    10, "a/192.0.2.1:25 c/192.0.2.1:26" },
	{ "nothing", { { .name = "a", .a = "" } }, 10, "" },
};

static void
test_targets(void)
{
	static const struct host_text many[HOSTS] = {
		{ .name = "a",
		    .a = "192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4 192.0.2.5 "
			 "192.0.2.6 192.0.2.7" },
		{ .name = "b", .a = "192.0.2.9" }
	};
	struct mx_target t[16];
	struct mx_host hosts[HOSTS];
	unsigned seen = 0;
	size_t n, count;

	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		char got[300] = "", addr[NET_ADDR_TEXT];
		size_t len = 0;

		n = build(hosts, targets[i].hosts);
		count = mx_hosts_targets(hosts, n, t, targets[i].max, seed());
		for (size_t j = 0; j < count; j++)
			len += (size_t)snprintf(got + len, sizeof(got) - len,
			    "%s%s/%s:%u", j == 0 ? "" : " ", t[j].host,
			    net_addr_text(&t[j].addr, addr), t[j].port);
		is_str(got, targets[i].want, targets[i].label);
		drop(hosts, n);
	}
	n = build(hosts, many);
	for (int i = 0; i < 200; i++) {
		count = mx_hosts_targets(hosts, n, t, 16, seed());
		seen |= 1U << t[0].addr.a[3];
	}
	is_int((int64_t)count, MX_ADDRS_PER_HOST + 1,
	    "one host does not use up all attempts");
	is_str(t[count - 1].host, "b", "the next one has its turn");
	is_int(seen, 0xfe, "each of seven addresses is sometimes the first");
	drop(hosts, n);
}

static void
test_prefer(void)
{
	static const struct host_text three[HOSTS] = { { .name = "a",
							   .a = "192.0.2.1" },
		{ .name = "b", .a = "192.0.2.2" },
		{ .name = "c", .a = "192.0.2.3" } };
	struct net_addr addr = { 0 };
	struct mx_target t[HOSTS];
	struct mx_host hosts[HOSTS];
	size_t n = build(hosts, three), count;

	count = mx_hosts_targets(hosts, n, t, HOSTS, seed());
	mx_targets_prefer(t, count, "C", &addr);
	ok(strcmp(t[0].host, "c") == 0 && strcmp(t[1].host, "a") == 0 &&
		strcmp(t[2].host, "b") == 0,
	    "a host goes first, and the others stay in their order");
	addr = t[2].addr;
	mx_targets_prefer(t, count, "", &addr);
	ok(strcmp(t[0].host, "b") == 0 && strcmp(t[1].host, "c") == 0,
	    "an address does");
	mx_targets_prefer(t, count, "d", &addr);
	is_str(t[0].host, "b", "one that is not there changes nothing");
	drop(hosts, n);
}

/* Of the route to these hosts by this seed; they live as long as *hosts. */
static size_t
route(struct mx_host hosts[HOSTS], const struct host_text *text, size_t *n,
    struct mx_target t[16], uint64_t by)
{
	*n = build(hosts, text);
	mx_hosts_order(hosts, *n, by);
	return mx_hosts_targets(hosts, *n, t, 16, by);
}

/* Servers give their records in another order each time. */
static void
test_turned(void)
{
	static const struct host_text one[HOSTS] = {
		{ .name = "a", .a = "192.0.2.1 192.0.2.2 192.0.2.3" },
		{ .name = "b", .a = "192.0.2.4", .aaaa = "::1 ::2" },
		{ .name = "c", .a = "192.0.2.5" },
	};
	static const struct host_text other[HOSTS] = {
		{ .name = "C", .a = "192.0.2.5" },
		{ .name = "A", .a = "192.0.2.3 192.0.2.1 192.0.2.2" },
		{ .name = "B", .a = "192.0.2.4", .aaaa = "::2 ::1" },
	};
	int differ = 0, same_as_first = 0;
	struct net_addr first = { 0 };

	for (int i = 0; i < 100; i++) {
		struct mx_host h1[HOSTS], h2[HOSTS];
		struct mx_target t1[16], t2[16];
		uint64_t by = seed();
		size_t n1, n2, c1 = route(h1, one, &n1, t1, by),
			       c2 = route(h2, other, &n2, t2, by);

		differ += c1 != 7 || c2 != 7;
		for (size_t j = 0; j < c1 && j < c2; j++)
			differ += !net_addr_eq(&t1[j].addr, &t2[j].addr);
		if (i == 0)
			first = t1[0].addr;
		same_as_first += net_addr_eq(&first, &t1[0].addr);
		drop(h1, n1);
		drop(h2, n2);
	}
	is_int(differ, 0, "one seed, one order, however answers are turned");
	ok(same_as_first < 40,
	    "another seed, another order: %d of 100 begin "
	    "with the same one",
	    same_as_first);
}

/* Macros: initializers are constants. */
#define HOST_A \
	{ \
		.order = 1, .name = "a", .a = "192.0.2.1" \
	}
#define HOST_B \
	{ \
		.order = 2, .name = "b", .a = "192.0.2.2" \
	}
#define HOST_C \
	{ \
		.order = 3, .name = "c", .a = "192.0.2.3" \
	}

static const struct host_text abc[HOSTS] = { HOST_A, HOST_B, HOST_C };

/*
 * One that is left a place by a connection that was awaited by `left_by` (or
 * NULL) at its target `next`, and finds `hosts`: where it begins, in what order.
 */
static const struct {
	const char *label;
	const char *left_by;
	uint32_t next;
	struct host_text hosts[HOSTS];
	const char *awaited, *want; /* "order@where", '-': without TLS */
} places[] = {
	{ "the same route: there", NULL, 1, { HOST_A, HOST_B, HOST_C }, NULL,
	    "abc@b-" },
	{ "hosts are known by any case", NULL, 1,
	    { HOST_A, { .order = 2, .name = "B", .a = "192.0.2.2" } }, NULL,
	    "aB@B-" },
	{ "another address is there: anew, with TLS", NULL, 1,
	    { HOST_A, { .order = 2, .name = "b", .a = "192.0.2.9" } }, NULL,
	    "ab@a" },
	{ "another name of that address: anew", NULL, 1,
	    { HOST_A, { .order = 2, .name = "d", .a = "192.0.2.2" } }, NULL,
	    "ad@a" },
	{ "another port of that address: anew", NULL, 1,
	    { HOST_A,
		{ .order = 2, .name = "b", .a = "192.0.2.2", .port = 26 } },
	    NULL, "ab@a" },
	{ "one has gone before it: anew", NULL, 1, { HOST_B, HOST_C }, NULL,
	    "bc@b" },
	{ "it is no more: anew", NULL, 2, { HOST_A, HOST_B }, NULL, "ab@a" },
	{ "an awaited one's order: the best is not skipped", "c", 1,
	    { HOST_A, HOST_B, HOST_C }, NULL, "cab@a-" },
	{ "nor called twice", "c", 2, { HOST_A, HOST_B, HOST_C }, NULL,
	    "cab@b-" },
	{ "the awaited one itself, without TLS", "b", 0,
	    { HOST_A, HOST_B, HOST_C }, NULL, "bac@b-" },
	{ "the awaited one has gone: anew", "c", 1, { HOST_A, HOST_B }, NULL,
	    "ab@a" },
	{ "who is awaited begins there", NULL, 1, { HOST_A, HOST_B, HOST_C },
	    "c", "cab@c" },
	{ "also where its place is in the same order", NULL, 1,
	    { HOST_A, HOST_B, HOST_C }, "a", "abc@a" },
	{ "who is awaited again goes on without TLS", "b", 0,
	    { HOST_A, HOST_B, HOST_C }, "b", "bac@b-" },
};

static void
test_places(void)
{
	static const struct net_addr none;
	struct mx_host hosts[HOSTS];
	struct mx_target t[16];
	size_t n, count;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct sched_place at = { 0 };
		char got[HOSTS + 4] = "";

		count = route(hosts, abc, &n, t, seed());
		mx_place_take(&at, t, count, places[i].left_by, &none);
		at.next = places[i].next;
		at.no_tls = true;
		mx_place_set(&at, &t[at.next]);
		drop(hosts, n);

		count = route(hosts, places[i].hosts, &n, t, seed());
		mx_place_take(&at, t, count, places[i].awaited, &none);
		for (size_t j = 0; j < count; j++)
			got[j] = t[j].host[0];
		(void)snprintf(got + count, sizeof(got) - count, "@%s%s",
		    t[at.next].host, at.no_tls ? "-" : "");
		is_str(got, places[i].want, places[i].label);
		drop(hosts, n);
	}
}

int
main(void)
{
	test_order();
	test_cuts();
	test_targets();
	test_prefer();
	test_turned();
	test_places();
	return done_testing();
}
