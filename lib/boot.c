/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/boot.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"

static int
digit_of(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c == '\0' ? NULL : strchr(digits, c);

	return at == NULL ? -1 : (int)(at - digits);
}

bool
boot_id_parse(const char *text, unsigned char id[BOOT_ID])
{
	unsigned n = 0;

	memset(id, 0, BOOT_ID);
	for (; *text != '\0' && *text != '\n'; text++) {
		int d = digit_of(*text);

		if (*text == '-')
			continue;
		if (d == -1 || n == 2 * BOOT_ID)
			break;
		id[n / 2] = (unsigned char)(id[n / 2] << 4 | d);
		n++;
	}
	if (n == 2 * BOOT_ID && (*text == '\0' || *text == '\n'))
		return true;
	memset(id, 0, BOOT_ID);
	return false;
}

bool
boot_id(unsigned char id[BOOT_ID])
{
	char text[64] = "";
	int fd = open(BOOT_ID_FILE, O_RDONLY | O_CLOEXEC);

	if (fd != -1) {
		ssize_t n = read(fd, text, sizeof(text) - 1);

		text[n < 0 ? 0 : n] = '\0';
		(void)close(fd);
	}
	return boot_id_parse(text, id);
}
