/* SPDX-License-Identifier: Apache-2.0 */
/* Whose socket listens: at the address, at any, over IPv6 for IPv4; or nobody's. */
#include <arpa/inet.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/net_owner.h"
#include "tests/tap.h"

enum { NOBODY = 65534 };

static const struct {
	const char *bound, *asked;
	int listens, found;
} cases[] = {
	{ "127.0.0.1", "127.0.0.1", 1, 1 },
	{ "127.0.0.1", "127.0.0.2", 1, 0 },
	{ "127.0.0.1", "127.0.0.1", 0, 0 },
	{ "::1", "::1", 1, 1 },
	{ "::1", "127.0.0.1", 1, 0 },
	{ "::ffff:127.0.0.1", "127.0.0.1", 1, 1 },
	/* Where nobody else can come. */
	{ "0.0.0.0", "127.0.0.2", 1, 1 },
	{ "::", "::1", 1, 1 },
	{ "::", "127.0.0.1", 1, 1 },
};

/* A socket of that user; its port. */
static int
bind_to(const char *ip, bool listens, uid_t uid, uint16_t *port_r)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	struct sockaddr_in four = { .sin_family = AF_INET };
	const bool v6 = strchr(ip, ':') != NULL;
	struct sockaddr *sa = v6 ? (struct sockaddr *)&six :
				   (struct sockaddr *)&four;
	socklen_t len = v6 ? sizeof(six) : sizeof(four);
	const uid_t us = geteuid();
	int fd;

	CHECK(inet_pton(sa->sa_family, ip,
		  v6 ? (void *)&six.sin6_addr : (void *)&four.sin_addr) == 1);
	CHECK(seteuid(uid) == 0);
	fd = socket(sa->sa_family, SOCK_STREAM, 0);
	CHECK(seteuid(us) == 0);
	CHECK(fd != -1 && bind(fd, sa, len) == 0 &&
	    (!listens || listen(fd, 1) == 0) && getsockname(fd, sa, &len) == 0);
	*port_r = ntohs(v6 ? six.sin6_port : four.sin_port);
	return fd;
}

static void
test_case(size_t i, uid_t uid)
{
	struct net_addr a;
	struct err e = { "" };
	uint16_t port;
	uid_t found = (uid_t)-1;
	const int fd = bind_to(cases[i].bound, cases[i].listens == 1, uid,
	    &port);

	CHECK(net_addr_parse(slice_of(cases[i].asked), &a, &e) == 0);
	is_int(net_owner(&a, port, &found, &e), cases[i].found, cases[i].asked);
	if (cases[i].found == 1)
		is_int(found, uid, cases[i].bound);
	(void)close(fd);
}

/* Only in a network of its own does a test listen at any address. */
static bool
may_listen(size_t i)
{
	static bool is_alone;

	if (strcmp(cases[i].bound, "0.0.0.0") != 0 &&
	    strcmp(cases[i].bound, "::") != 0)
		return true;
	if (!is_alone)
		is_alone = unshare(CLONE_NEWNET) == 0;
	if (!is_alone)
		(void)printf("# %s: not without a network of its own\n",
		    cases[i].bound);
	return is_alone;
}

int
main(void)
{
	const uid_t us = geteuid();

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (!may_listen(i))
			continue;
		test_case(i, us);
		if (us == 0)
			test_case(i, NOBODY);
	}
	return done_testing();
}
