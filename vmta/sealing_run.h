/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sealing_run - the ARC work on one message: validating its sets, and adding one.
 *
 * Begun when the header is there and ended behind the body, at the milter and
 * at the transport's ingress alike.  Between them somebody finds the keys that
 * are wanted, as he can wait, and for a few seconds at most.  What DNS cannot
 * say then is no reason to hold mail back: the message goes on without a seal,
 * since a chain that we cannot judge must neither be sealed as good nor as bad.
 *
 * A set needs the results of this host's filters.  Where these say nothing of
 * DKIM, or check-dkim-inbound is on, we verify the signatures ourselves.
 *
 * No I/O; owned by one thread at a time.
 */

#ifndef VMTA_SEALING_RUN_H
#define VMTA_SEALING_RUN_H

#include <stddef.h>
#include <stdint.h>

#include "mail/auth_results.h"
#include "mail/dkim_answers.h"
#include "mail/header.h"
#include "vmta/policy.h"
#include "vmta/sealing.h"

#define SEALING_DNS_US INT64_C(5000000) /* who hands over the mail waits */

struct dkim_verifier;
struct log_line;
struct sealing_run;

/* All of it stays until the end. */
struct sealing_run_in {
	struct dkim_verifier *verifier;
	const struct header_list *headers; /* as they came */
	/* In place of what the message says by our authserv-id; NULL: that. */
	const struct auth_results *results;
	bool verify;   /* its DKIM signatures, sealed or not */
	int64_t now_s; /* wall clock */
};

/* NULL: there is nothing to do.  The region stays until the end. */
struct sealing_run *sealing_run_new(const struct sealing *wanted,
    const struct sealing_run_in *in, struct region *rg);
void sealing_run_free(struct sealing_run **rp);

/* The body as it came. */
void sealing_run_body(struct sealing_run *r, const void *p, size_t len);

void sealing_run_names(const struct sealing_run *r,
    struct dkim_answers *wanted);

/* What became of it, for the log. */
struct sealing_note {
	const char *result; /* of the chain: "pass"; NULL: not validated */
	const char *reason; /* of other than pass, or why there is no seal */
	bool sealed;
};

void sealing_note_log(const struct sealing_note *note, struct log_line *l);

/* Is the message to be sealed, if it can be?  NULL: no. */
bool sealing_run_seals(const struct sealing_run *r);

/*
 * What its own verification says of the signatures, as results; none: there was
 * none.  Once at most, before the end.
 */
void sealing_run_verdicts(struct sealing_run *r,
    const struct dkim_answers *answers, struct auth_results *out);

struct sealing_run_end {
	const struct dkim_answers *answers;
	const struct header_list *headers; /* those that policy saw */
	struct canon_body *body;           /* as it goes out, finished */
};

/* Validates, and puts the set above what out adds.  Once. */
void sealing_run_end(struct sealing_run *r, const struct sealing_run_end *in,
    struct policy_out *out, struct sealing_note *note_r);

#endif
