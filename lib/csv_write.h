/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csv_write - one cell of a comma separated file (RFC 4180): quoted only
 * where a comma, a quote or a line's end makes it necessary.
 */

#ifndef LIB_CSV_WRITE_H
#define LIB_CSV_WRITE_H

#include "lib/str.h"

void csv_cell(struct buf *out, struct slice text);

#endif
