/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import_result - what must be true of all that an importer makes, for its fuzz
 * target.  Header only.
 */

#ifndef TESTS_FUZZ_IMPORT_RESULT_H
#define TESTS_FUZZ_IMPORT_RESULT_H

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/check.h"
#include "vmta/snapshot.h"

/* Neither the configuration nor the report has a control character. */
static inline void
import_result_is_plain(const struct buf *text)
{
	for (size_t i = 0; i < text->len; i++)
		CHECK((unsigned char)text->p[i] >= ' ' || text->p[i] == '\n');
}

/* It can be loaded; what it lacks on this host is no mistake. */
static inline void
import_result_loads(const struct buf *text)
{
	struct conf_errors errs = { .portable = true };
	int fd = memfd_create("result", MFD_CLOEXEC);
	struct snapshot *conf;
	char path[40];

	CHECK(fd != -1 &&
	    (text->len == 0 ||
		write(fd, text->p, text->len) == (ssize_t)text->len));
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	conf = snapshot_load(path, &errs);
	for (size_t i = 0; i < errs.n; i++)
		if (!errs.v[i].warning)
			(void)fprintf(stderr, "%s\n", errs.v[i].text);
	CHECK(conf != NULL);
	(void)close(fd);
	conf_errors_fini(&errs);
	snapshot_unref(&conf);
}

#endif
