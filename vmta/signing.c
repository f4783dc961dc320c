/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For each of the two signatures that a queue may want: who signs, then the
 * key that fits, then how.
 */
#include "vmta/signing.h"

#include <string.h>

#include "lib/clock.h"
#include "vmta/dkim_conf.h"
#include "vmta/opendkim.h"
#include "vmta/snapshot_signing.h"

/* One signature in the making. */
struct finder {
	const struct signing_in *in;
	const struct dkim_conf *conf;
	bool listens; /* to X-DKIM-Options */
	struct key_wish wish;
	struct key_found found;
};

/* ---- who, and with which key ------------------------------------------------ */

/* Is name the domain, or one below it? */
static bool
is_within(const char *name, const char *domain)
{
	size_t a = strlen(name), b = strlen(domain);

	return a >= b && strcmp(name + a - b, domain) == 0 &&
	    (a == b || name[a - b - 1] == '.');
}

static bool
find_key(struct finder *f)
{
	const struct signing_facts *facts = f->in->facts;

	if (!f->listens)
		return snapshot_key(f->in->conf, f->in->vmta, &f->wish,
		    &f->found);
	if (facts->key != NULL && facts->s != NULL) {
		f->found = (struct key_found){ facts->key, facts->s,
			f->wish.domain };
		return true;
	}
	if (facts->key_list != NULL)
		return snapshot_list_key(f->in->conf, facts->key_list, &f->wish,
		    &f->found);
	return snapshot_key(f->in->conf, f->in->vmta, &f->wish, &f->found);
}

/* d= of X-DKIM-Options: that very domain signs, for whom it may. */
static bool
try_domain(struct finder *f, const char *identity, const char **identity_r)
{
	const char *d = f->in->facts->d;

	if (identity != NULL && !is_within(strrchr(identity, '@') + 1, d))
		return false;
	f->wish.domain = d;
	f->wish.exact = true;
	*identity_r = identity;
	return find_key(f);
}

static bool
try_identity(struct finder *f, const char *identity, const char **identity_r)
{
	if (identity == NULL)
		return false;
	if (f->listens && f->in->facts->d != NULL)
		return try_domain(f, identity, identity_r);
	f->wish.domain = strrchr(identity, '@') + 1;
	*identity_r = identity;
	return find_key(f);
}

/*
 * Sender before From, as PowerMTA's sender-or-from; but where no key fits
 * Sender, a signature for From, which is what DMARC looks at, is better than
 * none.
 */
static bool
try_configured(struct finder *f, const char *identity, const char **identity_r)
{
	const struct signing_facts *facts = f->in->facts;

	if (strcmp(identity, DKIM_NOBODY) == 0)
		return false;
	if (strcmp(identity, DKIM_SENDER_OR_FROM) != 0)
		return try_identity(f, identity, identity_r);
	return try_identity(f, facts->sender, identity_r) ||
	    try_identity(f, facts->from, identity_r);
}

static bool
find_identity(struct finder *f, const char **identity_r)
{
	const struct signing_facts *facts = f->in->facts;

	if (f->listens && facts->i != NULL) {
		if (try_identity(f, facts->i, identity_r))
			return true;
	} else if (try_configured(f, f->conf->identity, identity_r)) {
		return true;
	}
	if (f->listens && facts->d != NULL)
		return try_domain(f, NULL, identity_r);
	return try_configured(f, f->conf->fallback, identity_r);
}

/* ---- how --------------------------------------------------------------------- */

static void
fill_opts(const struct finder *f, struct dkim_sign_opts *o)
{
	const struct dkim_conf *c = f->conf;

	*o = (struct dkim_sign_opts){
		.header_canon = c->headers_canon,
		.body_canon = c->body_canon,
		.fields = snapshot_fields(f->in->conf, c->fields, c->oversign),
		.timestamp = c->timestamp,
		.expire_s = c->expire_us == INTERVAL_NEVER ?
		    0 :
		    c->expire_us / US_PER_S,
		.body_limit = c->body_limit,
		.query_method = c->query,
	};
	if (f->listens && f->in->facts->q != NULL)
		o->query_method = f->in->facts->q;
}

