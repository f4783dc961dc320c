/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/log_text.h"

#include <string.h>

/* Of the UTF-8 character at p (RFC 3629); 0: it is none. */
static size_t
utf8_len(const unsigned char *p)
{
	size_t n = *p >= 0xf0 ? 4 : *p >= 0xe0 ? 3 : 2;

	if (*p < 0xc2 || *p > 0xf4)
		return 0;
	if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) ||
	    (*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f))
		return 0;
	/* C1 controls: a terminal would obey them. */
	if (*p == 0xc2 && p[1] < 0xa0)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

static void
octal(struct buf *out, unsigned char c)
{
	const char text[4] = { '\\', (char)('0' + (c >> 6)),
		(char)('0' + ((c >> 3) & 7)), (char)('0' + (c & 7)) };

	buf_add(out, text, sizeof(text));
}

/* What cannot stand there; returns how many bytes of s that was. */
static size_t
escape(struct buf *out, const char *s, enum log_escape as)
{
	static const char letters[] = "\nn\rr\tt";
	size_t n;

	if (as == LOG_AS_POSTFIX) {
		n = utf8_len((const unsigned char *)s);
		if (n > 0)
			buf_add(out, s, n);
		else
			buf_byte(out, '?');
		return n > 0 ? n : 1;
	}
	for (const char *l = letters; *l != '\0'; l += 2)
		if (*s == *l) {
			buf_byte(out, '\\');
			buf_byte(out, l[1]);
			return 1;
		}
	octal(out, (unsigned char)*s);
	return 1;
}

static bool
is_plain(char c)
{
	return c >= ' ' && c <= '~';
}

/* stops: bytes that are escaped although they are printable. */
static void
add(struct buf *out, const char *s, size_t max, const char *stops,
    enum log_escape as)
{
	size_t begin = out->len;

	while (*s != '\0' && out->len - begin < max) {
		size_t n = 0;

		while (is_plain(s[n]) && strchr(stops, s[n]) == NULL &&
		    out->len - begin + n < max)
			n++;
		buf_add(out, s, n);
		s += n;
		if (*s == '\0' || out->len - begin >= max)
			break;
		if (is_plain(*s) && as == LOG_AS_POSTFIX) {
			buf_byte(out, '?');
			s++;
		} else {
			s += escape(out, s, as);
		}
	}
	if (*s != '\0')
		buf_str(out, "...");
}

void
log_text(struct buf *out, const char *s, size_t max, enum log_escape as)
{
	add(out, s, max, "", as);
}

void
log_address(struct buf *out, const char *s, enum log_escape as)
{
	add(out, s, LOG_ADDR_MAX, as == LOG_AS_POSTFIX ? "<>" : "<> ", as);
}

void
log_host(struct buf *out, const char *s, enum log_escape as)
{
	add(out, s, LOG_ADDR_MAX, " ,<>[]()", as);
}

void
log_stamp(struct buf *out, const struct tm *tm)
{
	static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May",
		"Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

	/* Not strftime(): the names must not follow the locale. */
	buf_printf(out, "%s %2d %02d:%02d:%02d ", months[tm->tm_mon],
	    tm->tm_mday, tm->tm_hour, tm->tm_min, tm->tm_sec);
}

bool
log_is_queue_id(const char *s)
{
	size_t n = strspn(s,
	    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-");

	return n >= 5 && n <= 32 && s[n] == '\0';
}

unsigned
log_cipher_bits(const char *cipher)
{
	return strstr(cipher, "128") != NULL ? 128 :
	    strstr(cipher, "DES") != NULL    ? 168 :
					       256;
}
