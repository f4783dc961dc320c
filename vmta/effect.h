/* SPDX-License-Identifier: Apache-2.0 */
/*
 * effect - would a line take effect here, and is its value good?
 *
 * For those who write configuration (compat/): what the tables know of a
 * directive is asked of them, so that a directive that takes effect one day is
 * written from that day on.  Pure; any thread.
 */

#ifndef VMTA_EFFECT_H
#define VMTA_EFFECT_H

#include "lib/conf_known.h"
#include "lib/err.h"

enum effect {
	EFFECT_TAKES,
	EFFECT_NONE,     /* known, and does nothing (yet) */
	EFFECT_PROTECTS, /* does nothing yet, and to leave it out could harm */
	EFFECT_UNKNOWN,  /* no such directive there */
	EFFECT_WRONG     /* the value is not one of it */
};

/*
 * Of "name value" in a <block>, or at the top level for "".  Where it is not
 * EFFECT_TAKES, why says why.
 */
enum effect effect_of(const char *block, const char *name, const char *value,
    struct err *why);

/* What the tables have of a name in a <block>; NULL: nothing of that kind. */
struct effect_rows {
	const struct conf_directive *row;
	const struct conf_known *known;
	const struct conf_block *inner; /* a block of that name */
};

void effect_look_up(const char *block, const char *name,
    struct effect_rows *out);

#endif
