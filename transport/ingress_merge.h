/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ingress_merge - a mail merge as it comes (mail/merge.h), from XMRG to its last
 * part; what is made of it then is receive_merge.c's.
 *
 *	XMRG (XDFN* RCPT)+ XPRT* XPRT LAST
 *
 * A definition is of the next recipient alone.  Where one was refused, so is
 * that recipient: nobody gets a text with a value missing.  All of it counts as
 * one message of max-msg-rate-in, and each recipient as one.
 *
 * XACK OFF: RCPT and XDFN get no reply; the first error among them is said at
 * the next DATA, BDAT or XPRT, and ends the transaction.  What a notification
 * can tell is none: a recipient in a suppression list is kept and ends before
 * its delivery; one whose address cannot be read bounces, as with
 * accept-invalid-recipients, where the client may send to anybody: his sender
 * is told of the text that was his.
 *
 * On the session's worker.
 */

#ifndef TRANSPORT_INGRESS_MERGE_H
#define TRANSPORT_INGRESS_MERGE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/str.h"
#include "mail/merge.h"
#include "mail/smtp_cmd.h"
#include "transport/ingress_priv.h"

enum {
	XDFN_LINE_MAX = 16384,             /* with its line end */
	MERGE_DEFINED_MAX = 500000,        /* definitions in all */
	MERGE_DEFINED_BYTES = 32 * 1048576 /* of their lines */
};

struct merge_part {
	struct buf text;
	bool sent, plain; /* plain: without variables */
};

/* What was defined for each of some recipients. */
struct merge_defined {
	struct merge_vars *v;
	size_t n;
};

struct ingress_merge {
	struct merge_vars *vars; /* of each recipient that was taken */
	size_t count;
	struct merge_defined refused, unparsed; /* those of the transaction */
	struct merge_vars next;                 /* of that to come; */
	bool failed;                            /* and not all of them are */
	size_t defined, defined_bytes;
	struct merge_part parts[MERGE_PARTS_MAX + 1]; /* by number */
	unsigned part, sent_count;
	bool last;        /* that is the last one */
	size_t parts_len; /* of those that were sent */
};

void ingress_merge_free(struct ingress_merge **mp);

/* Two lines of the answer to EHLO, if the client may use it. */
void ingress_offer_merge(struct ingress_session *s);

/* XMRG, of which MAIL has nothing: NULL, or why not; the transaction is open. */
const char *ingress_merge_refusal(const struct ingress_session *s,
    enum smtp_verb verb);
void ingress_merge_begin(struct ingress_session *s, enum smtp_verb verb);

/* RCPT comes too late, or lacks a definition; NULL: neither. */
const char *ingress_rcpt_refusal(const struct ingress_session *s);

enum ingress_state ingress_xack(struct ingress_session *s,
    const struct smtp_cmd *c);
enum ingress_state ingress_xdfn(struct ingress_session *s,
    const struct smtp_cmd *c);
enum ingress_state ingress_xprt(struct ingress_session *s,
    const struct smtp_cmd *c);

/* The text of a part is complete. */
enum ingress_state ingress_part_end(struct ingress_session *s);

/* A command that could not be read: a definition is missing, if it is XDFN. */
void ingress_merge_lacks(struct ingress_session *s, enum smtp_verb verb);

/* A command line, or how it begins; of XDFN a longer one than of others. */
enum smtp_line_result ingress_command_line(struct ingress_session *s,
    struct slice *line_r);

/* Around each command, and what follows from that. */
void ingress_hush(struct ingress_session *s, enum smtp_verb verb);
void ingress_unhush(struct ingress_session *s, enum smtp_verb verb);
/* Is that reply not said, but kept? */
bool ingress_is_hushed(struct ingress_session *s, const char *line, size_t len);
/* An error that was kept: said, and the transaction is over. */
bool ingress_say_late(struct ingress_session *s, enum ingress_state *next_r);

/* Octets of text that the transaction has so far. */
size_t ingress_text_len(const struct ingress_session *s);

#endif
