/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/extra_fields.h"

#include <string.h>

#define LINE_MAX_OCTETS 998 /* RFC 5322 section 2.1.1 */

/* Once at most in a message; RFC 2045, 2369, 2919, 5322 section 3.6, and ours. */
static const char *const single[] = { "Cc", "Content-Description", "Content-ID",
	"Content-Transfer-Encoding", "Content-Type", "Date", "Feedback-ID",
	"From", "In-Reply-To", "List-Archive", "List-Help", "List-ID",
	"List-Owner", "List-Post", "List-Subscribe", "List-Unsubscribe",
	"List-Unsubscribe-Post", "Message-ID", "MIME-Version", "References",
	"Reply-To", "Sender", "Subject", "To" };

/* Of each message, its way or its signatures; or a control of ours. */
static const char *const refused[] = { "ARC-Authentication-Results",
	"ARC-Message-Signature", "ARC-Seal", "Bcc", "Content-Length",
	"DKIM-Signature", "Received", "Resent-Bcc", "Return-Path", "X-DKIM-Key",
	"X-DKIM-Options", "X-Envid", "X-Job", "X-Mailrace-Mark", "X-Schedule",
	"X-Virtual-MTA" };

static bool
is_one_of(const char *name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq_nocase(name, list[i]))
			return true;
	return false;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

bool
extra_fields_is_name(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f || s.p[i] == ':')
			return false;
	return s.len > 0;
}

/* The next line without its end; CRLF and LF are both one. */
static struct slice
take_line(struct slice *text)
{
	const char *lf = memchr(text->p, '\n', text->len);
	size_t whole = lf == NULL ? text->len : (size_t)(lf - text->p) + 1;
	struct slice line = { text->p, lf == NULL ? whole : whole - 1 };

	if (lf != NULL && line.len > 0 && line.p[line.len - 1] == '\r')
		line.len--;
	text->p += whole;
	text->len -= whole;
	return line;
}

static int
too_long(struct err *e)
{
	return err_set(e, "a line has more than %d octets", LINE_MAX_OCTETS);
}

static int
check_line(struct slice line, struct err *e)
{
	if (line.len > LINE_MAX_OCTETS)
		return too_long(e);
	for (size_t i = 0; i < line.len; i++) {
		unsigned char c = (unsigned char)line.p[i];

		if (c > 0x7f)
			return err_set(e,
			    "a byte is not ASCII: an encoded-word (RFC 2047) "
			    "is needed");
		if ((c < ' ' && c != '\t') || c == 0x7f)
			return err_set(e, "there is a control character");
	}
	return 0;
}

static int
begin_field(struct slice line, struct region *rg, struct extra_fields *out,
    struct err *e)
{
	const char *colon = memchr(line.p, ':', line.len);
	struct slice name = { line.p,
		colon == NULL ? line.len : (size_t)(colon - line.p) };
	struct extra_field *f;
	struct slice value;

	if (colon == NULL || !extra_fields_is_name(name))
		return err_set(e, "that is no header field: NAME: TEXT");
	value = slice_trim(
	    (struct slice){ colon + 1, line.len - name.len - 1 });
	if (name.len + strlen(": ") + value.len > LINE_MAX_OCTETS)
		return too_long(e);
	if (value.len == 0)
		return err_set(e, "%.*s: there is no text behind the colon",
		    (int)name.len, name.p);
	out->v = region_grow(rg, out->v, out->n, sizeof(*out->v));
	f = &out->v[out->n++];
	f->name = region_strndup(rg, name.p, name.len);
	f->value = region_strndup(rg, value.p, value.len);
	f->single = is_one_of(f->name, single,
	    sizeof(single) / sizeof(*single));
	if (is_one_of(f->name, refused, sizeof(refused) / sizeof(*refused)))
		return err_set(e, "%s cannot be the same in all messages",
		    f->name);
	return 0;
}

static void
continue_field(struct slice line, struct region *rg, struct extra_fields *out)
{
	struct extra_field *f = &out->v[out->n - 1];

	f->value = region_printf(rg, "%s\r\n%.*s", f->value, (int)line.len,
	    line.p);
}

int
extra_fields_parse(struct slice text, struct region *rg,
    struct extra_fields *out, unsigned *line_r, struct err *e)
{
	size_t before = out->n;
	unsigned empty = 0;

	for (*line_r = 1; text.len > 0; ++*line_r) {
		struct slice line = take_line(&text);

		if (check_line(line, e) == -1)
			return -1;
		if (slice_trim(line).len == 0) {
			empty = empty == 0 ? *line_r : empty;
			continue;
		}
		if (empty != 0) {
			*line_r = empty;
			return err_set(e, "an empty line would end the header");
		}
		if (is_blank(line.p[0]) && out->n > before)
			continue_field(line, rg, out);
		else if (begin_field(line, rg, out, e) == -1)
			return -1;
	}
	return 0;
}
