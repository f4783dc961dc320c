/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands of a client, in pieces: the first byte says how long those are.
 * What is understood holds what the rest of the program relies on.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "mail/smtp_cmd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_clean(const char *s)
{
	for (; *s != '\0'; s++)
		CHECK((unsigned char)*s >= ' ' && *s != 0x7F);
}

static void
check_cmd(const struct smtp_cmd *c)
{
	check_clean(c->arg);
	check_clean(c->addr.text);
	check_clean(c->addr.domain);
	check_clean(c->envid);
	check_clean(c->orcpt);
	if (c->xforward.ident != NULL)
		check_clean(c->xforward.ident);
	CHECK(strlen(c->addr.domain) <= ADDR_DOMAIN_MAX);
	for (const char *p = c->addr.domain; *p != '\0'; p++)
		CHECK((*p & 0x80) == 0 && *p != '@' && *p != ' ');
	if (c->verb == SMTP_VERB_RCPT)
		CHECK(c->addr.text[0] != '\0');
}

static void
check_unparsed(const struct smtp_cmd *c)
{
	size_t len = strlen(c->unparsed);

	CHECK(c->verb == SMTP_VERB_RCPT && len > 0);
	CHECK(len <= ADDR_LOCAL_MAX + 1 + ADDR_DOMAIN_MAX);
	check_clean(c->unparsed);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct smtp_line *line = mem_new(struct smtp_line);
	struct region *rg = region_new();
	size_t step = size > 0 ? (size_t)data[0] + 1 : 1;
	const char *p = (const char *)data + (size > 0);
	size_t left = size > 0 ? size - 1 : 0;

	while (left > 0) {
		size_t piece = left < step ? left : step, was = piece;
		struct smtp_cmd c;

		c.unparsed = NULL;
		if (smtp_line_feed(line, &p, &piece) == SMTP_LINE_DONE &&
		    smtp_cmd_parse((struct slice){ line->text, line->len }, rg,
			&c) == NULL)
			check_cmd(&c);
		if (c.unparsed != NULL)
			check_unparsed(&c);
		left -= was - piece;
		region_reset(rg);
	}
	region_free(&rg);
	free(line);
	return 0;
}
