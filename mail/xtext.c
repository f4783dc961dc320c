/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/xtext.h"

#include "mail/addr.h"

/* RFC 6533 lets UTF-8 stand for itself. */
bool
xtext_is_valid(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '+') {
			if (s.len - i < 3 || str_hex_digit(s.p[i + 1]) < 0 ||
			    str_hex_digit(s.p[i + 2]) < 0)
				return false;
			i += 2;
		} else if ((s.p[i] & 0x80) == 0 &&
		    (s.p[i] < '!' || s.p[i] > '~' || s.p[i] == '=')) {
			return false;
		}
	}
	return addr_utf8_valid(s);
}

const char *
xtext_decode(struct slice s, struct region *rg)
{
	size_t n = 0;
	char *out;

	if (!xtext_is_valid(s))
		return NULL;
	out = region_alloc(rg, s.len + 1);
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '+') {
			out[n] = (char)(16 * str_hex_digit(s.p[i + 1]) +
			    str_hex_digit(s.p[i + 2]));
			if (out[n] == '\0')
				return NULL;
			i += 2;
		} else {
			out[n] = s.p[i];
		}
		n++;
	}
	out[n] = '\0';
	return out;
}

const char *
xtext_encode(const char *s, size_t max, struct region *rg)
{
	static const char hex[] = "0123456789ABCDEF";
	char *out = region_alloc(rg, max + 1);
	size_t n = 0;

	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;
		bool plain = c >= '!' && c <= '~' && c != '+' && c != '=';

		if (n + (plain ? 1 : 3) > max)
			break;
		if (plain) {
			out[n++] = (char)c;
			continue;
		}
		out[n++] = '+';
		out[n++] = hex[c >> 4];
		out[n++] = hex[c & 15];
	}
	out[n] = '\0';
	return out;
}
