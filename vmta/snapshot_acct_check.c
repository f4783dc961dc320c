/* SPDX-License-Identifier: Apache-2.0 */
/* Warnings about <acct-file>; see snapshot_priv.h. */
#include <string.h>

#include "lib/check.h"
#include "lib/conf_lex.h"
#include "vmta/acct_filter.h"
#include "vmta/acct_layout.h"
#include "vmta/snapshot_priv.h"

struct check {
	const struct snapshot *s;
	struct conf_errors *errs;
	const struct acct_entry *a;
};

static const struct conf_node *
line_of(const struct check *c, const char *name)
{
	return acct_entry_line(c->a, name);
}

/* ---- what another kind has a use for ------------------------------------- */

#define KIND(k) (1u << (k))

static const struct {
	const char *name;
	unsigned kinds;
} places[] = {
	{ "count-moved-records", KIND(ACCT_FILE) },
	{ "delete-after", KIND(ACCT_FILE) },
	{ "format", ~KIND(ACCT_REDIS) },
	{ "http-webhook-ca-file", KIND(ACCT_WEBHOOK) },
	{ "http-webhook-certificate", KIND(ACCT_WEBHOOK) },
	{ "http-webhook-connect-timeout", KIND(ACCT_WEBHOOK) },
	{ "http-webhook-extra-headers", KIND(ACCT_WEBHOOK) },
	{ "http-webhook-io-timeout", KIND(ACCT_WEBHOOK) },
	{ "http-webhook-log-verbose", KIND(ACCT_WEBHOOK) },
	{ "http-webhook-max-interval", KIND(ACCT_WEBHOOK) },
	{ "http-webhook-transfer-encoding", KIND(ACCT_WEBHOOK) },
	{ "max-size", KIND(ACCT_FILE) | KIND(ACCT_WEBHOOK) },
	{ "move-interval", KIND(ACCT_FILE) },
	{ "move-to", KIND(ACCT_FILE) },
	{ "redis-stream-key", KIND(ACCT_REDIS) },
	{ "redis-stream-max-length", KIND(ACCT_REDIS) },
	{ "retry-interval", ~KIND(ACCT_FILE) },
	{ "world-readable", KIND(ACCT_FILE) },
	{ "write-timeout", KIND(ACCT_PIPE) },
};

bool
acct_kind_has(enum acct_kind kind, const char *name)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (strcmp(places[i].name, name) == 0)
			return (places[i].kinds & KIND(kind)) != 0;
	return true;
}

static void
check_places(const struct check *c)
{
	static const char *const kinds[] = { "a file", "a command", "a webhook",
		"a stream of Redis" };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const struct conf_node *n = line_of(c, places[i].name);

		if (n != NULL && !acct_kind_has(c->a->pub.kind, places[i].name))
			conf_warning(c->errs, n->file, n->line,
			    "%s has no effect for %s", places[i].name,
			    kinds[c->a->pub.kind]);
	}
}

static void
check_retention(const struct check *c)
{
	const struct acct_conf *a = &c->a->pub;
	const struct conf_node *n = line_of(c, "delete-after");

	if (n != NULL && a->move_to[0] != '\0' &&
	    a->delete_after_us != INTERVAL_NEVER)
		conf_warning(c->errs, n->file, n->line,
		    "delete-after has no effect beside move-to");
}

/* ---- columns ------------------------------------------------------------- */

static bool
takes(const struct check *c, enum acct_type t)
{
	return (c->a->pub.types & ACCT_BIT(t)) != 0;
}

static void
check_name(const struct check *c, const struct conf_node *n, enum acct_type t,
    const char *name)
{
	const struct acct_cell *cell;
	enum acct_field f;

	if (name[0] == '!') {
		if (str_eq_nocase(name + 1, "type"))
			conf_warning(c->errs, n->file, n->line,
			    "record-fields: type is always the first column");
		else if (!acct_field_find(slice_of(name + 1), &f) &&
		    !acct_is_extra(slice_of(name + 1)))
			conf_warning(c->errs, n->file, n->line,
			    "record-fields: there is no field %s", name + 1);
		return;
	}
	if (name[0] == '\0' || strcmp(name, "*") == 0 ||
	    str_eq_nocase(name, "type"))
		return;
	cell = acct_layout_cell(c->a->pub.layout, t, slice_of(name));
	if (cell != NULL && !acct_cell_has_value(cell))
		conf_warning(c->errs, n->file, n->line,
		    "record-fields: %s records have no field %s: the column "
		    "stays empty",
		    acct_type_letter(t), name);
}

/* Of the lines for a type the last one counts; seen: by later ones. */
static void
check_list(const struct check *c, const struct conf_node *n, unsigned *seen)
{
	struct slice rest = slice_of(n->value);
	const char *word, *item;
	enum acct_type t;
	struct err e;

	CHECK(conf_word(&rest, c->s->rg, &word, &e) == 0 &&
	    acct_type_find(slice_of(word), &t));
	if ((*seen & ACCT_BIT(t)) != 0)
		return;
	*seen |= ACCT_BIT(t);
	if (!takes(c, t)) {
		conf_warning(c->errs, n->file, n->line,
		    "record-fields %s has no effect: records does not have it",
		    word);
		return;
	}
	while (conf_item(&rest, c->s->rg, &item, &e) == 0 && item != NULL)
		check_name(c, n, t, item);
}

