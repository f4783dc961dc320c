/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/dsn_form.h"

#include <string.h>

#include "mail/addr.h"
#include "mail/dsn_text.h"
#include "mail/encoded_word.h"

enum {
	SUBJECT_MAX = 700,
	NAME_MAX_SHOWN = 200,
	LINE_MAX_TEXT = 900 /* of 998 (RFC 5322, 2.1.1) */
};

static const char *const names[DSN_VAR_COUNT] = {
	[DSN_HOSTNAME] = "hostname",
	[DSN_ORIGINATOR] = "originator",
	[DSN_RECIPIENT] = "recipient",
	[DSN_SUBJECT] = "subject",
	[DSN_RETRY_AFTER] = "retryAfter",
	[DSN_BOUNCE_AFTER] = "bounceAfter",
	[DSN_DATE] = "date",
	[DSN_TIME_QUEUED] = "timeQueued",
	[DSN_RESPONSE] = "response",
};

/* ---- read ---------------------------------------------------------------- */

static void
add_piece(struct dsn_template *t, struct region *rg, struct dsn_piece piece)
{
	t->v = region_grow(rg, t->v, t->n, sizeof(*t->v));
	t->v[t->n++] = piece;
}

/* Up to the next brace; the text is the region's. */
static size_t
add_text(struct dsn_template *t, struct region *rg, const char *p, size_t len)
{
	const char *brace = memchr(p, '{', len);
	size_t n = brace == NULL ? len : (size_t)(brace - p);

	if (n > 0)
		add_piece(t, rg,
		    (struct dsn_piece){
			.text = { region_strndup(rg, p, n), n } });
	return n;
}

/* The variable that begins at p; what of the text it takes, 0: it is none. */
static size_t
add_var(struct dsn_template *t, struct region *rg, struct slice s,
    struct err *e)
{
	const char *end = memchr(s.p, '}', s.len);
	struct slice name = { s.p + 1,
		end == NULL ? 0 : (size_t)(end - s.p) - 1 };

	if (end == NULL || memchr(s.p, '\n', (size_t)(end - s.p)) != NULL) {
		(void)err_set(e, "no \"}\" behind \"{\"; {{ stands for {");
		return 0;
	}
	for (unsigned i = 0; i < DSN_VAR_COUNT; i++)
		if (slice_eq_nocase(name, names[i])) {
			add_piece(t, rg,
			    (struct dsn_piece){ .is_var = true, .var = i });
			return name.len + 2;
		}
	(void)err_set(e, "there is no variable {%.*s}; {{ stands for {",
	    (int)(name.len < 100 ? name.len : 100), name.p);
	return 0;
}

static unsigned
line_of(const char *text, const char *p)
{
	unsigned line = 1;

	for (; text < p; text++)
		line += *text == '\n';
	return line;
}

int
dsn_template_parse(struct slice text, struct region *rg,
    struct dsn_template *out, unsigned *line_r, struct err *e)
{
	const char *start = text.p;

	*out = (struct dsn_template){ 0 };
	*line_r = 1;
	if (!addr_utf8_valid(text))
		return err_set(e, "it is not UTF-8");
	while (text.len > 0) {
		size_t used = add_text(out, rg, text.p, text.len);

		if (used == 0 && text.len > 1 && text.p[1] == '{') {
			add_piece(out, rg,
			    (struct dsn_piece){ .text = SLICE_LIT("{") });
			used = 2;
		} else if (used == 0) {
			used = add_var(out, rg, text, e);
		}
		if (used == 0) {
			*line_r = line_of(start, text.p);
			return -1;
		}
		text.p += used;
		text.len -= used;
	}
	return 0;
}

/* ---- filled in ----------------------------------------------------------- */

static const char *
filled(const struct dsn_template *t, const struct dsn_values *vals,
    struct region *rg)
{
	struct buf out = { 0 };
	const char *text;

	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].is_var)
			buf_str(&out, vals->v[t->v[i].var]);
		else
			buf_add(&out, t->v[i].text.p, t->v[i].text.len);
	text = region_strdup(rg, buf_cstr(&out));
	buf_fini(&out);
	return text;
}

/* A line longer than any may be goes on in the next. */
static void
add_line(struct buf *out, const char *p, size_t len)
{
	while (len > LINE_MAX_TEXT) {
		size_t part = LINE_MAX_TEXT;

		while (part > 1 && ((unsigned char)p[part] & 0xc0) == 0x80)
			part--;
		buf_add(out, p, part);
		buf_str(out, "\r\n");
		p += part;
		len -= part;
	}
	buf_add(out, p, len);
	buf_str(out, "\r\n");
}

void
dsn_form_body(const struct dsn_template *t, const struct dsn_values *vals,
    struct region *rg, struct buf *out)
{
	const char *p = filled(t, vals, rg);

