/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/postfix/pf_tls_lines.h"

#include <string.h>

#include "lib/str.h"
#include "lib/tls_trust.h"
#include "lib/tls_words.h"

/* Where Debian keeps what OpenSSL takes for the host's own. */
#define SYSTEM_FOLDER "/etc/ssl/certs"
#define SYSTEM_FILE SYSTEM_FOLDER "/ca-certificates.crt"

/* Between items of values; a policy has colons, since it is one word. */
#define BLANKS " \t,"
#define BETWEEN BLANKS ":"

const char *const pf_tls_directives[PF_TLS_LINES] = {
	[PF_TLS_AUTHORITIES] = "smtp-tls-ca-file",
	[PF_TLS_MATCH] = "smtp-tls-cert-match",
	[PF_TLS_10] = "smtp-tls-allow-tlsv1",
	[PF_TLS_11] = "smtp-tls-allow-tlsv1.1",
	[PF_TLS_12] = "smtp-tls-allow-tlsv1.2",
	[PF_TLS_13] = "smtp-tls-allow-tlsv1.3",
	[PF_TLS_CIPHERS] = "smtp-tls-ciphers",
};

/* What the attributes say; NULL: nothing. */
struct attributes {
	const char *match, *protocols, *ciphers, *exclude;
};

struct making {
	const struct pf_tls_asked *asked;
	struct attributes has;
	struct buf left;
	struct pf_tls_lines *out;
};

void
pf_tls_lines_default(struct pf_tls_lines *out)
{
	*out = (struct pf_tls_lines){ .values = { [PF_TLS_AUTHORITIES] = "",
					  [PF_TLS_MATCH] = "",
					  [PF_TLS_10] = "opportunistic",
					  [PF_TLS_11] = "opportunistic",
					  [PF_TLS_12] = "yes",
					  [PF_TLS_13] = "yes",
					  [PF_TLS_CIPHERS] = "" },
		.left = "" };
}

static const char *
value_of(const struct making *m, const char *name)
{
	return pf_value(m->asked->conf, m->asked->service, name);
}

static void
leave(struct making *m, const char *name, const char *value)
{
	buf_printf(&m->left, "%s%s=%s", m->left.len == 0 ? "" : " ", name,
	    value);
}

/* The next item; false: there is none.  At the end *rest is "". */
static bool
next_item(struct region *rg, const char **rest, const char *between,
    const char **item)
{
	size_t len;

	*rest += strspn(*rest, between);
	len = strcspn(*rest, between);
	*item = region_strndup(rg, *rest, len);
	*rest += len;
	return len > 0;
}

/* ---- attributes ------------------------------------------------------------ */

static void
read_attribute(struct making *m, const char *name, const char *value)
{
	struct region *rg = m->asked->rg;

	if (str_eq_nocase(name, "match") && m->asked->match != NULL)
		m->has.match = m->has.match == NULL ?
		    value :
		    REGION_JOIN(rg, m->has.match, ":", value);
	else if (str_eq_nocase(name, "protocols"))
		m->has.protocols = value;
	else if (str_eq_nocase(name, "ciphers"))
		m->has.ciphers = value;
	else if (str_eq_nocase(name, "exclude"))
		m->has.exclude = value;
	else
		leave(m, name, value);
}

static void
read_attributes(struct making *m)
{
	const char *rest = m->asked->attributes, *item;

	while (next_item(m->asked->rg, &rest, BLANKS, &item)) {
		size_t len = strcspn(item, "=");

		read_attribute(m, region_strndup(m->asked->rg, item, len),
		    item + len + (item[len] == '='));
	}
}

/* ---- certificates ---------------------------------------------------------- */

static const char *
names(struct making *m, const char *text)
{
	const char *rest = text, *item, *all = "";
	struct err e;

	while (next_item(m->asked->rg, &rest, BETWEEN, &item))
		if (tls_match_check(item, &e) == -1)
			leave(m, "match", item);
		else
			all = REGION_JOIN(m->asked->rg, all,
			    all[0] == '\0' ? "" : ", ", item);
	return all;
}

/*
 * Whom Postfix believes: those of the file, of the folder, and of the host, all
 * of them; nobody unless it is told whom.  Of ours there is one file: *some_r says
 * that it does not have all of them.  "": none.
 */
static const char *
authorities_of(const struct making *m, bool *some_r)
{
	const char *file = value_of(m, "smtp_tls_CAfile");
	const char *folder = value_of(m, "smtp_tls_CApath");
	const bool host = strcmp(folder, SYSTEM_FOLDER) == 0 ||
	    strcmp(folder, SYSTEM_FOLDER "/") == 0;
	const bool system = host || strcmp(file, SYSTEM_FILE) == 0 ||
	    strcmp(value_of(m, "tls_append_default_CA"), "yes") == 0;
	const bool own = file[0] != '\0' && strcmp(file, SYSTEM_FILE) != 0;
	const bool other = folder[0] != '\0' && !host;

	*some_r = own + system + other > 1;
	return file[0] != '\0' ? file : system ? TLS_TRUST_SYSTEM : "";
}

static void
ask_certificates(struct making *m)
{
	const char *file, *match;
	bool some;

	if (m->asked->match == NULL)
		return;
	file = authorities_of(m, &some);
	if (file[0] == '\0') {
		m->out->lost = "smtp_tls_CAfile names no authorities";
		return;
	}
	match = names(m,
	    m->has.match != NULL ? m->has.match : value_of(m, m->asked->match));
	if (match[0] == '\0') {
		m->out->lost = "no name in certificates is understood";
		return;
	}
	if (some)
		m->out->lost = "these authorities are not all: name a file of "
			       "all in smtp_tls_CAfile alone";
	m->out->values[PF_TLS_AUTHORITIES] = file;
	if (strcmp(match, "hostname") != 0)
		m->out->values[PF_TLS_MATCH] = match;
}

