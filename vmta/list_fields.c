/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/list_fields.h"

#include <ctype.h>
#include <string.h>

#include "mail/mailbox.h"

#define UNSUBSCRIBE "List-Unsubscribe"
#define POST "List-Unsubscribe-Post"
#define ONE_CLICK "List-Unsubscribe=One-Click" /* RFC 8058 section 3.1 */

/* RFC 5322 section 2.1.1: a line that cannot be folded. */
enum { URI_MAX = 900, FEEDBACK_PARTS = 4, SENDER_MIN = 5, SENDER_MAX = 15 };

/* ---- macros ------------------------------------------------------------------ */

/* NULL: the message has none. */
typedef const char *macro_fn(const struct list_message *m, struct region *rg);

static const char *
job(const struct list_message *m, struct region *rg)
{
	(void)rg;
	return m->job[0] == '\0' ? NULL : m->job;
}

static const char *
vmta(const struct list_message *m, struct region *rg)
{
	(void)rg;
	return m->vmta[0] == '\0' ? NULL : m->vmta;
}

static const char *
from_domain(const struct list_message *m, struct region *rg)
{
	size_t at = header_find(m->headers, "From", 0);

	return at == m->headers->n ?
	    NULL :
	    mailbox_domain(m->headers->v[at].value, rg);
}

static const char *
message_id(const struct list_message *m, struct region *rg)
{
	size_t at = header_find(m->headers, "Message-ID", 0), len;
	const char *value;

	if (at == m->headers->n)
		return NULL;
	value = header_value(&m->headers->v[at], rg);
	if (value[0] != '<')
		return NULL;
	len = strcspn(value + 1, ">");
	return len == 0 ? NULL : region_strndup(rg, value + 1, len);
}

static const char *
rcpt(const struct list_message *m, struct region *rg)
{
	(void)rg;
	return m->rcpt;
}

static const struct {
	const char *name;
	macro_fn *value;
	bool feedback; /* has a place in Feedback-ID: the same in much mail */
} macros[] = {
	{ "from-domain", from_domain, true },
	{ "job", job, true },
	{ "message-id", message_id, false },
	{ "rcpt", rcpt, false },
	{ "vmta", vmta, true },
};

#define MACRO_COUNT (sizeof(macros) / sizeof(macros[0]))

/*
 * The text up to the next macro, and which one that is; MACRO_COUNT: none.
 * *text goes behind both.
 */
static int
next_part(const char **text, struct slice *plain, size_t *macro_r,
    struct err *e)
{
	size_t len = strcspn(*text, "{}"), name;

	*plain = (struct slice){ *text, len };
	*macro_r = MACRO_COUNT;
	*text += len;
	if (**text == '\0')
		return 0;
	name = strcspn(*text + 1, "{}");
	if (**text == '}' || (*text)[1 + name] != '}')
		return err_set(e, "a brace without its other one");
	for (*macro_r = 0; *macro_r < MACRO_COUNT; (*macro_r)++)
		if (slice_eq((struct slice){ *text + 1, name },
			macros[*macro_r].name))
			break;
	if (*macro_r == MACRO_COUNT)
		return err_set(e, "there is no {%.*s}", (int)name, *text + 1);
	*text += name + 2;
	return 0;
}

/* ---- checked at load ------------------------------------------------------------ */

/* With an "x" in the place of each macro. */
static int
make_sample(const char *text, bool feedback, struct buf *out, struct err *e)
{
	while (*text != '\0') {
		struct slice plain;
		size_t macro;

		if (next_part(&text, &plain, &macro, e) == -1)
			return -1;
		buf_add(out, plain.p, plain.len);
		if (macro == MACRO_COUNT)
			continue;
		if (feedback && !macros[macro].feedback)
			return err_set(e,
			    "{%s} differs in each message: nothing can be "
			    "counted by it",
			    macros[macro].name);
		buf_byte(out, 'x');
	}
	for (size_t i = 0; i < out->len; i++)
		if ((unsigned char)out->p[i] <= (feedback ? ' ' : 0x1f) ||
		    (unsigned char)out->p[i] >= 0x7f)
			return err_set(e,
			    "only printable ASCII can stand here");
	if (out->len > LIST_TEMPLATE_MAX)
		return err_set(e, "more than %d characters", LIST_TEMPLATE_MAX);
	return 0;
}

static bool
is_uri(struct slice s)
{
	static const char *const fronts[] = { "https://", "http://",
		"mailto:" };

	for (size_t i = 0; i < sizeof(fronts) / sizeof(fronts[0]); i++) {
		size_t len = strlen(fronts[i]);

		if (s.len > len && strncasecmp(s.p, fronts[i], len) == 0)
			return memchr(s.p, ' ', s.len) == NULL;
	}
	return false;
}

/* "<" uri ">" *( "," "<" uri ">" ) */
static int
check_uris(const char *text, struct err *e)
{
	for (;;) {
		size_t len;

		text += strspn(text, " ");
		len = *text == '<' ? strcspn(text + 1, "<>") : 0;
		if (len == 0 || text[1 + len] != '>')
			return err_set(e, "<URI>, ... is needed");
		if (!is_uri((struct slice){ text + 1, len }))
			return err_set(e,
			    "\"%.*s\" is no URI of https, http or mailto",
			    (int)len, text + 1);
		text += len + 2;
		text += strspn(text, " ");
		if (*text == '\0')
			return 0;
		if (*text++ != ',')
			return err_set(e, "<URI>, ... is needed");
	}
}

