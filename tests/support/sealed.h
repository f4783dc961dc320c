/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sealed - messages with ARC sets of ours, and the keys that were used, for
 * tests.  Even sets are of another domain than odd ones.
 */

#ifndef TESTS_SUPPORT_SEALED_H
#define TESTS_SUPPORT_SEALED_H

#include <stddef.h>
#include <stdint.h>

#include "mail/arc_seal.h"

#define SEALED_NOW INT64_C(1790000000)
#define SEALED_ODD "s1._domainkey.one.example"
#define SEALED_EVEN "s2._domainkey.two.example"

struct sealed {
	struct region *rg;
	struct dkim_key *key;
	const char *record; /* of the key, under both names */
};

/* kind: "RSA" or "ED25519" */
void sealed_init(struct sealed *s, const char *kind, unsigned bits);
void sealed_fini(struct sealed *s);

/* Answers with the record for each name that is wanted. */
void sealed_answer(const struct sealed *s, struct dkim_answers *a);

/* What arc_verify() says of a text, with all keys known. */
struct arc_verdict sealed_judge(const struct sealed *s, const char *text);

/* The text with one more set on top; cv as it is judged. */
const char *sealed_add(const struct sealed *s, const char *text,
    enum arc_result cv);

/* A plain message with n sets. */
const char *sealed_message(const struct sealed *s, unsigned n);

#endif
