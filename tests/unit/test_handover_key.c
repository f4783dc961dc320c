/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of hand-overs are on disk for a day: a new version must make the
 * same ones.  What differs in any part is another message or recipient.
 */
#include "mail/handover_key.h"
#include "tests/tap.h"

static const char *
key(const char *door, const char *peer, const char *id, const char *header)
{
	static char text[2][2 * HANDOVER_KEY_LEN + 1];
	static int turn;
	uint8_t bytes[HANDOVER_KEY_LEN];

	turn = !turn;
	handover_key(door, peer, id, slice_of(header), bytes);
	for (size_t i = 0; i < HANDOVER_KEY_LEN; i++)
		(void)snprintf(text[turn] + 2 * i, 3, "%02x", bytes[i]);
	return text[turn];
}

static bool
differ(const char *a, const char *b)
{
	return strcmp(a, b) != 0;
}

int
main(void)
{
	uint64_t rcpt = handover_rcpt_key("b@example.net", "", 0);

	/* sha256sum of the four, the first three with their NUL. */
	is_str(key("unix:/x", "127.0.0.1", "3F0A", "Subject: x\r\n"),
	    "5305e59ca3d595fc75a7fbc2055739b3", "as it is on disk");
	ok(differ(key("d", "p", "i", "h"), key("e", "p", "i", "h")) &&
		differ(key("d", "p", "i", "h"), key("d", "q", "i", "h")) &&
		differ(key("d", "p", "i", "h"), key("d", "p", "j", "h")) &&
		differ(key("d", "p", "i", "h"), key("d", "p", "i", "g")),
	    "door, peer, queue id and header all count");
	ok(differ(key("a", "bc", "i", "h"), key("ab", "c", "i", "h")),
	    "and where one ends");
	ok(rcpt == UINT64_C(0x184A16FD3DFA8D0C),
	    "a recipient's, as it is on disk");
	ok(rcpt != handover_rcpt_key("c@example.net", "", 0) &&
		rcpt != handover_rcpt_key("b@example.net", "rfc822;x", 0) &&
		rcpt != handover_rcpt_key("b@example.net", "", 1),
	    "address, ORCPT and NOTIFY all count");
	return done_testing();
}
