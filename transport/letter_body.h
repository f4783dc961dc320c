/* SPDX-License-Identifier: Apache-2.0 */
/*
 * letter_body - a message as it goes into the store: header fields of ours, those
 * of the message that stay, and its text.
 *
 * Pure.
 */

#ifndef TRANSPORT_LETTER_BODY_H
#define TRANSPORT_LETTER_BODY_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/str.h"
#include "mail/header.h"
#include "mail/message.h"
#include "vmta/policy.h"

struct letter_body_in {
	const char *received; /* the whole field with its CRLF, or "" */
	const struct header_list *headers;
	bool results;       /* the first of them stands above all */
	const bool *remove; /* by index of headers; NULL: all stay */
	const struct policy_add *add;
	size_t add_count;
	struct slice rest; /* behind the empty line */
};

/* The caller's. */
struct body *letter_body(const struct letter_body_in *in);

#endif
