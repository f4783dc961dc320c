/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/acct_match.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/glob.h"
#include "lib/iso_time.h"
#include "lib/regex.h"
#include "mail/acct_field.h"

enum { SLOTS_MAX = 64 };

/* What one option asks of a row; the first one that fits is enough. */
struct condition {
	struct regex *re; /* or */
	char *glob;       /* or */
	char *globs;      /* of glob_list() */
	bool code;        /* it is about the first word as well */
	size_t slots;     /* 0: any column */
	unsigned slot[SLOTS_MAX];
};

struct acct_match {
	unsigned type_slot, time_slot;
	unsigned types; /* bits; 0: all */
	int64_t since_s, until_s;
	struct condition *v;
	size_t n;
};

/* ---- values -------------------------------------------------------------- */

/* The next item of a comma separated list; false: no more. */
static bool
next_item(struct slice *rest, struct slice *item)
{
	const char *comma;

	if (rest->p == NULL)
		return false;
	comma = memchr(rest->p, ',', rest->len);
	if (comma == NULL) {
		*item = slice_trim(*rest);
		rest->p = NULL;
	} else {
		size_t len = (size_t)(comma - rest->p);

		*item = slice_trim((struct slice){ rest->p, len });
		*rest = (struct slice){ comma + 1, rest->len - len - 1 };
	}
	return true;
}

static int
read_types(const char *list, unsigned *types, struct err *e)
{
	struct slice rest = slice_of(list), item;
	enum acct_type t;

	while (next_item(&rest, &item)) {
		if (!acct_type_find(item, &t))
			return err_set(e, "\"%.*s\" is no type of record",
			    (int)item.len, item.p);
		*types |= ACCT_BIT(t);
	}
	return 0;
}

int
acct_match_check_types(const char *list, struct err *e)
{
	unsigned types = 0;

	return read_types(list, &types, e);
}

/* "[rcpt,orig]PATTERN" into its two halves; no columns: an empty list. */
static int
split_pattern(const char *value, struct slice *columns_r,
    struct slice *pattern_r, struct err *e)
{
	const char *end;

	*columns_r = (struct slice){ NULL, 0 };
	*pattern_r = slice_of(value);
	if (value[0] != '[')
		return 0;
	end = strchr(value, ']');
	if (end == NULL)
		return err_set(e, "\"%s\" has no ]", value);
	*columns_r = (struct slice){ value + 1, (size_t)(end - value - 1) };
	*pattern_r = slice_of(end + 1);
	return 0;
}

int
acct_match_check_pattern(const char *value, struct err *e)
{
	struct slice columns, pattern, item;
	size_t n = 0;

	if (split_pattern(value, &columns, &pattern, e) == -1)
		return -1;
	if (pattern.len == 0)
		return err_set(e, "there is no pattern");
	while (next_item(&columns, &item)) {
		if (item.len == 0)
			return err_set(e, "a column without a name");
		if (++n > SLOTS_MAX)
			return err_set(e, "more than %d columns", SLOTS_MAX);
	}
	return regex_check(pattern, e);
}

int
acct_match_check_header(const char *value, struct err *e)
{
	const char *colon = strchr(value, ':');

	if (colon == NULL || colon == value || colon[1] == '\0')
		return err_set(e, "a header field, a colon and a pattern");
	return 0;
}

static int64_t
read_ago(const char *value)
{
	int64_t us;
	struct err e;

	if (str_to_interval(slice_of(value), &us, &e) == -1 ||
	    us == INTERVAL_NEVER)
		return ISO_TIME_NONE;
	return (clock_wall_us() - us) / US_PER_S;
}

/* A time, or how long ago; ISO_TIME_NONE: it is neither. */
int64_t
acct_match_time(const char *value)
{
	int64_t t;

	/* Years have four digits: "2026" alone is nobody's Unix time. */
	if (strlen(value) >= 9) {
		t = iso_time(slice_of(value));
		if (t != ISO_TIME_NONE)
			return t;
	}
	return read_ago(value);
}

int
acct_match_check_time(const char *value, struct err *e)
{
	if (acct_match_time(value) != ISO_TIME_NONE)
		return 0;
	return err_set(e,
	    "\"%s\" is neither 2026-11-20, \"2026-11-20 14:00:00\", Unix "
	    "seconds, nor how long ago, as 2h",
	    value);
}

