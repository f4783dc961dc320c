/* SPDX-License-Identifier: Apache-2.0 */
/* An opendkim.conf, and what it says about forms, fields and clients. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/conf_parse.h"
#include "lib/glob.h"
#include "mail/dkim_fields.h"
#include "vmta/opendkim_priv.h"

enum { DEPTH_MAX = 5 /* of Include, as OpenDKIM's */ };

enum fate { FATE_READ, FATE_QUIET, FATE_LOST };

static const struct {
	const char *name;
	enum fate fate;
} settings[] = {
#define S(name, fate) { name, FATE_##fate },
#include "vmta/opendkim.def"
#undef S
};

/* Of each setting the last line, by its number in the table. */
struct conf {
	const struct opendkim_reader *r;
	const struct opendkim_line *by; /* the line that names the file */
	struct opendkim_line lines[sizeof(settings) / sizeof(settings[0])];
};

static size_t
setting_named(struct slice name)
{
	size_t i = 0;

	while (i < sizeof(settings) / sizeof(settings[0]) &&
	    !slice_eq_nocase(name, settings[i].name))
		i++;
	return i;
}

/* NULL: it is not set. */
static const struct opendkim_line *
line_of(const struct conf *c, const char *name)
{
	const struct opendkim_line *l =
	    &c->lines[setting_named(slice_of(name))];

	return l->name == NULL ? NULL : l;
}

/* ---- the file ---------------------------------------------------------------- */

/* A file that is being read; those that include it are below it. */
struct source {
	struct slice text;
	struct opendkim_line at; /* the line it is at */
};

/* by->value is the path. */
static int
open_source(const struct conf *c, const struct opendkim_line *by,
    struct source *out)
{
	*out = (struct source){ 0 };
	out->at.file = conf_path(c->r->rg, by->file, by->value);
	return opendkim_text(c->r, by, out->at.file, &out->text);
}

static void
split_line(const struct conf *c, struct slice line, struct opendkim_line *at)
{
	size_t len = 0;
	struct slice value;

	while (len < line.len && line.p[len] != ' ' && line.p[len] != '\t')
		len++;
	value = slice_trim((struct slice){ line.p + len, line.len - len });
	at->name = region_strndup(c->r->rg, line.p, len);
	at->value = region_strndup(c->r->rg, value.p, value.len);
}

/* -1: said. */
static int
keep_line(struct conf *c, const struct opendkim_line *l)
{
	struct conf_errors *errs = c->r->errs;
	size_t i = setting_named(slice_of(l->name));

	if (i == sizeof(settings) / sizeof(settings[0])) {
		conf_warning(errs, l->file, l->line,
		    "%s is not known, and has no effect", l->name);
		return 0;
	}
	if (l->value[0] == '\0') {
		conf_error(errs, l->file, l->line, "%s: its value is missing",
		    l->name);
		return -1;
	}
	if (settings[i].fate == FATE_LOST)
		conf_warning(errs, l->file, l->line, "%s has no effect here",
		    l->name);
	c->lines[i] = *l;
	c->lines[i].name = settings[i].name;
	return 0;
}

static int
read_conf(struct conf *c)
{
	struct source open[DEPTH_MAX + 1];
	size_t depth = 0;
	struct slice line;
	int rc = open_source(c, c->by, &open[depth++]);

	while (depth > 0) {
		struct source *s = &open[depth - 1];

		if (!opendkim_next_line(&s->text, &s->at.line, &line)) {
			depth--;
			continue;
		}
		split_line(c, line, &s->at);
		rc |= keep_line(c, &s->at);
		if (!str_eq_nocase(s->at.name, "Include") ||
		    s->at.value[0] == '\0')
			continue;
		if (depth <= DEPTH_MAX) {
			rc |= open_source(c, &s->at, &open[depth++]);
			continue;
		}
		conf_error(c->r->errs, s->at.file, s->at.line,
		    "Include: files are nested more than %d deep", DEPTH_MAX);
		rc = -1;
	}
	return rc;
}

