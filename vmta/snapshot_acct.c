/* SPDX-License-Identifier: Apache-2.0 */
/* Reads <acct-file>, and joins what its lines say; see snapshot_priv.h. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/conf_lex.h"
#include "mail/privacy.h"
#include "vmta/acct_filter.h"
#include "vmta/acct_layout.h"
#include "vmta/acct_target.h"
#include "vmta/acct_twins.h"
#include "vmta/snapshot_priv.h"

#define WEBHOOK_MAX_SIZE (UINT64_C(5) << 20) /* PowerMTA's */

/* ---- blocks -------------------------------------------------------------- */

static struct acct_entry *
get_acct(struct snapshot *s, const struct conf_binder *b,
    const struct conf_node *n, const char *path)
{
	struct acct_entry *a = strmap_get(s->accts, path);

	if (a != NULL)
		return a;
	if (strmap_count(s->accts) == ACCT_CONFS_MAX) {
		if (!s->too_many_accts)
			conf_error(b->errs, n->file, n->line,
			    "more than %d <acct-file>", ACCT_CONFS_MAX);
		s->too_many_accts = true;
		return NULL;
	}
	a = region_new_obj(s->rg, struct acct_entry);
	conf_defaults(b->tree, &table_acct, &a->pub);
	a->pub.path = path;
	a->pub.file = n->file;
	a->pub.line = n->line;
	strmap_put(s->accts, path, a);
	return a;
}

const char *
acct_plain_path(struct region *rg, const char *path)
{
	char *out = region_strdup(rg, path), *to = out;

	for (const char *p = path; *p != '\0'; p++) {
		if (p[0] == '/' && p[1] == '/')
			continue;
		if (p[0] == '/' && p[1] == '.' && p[2] == '/') {
			p++;
			continue;
		}
		*to++ = *p;
	}
	*to = '\0';
	return out;
}

static bool
is_path(const char *path)
{
	return path[0] == '/' && path[strlen(path) - 1] != '/';
}

static bool
is_command(const char *path)
{
	return path[0] == '|' && path[1 + strspn(path + 1, " \t")] != '\0';
}

void
snapshot_acct_read(struct snapshot *s, const struct conf_binder *b,
    const struct conf_node *n, const char *path)
{
	struct acct_entry *a;

	if (!is_path(path) && !is_command(path)) {
		conf_error(b->errs, n->file, n->line,
		    "<acct-file %s>: an absolute path of a file is needed, or "
		    "|COMMAND",
		    n->value);
		return;
	}
	if (strlen(path) > ACCT_PATH_MAX) {
		conf_error(b->errs, n->file, n->line,
		    "<acct-file>: more than %d bytes", ACCT_PATH_MAX);
		return;
	}
	if (path[0] == '/')
		path = acct_plain_path(s->rg, path);
	a = get_acct(s, b, n, path);
	if (a == NULL)
		return;
	for (const struct conf_node *c = n->first; c != NULL; c = c->next) {
		size_t bad = b->errs->fatal;

		conf_bind(b, &table_acct, c, &a->pub, &a->set);
		if (b->errs->fatal == bad)
			conf_nodes_add(&a->lines, s->rg, c);
	}
}

const struct conf_node *
acct_entry_line(const struct acct_entry *a, const char *name)
{
	const struct conf_node *found = NULL;

	for (size_t i = 0; i < a->lines.n; i++)
		if (conf_node_is(a->lines.v[i], name))
			found = a->lines.v[i];
	return found;
}

/* ---- one of them, when all its lines are known --------------------------- */

struct joiner {
	struct snapshot *s;
	const struct conf_binder *b;
	struct acct_entry *a;
};

static void
complain(const struct joiner *j, const struct conf_node *n, const char *text)
{
	CHECK(n != NULL);
	conf_error(j->b->errs, n->file, n->line, "%s: %s", n->name, text);
}

static const struct conf_node *
line_of(const struct joiner *j, const char *name)
{
	return acct_entry_line(j->a, name);
}

