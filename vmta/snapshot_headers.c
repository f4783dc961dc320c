/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remove-header, jobid-header: names that can be; include-headers-from: files,
 * read once.
 */
#include "vmta/snapshot_headers.h"

#include <string.h>

#include "lib/conf_parse.h"
#include "vmta/conf_file.h"
#include "vmta/rewrite.h"
#include "vmta/snapshot_priv.h"

/* ---- names ------------------------------------------------------------------ */

/* RFC 5322 section 3.6: every message has one, and a signature covers it. */
#define NEVER_REMOVED "From"

static void
check_names(const struct conf_table *table, const struct conf_set *set,
    const struct conf_strs *names, struct conf_errors *errs)
{
	const struct conf_node *n = conf_set_node(table, set, "remove-header");

	for (size_t i = 0; n != NULL && i < names->n; i++)
		if (!extra_fields_is_name(slice_of(names->v[i])))
			conf_error(errs, n->file, n->line,
			    "remove-header: \"%s\" is not the name of a "
			    "header field",
			    names->v[i]);
		else if (str_eq_nocase(names->v[i], NEVER_REMOVED))
			conf_error(errs, n->file, n->line,
			    "remove-header: no message is one without "
			    "%s (RFC 5322 section 3.6)",
			    NEVER_REMOVED);
}

/* The prefix is part of a job, which is one word. */
static void
check_job(const struct source_entry *src, struct conf_errors *errs)
{
	const struct source_conf *c = &src->values;
	const struct conf_node *header = conf_set_node(&table_source, &src->set,
	    "jobid-header");
	const struct conf_node *prefix = conf_set_node(&table_source, &src->set,
	    "jobid-prefix");

	if (header != NULL && c->jobid_header[0] != '\0' &&
	    !extra_fields_is_name(slice_of(c->jobid_header)))
		conf_error(errs, header->file, header->line,
		    "jobid-header: \"%s\" is not the name of a header field",
		    c->jobid_header);
	for (const char *p = c->jobid_prefix; prefix != NULL && *p != '\0'; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f) {
			conf_error(errs, prefix->file, prefix->line,
			    "jobid-prefix: a job has no blanks");
			return;
		}
}

static void
join_source(struct snapshot *s, const struct source_entry *src,
    struct conf_errors *errs)
{
	check_names(&table_source, &src->set, &src->values.remove_headers,
	    errs);
	check_job(src, errs);
	if (src->values.add_vmta_header)
		s->headers.by_source = s->headers.names_vmta = true;
	if (src->values.date_time != NULL &&
	    strcmp(src->values.date_time, "delivery") == 0)
		s->headers.by_source = true;
}

/* ---- files ------------------------------------------------------------------ */

/* A level of the configuration that adds fields of its own. */
struct level {
	const struct conf_table *table;
	const struct conf_set *set;
	const struct conf_strs *paths;
	struct extra_fields *fields;
};

static void
read_files(const struct snapshot *s, const struct level *l,
    struct conf_errors *errs)
{
	const struct conf_directive *row = conf_find_row(l->table,
	    "include-headers-from");
	struct slice text;
	unsigned line;
	struct err e;

	for (size_t i = 0; i < l->paths->n; i++) {
		const struct conf_node *n = explain_item_line(l->table, l->set,
		    row, i);
		const struct conf_file_by by = { s->rg, errs, n->name, n->file,
			n->line };
		const char *path = conf_path(s->rg, n->file, l->paths->v[i]);

		if (conf_file_read(&by, path, &text) == 0 &&
		    extra_fields_parse(text, s->rg, l->fields, &line, &e) == -1)
			conf_error(errs, path, line, "%s", e.text);
	}
}

static void
join_files(struct snapshot *s, struct conf_errors *errs)
{
	const struct level top = { &table_global, &s->global_set,
		&s->global.include_headers, &s->headers.include };

	read_files(s, &top, errs);
	for (size_t i = 0; i < strmap_count(s->vmtas); i++) {
		struct vmta_entry *v = strmap_at(s->vmtas, i);
		const struct level l = { &table_vmta, &v->set,
			&v->pub.include_headers, &v->include };

		read_files(s, &l, errs);
		v->signs_alone = v->include.n > 0 || s->headers.names_vmta ||
		    rewrite_is_about_from(v->rewrites);
		s->headers.by_vmta = s->headers.by_vmta || v->include.n > 0 ||
		    rewrite_is_about_from(v->rewrites);
	}
	for (size_t i = 0; i < strmap_count(s->pools); i++) {
		struct pool_entry *p = strmap_at(s->pools, i);
		const struct level l = { &table_pool, &p->set,
			&p->pub.include_headers, &p->include };

		read_files(s, &l, errs);
		s->headers.by_vmta = s->headers.by_vmta || p->include.n > 0;
	}
}

/* ---- all -------------------------------------------------------------------- */

void
snapshot_headers_join(struct snapshot *s, struct conf_errors *errs)
{
	bool removes = false;

	for (size_t i = 0; i < strmap_count(s->named_sources); i++)
		join_source(s, strmap_at(s->named_sources, i), errs);
	for (size_t i = 0; i < strmap_count(s->addr_sources); i++)
		join_source(s, strmap_at(s->addr_sources, i), errs);
	for (const struct layer *l = s->layers; l != NULL; l = l->next) {
		check_names(&table_domain, &l->set, &l->values.remove_headers,
		    errs);
		removes = removes || l->values.remove_headers.n > 0;
	}
	join_files(s, errs);
	s->headers.wishes = removes || s->headers.by_source ||
	    s->headers.by_vmta || s->headers.include.n > 0;
}

/* ---- asked by others ---------------------------------------------------------- */

bool
snapshot_has_wishes(const struct snapshot *s)
{
	return s->headers.wishes;
}

bool
snapshot_includes_by_vmta(const struct snapshot *s)
{
	return s->headers.by_vmta;
}

static const struct extra_fields *
if_any(const struct extra_fields *f)
{
	return f->n == 0 ? NULL : f;
}

void
snapshot_includes(const struct snapshot *s, const char *vmta,
    struct header_levels *out)
{
	const struct vmta_entry *v = snapshot_find_vmta(s, vmta);
	const struct pool_entry *p = v != NULL ? v->domain_pool :
						 snapshot_find_pool(s, vmta);

	*out = (struct header_levels){ { if_any(&s->headers.include),
	    p == NULL ? NULL : if_any(&p->include),
	    v == NULL ? NULL : if_any(&v->include) } };
}
