/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words are found by a table of three bytes in a row: each word is under those
 * three of its own that the fewest words before it are under, so that the front
 * of "too many ..." does not gather half of them.  The table is filled when the
 * set is sealed, the words lie in the order of its rows.
 */
#include "lib/regex_set.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "lib/regex.h"
#include "lib/regex_need.h"

#define KEY_LEN 3
#define ROWS 2048 /* a power of two */

struct word {
	char text[REGEX_WORD_MAX];
	uint8_t len, at; /* at: where its three bytes begin */
	uint16_t row, expression;
};

struct expression {
	struct regex *re;
	char front[REGEX_FRONT_MAX];
	uint8_t front_len;
	bool needs_word;
};

struct regex_set {
	struct expression *v;
	size_t n;
	struct word *words;
	size_t word_count;
	uint32_t rows[ROWS + 1]; /* words of row i: from [i] up to [i + 1] */
	bool sealed;
};

struct regex_set *
regex_set_new(void)
{
	return mem_new(struct regex_set);
}

void
regex_set_free(struct regex_set **setp)
{
	struct regex_set *set = *setp;

	*setp = NULL;
	if (set == NULL)
		return;
	for (size_t i = 0; i < set->n; i++)
		regex_free(&set->v[i].re);
	free(set->v);
	free(set->words);
	free(set);
}

size_t
regex_set_count(const struct regex_set *set)
{
	return set->n;
}

static unsigned char
lower(char c)
{
	unsigned char u = (unsigned char)c;

	return u >= 'A' && u <= 'Z' ? (unsigned char)(u + 'a' - 'A') : u;
}

static unsigned
row_of(uint32_t three)
{
	return three * 0x9E3779B1u >> 21; /* 32 - 11 bits */
}

/* Counts of words under each row stand in rows[] until the set is sealed. */
static void
add_word(struct regex_set *set, const char *text, size_t len)
{
	struct word *w;
	uint32_t three = 0, least = UINT32_MAX;

	set->words = mem_realloc(set->words,
	    (set->word_count + 1) * sizeof(set->words[0]));
	w = &set->words[set->word_count++];
	*w = (struct word){ .len = (uint8_t)len,
		.expression = (uint16_t)set->n };
	memcpy(w->text, text, len);
	for (size_t i = 0; i < len; i++) {
		unsigned row;

		three = (three << 8 | (unsigned char)text[i]) & 0xFFFFFF;
		row = row_of(three);
		if (i + 1 < KEY_LEN || set->rows[row] >= least)
			continue;
		least = set->rows[row];
		w->row = (uint16_t)row;
		w->at = (uint8_t)(i + 1 - KEY_LEN);
	}
	set->rows[w->row]++;
}

/* Are all of them long enough to be found? */
static bool
can_be_found(const struct regex_need *need)
{
	for (size_t i = 0; i < need->n; i++)
		if (need->words[i].len < KEY_LEN)
			return false;
	return need->n > 0;
}

int
regex_set_add(struct regex_set *set, struct slice pattern, struct err *e)
{
	struct expression *x;
	struct regex_need need;
	struct regex *re;

	CHECK(!set->sealed);
	if (set->n == REGEX_SET_MAX)
		return err_set(e, "more than %d regular expressions",
		    REGEX_SET_MAX);
	if (regex_new(pattern, &re, e) == -1)
		return -1;
	regex_need(pattern, &need);
	set->v = mem_realloc(set->v, (set->n + 1) * sizeof(set->v[0]));
	x = &set->v[set->n];
	*x = (struct expression){ .re = re,
		.front_len = (uint8_t)need.front_len,
		.needs_word = can_be_found(&need) };
	memcpy(x->front, need.front, need.front_len);
	for (size_t i = 0; i < need.n && x->needs_word; i++)
		add_word(set, need.words[i].text, need.words[i].len);
	return (int)set->n++;
}

static int
by_row(const void *a, const void *b)
{
	const struct word *left = a, *right = b;

	return (left->row > right->row) - (left->row < right->row);
}

void
regex_set_seal(struct regex_set *set)
{
	size_t next = 0;

	CHECK(!set->sealed);
	if (set->word_count > 0)
		qsort(set->words, set->word_count, sizeof(set->words[0]),
		    by_row);
	for (size_t row = 0; row < ROWS; row++) {
		set->rows[row] = (uint32_t)next;
		while (next < set->word_count && set->words[next].row == row)
			next++;
	}
	set->rows[ROWS] = (uint32_t)next;
	set->sealed = true;
}

static bool
begins_with(const char *text, size_t len, const char *front, size_t front_len)
{
	if (len < front_len)
		return false;
	for (size_t i = 0; i < front_len; i++)
		if (lower(text[i]) != (unsigned char)front[i])
			return false;
	return true;
}

static void
mark(struct regex_scan *scan, size_t i)
{
	const struct expression *x = &scan->set->v[i];

	if (begins_with(scan->text, scan->len, x->front, x->front_len))
		scan->candidates[i / 64] |= UINT64_C(1) << i % 64;
}

/* The words whose three bytes are those at `at` of the text. */
static void
look_at(struct regex_scan *scan, unsigned row, size_t at)
{
	const struct regex_set *set = scan->set;

	for (uint32_t i = set->rows[row]; i < set->rows[row + 1]; i++) {
		const struct word *w = &set->words[i];

		if (w->at <= at &&
		    begins_with(scan->text + at - w->at, scan->len - at + w->at,
			w->text, w->len))
			mark(scan, w->expression);
	}
}

void
regex_scan_init(struct regex_scan *scan, const struct regex_set *set,
    const char *text, size_t len)
{
	uint32_t three = 0;

	CHECK(set->sealed);
	scan->set = set;
	scan->text = text;
	scan->len = len;
	scan->next = 0;
	memset(scan->candidates, 0, (set->n + 63) / 64 * sizeof(uint64_t));
	for (size_t i = 0; i < set->n; i++)
		if (!set->v[i].needs_word)
			mark(scan, i);
	for (size_t i = 0; i < len; i++) {
		three = (three << 8 | lower(text[i])) & 0xFFFFFF;
		if (i + 1 >= KEY_LEN)
			look_at(scan, row_of(three), i + 1 - KEY_LEN);
	}
}

int
regex_scan_next(struct regex_scan *scan)
{
	size_t i = scan->next;

	while (i < scan->set->n) {
		uint64_t left = scan->candidates[i / 64] >> i % 64;

		if (left != 0) {
			i += (size_t)__builtin_ctzll(left);
			scan->next = i + 1;
			return (int)i;
		}
		i = (i / 64 + 1) * 64;
	}
	scan->next = i;
	return -1;
}

bool
regex_scan_matches(const struct regex_scan *scan, int i)
{
	return regex_match(scan->set->v[i].re, scan->text, scan->len);
}