/* What nobody makes yet. */
static void
warn_of_type(const struct conf_binder *b, const struct conf_node *n,
    enum acct_type t, const char *item)
{
	static const unsigned made = ACCT_BIT(ACCT_D) | ACCT_BIT(ACCT_B) |
	    ACCT_BIT(ACCT_T) | ACCT_BIT(ACCT_TQ) | ACCT_BIT(ACCT_R);

	if ((made & ACCT_BIT(t)) == 0)
		conf_warning(b->errs, n->file, n->line,
		    "%s: %s has no effect yet", n->name, item);
}

/* Types in a list, each once, behind those that are there. */
static void
add_types(const struct joiner *j, const struct conf_node *n)
{
	struct slice rest = slice_of(n->value);
	struct acct_entry *a = j->a;
	enum acct_type t;
	const char *item;
	struct err e;

	while (conf_item(&rest, j->s->rg, &item, &e) == 0 && item != NULL) {
		if (item[0] == '\0') {
			a->type_count = 0;
			a->pub.types = 0;
		} else if (!acct_type_find(slice_of(item), &t)) {
			conf_error(j->b->errs, n->file, n->line,
			    "%s: \"%s\" is no type of record", n->name, item);
		} else {
			warn_of_type(j->b, n, t, item);
			if ((a->pub.types & ACCT_BIT(t)) == 0)
				a->types[a->type_count++] = t;
			a->pub.types |= ACCT_BIT(t);
		}
	}
}

static void
join_types(const struct joiner *j)
{
	struct acct_entry *a = j->a;
	const struct conf_strs *list = &a->pub.records;

	for (size_t i = 0; i < a->lines.n; i++)
		if (conf_node_is(a->lines.v[i], "records"))
			add_types(j, a->lines.v[i]);
	if (conf_is_set(&table_acct, &a->set, "records"))
		return;
	for (size_t i = 0; i < list->n; i++) {
		enum acct_type *t = &a->types[a->type_count++];

		CHECK(acct_type_find(slice_of(list->v[i]), t));
		a->pub.types |= ACCT_BIT(*t);
	}
}

/* ---- where to ------------------------------------------------------------ */

static void
join_kind(const struct joiner *j)
{
	const struct conf_node *hook = line_of(j, "http-webhook-url");
	const struct conf_node *redis = line_of(j, "redis-stream-url");
	struct acct_conf *c = &j->a->pub;

	if (c->webhook_url[0] == '\0')
		hook = NULL;
	if (c->redis_url[0] == '\0')
		redis = NULL;
	c->kind = c->path[0] == '|' ? ACCT_PIPE : ACCT_FILE;
	if (hook != NULL) {
		if (c->kind == ACCT_PIPE)
			complain(j, hook, "the <acct-file> is for a command");
		c->kind = ACCT_WEBHOOK;
	}
	if (redis != NULL) {
		if (c->kind != ACCT_FILE)
			complain(j, redis,
			    "the <acct-file> is for a command or a webhook");
		c->kind = ACCT_REDIS;
	}
	if (c->kind == ACCT_WEBHOOK &&
	    !conf_is_set(&table_acct, &j->a->set, "max-size"))
		c->max_size = WEBHOOK_MAX_SIZE;
}

/* A path, seen from the line's file; NULL (and said so): cannot be read. */
static const char *
readable(const struct joiner *j, const struct conf_node *n, const char *path)
{
	struct err e;
	int fd;

	path = conf_path(j->s->rg, n->file, path);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1) {
		(void)err_sys(&e, "%s", path);
		conf_file_error(j->b->errs, n->file, n->line, path, "%s: %s",
		    n->name, e.text);
		return NULL;
	}
	(void)close(fd);
	return path;
}

/* http-webhook-certificate FILE [PASSWORD]; the last line counts. */
static void
join_certificate(const struct joiner *j, struct acct_webhook *hook)
{
	const struct conf_node *n = line_of(j, "http-webhook-certificate");
	const char *path, *password;
	struct slice rest;
	struct err e;

	if (n == NULL)
		return;
	rest = slice_of(n->value);
	if (conf_word(&rest, j->s->rg, &path, &e) == -1 || path == NULL ||
	    path[0] == '\0')
		return; /* `""`: none */
	if (rest.len > 0 &&
	    conf_unquote(slice_trim(rest), j->s->rg, &password, &e) == 0 &&
	    password[0] != '\0')
		hook->password = password;
	hook->certificate = readable(j, n, path);
}

