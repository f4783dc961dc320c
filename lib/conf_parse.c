/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf_parse.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/conf_lex.h"
#include "lib/conf_macro.h"
#include "lib/strmap.h"

#define FILE_SIZE_MAX (256 << 20)
#define INCLUDE_DEPTH 20
#define FILES_MAX 20000 /* a glob over a wrong folder */

/* One include: its files, and the one being read. */
struct frame {
	const char
	    *at_file; /* where the include stands; NULL: the first file */
	unsigned at_line;
	struct conf_strs files;
	size_t next;
	bool reading;
	const char *path;
	dev_t dev;
	ino_t ino;
	struct conf_lex lex;
	struct conf_node *base; /* the block around the include */
};

struct parser {
	struct conf_tree *tree;
	struct conf_errors *errs;
	struct conf_node *block; /* the innermost open one */
	unsigned order;
	size_t read;    /* files so far */
	uint64_t bytes; /* of them */
	size_t nested;  /* blocks that are open */
	size_t depth;
	struct frame frames[INCLUDE_DEPTH]; /* [depth - 1] is being read */
};

bool
conf_node_is(const struct conf_node *n, const char *name)
{
	return str_eq_nocase(n->name, name);
}

const char *
conf_path(struct region *rg, const char *file, const char *path)
{
	const char *slash = strrchr(file, '/');

	if (path[0] == '/' || slash == NULL)
		return path;
	return region_printf(rg, "%.*s/%s", (int)(slash - file), file, path);
}

/* ---- files --------------------------------------------------------------- */

static int
read_whole(struct region *rg, int fd, size_t len, struct slice *text_r,
    struct err *e)
{
	char *text = region_alloc(rg, len + 1);
	size_t have = 0;

	while (have < len) {
		ssize_t n = read(fd, text + have, len - have);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return err_sys(e, "cannot read");
		if (n == 0)
			break;
		have += (size_t)n;
	}
	text[have] = '\0';
	*text_r = (struct slice){ text, have };
	return 0;
}

/* Is the file one of those that are being read already? */
static bool
is_open(const struct parser *p, const struct stat *st)
{
	for (size_t i = 0; i < p->depth; i++)
		if (p->frames[i].reading && p->frames[i].dev == st->st_dev &&
		    p->frames[i].ino == st->st_ino)
			return true;
	return false;
}

static int
open_file(struct parser *p, const char *path, struct frame *f, struct err *e)
{
	struct slice text = { "", 0 };
	struct stat st;
	int rc = -1;
	/* Non-blocking, so that a FIFO cannot stop us. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd == -1)
		return err_sys(e, "cannot open");
	if (fstat(fd, &st) == -1) {
		(void)err_sys(e, "cannot read");
		goto out;
	}
	if (!S_ISREG(st.st_mode) || st.st_size > FILE_SIZE_MAX) {
		(void)err_set(e, "not a regular file of at most %d MB",
		    FILE_SIZE_MAX >> 20);
		goto out;
	}
	if (is_open(p, &st)) {
		(void)err_set(e, "includes itself");
		goto out;
	}
	p->bytes += (uint64_t)st.st_size;
	if (++p->read > FILES_MAX || p->bytes > FILE_SIZE_MAX) {
		(void)err_set(e, "more than %d files or %d MB in all",
		    FILES_MAX, FILE_SIZE_MAX >> 20);
		goto out;
	}
	if (read_whole(p->tree->rg, fd, (size_t)st.st_size, &text, e) == -1)
		goto out;
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	f->path = path;
	conf_lex_init(&f->lex, p->tree->rg, text.p, text.len);
	rc = 0;
out:
	(void)close(fd);
	return rc;
}

static void
next_file(struct parser *p, struct frame *f)
{
	const char *path = f->files.v[f->next++];
	struct err e;

	if (open_file(p, path, f, &e) == 0)
		f->reading = true;
	else if (f->at_file == NULL)
		conf_error(p->errs, path, 0, "%s", e.text);
	else
		conf_file_error(p->errs, f->at_file, f->at_line, path,
		    "include %s: %s", path, e.text);
}

static void
push_frame(struct parser *p, const struct frame *f)
{
	p->frames[p->depth] = *f;
	p->frames[p->depth].base = p->block;
	p->depth++;
}

/* For glob(3): what is there and cannot be read ends it. */
static int
on_unreadable(const char *path, int error)
{
	(void)path;
	return error != ENOENT && error != ENOTDIR;
}

/* The files that a pattern fits, in alphabetical order; there may be none. */
static void
find_files(struct parser *p, const struct frame *f, unsigned line,
    const char *pattern, struct conf_strs *out)
{
	struct region *rg = p->tree->rg;
	glob_t g;
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): no tilde, no $ */
	int rc = glob(pattern, 0, on_unreadable, &g);

	if (rc == 0)
		for (size_t i = 0; i < g.gl_pathc; i++)
			conf_strs_add(out, rg,
			    region_strdup(rg, g.gl_pathv[i]));
	else if (rc == GLOB_NOMATCH)
		conf_warning(p->errs, f->path, line,
		    "include %s: there is no such file", pattern);
	else
		conf_error(p->errs, f->path, line,
		    "include %s: a folder of it cannot be read", pattern);
	globfree(&g);
}

