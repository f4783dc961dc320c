/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/merge.h"

#include <string.h>

#include "mail/addr.h"
#include "mail/envelope.h"
#include "mail/spans.h"
#include "mail/xtext.h"

enum { PRIORITY_MAX = 100 };

#define BAD_SYNTAX "501 5.5.4 XDFN: syntax error"
#define BAD_VALUE \
	"501 5.5.4 XDFN: how to write a quote or backslash in a value is not known"

/* ---- names --------------------------------------------------------------- */

static bool
is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_name_char(char c)
{
	return is_alpha(c) || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
	    c == '.';
}

/* Of the variable at the start of the text; 0: there is none. */
static size_t
name_len(struct slice text)
{
	size_t at = text.len > 0 && text.p[0] == '*', n = at;

	if (n == text.len || !is_alpha(text.p[n]))
		return 0;
	while (n < text.len && n <= MERGE_NAME_MAX &&
	    (at == 0 ? is_name_char(text.p[n]) : is_alpha(text.p[n])))
		n++;
	return n > MERGE_NAME_MAX ? 0 : n;
}

static void
lower_name(struct slice name, char out[MERGE_NAME_MAX + 1])
{
	memcpy(out, name.p, name.len);
	out[name.len] = '\0';
	str_lower(out);
}

/* ---- variables ----------------------------------------------------------- */

/* Where it is, or belongs. */
static size_t
place_of(const struct merge_vars *vars, const char *name, bool *there_r)
{
	size_t from = 0, to = vars->n;

	*there_r = false;
	while (from < to && !*there_r) {
		size_t mid = from + (to - from) / 2;
		int order = strcmp(name, vars->v[mid].name);

		*there_r = order == 0;
		if (order <= 0)
			to = mid;
		else
			from = mid + 1;
	}
	return to;
}

void
merge_put(struct merge_vars *vars, struct region *rg, const char *name,
    struct slice value)
{
	bool there;
	size_t at = place_of(vars, name, &there);

	if (!there) {
		vars->v = region_grow(rg, vars->v, vars->n, sizeof(*vars->v));
		memmove(vars->v + at + 1, vars->v + at,
		    (vars->n - at) * sizeof(*vars->v));
		vars->v[at].name = name;
		vars->n++;
	}
	vars->v[at].value = value;
}

static const struct slice *
find(const struct merge_vars *vars, const char *name)
{
	bool there;
	size_t at = place_of(vars, name, &there);

	return there ? &vars->v[at].value : NULL;
}

const char *
merge_get(const struct merge_vars *vars, const char *name)
{
	const struct slice *value = find(vars, name);

	return value == NULL ? NULL : value->p;
}

/* ---- numbers of parts ---------------------------------------------------- */

bool
merge_number(struct slice text, unsigned max, unsigned *n_r)
{
	unsigned n = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		n = 10 * n + (unsigned)(text.p[i] - '0');
		if (n > max)
			return false;
	}
	*n_r = n;
	return n > 0;
}

static bool
add_parts(unsigned from, unsigned to, struct region *rg,
    struct merge_parts *out)
{
	if (from > to || out->n + (to - from) >= MERGE_PARTS_MAX)
		return false;
	for (; from <= to; from++) {
		out->v = region_grow(rg, out->v, out->n, sizeof(*out->v));
		out->v[out->n++] = (uint16_t)from;
	}
	return true;
}

/* N or N-M */
static bool
parse_range(struct slice text, struct region *rg, struct merge_parts *out)
{
	const char *dash = memchr(text.p, '-', text.len);
	struct slice second = text;
	unsigned from, to;

	if (dash != NULL) {
		second = (struct slice){ dash + 1,
			(size_t)(text.p + text.len - dash) - 1 };
		text.len = (size_t)(dash - text.p);
	}
	return merge_number(text, MERGE_PARTS_MAX, &from) &&
	    merge_number(second, MERGE_PARTS_MAX, &to) &&
	    add_parts(from, to, rg, out);
}

