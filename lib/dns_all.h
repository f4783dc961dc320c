/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns_all - answers of the resolver to several questions, for an object on a
 * worker: one call back when all are there or the time is over.
 *
 * On a worker of the set, all of it.
 */

#ifndef LIB_DNS_ALL_H
#define LIB_DNS_ALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/dns.h"

struct dns_all;

struct dns_all_in {
	struct dns *dns;
	struct worker *worker; /* the caller's */
	enum dns_type type;
	bool any_name; /* dns_ask_any() */
	int64_t timeout_us;
	/* Never from inside dns_all_ask(); the struct dns_all is gone then. */
	void (*fn)(void *arg);
	void *arg;
};

/*
 * v, at least one of them, and its names stay until then; references in it
 * are the caller's, also of what was there when it was cancelled.
 */
struct dns_all *dns_all_ask(const struct dns_all_in *in, struct dns_want *v,
    size_t n);
void dns_all_cancel(struct dns_all **ap); /* fn will not be called */

#endif
