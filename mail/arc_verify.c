/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/arc_verify.h"

#include <string.h>

#include "lib/base64.h"
#include "lib/check.h"
#include "mail/dkim_record.h"
#include "mail/field_pick.h"

#define HASH_LEN 32

struct judge {
	const struct arc_verify_in *in;
	struct region *rg;
	struct arc_verdict *verdict;
};

const char *
arc_result_text(enum arc_result r)
{
	static const char *const texts[] = { "none", "pass", "fail",
		"temperror" };

	return texts[r];
}

/* ---- names --------------------------------------------------------------- */

static void
want(const struct arc_field *f, struct dkim_answers *wanted)
{
	/* What cannot be asked has no key: dkim_answers_find() says so. */
	(void)dkim_answers_want(wanted, *tag_list_get(&f->tags, "s"),
	    *tag_list_get(&f->tags, "d"));
}

void
arc_names(const struct arc_chain *chain, struct dkim_answers *wanted)
{
	if (!chain->any || chain->fault != NULL)
		return;
	want(&chain->set[chain->highest].ams, wanted);
	for (unsigned i = chain->highest; i > 0; i--)
		want(&chain->set[i].seal, wanted);
}

/* ---- verdicts ------------------------------------------------------------ */

/* The first reason for a fail counts; before it the first for trouble. */
static void
judge_as(struct judge *j, enum arc_result r, unsigned instance,
    const char *what, const char *why)
{
	if (j->verdict->result == ARC_FAIL || j->verdict->result == r)
		return;
	j->verdict->result = r;
	j->verdict->reason = region_printf(j->rg, "%s %u: %s", what, instance,
	    why);
}

/* ---- one signature ------------------------------------------------------- */

