/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/sign_later.h"

#include <string.h>

#include "vmta/dkim_conf.h"
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

const struct env_signing *
sign_later_keep(const struct sign_later_keep *in, struct region *rg,
    uint8_t *counts)
{
	struct env_signing *kept = region_new_obj(rg, struct env_signing);
	struct signing_make_in make = { .headers = in->headers,
		.now_s = ANY_TIME_S };
	struct signing_facts facts;
	struct signing s;

	kept->text = in->text;
	keep_body(in->body, kept);
	for (int how = CANON_SIMPLE; how <= CANON_RELAXED; how++) {
		make.body_hash[how] = kept->body_hash[how];
		make.body_len[how] = kept->body_len[how];
	}
	signing_facts_read(in->headers, in->text, rg, &facts);
	for (size_t i = 0; i < in->rcpt_count; i++) {
		const struct signing_in find = { .conf = in->conf,
			.facts = &facts,
			.vmta = in->ways[i]->vmta,
			.domain = in->domains[i] };
		uint32_t room;

		/* Neighbours mostly are of one domain. */
		if (i > 0 && in->ways[i] == in->ways[i - 1] &&
		    strcmp(in->domains[i], in->domains[i - 1]) == 0) {
			counts[i] = counts[i - 1];
			continue;
		}
		signing_find(&find, rg, &s);
		counts[i] = (uint8_t)s.n;
		room = (uint32_t)signing_len(&s, &make, rg);
		if (room > kept->room)
			kept->room = room;
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

static struct slice
write_fields(const char *const *values, size_t n, struct region *rg)
{
	const char *text = "";

	for (size_t i = 0; i < n; i++)
		text = REGION_JOIN(rg, text, (DKIM_HEADER ": "), values[i],
		    "\r\n");
	return slice_of(text);
}

int
sign_later(const struct sign_later_in *in, struct region *rg,
    struct slice *fields_r, struct err *e)
{
	const struct env_signing *kept = in->signing;
	struct header_list headers;
	struct signing_facts facts;
	const struct signing_in find = { .conf = in->conf,
		.facts = &facts,
		.vmta = in->vmta,
		.domain = in->domain };
	const struct signing_make_in make = { .headers = &headers,
		.body_hash = { kept->body_hash[CANON_SIMPLE],
		    kept->body_hash[CANON_RELAXED] },
		.body_len = { kept->body_len[CANON_SIMPLE],
		    kept->body_len[CANON_RELAXED] },
		.now_s = in->now_s };
	const char *values[SIGNATURES_MAX];
	struct signing s;
	size_t body_off;

	*fields_r = SLICE_LIT("");
	header_parse(in->body->bytes, in->body->len, rg, &headers, &body_off);
	signing_facts_read(&headers, kept->text, rg, &facts);
	signing_find(&find, rg, &s);
	if (s.n == 0 && in->wanted > 0 && wants_any(in->queue))
		return err_set(e,
		    "no key for the DKIM signature of %s: there was one when "
		    "the message came",
		    facts.from == NULL ? "it" : facts.from);
	if (signing_make(&s, &make, rg, values, e) == -1)
		return -1;
	*fields_r = write_fields(values, s.n, rg);
	return 0;
}
