/* SPDX-License-Identifier: Apache-2.0 */
/*
 * header_work - which header fields go and which come, beside those of lists
 * and of signatures; all of it before anything is signed.
 *
 * Two parts.  What the <source> says, and what a submission server does (RFC
 * 6409 section 8), is the same for all recipients and is done at intake.  What
 * depends on the domain of the recipient or on the virtual MTA is a *wish*:
 * remove-header of <domain>, the fields of include-headers-from, X-Virtual-MTA,
 * a Date of delivery and the rewrite-list of the virtual MTA.  Where all recipients have the same wish it is
 * granted at intake, else at delivery, before the signatures are made there.
 *
 * Pure on a snapshot and a given time, but for the chance in a Message-ID.
 * Everything is in the caller's region or the snapshot's.  Any thread.
 */

#ifndef VMTA_HEADER_WORK_H
#define VMTA_HEADER_WORK_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/mem.h"
#include "mail/header.h"
#include "vmta/header_edit.h"
#include "vmta/header_later.h"
#include "vmta/policy.h"
#include "vmta/snapshot_headers.h"

/* ---- at intake -------------------------------------------------------------- */

/*
 * Not where the transport will do it again, or where no recipient is one of ours:
 * there only controls go.
 */
bool header_work_is_ours(const struct policy_in *in);

/* What the source says; by: of wishes. */
void header_work_source(const struct policy_in *in,
    const struct source_conf *source, struct region *rg,
    struct header_edit *edit, struct header_wish_by *by);

/* Do Received fields go, as the source says? */
bool header_work_drops_received(const struct source_conf *source);

/* ---- wishes ----------------------------------------------------------------- */

struct header_wish {
	struct conf_strs remove;
	struct header_levels include;
	const char *vmta;                /* X-Virtual-MTA; NULL: none */
	bool date;                       /* that of now, in place of any */
	const struct rewrite_list *from; /* rewrites it; NULL: nobody does */
};

/* For a domain, in lower case, by that virtual MTA; "" is {default}. */
void header_wish_find(const struct snapshot *conf,
    const struct header_wish_by *by, const char *domain, const char *vmta,
    struct header_wish *out);
bool header_wish_equal(const struct header_wish *a,
    const struct header_wish *b);
/* Can it be granted at delivery only? */
bool header_wish_is_late(const struct snapshot *conf,
    const struct header_wish *w);

/*
 * What can be done to all where not all wish it: what any of them wants removed
 * goes, what not all want to have does not come, From is that of the first.
 */
void header_wish_merge(struct header_wish *w, const struct header_wish *other,
    struct region *rg);

void header_wish_grant(const struct header_wish *w, int64_t now_s,
    struct region *rg, struct header_edit *edit);

/* No fewer octets than granting it has added to that header. */
size_t header_wish_room(const struct header_wish *w,
    const struct header_list *outgoing);

#endif
