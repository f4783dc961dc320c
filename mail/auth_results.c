/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/auth_results.h"

#include <string.h>

#include "lib/check.h"

#define TSPECIALS "()<>@,;:\\\"/[]?="

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool
is_control(char c)
{
	return (unsigned char)c < ' ' || c == 0x7f;
}

static bool
is_token_char(char c)
{
	return c > ' ' && c != 0x7f && strchr(TSPECIALS, c) == NULL;
}

bool
auth_results_is_id(const char *text)
{
	const char *p = text;

	while (is_token_char(*p))
		p++;
	return p > text && *p == '\0';
}

const char *
auth_results_quote(const char *value, struct region *rg)
{
	struct buf b = { 0 };
	const char *out;

	/* value = token / quoted-string, or local@domain (RFC 8601, 2.2) */
	if (auth_results_is_id(value))
		return value;
	buf_byte(&b, '"');
	for (; *value != '\0'; value++) {
		if (*value == '"' || *value == '\\')
			buf_byte(&b, '\\');
		if (!is_control(*value))
			buf_byte(&b, *value);
	}
	buf_byte(&b, '"');
	out = region_strndup(rg, b.p, b.len);
	buf_fini(&b);
	return out;
}

/* ---- one field ----------------------------------------------------------- */

/* ( ... ), nested, with quoted pairs; false: it has no end. */
static bool
skip_comment(struct slice *s)
{
	unsigned depth = 0;

	while (s->len > 0) {
		char c = s->p[0];
		size_t n = c == '\\' && s->len > 1 ? 2 : 1;

		s->p += n;
		s->len -= n;
		if (c == '(')
			depth++;
		else if (c == ')' && --depth == 0)
			return true;
	}
	return false;
}

/* " ... " as it stands, but for its folds; false: it has no end. */
static bool
copy_quoted(struct slice *s, struct buf *out)
{
	bool first = true;

	while (s->len > 0) {
		char c = s->p[0];
		size_t n = c == '\\' && s->len > 1 ? 2 : 1;

		/* Half a quoted pair would quote what stands behind it. */
		if (n == 2 && is_control(s->p[1]))
			return false;
		if (!is_control(c))
			buf_add(out, s->p, n);
		s->p += n;
		s->len -= n;
		if (c == '"' && !first)
			return true;
		first = false;
	}
	return false;
}

/*
 * Up to the next ";", without comments, blanks reduced to one and trimmed.
 * False: the field cannot be read.  more_r: there was a ";".
 */
static bool
take_part(struct slice *s, struct buf *out, bool *more_r)
{
	bool blank = false;

	*more_r = false;
	buf_clear(out);
	while (s->len > 0) {
		char c = s->p[0];

		if (c == '(') {
			if (!skip_comment(s))
				return false;
			blank = true;
			continue;
		}
		if (c != ';' && !is_space(c)) {
			if (blank && out->len > 0)
				buf_byte(out, ' ');
			blank = false;
		}
		if (c == '"') {
			if (!copy_quoted(s, out))
				return false;
			continue;
		}
		s->p++;
		s->len--;
		if (c == ';') {
			*more_r = true;
			break;
		}
		if (is_space(c))
			blank = true;
		else if (is_control(c))
			return false;
		else
			buf_byte(out, c);
	}
	return true;
}

/* [CFWS] authserv-id [ CFWS authres-version ] */
static bool
is_of(struct buf *part, const char *authserv_id)
{
	struct slice id = { part->p, part->len };
	const char *blank = id.len == 0 ? NULL : memchr(id.p, ' ', id.len);

	if (blank != NULL) {
		for (const char *p = blank + 1; p < id.p + id.len; p++)
			if (*p < '0' || *p > '9')
				return false;
		id.len = (size_t)(blank - id.p);
	}
	if (id.len >= 2 && id.p[0] == '"') {
		id.p++;
		id.len -= 2;
	}
	return slice_eq_nocase(id, authserv_id);
}

void
auth_results_add(struct auth_results *r, const char *text, struct region *rg)
{
	r->v = region_grow(rg, r->v, r->n, sizeof(*r->v));
	r->v[r->n++] = text;
}