static void
join_webhook(const struct joiner *j)
{
	struct acct_webhook *hook = region_new_obj(j->s->rg,
	    struct acct_webhook);
	struct acct_conf *c = &j->a->pub;
	const struct conf_node *n;
	struct err e;

	hook->url = c->webhook_url;
	if (acct_url_check(hook->url, &e) == -1)
		complain(j, line_of(j, "http-webhook-url"), e.text);
	n = line_of(j, "http-webhook-ca-file");
	if (n != NULL && c->webhook_ca_file[0] != '\0')
		hook->ca_file = readable(j, n, c->webhook_ca_file);
	n = line_of(j, "http-webhook-extra-headers");
	if (n != NULL && c->webhook_headers_file[0] != '\0') {
		const char *path = conf_path(j->s->rg, n->file,
		    c->webhook_headers_file);

		if (acct_headers_read(path, j->s->rg, hook, j->b->errs, &e) ==
		    -1)
			conf_file_error(j->b->errs, n->file, n->line, path,
			    "%s: %s", n->name, e.text);
	}
	join_certificate(j, hook);
	c->webhook = hook;
}

static void
join_target(const struct joiner *j)
{
	struct acct_conf *c = &j->a->pub;
	struct acct_redis *redis;
	struct err e;

	join_kind(j);
	if (c->move_to[0] != '\0' && c->move_to[0] != '/')
		complain(j, line_of(j, "move-to"),
		    "an absolute path is needed");
	if (c->kind == ACCT_WEBHOOK)
		join_webhook(j);
	if (c->kind != ACCT_REDIS)
		return;
	redis = region_new_obj(j->s->rg, struct acct_redis);
	if (acct_redis_parse(c->redis_url, j->s->rg, redis, &e) == -1)
		complain(j, line_of(j, "redis-stream-url"), e.text);
	c->redis = redis;
}

/* ---- columns ------------------------------------------------------------- */

/* record-fields TYPE LIST */
static void
read_list(const struct joiner *j, const struct conf_node *n,
    struct acct_list *list)
{
	struct slice rest = slice_of(n->value);
	const char *word, *item;
	struct err e;

	*list = (struct acct_list){ 0 };
	/* Its form was checked. */
	CHECK(conf_word(&rest, j->s->rg, &word, &e) == 0 && word != NULL);
	CHECK(acct_type_find(slice_of(word), &list->type));
	while (conf_item(&rest, j->s->rg, &item, &e) == 0 && item != NULL)
		if (item[0] != '\0')
			conf_strs_add(&list->names, j->s->rg, item);
}

/* Each type's last line, where it stands. */
static void
read_lists(const struct joiner *j, struct acct_layout_of *of)
{
	const struct conf_nodes *lines = &j->a->lines;
	struct acct_list *lists = region_array(j->s->rg, ACCT_TYPES,
	    sizeof(*lists));
	unsigned seen = 0;

	of->lists = lists + ACCT_TYPES;
	for (size_t i = lines->n; i-- > 0;) {
		const struct conf_node *n = lines->v[i];
		struct acct_list list;

		if (!conf_node_is(n, "record-fields"))
			continue;
		read_list(j, n, &list);
		if ((seen & ACCT_BIT(list.type)) != 0) {
			conf_warning(j->b->errs, n->file, n->line,
			    "record-fields: a later line for %s takes the "
			    "place of this one",
			    acct_type_letter(list.type));
			continue;
		}
		seen |= ACCT_BIT(list.type);
		lists[ACCT_TYPES - ++of->list_count] = list;
		of->lists--;
	}
}

/* map-header-to-field TYPE HEADER FIELD */
static bool
read_mapping(const struct joiner *j, const struct conf_node *n,
    struct acct_mapping *m)
{
	struct slice rest = slice_of(n->value);
	const char *type, *header;
	struct err e;
	char *lower;

