/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/rewrite.h"

#include <string.h>

#include "lib/conf_hosts.h"
#include "mail/addr.h"
#include "mail/line_fold.h"
#include "mail/mailbox.h"
#include "vmta/sender_rules.h"

#define FROM_HEADER "From"

/* An address of a row, or the plain form of one that is looked at. */
struct form {
	bool null;
	const char *local, *domain; /* NULL: any */
};

struct mail_row {
	struct form from, to;
	struct mail_row *next;
};

struct from_row {
	const char *pattern, *domain; /* sender_domain_fits() */
	struct from_row *next;
};

struct rewrite_list {
	struct mail_row *mail, **mail_end;
	struct from_row *from, **from_end;
};

struct rewrite_list *
rewrite_list_new(struct region *rg)
{
	struct rewrite_list *l = region_new_obj(rg, struct rewrite_list);

	l->mail_end = &l->mail;
	l->from_end = &l->from;
	return l;
}

/* ---- rows ------------------------------------------------------------------- */

static int
no_form(const char *text, struct err *e)
{
	return err_set(e, "\"%s\" is none of a@b, a@*, *@b, *@* and <>", text);
}

/* A domain of a row, as A-labels in lower case. */
static int
read_domain(const char *text, struct region *rg, const char **out,
    struct err *e)
{
	*out = mailbox_addr_domain(REGION_JOIN(rg, "@", text), rg);
	if (*out == NULL || strchr(text, '@') != NULL ||
	    !conf_is_host_name(slice_of(*out)))
		return err_set(e, "\"%s\" is no domain", text);
	return 0;
}

static int
read_form(const char *text, struct region *rg, struct form *out, struct err *e)
{
	const char *at = strrchr(text, '@');
	char *local;

	*out = (struct form){ .null = strcmp(text, "<>") == 0 };
	if (out->null)
		return 0;
	if (at == NULL || at == text)
		return no_form(text, e);
	local = region_strndup(rg, text, (size_t)(at - text));
	if (strcmp(local, "*") != 0)
		out->local = local;
	if (strcmp(at + 1, "*") != 0 &&
	    read_domain(at + 1, rg, &out->domain, e) == -1)
		return -1;
	if (out->local != NULL && strchr(local, '*') != NULL)
		return no_form(text, e);
	return 0;
}

/* Others than RFC 5321 has, each server would refuse, and the mail with it. */
static bool
is_local_part(const char *local, struct region *rg)
{
	struct addr a;

	return addr_parse(slice_of(REGION_JOIN(rg, local, "@x.example")), rg,
		   &a) == ADDR_OK;
}

/* What goes out needs no SMTPUTF8 that the message did not ask for. */
static int
check_result(const struct mail_row *r, struct region *rg, const char *to,
    struct err *e)
{
	const struct form *f = &r->to;

	if (r->from.null && !f->null &&
	    (f->local == NULL) != (f->domain == NULL))
		return err_set(e, "\"%s\": <> has nothing that a * could leave",
		    to);
	for (const char *p = f->local; p != NULL && *p != '\0'; p++)
		if ((*p & 0x80) != 0)
			return err_set(e,
			    "\"%s\": a local part that is written must be "
			    "ASCII",
			    to);
	if (f->local != NULL && !is_local_part(f->local, rg))
		return err_set(e, "\"%s\" is no address to send from", to);
	return 0;
}

static bool
part_covers(const char *by, const char *other)
{
	return by == NULL || (other != NULL && str_eq_nocase(by, other));
}

static bool
form_covers(const struct form *by, const struct form *other)
{
	if (by->null || other->null)
		return by->null && other->null;
	return part_covers(by->local, other->local) &&
	    part_covers(by->domain, other->domain);
}

int
rewrite_add_mail(struct rewrite_list *l, struct region *rg, const char *from,
    const char *to, struct err *e)
{
	struct mail_row *row = region_new_obj(rg, struct mail_row);
	int rc = 0;

	if (read_form(from, rg, &row->from, e) == -1 ||
	    read_form(to, rg, &row->to, e) == -1 ||
	    check_result(row, rg, to, e) == -1)
		return -1;
	for (const struct mail_row *r = l->mail; r != NULL; r = r->next)
		if (form_covers(&r->from, &row->from))
			rc = 1;
	*l->mail_end = row;
	l->mail_end = &row->next;
	return rc;
}

int
rewrite_add_from(struct rewrite_list *l, struct region *rg, const char *pattern,
    const char *domain, struct err *e)
{
	struct from_row *row = region_new_obj(rg, struct from_row);
	int rc = 0;

	if (sender_domain_pattern(pattern, rg, &row->pattern, e) == -1 ||
	    read_domain(domain, rg, &row->domain, e) == -1)
		return -1;
	for (const struct from_row *r = l->from; r != NULL; r = r->next)
		if (strcmp(r->pattern, "*") == 0 ||
		    strcmp(r->pattern, row->pattern) == 0)
			rc = 1;
	*l->from_end = row;
	l->from_end = &row->next;
	return rc;
}

bool
rewrite_is_about_from(const struct rewrite_list *l)
{
	return l != NULL && l->from != NULL;
}

/* ---- the envelope ------------------------------------------------------------- */

static bool
part_fits(const char *row, const char *part)
{
	return row == NULL || str_eq_nocase(row, part);
}

const char *
rewrite_sender(const struct rewrite_list *l, const char *sender,
    struct region *rg)
{
	const struct mail_row *r = l == NULL ? NULL : l->mail;
	const char *at = strrchr(sender, '@'), *plain, *domain, *local;