static bool
find_one(const struct signing_in *in, const struct dkim_conf *c, bool first,
    struct signature *out)
{
	struct finder f = { .in = in,
		.conf = c,
		.listens = first && in->facts->options,
		.wish = { .kind = c->kind } };

	if (c->when == DKIM_NEVER ||
	    (c->when == DKIM_IF_OPTIONS && !in->facts->options))
		return false;
	if (f.listens)
		f.wish.selector = in->facts->s;
	if (!find_identity(&f, &out->identity))
		return false;
	out->key = f.found.key;
	out->selector = f.found.selector;
	out->domain = f.found.domain;
	fill_opts(&f, &out->opts);
	return true;
}

static bool
same_opts(const struct dkim_sign_opts *a, const struct dkim_sign_opts *b)
{
	return a->header_canon == b->header_canon &&
	    a->body_canon == b->body_canon && a->fields == b->fields &&
	    a->timestamp == b->timestamp && a->expire_s == b->expire_s &&
	    a->body_limit == b->body_limit &&
	    strcmp(a->query_method, b->query_method) == 0;
}

static bool
same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool
same_signature(const struct signature *a, const struct signature *b)
{
	return a->key == b->key && same_text(a->selector, b->selector) &&
	    same_text(a->domain, b->domain) &&
	    same_text(a->identity, b->identity) &&
	    same_opts(&a->opts, &b->opts);
}

void
signing_find(const struct signing_in *in, struct region *rg,
    struct signing *out)
{
	const struct opendkim *tables = snapshot_opendkim(in->conf);
	struct dkim_conf first, second;
	struct queue_conf q;

	out->n = 0;
	if (!snapshot_signs(in->conf))
		return;
	snapshot_queue_conf(in->conf, in->domain, in->vmta, &q);
	dkim_conf_read(&q, &first, &second);
	if (find_one(in, &first, true, &out->v[0]))
		out->n = 1;
	else if (first.when == DKIM_ALWAYS && !in->facts->options &&
	    tables != NULL)
		opendkim_find(tables, in->facts, rg, out);
	if (out->n == SIGNATURES_MAX ||
	    !find_one(in, &second, false, &out->v[out->n]))
		return;
	/* The same signature twice is of no use to anybody. */
	for (size_t i = 0; i < out->n; i++)
		if (same_signature(&out->v[i], &out->v[out->n]))
			return;
	out->n++;
}

bool
signing_equal(const struct signing *a, const struct signing *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!same_signature(&a->v[i], &b->v[i]))
			return false;
	return true;
}

/* ---- making them --------------------------------------------------------------- */

bool
signing_needs(const struct signing *s, enum canon how)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].opts.body_canon == how)
			return true;
	return false;
}

static struct dkim_sign_in
sign_in(const struct signature *g, const struct signing_make_in *in)
{
	return (struct dkim_sign_in){
		.key = g->key,
		.selector = g->selector,
		.domain = g->domain,
		.identity = g->identity,
		.opts = &g->opts,
		.headers = in->headers,
		.skip = in->skip,
		.body_hash = in->body_hash[g->opts.body_canon],
		.body_len = in->body_len[g->opts.body_canon],
		.now_s = in->now_s,
	};
}

size_t
signing_len(const struct signing *s, const struct signing_make_in *in,
    struct region *rg)
{
	size_t len = 0;

	for (size_t i = 0; i < s->n; i++) {
		const struct dkim_sign_in sign = sign_in(&s->v[i], in);

		len += dkim_sign_len(&sign, rg);
	}
	return len;
}

int
signing_make(const struct signing *s, const struct signing_make_in *in,
    struct region *rg, const char *values[SIGNATURES_MAX], struct err *e)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct dkim_sign_in sign = sign_in(&s->v[i], in);

		values[i] = dkim_sign_field(&sign, rg, e);
		if (values[i] == NULL)
			return err_where(e, "signing for %s", sign.domain);
	}
	return 0;
}
