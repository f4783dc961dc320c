/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/dns_name.h"

#include <idn2.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "lib/str.h"

/* Longer than any name that could come out well, U-labels included. */
#define INPUT_MAX 1024
#define LABEL_MAX 63

static bool
is_ascii(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s >= 0x80)
			return false;
	return true;
}

/* Letters of lower case, digits, hyphen, underscore. */
static bool
is_name_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
	    c == '_';
}

static bool
is_shown_byte(char c)
{
	return c > ' ' && c < 0x7f && c != '.';
}

static bool
has_good_labels(const char *s, bool (*is_good)(char c))
{
	size_t len = 0;

	for (; *s != '\0'; s++) {
		if (*s == '.') {
			if (len == 0)
				return false;
			len = 0;
		} else if (!is_good(*s) || ++len > LABEL_MAX) {
			return false;
		}
	}
	return len > 0;
}

static int
take_ascii(const char *name, bool (*is_good)(char c), char out[DNS_NAME_CAP])
{
	size_t len = strlen(name);

	if (len > 0 && name[len - 1] == '.')
		len--;
	if (len >= DNS_NAME_CAP)
		return -1;
	memcpy(out, name, len);
	out[len] = '\0';
	str_lower(out);
	return has_good_labels(out, is_good) ? 0 : -1;
}

static int
clean(const char *name, bool (*is_good)(char c), char out[DNS_NAME_CAP])
{
	char *ascii = NULL;
	int rc;

	out[0] = '\0';
	if (strlen(name) > INPUT_MAX)
		return -1;
	/* Pure ASCII goes as it is: IDNA would refuse names that exist. */
	if (is_ascii(name))
		return take_ascii(name, is_good, out);
	rc = idn2_to_ascii_8z(name, &ascii,
	    IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	if (rc != IDN2_OK)
		return -1;
	rc = take_ascii(ascii, is_good, out);
	idn2_free(ascii);
	return rc;
}

int
dns_name_clean(const char *name, char out[DNS_NAME_CAP])
{
	return clean(name, is_name_byte, out);
}

int
dns_name_clean_any(const char *name, char out[DNS_NAME_CAP])
{
	return clean(name, is_shown_byte, out);
}
