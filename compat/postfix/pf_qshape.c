/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/postfix/pf_qshape.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "compat/log_text.h"
#include "lib/check.h"
#include "lib/mem.h"
#include "vmta/table.h"

#define TOTAL "TOTAL"

enum { WIDTH_MIN = 18 }; /* of a domain */

const struct pf_qshape_options pf_qshape_defaults = {
	.buckets = 10,
	.minutes = 5,
	.min_below = 5,
	.width = 80,
};

struct row {
	struct table_link link;
	uint64_t below; /* domains right below it */
	char *domain;
	uint64_t counts[];
};

struct pf_qshape {
	struct pf_qshape_options opt;
	struct table table;
	struct row *
	    *rows; /* all, the total first until they are put in order */
	size_t count, cap;
	struct row *total;
};

static const struct row *
of_link(const struct table_link *l)
{
	return (const void *)((const char *)l - offsetof(struct row, link));
}

static uint64_t
hash(const struct table_link *l)
{
	const char *domain = of_link(l)->domain;

	return table_hash_bytes(domain, strlen(domain));
}

static bool
is(const struct table_link *l, const void *key)
{
	return strcmp(of_link(l)->domain, key) == 0;
}

static const struct table_ops ops = { hash, is };

static struct row *
row_new(struct pf_qshape *q, const char *domain)
{
	struct row *r = mem_zalloc(
	    sizeof(*r) + (q->opt.buckets + 1) * sizeof(r->counts[0]));

	r->domain = mem_strdup(domain);
	if (q->count == q->cap) {
		q->cap = q->cap * 2 + 64;
		q->rows = mem_realloc(q->rows, q->cap * sizeof(struct row *));
	}
	q->rows[q->count++] = r;
	return r;
}

static struct row *
row_get(struct pf_qshape *q, const char *domain)
{
	struct table_link *l = table_find(&q->table,
	    table_hash_bytes(domain, strlen(domain)), domain);
	struct row *r;

	if (l != NULL)
		return (void *)((char *)l - offsetof(struct row, link));
	r = row_new(q, domain);
	table_add(&q->table, &r->link);
	return r;
}

struct pf_qshape *
pf_qshape_new(const struct pf_qshape_options *opt)
{
	struct pf_qshape *q = mem_new(struct pf_qshape);

	CHECK(opt->buckets >= 1 && opt->buckets <= PF_QSHAPE_BUCKETS_MAX &&
	    opt->minutes >= 1);
	q->opt = *opt;
	table_init(&q->table, &ops);
	q->total = row_new(q, TOTAL); /* no domain: it is not in the table */
	return q;
}

void
pf_qshape_free(struct pf_qshape **qp)
{
	struct pf_qshape *q = *qp;

	*qp = NULL;
	if (q == NULL)
		return;
	for (size_t i = 0; i < q->count; i++) {
		if (q->rows[i] != q->total)
			table_remove(&q->table, &q->rows[i]->link);
		free(q->rows[i]->domain);
		free(q->rows[i]);
	}
	table_fini(&q->table);
	free(q->rows);
	free(q);
}

/* ---- counting ------------------------------------------------------------ */

static unsigned
bucket_of(const struct pf_qshape *q, int64_t age_s)
{
	int64_t n = age_s < 0 ? 0 : age_s / (INT64_C(60) * q->opt.minutes);
	unsigned b = 1;

	if (q->opt.linear)
		return n + 1 < q->opt.buckets ? (unsigned)n + 1 :
						q->opt.buckets;
	for (; n > 0 && b < q->opt.buckets; n /= 2)
		b++;
	return b;
}

/* Behind the last @, in lower case, without dots that say nothing. */
static void
domain_of(const char *addr, struct buf *out)
{
	const char *at = strrchr(addr, '@');
	const char *p = at == NULL ? addr : at + 1;

	buf_clear(out);
	if (*addr == '\0') {
		buf_str(out, "MAILER-DAEMON");
		return;
	}
	for (; *p != '\0'; p++) {
		char c = *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;

		if (c != '.' || (out->len > 0 && out->p[out->len - 1] != '.'))
			buf_byte(out, c);
	}
	if (out->len > 1 && out->p[out->len - 1] == '.')
		out->len--;
}

/* ".b.example" of "a.b.example"; "" of "b.example", whose parent is none. */
static const char *
parent_of(const char *domain)
{
	const char *dot = strchr(domain + (*domain == '.'), '.');

	return dot == NULL || strchr(dot + 1, '.') == NULL ? "" : dot;
}

