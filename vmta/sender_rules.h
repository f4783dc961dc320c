/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sender_rules - who may send as whom: allow-sender, deny-sender,
 * sender-domains, require-from-alignment and require-signature-alignment of the
 * <source> that a message comes from and of its <smtp-user>.  Where both speak,
 * both hold.
 *
 * Of the envelope, at MAIL: deny-sender first, then allow-sender, whatever
 * their order; then sender-domains, in which the null sender is always.
 *
 * Of the header, at the end of data, where there is any rule: From is there
 * once at most.  Where a rule is about it, it has an address, can be read
 * (mailbox_domains(): no address hides in it), and all of its addresses obey;
 * for sender-domains those in Sender, too.  Display names, Reply-To and
 * Resent-* are not looked at: a message that is resent is still from who wrote
 * it, which is for the rules to allow.
 *
 * Aligned, relaxed: one of the two domains is the other or above it, and has
 * at least two labels.  There is no list of public suffixes here, so two
 * domains that only have an organization in common are not aligned, which
 * DMARC (RFC 7489) would say they are.  The null sender is aligned with
 * nothing, unless an allow-sender of the same block names it.
 *
 * Not judged at all is what the host MTA itself sends with the null sender: its
 * notifications, which would be lost (policy.h).  Programs of the host can take
 * the null sender, too, so MAILER-DAEMON has to be who wrote it.
 *
 * Pure; any thread.
 */

#ifndef VMTA_SENDER_RULES_H
#define VMTA_SENDER_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "lib/mem.h"
#include "mail/header.h"
#include "vmta/signing.h"
#include "vmta/snapshot.h"

/* ---- patterns ------------------------------------------------------------- */

/*
 *	<>              the null sender
 *	/REGEX/         the address as it was given, or its plain form
 *	LOCAL@DOMAIN, @DOMAIN, DOMAIN
 *
 * with wildcards (lib/glob.h) on either side of the '@', never over it; a
 * DOMAIN alone also as [*.]DOMAIN, it and all below.  Without regard to case.
 * The plain form: no quotes round the local part, the domain as A-labels.
 */
struct sender_patterns;

/* To be freed; each error is told with the number of its pattern. */
struct sender_patterns *sender_patterns_new(void);
int sender_patterns_add(struct sender_patterns *p, const char *text,
    struct err *e);
void sender_patterns_free(struct sender_patterns **pp);

/* The address without angle brackets, "" for the null sender. */
bool sender_patterns_fit(const struct sender_patterns *p, const char *address,
    struct region *rg);

/*
 * Its plain form: the local part without its quotes, which say nothing (RFC 5321
 * section 4.1.2: "Joe" is Joe), and the domain as all others have it.
 */
const char *sender_plain(const char *address, struct region *rg);

/*
 * Does `by` fit all that the other one fits?  May say no where a closer look
 * would say yes.
 */
bool sender_pattern_covers(const char *by, const char *other);

/* As sender-domains has it; the domain in lower case, A-labels. */
bool sender_domain_fits(const char *pattern, const char *domain);
/* That of the pattern in the same form; -1: it is none. */
int sender_domain_pattern(const char *text, struct region *rg,
    const char **pattern_r, struct err *e);

/* Is it from a MAILER-DAEMON, as notifications of all host MTAs are? */
bool sender_is_notice(const struct header_list *headers, struct region *rg);

/* ---- rules ---------------------------------------------------------------- */

enum sender_fault {
	SENDER_FINE,
#define F(name, word, text) SENDER_##name,
#include "vmta/sender_fault.def"
#undef F
	SENDER_FAULTS
};

const char *sender_fault_word(enum sender_fault f);
const char *sender_fault_text(enum sender_fault f);

enum sender_alignment { ALIGN_NOT, ALIGN_RELAXED, ALIGN_STRICT };

bool sender_is_aligned(enum sender_alignment how, const char *a, const char *b);

/* Of one block; all is the snapshot's. */
struct sender_rule {
	const struct sender_patterns *allow, *deny; /* NULL: none */
	struct conf_strs domains;
	enum sender_alignment from, signature;
};

struct sender_rules {
	size_t n; /* of blocks that say anything */
	struct sender_rule v[2];
};

/* user NULL: there is none. */
void sender_rules_of(const struct source_conf *source,
    const struct user_conf *user, struct sender_rules *out);

/* Of the envelope alone: as above. */
enum sender_fault sender_rules_mail(const struct sender_rules *r,
    const char *address, struct region *rg);

/* Of envelope and header. */
enum sender_fault sender_rules_header(const struct sender_rules *r,
    const char *address, const struct header_list *headers, struct region *rg);

/* Does it matter who signs?  Then of each signing that recipients get: */
bool sender_rules_want_signature(const struct sender_rules *r);
bool sender_rules_signed(const struct sender_rules *r,
    const struct header_list *headers, const struct signing *s,
    struct region *rg);

#endif
