/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MX hosts that are the same are kept once, however the answer is turned or
 * written; what differs in a host, an address or a family is another set.
 */
#include "vmta/mx_set.h"

#include <string.h>

#include "lib/check.h"
#include "lib/net.h"
#include "tests/tap.h"

static struct net_addr
addr(const char *text)
{
	struct net_addr a;
	struct err e;

	CHECK(net_addr_parse(slice_of(text), &a, &e) == 0);
	return a;
}

int
main(void)
{
	const char *hosts[] = { "b.example", "A.example", "c.example" };
	const char *turned[] = { "C.Example", "b.example", "a.example",
		"a.example" };
	struct net_addr addrs[] = { addr("192.0.2.2"), addr("2001:db8::1") };
	struct net_addr other[] = { addrs[1], addrs[0] };
	struct mx_facts f = { .ok = true,
		.n = 3,
		.hosts = hosts,
		.addrs = addrs,
		.addr_n = 2,
		.has_v4 = true,
		.has_v6 = true,
		.ttl_us = 7 };
	const char *same[] = { "Y.example", "x.example", "y.example" };
	struct mx_set *one, *two, *three, *four, *five, *none;
	const struct mx_facts *kept;
	struct mx_sets sets;

	mx_sets_init(&sets);
	one = mx_set_get(&sets, &f);
	f.hosts = turned;
	f.n = 4;
	f.addrs = other;
	f.ttl_us = 9;
	two = mx_set_get(&sets, &f);
	ok(one == two, "turned round, in other letters, one twice: the same");
	f.n = 2;
	three = mx_set_get(&sets, &f);
	ok(three != one, "fewer hosts: another one");
	f.n = 4;
	f.has_v6 = false;
	four = mx_set_get(&sets, &f);
	ok(four != one && four != three, "without IPv6: another one");
	f.same = same;
	f.same_n = 3;
	five = mx_set_get(&sets, &f);
	kept = mx_set_facts(five);
	ok(five != four && kept->n == 3 && kept->same_n == 2 &&
		strcmp(kept->same[0], "x.example") == 0 &&
		strcmp(kept->same[1], "y.example") == 0,
	    "with other names for its hosts: another one");
	mx_set_put(&sets, &five);
	none = mx_set_get(&sets, &(struct mx_facts){ .ok = true });
	ok(mx_set_facts(none)->n == 0 && mx_set_facts(none)->ok, "no hosts");
	is_int(sets.table.n, 4, "four are kept");

	kept = mx_set_facts(one);
	is_int(kept->n, 3, "each host once");
	ok(strcmp(kept->hosts[0], "a.example") == 0 &&
		strcmp(kept->hosts[1], "b.example") == 0 &&
		strcmp(kept->hosts[2], "c.example") == 0,
	    "in order, in lower case");
	ok(kept->addr_n == 2 && kept->has_v4 && kept->has_v6 &&
		(net_addr_eq(&kept->addrs[0], &addrs[0]) ||
		    net_addr_eq(&kept->addrs[1], &addrs[0])),
	    "with their addresses");
	is_int(kept->ttl_us, 0, "and without a time");
	ok(mx_set_facts(NULL) == NULL, "nothing is known of nothing");

	mx_set_put(&sets, &one);
	is_int(sets.table.n, 4, "one of its two users has gone");
	mx_set_put(&sets, &two);
	is_int(sets.table.n, 3, "with the last one it goes");
	mx_set_put(&sets, &three);
	mx_set_put(&sets, &four);
	mx_set_put(&sets, &none);
	mx_sets_fini(&sets);
	return done_testing();
}
