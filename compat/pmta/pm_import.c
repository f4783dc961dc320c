/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/pmta/pm_import.h"

#include <string.h>

#include "compat/pmta/pm_paths.h"
#include "lib/check.h"
#include "lib/conf_lex.h"

enum part { PART_MACRO, PART_LINE, PART_OPEN, PART_CLOSE };

/* A line of the result. */
struct item {
	enum part part;
	const struct conf_node *node; /* NULL: a macro */
	const char *name, *value;     /* as they are written */
	const char *file;
	unsigned line;
	unsigned depth;
	size_t end; /* of what opens a block: the item that closes it */
	struct effect_rows rows;
	bool secret;
	bool edited;     /* the value is not as it was */
	const char *why; /* it is left out; NULL: it is written */
	bool inside;     /* a block that is left out */
	enum import_fate fate;
	unsigned at; /* where it was printed */
};

struct pm_import {
	struct region *rg;
	const struct conf_tree *tree;
	size_t folder_len; /* of the first file, with its slash */
	size_t n;
	struct item *v;
};

/* What is true of some although they take effect as they stand. */
static const struct {
	const char *name, *text;
} words[] = {
	{ "acct-file",
	    "as it is; stop PowerMTA first, or both write to that file" },
	{ "log-file",
	    "as it is; stop PowerMTA first, or both write to that file" },
	{ "spool",
	    "as it is, but nothing of PowerMTA's is read there: let its queue "
	    "run empty first, and choose a folder of Mailrace's own" },
};

/* What PowerMTA does by default, and Mailrace otherwise, of <domain *>. */
static const struct {
	const char *name, *value, *ours;
} defaults[] = {
	{ "bounce-upon-5xx-greeting", "yes", "mail waits" },
	{ "bounce-upon-no-mx", "no", "mail fails at once" },
};

enum { DEFAULTS = sizeof(defaults) / sizeof(defaults[0]) };

/* ---- what is there ---------------------------------------------------------- */

static const char *
tag_of(const struct conf_node *n)
{
	return n->opened != NULL ? n->opened : n->name;
}

/* The block around it as the tables call it. */
static const char *
place_of(const struct pm_import *p, const struct conf_node *n)
{
	return n->parent == p->tree->root ? "" : tag_of(n->parent);
}

static bool
has_part(const char *name, const char *part)
{
	size_t len = strlen(part);

	for (; *name != '\0'; name++)
		if (strncasecmp(name, part, len) == 0)
			return true;
	return false;
}

/* Is there something behind the first word? */
static bool
has_more_words(struct region *rg, const char *value)
{
	struct slice rest = slice_of(value);
	const char *word;
	struct err e;

	return conf_word(&rest, rg, &word, &e) == -1 || rest.len > 0;
}

static bool
is_known(const struct item *item)
{
	return item->rows.row != NULL || item->rows.known != NULL;
}

/* Passwords and keys; of what no table knows rather too much than too little. */
static bool
is_secret(struct region *rg, const struct item *item)
{
	static const char *const parts[] = { "pass", "secret", "token",
		"api-key" };
	const struct conf_known *k = item->rows.known;

	if (strstr(item->value, "://") != NULL &&
	    strchr(item->value, '@') != NULL)
		return true; /* http://user:password@host/ */
	if (item->rows.row != NULL)
		return item->rows.row->type == CONF_TYPE_SECRET ||
		    (item->rows.row->type == CONF_TYPE_KEY_FILE &&
			has_more_words(rg, item->value));
	if (k != NULL && strstr(k->form, "[TEXT]") != NULL &&
	    has_more_words(rg, item->value))
		return true; /* the password of a file, or a salt */
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (has_part(item->name, parts[i]))
			return true;
	return k == NULL &&
	    (has_part(item->name, "pas") || has_part(item->name, "key"));
}

/* What the tables know to be without effect. */
static void
judge(const struct pm_import *p, struct item *item)
{
	const struct conf_known *k = item->rows.known;
	struct err why;

	if (item->rows.row != NULL || k == NULL || k->fate == CONF_FATE_READ ||
	    conf_fate_renames(k->fate))
		return;
	if (k->fate == CONF_FATE_PROTECTS) {
		if (conf_known_is_off(p->tree, item->value))
			return;
		item->fate = IMPORT_UNSAFE;
	}
	/* It lacks effect with any value. */
	(void)effect_of(place_of(p, item->node), k->name, "x", &why);
	item->why = region_strdup(p->rg, why.text);
}

