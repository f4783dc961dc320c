/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/acct_filter.h"

#include <string.h>

#include "lib/glob.h"

/*
 * Neither a domain nor the name of a virtual MTA has a slash, so that one
 * pattern with a slash fits the two halves each by its own.
 */
struct rule {
	bool negative;
	const char *pattern; /* "domain/vmta" */
};

struct acct_filter {
	size_t count;
	struct rule *rules;
};

static void
add_rule(struct region *rg, struct acct_filter *f, bool negative,
    const char *below, struct slice text)
{
	const char *vmta = memchr(text.p, '/', text.len) == NULL ?
	    "/{default}" :
	    "";

	f->rules[f->count++] = (struct rule){ negative,
		region_printf(rg, "%s%.*s%s", below, (int)text.len, text.p,
		    vmta) };
}

static int
check_pattern(struct slice text, const char *item, struct err *e)
{
	const char *slash = memchr(text.p, '/', text.len);
	const char *end = text.p + text.len;

	if (text.len == 0 || slash == text.p || slash == end - 1)
		return err_set(e, "\"%s\" is not DOMAIN/VMTA", item);
	if (slash != NULL &&
	    memchr(slash + 1, '/', (size_t)(end - slash - 1)) != NULL)
		return err_set(e, "\"%s\" has two slashes", item);
	if (strcspn(text.p, " \t") < text.len)
		return err_set(e,
		    "\"%s\" has a blank: commas stand between patterns", item);
	return 0;
}

static int
add_pattern(struct region *rg, struct acct_filter *f, const char *item,
    struct err *e)
{
	bool negative = item[0] == '!';
	bool with_below;
	struct slice text = slice_trim(slice_of(item + negative));

	with_below = text.len >= 4 && memcmp(text.p, "[*.]", 4) == 0;
	if (with_below)
		text = (struct slice){ text.p + 4, text.len - 4 };
	if (check_pattern(text, item, e) == -1)
		return -1;
	add_rule(rg, f, negative, "", text);
	if (with_below)
		add_rule(rg, f, negative, "*.", text);
	return 0;
}

int
acct_filter_make(struct region *rg, const struct conf_strs *patterns,
    const struct acct_filter **f_r, struct err *e)
{
	struct acct_filter *f = region_new_obj(rg, struct acct_filter);

	*f_r = NULL;
	if (patterns->n > ACCT_PATTERNS_MAX)
		return err_set(e, "more than %d patterns", ACCT_PATTERNS_MAX);
	f->rules = region_array(rg, 2 * patterns->n + 1, sizeof(f->rules[0]));
	for (size_t i = 0; i < patterns->n; i++)
		if (add_pattern(rg, f, patterns->v[i], e) == -1)
			return -1;
	*f_r = f;
	return 0;
}

bool
acct_filter_takes(const struct acct_filter *f, enum acct_type t,
    const char *queue)
{
	if (f == NULL || (ACCT_FILTERED & ACCT_BIT(t)) == 0)
		return true;
	for (size_t i = 0; i < f->count; i++)
		if (glob_match(f->rules[i].pattern, queue))
			return !f->rules[i].negative;
	return false;
}

bool
acct_filter_takes_any(const struct acct_filter *f)
{
	for (size_t i = 0; f != NULL && i < f->count; i++)
		if (!f->rules[i].negative)
			return true;
	return f == NULL;
}

/* ---- several filters together -------------------------------------------- */

/* More is not looked at: no file that a person wrote needs it. */
#define COMPARISONS_MAX 5000000

struct together {
	const struct acct_filter *const *filters;
	size_t count, compared;
};

/* All queues that the pattern fits; what may be taken away first is not. */
static bool
surely_takes(struct together *all, const struct acct_filter *f,
    const char *pattern)
{
	for (size_t i = 0; i < f->count && !f->rules[i].negative; i++) {
		if (++all->compared > COMPARISONS_MAX)
			return false;
		if (glob_covers(f->rules[i].pattern, pattern))
			return true;
	}
	return false;
}

static bool
one_takes(struct together *all, const char *pattern)
{
	for (size_t i = 0; i < all->count; i++)
		if (surely_takes(all, all->filters[i], pattern))
			return true;
	return false;
}

/* Does it take all, but for what the others take? */
static bool
takes_the_rest(struct together *all, const struct acct_filter *f)
{
	for (size_t i = 0; i < f->count; i++) {
		const struct rule *r = &f->rules[i];

		if (!r->negative && glob_covers(r->pattern, "*/*"))
			return true;
		if (r->negative && !one_takes(all, r->pattern))
			return false;
	}
	return false;
}

bool
acct_filters_take_all(const struct acct_filter *const *filters, size_t count)
{
	struct together all = { filters, count, 0 };

	for (size_t i = 0; i < count; i++)
		if (filters[i] == NULL)
			return true;
	for (size_t i = 0; i < count; i++)
		if (takes_the_rest(&all, filters[i]))
			return true;
	return false;
}
