/* SPDX-License-Identifier: Apache-2.0 */
/* A name is kept once, as long as somebody holds it. */
#include <stdio.h>

#include "tests/tap.h"
#include "vmta/names.h"

int
main(void)
{
	struct names n;
	uint32_t a, b, many[1000];
	bool right = true;
	char text[20];

	names_init(&n);
	is_int(names_hold(&n, ""), 0, "nothing is number 0");
	is_int(names_hold(&n, NULL), 0, "no text too");
	is_str(names_text(&n, 0), "", "which reads as nothing");
	a = names_hold(&n, "spring");
	b = names_hold(&n, "autumn");
	ok(a != 0 && b != 0 && a != b, "two names, two numbers");
	is_int(names_hold(&n, "spring"), a, "the same name, the same number");
	is_str(names_text(&n, b), "autumn", "the text of a number");
	names_drop(&n, a);
	is_str(names_text(&n, a), "spring", "one holder is left");
	names_drop(&n, a);
	is_int(names_hold(&n, "winter"), a, "its number is used again");
	is_str(names_text(&n, a), "winter", "for the other name");
	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(text, sizeof(text), "job%u", i);
		many[i] = names_hold(&n, text);
	}
	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(text, sizeof(text), "job%u", i);
		right = right && strcmp(names_text(&n, many[i]), text) == 0;
		names_drop(&n, many[i]);
	}
	ok(right, "a thousand keep apart");
	names_drop(&n, a);
	names_drop(&n, b);
	names_drop(&n, 0);
	names_fini(&n);
	return done_testing();
}
