/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/sign_later.h"

#include <string.h>

#include "lib/check.h"
#include "vmta/dkim_conf.h"
#include "vmta/header_work.h"
#include "vmta/signing.h"

/* The time of delivery has no more digits than this: the year 2286. */
#define ANY_TIME_S INT64_C(9999999999)

/* ---- at intake ------------------------------------------------------------- */

static void
keep_body(struct canon_body *body, struct env_signing *s)
{
	for (int how = CANON_SIMPLE; how <= CANON_RELAXED; how++) {
		memcpy(s->body_hash[how],
		    canon_body_hash(body, (enum canon)how),
		    sizeof(s->body_hash[how]));
		s->body_len[how] = canon_body_len(body, (enum canon)how);
	}
}

/* How many signatures one of these recipients gets, and what is added then. */
static uint8_t
measure(const struct sign_later_keep *in, const struct header_later *later,
    const struct signing_in *find, struct signing_make_in *make,
    struct region *rg, uint32_t *room)
{
	struct header_wish wish = { .date = false };
	struct header_edit edit = { .headers = in->headers };
	struct header_list outgoing;
	struct signing_facts facts;
	struct signing_in again = *find;
	struct signing s;
	size_t need = 0;

	if (later->wishes) {
		header_wish_find(in->conf, &later->by, find->domain, find->vmta,
		    &wish);
		edit.remove = region_array(rg, in->headers->n, sizeof(bool));
		header_wish_grant(&wish, make->now_s, rg, &edit);
		header_edit_outgoing(&edit, rg, &outgoing);
		make->headers = &outgoing;
		need = header_wish_room(&wish, &outgoing);
	}
	if (wish.from != NULL) {
		facts = *find->facts;
		signing_facts_from(&outgoing, rg, &facts);
		again.facts = &facts;
	}
	signing_find(&again, rg, &s);
	need += signing_len(&s, make, rg);
	make->headers = in->headers;
	if (need > *room)
		*room = (uint32_t)need;
	return (uint8_t)s.n;
}

const struct env_signing *
sign_later_keep(const struct sign_later_keep *in, struct region *rg,
    uint8_t *counts)
{
	struct env_signing *kept = region_new_obj(rg, struct env_signing);
	struct signing_make_in make = { .headers = in->headers,
		.now_s = ANY_TIME_S };
	struct header_later later;
	struct signing_facts facts;

	kept->text = in->text;
	keep_body(in->body, kept);
	for (int how = CANON_SIMPLE; how <= CANON_RELAXED; how++) {
		make.body_hash[how] = kept->body_hash[how];
		make.body_len[how] = kept->body_len[how];
	}
	signing_facts_read(in->headers,
	    in->text + header_later_read(in->text, &later), rg, &facts);
	for (size_t i = 0; i < in->rcpt_count; i++) {
		const struct signing_in find = { .conf = in->conf,
			.facts = &facts,
			.vmta = in->ways[i]->vmta,
			.domain = in->domains[i] };

		/* Neighbours mostly are of one domain. */
		if (i > 0 && in->ways[i] == in->ways[i - 1] &&
		    strcmp(in->domains[i], in->domains[i - 1]) == 0)
			counts[i] = counts[i - 1];
		else
			counts[i] = measure(in, &later, &find, &make, rg,
			    &kept->room);
	}
	return kept;
}

/* ---- at delivery ------------------------------------------------------------ */

static bool
wants_any(const struct queue_conf *queue)
{
	struct dkim_conf first, second;

	dkim_conf_read(queue, &first, &second);
	return first.when != DKIM_NEVER || second.when != DKIM_NEVER;
}

/* Counts while p is NULL, writes in a second run. */
static void
put(char *p, size_t *len, struct slice s)
{
	if (p != NULL && s.len > 0)
		memcpy(p + *len, s.p, s.len);
	*len += s.len;
}

static void
put_line(char *p, size_t *len, struct slice s)
{
	put(p, len, s);
	put(p, len, SLICE_LIT("\r\n"));
}

static void
put_field(char *p, size_t *len, const char *name, const char *value)
{
	put(p, len, slice_of(name));
	put(p, len, SLICE_LIT(": "));
	put_line(p, len, slice_of(value));
}

/* What is sent; edit NULL: the header stays as it is, below the signatures. */
struct writing {
	const char *const *values; /* of the signatures */
	size_t n;
	const struct header_edit *edit;
};

static void
write_header(const struct writing *w, char *p, size_t *len)
{
	const struct header_edit *edit = w->edit;
	size_t trace = edit == NULL ? 0 : edit->trace;

	for (size_t i = 0; i < trace; i++)
		put_line(p, len, edit->headers->v[i].whole);
	for (size_t i = 0; i < w->n; i++)
		put_field(p, len, DKIM_HEADER, w->values[i]);
	if (edit == NULL)
		return;
	for (size_t i = 0; i < edit->add_count; i++)
		put_field(p, len, edit->add[i].name, edit->add[i].value);
	for (size_t i = trace; i < edit->headers->n; i++)
		if (!edit->remove[i])
			put_line(p, len, edit->headers->v[i].whole);
	put_line(p, len, SLICE_LIT(""));
}

static struct slice
written(const struct writing *w, struct region *rg)
{
	size_t len = 0, again = 0;
	char *p;

	write_header(w, NULL, &len);
	p = region_alloc(rg, len + 1);
	write_header(w, p, &again);
	CHECK(again == len);
	return (struct slice){ p, len };
}

int
sign_later(const struct sign_later_in *in, struct region *rg,
    struct ready_header *out, struct err *e)
{
	const struct env_signing *kept = in->signing;
	struct header_list headers, outgoing;
	struct header_later later;
	struct header_wish wish;
	struct header_edit edit = { .headers = &headers };
	struct signing_facts facts;
	const struct signing_in find = { .conf = in->conf,
		.facts = &facts,
		.vmta = in->vmta,
		.domain = in->domain };
	struct signing_make_in make = { .headers = &headers,
		.body_hash = { kept->body_hash[CANON_SIMPLE],
		    kept->body_hash[CANON_RELAXED] },
		.body_len = { kept->body_len[CANON_SIMPLE],
		    kept->body_len[CANON_RELAXED] },
		.now_s = in->now_s };
	const char *values[SIGNATURES_MAX];
	struct writing w = { .values = values };
	struct signing s;
	size_t letters, body_off;

	*out = (struct ready_header){ .skip = 0 };
	header_parse(in->body->bytes, in->body->len, rg, &headers, &body_off);
	letters = header_later_read(kept->text, &later);
	signing_facts_read(&headers, kept->text + letters, rg, &facts);
	if (later.wishes) {
		w.edit = &edit;
		edit.trace = later.trace < headers.n ? later.trace : headers.n;
		edit.remove = region_array(rg, headers.n, sizeof(bool));
		header_wish_find(in->conf, &later.by, in->domain, in->vmta,
		    &wish);
		header_wish_grant(&wish, in->now_s, rg, &edit);
		header_edit_outgoing(&edit, rg, &outgoing);
		if (wish.from != NULL)
			signing_facts_from(&outgoing, rg, &facts);
		make.headers = &outgoing;
		out->skip = body_off;
	}
	signing_find(&find, rg, &s);
	if (s.n == 0 && in->wanted > 0 && wants_any(in->queue))
		return err_set(e,
		    "no key for the DKIM signature of %s: there was one when "
		    "the message came",
		    facts.from == NULL ? "it" : facts.from);
	if (signing_make(&s, &make, rg, values, e) == -1)
		return -1;
	w.n = s.n;
	out->text = written(&w, rg);
	return 0;
}
