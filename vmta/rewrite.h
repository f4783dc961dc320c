/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rewrite - what a <rewrite-list> makes of the envelope sender and of the
 * addresses in From.
 *
 *	mail-from A B             ; A, B: a@b, a@*, *@b, *@* or <>
 *	from-domain PATTERN DOMAIN
 *
 * The first row that fits an address is the only one that is used on it, and
 * what comes of it is looked up no more in this list.  A `*` of A fits any local
 * part or any domain, one of B leaves what was there; `*@*` fits every address
 * but the null sender, which is <>.  Without regard to case, quotes round a
 * local part and the script of a domain.  An address without a domain fits no
 * row.  PATTERN is a domain as in sender-domains.
 *
 * Of From each address that some reader may see is rewritten, in all fields of
 * that name; what cannot be read (mailbox_domains()), or not be folded when it got
 * too long, stays as it is.  Sender and Reply-To are nobody's business here.
 *
 * A list is the snapshot's: immutable, any thread.  Pure; results are in the
 * caller's region, or what was given.  A list that is NULL changes nothing.
 */

#ifndef VMTA_REWRITE_H
#define VMTA_REWRITE_H

#include <stdbool.h>

#include "lib/err.h"
#include "lib/mem.h"
#include "mail/header.h"
#include "vmta/header_edit.h"

struct rewrite_list;

/* ---- made at load -------------------------------------------------------------- */

struct rewrite_list *rewrite_list_new(struct region *rg);

/* Appends a row.  1: one before it takes all that it could.  -1: it is none. */
int rewrite_add_mail(struct rewrite_list *l, struct region *rg,
    const char *from, const char *to, struct err *e);
int rewrite_add_from(struct rewrite_list *l, struct region *rg,
    const char *pattern, const char *domain, struct err *e);

/* Has it a row about From? */
bool rewrite_is_about_from(const struct rewrite_list *l);

/* ---- used ----------------------------------------------------------------------- */

/* Without angle brackets, "" is the null sender. */
const char *rewrite_sender(const struct rewrite_list *l, const char *sender,
    struct region *rg);

/* The From fields that are left.  False: one had to stay as it is. */
bool rewrite_edit(const struct rewrite_list *l, struct region *rg,
    struct header_edit *edit);

/*
 * For who wants to know no more than what From will be: the header as it is,
 * or one of the first From field alone.
 */
const struct header_list *rewrite_from_seen(const struct rewrite_list *l,
    const struct header_list *headers, struct region *rg);

#endif
