/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suppress_input - what is to go into a suppression list, or out of it, as
 * text: rows, one after the other, each with the number of its line.
 *
 *	lines   an address or a digest each
 *	csv     a head line with the names of the columns, in any order and case:
 *	        address or digest, and any of reason, source, created, expires;
 *	        a cell may be quoted (RFC 4180), with no line break in it
 *
 * A byte order mark, empty lines and those that begin with # mean nothing: an
 * address that does is to be quoted ("#bob"@example.com).  A last line need not
 * have an end.
 *
 * A row that is wrong says why and the next one follows; only a head line that
 * is wrong, and an input that fails, are the end.  What is not among these
 * columns is an error, so that no misspelt `expires` becomes a row for ever.
 * Slices are borrowed until the next row.  Belongs to one thread.
 */

#ifndef MAIL_SUPPRESS_INPUT_H
#define MAIL_SUPPRESS_INPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/input.h"
#include "lib/mem.h"
#include "lib/str.h"
#include "mail/suppress_hasher.h"
#include "mail/suppress_norm.h"

/* `most` of the input: a longer line is wrong. */
#define SUPPRESS_INPUT_WINDOW ((size_t)256 * 1024)

#define SUPPRESS_FOREVER INT64_MAX /* of expires_s */

enum { SUPPRESS_NOTE_MAX = 200 }; /* bytes of a reason or source */

struct suppress_row {
	uint64_t line; /* from 1 */
	struct slice subject;
	struct slice reason, source;  /* as they stand; empty: not given */
	int64_t created_s, expires_s; /* wall clock; 0: not given */
	const char *wrong;            /* NULL: it is well formed */
};

enum suppress_next { SUPPRESS_ROW, SUPPRESS_END, SUPPRESS_FAILED };

struct suppress_input;

/* in is borrowed; now_s is the wall clock that intervals count from. */
struct suppress_input *suppress_input_new(struct input *in, bool csv,
    int64_t now_s);
void suppress_input_free(struct suppress_input **sp);

enum suppress_next suppress_input_next(struct suppress_input *s,
    struct suppress_row *row_r, struct err *e);

/*
 * When an entry ends: "30d" from now, a time (lib/iso_time.h; a date is its
 * midnight, UTC), or "never".  What is not after now is refused.
 */
int suppress_until(struct slice text, int64_t now_s, int64_t *until_s_r,
    struct err *e);

/*
 * The digest that stands for it in a list.  Without an @ it is one already,
 * which a plain list does not take: its own are made with a secret of ours.
 */
int suppress_subject(struct suppress_hasher *h, struct slice subject,
    struct region *rg, unsigned char digest[SUPPRESS_DIGEST_MAX],
    struct err *e);

/*
 * A reason or source as it is kept: UTF-8 without controls, cut at its most,
 * and "***" for each word with an @: a list holds no address.
 */
const char *suppress_note(struct region *rg, struct slice text);

#endif