/* include FILE, or a pattern. */
static void
start_include(struct parser *p, const struct frame *f, struct slice value,
    unsigned line)
{
	struct frame inner = { .at_file = f->path, .at_line = line };
	struct region *rg = p->tree->rg;
	const char *path, *why;
	struct err e;

	if (conf_unquote(value, rg, &path, &e) == -1) {
		conf_error(p->errs, f->path, line, "include: %s", e.text);
		return;
	}
	why = path[0] == '\0'           ? "argument missing" :
	    strstr(path, "://") != NULL ? "a URL is not read: save what it "
					  "gives as a file and include that" :
	    p->depth == INCLUDE_DEPTH   ? "nested too deep" :
					  NULL;
	if (why != NULL) {
		conf_error(p->errs, f->path, line, "include: %s", why);
		return;
	}
	path = conf_path(rg, f->path, path);
	if (strpbrk(path, "*?[") == NULL)
		conf_strs_add(&inner.files, rg, path);
	else
		find_files(p, f, line, path, &inner.files);
	push_frame(p, &inner);
}

/* ---- items --------------------------------------------------------------- */

static struct conf_node *
add_node(struct parser *p, const struct frame *f, const struct conf_token *t)
{
	struct region *rg = p->tree->rg;
	struct conf_node *n = region_new_obj(rg, struct conf_node);

	n->name = region_strndup(rg, t->name.p, t->name.len);
	n->value = region_strndup(rg, t->value.p, t->value.len);
	n->file = f->path;
	n->line = t->line;
	n->order = ++p->order;
	n->parent = p->block;
	if (p->block->last == NULL)
		p->block->first = n;
	else
		p->block->last->next = n;
	p->block->last = n;
	return n;
}

/*
 * Goes into the block.  One that is too deep stays closed: what follows it
 * then belongs to the block around it, and the error ends the load anyway.
 */
static void
open_block(struct parser *p, struct conf_node *n)
{
	n->is_block = true;
	if (p->nested == CONF_BLOCKS_DEPTH) {
		conf_error(p->errs, n->file, n->line, "<%s> is nested too deep",
		    n->opened != NULL ? n->opened : n->name);
		return;
	}
	p->nested++;
	p->block = n;
}

static void
leave_block(struct parser *p)
{
	p->nested--;
	p->block = p->block->parent;
}

/* The tag that closes a block: its own, or the one that a row opened with. */
static bool
closes(const struct conf_node *n, struct slice name)
{
	return n->is_block &&
	    slice_eq_nocase(name, n->opened != NULL ? n->opened : n->name);
}

static void
complain_open(struct parser *p, const struct conf_node *n)
{
	conf_error(p->errs, n->file, n->line, "<%s> is not closed",
	    n->opened != NULL ? n->opened : n->name);
}

static void
close_block(struct parser *p, const struct frame *f, const struct conf_token *t)
{
	struct conf_node *n = p->block;

	while (n != f->base && !closes(n, t->name))
		n = n->parent;
	if (n == f->base) {
		conf_error(p->errs, f->path, t->line,
		    "</%.*s> closes no block of this file", (int)t->name.len,
		    t->name.p);
		return;
	}
	/* What was opened inside and forgotten is closed with it. */
	for (; p->block != n; leave_block(p))
		complain_open(p, p->block);
	leave_block(p);
}

static void
end_file(struct parser *p, struct frame *f)
{
	for (; p->block != f->base; leave_block(p))
		complain_open(p, p->block);
	f->reading = false;
}

static void
take_directive(struct parser *p, const struct frame *f,
    const struct conf_token *t)
{
	struct conf_node *n;

	if (slice_eq_nocase(t->name, "include") && t->opens.len == 0) {
		start_include(p, f, t->value, t->line);
		return;
	}
	if (slice_eq_nocase(t->name, "domain-macro")) {
		if (p->block != p->tree->root)
			conf_error(p->errs, f->path, t->line,
			    "domain-macro belongs at the top level");
		else
			conf_macro_define(p->tree, t->value, f->path, t->line,
			    p->errs);
		return;
	}
	n = add_node(p, f, t);
	if (t->opens.len > 0) {
		n->opened = region_strndup(p->tree->rg, t->opens.p,
		    t->opens.len);
		open_block(p, n);
	}
}

static void
take_item(struct parser *p, struct frame *f)
{
	struct conf_token t;
	struct conf_node *n;
	struct err e;

	switch (conf_lex_next(&f->lex, &t, &e)) {
	case CONF_END:
		end_file(p, f);
		break;
	case CONF_DIRECTIVE:
		if (t.odd != NULL)
			conf_warning(p->errs, f->path, t.line,
			    "%s: read as one", t.odd);
		take_directive(p, f, &t);
		break;
	case CONF_OPEN:
		n = add_node(p, f, &t);
		open_block(p, n);
		break;
	case CONF_CLOSE:
		close_block(p, f, &t);
		break;
	case CONF_BAD:
		conf_error(p->errs, f->path, t.line, "%s", e.text);
		break;
	}
}

void
conf_parse(struct conf_tree *tree, const char *path, struct region *rg,
    struct conf_errors *errs)
{
	struct parser p = { .tree = tree, .errs = errs };
	struct frame first = { 0 };

	*tree = (struct conf_tree){ .rg = rg, .macros = strmap_new() };
	tree->spent = region_new_obj(rg, struct conf_spent);
	tree->root = region_new_obj(rg, struct conf_node);
	tree->root->name = tree->root->value = "";
	tree->root->file = region_strdup(rg, path);
	tree->root->is_block = true;
	p.block = tree->root;
	conf_strs_add(&first.files, rg, tree->root->file);
	push_frame(&p, &first);
	while (p.depth > 0) {
		struct frame *f = &p.frames[p.depth - 1];

		if (f->reading)
			take_item(&p, f);
		else if (f->next < f->files.n)
			next_file(&p, f);
		else
			p.depth--;
	}
	conf_macro_finish(tree, errs);
}

void
conf_tree_fini(struct conf_tree *tree)
{
	strmap_free(&tree->macros);
}
