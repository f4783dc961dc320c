/* SPDX-License-Identifier: Apache-2.0 */
#include "milter/milter_macros.h"

#include <string.h>

#include "milter/milter_packet.h"

/* What a stage may hold on to when it is forgotten. */
#define KEPT_IDLE 4096

/* The stages in their order. */
static const char letters[MILTER_STAGES] = {
	[MILTER_STAGE_CONNECT] = MILTER_CONNECT,
	[MILTER_STAGE_HELO] = MILTER_HELO,
	[MILTER_STAGE_MAIL] = MILTER_MAIL,
	[MILTER_STAGE_RCPT] = MILTER_RCPT,
	[MILTER_STAGE_DATA] = MILTER_DATA,
	[MILTER_STAGE_HEADER_END] = MILTER_HEADER_END,
	[MILTER_STAGE_END] = MILTER_END,
};

void
milter_macros_fini(struct milter_macros *m)
{
	for (size_t i = 0; i < MILTER_STAGES; i++)
		buf_fini(&m->stages[i]);
}

void
milter_macros_forget(struct milter_macros *m, enum milter_stage from)
{
	for (size_t i = from; i < MILTER_STAGES; i++) {
		if (m->stages[i].cap > KEPT_IDLE)
			buf_fini(&m->stages[i]);
		else
			buf_clear(&m->stages[i]);
	}
}

int
milter_macros_take(struct milter_macros *m, struct slice args)
{
	const char *letter;
	struct buf *stage;

	if (args.len == 0 || (args.len > 1 && args.p[args.len - 1] != '\0'))
		return -1;
	letter = memchr(letters, args.p[0], sizeof(letters));
	if (letter == NULL)
		return 0;
	stage = &m->stages[letter - letters];
	buf_clear(stage);
	if (args.len > 1)
		buf_add(stage, args.p + 1, args.len - 1);
	return 0;
}

static const char *
find(const struct buf *stage, const char *name)
{
	struct slice left = { stage->p, stage->len };

	while (left.len > 0) {
		const char *one = milter_text(&left);
		const char *value = left.len > 0 ? milter_text(&left) : "";

		if (strcmp(one, name) == 0)
			return value;
	}
	return NULL;
}

const char *
milter_macro(const struct milter_macros *m, const char *name)
{
	for (size_t i = MILTER_STAGES; i-- > 0;) {
		const char *value = find(&m->stages[i], name);

		if (value != NULL)
			return value;
	}
	return "";
}