	if (r == NULL || (at == NULL && sender[0] != '\0'))
		return sender;
	plain = sender_plain(sender, rg);
	domain = at == NULL ? "" : strrchr(plain, '@') + 1;
	local = at == NULL ?
	    "" :
	    region_strndup(rg, plain, (size_t)(domain - plain) - 1);
	for (; r != NULL; r = r->next)
		if (r->from.null == (at == NULL) &&
		    part_fits(r->from.local, local) &&
		    part_fits(r->from.domain, domain))
			break;
	if (r == NULL)
		return sender;
	if (r->to.null)
		return "";
	if (at == NULL && r->to.local == NULL)
		return sender;
	return REGION_JOIN(rg,
	    r->to.local != NULL ?
		r->to.local :
		region_strndup(rg, sender, (size_t)(at - sender)),
	    "@", r->to.domain != NULL ? r->to.domain : at + 1);
}

/* ---- From ----------------------------------------------------------------------- */

/* What the domain becomes; NULL: it stays. */
static const char *
new_domain(const struct rewrite_list *l, const char *domain)
{
	for (const struct from_row *r = l->from; r != NULL; r = r->next)
		if (sender_domain_fits(r->pattern, domain))
			return strcmp(r->domain, domain) == 0 ? NULL :
								r->domain;
	return NULL;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* slice_trim() leaves folds. */
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

/* A blank at which the line may be broken, the last that helps; 0: none. */
static size_t
fold_at(struct slice line, size_t col)
{
	for (size_t i = LINE_FOLD_MAX - col; i > 0; i--)
		if (is_blank(line.p[i]) && !is_blank(line.p[i - 1]) &&
		    line.p[i - 1] != '\\')
			return i;
	return 0;
}

/*
 * New domains may have made a line too long for SMTP.  line_fold.h would break
 * it anywhere, be it in an address.  False: there is no blank.
 */
static bool
put_line(struct slice line, size_t col, struct buf *out)
{
	while (col + line.len > LINE_FOLD_MAX) {
		size_t at = fold_at(line, col);

		if (at == 0)
			return false;
		buf_add(out, line.p, at);
		buf_str(out, "\r\n");
		line.p += at;
		line.len -= at;
		col = 0;
	}
	buf_add(out, line.p, line.len);
	return true;
}

static const char *
fold(struct slice text, struct region *rg)
{
	size_t col = sizeof(FROM_HEADER ": ") - 1;
	const char *value = NULL, *end;
	struct buf out = { 0 };

	while ((end = memmem(text.p, text.len, "\r\n", 2)) != NULL) {
		size_t len = (size_t)(end - text.p);

		if (!put_line((struct slice){ text.p, len }, col, &out))
			break;
		buf_str(&out, "\r\n");
		text.p += len + 2;
		text.len -= len + 2;
		col = 0;
	}
	if (end == NULL && put_line(text, col, &out))
		value = region_strndup(rg, out.p, out.len);
	buf_fini(&out);
	return value;
}

enum rewritten { STUCK, SAME, REWRITTEN };

static enum rewritten
rewrite_value(const struct rewrite_list *l, struct slice value,
    struct region *rg, const char **out)
{
	struct mailbox_domains d;
	struct buf text = { 0 };
	const char *from, *to;
	size_t changed = 0;

	value = trim(value);
	from = value.p;
	if (value.len == 0 || memchr(value.p, '\0', value.len) != NULL ||
	    !mailbox_domains(value, rg, &d))
		return STUCK;
	for (size_t i = 0; i < d.n; i++) {
		to = new_domain(l, d.v[i]);
		if (to == NULL)
			continue;
		buf_add(&text, from, (size_t)(d.at[i].p - from));
		buf_str(&text, to);
		from = d.at[i].p + d.at[i].len;
		changed++;
	}
	if (changed == 0)
		return SAME;
	buf_add(&text, from, (size_t)(value.p + value.len - from));
	*out = fold((struct slice){ text.p, text.len }, rg);
	buf_fini(&text);
	return *out == NULL ? STUCK : REWRITTEN;
}

bool
rewrite_edit(const struct rewrite_list *l, struct region *rg,
    struct header_edit *edit)
{
	const struct header_list *h = edit->headers;
	bool fine = true;
	const char *value;
	enum rewritten what;

	if (!rewrite_is_about_from(l))
		return true;
	for (size_t i = 0; i < edit->add_count; i++)
		if (str_eq_nocase(edit->add[i].name, FROM_HEADER) &&
		    rewrite_value(l, slice_of(edit->add[i].value), rg,
			&value) == REWRITTEN)
			edit->add[i].value = value;
	for (size_t i = header_find(h, FROM_HEADER, edit->trace); i < h->n;
	     i = header_find(h, FROM_HEADER, i + 1)) {
		if (edit->remove[i])
			continue;
		what = rewrite_value(l, h->v[i].value, rg, &value);
		fine = fine && what != STUCK;
		if (what == REWRITTEN) {
			edit->remove[i] = true;
			header_edit_add(edit, FROM_HEADER, value, rg);
		}
	}
	return fine;
}

const struct header_list *
rewrite_from_seen(const struct rewrite_list *l,
    const struct header_list *headers, struct region *rg)
{
	size_t at = header_find(headers, FROM_HEADER, 0);
	struct header_list *one;
	const char *value;

	if (!rewrite_is_about_from(l) || at == headers->n ||
	    rewrite_value(l, headers->v[at].value, rg, &value) != REWRITTEN)
		return headers;
	one = region_new_obj(rg, struct header_list);
	header_list_add(one, rg, SLICE_LIT(FROM_HEADER),
	    slice_of(REGION_JOIN(rg, " ", value)));
	return one;
}