void
pf_qshape_add(struct pf_qshape *q, const char *addr, int64_t age_s)
{
	unsigned b = bucket_of(q, age_s);
	struct buf name = { 0 };
	bool is_new = false;
	const char *domain;

	q->total->counts[0]++;
	q->total->counts[b]++;
	domain_of(addr, &name);
	for (domain = buf_cstr(&name); *domain != '\0';) {
		struct row *r = row_get(q, domain);

		r->below += is_new;
		is_new = r->counts[0] == 0;
		r->counts[0]++;
		r->counts[b]++;
		domain = q->opt.parents ? parent_of(domain) : "";
	}
	buf_fini(&name);
}

/* ---- the answer ---------------------------------------------------------- */

static int
compare(const void *a, const void *b)
{
	const struct row *x = *(struct row *const *)a;
	const struct row *y = *(struct row *const *)b;
	size_t x_len = strlen(x->domain), y_len = strlen(y->domain);

	if (x->counts[0] != y->counts[0])
		return x->counts[0] > y->counts[0] ? -1 : 1;
	if (x_len != y_len)
		return x_len < y_len ? -1 : 1;
	return strcmp(x->domain, y->domain);
}

void
pf_qshape_rows(struct pf_qshape *q, pf_qshape_row_fn *fn, void *ctx)
{
	qsort(q->rows, q->count, sizeof(struct row *), compare);
	for (size_t i = 0; i < q->count; i++) {
		const struct row *r = q->rows[i];

		if (r->domain[0] != '.' || r->below >= q->opt.min_below)
			fn(ctx, r->domain, r->counts);
	}
}

uint64_t
pf_qshape_end(const struct pf_qshape *q, unsigned i)
{
	if (i == q->opt.buckets)
		return 0;
	return q->opt.linear ? (uint64_t)q->opt.minutes * i :
			       (uint64_t)q->opt.minutes << (i - 1);
}

struct printing {
	struct pf_qshape *q;
	struct buf *out;
	int widths[PF_QSHAPE_BUCKETS_MAX + 1];
	size_t domain_width;
};

static void
head_text(const struct pf_qshape *q, unsigned i, struct buf *out)
{
	buf_clear(out);
	if (i == 0)
		buf_byte(out, 'T');
	else if (i < q->opt.buckets)
		buf_printf(out, "%" PRIu64, pf_qshape_end(q, i));
	else
		buf_printf(out, "%" PRIu64 "+",
		    i == 1 ? 0 : pf_qshape_end(q, i - 1));
}

/* A column is as wide as its head and its total, and a blank. */
static void
measure(struct printing *p)
{
	size_t left = p->q->opt.width;
	struct buf text = { 0 };

	for (unsigned i = 0; i <= p->q->opt.buckets; i++) {
		size_t width;

		head_text(p->q, i, &text);
		width = text.len;
		buf_clear(&text);
		buf_printf(&text, "%" PRIu64, p->q->total->counts[i]);
		if (text.len > width)
			width = text.len;
		width = width > 2 ? width + 1 : 3;
		p->widths[i] = (int)width;
		left = left > width ? left - width : 0;
	}
	p->domain_width = left < WIDTH_MIN ? WIDTH_MIN : left;
	buf_fini(&text);
}

/* Its end, if it is too long. */
static void
print_domain(const struct printing *p, const char *domain)
{
	struct buf text = { 0 };
	const char *mark = domain[0] == '.' ? ".+" : "+";
	size_t room = p->domain_width;

	log_text(&text, domain, SIZE_MAX, LOG_AS_POSTFIX);
	if (text.len > room) {
		buf_str(p->out, mark);
		room -= strlen(mark);
		buf_add(p->out, text.p + text.len - room, room);
	} else {
		buf_printf(p->out, "%*s", (int)room, buf_cstr(&text));
	}
	buf_fini(&text);
}

static void
print_row(void *ctx, const char *domain, const uint64_t *counts)
{
	const struct printing *p = ctx;

	print_domain(p, domain);
	for (unsigned i = 0; i <= p->q->opt.buckets; i++)
		buf_printf(p->out, "%*" PRIu64, p->widths[i], counts[i]);
	buf_byte(p->out, '\n');
}

void
pf_qshape_print(struct pf_qshape *q, struct buf *out)
{
	struct printing p = { .q = q, .out = out };
	struct buf text = { 0 };

	measure(&p);
	print_domain(&p, "");
	for (unsigned i = 0; i <= q->opt.buckets; i++) {
		head_text(q, i, &text);
		buf_printf(out, "%*s", p.widths[i], buf_cstr(&text));
	}
	buf_byte(out, '\n');
	buf_fini(&text);
	pf_qshape_rows(q, print_row, &p);
}
