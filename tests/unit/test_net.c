/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and prefixes, with PowerMTA's short forms; sockets handed over. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/check.h"
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

/* ---- sockets handed over ------------------------------------------------- */

/* At that descriptor, as the service manager has them; its port. */
static unsigned
hand_over(int at, const char *ip)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(inet_pton(AF_INET, ip, &sin.sin_addr) == 1 && fd != -1 &&
	    bind(fd, (struct sockaddr *)&sin, len) == 0 && listen(fd, 1) == 0 &&
	    getsockname(fd, (struct sockaddr *)&sin, &len) == 0);
	if (fd != at) {
		CHECK(dup2(fd, at) == at);
		(void)close(fd);
	}
	return ntohs(sin.sin_port);
}

/* Whoever listens there has a socket that is bound to want. */
static void
listens(const char *ip, unsigned port, const char *want, const char *label)
{
	char where[64], text[NET_ADDR_TEXT];
	struct net_addr own = { 0 };
	struct err e = { 0 };
	int fd;

	(void)snprintf(where, sizeof(where), "%s:%u", ip, port);
	fd = net_listen_any(where, &e);
	if (!ok(fd != -1, "%s", label))
		(void)printf("# %s\n", e.text);
	net_local_addr(fd, &own);
	is_str(net_addr_text(&own, text), want, label);
	if (fd != -1)
		(void)close(fd);
}

static void
test_inherited(void)
{
	unsigned first = hand_over(3, "127.0.0.71");
	unsigned second = hand_over(4, "127.0.0.72");
	char pid[32];

	(void)snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	CHECK(setenv("LISTEN_PID", pid, 1) == 0 &&
	    setenv("LISTEN_FDS", "2", 1) == 0);
	listens("127.0.0.72", second, "127.0.0.72",
	    "the one that is bound there, not the first");
	listens("127.0.0.73", first, "127.0.0.71",
	    "else one that nobody has asked for");
	listens("127.0.0.73", first, "127.0.0.73", "else one of our own");
	CHECK(unsetenv("LISTEN_PID") == 0 && unsetenv("LISTEN_FDS") == 0);
}

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
	test_inherited();
	return done_testing();
}
