/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf_lex.h"

#include <string.h>

#include "lib/regex.h"

/* A row that is still open after so much was cut off, not wrapped. */
#define ROW_LINES_MAX 16
#define ROW_LEN_MAX 65536

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static struct slice
trim(struct slice s)
{
	while (s.len > 0 && is_blank(s.p[0])) {
		s.p++;
		s.len--;
	}
	while (s.len > 0 && is_blank(s.p[s.len - 1]))
		s.len--;
	return s;
}

static struct slice
from(struct slice s, size_t at)
{
	return (struct slice){ s.p + at, s.len - at };
}

/* Takes a word from the front and the blanks behind it. */
static struct slice
take_name(struct slice *s)
{
	struct slice name = { s->p, 0 };

	while (name.len < s->len && !is_blank(s->p[name.len]))
		name.len++;
	*s = trim(from(*s, name.len));
	return name;
}

static bool
same_name(struct slice a, struct slice b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		char x = a.p[i], y = b.p[i];

		if (x >= 'A' && x <= 'Z')
			x = (char)(x + 'a' - 'A');
		if (y >= 'A' && y <= 'Z')
			y = (char)(y + 'a' - 'A');
		if (x != y)
			return false;
	}
	return true;
}

/* One physical line without comment and blanks around it; false at the end. */
static bool
take_line(struct conf_lex *l, struct slice *line_r)
{
	const char *eol, *hash;
	struct slice s;

	if (l->p == l->end)
		return false;
	eol = memchr(l->p, '\n', (size_t)(l->end - l->p));
	s = (struct slice){ l->p,
		(size_t)((eol == NULL ? l->end : eol) - l->p) };
	l->p = eol == NULL ? l->end : eol + 1;
	l->line++;
	hash = memchr(s.p, '#', s.len);
	if (hash != NULL)
		s.len = (size_t)(hash - s.p);
	*line_r = trim(s);
	return true;
}

/* ---- items that were broken into several lines ---------------------------- */

/* The next line that is not empty; *after is where reading goes on then. */
static bool
peek_line(const struct conf_lex *l, struct conf_lex *after, struct slice *line)
{
	*after = *l;
	do {
		if (!take_line(after, line))
			return false;
	} while (line->len == 0);
	return true;
}

/* Has the row /regex/ its last slash, and something behind it? */
static bool
row_is_whole(struct slice s)
{
	size_t len = regex_span(s);

	return len > 0 && len < s.len;
}

/* Can the line be the rest of a row that is still open? */
static bool
continues_row(struct slice row, struct slice line)
{
	if (line.p[0] == '<' || memchr(line.p, '\0', line.len) != NULL ||
	    row.len + line.len > ROW_LEN_MAX)
		return false;
	if (regex_span(row) == 0)
		return line.p[0] != '/' || !row_is_whole(line);
	/* Only what belongs behind the regex is missing: one word. */
	for (size_t i = 0; i < line.len; i++)
		if (is_blank(line.p[i]) || line.p[i] == '/')
			return false;
	return true;
}

/* Was the row cut within a blank, and not within a word of the regex? */
static bool
was_blank(struct slice row, struct slice line)
{
	return strchr("|(", row.p[row.len - 1]) == NULL &&
	    strchr("|)/", line.p[0]) == NULL;
}

/*
 * A row wrapped by an editor is put together again: real files have them.  A
 * row that finds no end within some lines stays as it is: its line is wrong.
 */
static void
join_row(struct conf_lex *l, struct slice *s, struct conf_token *t)
{
	struct conf_lex at = *l, after;
	struct buf row = { 0 };
	struct slice line, whole = *s;

	for (size_t n = 0; n < ROW_LINES_MAX && !row_is_whole(whole) &&
	     peek_line(&at, &after, &line) && continues_row(whole, line);
	     n++) {
		if (row.len == 0)
			buf_add(&row, s->p, s->len);
		if (was_blank(whole, line))
			buf_byte(&row, ' ');
		buf_add(&row, line.p, line.len);
		whole = (struct slice){ row.p, row.len };
		at = after;
	}
	if (row.len > 0 && row_is_whole(whole)) {
		s->p = region_strndup(l->rg, row.p, row.len);
		s->len = row.len;
		*l = at;
		t->odd = "a regular expression over several lines";
	}
	buf_fini(&row);
}

/* Items with commas and without blanks inside: no directive looks so. */
static bool
is_list(struct slice s)
{
	if (s.p[0] == '<' || s.p[0] == '/')
		return false;
	while (s.len > 0) {
		const char *comma = memchr(s.p, ',', s.len);
		struct slice item = { s.p,
			comma == NULL ? s.len : (size_t)(comma - s.p) };

		s = from(s, item.len + (comma != NULL));
		item = trim(item);
		for (size_t i = 0; i < item.len; i++)
			if (is_blank(item.p[i]) || item.p[i] == '\0')
				return false;
	}
	return true;
}

/* `domain-macro NAME`, and nothing else in the line? */
static bool
is_bare_macro(struct slice s)
{
	struct slice name = take_name(&s);

	return slice_eq_nocase(name, "domain-macro") && s.len > 0 &&
	    take_name(&s).len > 0 && s.len == 0;
}

