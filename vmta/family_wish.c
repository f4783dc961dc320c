/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/family_wish.h"

#include <string.h>
#include <sys/socket.h>

struct family_wish
family_wish(const struct queue_conf *c)
{
	static const struct {
		const char *word;
		struct family_wish wish;
	} words[] = {
		{ "ipv4", { AF_INET, true } },
		{ "ipv6", { AF_INET6, true } },
		{ "prefer-ipv4", { AF_INET, false } },
		{ "prefer-ipv6", { AF_INET6, false } },
	};
	static const struct family_wish any;
	const char *word = c->address_family;

	if (word[0] == 'a') /* "any": nearly always */
		return any;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(word, words[i].word) == 0)
			return words[i].wish;
	return any;
}

bool
family_allowed(const struct queue_conf *c, uint8_t family)
{
	struct family_wish wish = family_wish(c);

	return !wish.only || family == 0 || family == wish.family;
}
