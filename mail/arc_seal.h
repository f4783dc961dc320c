/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arc_seal - one more ARC set for a message (RFC 8617 section 5.1).
 *
 * The last change of all: the fields are given as they go out, DKIM signatures
 * included, and the new ones go on top of them, byte by byte as they are made
 * here, since folds inside a signature are under the next seal.  RSA, as
 * one set has one algorithm and not everybody reads another; relaxed/relaxed.
 * A chain that fails is sealed with cv=fail, over the new fields alone; one
 * that has ended so, or has 50 sets, gets nothing.  Pure; any thread.
 */

#ifndef MAIL_ARC_SEAL_H
#define MAIL_ARC_SEAL_H

#include <stdbool.h>
#include <stdint.h>

#include "mail/arc_verify.h"
#include "mail/auth_results.h"
#include "mail/dkim_key.h"

struct arc_seal_in {
	const struct dkim_key *key;
	const char *selector, *domain;
	const char *authserv_id;
	const struct auth_results *results;
	const struct arc_chain *chain; /* of the fields as they came */
	enum arc_result cv; /* of it; pass only of a whole one; no trouble */
	const struct header_list *headers;
	const uint8_t *body_hash; /* SHA-256 of the relaxed body */
	int64_t now_s;
};

enum arc_part { ARC_PART_SEAL, ARC_PART_AMS, ARC_PART_AAR, ARC_PARTS };

/* The new fields, the uppermost first: names, and values behind ": ". */
struct arc_seal_out {
	const char *name[ARC_PARTS], *value[ARC_PARTS];
};

/* May the chain get one more set? */
bool arc_seal_may(const struct arc_chain *chain);

/*
 * cv= without a look at any signature: of no chain, of one that is not whole,
 * and of one that this host's filters judged when it came in (arc= of the
 * results), before a list changed the message.  ARC_TROUBLE: it must be
 * validated here.
 */
enum arc_result arc_seal_cv(const struct arc_chain *chain,
    const struct auth_results *results, struct region *rg);

/* For a chain that may.  -1: the key could not sign. */
int arc_seal(const struct arc_seal_in *in, struct region *rg,
    struct arc_seal_out *out, struct err *e);

#endif
