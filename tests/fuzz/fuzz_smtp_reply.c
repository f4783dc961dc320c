/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a remote server may say: the first byte gives the size of the pieces.
 * Limits hold, texts are clean, and pieces do not matter.
 */
#include <stdlib.h>
#include <string.h>

#include "mail/ehlo.h"
#include "mail/smtp_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
demand(int cond)
{
	if (!cond)
		abort();
}

static void
look_at(const struct smtp_reply *r)
{
	char text[REPLY_TEXT_MAX + 1];
	size_t len = smtp_reply_text(r, text, sizeof(text));
	struct ehlo e;

	demand(r->code >= 200 && r->code <= 599);
	demand(r->lines >= 1 && r->lines <= REPLY_LINES_MAX);
	demand(r->raw.len <= REPLY_BYTES_MAX);
	demand(len < sizeof(text) && strlen(text) == len);
	for (size_t i = 0; i < len; i++)
		demand((unsigned char)text[i] >= ' ' && text[i] != 0x7f);
	demand(r->dsn[0] == 0 || r->dsn[0] == r->code / 100);
	ehlo_parse(r, &e);
	demand(strlen(e.keywords) < sizeof(e.keywords));
}

/* A sum over all replies, to compare two ways of cutting. */
static unsigned long
read_all(const char *bytes, size_t size, size_t piece)
{
	struct reply_parser p;
	unsigned long sum = 0;
	enum reply_step step = REPLY_MORE;

	reply_parser_init(&p);
	while (size > 0 && step != REPLY_BROKEN) {
		size_t len = piece < size ? piece : size, left = len;

		step = reply_parser_feed(&p, &bytes, &left);
		size -= len - left;
		if (step == REPLY_DONE) {
			look_at(&p.reply);
			sum = sum * 31 + (unsigned long)p.reply.code +
			    p.reply.raw.len;
		} else if (step == REPLY_BROKEN) {
			demand(p.why != NULL);
			sum++;
		} else {
			demand(left == 0);
		}
	}
	reply_parser_fini(&p);
	return sum;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data + 1;

	if (size < 2)
		return 0;
	demand(read_all(bytes, size - 1, size) ==
	    read_all(bytes, size - 1, (size_t)data[0] + 1));
	return 0;
}
