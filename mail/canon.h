/* SPDX-License-Identifier: Apache-2.0 */
/*
 * canon - DKIM canonicalization (RFC 6376 section 3.4): the body's hashes, and
 * the relaxed or simple form of a field.
 *
 * The body is as it goes out: CRLF lines, not dot-stuffed.  Either it is fed
 * in pieces of any size, once for both hashes, or it is given whole, and a
 * hash is made only when it is asked for.  Pure; one thread at a time.
 */

#ifndef MAIL_CANON_H
#define MAIL_CANON_H

#include <stddef.h>
#include <stdint.h>

#include "lib/str.h"
#include "mail/header.h"

enum canon { CANON_SIMPLE, CANON_RELAXED };

struct canon_body; /* SHA-256 of the simple and of the relaxed body */

struct canon_body *canon_body_new(void);
/* The whole body, which must stay until the last hash is read; finished. */
struct canon_body *canon_body_of(const void *p, size_t len);
void canon_body_free(struct canon_body **cp);
void canon_body_add(struct canon_body *c, const void *bytes, size_t len);
void canon_body_finish(struct canon_body *c);
const uint8_t *canon_body_hash(struct canon_body *c, enum canon how);
/* Bytes of the canonical body, which is what l= counts. */
uint64_t canon_body_len(struct canon_body *c, enum canon how);

/* Appends the canonical body itself, for people to see. */
void canon_body_text(struct buf *out, struct slice whole, enum canon how);

/* Appends the canonical field with its CRLF. */
void canon_header(struct buf *out, const struct header *h, enum canon how);

#endif
