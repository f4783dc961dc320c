/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pattern - what a <pattern-list> says about a message: first match wins.
 *
 * Rows: `mail-from /re/ RESULT`, `rcpt-to /re/ RESULT`, `header NAME /re/
 * RESULT` and `* RESULT`; RESULT is a comma list of virtual-mta=NAME,
 * recipient-priority=N and call-to:LIST.  Addresses are matched bare and,
 * if that fails, with angle brackets, since real files write both `a@b$` and
 * `a@b>`; a header by its raw value, folds and all.  With several recipients
 * the first that matches a row decides for the message.  A call-to list is
 * asked in place of its row; when nothing in it matches, the rows behind go
 * on.  Any thread: a list is immutable and belongs to the snapshot.
 */

#ifndef VMTA_PATTERN_H
#define VMTA_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mail/header.h"
#include "vmta/snapshot.h"

struct pattern_match {
	const char *vmta; /* the snapshot's; NULL: the row names none */
	uint8_t priority; /* 0..100 */
	bool has_priority;
};

/* What is looked at: borrowed for the call. */
struct pattern_subject {
	const char *sender;       /* without angle brackets, "" for null */
	const char *const *rcpts; /* likewise */
	size_t rcpt_count;
	const struct header_list *headers; /* may be NULL */
};

/* False when no row matches or there is no such list. */
bool pattern_list_match(const struct snapshot *s, const char *list,
    const struct pattern_subject *subject, struct pattern_match *out);

#endif
