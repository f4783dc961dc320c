/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf_form.h"

#include <string.h>

#include "lib/check.h"
#include "lib/conf_bind.h"
#include "lib/conf_hosts.h"
#include "lib/conf_lex.h"
#include "lib/net.h"
#include "lib/regex.h"

/* ---- types --------------------------------------------------------------- */

/* As a directive of that type would read it; the value is thrown away. */
static int
check_value(const struct conf_form_ctx *c, enum conf_type type, struct slice s,
    struct err *e)
{
	const struct conf_directive row = { .type = type,
		.def = "",
		.min = c->min,
		.max = c->max };
	void *field = region_zalloc(c->tree->rg, conf_type_size(type));

	return conf_value_parse(c->tree, &row, c->node, s, field, e);
}

#define VALUE(name_, type_) \
	static int name_(const struct conf_form_ctx *c, struct slice s, \
	    struct err *e) \
	{ \
		return check_value(c, CONF_TYPE_##type_, s, e); \
	}

VALUE(check_uint, UINT)
VALUE(check_percent, PERCENT)
VALUE(check_bool, BOOL)
VALUE(check_interval, INTERVAL)
VALUE(check_rate, RATE)
VALUE(check_data_rate, DATA_RATE)
VALUE(check_size, SIZE)
VALUE(check_cidr, CIDR)
#undef VALUE

static int
take_all(const struct conf_form_ctx *c, enum conf_type type, struct slice *rest,
    struct err *e)
{
	struct slice s = *rest;

	*rest = (struct slice){ s.p + s.len, 0 };
	return check_value(c, type, s, e);
}

static int
take_intervals(const struct conf_form_ctx *c, struct slice *rest, struct err *e)
{
	return take_all(c, CONF_TYPE_INTERVALS, rest, e);
}

static int
take_rates(const struct conf_form_ctx *c, struct slice *rest, struct err *e)
{
	return take_all(c, CONF_TYPE_RATES, rest, e);
}

static int
take_hosts(const struct conf_form_ctx *c, struct slice *rest, struct err *e)
{
	return take_all(c, CONF_TYPE_HOSTS, rest, e);
}

static int
take_source(const struct conf_form_ctx *c, struct slice *rest, struct err *e)
{
	return take_all(c, CONF_TYPE_SOURCES, rest, e);
}

static int
take_key(const struct conf_form_ctx *c, struct slice *rest, struct err *e)
{
	return take_all(c, CONF_TYPE_DKEYS, rest, e);
}

static int
take_text(const struct conf_form_ctx *c, struct slice *rest, struct err *e)
{
	return take_all(c, CONF_TYPE_STR, rest, e);
}

static int
take_regex(const struct conf_form_ctx *c, struct slice *rest, struct err *e)
{
	struct slice pattern = { 0 };

	(void)c;
	if (regex_take_pattern(rest, &pattern, e) == -1)
		return -1;
	return regex_check(pattern, e);
}

static int
check_regex(const struct conf_form_ctx *c, struct slice s, struct err *e)
{
	struct slice rest = s;

	if (take_regex(c, &rest, e) == -1)
		return -1;
	return rest.len == 0 ? 0 : err_set(e, "text behind the last /");
}

static int
check_any(const struct conf_form_ctx *c, struct slice s, struct err *e)
{
	(void)c;
	return s.len > 0 ? 0 : err_set(e, "argument missing");
}

static int
check_ip(const struct conf_form_ctx *c, struct slice s, struct err *e)
{
	struct net_addr addr;

	(void)c;
	if (s.len > 2 && s.p[0] == '[' && s.p[s.len - 1] == ']')
		s = (struct slice){ s.p + 1, s.len - 2 };
	return net_addr_parse(s, &addr, e);
}

static int
check_endpoint(const struct conf_form_ctx *c, struct slice s, struct err *e)
{
	const char *text = region_strndup(c->tree->rg, s.p, s.len);
	struct net_addr addr;
	uint16_t port;

	return net_endpoint_parse(text, &addr, &port, e);
}

static int
check_host(const struct conf_form_ctx *c, struct slice s, struct err *e)
{
	(void)c;
	if (!conf_is_host_name(s))
		return err_set(e, "\"%.*s\" is not a host name", (int)s.len,
		    s.p);
	return 0;
}

/* HOST:PORT or [IP]:PORT, the port not to be left out. */
static int
check_host_port(const struct conf_form_ctx *c, struct slice s, struct err *e)
{
	struct conf_hosts hosts;

	if (conf_hosts_parse(s, c->tree->rg, &hosts, e) == -1)
		return -1;
	if (hosts.n != 1 || hosts.v[0].port == 0 || hosts.v[0].lookup_mx)
		return err_set(e, "\"%.*s\" is not HOST:PORT", (int)s.len, s.p);
	return 0;
}

static int
check_domain(const struct conf_form_ctx *c, struct slice s, struct err *e)
{
	const char *text = region_strndup(c->tree->rg, s.p, s.len);
	struct conf_strs names = { 0 };
	bool from_macro;

	if (conf_expand(c->tree, text, &names, &from_macro, e) == -1)
		return -1;
	for (size_t i = 0; i < names.n; i++)
		if (!conf_is_domain_pattern(slice_of(names.v[i])))
			return err_set(e, "\"%s\" is not a domain pattern",
			    names.v[i]);
	return 0;
}

static int
check_address(const struct conf_form_ctx *c, struct slice s, struct err *e)
{
	(void)c;
	if (!conf_is_address(s))
		return err_set(e, "\"%.*s\" is not a mail address", (int)s.len,
		    s.p);
	return 0;
}

static int
check_name(const struct conf_form_ctx *c, struct slice s, struct err *e)
{
	(void)c;
	for (size_t i = 0; i < s.len; i++)
		if (strchr(" \t,/", s.p[i]) != NULL)
			return err_set(e, "\"%.*s\" is not a name", (int)s.len,
			    s.p);
	return s.len > 0 ? 0 : err_set(e, "a name is missing");
}

static int
check_header(const struct conf_form_ctx *c, struct slice s, struct err *e)
{
	bool good = s.len > 0;

	(void)c;
	for (size_t i = 0; i < s.len; i++)
		good = good && s.p[i] > ' ' && s.p[i] < 0x7f && s.p[i] != ':';
	if (!good)
		return err_set(e, "\"%.*s\" is not the name of a header field",
		    (int)s.len, s.p);
	return 0;
}

static int
check_dir(const struct conf_form_ctx *c, struct slice s, struct err *e)
{
	(void)c;
	if (s.len == 0 || s.p[0] != '/')
		return err_set(e, "an absolute path is needed");
	return 0;
}

static int
check_url(const struct conf_form_ctx *c, struct slice s, struct err *e)
{
	const char *text = region_strndup(c->tree->rg, s.p, s.len);
	size_t skip = strncmp(text, "https://", 8) == 0 ? 8 :
	    strncmp(text, "http://", 7) == 0            ? 7 :
							  0;

	if (skip == 0 || text[skip] == '\0' || text[skip] == '/' ||
	    strpbrk(text, " \t\"<>") != NULL)
		return err_set(e, "\"%s\" is not a URL with http or https",
		    text);
	return 0;
}

static const struct conf_form_type common[] = {
	{ "ADDR", check_address, NULL, true },
	{ "ANY", check_any, NULL, true },
	{ "BOOL", check_bool, NULL, false },
	{ "CIDR", check_cidr, NULL, false },
	{ "DATA-RATE", check_data_rate, NULL, false },
	{ "DIR", check_dir, NULL, true },
	{ "DOMAIN", check_domain, NULL, true },
	{ "FILE", check_any, NULL, true },
	{ "HEADER", check_header, NULL, true },
	{ "HOST", check_host, NULL, true },
	{ "HOST:PORT", check_host_port, NULL, false },
	{ "HOSTS", NULL, take_hosts, true },
	{ "INTERVAL", check_interval, NULL, false },
	{ "INTERVALS", NULL, take_intervals, false },
	{ "IP", check_ip, NULL, false },
	{ "IP:PORT", check_endpoint, NULL, false },
	{ "KEY", NULL, take_key, true },
	{ "NAME", check_name, NULL, true },
	{ "PERCENT", check_percent, NULL, false },
	{ "RATE", check_rate, NULL, false },
	{ "RATES", NULL, take_rates, false },
	{ "REGEX", NULL, take_regex, false },
	{ "/REGEX/", check_regex, NULL, false },
	{ "SIZE", check_size, NULL, false },
	{ "SOURCE", NULL, take_source, true },
	{ "TEXT", NULL, take_text, true },
	{ "UINT", check_uint, NULL, false },
	{ "URL", check_url, NULL, true },
};

static const struct conf_form_type *
find_in(const struct conf_form_type *v, size_t n, struct slice name)
{
	for (size_t i = 0; i < n; i++)
		if (slice_eq(name, v[i].name))
			return &v[i];
	return NULL;
}

/* NULL: the word stands for itself. */
static const struct conf_form_type *
find_type(const struct conf_form_types *own, struct slice name)
{
	const struct conf_form_type *t = find_in(common,
	    sizeof(common) / sizeof(common[0]), name);

	return t != NULL ? t : find_in(own->v, own->n, name);
}

/* ---- parts --------------------------------------------------------------- */

struct part {
	struct slice alts; /* with "|" between them */
	bool optional, list;
};

static struct slice
take_until(struct slice *s, char c)
{
	const char *at = memchr(s->p, c, s->len);
	struct slice front = { s->p,
		at == NULL ? s->len : (size_t)(at - s->p) };
	size_t used = front.len + (at != NULL);

	*s = (struct slice){ s->p + used, s->len - used };
	return front;
}

static struct part
take_part(struct slice *form)
{
	struct part p = { .alts = take_until(form, ' ') };

	if (p.alts.p[0] == '[') {
		p.optional = true;
		p.alts = (struct slice){ p.alts.p + 1, p.alts.len - 2 };
	}
	if (p.alts.p[p.alts.len - 1] == ',') {
		p.list = true;
		p.alts.len--;
	}
	return p;
}

/* Is the word one of the alternatives?  With one type, its reason counts. */
static int
check_word(const struct conf_form_ctx *c, const struct conf_form_types *own,
    const struct part *p, struct slice word, struct err *e)
{
	struct slice rest = p->alts;
	unsigned types = 0;

	while (rest.len > 0) {
		struct slice alt = take_until(&rest, '|');
		const struct conf_form_type *t = find_type(own, alt);

		if (t == NULL) {
			if (slice_eq_nocase(word,
				region_strndup(c->tree->rg, alt.p, alt.len)))
				return 0;
			continue;
		}
		CHECK(t->word != NULL);
		types++;
		if (t->word(c, word, e) == 0)
			return 0;
	}
	if (types != 1)
		return err_set(e, "\"%.*s\" is none of %.*s", (int)word.len,
		    word.p, (int)p->alts.len, p->alts.p);
	if (memchr(p->alts.p, '|', p->alts.len) != NULL) {
		struct err why = *e;

		(void)err_set(e, "%s (of %.*s)", why.text, (int)p->alts.len,
		    p->alts.p);
	}
	return -1;
}

static int
check_list(const struct conf_form_ctx *c, const struct conf_form_types *own,
    const struct part *p, struct slice *rest, struct err *e)
{
	const char *item;
	bool any = false;

	for (;;) {
		if (conf_item(rest, c->tree->rg, &item, e) == -1)
			return -1;
		if (item == NULL)
			break;
		any = true;
		if (item[0] != '\0' &&
		    check_word(c, own, p, slice_of(item), e) == -1)
			return -1;
	}
	if (!any && !p->optional)
		return err_set(e, "argument missing");
	return 0;
}

static int
check_part(const struct conf_form_ctx *c, const struct conf_form_types *own,
    const struct part *p, struct slice *rest, struct err *e)
{
	const struct conf_form_type *t = find_type(own, p->alts);
	const char *word;

	if (p->list)
		return check_list(c, own, p, rest, e);
	if (t != NULL && t->take != NULL) {
		*rest = slice_trim(*rest);
		if (rest->len > 0)
			return t->take(c, rest, e);
		return p->optional ? 0 : err_set(e, "argument missing");
	}
	if (conf_word(rest, c->tree->rg, &word, e) == -1)
		return -1;
	if (word == NULL)
		return p->optional ? 0 : err_set(e, "argument missing");
	return check_word(c, own, p, slice_of(word), e);
}

/* ---- forms --------------------------------------------------------------- */

/* `""`, where any alternative of the first part may be cleared. */
static bool
is_cleared(const struct conf_form_types *own, struct slice form,
    struct slice value)
{
	struct part p;

	if (form.len == 0 || !slice_eq(value, "\"\""))
		return false;
	p = take_part(&form);
	while (p.alts.len > 0) {
		const struct conf_form_type *t = find_type(own,
		    take_until(&p.alts, '|'));

		if (t != NULL && t->clears)
			return true;
	}
	return false;
}

static int
check_form(const struct conf_form_ctx *c, const struct conf_form_types *own,
    struct slice form, struct slice value, struct err *e)
{
	if (is_cleared(own, form, value))
		return 0;
	while (form.len > 0) {
		struct part p = take_part(&form);

		if (check_part(c, own, &p, &value, e) == -1)
			return -1;
	}
	value = slice_trim(value);
	if (value.len > 0)
		return err_set(e, "\"%.*s\" is too much", (int)value.len,
		    value.p);
	return 0;
}

int
conf_form_check(const struct conf_form_ctx *c,
    const struct conf_form_types *own, const char *forms, struct slice value,
    struct err *e)
{
	for (int i = 0;; i++) {
		const char *end = strstr(forms, " / ");
		size_t len = end == NULL ? strlen(forms) :
					   (size_t)(end - forms);
		struct err later;

		if (check_form(c, own, (struct slice){ forms, len }, value,
			i == 0 ? e : &later) == 0)
			return i;
		if (end == NULL)
			return -1;
		forms = end + 3;
	}
}
