/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf_types - the C types behind the TYPE column of directive tables, and
 * the list of what is wrong with a configuration.
 *
 * D("max-smtp-out", max_conns, UINT, "20", 1, 10000, LIVE, "...")
 * makes a field CONF_CTYPE_UINT max_conns.  Memory belongs to the region that
 * the configuration was bound in.
 */

#ifndef LIB_CONF_TYPES_H
#define LIB_CONF_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/net.h"
#include "lib/str.h"

struct conf_strs {
	size_t n;
	const char **v;
};

/* Names of header fields, or /REGEX/; see vmta/snapshot_signing.c. */
struct conf_fields {
	struct conf_strs names; /* first: lists are read as such */
	uint32_t number;        /* equal lists have the same; 0 is none */
};

/* Who may send: patterns of addresses; see vmta/sender_rules.h. */
struct sender_patterns;

struct conf_senders {
	struct conf_strs texts;                 /* first, as above */
	const struct sender_patterns *compiled; /* at load; NULL: none */
};

struct conf_intervals { /* at most 30; the last one repeats */
	size_t n;
	int64_t *v; /* microseconds */
};

/*
 * Limits by what they are for, in the order of the file.  Of addresses the
 * first that fits counts, and 0/0 fits all; see lib/conf_limits.h.
 */
struct conf_cidr_count {
	struct net_prefix prefix;
	uint32_t max; /* 0: unlimited */
};

struct conf_cidr_counts {
	size_t n;
	struct conf_cidr_count *v;
};

struct conf_cidr_rate {
	struct net_prefix prefix;
	struct rate rate;
};

struct conf_cidr_rates {
	size_t n;
	struct conf_cidr_rate *v;
};

struct conf_cidr_data_rate {
	struct net_prefix prefix;
	struct data_rate rate;
};

struct conf_cidr_data_rates {
	size_t n;
	struct conf_cidr_data_rate *v;
};

struct conf_domain_count {
	const char *pattern; /* a domain pattern, macros expanded */
	uint32_t max;        /* 0: unlimited */
};

struct conf_domain_counts {
	size_t n;
	struct conf_domain_count *v;
};

struct conf_rates { /* one a day; the last one stays */
	size_t n;
	struct rate *v; /* count 0 with a period: none at all */
};

/* Limits that may be a share of another one; see lib/conf_shares.h. */
struct conf_count_share {
	uint32_t percent; /* 0: it is count */
	uint32_t count;
};

struct conf_rate_share {
	uint32_t percent; /* 0: it is rate */
	struct rate rate;
};

struct conf_data_share {
	uint32_t percent; /* 0: it is rate */
	struct data_rate rate;
};

/* So many per cent of at least so many attempts within span_us failed. */
struct conf_error_rate {
	uint32_t percent; /* 0: there is no such limit */
	uint32_t attempts;
	int64_t span_us;
};

/* One host of smtp-hosts. */
struct conf_host {
	const char *name;     /* NULL when addr is given */
	struct net_addr addr; /* a literal */
	uint16_t port;        /* 0: default-smtp-port */
	uint16_t pref;        /* same number, same preference; lower first */
	bool lookup_mx;       /* the MX hosts of name, not name itself */
};

struct conf_hosts {
	size_t n;
	struct conf_host *v;
};

struct conf_source { /* smtp-source-host IP NAME */
	struct net_addr addr;
	const char *name;
};

struct conf_sources {
	size_t n;
	struct conf_source *v;
};

/* virtual-mta NAME [WEIGHT] of a pool; its row says how heavy one may be. */
struct conf_member {
	const char *name;
	uint32_t weight;
};

struct conf_members {
	size_t n;
	struct conf_member *v;
};

#define CONF_MEMBER_WEIGHT 100 /* of one that says none */

struct dkim_key;

struct conf_dkey { /* domain-key SELECTOR, DOMAIN, FILE */
	const char *selector, *domain, *path;
	struct dkim_key *key; /* parsed at load by vmta/keys.c */
	const char *file;     /* where it stands, for messages */
	unsigned line;
};