static bool
is_mapped(const struct acct_cell *cell, const char *header)
{
	for (size_t i = 0; cell != NULL && i < cell->mapped_count; i++)
		if (str_eq_nocase(cell->mapped[i], header))
			return true;
	return false;
}

static void
check_mapping(const struct check *c, const struct conf_node *n)
{
	struct slice rest = slice_of(n->value);
	const char *type, *header, *field;
	enum acct_type t;
	struct err e;

	CHECK(conf_word(&rest, c->s->rg, &type, &e) == 0 &&
	    conf_word(&rest, c->s->rg, &header, &e) == 0 &&
	    conf_word(&rest, c->s->rg, &field, &e) == 0 &&
	    acct_type_find(slice_of(type), &t));
	if (!takes(c, t))
		conf_warning(c->errs, n->file, n->line,
		    "map-header-to-field %s has no effect: records does not "
		    "have it",
		    type);
	else if (!is_mapped(
		     acct_layout_cell(c->a->pub.layout, t, slice_of(field)),
		     header))
		conf_warning(c->errs, n->file, n->line,
		    "map-header-to-field has no effect: %s records have no "
		    "column %s",
		    type, field);
}

static bool
shows_user_string(const struct check *c)
{
	for (enum acct_type t = 0; t < ACCT_TYPES; t++) {
		const struct acct_cell *cell = acct_layout_cell(
		    c->a->pub.layout, t, SLICE_LIT("userString"));

		if (cell != NULL && cell->kind == ACCT_CELL_FIELD)
			return true;
	}
	return false;
}

static void
check_user_string(const struct check *c)
{
	const struct conf_node *n = line_of(c, "user-string");
	const struct acct_conf *a = &c->a->pub;

	if (shows_user_string(c)) {
		if (a->user_string[0] == '\0')
			conf_warning(c->errs, a->file, a->line,
			    "<acct-file %s>: userString without user-string",
			    a->path);
	} else if (n != NULL && a->user_string[0] != '\0') {
		conf_warning(c->errs, n->file, n->line,
		    "user-string has no effect: record-fields does not name "
		    "userString");
	}
}

static void
check_columns(const struct check *c)
{
	const struct conf_nodes *lines = &c->a->lines;
	unsigned seen = 0;

	if (c->a->pub.layout == NULL) /* said */
		return;
	for (size_t i = lines->n; i-- > 0;)
		if (conf_node_is(lines->v[i], "record-fields"))
			check_list(c, lines->v[i], &seen);
		else if (conf_node_is(lines->v[i], "map-header-to-field"))
			check_mapping(c, lines->v[i]);
	check_user_string(c);
}

/* ---- what is written nowhere --------------------------------------------- */

static void
check_nothing(const struct check *c)
{
	const struct acct_conf *a = &c->a->pub;
	const struct conf_node *n = line_of(c, "queue-filter");

	if (a->types == 0)
		conf_warning(c->errs, a->file, a->line,
		    "<acct-file %s> takes no records", a->path);
	if (n != NULL && !acct_filter_takes_any(a->filter))
		conf_warning(c->errs, n->file, n->line,
		    "queue-filter takes nothing: it has only patterns with !");
}

static bool
is_whole_somewhere(const struct check *c, enum acct_type t)
{
	const struct acct_filter *filters[ACCT_CONFS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < strmap_count(c->s->accts); i++) {
		const struct acct_entry *a = strmap_at(c->s->accts, i);

		if ((a->pub.types & ACCT_BIT(t)) != 0)
			filters[count++] = a->pub.filter;
	}
	return acct_filters_take_all(filters, count);
}

/* Of a type that only filtered files take, some records may be nowhere. */
static void
check_lost(const struct check *c)
{
	const struct conf_node *n = line_of(c, "queue-filter");
	struct buf lost = { 0 };

	if (c->a->pub.filter == NULL)
		return;
	for (enum acct_type t = 0; t < ACCT_TYPES; t++)
		if ((ACCT_FILTERED & ACCT_BIT(t)) != 0 && takes(c, t) &&
		    !is_whole_somewhere(c, t))
			buf_printf(&lost, "%s%s", lost.len > 0 ? ", " : "",
			    acct_type_letter(t));
	if (lost.len > 0)
		conf_warning(c->errs, n->file, n->line,
		    "queue-filter: %s records that it leaves out may be lost",
		    buf_cstr(&lost));
	buf_fini(&lost);
}

void
snapshot_acct_check(const struct snapshot *s, struct conf_errors *errs)
{
	for (size_t i = 0; i < strmap_count(s->accts); i++) {
		const struct check c = { s, errs, strmap_at(s->accts, i) };

		check_places(&c);
		check_retention(&c);
		check_columns(&c);
		check_nothing(&c);
		check_lost(&c);
	}
}
