/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ex_case - a plan for an Exim as text; header only, for the tests of set-up.
 */

#ifndef TESTS_UNIT_EX_CASE_H
#define TESTS_UNIT_EX_CASE_H

#include <stdbool.h>

#include "compat/exim/ex_setup.h"
#include "lib/str.h"

/* refused: its refusals alone. */
static inline void
ex_case_print(const struct host_plan *p, bool refused, struct buf *out)
{
	for (size_t i = 0; i < p->refusals.n; i++)
		buf_printf(out, "no: %s\n", p->refusals.v[i]);
	for (size_t i = 0; i < p->notes.n && !refused; i++)
		buf_printf(out, "note: %s\n", p->notes.v[i]);
	for (size_t i = 0; i < p->count && !refused; i++)
		buf_printf(out, "%s %s = %s",
		    p->changes[i].kind == EX_TEXT ? "text" : "file",
		    p->changes[i].name, p->changes[i].value);
}

#endif
