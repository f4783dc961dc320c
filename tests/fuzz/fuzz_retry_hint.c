/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever a server says, the time found in it is within its bounds, and the
 * same text in capitals names the same.
 */
#include <stdlib.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "mail/retry_hint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = mem_strndup((const char *)data, size);
	int64_t us = 0, again = 0;
	bool found = retry_hint(text, &us);

	CHECK(found == (us != 0));
	CHECK(!found ||
	    (us >= RETRY_HINT_MIN_S * US_PER_S &&
		us <= RETRY_HINT_MAX_S * US_PER_S));
	for (char *p = text; *p != '\0'; p++)
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
	CHECK(retry_hint(text, &again) == found && again == us);
	free(text);
	return 0;
}
