/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arc_set - the ARC fields of a message, sorted into sets (RFC 8617 section
 * 4): of each instance one ARC-Authentication-Results, one
 * ARC-Message-Signature and one ARC-Seal.
 *
 * What can be said from the fields alone: which sets there are, whether they
 * are whole, and whether their tags are what they must be.  Whether the
 * signatures hold is for arc_verify.  Slices of the header; pure.
 */

#ifndef MAIL_ARC_SET_H
#define MAIL_ARC_SET_H

#include <stdbool.h>

#include "lib/mem.h"
#include "mail/header.h"
#include "mail/tag_list.h"

#define ARC_SETS_MAX 50 /* RFC 8617 section 4.2.1 */

#define ARC_AAR_HEADER "ARC-Authentication-Results"
#define ARC_AMS_HEADER "ARC-Message-Signature"
#define ARC_SEAL_HEADER "ARC-Seal"

/* A signed field and its tags. */
struct arc_field {
	const struct header *field; /* NULL: there is none */
	struct tag_list tags;
};

struct arc_set {
	const struct header *aar;
	struct arc_field ams, seal;
};

struct arc_chain {
	bool any;          /* there is a field of ARC */
	unsigned highest;  /* instance; 0 where none can be read */
	bool ended;        /* the highest seal says cv=fail: nothing follows */
	const char *fault; /* NULL: sets 1 to highest are whole and in order */
	struct arc_set set[ARC_SETS_MAX + 1]; /* by instance, from 1 */
};

void arc_chain_read(const struct header_list *headers, struct region *rg,
    struct arc_chain *chain_r);

#endif
