/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/header_later.h"

#define LATER_WISHES 'e'
#define LATER_VMTA 'v'
#define LATER_DATE 'd'
#define LATER_TRACE 't'
#define TRACE_MAX 2

const char *
header_later_text(const struct header_later *later, const char *signing,
    struct region *rg)
{
	char letters[6];
	size_t n = 0;

	if (later->wishes)
		letters[n++] = LATER_WISHES;
	if (later->by.add_vmta)
		letters[n++] = LATER_VMTA;
	if (later->by.date)
		letters[n++] = LATER_DATE;
	for (unsigned i = 0; i < later->trace && i < TRACE_MAX; i++)
		letters[n++] = LATER_TRACE;
	letters[n] = '\0';
	return REGION_JOIN(rg, letters, signing);
}

size_t
header_later_read(const char *text, struct header_later *out)
{
	size_t n = 0;

	*out = (struct header_later){ .wishes = false };
	for (;; n++)
		switch (text[n]) {
		case LATER_WISHES:
			out->wishes = true;
			break;
		case LATER_VMTA:
			out->by.add_vmta = true;
			break;
		case LATER_DATE:
			out->by.date = true;
			break;
		case LATER_TRACE:
			if (out->trace < TRACE_MAX)
				out->trace++;
			break;
		default:
			return n;
		}
}