bool
merge_parts_parse(struct slice text, struct region *rg, struct merge_parts *out)
{
	*out = (struct merge_parts){ 0 };
	for (;;) {
		const char *comma = memchr(text.p, ',', text.len);
		size_t len = comma == NULL ? text.len :
					     (size_t)(comma - text.p);

		if (!parse_range((struct slice){ text.p, len }, rg, out))
			return false;
		if (comma == NULL)
			return true;
		text.p += len + 1;
		text.len -= len + 1;
	}
}

/* ---- reserved variables -------------------------------------------------- */

struct given {
	struct slice value;
	bool utf8;
	struct region *rg; /* to work in: of it nothing is kept */
};

static bool
takes_any(const struct given *g)
{
	return g->value.len > 0;
}

/* "" is the null sender. */
static bool
takes_sender(const struct given *g)
{
	struct addr a;

	return g->value.len == 0 ||
	    (addr_parse(g->value, g->rg, &a) == ADDR_OK &&
		(!a.utf8 || g->utf8));
}

static bool
takes_envid(const struct given *g)
{
	/* Two octets more than there may be: it is not cut off. */
	return g->value.len > 0 &&
	    strlen(xtext_encode(g->value.p, ENVID_MAX + 3, g->rg)) <= ENVID_MAX;
}

static bool
takes_parts(const struct given *g)
{
	struct merge_parts parts;

	return merge_parts_parse(g->value, g->rg, &parts);
}

static bool
takes_priority(const struct given *g)
{
	unsigned n;

	return merge_number(g->value, PRIORITY_MAX, &n);
}

static bool
takes_schedule(const struct given *g)
{
	struct spans spans;
	struct err e;

	return spans_parse(g->value, g->rg, &spans, &e) == 0;
}

/* takes NULL: it cannot be defined, and why is the reason. */
static const struct {
	const char *name;
	bool (*takes)(const struct given *g);
	const char *why;
} reserved[] = {
	{ "*custommessageid", NULL, "is not supported" },
	{ "*date", NULL, "cannot be defined" },
	{ "*envid", takes_envid, NULL },
	{ "*from", takes_sender, NULL },
	{ "*jobid", takes_any, NULL },
	{ "*parts", takes_parts, NULL },
	{ "*priority", takes_priority, NULL },
	{ "*schedule", takes_schedule, NULL },
	{ "*subaccountid", NULL, "is not supported" },
	{ "*to", NULL, "cannot be defined" },
	{ "*vmta", takes_any, NULL },
};

/* NULL: it may be so. */
static const char *
check_reserved(const char *name, const struct given *g, struct region *rg)
{
	const char *why = "is not a reserved variable";

	for (size_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++) {
		if (strcmp(name, reserved[i].name) != 0)
			continue;
		if (reserved[i].takes != NULL && reserved[i].takes(g))
			return NULL;
		why = reserved[i].why != NULL ? reserved[i].why :
						"cannot have that value";
		break;
	}
	return REGION_JOIN(rg, "501 5.5.4 XDFN: ", name, " ", why);
}

/* ---- XDFN ---------------------------------------------------------------- */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Takes the value; NULL, or the reply. */
static const char *
take_value(struct slice *rest, struct slice *value_r)
{
	bool quoted = rest->len > 0 && rest->p[0] == '"';
	size_t n = quoted;

	while (n < rest->len && rest->p[n] != '"' &&
	    (quoted || !is_blank(rest->p[n]))) {
		if (rest->p[n] == '\\')
			return BAD_VALUE;
		if (((unsigned char)rest->p[n] < ' ' && rest->p[n] != '\t') ||
		    rest->p[n] == 0x7F)
			return BAD_SYNTAX;
		n++;
	}
	*value_r = (struct slice){ rest->p + quoted, n - quoted };
	if (quoted && n == rest->len)
		return BAD_SYNTAX;
	n += quoted;
	if (n < rest->len && !is_blank(rest->p[n]))
		return BAD_VALUE;
	rest->p += n;
	rest->len -= n;
	return NULL;
}