	CHECK(conf_word(&rest, j->s->rg, &type, &e) == 0 && type != NULL);
	CHECK(conf_word(&rest, j->s->rg, &header, &e) == 0 && header != NULL);
	CHECK(conf_word(&rest, j->s->rg, &m->field, &e) == 0);
	CHECK(acct_type_find(slice_of(type), &m->type));
	lower = region_strdup(j->s->rg, header);
	str_lower(lower);
	m->header = lower;
	if (m->type == ACCT_TQ)
		complain(j, n, "a tq record has no header");
	else if (strncmp(lower, "header_", 7) != 0 || lower[7] == '\0')
		complain(j, n, "behind the type there is header_NAME");
	else
		return true;
	return false;
}

static void
read_mappings(const struct joiner *j, struct acct_layout_of *of)
{
	const struct conf_nodes *lines = &j->a->lines;
	struct acct_mapping *maps = region_array(j->s->rg, lines->n,
	    sizeof(*maps));

	of->maps = maps;
	for (size_t i = 0; i < lines->n; i++)
		if (conf_node_is(lines->v[i], "map-header-to-field") &&
		    read_mapping(j, lines->v[i], &maps[of->map_count]))
			of->map_count++;
}

/* The last privacy-policy; NULL: addresses stay. */
static const struct privacy *
read_privacy(const struct joiner *j)
{
	const struct conf_nodes *lines = &j->a->lines;
	struct privacy *p = region_new_obj(j->s->rg, struct privacy);
	struct err e;

	for (size_t i = 0; i < lines->n; i++)
		if (conf_node_is(lines->v[i], "privacy-policy") &&
		    privacy_parse(slice_of(lines->v[i]->value), j->s->rg, p,
			&e) == -1)
			complain(j, lines->v[i], e.text);
	return p->kind == PRIVACY_RETAIN ? NULL : p;
}

static bool
is_json(const struct acct_conf *c)
{
	size_t len = strlen(c->path);

	if (c->kind == ACCT_REDIS || strcmp(c->format, "json") == 0)
		return true;
	return c->kind != ACCT_PIPE && strcmp(c->format, "auto") == 0 &&
	    len > 5 && strcmp(c->path + len - 5, ".json") == 0;
}

static void
join_layout(const struct joiner *j)
{
	struct acct_conf *c = &j->a->pub;
	struct acct_layout_of of = {
		.types = j->a->types,
		.type_count = j->a->type_count,
		.json = is_json(c),
		.iso = c->iso_times,
		.user_string = c->user_string,
		.privacy = read_privacy(j),
	};
	struct err e;

	read_lists(j, &of);
	read_mappings(j, &of);
	if (acct_layout_make(j->s->rg, &of, &c->layout, &e) == -1)
		conf_error(j->b->errs, c->file, c->line, "<acct-file %s>: %s",
		    c->path, e.text);
}

/* ---- queue-filter -------------------------------------------------------- */

/* Patterns of one line, behind those before; macros are replaced. */
static int
add_patterns(const struct joiner *j, const struct conf_node *n,
    struct conf_strs *all, struct err *e)
{
	struct slice rest = slice_of(n->value);
	const struct acct_filter *ignored;
	struct conf_strs own = { 0 };
	const char *item;
	bool from_macro;

	for (;;) {
		if (conf_item(&rest, j->s->rg, &item, e) == -1)
			return -1;
		if (item == NULL)
			break;
		if (item[0] == '\0')
			*all = (struct conf_strs){ 0 };
		else if (conf_expand(j->b->tree, item, &own, &from_macro, e) ==
		    -1)
			return -1;
	}
	if (acct_filter_make(j->s->rg, &own, &ignored, e) == -1)
		return -1;
	for (size_t i = 0; i < own.n; i++)
		conf_strs_add(all, j->s->rg, own.v[i]);
	return 0;
}

static void
join_filter(const struct joiner *j)
{
	struct conf_strs all = { 0 };
	struct err e;

	for (size_t i = 0; i < j->a->lines.n; i++)
		if (conf_node_is(j->a->lines.v[i], "queue-filter") &&
		    add_patterns(j, j->a->lines.v[i], &all, &e) == -1)
			complain(j, j->a->lines.v[i], e.text);
	if (all.n > 0 &&
	    acct_filter_make(j->s->rg, &all, &j->a->pub.filter, &e) == -1)
		complain(j, line_of(j, "queue-filter"), e.text);
}

