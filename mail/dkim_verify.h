/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dkim_verify - the DKIM signatures of a message, judged by libopendkim.
 *
 * The header is given at the start, the body in pieces, as it comes; then
 * somebody finds the keys that are wanted, and the verdicts are made from
 * the answers.  What DNS could not say is a temperror.  At most
 * DKIM_VERIFY_MAX signatures are looked at, the uppermost; the others are
 * told as "policy", for a message with thousands must not cost thousands of
 * questions.  rsa-sha1 is no algorithm any more (RFC 8301).
 *
 * What is worked round in libopendkim 2.11: a body whose last line has no end
 * would be refused; SERVFAIL would be "no key"; a= is taken from the field,
 * as the library says rsa-sha1 for what it does not know; a record that does
 * not fit its buffer would be cut.
 *
 * struct dkim_verifier is made before other threads start and then shared;
 * a struct dkim_verify belongs to one thread at a time.
 */

#ifndef MAIL_DKIM_VERIFY_H
#define MAIL_DKIM_VERIFY_H

#include <stddef.h>

#include "lib/err.h"
#include "lib/mem.h"
#include "mail/dkim_answers.h"
#include "mail/header.h"

#define DKIM_VERIFY_MAX 10

struct dkim_verifier;
struct dkim_verify;

int dkim_verifier_new(struct dkim_verifier **v_r, struct err *e);
void dkim_verifier_free(struct dkim_verifier **vp);

/* NULL: there is nothing to verify.  The header list stays until the end. */
struct dkim_verify *dkim_verify_new(struct dkim_verifier *verifier,
    const struct header_list *headers);
void dkim_verify_free(struct dkim_verify **vp);

void dkim_verify_body(struct dkim_verify *v, const void *p, size_t len);
void dkim_verify_names(const struct dkim_verify *v,
    struct dkim_answers *wanted);

/* Texts are in the region; "" where the field does not say. */
struct dkim_verdict {
	const char *domain, *selector, *algorithm;
	const char *identity; /* i=, as it stands */
	const char *result;   /* a word of RFC 8601 section 2.7.1 */
	const char *reason;   /* of other than pass */
};

/* Once, at the end of the body; the number of signatures. */
size_t dkim_verify_end(struct dkim_verify *v,
    const struct dkim_answers *answers, struct region *rg,
    struct dkim_verdict **v_r);

#endif
