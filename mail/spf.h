/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spf - may a client send mail of a domain: check_host() of RFC 7208.
 *
 * Run again and again, from the start, until the book has all answers: what a
 * record can cost is bounded by SPF_TERMS_MAX, and the time is the caller's to
 * bound, by answering with trouble.  With the null sender HELO is checked (section
 * 2.4).  A sender whose local part is not ASCII matches no term that needs it (RFC
 * 8616 section 4).
 *
 * A term is a void look-up (section 4.6.4) once, however many of its questions
 * found nothing: else three mail servers without an IPv6 address would make an
 * error of "mx" for every client by IPv6.
 *
 * No library: libspf2, the one in Debian, asks DNS by itself and waits for it, and
 * its expansion of macros, where records of strangers are read, has had four
 * holes (CVE-2021-20314, -33912, -33913, CVE-2023-42118) without a release since.
 *
 * No I/O, no clock; strings are in the region, which a caller who comes again may
 * reset before.
 */

#ifndef MAIL_SPF_H
#define MAIL_SPF_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/mem.h"
#include "lib/net.h"
#include "mail/dns_book.h"

#define SPF_TERMS_MAX 10 /* that ask DNS */
#define SPF_NAMES_MAX 10 /* of mail servers, or of an address */
#define SPF_VOIDS_MAX 2  /* as the RFC recommends */
#define SPF_EXPLAIN_MAX 500

enum spf_result {
	SPF_NONE, /* the domain says nothing */
	SPF_NEUTRAL,
	SPF_PASS,
	SPF_FAIL,
	SPF_SOFTFAIL,
	SPF_TEMPERROR,
	SPF_PERMERROR
};

struct spf_in {
	struct net_addr client; /* IPv4 as such, not mapped into IPv6 */
	const char *helo;       /* "": unknown */
	const char *sender;     /* of MAIL FROM; "" is the null sender */
	const char *receiver;   /* our name */
	int64_t now_s;          /* wall clock */
	unsigned voids_max;
};

struct spf {
	enum spf_result result;
	bool of_helo;            /* that is what was checked */
	const char *domain;      /* likewise */
	const char *reason;      /* for people, about everything but pass */
	const char *explanation; /* of a fail: the domain's own words, or "" */
	const char *term;        /* that decided, or "" */
	unsigned terms, voids;   /* that asked DNS; that found nothing */
};

/* false: the book wants answers; then again. */
bool spf_check(const struct spf_in *in, struct dns_book *book,
    struct region *rg, struct spf *out);

/* A word of RFC 8601 section 2.7.2. */
const char *spf_result_text(enum spf_result r);

#endif
