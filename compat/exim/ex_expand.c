/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/exim/ex_expand.h"

#include <ctype.h>
#include <string.h>

#include "compat/exim/ex_lookup.h"
#include "lib/check.h"

#define DEPTH_MAX 40
#define WORD_MAX_LEN 32

/* Variables that may be in a string, in alphabetical order. */
static const struct variable {
	const char *name;
	unsigned by;
} variables[] = {
	{ "config_dir", 0 },
	{ "config_file", 0 },
	{ "dkim_domain", EX_BY_DOMAIN_KEY },
	{ "dkim_selector", EX_BY_SELECTOR },
	{ "domain", EX_BY_RCPT },
	{ "exim_path", 0 },
	{ "h_from:", EX_BY_FROM },
	{ "header_from:", EX_BY_FROM },
	{ "host", EX_BY_HOST },
	{ "host_address", EX_BY_HOST },
	{ "item", 0 },
	{ "primary_hostname", 0 },
	{ "qualify_domain", 0 },
	{ "qualify_recipient", 0 },
	{ "sender_address", EX_BY_SENDER },
	{ "sender_address_domain", EX_BY_SENDER },
	{ "sender_address_local_part", EX_BY_SENDER },
	{ "sending_ip_address", EX_BY_IP },
	{ "spool_directory", 0 },
	{ "tls_out_cipher", EX_BY_HOST },
	{ "value", 0 },
	{ "version_number", 0 },
};

/*
 * Words that may stand before a brace or, of operators, a colon: what reads
 * text and files and does nothing else.  How many of the braces behind a word
 * are its own, and what may be in the first.
 */
enum how { HOW_KEY, HOW_EQUAL, HOW_LIST, HOW_PLAIN, HOW_OPEN };

static const struct word {
	const char *name;
	unsigned braces;
	enum how how;
} words[] = {
	{ "and", 1, HOW_PLAIN },
	{ "bool", 1, HOW_OPEN },
	{ "domain", 0, HOW_PLAIN },
	{ "eq", 2, HOW_EQUAL },
	{ "eqi", 2, HOW_EQUAL },
	{ "escape", 0, HOW_OPEN },
	{ "exists", 1, HOW_OPEN },
	{ "extract", 9, HOW_OPEN },
	{ "if", 0, HOW_PLAIN },
	{ "inlist", 2, HOW_LIST },
	{ "inlisti", 2, HOW_LIST },
	{ "isip", 1, HOW_OPEN },
	{ "isip4", 1, HOW_OPEN },
	{ "isip6", 1, HOW_OPEN },
	{ "lc", 0, HOW_PLAIN },
	{ "listextract", 9, HOW_OPEN },
	{ "local_part", 0, HOW_OPEN },
	{ "lookup", 1, HOW_KEY },
	{ "match", 2, HOW_OPEN },
	{ "md5", 0, HOW_OPEN },
	{ "or", 1, HOW_PLAIN },
	{ "quote", 0, HOW_OPEN },
	{ "rxquote", 0, HOW_OPEN },
	{ "sg", 9, HOW_OPEN },
	{ "sha256", 0, HOW_OPEN },
	{ "substr", 9, HOW_OPEN },
	{ "tr", 9, HOW_OPEN },
	{ "uc", 0, HOW_PLAIN },
};

/* Kinds of look-up that read a file; what is behind a "*" or "," counts not. */
static const char *const lookups[] = { "lsearch", "wildlsearch", "nwildlsearch",
	"iplsearch", "cdb", "dbm", "dbmnz", "partial-lsearch" };

/* Whose values are domains and addresses. */
#define EX_BY_NAME (EX_BY_SENDER | EX_BY_RCPT | EX_BY_DOMAIN_KEY | EX_BY_FROM)

struct frame {
	const char *start;       /* of what is in it */
	const struct word *word; /* whose brace it is; NULL: none's */
	unsigned brace;
	bool is_item; /* "${word" */
	bool colon;   /* "${word:" */
	/* Of the braces in it. */
	const struct word *inner;
	const char *lookup; /* the kind, of a file */
	unsigned inner_brace;
	unsigned key_by;     /* the first was one variable, that depends so */
	const char *literal; /* the other of a comparison was this text */
};

