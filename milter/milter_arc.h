/* SPDX-License-Identifier: Apache-2.0 */
/*
 * milter_arc - the ARC work on one message: validating its sets, and adding one.
 *
 * Begun when the header is there and ended behind the body; lives on the
 * thread that has the message.  At the end that thread waits for DNS, all names
 * at once and a few seconds at most.  What DNS cannot say then is no reason to
 * hold mail back: the message goes on without a seal, since a chain that we
 * cannot judge must neither be sealed as good nor as bad.
 *
 * A set needs the results of this host's filters.  Where these say nothing of
 * DKIM we verify the signatures ourselves.
 */

#ifndef MILTER_MILTER_ARC_H
#define MILTER_MILTER_ARC_H

#include <stddef.h>

#include "mail/header.h"
#include "milter/milter_env.h"
#include "vmta/policy.h"
#include "vmta/sealing.h"

struct milter_arc;

/*
 * NULL: there is nothing to do.  The header list and the region stay until the
 * end.
 */
struct milter_arc *milter_arc_new(struct milter_env *env,
    const struct sealing *wanted, const struct header_list *headers,
    struct region *rg);
void milter_arc_free(struct milter_arc **ap);

/* The body as it came. */
void milter_arc_body(struct milter_arc *a, const void *p, size_t len);

/* What became of it, for the log. */
struct milter_arc_note {
	const char *result; /* of the chain: "pass"; NULL: not validated */
	const char *reason; /* of other than pass, or why there is no seal */
	bool sealed;
};

/*
 * Validates, and puts the set above what out adds.  body: as it goes out,
 * finished.
 */
void milter_arc_end(struct milter_arc *a, struct canon_body *body,
    struct policy_out *out, struct milter_arc_note *note_r);

#endif
