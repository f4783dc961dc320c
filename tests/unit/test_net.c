/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and prefixes, with PowerMTA's short forms. */
#include <string.h>

#include "lib/net.h"
#include "tests/tap.h"

static const struct {
	const char *prefix, *addr;
	bool match, bad;
} cases[] = {
	{ "0/0", "127.0.0.1", true, false },
	{ "10/8", "10.255.3.4", true, false },
	{ "10/8", "11.0.0.1", false, false },
	{ "173.194/16", "173.194.9.9", true, false },
	{ "127.0.0.1", "127.0.0.1", true, false },
	{ "127.0.0.1", "127.0.0.2", false, false },
	{ "192.0.2.128/25", "192.0.2.127", false, false },
	{ "192.0.2.128/25", "192.0.2.129", true, false },
	{ "::1", "::1", true, false },
	{ "2001:db8::/32", "2001:db8:1::5", true, false },
	{ "0/0", "::1", false, false },
	{ "10.0.0.0/33", "10.0.0.0", false, true },
	{ "10", "10.0.0.0", false, true },
	{ "300/8", "10.0.0.0", false, true },
	{ "1.2.3.4.5/8", "1.2.3.4", false, true },
	{ "", "10.0.0.0", false, true },
};

static const char *const shown[] = { "0.0.0.0", "1.20.255.100",
	"255.255.255.255", "10.9.99.109", "::", "fe80::1" };

int
main(void)
{
	char text[NET_ADDR_TEXT];
	struct net_addr a, b;
	struct err e;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct net_prefix p;
		int rc = net_prefix_parse(slice_of(cases[i].prefix), &p, &e);

		if (cases[i].bad) {
			ok(rc == -1, "\"%s\" is refused", cases[i].prefix);
			continue;
		}
		ok(rc == 0 &&
			net_addr_parse(slice_of(cases[i].addr), &a, &e) == 0 &&
			net_prefix_match(&p, &a) == cases[i].match,
		    "%s and %s", cases[i].prefix, cases[i].addr);
	}
	ok(net_addr_parse(slice_of("IPv6:2001:db8::1"), &a, &e) == 0, "IPv6:");
	is_str(net_addr_text(&a, text), "2001:db8::1", "as text");
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
		ok(net_addr_parse(slice_of(shown[i]), &b, &e) == 0 &&
			strcmp(net_addr_text(&b, text), shown[i]) == 0,
		    "%s is shown as it was written", shown[i]);
	b.family = 0;
	is_str(net_addr_text(&b, text), "", "none is shown as nothing");
	ok(net_addr_parse(slice_of("127.9.9.9"), &b, &e) == 0 &&
		net_addr_is_loopback(&b),
	    "127.9.9.9 is loopback");
	ok(!net_addr_eq(&a, &b), "unequal");
	is_int(net_listen("nonsense", &e), -1, "no listening on nonsense");
	is_int(net_listen("127.0.0.1:0", &e), -1, "nor on port 0");
	return done_testing();
}
