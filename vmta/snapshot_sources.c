/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Are the source addresses on this host?  It is asked for each line that gives
 * some, so that what is said has its line; who asks the system is the caller's.
 */
#include <string.h>

#include "vmta/snapshot_priv.h"

/* Of what a line lacks so many stretches are named. */
#define NAMED_MAX 3

struct checker {
	snapshot_can_bind_fn *can_bind;
	void *ctx;
	struct conf_errors *errs;
};

/* What one line lacks, as text: "10.0.0.1 to 10.0.0.9, 10.0.0.12". */
struct lacks {
	struct buf text;
	size_t n, runs;
	struct net_addr first, last; /* of the stretch; family 0: of none */
};

static bool
is_next(struct net_addr a, const struct net_addr *b)
{
	size_t i = a.family == AF_INET ? 4 : 16;

	while (i > 0 && ++a.a[--i] == 0)
		;
	return net_addr_eq(&a, b);
}

static void
end_run(struct lacks *l)
{
	char first[NET_ADDR_TEXT], last[NET_ADDR_TEXT];

	if (l->first.family == 0)
		return;
	(void)net_addr_text(&l->first, first);
	(void)net_addr_text(&l->last, last);
	l->first.family = 0;
	l->runs++;
	if (l->runs <= NAMED_MAX)
		buf_printf(&l->text, "%s%s", l->runs > 1 ? ", " : "", first);
	if (l->runs <= NAMED_MAX && strcmp(first, last) != 0)
		buf_printf(&l->text, " to %s", last);
	if (l->runs == NAMED_MAX + 1)
		buf_printf(&l->text, " and others");
}

static void
add_lacking(struct lacks *l, const struct net_addr *a)
{
	if (l->first.family == 0 || !is_next(l->last, a)) {
		end_run(l);
		l->first = *a;
	}
	l->last = *a;
	l->n++;
}

/* The sources of one line: an address, or a block of them. */
static void
check_line(const struct checker *c, const struct conf_node *line,
    const struct conf_source *v, size_t n)
{
	struct lacks l = { 0 };

	for (size_t i = 0; i < n; i++)
		if (!c->can_bind(c->ctx, &v[i].addr))
			add_lacking(&l, &v[i].addr);
	end_run(&l);
	if (l.n == 0)
		; /* all are there */
	else if (n == 1)
		conf_lacking(c->errs, line->file, line->line,
		    "smtp-source-host: the address %s is not on this host",
		    buf_cstr(&l.text));
	else if (l.n == n)
		conf_lacking(c->errs, line->file, line->line,
		    "smtp-source-host: the addresses %s are not on this host",
		    buf_cstr(&l.text));
	else
		conf_warning(c->errs, line->file, line->line,
		    "smtp-source-host: the addresses %s are not on this host; "
		    "mail goes out from the other %zu",
		    buf_cstr(&l.text), n - l.n);
	buf_fini(&l.text);
}

/* The line before it that sets the same, or NULL. */
static const struct conf_origin *
earlier(const struct conf_origin *o)
{
	const struct conf_origin *b = o->before;

	while (b != NULL && b->row != o->row)
		b = b->before;
	return b;
}

static void
check_lines(const struct checker *c, const struct conf_table *table,
    const struct conf_set *set, const struct conf_sources *list)
{
	size_t row = (size_t)(conf_find_row(table, "smtp-source-host") -
	    table->rows);
	const struct conf_origin *o = set->origins, *before;

	while (o != NULL && o->row != row)
		o = o->before;
	/* `""` has emptied the list: those before it do not count. */
	for (; o != NULL && o->items > 0 && o->items <= list->n; o = before) {
		size_t from;

		before = earlier(o);
		from = before == NULL || before->items > o->items ?
		    0 :
		    before->items;
		check_line(c, o->node, &list->v[from], o->items - from);
	}
}

static void
each(const struct conf_sources *list, snapshot_source_fn *fn, void *ctx)
{
	for (size_t i = 0; i < list->n; i++)
		fn(ctx, &list->v[i].addr);
}

void
snapshot_each_source(const struct snapshot *s, snapshot_source_fn *fn,
    void *ctx)
{
	each(&s->global.sources, fn, ctx);
	for (size_t i = 0; i < strmap_count(s->vmtas); i++) {
		const struct vmta_entry *v = strmap_at(s->vmtas, i);

		if (conf_is_set(&table_vmta, &v->set, "smtp-source-host"))
			each(&v->pub.sources, fn, ctx);
	}
}

void
snapshot_check_sources(const struct snapshot *s, snapshot_can_bind_fn *can_bind,
    void *ctx, struct conf_errors *errs)
{
	const struct checker c = { can_bind, ctx, errs };

	check_lines(&c, &table_global, &s->global_set, &s->global.sources);
	for (size_t i = 0; i < strmap_count(s->vmtas); i++) {
		const struct vmta_entry *v = strmap_at(s->vmtas, i);

		check_lines(&c, &table_vmta, &v->set, &v->pub.sources);
	}
	conf_errors_finish(errs, 0); /* among those of the load, by line */
}
