/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suppress_norm - an address as a suppression list compares it, and the digest
 * that stands for it there, so that no list holds an address.
 *
 * The domain is always lower case in A-labels, and the quoting of a local part
 * (RFC 5321 section 4.1.2) is undone: it is no part of the name.  The rest is
 * chosen per list and done to every domain alike, in this order: the tag cut
 * off at the first '+' that is not the first byte, dots left out, ASCII letters
 * made lower case.  A step that would leave no local part is not done.
 *
 *	plain         HMAC-SHA256 with a secret of our own: lists of addresses
 *	sha256 sha1 md5   of the whole address, as such lists are traded
 *	hmac-sha256   the same with the key of whoever made the list
 *
 * Pure; memory from the caller's region; any thread.
 */

#ifndef MAIL_SUPPRESS_NORM_H
#define MAIL_SUPPRESS_NORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/mem.h"
#include "lib/str.h"

enum { SUPPRESS_DIGEST_MAX = 32 }; /* bytes */

enum suppress_hash {
	SUPPRESS_PLAIN,
	SUPPRESS_SHA256,
	SUPPRESS_SHA1,
	SUPPRESS_MD5,
	SUPPRESS_HMAC_SHA256
};

struct suppress_norm {
	bool keep_case; /* of the local part */
	bool drop_dots;
	bool drop_tag;
	enum suppress_hash hash;
	struct slice key; /* PLAIN and HMAC_SHA256, borrowed; not empty */
};

/* What is asked of a published list: */
struct suppress_watched {
	const char *file; /* below the folder: "name.list" */
	uint64_t id;      /* suppress_norm_id() */
	uint32_t digest_len;
};

/* By its name in a configuration, without regard to case; false: none. */
bool suppress_hash_find(const char *name, enum suppress_hash *hash_r);

const char *suppress_hash_name(enum suppress_hash hash);

size_t suppress_digest_len(enum suppress_hash hash);

/*
 * What the files of a published list know it by: its name without regard to
 * case, and all the choices, with the key of HMAC_SHA256 (by its own hash) but
 * not that of PLAIN.  Digests made by other choices are never asked in vain.
 */
uint64_t suppress_norm_id(const char *name, const struct suppress_norm *n);

/* The address as it is hashed; -1: it is none.  Blanks around it are cut. */
int suppress_norm_address(const struct suppress_norm *n, struct slice address,
    struct region *rg, const char **text_r, struct err *e);

/* Of a text as it stands; -1: OpenSSL refuses the hash (FIPS and MD5). */
int suppress_norm_digest(const struct suppress_norm *n, const char *text,
    unsigned char digest[SUPPRESS_DIGEST_MAX], struct err *e);

/* A digest in hex of either case, or base64 with padding; blanks are cut. */
int suppress_digest_read(struct slice text, enum suppress_hash hash,
    unsigned char digest[SUPPRESS_DIGEST_MAX], struct err *e);

#endif