static bool
find_algorithm(const struct arc_field *f, enum dkim_algorithm *out)
{
	*out = DKIM_RSA_SHA256;
	if (tag_list_is(&f->tags, "a", "rsa-sha256"))
		return true;
	*out = DKIM_ED25519_SHA256;
	return tag_list_is(&f->tags, "a", "ed25519-sha256");
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/*
 * Appends the field as it was when it was signed: all between "b=" and the
 * next ";" empty, and without its CRLF.
 */
static void
add_own(struct judge *j, const struct arc_field *f, enum canon how,
    struct buf *out)
{
	const struct slice *b = tag_list_get(&f->tags, "b");
	const struct header *h = f->field;
	const char *from = b->p, *to = b->p + b->len;
	const char *end = h->whole.p + h->whole.len;
	size_t front, name_len = (size_t)(h->value.p - h->whole.p);
	struct header cut;
	char *copy;

	while (is_space(from[-1]))
		from--;
	while (to < end && *to != ';')
		to++;
	front = (size_t)(from - h->whole.p);
	copy = region_alloc(j->rg, h->whole.len + 1);
	memcpy(copy, h->whole.p, front);
	memcpy(copy + front, to, (size_t)(end - to));
	cut.whole = (struct slice){ copy, front + (size_t)(end - to) };
	cut.name = (struct slice){ copy, h->name.len };
	cut.value = (struct slice){ copy + name_len, cut.whole.len - name_len };
	canon_header(out, &cut, how);
	out->len -= 2;
}

static void
check_signature(struct judge *j, const struct arc_field *f, unsigned instance,
    const char *what, const struct buf *hashed)
{
	struct dkim_record *record;
	enum dkim_algorithm algorithm;
	struct slice text = { 0 };
	struct err e;

	if (!find_algorithm(f, &algorithm)) {
		judge_as(j, ARC_FAIL, instance, what, "a= is unknown");
		return;
	}
	switch (dkim_answers_find(j->in->answers, *tag_list_get(&f->tags, "s"),
	    *tag_list_get(&f->tags, "d"), &text)) {
	case DKIM_ANSWER_TROUBLE:
		judge_as(j, ARC_TROUBLE, instance, what,
		    "DNS does not say its key");
		return;
	case DKIM_ANSWER_NONE:
		judge_as(j, ARC_FAIL, instance, what, "there is no key");
		return;
	case DKIM_ANSWER_RECORD:
		break;
	}
	if (dkim_record_parse(text, &record, &e) == -1) {
		judge_as(j, ARC_FAIL, instance, what, e.text);
		return;
	}
	if (!dkim_record_verify(record, algorithm,
		(struct slice){ hashed->p, hashed->len },
		*tag_list_get(&f->tags, "b")))
		judge_as(j, ARC_FAIL, instance, what,
		    "the signature does not hold");
	dkim_record_free(&record);
}

/* ---- the message signature ----------------------------------------------- */

static bool
read_canon(struct slice s, enum canon *out)
{
	*out = slice_eq(s, "relaxed") ? CANON_RELAXED : CANON_SIMPLE;
	return *out == CANON_RELAXED || slice_eq(s, "simple");
}

/* c= header [ "/" body ] ; simple where one is not said */
static bool
find_canon(const struct tag_list *tags, enum canon *header_r,
    enum canon *body_r)
{
	const struct slice *c = tag_list_get(tags, "c");
	const char *slash;
	size_t len;

	*header_r = *body_r = CANON_SIMPLE;
	if (c == NULL)
		return true;
	slash = c->len == 0 ? NULL : memchr(c->p, '/', c->len);
	if (slash == NULL)
		return read_canon(*c, header_r);
	len = (size_t)(slash - c->p);
	return read_canon((struct slice){ c->p, len }, header_r) &&
	    read_canon((struct slice){ slash + 1, c->len - len - 1 }, body_r);
}

static bool
body_is(struct judge *j, const struct tag_list *tags, enum canon how)
{
	struct slice bh = tag_flat(*tag_list_get(tags, "bh"), j->rg);
	uint8_t hash[HASH_LEN];

	return base64_read(bh, hash, HASH_LEN) &&
	    memcmp(hash, canon_body_hash(j->in->body, how), HASH_LEN) == 0;
}

/* x= of when, l= of what; NULL: nothing is wrong with them. */
static const char *
check_limits(struct judge *j, const struct tag_list *tags, enum canon how)
{
	const struct slice *x = tag_list_get(tags, "x");
	const struct slice *l = tag_list_get(tags, "l");
	uint64_t v;
	struct err e;

	if (x != NULL && str_to_u64(*x, &v, &e) == -1)
		return "x= is no number";
	if (x != NULL && v < (uint64_t)j->in->now_s)
		return "it has expired";
	if (l != NULL && str_to_u64(*l, &v, &e) == -1)
		return "l= is no number";
	if (l != NULL && v != canon_body_len(j->in->body, how))
		return "it covers another length of the body";
	return NULL;
}

/* RFC 8617 section 4.1.2: what is above it cannot be under it. */
static bool
names_seal(struct slice h)
{
	struct slice item;

	while (tag_item(&h, &item))
		if (slice_eq_nocase(item, ARC_SEAL_HEADER))
			return true;
	return false;
}

static void
add_fields(struct judge *j, struct slice h, enum canon how, struct buf *out)
{
	struct field_pick *pick = field_pick_new(j->in->headers, j->rg);
	struct slice item;

	while (tag_item(&h, &item)) {
		const struct header *f = field_pick_next(pick, item);

		if (f != NULL)
			canon_header(out, f, how);
	}
	field_pick_free(&pick);
}

static void
check_message(struct judge *j, unsigned instance)
{
	static const char what[] = ARC_AMS_HEADER;
	const struct arc_field *f = &j->in->chain->set[instance].ams;
	const struct slice *h = tag_list_get(&f->tags, "h");
	const char *why = NULL;
	struct buf hashed = { 0 };
	enum canon header, body;

	if (!find_canon(&f->tags, &header, &body))
		why = "c= is unknown";
	if (why == NULL)
		why = check_limits(j, &f->tags, body);
	if (why == NULL && names_seal(*h))
		why = "it covers " ARC_SEAL_HEADER;
	if (why == NULL && !body_is(j, &f->tags, body))
		why = "the body has changed";
	if (why != NULL) {
		judge_as(j, ARC_FAIL, instance, what, why);
		return;
	}
	add_fields(j, *h, header, &hashed);
	add_own(j, f, header, &hashed);
	check_signature(j, f, instance, what, &hashed);
	buf_fini(&hashed);
}

/* ---- the seals ----------------------------------------------------------- */

/* All sets in their order, the seal itself last (RFC 8617 section 5.1.1). */
static void
check_seals(struct judge *j)
{
	const struct arc_chain *c = j->in->chain;
	struct buf hashed = { 0 };

	for (unsigned i = 1; i <= c->highest; i++) {
		const struct arc_set *set = &c->set[i];
		size_t len;

		canon_header(&hashed, set->aar, CANON_RELAXED);
		canon_header(&hashed, set->ams.field, CANON_RELAXED);
		len = hashed.len;
		add_own(j, &set->seal, CANON_RELAXED, &hashed);
		check_signature(j, &set->seal, i, ARC_SEAL_HEADER, &hashed);
		hashed.len = len;
		canon_header(&hashed, set->seal.field, CANON_RELAXED);
	}
	buf_fini(&hashed);
}

void
arc_verify(const struct arc_verify_in *in, struct region *rg,
    struct arc_verdict *verdict_r)
{
	struct judge j = { .in = in, .rg = rg, .verdict = verdict_r };

	*verdict_r = (struct arc_verdict){ .result = ARC_NONE };
	if (!in->chain->any)
		return;
	verdict_r->result = ARC_PASS;
	if (in->chain->fault != NULL) {
		verdict_r->result = ARC_FAIL;
		verdict_r->reason = in->chain->fault;
		return;
	}
	check_message(&j, in->chain->highest);
	check_seals(&j);
}
