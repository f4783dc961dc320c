/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/exim/ex_facts.h"

#include <string.h>

#define FILE_IS "Configuration file is "
#define TRANSPORTS "Transports:"

void
ex_facts_init(struct ex_facts *f, struct region *rg)
{
	*f = (struct ex_facts){ .conf = ex_conf_new(rg) };
}

void
ex_facts_fini(struct ex_facts *f)
{
	ex_conf_free(&f->conf);
}

/* The next line, without its end; false: there is none. */
static bool
next_line(struct slice *text, struct slice *line_r)
{
	const char *end;

	if (text->len == 0)
		return false;
	end = memchr(text->p, '\n', text->len);
	line_r->p = text->p;
	line_r->len = end == NULL ? text->len : (size_t)(end - text->p);
	text->p += line_r->len + (end != NULL);
	text->len -= line_r->len + (end != NULL);
	return true;
}

static bool
begins(struct slice line, const char *with)
{
	const size_t len = strlen(with);

	return line.len >= len && memcmp(line.p, with, len) == 0;
}

void
ex_facts_version(struct ex_facts *f, struct slice text)
{
	struct slice line;

	while (next_line(&text, &line)) {
		if (begins(line, FILE_IS))
			f->file = region_strndup(f->conf->rg,
			    line.p + strlen(FILE_IS),
			    line.len - strlen(FILE_IS));
		else if (begins(line, TRANSPORTS))
			f->has_lmtp = memmem(line.p, line.len, " lmtp", 5) !=
			    NULL;
	}
}

const char *
ex_main_value(const struct ex_facts *f, const char *name)
{
	return ex_conf_value(ex_main(f->conf), name);
}
