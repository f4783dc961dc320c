/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The section retry: rules by domain, each a list of steps until a time since
 * the first failure, become retry-after and bounce-after.
 *
 *	rule = pattern error [ "senders=" list ] step *( ";" step )
 *	step = "F," until "," interval
 *	     / "G," until "," interval "," factor
 *	     / "H," until "," interval "," factor
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "compat/exim/ex_import_priv.h"
#include "lib/clock.h"

#define STEPS_MAX 20
#define TIMES_MAX 30 /* in one list of ours */

struct step {
	char kind; /* 'F', 'G' or 'H' */
	int64_t until_s, interval_s;
	double factor;
};

struct schedule {
	struct step v[STEPS_MAX];
	size_t n;
};

/* The part up to a comma, or the end. */
static const char *
take_part(struct region *rg, const char **at)
{
	size_t len = strcspn(*at, ",");
	struct slice s = slice_trim((struct slice){ *at, len });

	*at += len + ((*at)[len] == ',');
	return region_strndup(rg, s.p, s.len);
}

static bool
parse_step(struct region *rg, const char *text, struct step *s)
{
	const char *at = text, *factor;
	const char *kind = take_part(rg, &at);
	char *end;

	s->kind = (char)toupper((unsigned char)kind[0]);
	if (kind[0] == '\0' || kind[1] != '\0' ||
	    strchr("FGH", s->kind) == NULL)
		return false;
	s->until_s = ex_time_s(take_part(rg, &at));
	s->interval_s = ex_time_s(take_part(rg, &at));
	s->factor = 1;
	if (s->kind != 'F') {
		factor = take_part(rg, &at);
		s->factor = strtod(factor, &end);
		if (end == factor || *end != '\0' || !(s->factor >= 1) ||
		    s->factor > 1000)
			return false;
	}
	return s->until_s > 0 && s->interval_s > 0 && *at == '\0';
}

static bool
parse_schedule(struct region *rg, const char *text, struct schedule *out)
{
	struct ex_cursor at = { .rest = text, .separator = ';' };
	const char *item;

	out->n = 0;
	while ((item = ex_cursor_next(&at, rg)) != NULL) {
		if (out->n == STEPS_MAX ||
		    !parse_step(rg, item, &out->v[out->n]) ||
		    (out->n > 0 &&
			out->v[out->n].until_s < out->v[out->n - 1].until_s))
			return false;
		out->n++;
	}
	return true;
}

/*
 * When Exim would try again, as it counts from the first failure: the first
 * step whose end is not over says how long to wait.  H is random; its longest
 * waits are those of G.
 */
static const char *
times_of(struct ex_import *im, const struct schedule *s, bool *cut_r)
{
	const int64_t most_s = ex_time_s(
	    ex_conf_value(ex_main(im->conf), "retry_interval_max"));
	int64_t now_s = 0, last_s = 0, waits[TIMES_MAX] = { 0 };
	size_t n = 0, k = 0;
	struct buf b = { 0 };
	const char *text;

	*cut_r = false;
	while (now_s < s->v[s->n - 1].until_s) {
		int64_t wait_s;

		while (k + 1 < s->n && now_s >= s->v[k].until_s)
			k++, last_s = 0;
		wait_s = s->v[k].kind == 'F' || last_s == 0 ?
		    s->v[k].interval_s :
		    (int64_t)((double)last_s * s->v[k].factor);
		if (most_s > 0 && wait_s > most_s)
			wait_s = most_s;
		last_s = wait_s;
		now_s += wait_s;
		/* The last one of a list stays. */
		if (k + 1 == s->n && s->v[k].kind == 'F' && n > 0 &&
		    waits[n - 1] == wait_s)
			break;
		if (n == TIMES_MAX) {
			*cut_r = true;
			waits[n - 1] = s->v[s->n - 1].interval_s;
			break;
		}
		waits[n++] = wait_s;
	}
	while (n > 1 && waits[n - 1] == waits[n - 2])
		n--;
	for (size_t i = 0; i < n; i++) {
		buf_str(&b, i == 0 ? "" : ", ");
		str_interval(&b, waits[i] * US_PER_S);
	}
	text = region_strdup(im->rg, buf_cstr(&b));
	buf_fini(&b);
	return text;
}