struct parser {
	struct region *rg;
	const struct ex_files *files;
	struct ex_expr *x;
	struct frame frames[DEPTH_MAX];
	size_t depth;
	const char *p;
};

static const struct variable *
variable_of(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		if (slice_eq((struct slice){ name, len }, variables[i].name))
			return &variables[i];
	return NULL;
}

static const struct word *
word_of(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (slice_eq((struct slice){ name, len }, words[i].name))
			return &words[i];
	return NULL;
}

static bool
is_lookup(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(lookups) / sizeof(lookups[0]); i++) {
		size_t n = strlen(lookups[i]);

		if (len >= n && strncmp(name, lookups[i], n) == 0 &&
		    (len == n || name[n] == '*' || name[n] == ','))
			return true;
	}
	return false;
}

static void
give_up(struct parser *ps, const char *what, const char *at, size_t len)
{
	if (ps->x->why == NULL)
		ps->x->why = REGION_JOIN(ps->rg, what,
		    region_strndup(ps->rg, at, len));
}

/* Of a header field the colon at its end belongs to it. */
static size_t
ident_len(const char *p)
{
	size_t n = 0;

	while (isalnum((unsigned char)p[n]) != 0 || p[n] == '_')
		n++;
	if (p[n] == ':' &&
	    (strncmp(p, "h_", 2) == 0 || strncmp(p, "header_", 7) == 0))
		n++;
	return n;
}

/* Behind a backslash: one character, or all up to "\\N". */
static const char *
skip_quoted(const char *p)
{
	const char *end;

	if (p[1] != 'N')
		return p[1] == '\0' ? p + 1 : p + 2;
	end = strstr(p + 2, "\\N");
	return end == NULL ? p + strlen(p) : end + 2;
}

/* The variable at p: its name, and where it ends; NULL: there is none. */
static const struct variable *
variable_at(const char *p, const char **end_r)
{
	bool wrapped = p[0] == '$' && p[1] == '{';
	const char *name = p + 1 + wrapped;
	size_t len = ident_len(name);
	const struct variable *v;

	if (p[0] != '$' || (wrapped && name[len] != '}'))
		return NULL;
	v = variable_of(name, len);
	*end_r = name + len + wrapped;
	return v;
}

/* Is there a variable that is not the same for all mail? */
static bool
varies(const char *text)
{
	const char *end = NULL;

	for (const char *p = text; *p != '\0'; p = end) {
		const struct variable *v = variable_at(p, &end);

		if (*p == '\\')
			end = skip_quoted(p);
		else if (v != NULL && v->by != 0)
			return true;
		else if (v == NULL)
			end = p + 1;
	}
	return false;
}

/* ---- what is in braces ----------------------------------------------------- */

/*
 * "$domain", "${domain}", "${lc:$domain}", "${domain:$sender_address}": what it
 * depends on, 0: it is something else, or a local part, which is no point.
 */
static unsigned
one_variable(const char *text, size_t len)
{
	const char *end = text + len;
	const struct variable *v;
	bool wrapped = false;
	size_t n;

	while (end - text > 6 && end[-1] == '}' &&
	    (strncmp(text, "${lc:", 5) == 0 ||
		strncmp(text, "${domain:", 9) == 0)) {
		text = strchr(text, ':') + 1;
		end--;
	}
	if (end - text > 1 && text[0] == '$') {
		text++;
		wrapped = text[0] == '{';
		text += wrapped;
	}
	n = ident_len(text);
	v = variable_of(text, n);
	if (v == NULL || text + n + wrapped != end ||
	    (wrapped && text[n] != '}') || v->by == EX_BY_HOST ||
	    strcmp(v->name, "sender_address_local_part") == 0)
		return 0;
	return v->by;
}

/*
 * A variable is compared with that.  What is no point cannot be asked for: the
 * null sender, odd local parts, capitals where they count.
 */