/* ---- single values ------------------------------------------------------------- */

/* Only the first byte counts, as opendkim.conf(5) says. */
static int
read_bool(const struct conf *c, const char *name, bool *out)
{
	const struct opendkim_line *l = line_of(c, name);

	*out = l != NULL && strchr("TtYy1", l->value[0]) != NULL;
	if (l == NULL || strchr("TtYy1FfNn0", l->value[0]) != NULL)
		return 0;
	conf_error(c->r->errs, l->file, l->line, "%s: \"%s\" is not yes or no",
	    name, l->value);
	return -1;
}

static int
read_canon(const struct opendkim_line *l, struct slice word, enum canon *out,
    struct conf_errors *errs)
{
	if (slice_eq_nocase(word, "relaxed"))
		*out = CANON_RELAXED;
	else if (slice_eq_nocase(word, "simple"))
		*out = CANON_SIMPLE;
	else {
		conf_error(errs, l->file, l->line,
		    "%s: \"%.*s\" is neither simple nor relaxed", l->name,
		    (int)word.len, word.p);
		return -1;
	}
	return 0;
}

/* Without a slash the body's is simple, as in c= of a signature. */
static int
read_canons(const struct conf *c, struct dkim_sign_opts *o)
{
	const struct opendkim_line *l = line_of(c, "Canonicalization");
	const char *value;
	size_t len;

	o->header_canon = o->body_canon = CANON_SIMPLE;
	if (l == NULL)
		return 0;
	value = l->value;
	len = strcspn(value, "/");
	if (read_canon(l, (struct slice){ value, len }, &o->header_canon,
		c->r->errs) == -1)
		return -1;
	if (value[len] == '\0')
		return 0;
	return read_canon(l, slice_of(value + len + 1), &o->body_canon,
	    c->r->errs);
}

static int
read_ttl(const struct conf *c, struct dkim_sign_opts *o)
{
	const struct opendkim_line *l = line_of(c, "SignatureTTL");
	uint64_t s = 0;
	struct err e;

	if (l != NULL &&
	    (str_to_u64(slice_of(l->value), &s, &e) == -1 || s > INT_MAX)) {
		conf_error(c->r->errs, l->file, l->line,
		    "SignatureTTL: \"%s\" is not a number of seconds",
		    l->value);
		return -1;
	}
	o->expire_s = (int64_t)s;
	return 0;
}

static int
read_mode(const struct conf *c)
{
	const struct opendkim_line *l = line_of(c, "Mode");

	if (l == NULL || strchr(l->value, 's') != NULL)
		return 0;
	conf_warning(c->r->errs, l->file, l->line,
	    "Mode: it does not sign there, and does here");
	return 0;
}

/* The algorithm is the key's. */
static int
read_algorithm(const struct conf *c)
{
	const struct opendkim_line *l = line_of(c, "SignatureAlgorithm");

	if (l != NULL && str_eq_nocase(l->value, "rsa-sha1"))
		conf_warning(c->r->errs, l->file, l->line,
		    "SignatureAlgorithm: nobody accepts rsa-sha1 any more "
		    "(RFC 8301): rsa-sha256 is used");
	return 0;
}

/* ---- sets ------------------------------------------------------------------------ */

static int
read_set(const struct conf *c, const char *name, struct opendkim_set *out)
{
	const struct opendkim_line *base = line_of(c, "BaseDirectory");
	const struct opendkim_line *l = line_of(c, name);

	*out = (struct opendkim_set){ 0 };
	return l == NULL ?
	    0 :
	    opendkim_set_read(c->r, l, base == NULL ? NULL : base->value, out);
}

