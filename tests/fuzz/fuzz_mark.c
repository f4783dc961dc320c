/* SPDX-License-Identifier: Apache-2.0 */
/* A mark that is believed is one that we could have made; junk is none. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/check.h"
#include "mail/mark.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The corpus was made with 32 times 'k'. */
static struct mark_key *
the_key(void)
{
	static struct mark_key *key;
	char path[] = "/tmp/mailrace-fuzz-XXXXXX", text[MARK_KEY_MIN];
	struct err e;
	int fd;

	if (key != NULL)
		return key;
	memset(text, 'k', sizeof(text));
	fd = mkstemp(path);
	CHECK(
	    fd != -1 && write(fd, text, sizeof(text)) == (ssize_t)sizeof(text));
	(void)close(fd);
	CHECK(mark_key_read(path, &key, &e) == 0);
	(void)unlink(path);
	return key;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct region *rg = region_new();
	char *value = region_strndup(rg, (const char *)data, size);
	struct mark m, again;

	if (mark_read(the_key(), value, rg, &m))
		CHECK(mark_read(the_key(), mark_make(the_key(), &m, rg), rg,
			  &again) &&
		    strcmp(m.sender, again.sender) == 0 &&
		    (m.later == NULL) == (again.later == NULL) &&
		    (m.later == NULL || strcmp(m.later, again.later) == 0) &&
		    strcmp(m.job, again.job) == 0);
	region_free(&rg);
	return 0;
}
