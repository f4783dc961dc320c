/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/opendkim_import.h"

#include <stdio.h>
#include <string.h>

enum fate { FATE_READ, FATE_QUIET, FATE_LOST };

static const struct setting {
	const char *name;
	enum fate fate;
} settings[] = {
#define S(name, fate) { name, FATE_##fate },
#include "vmta/opendkim.def"
#undef S
};

/* What a text of ours says of some; of others what their fate says. */
static const struct {
	const char *name;
	enum import_fate fate;
	const char *text;
} words[] = {
	{ "Include", IMPORT_CHANGED,
	    "what it holds counts, and is not listed here" },
	{ "KeyFile", IMPORT_TAKEN,
	    "by opendkim-tables; Mailrace must be able to read the file" },
	{ "Mode", IMPORT_CHANGED, "mail is signed, never verified" },
	{ "Socket", IMPORT_CHANGED,
	    "Mailrace's own milter takes its place: take this one out of "
	    "smtpd_milters and non_smtpd_milters, or mail is signed twice" },
};

static const struct setting *
find(const char *name)
{
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (str_eq_nocase(settings[i].name, name))
			return &settings[i];
	return NULL;
}

static void
tell(struct import_report *report, const struct import_fact *fact)
{
	const struct setting *s = find(fact->name);

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_eq_nocase(words[i].name, fact->name)) {
			import_tell(report, words[i].fate, fact, "%s",
			    words[i].text);
			return;
		}
	if (s == NULL)
		import_tell(report, IMPORT_LOST, fact,
		    "OpenDKIM has no such setting");
	else if (s->fate == FATE_READ)
		import_tell(report, IMPORT_TAKEN, fact, "by opendkim-tables");
	else if (s->fate == FATE_LOST)
		import_tell(report, IMPORT_LOST, fact,
		    "it has no effect: mail is signed as without it");
	else
		import_tell(report, IMPORT_KEPT, fact,
		    "about OpenDKIM itself, or about mail that it verifies");
}

/*
 * A password, one within "mysql://user:password@host/", and a KeyTable with its
 * keys, which stand in no file then.
 */
static bool
is_secret(const char *name, const char *value)
{
	if (strcasestr(name, "password") != NULL)
		return true;
	if (str_eq_nocase(name, "KeyTable"))
		return value[0] != '/' && strncmp(value, "file:", 5) != 0 &&
		    strncmp(value, "refile:", 7) != 0;
	return strstr(value, "://") != NULL && strchr(value, '@') != NULL;
}

/* "Name value", with # for comments. */
static void
read_line(struct slice line, const char *where, struct import_report *report)
{
	const char *hash = memchr(line.p, '#', line.len);
	struct slice s = slice_trim((struct slice){ line.p,
	    hash == NULL ? line.len : (size_t)(hash - line.p) });
	char name[64], value[1024];
	struct import_fact fact = { name, value, where, false };
	struct slice rest;
	size_t len = 0;

	while (len < s.len && s.p[len] != ' ' && s.p[len] != '\t')
		len++;
	if (len == 0)
		return;
	rest = slice_trim((struct slice){ s.p + len, s.len - len });
	(void)snprintf(name, sizeof(name), "%.*s", (int)len, s.p);
	(void)snprintf(value, sizeof(value), "%.*s", (int)rest.len, rest.p);
	fact.secret = is_secret(name, value);
	tell(report, &fact);
}

void
opendkim_import(const char *path, struct slice text, struct import_conf *out,
    struct import_report *report)
{
	const char *base = strrchr(path, '/') + 1;
	char where[300];

	(void)import_add(import_top(out), "opendkim-tables", path,
	    "mail is signed as they say");
	for (unsigned n = 1; text.len > 0; n++) {
		const char *lf = memchr(text.p, '\n', text.len);
		size_t len = lf == NULL ? text.len : (size_t)(lf - text.p);

		(void)snprintf(where, sizeof(where), "%s:%u", base, n);
		read_line((struct slice){ text.p, len }, where, report);
		text.p += len + (lf != NULL);
		text.len -= len + (lf != NULL);
	}
}