static int
read_sender(const struct conf *c, struct opendkim *o)
{
	struct opendkim_set set;
	bool known = false;

	if (read_set(c, "SenderHeaders", &set) == -1)
		return -1;
	for (size_t i = 0; i < set.n; i++) {
		const struct opendkim_item *item = &set.v[i];

		if (str_eq_nocase(item->key, "Sender") ||
		    str_eq_nocase(item->key, "From")) {
			o->sender_first = o->sender_first ||
			    (!known && str_eq_nocase(item->key, "Sender"));
			known = true;
		} else {
			conf_warning(c->r->errs, item->file, item->line,
			    "SenderHeaders: only From and Sender are looked "
			    "at, not %s",
			    item->key);
		}
	}
	return 0;
}

/* Names of hosts are not looked up for each client. */
static int
read_inside(const struct conf *c, struct opendkim *o)
{
	struct opendkim_set set;
	static char local[] = "127.0.0.1";
	struct opendkim_item dflt = { .key = local };
	struct err e;

	if (read_set(c, "InternalHosts", &set) == -1)
		return -1;
	if (set.n == 0)
		set = (struct opendkim_set){ .n = 1, .v = &dflt };
	o->inside = region_array(c->r->rg, set.n, sizeof(*o->inside));
	o->inside_not = region_array(c->r->rg, set.n, sizeof(bool));
	for (size_t i = 0; i < set.n; i++) {
		const char *text = set.v[i].key;
		bool negated = text[0] == '!';

		if (net_prefix_parse(slice_of(text + negated),
			&o->inside[o->inside_n], &e) == 0)
			o->inside_not[o->inside_n++] = negated;
		else if (strpbrk(text + negated, "/:") == NULL)
			conf_warning(c->r->errs, set.v[i].file, set.v[i].line,
			    "InternalHosts: names are not looked up: %s", text);
		else {
			conf_error(c->r->errs, set.v[i].file, set.v[i].line,
			    "InternalHosts: %s", e.text);
			return -1;
		}
	}
	return 0;
}

/* ---- fields ------------------------------------------------------------------------ */

/* What OpenDKIM 2.11 signs beside From, and what it leaves out. */
static const char *const signed_fields[] = { "Reply-To", "Subject", "Date",
	"To", "Cc", "Resent-Date", "Resent-From", "Resent-Sender", "Resent-To",
	"Resent-Cc", "In-Reply-To", "References", "List-Id", "List-Help",
	"List-Unsubscribe", "List-Subscribe", "List-Post", "List-Owner",
	"List-Archive", NULL };
static const char *const omitted_fields[] = { "Return-Path", "Received",
	"Comments", "Keywords", "Bcc", "Resent-Bcc", "DKIM-Signature", NULL };
static const char *const no_fields[] = { NULL };

static void
append(const struct conf *c, struct slice *list, const char *name)
{
	*list = slice_of(region_printf(c->r->rg, "%.*s%s%s", (int)list->len,
	    list->p, list->len == 0 ? "" : ", ", name));
}

/* Is it in the set, behind a "-"? */
static bool
is_taken_out(const struct opendkim_set *set, const char *name)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->v[i].key[0] == '-' &&
		    str_eq_nocase(set->v[i].key + 1, name))
			return true;
	return false;
}

/*
 * A list, or, where "*" is in it, what differs from the default: +NAME and
 * -NAME (OmitHeaders).
 */
static int
read_fields(const struct conf *c, const char *name, const char *const *dflt,
    struct slice *list)
{
	struct opendkim_set set;
	bool delta = line_of(c, name) == NULL;

	*list = (struct slice){ "", 0 };
	if (read_set(c, name, &set) == -1)
		return -1;
	for (size_t i = 0; i < set.n; i++)
		delta = delta || strcmp(set.v[i].key, "*") == 0;
	for (; delta && *dflt != NULL; dflt++)
		if (!is_taken_out(&set, *dflt))
			append(c, list, *dflt);
	for (size_t i = 0; i < set.n; i++) {
		const char *key = set.v[i].key;

		if (strcmp(key, "*") != 0 && strcmp(key, ".") != 0 &&
		    !(delta && key[0] == '-'))
			append(c, list, key + (delta && key[0] == '+'));
	}
	return 0;
}

