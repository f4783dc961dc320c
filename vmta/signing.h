/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signing - the DKIM signatures of one message on its way to one domain by one
 * virtual MTA: which ones it is to have, and making them.
 *
 * Asked at intake, where all recipients may agree, and at delivery, where they
 * did not.  What the message itself says about it, beside its header fields,
 * is one text (signing_text()), which travels with it.
 *
 * Pure on a snapshot; everything is in the caller's region or the snapshot's.
 * Any thread.
 */

#ifndef VMTA_SIGNING_H
#define VMTA_SIGNING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/mem.h"
#include "mail/canon.h"
#include "mail/dkim_sign.h"
#include "mail/header.h"
#include "vmta/snapshot.h"

#define DKIM_OPTIONS_HEADER "X-DKIM-Options"
#define DKIM_KEY_HEADER "X-DKIM-Key"

enum { SIGNATURES_MAX = 8, SIGNING_TEXT_MAX = 1000 };

struct signature {
	const struct dkim_key *key;
	const char *selector, *domain; /* s= and d= */
	const char *identity;          /* i=, or NULL */
	struct dkim_sign_opts opts;
};

struct signing {
	size_t n; /* 0: none */
	struct signature v[SIGNATURES_MAX];
};

/* ---- what a message says -------------------------------------------------- */

struct signing_facts {
	const char *sender, *from; /* LOCAL@DOMAIN or @DOMAIN; NULL: none */
	bool options;              /* it has X-DKIM-Options that count */
	bool outside; /* whoever brought it is none of InternalHosts */
	const char *s, *d, *i, *q, *key_list; /* of these; NULL: not said */
	const struct dkim_key *key;           /* its own, or NULL; borrowed */
};

/*
 * The text to be read by signing_facts_read(), now or at delivery; "" says
 * nothing.  options: the value of X-DKIM-Options, or NULL if it does not count;
 * of one that is longer than any can be nothing is understood.
 */
const char *signing_text(const char *options, bool outside, struct region *rg);

void signing_facts_read(const struct header_list *headers, const char *text,
    struct region *rg, struct signing_facts *out);

/* From is another one since (rewrite.h). */
void signing_facts_from(const struct header_list *headers, struct region *rg,
    struct signing_facts *f);

/* ---- which ones ----------------------------------------------------------- */

struct signing_in {
	const struct snapshot *conf;
	const struct signing_facts *facts;
	const char *vmta;   /* its name; "" is the built-in one */
	const char *domain; /* of the recipient, lower case */
};

void signing_find(const struct signing_in *in, struct region *rg,
    struct signing *out);
bool signing_equal(const struct signing *a, const struct signing *b);

/* ---- making them ----------------------------------------------------------- */

struct signing_make_in {
	const struct header_list *headers;
	const bool *skip; /* by index: fields that do not go out, or NULL */
	/* By enum canon; those that signing_needs() says. */
	const uint8_t *body_hash[2];
	uint64_t body_len[2]; /* canonical */
	int64_t now_s;        /* wall clock */
};

/* Does any signature need the hash and the length of the body in that form? */
bool signing_needs(const struct signing *s, enum canon how);

/* The octets of the fields that signing_make() would make. */
size_t signing_len(const struct signing *s, const struct signing_make_in *in,
    struct region *rg);

/* The values of s->n DKIM-Signature fields, the first to go on top. */
int signing_make(const struct signing *s, const struct signing_make_in *in,
    struct region *rg, const char *values[SIGNATURES_MAX], struct err *e);

#endif