static void
put_schedule(struct ex_import *im, const struct import_fact *fact,
    const char *pattern, const struct schedule *s)
{
	struct import_block *b = import_block(im->out, import_top(im->out),
	    "domain", pattern);
	bool cut;
	const char *times = times_of(im, s, &cut);
	const char *comment = REGION_JOIN(im->rg, "retry, ", fact->where);
	struct buf until = { 0 };

	str_interval(&until, s->v[s->n - 1].until_s * US_PER_S);
	(void)import_add(b, "retry-recipients-after", times, comment);
	(void)import_add(b, "retry-after", times, comment);
	(void)import_add(b, "bounce-after", buf_cstr(&until), comment);
	import_tell(im->report, IMPORT_CHANGED, fact,
	    "retry-after and retry-recipients-after %s, bounce-after %s in "
	    "<domain %s>: Exim counts from the first failure of a host, "
	    "Mailrace from when the message came%s",
	    times, buf_cstr(&until), pattern,
	    cut ? "; these are the first times of more" : "");
	buf_fini(&until);
}

/* A word off the front, in quotes or not. */
static const char *
take_word(struct region *rg, const char **at)
{
	const char *p = *at + strspn(*at, " \t");
	size_t len = *p == '"' ? strcspn(p + 1, "\"") : strcspn(p, " \t");

	if (*p == '"') {
		*at = p + 1 + len + (p[1 + len] == '"');
		return region_strndup(rg, p + 1, len);
	}
	*at = p + len;
	return region_strndup(rg, p, len);
}

/* One rule; the first that fits a domain counts. */
static void
read_rule(struct ex_import *im, const struct ex_line *line,
    struct ex_points *seen)
{
	const struct import_fact fact = { "retry", line->text,
		region_printf(im->rg, "section retry, rule %u", line->number),
		false };
	const char *at = line->text, *pattern = take_word(im->rg, &at);
	const char *error = take_word(im->rg, &at);
	struct ex_point point = { 0 };
	struct schedule s;

	if (strcmp(error, "*") != 0) {
		import_tell(im->report, IMPORT_LOST, &fact,
		    "manual: a rule for one kind of error; see "
		    "<smtp-pattern-list> and retry-interval of <dsn-rule>");
		return;
	}
	at += strspn(at, " \t");
	if (strncmp(at, "senders=", 8) == 0) {
		import_tell(im->report, IMPORT_LOST, &fact,
		    "manual: a rule for single senders");
		return;
	}
	if (strcmp(pattern, "*") != 0 &&
	    (!ex_point_parse(im->rg, pattern, &point) || point.local != NULL)) {
		import_tell(im->report, IMPORT_LOST, &fact,
		    "manual: \"%s\" is no plain domain", pattern);
		return;
	}
	for (size_t i = 0; i < seen->n; i++)
		if (seen->v[i].domain == NULL ||
		    ex_point_eq(&seen->v[i], &point)) {
			import_tell(im->report, IMPORT_LOST, &fact,
			    "Exim does not find it, either: a rule before it "
			    "takes all that it is about");
			return;
		}
	ex_points_add(seen, im->rg, &point);
	if (!parse_schedule(im->rg, at, &s))
		import_tell(im->report, IMPORT_LOST, &fact,
		    "manual: its times are not understood");
	else if (s.n == 0)
		import_tell(im->report, IMPORT_LOST, &fact,
		    "manual: Exim gives such mail back at the first failure");
	else
		put_schedule(im, &fact, ex_pattern(im, &point), &s);
}

void
ex_retry(struct ex_import *im)
{
	const struct import_fact none = { "retry", "", "section retry", false };
	struct ex_points seen = { 0 };
	bool all = false;

	for (size_t i = 0; i < im->conf->retry.n; i++)
		read_rule(im, &im->conf->retry.v[i], &seen);
	for (size_t i = 0; i < seen.n; i++)
		all = all || seen.v[i].domain == NULL;
	if (!all)
		import_tell(im->report, IMPORT_LOST, &none,
		    "of mail that no rule is about Exim gives back what fails "
		    "once; here it waits as retry-after says");
}
