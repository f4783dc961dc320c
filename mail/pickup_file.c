/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/pickup_file.h"

#include <string.h>

#include "mail/addr.h"

enum head_name { HEAD_SENDER, HEAD_OVERRIDE, HEAD_RECEIVER, HEAD_FIELD };

static const struct {
	const char *name;
	enum head_name what;
} names[] = {
	{ "x-sender", HEAD_SENDER },
	{ "x-sender-override", HEAD_OVERRIDE },
	{ "x-receiver", HEAD_RECEIVER },
	{ "x-envid", HEAD_FIELD },
	{ "x-job", HEAD_FIELD },
	{ "x-virtual-mta", HEAD_FIELD },
};

/* What other software has put there instead (BSMTP). */
static const char *const commands[] = { "EHLO ", "HELO ",
	"MAIL FROM:", "XACK " };

/* The first line, with its end. */
static struct slice
line_of(struct slice s)
{
	const char *nl = s.len == 0 ? NULL : memchr(s.p, '\n', s.len);

	if (nl != NULL)
		s.len = (size_t)(nl - s.p) + 1;
	return s;
}

static struct slice
without_end(struct slice line)
{
	if (line.len > 0 && line.p[line.len - 1] == '\n')
		line.len--;
	if (line.len > 0 && line.p[line.len - 1] == '\r')
		line.len--;
	return line;
}

/* False: the line is none of the head. */
static bool
head_line(struct slice line, enum head_name *what_r, struct slice *value_r)
{
	const char *colon = line.len == 0 ? NULL :
					    memchr(line.p, ':', line.len);
	struct slice name = { line.p,
		colon == NULL ? 0 : (size_t)(colon - line.p) };

	for (size_t i = 0; colon != NULL && i < sizeof(names) / sizeof(*names);
	     i++) {
		if (!slice_eq_nocase(name, names[i].name))
			continue;
		*what_r = names[i].what;
		*value_r = slice_trim(
		    (struct slice){ colon + 1, line.len - name.len - 1 });
		return true;
	}
	return false;
}

/* ---- the head ------------------------------------------------------------ */

struct reading {
	struct region *rg;
	struct pickup_file *f;
	const char *override;
	unsigned line;
	bool has_sender;
};

static int
read_address(struct reading *r, struct slice v, const char **addr_r,
    struct err *e)
{
	struct addr a = { "", "", false };

	if (v.len >= 2 && v.p[0] == '<' && v.p[v.len - 1] == '>')
		v = (struct slice){ v.p + 1, v.len - 2 };
	if (v.len > 0 && addr_parse(v, r->rg, &a) != ADDR_OK)
		return err_set(e, "line %u: not an address: %.*s", r->line,
		    (int)(v.len < 200 ? v.len : 200), v.p);
	r->f->utf8 = r->f->utf8 || a.utf8;
	*addr_r = a.text;
	return 0;
}

static int
add_rcpt(struct reading *r, struct slice v, struct err *e)
{
	struct pickup_file *f = r->f;
	const char *addr = "";

	if (read_address(r, v, &addr, e) == -1)
		return -1;
	if (addr[0] == '\0')
		return err_set(e, "line %u: an empty x-receiver", r->line);
	if (f->rcpt_count == PICKUP_RCPTS_MAX)
		return err_set(e, "more than %d recipients", PICKUP_RCPTS_MAX);
	f->rcpts = region_grow(r->rg, f->rcpts, f->rcpt_count,
	    sizeof(*f->rcpts));
	f->rcpts[f->rcpt_count++] = addr;
	return 0;
}

static int
take_head_line(struct reading *r, enum head_name what, struct slice v,
    struct err *e)
{
	switch (what) {
	case HEAD_SENDER:
		r->has_sender = true;
		return read_address(r, v, &r->f->sender, e);
	case HEAD_OVERRIDE:
		return read_address(r, v, &r->override, e);
	case HEAD_RECEIVER:
		return add_rcpt(r, v, e);
	case HEAD_FIELD:
		break;
	}
	return 0;
}

static bool
is_bsmtp(struct slice file)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		size_t len = strlen(commands[i]);

		if (file.len > len &&
		    slice_eq_nocase((struct slice){ file.p, len }, commands[i]))
			return true;
	}
	return false;
}

/* ---- the message --------------------------------------------------------- */

/* A line of it, as it goes behind DATA. */
static void
add_line(struct buf *out, struct slice line, bool un_dot)
{
	if (un_dot && line.len > 0 && line.p[0] == '.') {
		line.p++;
		line.len--;
	}
	if (line.len > 0 && line.p[0] == '.')
		buf_byte(out, '.');
	buf_add(out, line.p, line.len);
	buf_str(out, "\r\n");
}

static void
read_message(struct slice rest, bool un_dot, struct buf *out)
{
	buf_reserve(out, rest.len + rest.len / 16 + 16);
	while (rest.len > 0) {
		struct slice line = line_of(rest), bare = without_end(line);

		rest.p += line.len;
		rest.len -= line.len;
		if (un_dot && bare.len == 1 && bare.p[0] == '.')
			return;
		add_line(out, bare, un_dot);
	}
}

int
pickup_file_read(struct slice file, bool un_dot, struct region *rg,
    struct pickup_file *f_r, struct err *e)
{
	struct reading r = { .rg = rg, .f = f_r };
	struct slice rest = file, line, value;
	enum head_name what;

	*f_r = (struct pickup_file){ .sender = "" };
	if (is_bsmtp(file))
		return err_set(e, "SMTP commands in a file are not understood");
	for (; head_line(without_end(line = line_of(rest)), &what, &value);
	     rest.p += line.len, rest.len -= line.len) {
		r.line++;
		if (take_head_line(&r, what, value, e) == -1)
			return -1;
		if (what == HEAD_FIELD)
			add_line(&f_r->text, without_end(line), false);
	}
	if (r.override != NULL)
		f_r->sender = r.override;
	if (!r.has_sender && r.override == NULL)
		return err_set(e, "there is no x-sender");
	if (f_r->rcpt_count == 0)
		return err_set(e, "there is no x-receiver");
	if (rest.len == 0)
		return err_set(e, "there is no message");
	read_message(rest, un_dot, &f_r->text);
	return 0;
}

void
pickup_file_fini(struct pickup_file *f)
{
	buf_fini(&f->text);
	*f = (struct pickup_file){ 0 };
}

void
pickup_file_again(struct slice file, const struct pickup_file *f,
    const size_t *which, size_t count, struct buf *out)
{
	struct slice line, value;
	enum head_name what;

	buf_printf(out, "x-sender: %s\n", f->sender);
	for (size_t i = 0; i < count; i++)
		buf_printf(out, "x-receiver: %s\n", f->rcpts[which[i]]);
	for (; head_line(without_end(line = line_of(file)), &what, &value);
	     file.p += line.len, file.len -= line.len)
		if (what == HEAD_FIELD)
			buf_add(out, line.p, line.len);
	buf_add(out, file.p, file.len);
}
