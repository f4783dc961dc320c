/* SPDX-License-Identifier: Apache-2.0 */
/*
 * header_later - what is said of a message, in its mark and its envelope, to whom
 * makes it ready at delivery: letters in front of the text of vmta/signing.h.
 *
 * Pure; any thread.
 */

#ifndef VMTA_HEADER_LATER_H
#define VMTA_HEADER_LATER_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/mem.h"

/* What the source adds to the wishes of header_work.h. */
struct header_wish_by {
	bool add_vmta, date;
};

struct header_later {
	bool wishes; /* they are granted at delivery */
	struct header_wish_by by;
	unsigned trace; /* so many fields on top are ours, 2 at most */
};

const char *header_later_text(const struct header_later *later,
    const char *signing, struct region *rg);
/* How many letters there were: the rest is signing's. */
size_t header_later_read(const char *text, struct header_later *out);

#endif
