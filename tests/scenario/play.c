/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/play.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"

void
play_complain(struct play *p, const char *fmt, ...)
{
	va_list ap;

	(void)printf("# %s:%u: ", p->file, p->line);
	va_start(ap, fmt);
	(void)vprintf(fmt, ap);
	va_end(ap);
	(void)printf("\n");
	p->bad++;
}

void
words_split(char *text, struct words *w)
{
	char *word;

	*w = (struct words){ 0 };
	while ((word = strsep(&text, " \t\n")) != NULL && w->n < PLAY_WORDS)
		if (word[0] != '\0')
			w->v[w->n++] = word;
}

const char *
words_next(struct words *w)
{
	return w->at < w->n ? w->v[w->at++] : "";
}

uint64_t
play_number(struct play *p, const char *text)
{
	char *end;
	uint64_t v;

	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0')
		play_complain(p, "\"%s\" is not a number", text);
	return v;
}

int64_t
play_duration(struct play *p, const char *text)
{
	static const struct {
		const char *unit;
		int64_t us;
	} units[] = { { "ms", US_PER_MS }, { "s", US_PER_S },
		{ "m", 60 * US_PER_S }, { "h", 3600 * US_PER_S },
		{ "d", 86400 * US_PER_S } };
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (end != text && strcmp(end, units[i].unit) == 0)
			return (int64_t)v * units[i].us;
	play_complain(p, "\"%s\" is not a time such as 100ms, 2s, 10m", text);
	return 0;
}

void
words_target(struct words *w, struct target *t)
{
	char *slash;

	(void)snprintf(t->text, sizeof(t->text), "%s", words_next(w));
	t->domain = t->text;
	t->vmta = NULL;
	slash = strchr(t->text, '/');
	if (slash != NULL) {
		*slash = '\0';
		t->vmta = slash + 1;
	}
	if (strcmp(t->text, "*") == 0)
		t->domain = NULL;
}