static struct item *
add_item(struct pm_import *p, enum part part, const struct conf_node *n,
    unsigned depth)
{
	struct item *item;

	p->v = region_grow(p->rg, p->v, p->n, sizeof(*p->v));
	item = &p->v[p->n++];
	*item = (struct item){ .part = part,
		.node = n,
		.depth = depth,
		.fate = IMPORT_LOST };
	if (n != NULL) {
		item->name = n->name;
		item->value = n->value;
		item->file = n->file;
		item->line = n->line;
		effect_look_up(place_of(p, n), n->name, &item->rows);
	}
	return item;
}

static void
add_macros(struct pm_import *p)
{
	for (size_t i = 0; i < conf_macro_count(p->tree); i++) {
		struct item *item = add_item(p, PART_MACRO, NULL, 0);
		struct conf_macro_text m;
		struct buf list = { 0 };

		conf_macro_at(p->tree, i, &m);
		buf_str(&list, m.name);
		for (size_t k = 0; k < m.items.n; k++)
			buf_printf(&list, "%s%s", k == 0 ? " " : ", ",
			    m.items.v[k]);
		item->name = "domain-macro";
		item->value = region_strndup(p->rg, list.p, list.len);
		item->file = m.file;
		item->line = m.line;
		buf_fini(&list);
	}
}

static void
add_line(struct pm_import *p, const struct conf_node *n, unsigned depth)
{
	struct item *item = add_item(p, PART_LINE, n, depth);

	item->value = pm_paths_value(p->rg, n, &item->rows);
	item->edited = item->value != n->value;
	item->secret = is_secret(p->rg, item);
	judge(p, item);
}

static void
add_open(struct pm_import *p, const struct conf_node *n, unsigned depth)
{
	struct item *item = add_item(p, PART_OPEN, n, depth);

	item->value = pm_paths_argument(p->rg, n);
	item->edited = item->value != n->value;
}

/* Leaves out the item, of a block all of it. */
static void
leave_out(struct pm_import *p, size_t i, const char *why)
{
	struct item *item = &p->v[i];

	item->why = why;
	if (item->part == PART_OPEN)
		for (size_t k = i + 1; k <= item->end; k++) {
			p->v[k].why = "";
			p->v[k].inside = true;
		}
}

static void
add_close(struct pm_import *p, size_t open)
{
	const struct conf_node *n = p->v[open].node;
	const struct conf_block *b = p->v[open].rows.inner;

	(void)add_item(p, PART_CLOSE, n, p->v[open].depth);
	p->v[open].end = p->n - 1;
	if (b != NULL && b->fate != CONF_FATE_READ && n->opened == NULL)
		leave_out(p, open,
		    REGION_JOIN(p->rg, "<", n->name, "> has no effect yet"));
}

/* Nodes in their order; blocks keep their parents. */
static void
add_nodes(struct pm_import *p)
{
	size_t open[CONF_BLOCKS_DEPTH + 1] = { 0 };
	const struct conf_node *root = p->tree->root, *n = root->first;
	unsigned depth = 0;

	while (n != NULL) {
		if (n->is_block) {
			CHECK(depth <= CONF_BLOCKS_DEPTH);
			open[depth] = p->n;
			add_open(p, n, depth);
			if (n->first != NULL) {
				depth++;
				n = n->first;
				continue;
			}
			add_close(p, open[depth]);
		} else {
			add_line(p, n, depth);
		}
		while (n->next == NULL && n->parent != root) {
			CHECK(depth > 0);
			n = n->parent;
			add_close(p, open[--depth]);
		}
		n = n->next;
	}
}

struct pm_import *
pm_import_new(const struct conf_tree *tree, struct region *rg)
{
	struct pm_import *p = region_new_obj(rg, struct pm_import);
	const char *slash = strrchr(tree->root->file, '/');

	p->rg = rg;
	p->tree = tree;
	p->folder_len = slash == NULL ? 0 :
					(size_t)(slash - tree->root->file) + 1;
	add_macros(p);
	add_nodes(p);
	return p;
}

/* ---- defaults --------------------------------------------------------------- */

/* Is it said of all domains, in a line that is written? */
static bool
is_set(const struct pm_import *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct conf_node *n = p->v[i].node;

		if (p->v[i].part == PART_LINE && p->v[i].why == NULL &&
		    conf_node_is(n, name) &&
		    conf_node_is(n->parent, "domain") &&
		    strcmp(n->parent->value, "*") == 0 &&
		    n->parent->parent == p->tree->root)
			return true;
	}
	return false;
}