int64_t
acct_match_since(const struct ctl_options *opt)
{
	int64_t since = INT64_MIN;

	for (size_t i = 0; i < opt->given_count; i++) {
		const struct ctl_given *g = &opt->given[i];
		int64_t t;

		if (g->option == OPT_SINCE)
			t = acct_match_time(g->value);
		else if (g->option == OPT_LAST)
			t = read_ago(g->value);
		else
			continue;
		CHECK(t != ISO_TIME_NONE);
		since = t > since ? t : since;
	}
	return since;
}

/* ---- conditions ---------------------------------------------------------- */

static struct condition *
add_condition(struct acct_match *m)
{
	m->v = mem_realloc(m->v, (m->n + 1) * sizeof(*m->v));
	m->v[m->n] = (struct condition){ 0 };
	return &m->v[m->n++];
}

static void
add_pattern(struct acct_match *m, struct acct_reader *rows, const char *value)
{
	struct condition *c = add_condition(m);
	struct slice columns, pattern, item;
	struct err e;

	CHECK(split_pattern(value, &columns, &pattern, &e) == 0);
	CHECK(regex_new(pattern, &c->re, &e) == 0);
	while (next_item(&columns, &item)) {
		char *name = mem_strndup(item.p, item.len);

		c->slot[c->slots++] = acct_reader_ask(rows, name);
		free(name);
	}
}

static struct condition *
add_glob(struct acct_match *m, struct acct_reader *rows, const char *column,
    const char *glob)
{
	struct condition *c = add_condition(m);

	c->glob = mem_strdup(glob);
	c->slot[c->slots++] = acct_reader_ask(rows, column);
	return c;
}

/* A list: any of them. */
static void
add_globs(struct acct_match *m, struct acct_reader *rows, const char *column,
    const char *list)
{
	struct condition *c = add_condition(m);

	c->globs = glob_list(list);
	c->slot[c->slots++] = acct_reader_ask(rows, column);
}

/* As everywhere: DOMAIN alone is DOMAIN of all virtual MTAs. */
static void
add_queue(struct acct_match *m, struct acct_reader *rows, const char *value)
{
	struct buf b = { 0 };

	buf_str(&b, value);
	if (strchr(value, '/') == NULL)
		buf_str(&b, "/*");
	(void)add_glob(m, rows, "queue", buf_cstr(&b));
	buf_fini(&b);
}

/* What is behind the last @: a pattern has none itself. */
static void
add_domain(struct acct_match *m, struct acct_reader *rows, const char *value)
{
	struct buf b = { 0 };

	buf_str(&b, "*@");
	buf_str(&b, value);
	(void)add_glob(m, rows, "rcpt", buf_cstr(&b));
	buf_fini(&b);
}

static void
add_header(struct acct_match *m, struct acct_reader *rows, const char *value)
{
	const char *colon = strchr(value, ':');
	struct buf name = { 0 };

	buf_str(&name, "header_");
	buf_add(&name, value, (size_t)(colon - value));
	(void)add_glob(m, rows, buf_cstr(&name),
	    colon + 1 + strspn(colon + 1, " "));
	buf_fini(&name);
}

/* The rest are patterns of one column. */
static void
add_column(struct acct_match *m, struct acct_reader *rows,
    const struct ctl_given *g)
{
	static const struct {
		enum ctl_option option;
		const char *column;
	} columns[] = {
		{ OPT_TO, "rcpt" },
		{ OPT_FROM, "orig" },
		{ OPT_ENVID, "envId" },
		{ OPT_JOBID, "jobId" },
		{ OPT_VMTA, "vmta" },
		{ OPT_RCVSMTPUSER, "rcvSmtpUser" },
		{ OPT_DSNSTATUS, "dsnStatus" },
	};

	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		struct condition *c;

		if (columns[i].option != g->option)
			continue;
		c = add_glob(m, rows, columns[i].column, g->value);
		c->code = g->option == OPT_DSNSTATUS;
		/* The null sender is an empty cell. */
		if (g->option == OPT_FROM && strcmp(g->value, "<>") == 0)
			c->glob[0] = '\0';
	}
}

