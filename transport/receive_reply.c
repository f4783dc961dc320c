/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The replies to end of data: one for each recipient in LMTP (RFC 2033 section
 * 4.2), one in all in SMTP.
 */
#include <string.h>

#include "lib/str.h"
#include "mail/message.h"
#include "transport/ingress_priv.h"

enum { ADDR_SHOWN = 160 }; /* of an address in a reply */

/* How many there are; who was refused only now counts. */
static size_t
reply_count(const struct ingress_session *s)
{
	if (s->door->protocol == INGRESS_SMTP)
		return 1;
	return s->tx.told == NULL ? s->tx.named : s->tx.told_count;
}

/* Has the i-th one of his own? */
static bool
is_told(struct ingress_session *s, size_t i)
{
	if (s->tx.told == NULL || s->tx.told[i] == NULL)
		return false;
	ingress_reply(s, "%s", s->tx.told[i]);
	return true;
}

void
receive_reply(struct ingress_session *s, const char *text)
{
	size_t n = reply_count(s);

	for (size_t i = 0; i < n; i++)
		if (!is_told(s, i))
			ingress_say(s, text);
}

static void
reply_to(struct ingress_session *s, const char *addr, const char *how)
{
	int len = (int)strnlen(addr, ADDR_SHOWN);

	/* Never half a character. */
	while (len > 0 && ((unsigned char)addr[len] & 0xC0) == 0x80)
		len--;
	ingress_reply(s, "250 2.1.5 <%.*s> %s", len, addr, how);
}

void
receive_reply_queued(struct ingress_session *s, uint64_t id)
{
	static const char start[] = "250 2.6.0 ";
	char how[48], id_text[MESSAGE_ID_TEXT] = "";
	size_t n = reply_count(s), kept = 0;

	if (id != 0)
		(void)message_id_text(id, id_text);
	(void)STR_JOIN(how, sizeof(how), start, "queued ",
	    id == 0 ? "already" : "as ", id_text);
	if (s->door->protocol == INGRESS_SMTP) {
		ingress_say(s, how);
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (!is_told(s, i))
			reply_to(s, s->tx.rcpts[kept++].addr,
			    how + sizeof(start) - 1);
}
