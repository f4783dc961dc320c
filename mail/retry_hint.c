/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks at each number of the text: what it measures stands behind it, what it
 * is about before it.
 */
#include "mail/retry_hint.h"

#include <string.h>
#include <strings.h>

#include "lib/clock.h"
#include "lib/str.h"

#define WORDS_BACK 3     /* from the lead to what it belongs to */
#define NUMBER_MAX 99999 /* more is no time that anybody would name */

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_one_of(struct slice word, const char *const *list)
{
	while (*list != NULL && !slice_eq_nocase(word, *list))
		list++;
	return *list != NULL;
}

/* ---- the duration -------------------------------------------------------- */

/* Moves *p behind the number; -1: too long. */
static int64_t
take_number(const char **p)
{
	int64_t n = 0;

	for (; is_digit(**p); (*p)++)
		if (n >= 0) {
			n = n * 10 + (**p - '0');
			if (n > NUMBER_MAX)
				n = -1;
		}
	return n;
}

/* Seconds of the unit at *p, behind which it is moved; 0: there is none. */
static int64_t
take_unit(const char **p)
{
	static const char *const seconds[] = { "s", "sec", "secs", "second",
		"seconds", NULL };
	static const char *const minutes[] = { "m", "min", "mins", "minute",
		"minutes", NULL };
	static const char *const hours[] = { "h", "hr", "hrs", "hour", "hours",
		NULL };
	const char *at = *p;
	struct slice word;

	while (*at == ' ' || *at == '-')
		at++;
	word.p = at;
	while (is_letter(*at))
		at++;
	word.len = (size_t)(at - word.p);
	*p = at;
	return is_one_of(word, seconds) ? 1 :
	    is_one_of(word, minutes)    ? 60 :
	    is_one_of(word, hours)      ? 3600 :
					  0;
}

/* Is there one more "30 seconds"?  Then *p is moved to its number. */
static bool
goes_on(const char **p)
{
	const char *at = *p;

	at += strspn(at, " ,");
	if (strncasecmp(at, "and ", 4) == 0)
		at += 4 + strspn(at + 4, " ");
	if (!is_digit(*at))
		return false;
	*p = at;
	return true;
}

/* Seconds; 0: it is no duration. */
static int64_t
take_words(const char *p)
{
	int64_t sum = 0;

	do {
		int64_t n = take_number(&p), unit = take_unit(&p);

		if (n < 0 || unit == 0)
			return sum; /* "5 minutes, 2 messages" */
		sum += n * unit;
	} while (sum <= RETRY_HINT_MAX_S && goes_on(&p));
	return sum;
}

/* Seconds of HH:MM:SS, with nothing of the kind behind it; 0: it is none. */
static int64_t
take_clock(const char *p)
{
	int64_t part[3];

	for (size_t i = 0; i < 3; i++) {
		if (!is_digit(p[0]) || !is_digit(p[1]) || is_digit(p[2]))
			return 0;
		part[i] = take_number(&p);
		if (i < 2 && *p++ != ':')
			return 0;
	}
	if (*p == ':' || is_letter(*p) || part[1] > 59 || part[2] > 59)
		return 0;
	return part[0] * 3600 + part[1] * 60 + part[2];
}

/* ---- what it is about ---------------------------------------------------- */

/*
 * The word that ends before *end, which is moved to its front; with the byte
 * behind it, if that is a colon.  Empty: the sentence or the text begins here.
 */
static struct slice
word_before(const char *text, const char **end, bool *colon)
{
	const char *p = *end;
	struct slice word = { p, 0 };

	*colon = false;
	while (p > text && !is_letter(p[-1]) && !is_digit(p[-1])) {
		p--;
		if (strchr(".;!?>", *p) != NULL)
			return word;
		*colon = *colon || *p == ':';
	}
	word.p = p;
	while (word.p > text && (is_letter(word.p[-1]) || is_digit(word.p[-1])))
		word.p--;
	word.len = (size_t)(p - word.p);
	*end = word.p;
	return word;
}

static bool
is_cause(struct slice word)
{
	static const char *const causes[] = { "again", "retry", "retrying",
		"try", "wait", "back", "accepted", "reconnect", "resend",
		"deferred", "delayed", NULL };
	static const char *const fronts[] = { "greylist", "graylist", NULL };

	for (size_t i = 0; fronts[i] != NULL; i++)
		if (word.len >= strlen(fronts[i]) &&
		    slice_eq_nocase((struct slice){ word.p, strlen(fronts[i]) },
			fronts[i]))
			return true;
	return is_one_of(word, causes);
}

enum lead { LEAD_NONE, LEAD_SPAN, LEAD_AFTER };

/* What leads to the duration at `at`, if that says when to come back. */
static enum lead
lead_before(const char *text, const char *at)
{
	static const char *const between[] = { "about", "approximately", "at",
		"least", "another", NULL };
	static const char *const leads[] = { "in", "for", "after", NULL };
	struct slice word;
	enum lead lead;
	bool colon;

	do
		word = word_before(text, &at, &colon);
	while (!colon && is_one_of(word, between));
	lead = slice_eq_nocase(word, "after") ? LEAD_AFTER : LEAD_SPAN;
	if (slice_eq_nocase(word, "wait"))
		return LEAD_SPAN;
	if (!colon && !is_one_of(word, leads))
		return LEAD_NONE;
	if (colon && is_cause(word))
		return LEAD_SPAN;
	for (int i = 0; i < WORDS_BACK; i++) {
		word = word_before(text, &at, &colon);
		if (is_cause(word))
			return lead;
	}
	return LEAD_NONE;
}

/* ---- all ----------------------------------------------------------------- */

/* Is it the front of a number that stands alone? */
static bool
is_front(const char *text, const char *p)
{
	if (!is_digit(*p))
		return false;
	return p == text ||
	    (!is_letter(p[-1]) && !is_digit(p[-1]) &&
		strchr(":./_", p[-1]) == NULL) ||
	    (p[-1] == ':' && (p - text < 2 || !is_digit(p[-2])));
}

bool
retry_hint(const char *text, int64_t *after_us)
{
	for (const char *p = text; *p != '\0'; p++) {
		enum lead lead;
		int64_t s;

		if (!is_front(text, p))
			continue;
		/* Before the rest, which may be as long as the text. */
		lead = lead_before(text, p);
		if (lead == LEAD_NONE)
			continue;
		s = take_clock(p);
		/* "after 05:30:00" is a time of the day. */
		if (s > 0 && lead == LEAD_AFTER)
			continue;
		if (s == 0)
			s = take_words(p);
		if (s == 0)
			continue;
		if (s < RETRY_HINT_MIN_S || s > RETRY_HINT_MAX_S)
			return false;
		*after_us = s * US_PER_S;
		return true;
	}
	return false;
}
