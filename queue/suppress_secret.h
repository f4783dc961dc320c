/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suppress_secret - the key of PLAIN suppression lists (mail/suppress_norm.h):
 * 32 random bytes in the file "secret" of suppression-dir, mode 0600.
 *
 * Made once by mailraced; whoever loses it loses all PLAIN lists, since nothing
 * in them can be found again without it.
 */

#ifndef QUEUE_SUPPRESS_SECRET_H
#define QUEUE_SUPPRESS_SECRET_H

#include <stdbool.h>

#include "lib/err.h"

enum { SUPPRESS_SECRET_LEN = 32 };

/* found_r: there is one; -1: it cannot be read, or is none. */
int suppress_secret_read(const char *dir,
    unsigned char secret[SUPPRESS_SECRET_LEN], bool *found_r, struct err *e);

/* Reads it, or makes one that is durable when this returns. */
int suppress_secret_get(const char *dir,
    unsigned char secret[SUPPRESS_SECRET_LEN], struct err *e);

#endif