int
list_unsubscribe_check(const char *text, struct err *e)
{
	struct buf sample = { 0 };
	int rc = make_sample(text, false, &sample, e);

	if (rc == 0)
		rc = check_uris(buf_cstr(&sample), e);
	buf_fini(&sample);
	return rc;
}

int
feedback_id_check(const char *text, struct err *e)
{
	struct buf sample = { 0 };
	const char *last = strrchr(text, ':');
	size_t parts = 1, len = strlen(last == NULL ? text : last + 1);
	int rc = make_sample(text, true, &sample, e);

	for (const char *p = text; *p != '\0'; p++)
		parts += *p == ':';
	if (rc == 0 && parts > FEEDBACK_PARTS)
		rc = err_set(e, "more than %d parts", FEEDBACK_PARTS);
	if (rc == 0 &&
	    (len < SENDER_MIN || len > SENDER_MAX ||
		strpbrk(last == NULL ? text : last + 1, "{}") != NULL))
		rc = err_set(e,
		    "its last part names the sender: %d to %d characters that "
		    "are always the same",
		    SENDER_MIN, SENDER_MAX);
	buf_fini(&sample);
	return rc;
}

/* ---- made of a message -------------------------------------------------------------- */

/* RFC 3986 section 2.3: all but unreserved bytes. */
static void
put_encoded(struct buf *out, const char *value)
{
	for (; *value != '\0'; value++)
		if (isalnum((unsigned char)*value) != 0 ||
		    strchr("-._~", *value) != NULL)
			buf_byte(out, *value);
		else
			buf_printf(out, "%%%02X", (unsigned char)*value);
}

/* A part ends at a colon, and is one word. */
static void
put_word(struct buf *out, const char *value)
{
	for (; *value != '\0'; value++)
		buf_byte(out,
		    *value > ' ' && *value < 0x7f && *value != ':' ? *value :
								     '_');
}

typedef void put_fn(struct buf *out, const char *value);

/* false: a macro has no value, and none would not do. */
static bool
fill_in(const char *text, const struct list_message *m, put_fn *put,
    struct region *rg, struct buf *out)
{
	bool all = true;
	struct err e;

	while (*text != '\0') {
		const char *value;
		struct slice plain;
		size_t macro;

		/* It was checked at load. */
		(void)next_part(&text, &plain, &macro, &e);
		buf_add(out, plain.p, plain.len);
		if (macro == MACRO_COUNT)
			continue;
		value = macros[macro].value(m, rg);
		if (value != NULL)
			put(out, value);
		else
			all = false;
	}
	return all;
}

/* Each URI on a line of its own; NULL: one is too long for a line. */
static const char *
fold(struct slice list, struct region *rg)
{
	struct buf out = { 0 };
	const char *folded = NULL;
	size_t line = 0;

	for (size_t i = 0; i < list.len && line <= URI_MAX; i++) {
		line++;
		buf_byte(&out, list.p[i]);
		if (list.p[i] != '>' || i + 1 == list.len)
			continue;
		while (i + 1 < list.len && list.p[i + 1] != '<')
			i++;
		buf_str(&out, ",\r\n\t");
		line = 0;
	}
	if (line <= URI_MAX)
		folded = region_strndup(rg, out.p, out.len);
	buf_fini(&out);
	return folded;
}

bool
list_unsubscribe_is_in(const struct dkim_fields *f)
{
	return dkim_fields_names(f, UNSUBSCRIBE) && dkim_fields_names(f, POST);
}

static bool
has(const struct list_message *m, const char *name)
{
	return header_find(m->headers, name, 0) < m->headers->n;
}

size_t
list_unsubscribe_make(const char *text, const struct list_message *m,
    struct region *rg, struct list_field out[2])
{
	struct buf value = { 0 };
	const char *folded = NULL;
	size_t n = 0;

	if (text[0] == '\0' || has(m, UNSUBSCRIBE) || has(m, POST))
		return 0;
	if (fill_in(text, m, put_encoded, rg, &value))
		folded = fold((struct slice){ value.p, value.len }, rg);
	buf_fini(&value);
	if (folded == NULL)
		return 0;
	out[n++] = (struct list_field){ UNSUBSCRIBE, folded };
	if (m->is_signed && strcasestr(folded, "<https://") != NULL)
		out[n++] = (struct list_field){ POST, ONE_CLICK };
	return n;
}

/* A part that there is nothing for is empty. */
size_t
feedback_id_make(const char *text, const struct list_message *m,
    struct region *rg, struct list_field *out)
{
	struct buf value = { 0 };

	if (text[0] == '\0')
		return 0;
	(void)fill_in(text, m, put_word, rg, &value);
	*out = (struct list_field){ FEEDBACK_ID_HEADER,
		region_strndup(rg, value.p, value.len) };
	buf_fini(&value);
	return 1;
}
