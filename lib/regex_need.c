/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the pattern once, from left to right.  Of a sequence the best part is
 * kept: the one whose shortest word is the longest.  Of alternatives all are
 * needed, so one without a word leaves none.  A group with its quantifier is a
 * part like any other; what stands in a look-around, a condition, a recursion
 * and the like is passed over.
 */
#include "lib/regex_need.h"

#include <stdbool.h>
#include <string.h>

/* Deeper groups are not looked into; honest patterns have two or three. */
#define DEPTH_MAX 8

/* Words of which a text has one; n 0: nothing is known. */
struct words {
	struct slice v[REGEX_WORDS_MAX]; /* in reader.bytes */
	size_t n;
};

struct group {
	bool passed_over;    /* what is in it does not count */
	bool branched;       /* at least one "|" was seen */
	bool hopeless;       /* a branch before has no word */
	struct words before; /* of all branches before this one */
	struct words best;   /* of this one, so far */
};

struct reader {
	struct slice rest;
	struct group groups[DEPTH_MAX];
	size_t depth;
	/* Literal bytes one behind the other: those of a run are the last. */
	char bytes[1024];
	size_t used, run;
	bool at_front; /* only literals since the first ^ */
	bool lost;     /* something that is not understood */
	struct regex_need *out;
};

static struct group *
current(struct reader *r)
{
	return &r->groups[r->depth];
}

static size_t
shortest(const struct words *w)
{
	size_t len = 0;

	for (size_t i = 0; i < w->n; i++)
		if (i == 0 || w->v[i].len < len)
			len = w->v[i].len;
	return len;
}

static void
offer(struct group *g, const struct words *w)
{
	if (shortest(w) > shortest(&g->best))
		g->best = *w;
}

/* The run of literals ends here. */
static void
end_run(struct reader *r)
{
	struct words w = { .n = 1 };

	if (r->run > 0) {
		w.v[0] = (struct slice){ r->bytes + r->used - r->run, r->run };
		if (w.v[0].len > REGEX_WORD_MAX)
			w.v[0].len = REGEX_WORD_MAX;
		offer(current(r), &w);
	}
	r->run = 0;
	r->at_front = false;
}

static void
end_branch(struct group *g)
{
	if (g->best.n == 0 || g->before.n + g->best.n > REGEX_WORDS_MAX)
		g->hopeless = true;
	for (size_t i = 0; i < g->best.n && !g->hopeless; i++)
		g->before.v[g->before.n++] = g->best.v[i];
	g->best.n = 0;
}

/* What the group as a whole needs. */
static struct words
end_group(struct reader *r)
{
	struct group *g = current(r);

	end_run(r);
	end_branch(g);
	if (g->hopeless || g->passed_over)
		return (struct words){ .n = 0 };
	return g->before;
}

/* ---- the pattern's characters -------------------------------------------- */

static int
peek(const struct reader *r, size_t ahead)
{
	return ahead < r->rest.len ? (unsigned char)r->rest.p[ahead] : -1;
}

static void
skip(struct reader *r, size_t n)
{
	if (n > r->rest.len)
		n = r->rest.len;
	r->rest.p += n;
	r->rest.len -= n;
}

