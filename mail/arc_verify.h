/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arc_verify - is the chain of ARC sets of a message whole (RFC 8617 section
 * 5.2)?
 *
 * Two steps: arc_names() says which keys are needed, arc_verify() judges with
 * what DNS said of them.  The newest ARC-Message-Signature and every ARC-Seal
 * must hold; older message signatures may be broken, as each set was made
 * because the message was about to change.
 *
 * What DNS could not say is trouble, and never becomes a fail: but where
 * something fails for certain, it fails whatever DNS would have said.
 *
 * A message signature that covers only a part of the body (l=) fails, since
 * anybody may have added the rest.  Algorithms rsa-sha256 and ed25519-sha256.
 * Without c= it is simple/simple, as RFC 6376 says.  Pure; any thread.
 */

#ifndef MAIL_ARC_VERIFY_H
#define MAIL_ARC_VERIFY_H

#include <stdint.h>

#include "lib/mem.h"
#include "mail/arc_set.h"
#include "mail/canon.h"
#include "mail/dkim_answers.h"

enum arc_result { ARC_NONE, ARC_PASS, ARC_FAIL, ARC_TROUBLE };

struct arc_verify_in {
	const struct arc_chain *chain;
	const struct header_list *headers; /* those of the chain, all of them */
	struct canon_body *body;           /* finished */
	const struct dkim_answers *answers;
	int64_t now_s; /* wall clock */
};

struct arc_verdict {
	enum arc_result result;
	const char *reason; /* of fail and trouble; in the region */
};

void arc_names(const struct arc_chain *chain, struct dkim_answers *wanted);

void arc_verify(const struct arc_verify_in *in, struct region *rg,
    struct arc_verdict *verdict_r);

/* "none", "pass", "fail" or "temperror" */
const char *arc_result_text(enum arc_result r);

#endif