/* name=value; what is behind it stays. */
static const char *
define_one(struct slice *rest, bool utf8, struct region *rg,
    struct merge_vars *vars)
{
	struct given g = { .utf8 = utf8 };
	char name[MERGE_NAME_MAX + 1];
	size_t len = name_len(*rest);
	const char *why;

	if (len == 0 || len == rest->len || rest->p[len] != '=')
		return BAD_SYNTAX;
	lower_name((struct slice){ rest->p, len }, name);
	rest->p += len + 1;
	rest->len -= len + 1;
	why = take_value(rest, &g.value);
	if (why != NULL)
		return why;
	g.value.p = region_strndup(rg, g.value.p, g.value.len);
	if (name[0] == '*') {
		g.rg = region_new();
		why = check_reserved(name, &g, rg);
		region_free(&g.rg);
		if (why != NULL)
			return why;
	}
	if (vars->n >= MERGE_VARS_MAX && find(vars, name) == NULL)
		return "552 5.5.4 XDFN: too many variables";
	merge_put(vars, rg, region_strdup(rg, name), g.value);
	vars->taken++;
	return NULL;
}

const char *
merge_define(struct slice text, bool utf8, struct region *rg,
    struct merge_vars *vars)
{
	const char *why;

	text = slice_trim(text);
	if (text.len == 0)
		return BAD_SYNTAX;
	do {
		why = define_one(&text, utf8, rg, vars);
		text = slice_trim(text);
	} while (why == NULL && text.len > 0);
	return why;
}

/* ---- text ---------------------------------------------------------------- */

/* Behind a bracket: is that what stands for one? */
static bool
is_bracket(struct slice inner)
{
	return inner.len >= 2 && memcmp(inner.p, "[]", 2) == 0;
}

/* Likewise: the name of a variable; 0: it is none. */
static size_t
variable_len(struct slice inner)
{
	size_t len = name_len(inner);

	return len == inner.len || inner.p[len] != ']' ? 0 : len;
}

bool
merge_has_variables(struct slice text)
{
	const char *at;

	while (text.len > 0 && (at = memchr(text.p, '[', text.len)) != NULL) {
		struct slice inner = { at + 1,
			(size_t)(text.p + text.len - at) - 1 };
		size_t skip = is_bracket(inner) ? 2 : 0;

		if (skip == 0 && variable_len(inner) > 0)
			return true;
		text = (struct slice){ inner.p + skip, inner.len - skip };
	}
	return false;
}

/* What begins with a bracket: adds what it stands for, and says its length. */
static size_t
expand_one(struct slice text, const struct merge_vars *vars, bool keeps,
    struct buf *out)
{
	struct slice inner = { text.p + 1, text.len - 1 };
	char name[MERGE_NAME_MAX + 1];
	const struct slice *value;
	size_t len;

	if (is_bracket(inner)) {
		buf_byte(out, '[');
		return 3;
	}
	len = variable_len(inner);
	if (len == 0) {
		buf_byte(out, '[');
		return 1;
	}
	lower_name((struct slice){ inner.p, len }, name);
	value = find(vars, name);
	if (value != NULL)
		buf_add(out, value->p, value->len);
	else if (keeps)
		buf_add(out, text.p, len + 2);
	return len + 2;
}

bool
merge_expand(struct slice text, const struct merge_vars *vars,
    const struct merge_how *how, struct buf *out)
{
	while (text.len > 0) {
		const char *at = memchr(text.p, '[', text.len);
		size_t len = at == NULL ? text.len : (size_t)(at - text.p);

		buf_add(out, text.p, len);
		text.p += len;
		text.len -= len;
		if (text.len > 0) {
			len = expand_one(text, vars, how->keeps_undefined, out);
			text.p += len;
			text.len -= len;
		}
		if (out->len > how->max)
			return false;
	}
	return true;
}
