/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/postfix/pf_said.h"

#include <string.h>

/* ---- lists --------------------------------------------------------------- */

static bool
is_between(char c)
{
	return c == ' ' || c == '\t' || c == ',';
}

struct slice
pf_list_item(struct slice *rest)
{
	struct slice item;
	int depth = 0;

	while (rest->len > 0 && is_between(rest->p[0])) {
		rest->p++;
		rest->len--;
	}
	item = (struct slice){ rest->p, 0 };
	while (item.len < rest->len) {
		const char c = item.p[item.len];

		if (depth == 0 && is_between(c))
			break;
		depth += c == '{' ? 1 : c == '}' && depth > 0 ? -1 : 0;
		item.len++;
	}
	rest->p += item.len;
	rest->len -= item.len;
	return item;
}

/* Blanks only: a comma belongs to the word of a line of master.cf. */
static struct slice
next_word(struct slice *rest)
{
	struct slice word;
	int depth = 0;

	*rest = slice_trim(*rest);
	word = (struct slice){ rest->p, 0 };
	while (word.len < rest->len) {
		const char c = word.p[word.len];

		if (depth == 0 && (c == ' ' || c == '\t'))
			break;
		depth += c == '{' ? 1 : c == '}' && depth > 0 ? -1 : 0;
		word.len++;
	}
	rest->p += word.len;
	rest->len -= word.len;
	return word;
}

static struct slice
next_line(struct slice *rest)
{
	const char *end = rest->len == 0 ? NULL :
					   memchr(rest->p, '\n', rest->len);
	const size_t len = end == NULL ? rest->len : (size_t)(end - rest->p);
	const struct slice line = { rest->p, len };

	rest->p += len;
	rest->len -= len;
	if (rest->len > 0) {
		rest->p++;
		rest->len--;
	}
	return line;
}

/* ---- what postconf printed ----------------------------------------------- */

/* "name = value", and "name =" of an empty one. */
static void
read_parameters(struct pf_said *h, struct slice text, struct strmap *into)
{
	while (text.len > 0) {
		const struct slice line = next_line(&text);
		const char *eq = line.len == 0 ? NULL :
						 memchr(line.p, '=', line.len);
		struct pf_said_param *param;
		struct slice name, value;

		if (eq == NULL)
			continue;
		name = slice_trim(
		    (struct slice){ line.p, (size_t)(eq - line.p) });
		value = slice_trim((struct slice){ eq + 1,
		    line.len - (size_t)(eq - line.p) - 1 });
		param = region_new_obj(h->rg, struct pf_said_param);
		param->name = region_strndup(h->rg, name.p, name.len);
		param->value = region_strndup(h->rg, value.p, value.len);
		strmap_put(into, param->name, param);
	}
}

/* name type private unpriv chroot wakeup maxproc command [args] */
static void
read_service(struct pf_said *h, struct slice line)
{
	enum { COLUMNS = 8 };
	struct slice column[COLUMNS] = { { NULL, 0 } }, rest = line, word;
	struct buf all = { .p = NULL };
	struct pf_entry s;
	size_t n = 0;

	while ((word = next_word(&rest)).len > 0) {
		if (n < COLUMNS)
			column[n] = word;
		if (n++ > 0)
			buf_byte(&all, ' ');
		buf_add(&all, word.p, word.len);
	}
	s = (struct pf_entry){ .line = region_strdup(h->rg, buf_cstr(&all)) };
	buf_fini(&all);
	if (n < COLUMNS)
		return;
	s.name = region_printf(h->rg, "%.*s/%.*s", (int)column[0].len,
	    column[0].p, (int)column[1].len, column[1].p);
	s.command = region_strndup(h->rg, column[7].p, column[7].len);
	h->services = region_grow(h->rg, h->services, h->service_count,
	    sizeof(*h->services));
	h->services[h->service_count++] = s;
}

void
pf_said_init(struct pf_said *h, struct slice all, struct slice set,
    struct slice services)
{
	*h = (struct pf_said){ .rg = region_new(),
		.values = strmap_new(),
		.set = strmap_new() };
	read_parameters(h, all, h->values);
	read_parameters(h, set, h->set);
	while (services.len > 0)
		read_service(h, next_line(&services));
}

void
pf_said_fini(struct pf_said *h)
{
	strmap_free(&h->values);
	strmap_free(&h->set);
	region_free(&h->rg);
}

/* ---- asking -------------------------------------------------------------- */

const char *
pf_said_value(const struct pf_said *h, const char *name)
{
	const struct pf_said_param *p = strmap_get(h->values, name);

	return p == NULL ? "" : p->value;
}

const char *
pf_said_set(const struct pf_said *h, const char *name)
{
	const struct pf_said_param *p = strmap_get(h->set, name);

	return p == NULL ? NULL : p->value;
}

const struct pf_entry *
pf_said_entry(const struct pf_said *h, const char *name)
{
	for (size_t i = 0; i < h->service_count; i++)
		if (strcmp(h->services[i].name, name) == 0)
			return &h->services[i];
	return NULL;
}

/* "name=value", or "{ name = value }"; p NULL: it is about another name. */
static struct slice
value_of(struct slice option, const char *name)
{
	const char *eq;
	struct slice key;

	if (option.len >= 2 && option.p[0] == '{')
		option = (struct slice){ option.p + 1, option.len - 2 };
	eq = option.len == 0 ? NULL : memchr(option.p, '=', option.len);
	if (eq == NULL)
		return (struct slice){ NULL, 0 };
	key = slice_trim((struct slice){ option.p, (size_t)(eq - option.p) });
	if (!slice_eq(key, name))
		return (struct slice){ NULL, 0 };
	return slice_trim(
	    (struct slice){ eq + 1, option.len - (size_t)(eq - option.p) - 1 });
}

const char *
pf_said_option(const struct pf_said *h, const struct pf_entry *s,
    const char *name)
{
	struct slice rest = slice_of(s->line), word;
	const char *found = NULL;

	while ((word = next_word(&rest)).len > 0) {
		struct slice value = { NULL, 0 };

		if (slice_eq(word, "-o"))
			value = value_of(next_word(&rest), name);
		else if (word.len > 2 && strncmp(word.p, "-o", 2) == 0)
			value = value_of(
			    (struct slice){ word.p + 2, word.len - 2 }, name);
		if (value.p != NULL) /* the last one counts */
			found = region_strndup(h->rg, value.p, value.len);
	}
	return found;
}
