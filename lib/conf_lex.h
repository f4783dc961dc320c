/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf_lex - the text of one configuration file as items: directives, opening
 * and closing tags.
 *
 *	item      = directive / "<" name [argument] ">" / "</" name [...] ">"
 *	directive = name blanks value
 *	value     = everything up to the end of the line or "#", trimmed
 *
 * `#` starts a comment anywhere, even in quotes, as in PowerMTA.  A block may
 * stand on one line: `<domain x> max-smtp-out 2 </domain>`.  A directive whose
 * value ends in a tag (`mail-from /re/ <pattern-list>`) opens a block.  A row
 * that starts with "/" has no name.
 *
 * Real files break lines where none may be broken.  Three kinds are put
 * together and marked as odd: a row whose regex lacks its last slash, a list
 * behind a trailing comma, and the list of a domain-macro in the next line.
 * A line with a placeholder of a template ({{ip}}) is CONF_BAD.
 *
 * What a value means, and whether its quotes count, is for who reads it:
 * conf_unquote(), conf_word(), conf_item().  Slices point into the text or
 * into the region.  Pure; any thread.
 */

#ifndef LIB_CONF_LEX_H
#define LIB_CONF_LEX_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "lib/mem.h"
#include "lib/str.h"

enum conf_kind {
	CONF_END,
	CONF_DIRECTIVE,
	CONF_OPEN,
	CONF_CLOSE,
	CONF_BAD /* the line is no item: see struct err; go on behind it */
};

struct conf_token {
	struct slice name, value;
	struct slice
	    opens;       /* name of the tag that ends a directive, or empty */
	unsigned line;   /* the first, if there are several */
	const char *odd; /* what was put up with, to be warned of; or NULL */
};

#define CONF_LEX_PENDING 16 /* two for each block within another in a line */

struct conf_lex {
	struct region *rg;
	const char *p, *end;
	unsigned line;
	/* What is left of blocks on one line; the last one comes first. */
	struct slice pending[CONF_LEX_PENDING];
	size_t pending_count;
};

void conf_lex_init(struct conf_lex *l, struct region *rg, const char *text,
    size_t len);
enum conf_kind conf_lex_next(struct conf_lex *l, struct conf_token *t,
    struct err *e);

/* A whole value: in double quotes, with \ before any byte, or as it stands. */
int conf_unquote(struct slice value, struct region *rg, const char **text_r,
    struct err *e);

/*
 * The next word (up to a blank) or the next item of a list (up to a comma),
 * which may be quoted.  *text_r is NULL at the end.
 */
int conf_word(struct slice *rest, struct region *rg, const char **text_r,
    struct err *e);
int conf_item(struct slice *rest, struct region *rg, const char **text_r,
    struct err *e);

#endif
