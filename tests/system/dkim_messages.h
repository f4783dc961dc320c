/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dkim_messages - odd messages for signers and verifiers to disagree about:
 * known edge cases, and random ones, the same for the same seed.
 *
 * Whole messages as they go over the wire: CRLF lines, not dot-stuffed.
 */

#ifndef TESTS_SYSTEM_DKIM_MESSAGES_H
#define TESTS_SYSTEM_DKIM_MESSAGES_H

#include <stddef.h>
#include <stdint.h>

#include "lib/str.h"

size_t dkim_edge_count(void);

/* Appends the text of a case; its label, for a file's name. */
const char *dkim_edge(size_t i, struct buf *text);

void dkim_random(uint64_t seed, struct buf *text);

/* xorshift: a number below n, and the next state. */
unsigned dkim_below(uint64_t *state, unsigned n);

#endif