static bool
names_domain(struct slice s)
{
	struct slice word = take_name(&s);

	return memchr(word.p, '.', word.len) != NULL || word.p[0] == '$';
}

/* A list goes on behind a comma; a macro's may start in the next line. */
static void
join_list(struct conf_lex *l, struct slice *s, struct conf_token *t)
{
	struct conf_lex after;
	struct buf list = { 0 };
	struct slice line;
	bool bare = is_bare_macro(*s);
	char last = s->p[s->len - 1];

	while ((last == ',' || bare) && peek_line(l, &after, &line) &&
	    is_list(line) && (!bare || names_domain(line))) {
		if (list.len == 0)
			buf_add(&list, s->p, s->len);
		buf_byte(&list, ' ');
		buf_add(&list, line.p, line.len);
		last = line.p[line.len - 1];
		*l = after;
		t->odd = bare ? "the list stands in the next line" :
				"a list over several lines";
		bare = false;
	}
	if (list.len > 0) {
		s->p = region_strndup(l->rg, list.p, list.len);
		s->len = list.len;
	}
	buf_fini(&list);
}

/* ---- tags ---------------------------------------------------------------- */

/* Where "</" of a closing tag at the end of the line starts, or NULL. */
static const char *
find_last_close(struct slice s)
{
	if (s.len < 4 || s.p[s.len - 1] != '>')
		return NULL;
	for (size_t i = s.len - 2; i > 0; i--)
		if (s.p[i - 1] == '<')
			return s.p[i] == '/' ? s.p + i - 1 : NULL;
	return NULL;
}

/*
 * `<name argument> directive </name>`.  The argument of a block of several
 * lines may hold ">" (a command); here the first one ends it.
 */
static void
split_one_line(struct conf_lex *l, struct slice *tag)
{
	const char *close = find_last_close(*tag), *gt;
	struct slice open_name, close_name, inside;

	gt = memchr(tag->p, '>', tag->len);
	if (close == NULL || gt == NULL || gt > close ||
	    l->pending_count + 2 > CONF_LEX_PENDING)
		return;
	inside = trim((struct slice){ tag->p + 1, (size_t)(gt - tag->p) - 1 });
	open_name = take_name(&inside);
	inside = trim((struct slice){ close + 2,
	    (size_t)(tag->p + tag->len - close) - 3 });
	close_name = take_name(&inside);
	if (!same_name(open_name, close_name))
		return;
	l->pending[l->pending_count++] = (struct slice){ close,
		(size_t)(tag->p + tag->len - close) };
	l->pending[l->pending_count++] = trim(
	    (struct slice){ gt + 1, (size_t)(close - gt) - 1 });
	tag->len = (size_t)(gt - tag->p) + 1;
}

static enum conf_kind
lex_tag(struct conf_lex *l, struct slice s, struct conf_token *t, struct err *e)
{
	bool close = s.len > 1 && s.p[1] == '/';
	struct slice inside;

	if (!close)
		split_one_line(l, &s);
	if (s.p[s.len - 1] != '>') {
		(void)err_set(e, "no \">\" at the end of the tag");
		return CONF_BAD;
	}
	inside = from(s, close ? 2 : 1);
	inside.len--;
	inside = trim(inside);
	t->name = take_name(&inside);
	t->value = inside;
	if (t->name.len == 0) {
		(void)err_set(e, "a tag without a name");
		return CONF_BAD;
	}
	if (close && memchr(t->value.p, '<', t->value.len) != NULL) {
		(void)err_set(e, "text behind </%.*s>", (int)t->name.len,
		    t->name.p);
		return CONF_BAD;
	}
	return close ? CONF_CLOSE : CONF_OPEN;
}

/*
 * A value that ends in a tag of letters and hyphens, as `<pattern-list>`;
 * an address in angle brackets is none.
 */
static void
find_opened(struct conf_token *t)
{
	struct slice v = t->value, name;
	size_t at = v.len;

	if (v.len < 3 || v.p[v.len - 1] != '>')
		return;
	while (at > 0 && v.p[at - 1] != '<')
		at--;
	if (at < 2 || !is_blank(v.p[at - 2]))
		return;
	name = trim((struct slice){ v.p + at, v.len - at - 1 });
	for (size_t i = 0; i < name.len; i++) {
		char c = name.p[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    c != '-')
			return;
	}
	if (name.len == 0)
		return;
	t->opens = name;
	t->value = trim((struct slice){ v.p, at - 1 });
}

static bool
next_text(struct conf_lex *l, struct slice *s)
{
	if (l->pending_count == 0)
		return take_line(l, s);
	*s = l->pending[--l->pending_count];
	return true;
}

/* Text between the two marks, as programs that fill in templates know it. */
static bool
has_between(struct slice s, const char *open, const char *close)
{
	const char *p = memmem(s.p, s.len, open, strlen(open));

	return p != NULL &&
	    memmem(p + strlen(open), s.len - (size_t)(p - s.p) - strlen(open),
		close, strlen(close)) != NULL;
}

