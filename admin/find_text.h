/* SPDX-License-Identifier: Apache-2.0 */
/*
 * find_text - cells of any origin as TSV, as XML or HTML, and on a terminal.
 *
 * What XML cannot hold becomes U+FFFD in XML and HTML, and in a cell that is
 * not UTF-8 every byte that is not ASCII.  Pure; any thread.
 */

#ifndef ADMIN_FIND_TEXT_H
#define ADMIN_FIND_TEXT_H

#include "lib/str.h"

/* Without control characters, which a terminal would obey. */
void find_text_shown(struct buf *out, struct slice s);

/* Tab, line end and backslash as \t, \n, \r, \\. */
void find_text_tsv(struct buf *out, struct slice s);

/* Between tags; also inside of quotes. */
void find_text_xml(struct buf *out, struct slice s);

/* The name of an element for a column: what cannot be in one becomes "_". */
char *find_text_element(struct slice column);

#endif
