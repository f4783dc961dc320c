/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf_file - a text file that a directive names, read whole at load.
 *
 * The loading thread only; the text is in the snapshot's region.
 */

#ifndef VMTA_CONF_FILE_H
#define VMTA_CONF_FILE_H

#include "lib/conf_types.h"
#include "lib/mem.h"
#include "lib/str.h"

struct conf_file_by {
	struct region *rg;
	struct conf_errors *errs;
	const char *directive; /* that names it */
	const char *file;      /* where that stands */
	unsigned line;
};

/* -1: said, as of conf_file_error(). */
int conf_file_read(const struct conf_file_by *by, const char *path,
    struct slice *text_r);

#endif