static bool
holds_regex(struct slice name)
{
	static const char *const names[] = { "address", "header", "mail-from",
		"rcpt-to", "reply" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (slice_eq_nocase(name, names[i]))
			return true;
	return name.len > 0 && name.p[0] == '/';
}

/* {{ip}}, ${ip}, `ip`, <?ip?>, <%ip%>: nobody has filled the template in. */
static bool
is_template(struct slice s)
{
	struct slice rest = s;

	if (s.len > 1 && s.p[0] == '<' && (s.p[1] == '?' || s.p[1] == '%'))
		return true;
	if (holds_regex(take_name(&rest)))
		return false;
	return has_between(s, "{{", "}}") || has_between(s, "${", "}") ||
	    has_between(s, "`", "`") || has_between(s, "<?", "?>") ||
	    has_between(s, "<%", "%>");
}

/* What is wrong with a line before anything is known about it; or NULL. */
static const char *
find_fault(struct slice s)
{
	if (memchr(s.p, '\0', s.len) != NULL)
		return "a NUL byte in the line; the file must be UTF-8";
	if (is_template(s))
		return "a placeholder of a template that was not filled in";
	return NULL;
}

void
conf_lex_init(struct conf_lex *l, struct region *rg, const char *text,
    size_t len)
{
	*l = (struct conf_lex){ .rg = rg, .p = text, .end = text + len };
	/* A byte order mark, as editors of other systems leave it. */
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		l->p += 3;
}

enum conf_kind
conf_lex_next(struct conf_lex *l, struct conf_token *t, struct err *e)
{
	const char *fault;
	struct slice s;

	*t = (struct conf_token){ .line = l->line };
	do {
		if (!next_text(l, &s))
			return CONF_END;
	} while (s.len == 0);
	t->line = l->line;
	fault = find_fault(s);
	if (fault != NULL) {
		(void)err_set(e, "%s", fault);
		return CONF_BAD;
	}
	if (s.p[0] == '<')
		return lex_tag(l, s, t, e);
	if (s.p[0] == '/') {
		if (l->pending_count == 0)
			join_row(l, &s, t);
		t->name = (struct slice){ s.p, 0 };
		t->value = s;
		return CONF_DIRECTIVE;
	}
	if (l->pending_count == 0)
		join_list(l, &s, t);
	t->value = s;
	t->name = take_name(&t->value);
	find_opened(t);
	return CONF_DIRECTIVE;
}

/* ---- values -------------------------------------------------------------- */

/* Reads a quoted string at the front of *rest, which starts with a quote. */
static int
take_quoted(struct slice *rest, struct region *rg, const char **text_r,
    struct err *e)
{
	char *out = region_alloc(rg, rest->len);
	size_t len = 0, i = 1;

	while (i < rest->len && rest->p[i] != '"') {
		if (rest->p[i] == '\\' && i + 1 < rest->len)
			i++;
		out[len++] = rest->p[i++];
	}
	if (i >= rest->len)
		return err_set(e,
		    "no closing quote (a # starts a comment in quotes, too)");
	out[len] = '\0';
	*text_r = out;
	*rest = trim(from(*rest, i + 1));
	return 0;
}

int
conf_unquote(struct slice value, struct region *rg, const char **text_r,
    struct err *e)
{
	value = trim(value);
	if (value.len == 0 || value.p[0] != '"') {
		*text_r = region_strndup(rg, value.p, value.len);
		return 0;
	}
	if (take_quoted(&value, rg, text_r, e) == -1)
		return -1;
	if (value.len > 0)
		return err_set(e, "text behind the closing quote");
	return 0;
}

int
conf_word(struct slice *rest, struct region *rg, const char **text_r,
    struct err *e)
{
	struct slice word;

	*text_r = NULL;
	*rest = trim(*rest);
	if (rest->len == 0)
		return 0;
	if (rest->p[0] == '"')
		return take_quoted(rest, rg, text_r, e);
	word = take_name(rest);
	*text_r = region_strndup(rg, word.p, word.len);
	return 0;
}

int
conf_item(struct slice *rest, struct region *rg, const char **text_r,
    struct err *e)
{
	const char *comma;
	struct slice item;

	*text_r = NULL;
	*rest = trim(*rest);
	/* Empty items, as a trailing comma leaves them, are none. */
	while (rest->len > 0 && rest->p[0] == ',')
		*rest = trim(from(*rest, 1));
	if (rest->len == 0)
		return 0;
	if (rest->p[0] == '"') {
		if (take_quoted(rest, rg, text_r, e) == -1)
			return -1;
		if (rest->len > 0 && rest->p[0] != ',')
			return err_set(e, "no comma behind the closing quote");
		return 0;
	}
	comma = memchr(rest->p, ',', rest->len);
	item = *rest;
	if (comma != NULL)
		item.len = (size_t)(comma - rest->p);
	*rest = from(*rest, item.len);
	item = trim(item);
	*text_r = region_strndup(rg, item.p, item.len);
	return 0;
}
