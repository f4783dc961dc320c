/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns_fixture - a dns_server.py on a free loopback port, for C tests.
 *
 * Started and stopped by the test's main thread; zone and log are in a
 * directory of its own, removed at the end.
 */

#ifndef TESTS_DNS_FIXTURE_H
#define TESTS_DNS_FIXTURE_H

#include <sys/types.h>

struct dns_fixture {
	pid_t pid;
	char dir[64];
	char where[64]; /* "127.0.0.1:PORT" */
};

/* Ends the process when it cannot. */
void dns_fixture_start(struct dns_fixture *f, const char *zone);
void dns_fixture_stop(struct dns_fixture *f);

/* How many questions for the name and type ("MX") it has seen. */
int dns_fixture_asked(const struct dns_fixture *f, const char *name,
    const char *type);

/* "udp" or "tcp": how the last of them came; static, or "". */
const char *dns_fixture_proto(const struct dns_fixture *f, const char *name,
    const char *type);

#endif