/* So many lines. */
static unsigned
print_defaults(const struct pm_import *p, struct buf *out)
{
	unsigned n = 0;

	for (size_t i = 0; i < DEFAULTS; i++) {
		if (is_set(p, defaults[i].name))
			continue;
		if (n == 0) {
			buf_str(out,
			    "# ---- PowerMTA's defaults\n<domain *>\n");
			n = 2;
		}
		buf_printf(out, "    %s %s\n", defaults[i].name,
		    defaults[i].value);
		n++;
	}
	if (n == 0)
		return 0;
	buf_str(out, "</domain>\n\n");
	return n + 2;
}

static void
tell_defaults(const struct pm_import *p, struct import_report *report)
{
	for (size_t i = 0; i < DEFAULTS; i++) {
		const struct import_fact fact = { defaults[i].name,
			defaults[i].value, "PowerMTA's default", false };

		if (!is_set(p, defaults[i].name))
			import_tell(report, IMPORT_TAKEN, &fact,
			    "in <domain *>: without it %s", defaults[i].ours);
	}
}

/* ---- as text ---------------------------------------------------------------- */

/* A file as seen from the folder of the first one. */
static const char *
short_name(const struct pm_import *p, const char *file)
{
	if (strncmp(file, p->tree->root->file, p->folder_len) == 0)
		return file + p->folder_len;
	return file;
}

static const char *
where(const struct pm_import *p, const char *file, unsigned line)
{
	if (line == 0)
		return short_name(p, file);
	return region_printf(p->rg, "%s:%u", short_name(p, file), line);
}

/* A comment ends with its line. */
static void
add_comment(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++)
		buf_byte(out,
		    (unsigned char)*text < ' ' || *text == 127 ? '?' : *text);
}

static void
add_source_line(const struct item *item, const char *value, struct buf *out)
{
	const struct conf_node *n = item->node;
	const char *blank = item->name[0] == '\0' || value[0] == '\0' ? "" :
									" ";

	if (item->part == PART_CLOSE)
		buf_printf(out, "</%s>", tag_of(n));
	else if (item->part == PART_OPEN && n->opened == NULL)
		buf_printf(out, "<%s%s%s>", item->name, blank, value);
	else if (item->part == PART_OPEN)
		buf_printf(out, "%s%s%s <%s>", item->name, blank, value,
		    n->opened);
	else
		buf_printf(out, "%s%s%s", item->name, blank, value);
}

static void
print_item(const struct pm_import *p, const struct item *item,
    bool with_secrets, struct buf *out)
{
	bool comment = item->why != NULL || (item->secret && !with_secrets);
	struct buf text = { 0 };

	for (unsigned i = 0; i < item->depth; i++)
		buf_str(out, "    ");
	add_source_line(item,
	    !item->secret || !comment ? item->value :
		item->why != NULL     ? "(hidden)" :
					"(only with --output)",
	    &text);
	buf_str(out, comment ? "#" : "");
	if (comment)
		add_comment(out, buf_cstr(&text));
	else
		buf_add(out, text.p, text.len);
	if (item->part != PART_CLOSE) {
		buf_str(out, "  # ");
		add_comment(out, where(p, item->file, item->line));
	}
	if (item->why != NULL && item->why[0] != '\0') {
		buf_str(out, ", left out: ");
		add_comment(out, item->why);
	}
	buf_byte(out, '\n');
	buf_fini(&text);
}

static unsigned
count_lines(const struct buf *text, size_t from)
{
	unsigned n = 0;

	for (size_t i = from; i < text->len; i++)
		n += text->p[i] == '\n';
	return n;
}

void
pm_import_print(struct pm_import *p, bool with_secrets, struct buf *out)
{
	unsigned lines = count_lines(out, 0) + print_defaults(p, out);
	const char *file = NULL;

	for (size_t i = 0; i < p->n; i++) {
		struct item *item = &p->v[i];
		size_t from = out->len;

		if (item->part != PART_CLOSE &&
		    (file == NULL || strcmp(file, item->file) != 0)) {
			buf_str(out, file == NULL ? "# ---- " : "\n# ---- ");
			add_comment(out, item->file);
			buf_byte(out, '\n');
			file = item->file;
		}
		print_item(p, item, with_secrets, out);
		lines += count_lines(out, from);
		item->at = lines;
	}
}