	while (*p != '\0') {
		size_t len = strcspn(p, "\n");
		size_t kept = len > 0 && p[len - 1] == '\r' ? len - 1 : len;

		/* A CR that stands alone has no place in mail. */
		for (size_t from = 0; from <= kept;) {
			size_t n = 0;

			while (from + n < kept && p[from + n] != '\r')
				n++;
			add_line(out, p + from, n);
			from += n + 1;
		}
		p += len + (p[len] == '\n');
	}
}

/* Without control characters; "" of nothing but blanks. */
static const char *
one_line(const struct dsn_template *t, const struct dsn_values *vals,
    size_t max, struct region *rg)
{
	const char *text = dsn_text_safe(filled(t, vals, rg), max, true, rg);

	text += strspn(text, " ");
	return text;
}

void
dsn_form_subject(const struct dsn_template *t, const struct dsn_values *vals,
    struct region *rg, struct buf *out)
{
	static const size_t column = sizeof("Subject: ") - 1;
	const char *text = one_line(t, vals, SUBJECT_MAX, rg);

	if (encoded_word_is_needed(text))
		encoded_word_add(out, text, column);
	else
		dsn_text_wrap(out, text, column, " ");
	buf_str(out, "\r\n");
}

/* As a quoted string (RFC 5322 section 3.2.4), or encoded. */
static void
add_name(struct buf *out, const char *name)
{
	if (encoded_word_is_needed(name)) {
		encoded_word_add(out, name, sizeof("From: ") - 1);
		buf_str(out, "\r\n ");
		return;
	}
	buf_byte(out, '"');
	for (; *name != '\0'; name++) {
		if (*name == '"' || *name == '\\')
			buf_byte(out, '\\');
		buf_byte(out, *name);
	}
	buf_str(out, "\" ");
}

bool
dsn_form_from(const struct dsn_from *f, const struct dsn_values *vals,
    bool utf8, struct region *rg, struct buf *out)
{
	const char *addr = filled(&f->addr, vals, rg);
	const char *name = one_line(&f->name, vals, NAME_MAX_SHOWN, rg);
	struct addr a;

	if (addr_parse(slice_of(addr), rg, &a) != ADDR_OK || (a.utf8 && !utf8))
		return false;
	if (name[0] != '\0')
		add_name(out, name);
	buf_printf(out, "<%s>\r\n", a.text);
	return true;
}

/* ---- From ---------------------------------------------------------------- */

/* `"Name, X"` and `Name` are the same name. */
static struct slice
unquoted(struct slice s, struct region *rg)
{
	char *to = region_alloc(rg, s.len + 1);
	size_t n = 0;

	while (s.len > 0 && s.p[s.len - 1] == ' ')
		s.len--;
	if (s.len < 2 || s.p[0] != '"' || s.p[s.len - 1] != '"')
		return s;
	for (size_t i = 1; i + 1 < s.len; i++) {
		if (s.p[i] == '\\' && i + 2 < s.len)
			i++;
		to[n++] = s.p[i];
	}
	return (struct slice){ to, n };
}

static int
parse_part(struct slice text, bool plain, struct region *rg,
    struct dsn_template *out, struct err *e)
{
	unsigned line;

	*out = (struct dsn_template){ 0 };
	if (!plain)
		return dsn_template_parse(text, rg, out, &line, e);
	if (!addr_utf8_valid(text))
		return err_set(e, "it is not UTF-8");
	if (text.len > 0)
		add_piece(out, rg, (struct dsn_piece){ .text = text });
	return 0;
}

int
dsn_from_parse(const char *text, bool plain, struct region *rg,
    struct dsn_from *out, struct err *e)
{
	/* With such values it has to be an address. */
	static const struct dsn_values sample = { { "host.example",
	    "originator@host.example", "recipient@host.example", "subject",
	    "10m", "4d12h", "date", "1h", "response" } };
	const char *open = strrchr(text, '<');
	struct slice name = { text, 0 }, addr = slice_of(text);
	struct buf ignored = { 0 };
	bool good;

	if (open != NULL && addr.p[addr.len - 1] == '>') {
		name.len = (size_t)(open - text);
		addr = (struct slice){ open + 1,
			(size_t)(text + addr.len - open) - 2 };
	}
	name = unquoted(name, rg);
	if (parse_part(name, plain, rg, &out->name, e) == -1 ||
	    parse_part(addr, plain, rg, &out->addr, e) == -1)
		return -1;
	good = dsn_form_from(out, &sample, false, rg, &ignored);
	buf_fini(&ignored);
	if (!good)
		return err_set(e,
		    "neither NAME <ADDRESS> nor an ASCII address");
	return 0;
}
