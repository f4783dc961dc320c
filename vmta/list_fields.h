/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list_fields - List-Unsubscribe (RFC 2369) with List-Unsubscribe-Post (RFC
 * 8058), and Feedback-ID, out of templates.
 *
 *	template = *( text / "{" macro "}" )
 *
 * All recipients get the same bytes at intake, so macros are about the message:
 * {job} {vmta} {from-domain} {message-id}; and {rcpt}, with which only messages
 * to one recipient get the field.  A message that lacks what an unsubscribe
 * template needs gets none: a link that does not know whom it is about is worse
 * than none.
 *
 * Pure; any thread.
 */

#ifndef VMTA_LIST_FIELDS_H
#define VMTA_LIST_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "lib/mem.h"
#include "mail/dkim_fields.h"
#include "mail/header.h"

enum { LIST_TEMPLATE_MAX = 500, LIST_FIELDS_MAX = 3 };

/* URIs in angle brackets, with commas between; https, http or mailto. */
int list_unsubscribe_check(const char *text, struct err *e);

/*
 * a:b:c:SENDER, four parts at most, the last of 5 to 15 characters and the same
 * in all mail; nothing in it is about a recipient.
 */
int feedback_id_check(const char *text, struct err *e);

/*
 * RFC 8058 section 4: -Post counts only where one signature covers it and
 * List-Unsubscribe.  Are both in what is signed?
 */
bool list_unsubscribe_is_in(const struct dkim_fields *f);

struct list_field {
	const char *name, *value; /* the value without its leading blank */
};

struct list_message {
	const char *job, *vmta; /* "" for none */
	const char *rcpt;       /* NULL: it has not exactly one */
	const struct header_list *headers;
	bool
	    is_signed; /* for all, with both fields: else -Post proves nothing */
};

/*
 * The fields that templates ("": none) make of a message that has none of its
 * own; their number.
 */
size_t list_unsubscribe_make(const char *text, const struct list_message *m,
    struct region *rg, struct list_field out[2]);
size_t feedback_id_make(const char *text, const struct list_message *m,
    struct region *rg, struct list_field *out);

#define FEEDBACK_ID_HEADER "Feedback-ID"

#endif