/* A name in which "*" is any text, as an expression. */
static void
append_pattern(struct buf *out, struct slice name)
{
	buf_str(out, "/^");
	for (size_t i = 0; i < name.len; i++) {
		if (name.p[i] == '*')
			buf_byte(out, '.');
		else if (strchr("\\^$.[]|()?+{}/", name.p[i]) != NULL)
			buf_byte(out, '\\');
		buf_byte(out, name.p[i]);
	}
	buf_str(out, "$/");
}

/* The names that are not omitted, those with "*" as expressions. */
static struct slice
with_patterns(const struct conf *c, struct slice list, const char *omit)
{
	char *omitted = glob_list(omit);
	struct buf out = { 0 };
	const char *text;

	while (list.len > 0) {
		const char *comma = memchr(list.p, ',', list.len);
		size_t len = comma == NULL ? list.len :
					     (size_t)(comma - list.p);
		struct slice name = slice_trim((struct slice){ list.p, len });

		list.p += len + (comma != NULL);
		list.len -= len + (comma != NULL);
		if (glob_list_match(omitted, name))
			continue;
		if (out.len > 0)
			buf_byte(&out, ',');
		if (memchr(name.p, '*', name.len) != NULL)
			append_pattern(&out, name);
		else
			buf_add(&out, name.p, name.len);
	}
	free(omitted);
	text = region_strndup(c->r->rg, out.len == 0 ? "" : out.p, out.len);
	buf_fini(&out);
	return slice_of(text);
}

static int
read_header_lists(const struct conf *c, struct opendkim *o)
{
	const struct opendkim_line *l = line_of(c, "SignHeaders");
	struct dkim_pick pick = { .open_from = true };
	struct err e;

	if (read_fields(c, "SignHeaders", signed_fields, &pick.more) == -1 ||
	    read_fields(c, "OmitHeaders", omitted_fields, &pick.omit) == -1 ||
	    read_fields(c, "OversignHeaders", no_fields, &pick.no_adding) == -1)
		return -1;
	pick.more = with_patterns(c, pick.more, pick.omit.p);
	if (dkim_fields_pick(&pick, &o->fields, &e) == 0) {
		o->opts.fields = o->fields;
		return 0;
	}
	if (l == NULL)
		l = line_of(c, "OversignHeaders");
	CHECK(l != NULL); /* the fields that are signed anyway are right */
	conf_error(c->r->errs, l->file, l->line, "%s: %s", l->name, e.text);
	return -1;
}

/* ---- all of it ------------------------------------------------------------------------ */

static int
read_all(const struct conf *c, struct opendkim *o)
{
	const struct opendkim_tables tables = {
		.reader = c->r,
		.whole = c->by,
		.base = line_of(c, "BaseDirectory"),
		.keys = line_of(c, "KeyTable"),
		.rules = line_of(c, "SigningTable"),
		.domains = line_of(c, "Domain"),
		.selector = line_of(c, "Selector"),
		.key_file = line_of(c, "KeyFile"),
	};
	int rc = 0;

	o->opts.query_method = "";
	o->opts.timestamp = true;
	rc |= read_bool(c, "MultipleSignatures", &o->multiple);
	rc |= read_bool(c, "SubDomains", &o->subdomains);
	rc |= read_canons(c, &o->opts);
	rc |= read_ttl(c, &o->opts);
	rc |= read_mode(c);
	rc |= read_algorithm(c);
	rc |= read_sender(c, o);
	rc |= read_inside(c, o);
	rc |= read_header_lists(c, o);
	rc |= opendkim_tables_read(&tables, o);
	return rc;
}

struct opendkim *
opendkim_read(const struct opendkim_reader *r, const struct opendkim_line *by)
{
	struct conf *c = region_new_obj(r->rg, struct conf);
	struct opendkim *o = region_new_obj(r->rg, struct opendkim);

	c->r = r;
	c->by = by;
	o->keys = strmap_new();
	o->rules = strmap_new();
	if (read_conf(c) == 0)
		(void)read_all(c, o);
	return o;
}