static void
add_option(struct acct_match *m, struct acct_reader *rows,
    const struct ctl_given *g)
{
	struct err e;

	if (g->option == OPT_TYPE)
		CHECK(read_types(g->value, &m->types, &e) == 0);
	else if (g->option == OPT_DELIVERED)
		m->types |= ACCT_BIT(ACCT_D);
	else if (g->option == OPT_BOUNCED)
		m->types |= ACCT_BIT(ACCT_B) | ACCT_BIT(ACCT_RB);
	else if (g->option == OPT_STATUS)
		m->types |= ACCT_BIT(ACCT_T) | ACCT_BIT(ACCT_TQ) |
		    ACCT_BIT(ACCT_RS);
	else if (g->option == OPT_UNTIL)
		m->until_s = acct_match_time(g->value);
	else if (g->option == OPT_MATCH)
		add_pattern(m, rows, g->value);
	else if (g->option == OPT_HEADER)
		add_header(m, rows, g->value);
	else if (g->option == OPT_QUEUE)
		add_queue(m, rows, g->value);
	else if (g->option == OPT_TODOMAIN)
		add_domain(m, rows, g->value);
	else if (g->option == OPT_BOUNCECAT)
		add_globs(m, rows, "bounceCat", g->value);
	else
		add_column(m, rows, g);
}

struct acct_match *
acct_match_new(const struct ctl_options *opt, struct acct_reader *rows)
{
	struct acct_match *m = mem_new(struct acct_match);

	m->type_slot = acct_reader_want(rows, "type");
	m->time_slot = acct_reader_want(rows, "timeLogged");
	m->since_s = acct_match_since(opt);
	m->until_s = INT64_MAX;
	for (size_t i = 0; i < opt->given_count; i++)
		add_option(m, rows, &opt->given[i]);
	return m;
}

void
acct_match_free(struct acct_match **mp)
{
	struct acct_match *m = *mp;

	*mp = NULL;
	if (m == NULL)
		return;
	for (size_t i = 0; i < m->n; i++) {
		regex_free(&m->v[i].re);
		free(m->v[i].glob);
		free(m->v[i].globs);
	}
	free(m->v);
	free(m);
}

/* ---- a row --------------------------------------------------------------- */

static bool
is_type(const struct acct_match *m, const struct acct_row *row)
{
	enum acct_type t;

	return m->types == 0 ||
	    (acct_type_find(acct_cell(row, m->type_slot), &t) &&
		(m->types & ACCT_BIT(t)) != 0);
}

static bool
is_in_time(const struct acct_match *m, const struct acct_row *row)
{
	int64_t t;

	if (m->since_s == INT64_MIN && m->until_s == INT64_MAX)
		return true;
	t = iso_time(acct_cell(row, m->time_slot));
	return t != ISO_TIME_NONE && t >= m->since_s && t < m->until_s;
}

/* "5.1.1 (bad destination mailbox address)" without what is in brackets. */
static struct slice
first_word(struct slice s)
{
	const char *blank = memchr(s.p, ' ', s.len);

	return blank == NULL ? s : (struct slice){ s.p, (size_t)(blank - s.p) };
}

static bool
fits(const struct condition *c, struct slice text)
{
	if (c->re != NULL)
		return regex_match(c->re, text.p, text.len);
	if (c->globs != NULL)
		return glob_list_match(c->globs, text);
	return glob_match_slice(c->glob, text) ||
	    (c->code && glob_match_slice(c->glob, first_word(text)));
}

static bool
holds(const struct condition *c, const struct acct_row *row)
{
	for (size_t i = 0; i < c->slots; i++)
		if (acct_has(row, c->slot[i]) &&
		    fits(c, acct_cell(row, c->slot[i])))
			return true;
	for (size_t i = 0; c->slots == 0 && i < row->columns; i++)
		if (fits(c, row->cells[i]))
			return true;
	return false;
}

bool
acct_match_takes(const struct acct_match *m, const struct acct_row *row)
{
	if (!is_type(m, row) || !is_in_time(m, row))
		return false;
	for (size_t i = 0; i < m->n; i++)
		if (!holds(&m->v[i], row))
			return false;
	return true;
}
