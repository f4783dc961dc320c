/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PROXY header says whose the connection is, in both versions; what is not
 * exactly one is none.
 */
#include "lib/proxy_proto.h"

#include <string.h>

#include "tests/tap.h"

#define V2 "\r\n\r\n\0\r\nQUIT\n"

static const struct {
	const char *label;
	const char *bytes;
	size_t len;       /* of bytes; 0: it is text */
	const char *want; /* "whose client local ports length" */
} cases[] = {
	{ "v1, IPv4", "PROXY TCP4 192.0.2.1 10.0.0.1 5000 25\r\nEHLO x\r\n", 0,
	    "client 192.0.2.1 10.0.0.1 5000 25 39" },
	{ "v1, IPv6", "PROXY TCP6 2001:db8::1 ::1 65535 0\r\n", 0,
	    "client 2001:db8::1 ::1 65535 0 36" },
	{ "v1, IPv4 in IPv6", "PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n", 0,
	    "client 192.0.2.1 ::1 1 2 37" },
	{ "v1, unknown", "PROXY UNKNOWN\r\n", 0, "unknown   0 0 15" },
	{ "v1, unknown and more", "PROXY UNKNOWN ffff::1 x\r\n", 0,
	    "unknown   0 0 25" },
	{ "nothing yet", "", 0, "more" },
	{ "v1, part", "PRO", 0, "more" },
	{ "v1, no end yet", "PROXY TCP4 192.0.2.1 10.0.0.1 5000 2", 0, "more" },
	{ "v1, CR alone yet", "PROXY UNKNOWN\r", 0, "more" },
	{ "v1, LF alone", "PROXY UNKNOWN\nx\r\n", 0, "bad" },
	{ "v1, CR alone", "PROXY UNKNOWN\rx\n", 0, "bad" },
	{ "v1, too long",
	    "PROXY UNKNOWN 78901234567890123456789012345678901234567890123456"
	    "7890123456789012345678901234567890123456789\r\n",
	    0, "bad" },
	{ "v1, the longest",
	    "PROXY UNKNOWN 78901234567890123456789012345678901234567890123456"
	    "78901234567890123456789012345678901234567\r\n",
	    0, "unknown   0 0 107" },
	{ "v1, two blanks", "PROXY  TCP4 192.0.2.1 10.0.0.1 5000 25\r\n", 0,
	    "bad" },
	{ "v1, a blank behind", "PROXY TCP4 192.0.2.1 10.0.0.1 5000 25 \r\n", 0,
	    "bad" },
	{ "v1, a word behind", "PROXY TCP4 192.0.2.1 10.0.0.1 5000 25 x\r\n", 0,
	    "bad" },
	{ "v1, another family", "PROXY TCP4 ::1 ::1 1 2\r\n", 0, "bad" },
	{ "v1, a port too large", "PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n", 0,
	    "bad" },
	{ "v1, a port with a zero", "PROXY TCP4 1.2.3.4 1.2.3.4 025 2\r\n", 0,
	    "bad" },
	{ "v1, no ports", "PROXY TCP4 1.2.3.4 1.2.3.4\r\n", 0, "bad" },
	{ "v1, UDP", "PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n", 0, "bad" },
	{ "v1, small letters", "proxy UNKNOWN\r\n", 0, "bad" },
	{ "SMTP", "EHLO x\r\n", 0, "bad" },
	{ "SMTP that begins like it", "PROXYS\r\n", 0, "bad" },
	{ "TLS", "\x16\x03\x01", 3, "bad" },
	{ "v2, IPv4", V2 "!\x11\0\x0c\xc0\0\2\1\x0a\0\0\1\x13\x88\0\x19X", 29,
	    "client 192.0.2.1 10.0.0.1 5000 25 28" },
	{ "v2, IPv6",
	    V2 "!\x21\0\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"
	       "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\x13\x88\0\x19",
	    52, "client 2001:db8::1 ::1 5000 25 52" },
	{ "v2, more than addresses",
	    V2 "!\x11\0\x0f\xc0\0\2\1\x0a\0\0\1\x13\x88\0\x19\4\0\0", 31,
	    "client 192.0.2.1 10.0.0.1 5000 25 31" },
	{ "v2, local", V2 " \0\0\0", 16, "own   0 0 16" },
	{ "v2, local with addresses",
	    V2 " \x11\0\x0c\xc0\0\2\1\x0a\0\0\1\x13\x88\0\x19", 28,
	    "own   0 0 28" },
	{ "v2, unspecified", V2 "!\0\0\0", 16, "unknown   0 0 16" },
	{ "v2, UDP", V2 "!\x12\0\x0c\xc0\0\2\1\x0a\0\0\1\x13\x88\0\x19", 28,
	    "unknown   0 0 28" },
	{ "v2, part of the signature", V2, 5, "more" },
	{ "v2, the signature", V2, 12, "more" },
	{ "v2, no addresses yet", V2 "!\x11\0\x0c\xc0", 17, "more" },
	{ "v2, too few of them", V2 "!\x11\0\x0b\xc0\0\2\1\x0a\0\0\1\x13\x88\0",
	    27, "bad" },
	{ "v2, another version", V2 "\x31\x11\0\x0c", 16, "bad" },
	{ "v2, another command", V2 "\x22\x11\0\x0c", 16, "bad" },
	{ "v2, another family", V2 "!\x41\0\x0c", 16, "bad" },
	{ "v2, another protocol", V2 "!\x13\0\x0c", 16, "bad" },
	{ "v2, too long", V2 "!\x11\x10\0", 16, "bad" },
};

static const char *
result(struct slice in, char *out, size_t cap)
{
	static const char *const whose[] = { [PROXY_CLIENT] = "client",
		[PROXY_OWN] = "own",
		[PROXY_UNKNOWN] = "unknown" };
	char client[NET_ADDR_TEXT], local[NET_ADDR_TEXT];
	struct proxy_header h;
	enum proxy_result r = proxy_proto_read(in, &h);

	if (r != PROXY_DONE)
		return r == PROXY_MORE ? "more" : "bad";
	(void)snprintf(out, cap, "%s %s %s %u %u %zu", whose[h.whose],
	    net_addr_text(&h.client, client), net_addr_text(&h.local, local),
	    h.client_port, h.local_port, h.len);
	return out;
}

int
main(void)
{
	char out[200];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct slice in = { cases[i].bytes,
			cases[i].len == 0 ? strlen(cases[i].bytes) :
					    cases[i].len };
		bool early = false;

		is_str(result(in, out, sizeof(out)), cases[i].want,
		    cases[i].label);
		/* No piece of it says anything else. */
		for (size_t n = 0; n < in.len; n++) {
			const char *part = result((struct slice){ in.p, n },
			    out, sizeof(out));

			early |= strcmp(part, "more") != 0 &&
			    strcmp(part, cases[i].want) != 0;
		}
		ok(!early, "%s: byte by byte", cases[i].label);
	}
	return done_testing();
}
