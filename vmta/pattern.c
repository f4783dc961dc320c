/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/pattern.h"

#include <stdio.h>
#include <string.h>

#include "lib/check.h"
#include "vmta/snapshot_priv.h"

static bool
match_address(const struct regex *re, const char *address)
{
	char bracketed[600];
	size_t len = strlen(address);

	if (regex_match(re, address, len))
		return true;
	if (len + 2 >= sizeof(bracketed))
		return false; /* longer than RFC 5321 allows by half */
	(void)snprintf(bracketed, sizeof(bracketed), "<%s>", address);
	return regex_match(re, bracketed, len + 2);
}

static bool
match_row(const struct pattern_row *row, const struct pattern_subject *m)
{
	switch (row->what) {
	case PATTERN_MAIL_FROM:
		return match_address(row->re, m->sender);
	case PATTERN_RCPT_TO:
		for (size_t i = 0; i < m->rcpt_count; i++)
			if (match_address(row->re, m->rcpts[i]))
				return true;
		return false;
	case PATTERN_HEADER:
		for (size_t i = 0; m->headers != NULL && i < m->headers->n;
		     i++) {
			const struct header *h = &m->headers->v[i];

			if (slice_eq_nocase(h->name, row->header) &&
			    regex_match(row->re, h->value.p, h->value.len))
				return true;
		}
		return false;
	case PATTERN_ANY:
		return true;
	}
	return false;
}

/* What the row says; what an inner list has said already stays. */
static void
take_result(struct pattern_match *out, const struct pattern_row *row)
{
	if (row->vmta != NULL)
		out->vmta = row->vmta;
	if (row->has_priority) {
		out->priority = row->priority;
		out->has_priority = true;
	}
}

bool
pattern_list_match(const struct snapshot *s, const char *list,
    const struct pattern_subject *subject, struct pattern_match *out)
{
	const struct pattern_list *first = pattern_lists_find(s->patterns,
	    list);
	const struct pattern_row *callers[PATTERN_DEPTH];
	const struct pattern_row *row;
	size_t depth = 0;

	*out = (struct pattern_match){ 0 };
	if (first == NULL)
		return false;
	row = first->rows;
	for (;;) {
		while (row != NULL && !match_row(row, subject))
			row = row->next;
		if (row != NULL && row->call != NULL) {
			CHECK(depth < PATTERN_DEPTH);
			callers[depth++] = row;
			row = row->call->rows;
			continue;
		}
		if (row != NULL || depth == 0)
			break;
		/* Nothing in the inner list: its row alone, or the next. */
		row = callers[--depth];
		if (row->vmta != NULL || row->has_priority)
			break;
		row = row->next;
	}
	if (row == NULL)
		return false;
	/* Outer rows first, so that what an inner one says counts more. */
	for (size_t i = 0; i < depth; i++)
		take_result(out, callers[i]);
	take_result(out, row);
	return true;
}
