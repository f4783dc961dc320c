/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any reply in any phase has a category and a status that fits its code, and
 * neither text nor enhanced code of a server changes temporary to permanent.
 *
 * Bytes: kind, phase, code (two), enhanced code (three), then the text.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "mail/classify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD = 7 };

static void
check_outcome(const struct outcome *o, bool mailbox_553)
{
	uint8_t dsn[3] = { 9, 9, 9 };
	enum bounce_class class;
	char text[200];

	classify_status(o, mailbox_553, dsn);
	class = classify(o, dsn);
	CHECK(class < BOUNCE_CLASS_COUNT);
	CHECK(bounce_class_name(class)[0] != '\0');
	CHECK(dsn[0] == 2 || dsn[0] == 4 || dsn[0] == 5);
	if (o->kind == OUTCOME_REPLY)
		CHECK(dsn[0] == o->code / 100);
	CHECK((o->kind == OUTCOME_DELIVERED) == (dsn[0] == 2));
	CHECK(dsn_status_text(dsn, text, sizeof(text)) == text);
	CHECK(strlen(text) < sizeof(text) - 1 && strchr(text, '(') != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome o;
	char *text;

	if (size < HEAD)
		return 0;
	text = mem_strndup((const char *)data + HEAD, size - HEAD);
	o = (struct outcome){
		.kind = (enum outcome_kind)(data[0] % (OUTCOME_SUPPRESSED + 1)),
		.phase = (enum outcome_phase)(data[1] % PHASE_COUNT),
		.dsn = { data[4], data[5], data[6] },
		.text = text,
		.mx = "",
		.esmtp = "",
		.tls = "",
	};
	if (o.kind == OUTCOME_REPLY)
		o.code = 400 + (data[2] * 256 + data[3]) % 200;
	else if (o.kind == OUTCOME_DELIVERED)
		o.code = 200 + data[3] % 100;
	check_outcome(&o, true);
	check_outcome(&o, false);
	CHECK(!classify_is_greylisting(&o) || o.code / 100 == 4);
	free(text);
	return 0;
}