struct conf_dkeys {
	size_t n;
	struct conf_dkey *v;
};

struct conf_key_file {        /* a file of PEM, and its password */
	const char *path;     /* "": none; not relative */
	const char *password; /* "": none; never shown */
};

#define CONF_CTYPE_UINT uint32_t
#define CONF_CTYPE_BOOL bool
#define CONF_CTYPE_INTERVAL int64_t
#define CONF_CTYPE_INTERVALS struct conf_intervals
#define CONF_CTYPE_RATE struct rate
#define CONF_CTYPE_RATES struct conf_rates
#define CONF_CTYPE_DATA_RATE struct data_rate
#define CONF_CTYPE_SIZE uint64_t
#define CONF_CTYPE_PERCENT uint32_t
#define CONF_CTYPE_BOOL_INTERVAL int64_t /* no: INTERVAL_NEVER; yes: 0 */
#define CONF_CTYPE_COUNT_SHARE struct conf_count_share
#define CONF_CTYPE_RATE_SHARE struct conf_rate_share
#define CONF_CTYPE_DATA_SHARE struct conf_data_share
#define CONF_CTYPE_ERROR_RATE struct conf_error_rate
#define CONF_CTYPE_SHARE uint32_t /* per mille */
#define CONF_CTYPE_CIDR struct net_prefix
#define CONF_CTYPE_STR const char *
#define CONF_CTYPE_SECRET const char * /* never shown */
#define CONF_CTYPE_KEY_FILE struct conf_key_file
#define CONF_CTYPE_WORD const char *      /* as the default spells it */
#define CONF_CTYPE_BOOL_WORD const char * /* yes, no or another word */
#define CONF_CTYPE_FIELDS struct conf_fields
#define CONF_CTYPE_SENDERS struct conf_senders
#define CONF_CTYPE_ADDRS struct conf_strs /* mail addresses */
#define CONF_CTYPE_STRS struct conf_strs
#define CONF_CTYPE_DOMAINS struct conf_strs /* with macros expanded */
#define CONF_CTYPE_HOSTS struct conf_hosts
#define CONF_CTYPE_SOURCES struct conf_sources
#define CONF_CTYPE_DKEYS struct conf_dkeys
#define CONF_CTYPE_MEMBERS struct conf_members
#define CONF_CTYPE_CIDR_COUNTS struct conf_cidr_counts
#define CONF_CTYPE_CIDR_RATES struct conf_cidr_rates
#define CONF_CTYPE_CIDR_DATA_RATES struct conf_cidr_data_rates
#define CONF_CTYPE_DOMAIN_COUNTS struct conf_domain_counts

/*
 * Everything that is wrong.  Errors are all kept; a warning that was given
 * before is counted at its first place, since a directive without effect may
 * stand in a file a thousand times.
 */
struct conf_error {
	char *text; /* "FILE:LINE: what is wrong", without control characters */
	size_t file_len;
	unsigned line; /* 0: the file as a whole */
	bool warning;
	size_t *more; /* how often it came again; NULL for an error */
	size_t order; /* in which they came */
};

struct strmap;

struct conf_errors {
	size_t n, cap, fatal; /* fatal: how many are not warnings */
	struct conf_error *v;
	struct strmap *seen; /* warnings, until conf_errors_finish() */
	bool portable; /* set by the caller: the file is for another host */
};

void conf_error(struct conf_errors *errs, const char *file, unsigned line,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void conf_warning(struct conf_errors *errs, const char *file, unsigned line,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* This host lacks what is named: an error, unless errs->portable. */
void conf_lacking(struct conf_errors *errs, const char *file, unsigned line,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* The same for a file, if it is not there; else an error as others are. */
void conf_file_error(struct conf_errors *errs, const char *file, unsigned line,
    const char *path, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* Those from index `from` on: by file, then by line; warnings say how often. */
void conf_errors_finish(struct conf_errors *errs, size_t from);
void conf_errors_fini(struct conf_errors *errs);

#endif