static void
add_key(struct parser *ps, unsigned by, const char *text, const char *word)
{
	const bool any_case = word[strlen(word) - 1] == 'i';
	struct ex_point point;

	if ((by & EX_BY_NAME) == 0)
		return;
	if (ex_point_parse(ps->rg, text, &point) &&
	    (any_case || (by & EX_BY_SENDER) == 0 ||
		strpbrk(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == NULL))
		ex_points_add(&ps->x->keys, ps->rg, &point);
	else
		ps->x->open = true;
}

/* The file of a look-up: its keys, where what is looked up has a name. */
static void
on_file(struct parser *ps, const struct frame *f, const char *path)
{
	struct ex_lookup l = {
		.type = f->lookup,
		.path = path,
		.sought = (f->key_by & EX_BY_NAME) != 0 ? EX_SOUGHT_EITHER :
							  EX_SOUGHT_OTHER,
	};
	const bool wild = ex_lookup_is_wild(l.type);

	if (l.sought == EX_SOUGHT_OTHER && !wild)
		return;
	if (strchr(path, '$') != NULL) {
		ps->x->open = true;
		if (wild)
			give_up(ps, "keys of a file that is not known: ", path,
			    strlen(path));
		return;
	}
	if (!ps->files->keys(ps->files->ctx, &l))
		give_up(ps, REGION_JOIN(ps->rg, path, ": "), l.why,
		    strlen(l.why));
	for (size_t i = 0; i < l.points.n; i++)
		if (l.points.v[i].domain != NULL)
			ex_points_add(&ps->x->keys, ps->rg, &l.points.v[i]);
}

/* A key of this form is one of a file, if what is looked up in it is alone. */
static unsigned
key_of(struct parser *ps, const char *text)
{
	unsigned by = one_variable(text, strlen(text));

	if (by == 0 && varies(text) && strstr(text, "${lookup") == NULL)
		ps->x->open = true;
	return by;
}

static void
compare(struct parser *ps, struct frame *f, const char *text, const char *word)
{
	unsigned by = key_of(ps, text);

	if (by != 0)
		f->key_by = by;
	else if (strchr(text, '$') == NULL)
		f->literal = text;
	if (f->inner_brace == 2 && f->key_by != 0) {
		if (f->literal != NULL)
			add_key(ps, f->key_by, f->literal, word);
		else
			ps->x->open = true;
	}
}

static void
compare_list(struct parser *ps, struct frame *f, const char *text,
    const char *word)
{
	struct ex_cursor at = ex_cursor_of(text);
	const char *item;

	if (f->inner_brace == 1)
		f->key_by = key_of(ps, text);
	else if (f->key_by != 0 && strchr(text, '$') != NULL)
		ps->x->open = true;
	else
		while (f->key_by != 0 &&
		    (item = ex_cursor_next(&at, ps->rg)) != NULL)
			add_key(ps, f->key_by, item, word);
}

/* A brace of the frame has ended. */
static void
on_brace(struct parser *ps, struct frame *f, const struct frame *brace)
{
	const char *text = region_strndup(ps->rg, brace->start,
	    (size_t)(ps->p - brace->start));

	if (f->lookup != NULL && f->inner_brace == 1 && f->inner == NULL) {
		on_file(ps, f, text);
		f->key_by = 0;
		return;
	}
	if (brace->word == NULL || brace->brace >= brace->word->braces)
		return;
	switch (brace->word->how) {
	case HOW_KEY:
		f->key_by = key_of(ps, text);
		break;
	case HOW_EQUAL:
		compare(ps, f, text, brace->word->name);
		break;
	case HOW_LIST:
		compare_list(ps, f, text, brace->word->name);
		break;
	case HOW_PLAIN:
	case HOW_OPEN:
		break;
	}
}

/* ---- the text -------------------------------------------------------------- */

enum told { BY_KEYS, SHOWN, UNTOLD };

/* Is what stands here told by keys, or does it show in the value as it is? */
static enum told
told_here(const struct parser *ps)
{
	for (size_t i = ps->depth; i-- > 1;) {
		const struct frame *f = &ps->frames[i];
		const struct word *w = f->word;

		if (f->colon && w->how == HOW_OPEN)
			return UNTOLD;
		if (f->is_item || w == NULL || f->brace >= w->braces)
			continue;
		if (w->how == HOW_OPEN)
			return UNTOLD;
		if (w->how != HOW_PLAIN)
			return BY_KEYS; /* on_brace() looks at all of it */
	}
	return SHOWN;
}

static void
on_variable(struct parser *ps, const char *name, size_t len)
{
	const struct variable *v = variable_of(name, len);

	if (len == 1 && isdigit((unsigned char)name[0]) != 0)
		return; /* what a pattern has matched */
	if (v == NULL) {
		give_up(ps, "it depends on $", name, len);
		return;
	}
	ps->x->by |= v->by;
	if (v->by != 0 && told_here(ps) == UNTOLD)
		ps->x->open = true;
	else if (told_here(ps) == SHOWN)
		ps->x->shown |= v->by;
}

static void
push(struct parser *ps, const struct frame *f)
{
	if (ps->depth == DEPTH_MAX) {
		give_up(ps, "too many braces", "", 0);
		return;
	}
	ps->frames[ps->depth] = *f;
	ps->frames[ps->depth++].start = ps->p;
}

/*
 * Here a condition begins: a word that is known, or a comparison of numbers, and
 * its brace.  One without braces asks what `exim -be` knows nothing of: the
 * message, its client ("def:h_x:", "first_delivery").
 */
static void
on_condition(struct parser *ps)
{
	const char *p = ps->p + strspn(ps->p, "! \t\n");
	size_t len = ident_len(p), signs = strspn(p, "<=>");
	const char *end = p + (len > 0 ? len : signs);

	if ((len > 0 && word_of(p, len) == NULL) || len + signs == 0 ||
	    end[strspn(end, " \t\n")] != '{')
		give_up(ps, "it asks ", p, strcspn(p, "{}"));
}

/* Behind "${": a variable, "word:" or "word{". */
static void
on_item(struct parser *ps)
{
	size_t len = ident_len(ps->p);
	const struct word *w = word_of(ps->p, len);
	const char *name = ps->p;
	struct frame f = { .word = w, .is_item = true };

	ps->p += len;
	if (*ps->p == '}') {
		ps->p++;
		on_variable(ps, name, len);
		return;
	}
	if (w == NULL) {
		give_up(ps, "it has ${", name, len);
		return;
	}
	f.colon = *ps->p == ':';
	f.inner = w;
	ps->p += f.colon;
	push(ps, &f);
	if (strcmp(w->name, "if") == 0)
		on_condition(ps);
}

/* The word before a brace; len 0: there is none. */
static const char *
word_before(const char *start, const char *brace, size_t *len_r)
{
	const char *end = brace, *p;

	while (end > start && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	for (p = end; p > start &&
	     (isalnum((unsigned char)p[-1]) != 0 ||
		 strchr("_*,@-", p[-1]) != NULL);
	     p--)
		;
	*len_r = (size_t)(end - p);
	return p;
}

/* "and{", "or{" */
static bool
holds_conditions(const struct frame *f)
{
	return !f->is_item && f->brace == 0 && f->word != NULL &&
	    (strcmp(f->word->name, "and") == 0 ||
		strcmp(f->word->name, "or") == 0);
}

static void
on_open(struct parser *ps)
{
	struct frame *in = &ps->frames[ps->depth - 1];
	struct frame f = { 0 };
	size_t len;
	const char *name = word_before(in->start, ps->p, &len);
	bool of_conditions = holds_conditions(in);

	/* "${lookup{": the item has said it; "${if eq{" has not. */
	if (len > 0) {
		in->inner = word_of(name, len);
		in->inner_brace = 0;
		in->lookup = NULL;
		if (in->inner == NULL && is_lookup(name, len))
			in->lookup = region_strndup(ps->rg, name, len);
		else if (in->inner == NULL)
			give_up(ps, "it has ", name, len);
		else
			in->key_by = 0, in->literal = NULL;
	}
	ps->p++;
	f.word = in->inner;
	f.brace = in->inner_brace++;
	push(ps, &f);
	if (of_conditions)
		on_condition(ps);
}

static void
on_close(struct parser *ps)
{
	const struct frame f = ps->frames[ps->depth - 1];

	if (ps->depth == 1) {
		ps->p++;
		return;
	}
	ps->depth--;
	if (!f.is_item)
		on_brace(ps, &ps->frames[ps->depth - 1], &f);
	ps->p++;
}

static void
step(struct parser *ps)
{
	if (*ps->p == '\\') {
		ps->p = skip_quoted(ps->p);
	} else if (ps->p[0] == '$' && ps->p[1] == '{') {
		ps->p += 2;
		on_item(ps);
	} else if (*ps->p == '$') {
		const char *name = ++ps->p;

		ps->p += ident_len(name);
		on_variable(ps, name, (size_t)(ps->p - name));
	} else if (*ps->p == '{') {
		on_open(ps);
	} else if (*ps->p == '}') {
		on_close(ps);
	} else {
		ps->p++;
	}
}

void
ex_expr_read(struct region *rg, const struct ex_files *files, const char *text,
    struct ex_expr *x)
{
	struct parser ps = { .rg = rg, .files = files, .x = x, .p = text };

	*x = (struct ex_expr){ .text = text };
	ps.frames[0].start = text;
	ps.depth = 1;
	/* Braces are only text where nothing is expanded. */
	while (*ps.p != '\0' && x->why == NULL && strchr(text, '$') != NULL)
		step(&ps);
	if (x->why == NULL && ps.depth > 1)
		x->why = "its braces do not match";
	if ((x->by & EX_BY_SENDER) != 0 && (x->by & EX_BY_RCPT) != 0 &&
	    x->why == NULL)
		x->why = "it depends on sender and recipient";
}

bool
ex_expr_is_listed(const struct ex_expr *x)
{
	return !x->open && (x->shown & (EX_BY_SENDER | EX_BY_RCPT)) == 0;
}

/* ---- with values ----------------------------------------------------------- */

static const char *
address_of(struct region *rg, const struct ex_point *p)
{
	return REGION_JOIN(rg, p->local == NULL ? "nobody" : p->local, "@",
	    p->below ? "nobody." : "",
	    p->domain == NULL ? EX_OTHER : p->domain);
}

/* NULL: it stays as it is. */
static const char *
value_of(struct region *rg, const struct variable *v, const struct ex_given *g)
{
	const char *address;

	switch (v->by) {
	case EX_BY_SENDER:
	case EX_BY_FROM:
		if (g->sender == NULL)
			return NULL;
		address = address_of(rg, g->sender);
		if (v->by == EX_BY_FROM ||
		    strcmp(v->name, "sender_address") == 0)
			return address;
		if (strcmp(v->name, "sender_address_domain") == 0)
			return strchr(address, '@') + 1;
		return region_strndup(rg, address, strcspn(address, "@"));
	case EX_BY_RCPT:
		return g->rcpt == NULL ?
		    NULL :
		    strchr(address_of(rg, g->rcpt), '@') + 1;
	case EX_BY_HOST:
		if (strcmp(v->name, "tls_out_cipher") != 0)
			return g->host; /* for its address, too */
		return g->host == NULL ? NULL : "TLS1.3:TLS_AES_256_GCM_SHA384";
	case EX_BY_IP:
		return g->ip;
	case EX_BY_DOMAIN_KEY:
		return g->dkim_domain;
	case EX_BY_SELECTOR:
		return g->selector;
	default:
		break;
	}
	return NULL;
}

/* Nothing that Exim would expand, wherever it stands. */
static bool
is_inert(const char *value)
{
	for (; *value != '\0'; value++)
		if (isalnum((unsigned char)*value) == 0 &&
		    strchr("-_.+=@:", *value) == NULL)
			return false;
	return true;
}

const char *
ex_expr_with(struct region *rg, const struct ex_expr *x,
    const struct ex_given *given)
{
	struct buf b = { 0 };
	const char *text, *end = NULL;

	for (const char *p = x->text; *p != '\0'; p = end) {
		const struct variable *v;
		const char *value = NULL;

		if (*p == '\\') {
			end = skip_quoted(p);
		} else {
			v = variable_at(p, &end);
			if (v != NULL)
				value = value_of(rg, v, given);
			else
				end = p + 1;
		}
		CHECK(value == NULL || is_inert(value));
		if (value != NULL)
			buf_str(&b, value);
		else
			buf_add(&b, p, (size_t)(end - p));
	}
	text = region_strdup(rg, buf_cstr(&b));
	buf_fini(&b);
	return text;
}
