/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf_print - a bound value as the grammar writes it: what is printed here may
 * be pasted into a file, and binds to the same value.
 *
 * Types that add up take a line for each item (none: one line, `""`), all
 * others one line.  A "#" cannot be written in PowerMTA's grammar; no bound
 * value has one.  Pure; any thread.
 */

#ifndef LIB_CONF_PRINT_H
#define LIB_CONF_PRINT_H

#include <stddef.h>

#include "lib/conf_bind.h"

/* How many lines the value takes; at least 1. */
size_t conf_print_lines(const struct conf_directive *row, const void *field);

/* Appends what stands behind the name in that line, from 0. */
void conf_print(const struct conf_directive *row, const void *field,
    size_t line, struct buf *out);

#endif
