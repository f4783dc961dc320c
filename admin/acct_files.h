/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acct_files - which accounting files a command reads, and in which order.
 *
 * Those that are named, as they are named, where the path of an acct-file that
 * is no file itself stands for all of its files; or, without any, those of all
 * acct-files.  An acct-file has PATH itself (of version 0.1), and beside it and
 * in move-to the dated ones (mail/acct_name.h), oldest first: by the time of
 * the first row, whatever the names say.  One thread.
 */

#ifndef ADMIN_ACCT_FILES_H
#define ADMIN_ACCT_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "admin/ctl_parse.h"
#include "lib/mem.h"
#include "mail/acct_name.h"
#include "vmta/places.h"

struct acct_file {
	const char *path;  /* "-": standard input */
	const char *moved; /* where it may be moved to meanwhile, or NULL */
	bool named;        /* on the command line: it has to be there */
	bool stream;       /* there is no telling how long it is */
	uint64_t size;
	struct acct_name name; /* of one that is not named */
	int64_t first_s; /* when its first row was logged, or the file made */
	/* Of its first header, or of the first JSON lines; not of a stream. */
	const char **names;
	size_t columns;
	dev_t dev;
	ino_t ino;
};

struct acct_files {
	struct region *rg;
	struct acct_file *v;
	size_t n, cap;
};

/*
 * Files without a row since not_before_s are left out; INT64_MIN: none, and
 * named ones never.  -1: there is no telling which, and it was said why.
 */
int acct_files_find(const struct ctl_options *opt, int64_t not_before_s,
    struct acct_files *out);
/* Those of one acct-file; as for acct_files_find(). */
int acct_files_of(const struct place_acct *a, struct acct_files *out);

void acct_files_fini(struct acct_files *f);

#endif