static bool
is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static bool
is_letter(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The length of "{2}", "{2,}" or "{2,3}" at the front; 0: it is none. */
static size_t
braces_len(const struct reader *r)
{
	size_t n = 1;

	while (is_digit(peek(r, n)))
		n++;
	if (n == 1)
		return 0;
	if (peek(r, n) == ',')
		n++;
	while (is_digit(peek(r, n)))
		n++;
	return peek(r, n) == '}' ? n + 1 : 0;
}

struct times {
	bool any;  /* there is a quantifier */
	bool zero; /* it may be left out */
};

static struct times
take_quantifier(struct reader *r)
{
	struct times t = { false, false };
	int c = peek(r, 0);
	size_t len = 1, zeros = 1;

	if (c == '{') {
		len = braces_len(r);
		while (peek(r, zeros) == '0')
			zeros++;
		t.zero = zeros > 1 && !is_digit(peek(r, zeros));
		r->lost = r->lost || len == 0;
	} else if (c == '*' || c == '?') {
		t.zero = true;
	} else if (c != '+') {
		return t;
	}
	t.any = true;
	skip(r, len);
	if (peek(r, 0) == '+' || peek(r, 0) == '?')
		skip(r, 1); /* possessive, lazy */
	return t;
}

static void
take_literal(struct reader *r, int c)
{
	bool front = r->at_front;
	struct times t = take_quantifier(r);

	if (t.zero) {
		end_run(r);
		return;
	}
	if (r->used == sizeof(r->bytes)) {
		r->lost = true;
		return;
	}
	if (c >= 'A' && c <= 'Z')
		c += 'a' - 'A';
	r->bytes[r->used++] = (char)c;
	r->run++;
	if (front && r->out->front_len < REGEX_FRONT_MAX)
		r->out->front[r->out->front_len++] = (char)c;
	if (t.any)
		end_run(r);
}

/* Something that stands for no certain byte. */
static void
take_vague(struct reader *r)
{
	end_run(r);
	(void)take_quantifier(r);
}

static void
take_escape(struct reader *r)
{
	/* Each alone: no digits, braces or names behind. */
	static const char vague[] = "dDsSwWbBAzZGhHvVRXKnrtfea";
	int c = peek(r, 1), high, low;

	skip(r, 2);
	if (c == 'x') {
		high = peek(r, 0) < 0 ? -1 : str_hex_digit((char)peek(r, 0));
		low = peek(r, 1) < 0 ? -1 : str_hex_digit((char)peek(r, 1));
		if (high < 0 || low < 0) {
			r->lost = true;
			return;
		}
		skip(r, 2);
		take_literal(r, high * 16 + low);
	} else if (c > 0 && !is_letter(c) && !is_digit(c)) {
		take_literal(r, c);
	} else if (c > 0 && strchr(vague, c) != NULL) {
		take_vague(r);
	} else {
		r->lost = true;
	}
}

/*
 * In a class, what may hide its end: \Q, \E and \c, which take a "]" with
 * them; and [[:<:]], [[:>:]], which are no classes but edges of words.
 */
static bool
hides_end(const struct reader *r)
{
	int c = peek(r, 0), next = peek(r, 1);

	if (c == '\\')
		return next == 'Q' || next == 'E' || next == 'c';
	return c == '[' && next == ':' &&
	    (peek(r, 2) == '<' || peek(r, 2) == '>');
}

/* [...]: the first "]" stands for itself. */
static void
take_class(struct reader *r)
{
	skip(r, 1);
	if (peek(r, 0) == '^')
		skip(r, 1);
	if (peek(r, 0) == ']')
		skip(r, 1);
	while (peek(r, 0) != ']') {
		if (peek(r, 0) < 0 || hides_end(r)) {
			r->lost = true;
			return;
		}
		if (peek(r, 0) == '[' && peek(r, 1) == ':') {
			skip(r, 2); /* [:alpha:], whose end is ":]" */
			while (is_letter(peek(r, 0)) || peek(r, 0) == '^')
				skip(r, 1);
			if (peek(r, 0) == ':' && peek(r, 1) == ']')
				skip(r, 2);
			continue;
		}
		skip(r, peek(r, 0) == '\\' ? 2 : 1);
	}
	skip(r, 1);
	take_vague(r);
}

/* ---- groups -------------------------------------------------------------- */

static void
open_group(struct reader *r, bool passed_over)
{
	passed_over = passed_over || current(r)->passed_over;
	if (r->depth + 1 == DEPTH_MAX) {
		r->lost = true;
		return;
	}
	r->depth++;
	*current(r) = (struct group){ .passed_over = passed_over };
}

/*
 * Behind "(?".  Of options only i and s are understood: x would change what a
 * blank means, m what a ^ does.
 */
static void
open_special(struct reader *r)
{
	size_t n = 0;
	bool plain = true;

	while (is_letter(peek(r, n)) || peek(r, n) == '-') {
		plain = plain && strchr("is-", peek(r, n)) != NULL;
		n++;
	}
	if (peek(r, 0) < 0 || strchr("#(^C[", peek(r, 0)) != NULL) {
		/* A comment, a condition, options reset, text for a callout. */
		r->lost = true;
	} else if (peek(r, n) == ')' || peek(r, n) == ':') {
		r->lost = r->lost || !plain;
		if (peek(r, n) == ':')
			open_group(r, false);
		skip(r, n + 1);
	} else {
		open_group(r, peek(r, 0) != '>');
		skip(r, 1);
	}
}

static void
take_open(struct reader *r)
{
	end_run(r);
	skip(r, 1);
	if (peek(r, 0) == '*') {
		r->lost = true; /* a verb: "(*ACCEPT)" ends a match early */
	} else if (peek(r, 0) == '?') {
		skip(r, 1);
		open_special(r);
	} else {
		open_group(r, false);
	}
}

static void
take_close(struct reader *r)
{
	struct words w = end_group(r);

	skip(r, 1);
	if (r->depth == 0) {
		r->lost = true;
		return;
	}
	r->depth--;
	if (!take_quantifier(r).zero)
		offer(current(r), &w);
}

static void
take_branch(struct reader *r)
{
	end_run(r);
	end_branch(current(r));
	current(r)->branched = true;
	skip(r, 1);
}

static void
take_one(struct reader *r)
{
	int c = peek(r, 0);

	switch (c) {
	case '\\':
		take_escape(r);
		break;
	case '[':
		take_class(r);
		break;
	case '(':
		take_open(r);
		break;
	case ')':
		take_close(r);
		break;
	case '|':
		take_branch(r);
		break;
	case '.':
	case '^':
	case '$':
		skip(r, 1);
		take_vague(r);
		break;
	case '*':
	case '+':
	case '?':
	case '{':
		r->lost = true; /* behind nothing that could be repeated */
		break;
	default:
		skip(r, 1);
		take_literal(r, c);
	}
}

static void
give(struct reader *r, const struct words *w)
{
	struct regex_need *out = r->out;

	for (size_t i = 0; i < w->n; i++) {
		memcpy(out->words[i].text, w->v[i].p, w->v[i].len);
		out->words[i].len = w->v[i].len;
	}
	out->n = w->n;
}

void
regex_need(struct slice pattern, struct regex_need *out)
{
	struct reader r = { .rest = pattern, .out = out };
	struct words w;

	*out = (struct regex_need){ .n = 0 };
	/* Such are matched by characters, with cases beyond ASCII. */
	for (size_t i = 0; i < pattern.len; i++)
		if ((unsigned char)pattern.p[i] >= 128 || pattern.p[i] == '\0')
			return;
	if (peek(&r, 0) == '^') {
		skip(&r, 1);
		r.at_front = !take_quantifier(&r).any;
	}
	while (r.rest.len > 0 && !r.lost)
		take_one(&r);
	if (r.lost || r.depth > 0 || r.groups[0].branched)
		out->front_len = 0;
	if (r.lost || r.depth > 0)
		return;
	w = end_group(&r);
	give(&r, &w);
}