/* methodspec = [CFWS] method [CFWS] "=" [CFWS] result */
static bool
is_result(const struct buf *part)
{
	const char *eq = part->len == 0 ? NULL :
					  memchr(part->p, '=', part->len);

	return eq != NULL && eq > part->p && eq + 1 < part->p + part->len;
}

static void
read_field(struct slice value, const char *authserv_id, struct region *rg,
    struct auth_results *out)
{
	struct auth_results found = { 0 };
	struct buf part = { 0 };
	bool more, good;

	good = take_part(&value, &part, &more) && is_of(&part, authserv_id);
	while (good && more) {
		good = take_part(&value, &part, &more);
		if (good && is_result(&part))
			auth_results_add(&found,
			    region_strndup(rg, part.p, part.len), rg);
	}
	for (size_t i = 0; good && i < found.n; i++)
		auth_results_add(out, found.v[i], rg);
	buf_fini(&part);
}

void
auth_results_read(const struct header_list *headers, const char *authserv_id,
    struct region *rg, struct auth_results *out)
{
	*out = (struct auth_results){ 0 };
	for (size_t i = 0; i < headers->n; i++)
		if (slice_eq_nocase(headers->v[i].name, AUTH_RESULTS_HEADER))
			read_field(headers->v[i].value, authserv_id, rg, out);
}

/* As a generous reader takes it: without quotes, and without what quotes. */
static void
unquote(struct buf *part)
{
	size_t n = 0;

	for (size_t i = 0; i < part->len; i++) {
		char c = part->p[i];

		if (c == '"')
			continue;
		if (c == '\\' && i + 1 < part->len)
			c = part->p[++i];
		part->p[n++] = c;
	}
	part->len = n;
}

/* Whatever stands behind the authserv-id: a version that is none, too. */
static bool
begins_with_id(struct buf *part, const char *authserv_id)
{
	const char *blank;

	unquote(part);
	blank = part->len == 0 ? NULL : memchr(part->p, ' ', part->len);
	if (blank != NULL)
		part->len = (size_t)(blank - part->p);
	return part->len == 0 || is_of(part, authserv_id);
}

bool
auth_results_may_be_of(const struct header *field, const char *authserv_id)
{
	struct slice value = field->value;
	struct buf part = { 0 };
	bool more, theirs;

	if (!slice_eq_nocase(field->name, AUTH_RESULTS_HEADER))
		return false;
	theirs = take_part(&value, &part, &more) &&
	    !begins_with_id(&part, authserv_id);
	buf_fini(&part);
	return !theirs;
}

const char *
auth_results_write(const struct auth_results *r, const char *authserv_id,
    struct region *rg)
{
	struct buf b = { 0 };
	const char *out;

	buf_printf(&b, " %s", authserv_id);
	for (size_t i = 0; i < r->n; i++)
		buf_printf(&b, ";\r\n\t%s", r->v[i]);
	if (r->n == 0)
		buf_str(&b, "; none");
	out = region_strndup(rg, b.p, b.len);
	buf_fini(&b);
	return out;
}

void
auth_results_replace(const struct auth_results *r, const char *authserv_id,
    struct region *rg, struct header_list *headers)
{
	struct header_list list = { .cap = headers->n + 1 };

	list.v = region_array(rg, list.cap, sizeof(*list.v));
	header_list_add(&list, rg, slice_of(AUTH_RESULTS_HEADER),
	    slice_of(auth_results_write(r, authserv_id, rg)));
	for (size_t i = 0; i < headers->n; i++)
		if (!auth_results_may_be_of(&headers->v[i], authserv_id))
			list.v[list.n++] = headers->v[i];
	*headers = list;
}

/* method [ "/" version ] [CFWS] "=" [CFWS] result */
const char *
auth_results_find(const struct auth_results *r, const char *method,
    struct region *rg)
{
	for (size_t i = 0; i < r->n; i++) {
		const char *p = r->v[i];
		size_t len = strcspn(p, " =/");

		if (!slice_eq_nocase((struct slice){ p, len }, method))
			continue;
		p = strchr(p, '=');
		CHECK(p != NULL); /* as read_field() has seen */
		p++;
		p += *p == ' ';
		return region_strndup(rg, p, strcspn(p, " "));
	}
	return NULL;
}
