/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/proxy_proto.h"

#include <stdbool.h>
#include <string.h>

static const char signature[12] = { 0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A,
	0x51, 0x55, 0x49, 0x54, 0x0A };

enum {
	FIXED = 16, /* bytes of version 2 before the addresses */
	COMMAND_LOCAL = 0x20,
	COMMAND_PROXY = 0x21,
	TCP4 = 0x11,
	TCP6 = 0x21,
	TCP4_LEN = 12,
	TCP6_LEN = 36
};

static enum proxy_result
done(struct proxy_header *h, size_t len)
{
	net_addr_unmap(&h->client);
	net_addr_unmap(&h->local);
	h->len = len;
	return PROXY_DONE;
}

/* ---- version 1 ----------------------------------------------------------- */

/* Up to one blank, which is there; what is left of the line behind it. */
static bool
next_word(struct slice *rest, struct slice *word_r)
{
	const char *blank = memchr(rest->p, ' ', rest->len);

	*word_r = *rest;
	if (blank != NULL)
		word_r->len = (size_t)(blank - rest->p);
	rest->p += word_r->len;
	rest->len -= word_r->len;
	if (rest->len > 0) {
		rest->p++;
		rest->len--;
	}
	return word_r->len > 0;
}

static bool
take_addr(struct slice *rest, int family, struct net_addr *a_r)
{
	struct slice word;
	struct err e;

	return next_word(rest, &word) && net_addr_parse(word, a_r, &e) == 0 &&
	    a_r->family == family;
}

static bool
take_port(struct slice *rest, uint16_t *port_r)
{
	struct slice word;
	uint64_t port;
	struct err e;

	if (!next_word(rest, &word) || word.len > 5 ||
	    (word.len > 1 && word.p[0] == '0') ||
	    str_to_u64(word, &port, &e) == -1 || port > UINT16_MAX)
		return false;
	*port_r = (uint16_t)port;
	return true;
}

/* "PROXY" SP ("TCP4" / "TCP6") SP source SP destination SP port SP port */
static enum proxy_result
read_line(struct slice line, size_t len, struct proxy_header *h)
{
	struct slice rest = line, word;
	int family;

	if (!next_word(&rest, &word) || !slice_eq(word, "PROXY") ||
	    !next_word(&rest, &word))
		return PROXY_BAD;
	if (slice_eq(word, "UNKNOWN")) { /* the rest of it is ignored */
		h->whose = PROXY_UNKNOWN;
		return done(h, len);
	}
	if (slice_eq(word, "TCP4"))
		family = AF_INET;
	else if (slice_eq(word, "TCP6"))
		family = AF_INET6;
	else
		return PROXY_BAD;
	if (!take_addr(&rest, family, &h->client) ||
	    !take_addr(&rest, family, &h->local) ||
	    !take_port(&rest, &h->client_port) ||
	    !take_port(&rest, &h->local_port) || rest.len > 0 ||
	    line.p[line.len - 1] == ' ')
		return PROXY_BAD;
	h->whose = PROXY_CLIENT;
	return done(h, len);
}

static enum proxy_result
read_v1(struct slice in, struct proxy_header *h)
{
	struct slice line = { in.p,
		in.len < PROXY_LINE_MAX ? in.len : PROXY_LINE_MAX };
	const char *end = memchr(line.p, '\r', line.len);
	const char *lf = memchr(line.p, '\n', line.len);

	if (end == NULL)
		return lf != NULL || line.len == PROXY_LINE_MAX ? PROXY_BAD :
								  PROXY_MORE;
	line.len = (size_t)(end - line.p);
	if (line.len + 2 > PROXY_LINE_MAX || (lf != NULL && lf != end + 1))
		return PROXY_BAD;
	if (in.len < line.len + 2)
		return PROXY_MORE;
	if (lf == NULL)
		return PROXY_BAD;
	return read_line(line, line.len + 2, h);
}

/* ---- version 2 ----------------------------------------------------------- */

static uint16_t
get_u16(const char *p)
{
	return (uint16_t)((unsigned char)p[0] << 8 | (unsigned char)p[1]);
}

static void
get_addresses(const char *p, int family, struct proxy_header *h)
{
	size_t n = family == AF_INET ? 4 : 16;

	h->whose = PROXY_CLIENT;
	h->client.family = h->local.family = family;
	memcpy(h->client.a, p, n);
	memcpy(h->local.a, p + n, n);
	h->client_port = get_u16(p + 2 * n);
	h->local_port = get_u16(p + 2 * n + 2);
}

static enum proxy_result
read_v2(struct slice in, struct proxy_header *h)
{
	unsigned char command, kind;
	size_t len;

	if (in.len < FIXED)
		return PROXY_MORE;
	command = (unsigned char)in.p[12];
	kind = (unsigned char)in.p[13];
	len = get_u16(in.p + 14);
	if ((command != COMMAND_LOCAL && command != COMMAND_PROXY) ||
	    FIXED + len > PROXY_BINARY_MAX)
		return PROXY_BAD;
	/* Families and protocols that there are: the rest is no header. */
	if (command == COMMAND_PROXY && (kind >> 4 > 3 || (kind & 0xf) > 2))
		return PROXY_BAD;
	if (in.len < FIXED + len)
		return PROXY_MORE;
	h->whose = command == COMMAND_LOCAL ? PROXY_OWN : PROXY_UNKNOWN;
	if (command == COMMAND_PROXY && (kind == TCP4 || kind == TCP6)) {
		if (len < (kind == TCP4 ? TCP4_LEN : TCP6_LEN))
			return PROXY_BAD;
		get_addresses(in.p + FIXED, kind == TCP4 ? AF_INET : AF_INET6,
		    h);
	}
	return done(h, FIXED + len);
}

enum proxy_result
proxy_proto_read(struct slice in, struct proxy_header *h_r)
{
	static const char word[6] = { 'P', 'R', 'O', 'X', 'Y', ' ' };
	size_t n = in.len < sizeof(signature) ? in.len : sizeof(signature);

	*h_r = (struct proxy_header){ .whose = PROXY_UNKNOWN };
	if (in.len == 0)
		return PROXY_MORE;
	if (memcmp(in.p, signature, n) == 0)
		return in.len < sizeof(signature) ? PROXY_MORE :
						    read_v2(in, h_r);
	n = in.len < sizeof(word) ? in.len : sizeof(word);
	if (memcmp(in.p, word, n) != 0)
		return PROXY_BAD;
	return read_v1(in, h_r);
}
