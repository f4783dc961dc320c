/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suppress_load - the files that a suppression list names: its key, and its
 * addresses, whole.  At load of a configuration only.
 */

#ifndef VMTA_SUPPRESS_LOAD_H
#define VMTA_SUPPRESS_LOAD_H

#include <stdbool.h>

#include "lib/err.h"
#include "lib/str.h"

enum {
	SUPPRESS_KEY_MAX = 4096,      /* bytes */
	SUPPRESS_TEXT_MAX = 256 << 20 /* likewise: some ten million addresses */
};

/*
 * Appends the key: all bytes, but for a line break at the end of printable
 * ones.  open_r: every user can read or write the file.
 */
int suppress_key_load(const char *path, struct buf *key, bool *open_r,
    struct err *e);

/* Appends all of it. */
int suppress_text_load(const char *path, struct buf *text, struct err *e);

#endif
