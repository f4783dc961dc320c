/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ex_cat - a queued message as `exim -Mvh' prints it: as it is in Exim's file of
 * envelope and header, each field behind its length and the letter of its kind.
 *
 * What Exim alone knows (trees of who has it, variables) is not there.  Pure; any
 * thread.
 */

#ifndef COMPAT_EXIM_EX_CAT_H
#define COMPAT_EXIM_EX_CAT_H

#include <stdint.h>

#include "lib/str.h"

struct ex_cat {
	const char *id;     /* as it was asked for */
	const char *sender; /* "": the null sender */
	const char *user;   /* who had signed in, or "" */
	int64_t arrival_s;
	size_t rcpt_count;
	struct slice rcpts; /* a line each: ex_cat_rcpt() */
};

void ex_cat_rcpt(const char *address, struct buf *out);

void ex_cat_envelope(const struct ex_cat *m, struct buf *out);
/* Lines as this host has them, without the one that ends the header. */
void ex_cat_header(struct slice header, struct buf *out);

#endif
