/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/import_conf.h"

#include <string.h>

#include "lib/check.h"
#include "lib/strmap.h"
#include "vmta/effect.h"

struct line {
	const char *directive, *value, *comment;
	bool secret;
	bool off; /* only offered */
	struct line *next;
};

struct import_block {
	struct import_conf *conf;
	const struct import_block *in; /* NULL: the top level */
	const char *name, *argument;
	const char *remark; /* or NULL */
	unsigned depth;     /* 0: the top level */
	struct line *lines, **lines_end;
	struct import_block *first, **first_end; /* within it */
	struct import_block *next;
};

struct import_conf {
	struct region *rg;
	struct import_report *report;
	struct strmap *blocks; /* by all names on the way to it */
	struct import_block *top;
};

/* At the top level, in this order. */
static const struct {
	const char *name, *title;
	bool named; /* by others, also when it is empty */
} kinds[] = {
	{ "virtual-mta", "where mail goes out from", true },
	{ "virtual-mta-pool", "virtual MTAs that take turns", true },
	{ "pattern-list", "which senders go by which of them", true },
	{ "source", "who brings mail", false },
	{ "domain", "how mail goes out: everywhere, then to single domains",
	    false },
	{ "acct-file", "what is recorded of it", false },
};

static struct import_block *
block_new(struct import_conf *c, const char *name, const char *argument)
{
	struct import_block *b = region_new_obj(c->rg, struct import_block);

	b->conf = c;
	b->name = region_strdup(c->rg, name);
	b->argument = region_strdup(c->rg, argument);
	b->lines_end = &b->lines;
	b->first_end = &b->first;
	return b;
}

struct import_conf *
import_conf_new(struct region *rg, struct import_report *report)
{
	struct import_conf *c = region_new_obj(rg, struct import_conf);

	c->rg = rg;
	c->report = report;
	c->blocks = strmap_new();
	c->top = block_new(c, "", "");
	return c;
}

void
import_conf_free(struct import_conf **cp)
{
	struct import_conf *c = *cp;

	*cp = NULL;
	if (c != NULL)
		strmap_free(&c->blocks);
}

struct import_block *
import_top(struct import_conf *c)
{
	return c->top;
}

struct import_block *
import_block(struct import_conf *c, struct import_block *in, const char *name,
    const char *argument)
{
	const char *key = REGION_JOIN(c->rg, in->name, " ", in->argument, "\n",
	    name, " ", argument);
	struct import_block *b = strmap_get(c->blocks, key);

	if (b != NULL)
		return b;
	CHECK(in->depth < 2); /* or the key would not do */
	b = block_new(c, name, argument);
	b->depth = in->depth + 1;
	b->in = in;
	*in->first_end = b;
	in->first_end = &b->next;
	strmap_put(c->blocks, key, b);
	return b;
}

void
import_remark(struct import_block *b, const char *text)
{
	b->remark = region_strdup(b->conf->rg, text);
}

static struct line *
add_line(struct import_block *b, const char *directive, const char *value)
{
	struct region *rg = b->conf->rg;
	struct line *l = region_new_obj(rg, struct line);

	l->directive = region_strdup(rg, directive);
	l->value = region_strdup(rg, value);
	*b->lines_end = l;
	b->lines_end = &l->next;
	return l;
}

/* "max-smtp-out 4 in <virtual-mta out1>", without what must not be seen. */
static const char *
line_text(const struct import_block *b, const char *directive,
    const char *value)
{
	struct region *rg = b->conf->rg;

	const char *text = REGION_JOIN(rg, directive, " ", value);

	for (const char *of = " in <"; b->depth > 0; b = b->in) {
		text = REGION_JOIN(rg, text, of, b->name, " ", b->argument,
		    ">");
		of = " of <";
	}
	return text;
}

/* NULL: it has no effect here. */
static struct line *
try_line(struct import_block *b, const char *directive, const char *value,
    const char *comment)
{
	struct err why;
	struct line *l;

	if (effect_of(b->name, directive, value, &why) != EFFECT_TAKES)
		return NULL;
	l = add_line(b, directive, value);
	if (comment != NULL)
		l->comment = region_strdup(b->conf->rg, comment);
	return l;
}

