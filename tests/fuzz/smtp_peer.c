/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/smtp_peer.h"

#include <string.h>
#include <strings.h>

#include "lib/check.h"

/* Our own names and addresses are short. */
enum { COMMAND_MAX = 512 };

void
smtp_peer_init(struct smtp_peer *p, struct slice message, bool tls_required)
{
	*p = (struct smtp_peer){ .message = message,
		.tls_required = tls_required };
}

void
smtp_peer_fini(struct smtp_peer *p)
{
	buf_fini(&p->line);
	buf_fini(&p->said_line);
}

/* ---- what the server says ------------------------------------------------ */

static bool
holds_word(const struct buf *line, const char *word)
{
	size_t len = strlen(word);

	for (size_t i = 0; i + len <= line->len; i++)
		if (strncasecmp(line->p + i, word, len) == 0)
			return true;
	return false;
}

static void
said_line(struct smtp_peer *p)
{
	const struct buf *line = &p->said_line;

	if (holds_word(line, "PIPELINING"))
		p->pipelining = true;
	if (line->len > 0 && line->p[0] == '3')
		p->go_aheads++;
	if (line->len < 4 || line->p[3] != '-') {
		p->ends++;
		p->replies++;
	}
}

void
smtp_peer_said(struct smtp_peer *p, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '\n') {
			said_line(p);
			buf_clear(&p->said_line);
		} else {
			buf_byte(&p->said_line, bytes[i]);
		}
		p->said_last = bytes[i];
	}
}

/*
 * Whatever comes in clear behind the one reply to STARTTLS must end the
 * session: it would be taken for the server's word under TLS.
 */
void
smtp_peer_handshake(const struct smtp_peer *p)
{
	CHECK(p->mode == PEER_HANDSHAKE);
	CHECK(p->ends == 1 && p->said_last == '\n');
}

void
smtp_peer_tls(struct smtp_peer *p)
{
	CHECK(p->mode == PEER_HANDSHAKE && !p->tls);
	p->tls = true;
	p->mode = PEER_COMMAND;
	p->hello = false; /* what was known in clear counts no more */
	p->pipelining = false;
}

/* ---- what it hears ------------------------------------------------------- */

static bool
begins(const struct smtp_peer *p, const char *word)
{
	size_t len = strlen(word);

	return p->line.len >= len && memcmp(p->line.p, word, len) == 0;
}

static void
on_mail_command(struct smtp_peer *p)
{
	CHECK(p->hello && (p->tls || !p->tls_required));
	if (begins(p, "MAIL FROM:<")) {
		CHECK(!p->mail);
		p->mail = true;
		p->rcpts = 0;
	} else if (begins(p, "RCPT TO:<")) {
		CHECK(p->mail);
		p->rcpts++;
	} else {
		CHECK(begins(p, "DATA\r\n") && p->mail && p->rcpts > 0);
		p->mode = PEER_AFTER_DATA;
	}
}

static void
on_command(struct smtp_peer *p)
{
	p->commands++;
	/* Each thing said answers one that was heard; the greeting none. */
	CHECK(p->pipelining || p->commands + p->dots <= p->replies);
	if (begins(p, "EHLO ") || begins(p, "HELO ")) {
		CHECK(!p->mail);
		p->hello = true;
	} else if (begins(p, "STARTTLS\r\n")) {
		CHECK(p->hello && !p->tls && !p->mail);
		p->ends = 0;
		p->mode = PEER_HANDSHAKE;
	} else if (begins(p, "RSET\r\n")) {
		CHECK(p->hello);
		p->mail = false;
	} else if (begins(p, "QUIT\r\n")) {
		p->mode = PEER_OVER;
	} else {
		on_mail_command(p);
	}
}

static void
on_byte(struct smtp_peer *p, char c)
{
	bool cr = p->line.len > 0 && p->line.p[p->line.len - 1] == '\r';

	CHECK((unsigned char)c >= ' ' || c == '\r' || c == '\n');
	CHECK(cr == (c == '\n') && c != 0x7f);
	CHECK(p->line.len < COMMAND_MAX);
	buf_byte(&p->line, c);
	if (c != '\n')
		return;
	p->mode = PEER_COMMAND;
	on_command(p);
	buf_clear(&p->line);
}

/* The transaction is over with the last byte of it. */
static void
on_message(struct smtp_peer *p, char c, struct slice message)
{
	CHECK(c == message.p[p->message_at]);
	p->message_at++;
	if (p->message_at < message.len)
		return;
	p->message_at = 0;
	p->mode = PEER_COMMAND;
}

static void
on_after_data(struct smtp_peer *p, char c)
{
	static const struct slice nothing = { ".\r\n", 3 };

	if (p->message_at == 0 && (c == 'R' || c == 'Q')) {
		on_byte(p, c); /* DATA was refused */
		p->mode = PEER_COMMAND;
		return;
	}
	if (p->message_at == 0 && c != '.') {
		/* Only who was asked to sends a message. */
		CHECK(p->dots < p->go_aheads);
		p->mode = PEER_MESSAGE;
		on_message(p, c, p->message);
		return;
	}
	on_message(p, c, nothing);
}

void
smtp_peer_heard(struct smtp_peer *p, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		switch (p->mode) {
		case PEER_COMMAND:
			on_byte(p, bytes[i]);
			break;
		case PEER_AFTER_DATA:
			on_after_data(p, bytes[i]);
			break;
		case PEER_MESSAGE:
			on_message(p, bytes[i], p->message);
			if (p->mode == PEER_COMMAND) {
				p->dots++;
				p->mail = false;
			}
			break;
		case PEER_HANDSHAKE:
		case PEER_OVER:
			CHECK_NEVER("bytes where none may come");
		}
	}
}
