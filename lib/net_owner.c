/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/net_owner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "0A" is TCP_LISTEN; the columns, blanks between them. */
enum { LOCAL = 1, STATE = 3, UID = 7, COLUMNS };

enum { PLACE_TEXT = 40 };

/* As the kernel has it: words in the order of this machine, in hexadecimal. */
static void
place(const uint8_t *a, size_t len, uint16_t port, char out[PLACE_TEXT])
{
	uint32_t word;
	size_t n = 0;

	for (size_t i = 0; i < len; i += sizeof(word)) {
		memcpy(&word, a + i, sizeof(word));
		n += (size_t)snprintf(out + n, PLACE_TEXT - n, "%08X", word);
	}
	(void)snprintf(out + n, PLACE_TEXT - n, ":%04X", (unsigned)port);
}

static bool
is_row(char *line, const char *where, uid_t *uid_r)
{
	char *column[COLUMNS], *rest = NULL;

	for (size_t i = 0; i < COLUMNS; i++) {
		column[i] = strtok_r(i == 0 ? line : NULL, " ", &rest);
		if (column[i] == NULL)
			return false;
	}
	*uid_r = (uid_t)strtoul(column[UID], NULL, 10);
	return strcmp(column[LOCAL], where) == 0 &&
	    strcmp(column[STATE], "0A") == 0;
}

static int
look(const char *table, const char *where, uid_t *uid_r, struct err *e)
{
	FILE *f = fopen(table, "re");
	char *line = NULL;
	size_t cap = 0;
	int rc = 0;

	if (f == NULL)
		return err_sys(e, "%s", table);
	while (rc == 0 && getline(&line, &cap, f) != -1)
		rc = is_row(line, where, uid_r) ? 1 : 0;
	if (rc == 0 && ferror(f) != 0)
		rc = err_sys(e, "%s", table);
	free(line);
	(void)fclose(f);
	return rc;
}

/* Who is bound to the address itself comes before who takes any. */
int
net_owner(const struct net_addr *a, uint16_t port, uid_t *uid_r, struct err *e)
{
	static const char *const tables[] = { "/proc/net/tcp",
		"/proc/net/tcp6" };
	const bool v4 = a->family == AF_INET;
	struct net_addr six = *a;
	const uint8_t any[16] = { 0 };
	char where[PLACE_TEXT];
	int rc = 0;

	if (v4) {
		six = (struct net_addr){ AF_INET6, { [10] = 0xff, 0xff } };
		memcpy(six.a + 12, a->a, 4);
	}
	for (size_t i = v4 ? 0 : 1; i < 2 && rc == 0; i++) {
		const size_t len = i == 0 ? 4 : 16;

		if (i == 1 && access(tables[1], F_OK) != 0)
			break; /* a kernel without IPv6 */
		place(i == 0 ? a->a : six.a, len, port, where);
		rc = look(tables[i], where, uid_r, e);
		if (rc == 0) {
			place(any, len, port, where);
			rc = look(tables[i], where, uid_r, e);
		}
	}
	return rc;
}
