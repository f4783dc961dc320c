/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that differ in addresses, hosts and ids only become the same. */
#include "admin/stats_diag.h"

#include "tests/tap.h"

static const struct {
	const char *label, *diag, *want;
} cases[] = {
	{ "nothing", "", "" },
	{ "codes stay, the address goes",
	    "smtp;550 5.1.1 <bob@gmail.example>: Recipient address rejected: "
	    "User unknown",
	    "smtp;550 5.1.1 <*>: Recipient address rejected: User unknown" },
	{ "an id goes",
	    "smtp;550-5.7.26 Unauthenticated, q12-20020a170902.8 - gsmtp",
	    "smtp;550-5.7.26 Unauthenticated, * - gsmtp" },
	{ "host and IP address go",
	    "smtp;554 mx1.example.net [192.0.2.7] listed, see ip=2001:db8::1",
	    "smtp;554 * [*] listed, see ip=*:*::*" },
	{ "a port is no code", "421 4.7.0 port 25000, 4.7 4.7.0.1 9.1.1",
	    "421 4.7.0 port *, * * *" },
	{ "other numbers go", "552 over 1024 of 99 k (150 250)",
	    "552 over * of * k (* 250)" },
	{ "our own reasons", "x-pmta;bounce-queue", "x-pmta;bounce-queue" },
	{ "a folded answer is one line", "smtp;451 try\r\n later",
	    "smtp;451 try   later" },
};

static const char *
diag(const char *text, char out[STATS_DIAG_MAX + 1])
{
	out[stats_diag(slice_of(text), out)] = '\0';
	return out;
}

/* What is too long ends with a whole character. */
static void
test_long(void)
{
	char text[STATS_DIAG_MAX + 8], out[STATS_DIAG_MAX + 1];
	size_t len = STATS_DIAG_MAX - 1;

	memset(text, 'x', len);
	memcpy(text + len, "\xc3\xa4y", 4);
	is_int((int64_t)strlen(diag(text, out)), (int64_t)len,
	    "half a character is left out");
	memset(text, 'x', STATS_DIAG_MAX);
	text[STATS_DIAG_MAX] = '\0';
	is_int((int64_t)strlen(diag(text, out)), STATS_DIAG_MAX,
	    "as much as there is room for");
}

int
main(void)
{
	char out[STATS_DIAG_MAX + 1];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		is_str(diag(cases[i].diag, out), cases[i].want, cases[i].label);
	test_long();
	return done_testing();
}