bool
pm_import_leave_out(struct pm_import *p, unsigned line, const char *why)
{
	for (size_t i = 0; i < p->n; i++) {
		struct item *item = &p->v[i];

		if (item->at != line || item->part == PART_CLOSE)
			continue;
		if (item->why != NULL)
			return false;
		/* It was meant to do something, and nobody knows what. */
		item->fate = IMPORT_UNSAFE;
		/* What is said of a name that nobody knows has no value. */
		leave_out(p, i,
		    item->secret && is_known(item) ?
			"its value is none that is taken" :
			region_strdup(p->rg, why));
		return true;
	}
	return false;
}

/* ---- told ------------------------------------------------------------------- */

/* "in <domain x> of <virtual-mta y>: ", or "" at the top level. */
static const char *
around(const struct pm_import *p, const struct conf_node *n)
{
	const char *text = "", *of = "in <";

	if (n == NULL || n->parent == p->tree->root)
		return "";
	for (; n->parent != p->tree->root; n = n->parent) {
		const struct conf_node *b = n->parent;

		text = REGION_JOIN(p->rg, text, of, tag_of(b),
		    b->value[0] == '\0' ? "" : " ", b->value, ">");
		of = " of <";
	}
	return REGION_JOIN(p->rg, text, ": ");
}

static const char *
note_of(const struct item *item)
{
	/* A command is nobody's file. */
	if (item->node != NULL && item->value[strspn(item->value, "\"")] != '|')
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (conf_node_is(item->node, words[i].name))
				return words[i].text;
	return NULL;
}

static void
tell_written(const struct pm_import *p, const struct item *item,
    const struct import_fact *fact, struct import_report *report)
{
	const struct conf_known *k = item->rows.known;
	const char *in = around(p, item->node), *note = note_of(item);

	if (item->edited)
		import_tell(report, IMPORT_CHANGED, fact,
		    "%sthe path is taken from the folder of its file: %s", in,
		    item->secret ? "(hidden)" : item->value);
	if (note != NULL)
		import_tell(report, IMPORT_CHANGED, fact, "%s%s", in, note);
	if (item->edited || note != NULL || item->part == PART_OPEN)
		return;
	if (item->rows.row == NULL && k != NULL && conf_fate_renames(k->fate))
		import_tell(report, IMPORT_CHANGED, fact,
		    "%sas it is, and means %s", in, k->advice);
	else
		import_tell(report, IMPORT_TAKEN, fact, "%sas it is", in);
}

static void
tell_item(const struct pm_import *p, const struct item *item,
    struct import_report *report)
{
	const struct import_fact fact = {
		.name = item->part == PART_OPEN ?
		    REGION_JOIN(p->rg, "<", tag_of(item->node), ">") :
		    item->name[0] == '\0' ? "row" :
					    item->name,
		.value = item->node == NULL ? item->value : item->node->value,
		.where = where(p, item->file, item->line),
		.secret = item->secret,
	};

	if (item->why == NULL)
		tell_written(p, item, &fact, report);
	else
		import_tell(report, item->fate, &fact, "%s%s%s",
		    around(p, item->node), item->why,
		    item->part == PART_OPEN ? "; nor all that is in it" : "");
}

/* Mistakes in macros show again in the result, and end up with their line. */
static bool
is_macro_at(const struct pm_import *p, const char *file, size_t file_len,
    unsigned line)
{
	for (size_t i = 0; i < p->n && p->v[i].part == PART_MACRO; i++)
		if (p->v[i].line == line && strlen(p->v[i].file) == file_len &&
		    strncmp(p->v[i].file, file, file_len) == 0)
			return true;
	return false;
}

/* What could not be read may have been anything. */
static void
tell_reading(const struct pm_import *p, const struct conf_errors *errs,
    struct import_report *report)
{
	for (size_t i = 0; i < errs->n; i++) {
		const struct conf_error *e = &errs->v[i];
		const char *file = region_strndup(p->rg, e->text, e->file_len);
		const char *text = strchr(e->text + e->file_len, ' ');
		const struct import_fact fact = { "line", "",
			where(p, file, e->line), false };

		if (!is_macro_at(p, file, e->file_len, e->line))
			import_tell(report,
			    e->warning ? IMPORT_CHANGED : IMPORT_UNSAFE, &fact,
			    "%s", text == NULL ? e->text : text + 1);
	}
}

void
pm_import_tell(const struct pm_import *p, const struct conf_errors *errs,
    struct import_report *report)
{
	tell_reading(p, errs, report);
	tell_defaults(p, report);
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].part != PART_CLOSE && !p->v[i].inside)
			tell_item(p, &p->v[i], report);
}