/* ---- versions -------------------------------------------------------------- */

static const char *const versions[] = { "SSLv2", "SSLv3", "TLSv1", "TLSv1.1",
	"TLSv1.2", "TLSv1.3" };

enum { VERSIONS = sizeof(versions) / sizeof(versions[0]), OLDEST = 2 };

static int
version_of(const char *name)
{
	for (int i = 0; i < VERSIONS; i++)
		if (str_eq_nocase(name, versions[i]))
			return i;
	return -1;
}

struct span {
	bool named[VERSIONS], never[VERSIONS], any_named;
	int from, to;
};

static bool
add_version(struct span *s, const char *item)
{
	const char mark = item[0];
	size_t skip = mark == '!' ? 1 : mark == '>' || mark == '<' ? 2 : 0;
	int v;

	if (skip == 2 && item[1] != '=')
		return false;
	v = version_of(item + skip);
	if (v == -1)
		return false;
	if (mark == '!')
		s->never[v] = true;
	else if (mark == '>')
		s->from = v;
	else if (mark == '<')
		s->to = v;
	else
		s->named[v] = s->any_named = true;
	return true;
}

static bool
has_version(const struct span *s, int v)
{
	return v >= s->from && v <= s->to && !s->never[v] &&
	    (!s->any_named || s->named[v]);
}

/*
 * Where TLS is required ours is 1.2 and above: that Postfix has the older ones
 * there is taken for its default, unless somebody names one.
 */
static const char *
old_version(const struct making *m, bool allowed, bool named)
{
	if (!allowed)
		return "no";
	return m->asked->mandatory && named ? "yes" : "opportunistic";
}

static void
ask_versions(struct making *m)
{
	const char *name = m->asked->mandatory ?
	    "smtp_tls_mandatory_protocols" :
	    "smtp_tls_protocols";
	const char *text = m->has.protocols, *rest, *item;
	struct span s = { .to = VERSIONS - 1 };
	const char **out = m->out->values;

	if (text != NULL)
		name = "protocols";
	else
		text = value_of(m, name);
	for (rest = text; next_item(m->asked->rg, &rest, BETWEEN, &item);)
		if (!add_version(&s, item)) {
			leave(m, name, text);
			return;
		}
	out[PF_TLS_10] = old_version(m, has_version(&s, OLDEST),
	    s.named[OLDEST]);
	out[PF_TLS_11] = old_version(m, has_version(&s, OLDEST + 1),
	    s.named[OLDEST + 1]);
	out[PF_TLS_12] = has_version(&s, OLDEST + 2) ? "yes" : "no";
	out[PF_TLS_13] = has_version(&s, OLDEST + 3) ? "yes" : "no";
}

/* ---- ciphers --------------------------------------------------------------- */

/* Grades below high are what OpenSSL has by itself, or less. */
static const struct grade {
	const char *name, *list;
} grades[] = {
	{ "high", "HIGH:!aNULL" },
	{ "medium", "" },
	{ "low", "" },
	{ "export", "" },
	{ "", "" },
};

static const char *
list_of(struct making *m, const char *name, const char *grade)
{
	for (size_t i = 0; i < sizeof(grades) / sizeof(grades[0]); i++)
		if (str_eq_nocase(grade, grades[i].name))
			return grades[i].list;
	leave(m, name, grade);
	return "";
}

static const char *
without(struct making *m, const char *list, const char *excluded)
{
	const char *rest = excluded, *item;
	struct err e;

	while (next_item(m->asked->rg, &rest, BETWEEN, &item)) {
		const char *more = REGION_JOIN(m->asked->rg,
		    list[0] == '\0' ? "DEFAULT" : list, ":!", item);

		if (tls_ciphers_check(more, &e) == -1)
			leave(m, "exclude", item);
		else
			list = more;
	}
	return list;
}

static void
ask_ciphers(struct making *m)
{
	const char *list;

	if (m->has.ciphers != NULL)
		list = list_of(m, "ciphers", m->has.ciphers);
	else if (m->asked->mandatory)
		list = list_of(m, "smtp_tls_mandatory_ciphers",
		    value_of(m, "smtp_tls_mandatory_ciphers"));
	else
		list = list_of(m, "smtp_tls_ciphers",
		    value_of(m, "smtp_tls_ciphers"));
	if (m->has.exclude != NULL) {
		list = without(m, list, m->has.exclude);
	} else {
		list = without(m, list,
		    value_of(m, "smtp_tls_exclude_ciphers"));
		if (m->asked->mandatory)
			list = without(m, list,
			    value_of(m, "smtp_tls_mandatory_exclude_ciphers"));
	}
	m->out->values[PF_TLS_CIPHERS] = list;
}

void
pf_tls_lines_make(const struct pf_tls_asked *asked, struct pf_tls_lines *out)
{
	struct making m = { .asked = asked, .out = out };

	pf_tls_lines_default(out);
	read_attributes(&m);
	ask_certificates(&m);
	ask_versions(&m);
	ask_ciphers(&m);
	out->left = region_strdup(asked->rg, buf_cstr(&m.left));
	buf_fini(&m.left);
}