/* ---- all together -------------------------------------------------------- */

/* Made of a message that has headers; reports have their own. */
#define WITH_HEADERS \
	(ACCT_BIT(ACCT_D) | ACCT_BIT(ACCT_B) | ACCT_BIT(ACCT_T) | \
	    ACCT_BIT(ACCT_R))

struct wanted {
	struct region *rg;
	struct conf_strs headers;
	struct strmap *seen;
};

static void
want_header(struct wanted *w, const char *extra)
{
	const char *name = extra + strlen("header_");

	if (strncmp(extra, "header_", 7) != 0 ||
	    strmap_get(w->seen, name) != NULL)
		return;
	strmap_put(w->seen, name, w);
	conf_strs_add(&w->headers, w->rg, name);
}

static void
want_headers_of(struct wanted *w, const struct acct_conf *c)
{
	for (size_t i = 0; c->layout != NULL && i < c->layout->count; i++)
		for (enum acct_type t = 0; t < ACCT_TYPES; t++) {
			const struct acct_cell *cell =
			    &c->layout->columns[i].by_type[t];

			if ((WITH_HEADERS & ACCT_BIT(t)) == 0)
				continue;
			if (cell->kind == ACCT_CELL_EXTRA)
				want_header(w, cell->extra);
			for (size_t k = 0; k < cell->mapped_count; k++)
				want_header(w, cell->mapped[k]);
		}
}

static void
complain_of_headers(const struct snapshot *s, struct conf_errors *errs)
{
	const struct acct_conf *c = snapshot_acct_at(s,
	    snapshot_acct_count(s) - 1);

	conf_error(errs, c->file, c->line,
	    "<acct-file %s>, and those before it: more than %d header fields",
	    c->path, ACCT_HEADERS_MAX);
}

static void
join_wants(struct snapshot *s, struct conf_errors *errs)
{
	struct wanted w = { .rg = s->rg, .seen = strmap_new() };

	for (size_t i = 0; i < snapshot_acct_count(s); i++) {
		const struct acct_conf *c = snapshot_acct_at(s, i);

		s->acct_wants.types |= c->types;
		want_headers_of(&w, c);
	}
	strmap_free(&w.seen);
	if (w.headers.n > ACCT_HEADERS_MAX)
		complain_of_headers(s, errs);
	s->acct_wants.headers = w.headers.v;
	s->acct_wants.header_count = w.headers.n;
}

/* ---- disable-acct-records ------------------------------------------------ */

static void
check_disabled(const struct conf_binder *b, const struct conf_node *n)
{
	struct slice rest = slice_of(n->value);
	enum acct_type ignored;
	const char *item;
	struct err e;

	while (conf_item(&rest, b->tree->rg, &item, &e) == 0 && item != NULL)
		if (item[0] != '\0' &&
		    !acct_type_find(slice_of(item), &ignored))
			conf_error(b->errs, n->file, n->line,
			    "%s: \"%s\" is no type of record", n->name, item);
}

bool
acct_is_disabled(const struct queue_conf *c, enum acct_type t)
{
	enum acct_type one;

	for (size_t i = 0; i < c->disabled_records.n; i++)
		if (acct_type_find(slice_of(c->disabled_records.v[i]), &one) &&
		    one == t)
			return true;
	return false;
}

void
snapshot_acct_join(struct snapshot *s, const struct conf_binder *b)
{
	for (size_t i = 0; i < strmap_count(s->accts); i++) {
		const struct joiner j = { s, b, strmap_at(s->accts, i) };

		join_types(&j);
		join_target(&j);
		join_layout(&j);
		join_filter(&j);
	}
	join_wants(s, b->errs);
	for (const struct layer *l = s->layers; l != NULL; l = l->next)
		for (const struct conf_node *n = l->node->first; n != NULL;
		     n = n->next)
			if (conf_node_is(n, "disable-acct-records"))
				check_disabled(b, n);
	acct_twins_check(s, b->errs);
	snapshot_acct_check(s, b->errs);
}