bool
import_take(struct import_block *b, const struct import_fact *fact,
    const char *directive, const char *value, const char *how)
{
	struct import_report *r = b->conf->report;
	const char *shown = line_text(b, directive,
	    fact->secret ? "(hidden)" : value);
	struct line *l;
	struct err why;

	switch (effect_of(b->name, directive, value, &why)) {
	case EFFECT_TAKES:
		break;
	case EFFECT_PROTECTS:
		import_tell(r, IMPORT_UNSAFE, fact, "%s: %s", shown, why.text);
		return false;
	case EFFECT_NONE:
	case EFFECT_UNKNOWN:
	case EFFECT_WRONG:
		import_tell(r, IMPORT_LOST, fact, "%s: %s", shown, why.text);
		return false;
	}
	l = add_line(b, directive, value);
	l->comment = REGION_JOIN(b->conf->rg, fact->name,
	    fact->where[0] == '\0' ? "" : ", ", fact->where);
	l->secret = fact->secret;
	if (how == NULL)
		import_tell(r, IMPORT_TAKEN, fact, "%s", shown);
	else
		import_tell(r, IMPORT_CHANGED, fact, "%s: %s", shown, how);
	return true;
}

/* As a value: in quotes, unless nobody could take it for anything else. */
static const char *
quoted_text(struct region *rg, const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789@.-_+=/:";
	struct buf b = { 0 };
	const char *quoted;

	if (text[0] != '\0' && text[strspn(text, plain)] == '\0')
		return text;
	buf_byte(&b, '"');
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			buf_byte(&b, '\\');
		buf_byte(&b, *text);
	}
	buf_byte(&b, '"');
	quoted = region_strdup(rg, buf_cstr(&b));
	buf_fini(&b);
	return quoted;
}

/* No line can have some passwords. */
bool
import_password(struct import_block *b, const struct import_fact *user,
    const struct import_fact *password, const char *name, const char *secret)
{
	const char *text = quoted_text(b->conf->rg, secret);
	struct err why;

	if (effect_of(b->name, "auth-password", text, &why) != EFFECT_TAKES) {
		import_tell(b->conf->report, IMPORT_LOST, password,
		    "auth-username and auth-password: %s", why.text);
		return false;
	}
	return import_take(b, user, "auth-username",
		   quoted_text(b->conf->rg, name), NULL) &&
	    import_take(b, password, "auth-password", text, NULL);
}

bool
import_add(struct import_block *b, const char *directive, const char *value,
    const char *comment)
{
	return try_line(b, directive, value, comment) != NULL;
}

bool
import_offer(struct import_block *b, const char *directive, const char *value,
    const char *comment)
{
	struct line *l = try_line(b, directive, value, comment);

	if (l != NULL)
		l->off = true;
	return l != NULL;
}

/* ---- as text ------------------------------------------------------------- */

/* A comment ends with its line. */
static void
add_comment(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++)
		buf_byte(out,
		    (unsigned char)*text < ' ' || *text == 127 ? '?' : *text);
}

static void
indent(struct buf *out, unsigned depth)
{
	for (unsigned i = 0; i < depth; i++)
		buf_str(out, "    ");
}

static void
print_lines(const struct import_block *b, bool with_secrets, struct buf *out)
{
	for (const struct line *l = b->lines; l != NULL; l = l->next) {
		bool hide = l->secret && !with_secrets;

		indent(out, b->depth);
		buf_printf(out, "%s%s %s", hide || l->off ? "#" : "",
		    l->directive, hide ? "(only with --output)" : l->value);
		if (l->comment != NULL) {
			buf_str(out, "  # ");
			add_comment(out, l->comment);
		}
		buf_byte(out, '\n');
	}
}

static void
open_block(const struct import_block *b, struct buf *out)
{
	if (b->remark != NULL) {
		indent(out, b->depth - 1);
		buf_str(out, "# ");
		add_comment(out, b->remark);
		buf_byte(out, '\n');
	}
	indent(out, b->depth - 1);
	buf_printf(out, "<%s %s>\n", b->name, b->argument);
}

static void
close_block(const struct import_block *b, struct buf *out)
{
	indent(out, b->depth - 1);
	buf_printf(out, "</%s>\n", b->name);
}

/* One at the top level, and those within it. */
static void
print_block(const struct import_block *b, bool with_secrets, struct buf *out)
{
	open_block(b, out);
	print_lines(b, with_secrets, out);
	for (const struct import_block *in = b->first; in != NULL;
	     in = in->next) {
		open_block(in, out);
		print_lines(in, with_secrets, out);
		close_block(in, out);
	}
	close_block(b, out);
}

void
import_conf_print(const struct import_conf *c, bool with_secrets,
    struct buf *out)
{
	print_lines(c->top, with_secrets, out);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		bool titled = false;

		for (const struct import_block *b = c->top->first; b != NULL;
		     b = b->next) {
			if (strcmp(b->name, kinds[i].name) != 0 ||
			    (!kinds[i].named && b->lines == NULL &&
				b->first == NULL))
				continue;
			if (!titled)
				buf_printf(out, "\n# ---- %s\n",
				    kinds[i].title);
			titled = true;
			buf_byte(out, '\n');
			print_block(b, with_secrets, out);
		}
	}
}
