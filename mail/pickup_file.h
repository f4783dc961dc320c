/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pickup_file - the form of a file in a pickup directory.
 *
 *	file    = head message
 *	head    = *( name ":" address eol )
 *	name    = "x-sender" / "x-sender-override" / "x-receiver"
 *
 * Names in any case, in any order, before the message's own header; x-envid,
 * x-job and x-virtual-mta may stand among them and are fields of the message.
 * Addresses are bare or in angle brackets; an empty x-sender is the null
 * sender, and x-sender-override counts above it.  Lines end in LF or CR LF.
 *
 * Pure; memory from the caller's region; any thread.
 */

#ifndef MAIL_PICKUP_FILE_H
#define MAIL_PICKUP_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "lib/mem.h"
#include "lib/str.h"

#define PICKUP_RCPTS_MAX 100000

struct pickup_file {
	const char *sender; /* "" is the null sender */
	size_t rcpt_count;
	const char **rcpts;
	bool utf8;       /* some address is not ASCII */
	struct buf text; /* the message, CRLF lines, dots doubled, no end */
};

/*
 * un_dot: the message has its dots doubled, and may end with a line of one
 * dot.  -1: no file of that form, and why.
 */
int pickup_file_read(struct slice file, bool un_dot, struct region *rg,
    struct pickup_file *f_r, struct err *e);
void pickup_file_fini(struct pickup_file *f);

/* The same for other recipients: a file that says so many of them. */
void pickup_file_again(struct slice file, const struct pickup_file *f,
    const size_t *which, size_t count, struct buf *out);

#endif
