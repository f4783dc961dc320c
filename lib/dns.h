/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns - answers of the resolver with TTL, cached, one question for many
 * waiters.
 *
 * One struct dns for the process: a c-ares channel and a share of the cache
 * on each worker.  A name is asked by the worker that its hash names, so
 * nothing is asked twice and nothing is locked; dns_ask() goes there by a post
 * and comes back on the asking worker.  Positive answers live for their TTL
 * (5 s .. 1 d), NXDOMAIN and NODATA for min(SOA minimum, SOA TTL, 1 h),
 * SERVFAIL and time-outs 15 s.  A failing refresh serves a stale MX for an
 * hour.  Names are converted with libidn2.  RFC 1035, 2308, 6840 (AD).
 */

#ifndef LIB_DNS_H
#define LIB_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/net.h"
#include "lib/ref.h"
#include "lib/worker.h"

struct dns;
struct dns_query;

enum dns_type {
	DNS_A = 1,
	DNS_PTR = 12,
	DNS_MX = 15,
	DNS_TXT = 16,
	DNS_AAAA = 28
};

enum dns_status {
	DNS_OK,
	DNS_NXDOMAIN, /* the name does not exist */
	DNS_NODATA,   /* it does, without records of the type */
	DNS_TEMP,     /* SERVFAIL, refused, time-out, bad answer */
	DNS_BAD_NAME  /* cannot be asked at all */
};

struct dns_mx {
	uint16_t pref;
	char *host; /* lower case, no final dot; "" is the null MX */
};

/* Immutable and counted; workers share it. */
struct dns_answer {
	struct ref refs;
	enum dns_status status;
	bool ad;
	int64_t expires_us; /* engine clock */
	size_t count;
	struct dns_mx *mx;      /* DNS_MX */
	struct net_addr *addrs; /* DNS_A, DNS_AAAA */
	char **txt;             /* DNS_TXT: the strings of each, joined */
	char **names;           /* DNS_PTR: as the host of a dns_mx */
	char *text;             /* why, for people, when not DNS_OK */
};

struct dns_answer *dns_answer_ref(struct dns_answer *a);
void dns_answer_unref(struct dns_answer **ap);

/*
 * servers: "IP" or "IP:PORT"; none: the system's.  Called before other threads
 * start (it clears environment variables that c-ares would honour).
 */
int dns_new(struct worker *const *workers, size_t count,
    const char *const *servers, size_t server_count, struct dns **d_r,
    struct err *e);
/*
 * The workers have been joined and are not yet freed.  Queries still open are
 * forgotten: who asked must have cancelled them, or never touch them again.
 */
void dns_free(struct dns **dp);

/*
 * From a worker of the set; fn is called on the same worker, never from
 * inside dns_ask(), with a reference that it owns.
 */
typedef void dns_fn(void *arg, struct dns_answer *a);
struct dns_query *dns_ask(struct dns *d, const char *name, enum dns_type type,
    dns_fn *fn, void *arg);
/* For a name that need not be a host's: dns_name_clean_any(). */
struct dns_query *dns_ask_any(struct dns *d, const char *name,
    enum dns_type type, dns_fn *fn, void *arg);
void dns_cancel(struct dns_query **qp); /* fn will not be called */

/* One of several names that are asked together: dns_all.h. */
struct dns_want {
	const char *name;
	struct dns_answer *answer; /* a reference; NULL: not in time */
};

struct dns_stats {
	uint64_t asked;  /* calls of dns_ask() */
	uint64_t sent;   /* questions put to name servers, without repeats */
	uint64_t hits;   /* answered from the cache */
	uint64_t cached; /* answers held now */
};
void dns_stats(const struct dns *d, struct dns_stats *out);

#endif
