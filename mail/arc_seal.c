/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/arc_seal.h"

#include <string.h>

#include "lib/check.h"
#include "mail/dkim_fields.h"
#include "mail/dkim_sign.h"
#include "mail/sig_field.h"

#define HASH_LEN 32
#define LINE_COLS 75
#define TAB_COLS 8
#define WORD_MAX 900      /* octets; a line has 998 */
#define SIGNATURES_MAX 20 /* DKIM-Signature fields under ours, the lowest */

struct sealer {
	const struct arc_seal_in *in;
	struct region *rg;
	unsigned instance;
	struct header fields[ARC_PARTS];
};

bool
arc_seal_may(const struct arc_chain *chain)
{
	return chain->highest < ARC_SETS_MAX && !chain->ended;
}

enum arc_result
arc_seal_cv(const struct arc_chain *chain, const struct auth_results *results,
    struct region *rg)
{
	const char *said = auth_results_find(results, "arc", rg);

	if (!chain->any)
		return ARC_NONE;
	if (chain->fault != NULL)
		return ARC_FAIL;
	if (said != NULL && str_eq_nocase(said, "pass"))
		return ARC_PASS;
	if (said != NULL && str_eq_nocase(said, "fail"))
		return ARC_FAIL;
	return ARC_TROUBLE;
}

/* ---- the fields ---------------------------------------------------------- */

/* A field for good: its text moves to the region. */
static void
keep(struct sealer *s, enum arc_part part, const struct header *h)
{
	const char *text = region_strndup(s->rg, h->whole.p, h->whole.len);
	size_t at = (size_t)(h->value.p - h->whole.p);

	s->fields[part] = (struct header){
		.name = { text, h->name.len },
		.value = { text + at, h->whole.len - at },
		.whole = { text, h->whole.len },
	};
}

/*
 * A result begins a line, and goes on in others at its blanks: what is longer
 * than a line of SMTP would be folded behind us, which breaks the seal.
 */
static void
put_result(struct buf *b, const char *text)
{
	size_t col = TAB_COLS;

	buf_str(b, ";\r\n\t");
	while (*text != '\0') {
		size_t word = 1 + strcspn(text + 1, " ");

		if (*text == ' ' && col + word > LINE_COLS) {
			buf_str(b, "\r\n\t");
			col = TAB_COLS;
			text++;
			word--;
		}
		buf_add(b, text, word);
		col += word;
		text += word;
	}
}

/* False for one with a word that fits in no line. */
static bool
is_short(const char *text)
{
	for (const char *p = text; *p != '\0'; p += *p == ' ') {
		size_t word = strcspn(p, " ");

		if (word > WORD_MAX)
			return false;
		p += word;
	}
	return true;
}

static void
make_aar(struct sealer *s)
{
	const struct auth_results *r = s->in->results;
	struct buf b = { 0 };
	struct header h;
	size_t count = 0;

	buf_printf(&b, ARC_AAR_HEADER ": i=%u; %s", s->instance,
	    s->in->authserv_id);
	for (size_t i = 0; i < r->n; i++) {
		if (!is_short(r->v[i]))
			continue;
		put_result(&b, r->v[i]);
		count++;
	}
	if (count == 0)
		buf_str(&b, "; none");
	h.whole = (struct slice){ b.p, b.len };
	h.name = (struct slice){ b.p, sizeof(ARC_AAR_HEADER) - 1 };
	h.value = (struct slice){ b.p + sizeof(ARC_AAR_HEADER),
		b.len - sizeof(ARC_AAR_HEADER) };
	keep(s, ARC_PART_AAR, &h);
	buf_fini(&b);
}

static void
begin(struct sealer *s, struct sig_field *f, const char *name)
{
	sig_field_init(f, name);
	sig_field_number(f, "i", s->instance);
	sig_field_tag(f, "a",
	    dkim_algorithm_name(dkim_key_algorithm(s->in->key)));
}

static void
put_signer(struct sealer *s, struct sig_field *f)
{
	sig_field_tag(f, "d", s->in->domain);
	sig_field_tag(f, "s", s->in->selector);
	sig_field_number(f, "t", (uint64_t)s->in->now_s);
}

/* The field as it stands is hashed last; its signature goes into it. */
static int
finish(struct sealer *s, enum arc_part part, struct sig_field *f,
    struct buf *hashed, struct err *e)
{
	struct buf base64 = { 0 };
	struct header own;
	int rc;

	sig_field_b(f);
	own = sig_field_header(f);
	canon_header(hashed, &own, CANON_RELAXED);
	hashed->len -= 2;
	rc = dkim_key_sign(s->in->key, hashed->p, hashed->len, &base64, e);
	if (rc == 0) {
		sig_field_signature(f, base64.p, base64.len);
		own = sig_field_header(f);
		keep(s, part, &own);
	}
	buf_fini(&base64);
	return rc;
}

static void
put_field(struct sig_field *f, struct buf *hashed, struct slice name,
    const struct header *h)
{
	sig_field_item(f, name);
	if (h != NULL)
		canon_header(hashed, h, CANON_RELAXED);
}

/* What a DKIM signature covers, and the DKIM signatures (section 5.1). */
static void
put_fields(struct sealer *s, struct sig_field *f, struct buf *hashed)
{
	const struct header_list *headers = s->in->headers;
	struct dkim_field *v;
	size_t n = dkim_fields_choose(NULL, headers, NULL, s->rg, &v);
	unsigned count = 0;

	sig_field_open(f, "h");
	for (size_t i = 0; i < n; i++)
		put_field(f, hashed, v[i].name, v[i].header);
	for (size_t i = headers->n; i-- > 0 && count < SIGNATURES_MAX;)
		if (slice_eq_nocase(headers->v[i].name, DKIM_HEADER)) {
			put_field(f, hashed, SLICE_LIT(DKIM_HEADER),
			    &headers->v[i]);
			count++;
		}
	sig_field_close(f);
}

static int
make_ams(struct sealer *s, struct err *e)
{
	struct buf hashed = { 0 };
	struct sig_field f;
	int rc;

	begin(s, &f, ARC_AMS_HEADER);
	sig_field_tag(&f, "c", "relaxed/relaxed");
	put_signer(s, &f);
	put_fields(s, &f, &hashed);
	sig_field_base64(&f, "bh", s->in->body_hash, HASH_LEN);
	rc = finish(s, ARC_PART_AMS, &f, &hashed, e);
	buf_fini(&hashed);
	sig_field_fini(&f);
	return rc;
}

/* All sets in their order; of a chain that fails, the own one alone. */
static int
make_seal(struct sealer *s, struct err *e)
{
	const struct arc_set *set = s->in->chain->set;
	struct buf hashed = { 0 };
	struct sig_field f;
	int rc;

	begin(s, &f, ARC_SEAL_HEADER);
	sig_field_tag(&f, "cv", arc_result_text(s->in->cv));
	put_signer(s, &f);
	for (unsigned i = 1; i < s->instance && s->in->cv == ARC_PASS; i++) {
		canon_header(&hashed, set[i].aar, CANON_RELAXED);
		canon_header(&hashed, set[i].ams.field, CANON_RELAXED);
		canon_header(&hashed, set[i].seal.field, CANON_RELAXED);
	}
	canon_header(&hashed, &s->fields[ARC_PART_AAR], CANON_RELAXED);
	canon_header(&hashed, &s->fields[ARC_PART_AMS], CANON_RELAXED);
	rc = finish(s, ARC_PART_SEAL, &f, &hashed, e);
	buf_fini(&hashed);
	sig_field_fini(&f);
	return rc;
}

int
arc_seal(const struct arc_seal_in *in, struct region *rg,
    struct arc_seal_out *out, struct err *e)
{
	static const char *const names[] = { ARC_SEAL_HEADER, ARC_AMS_HEADER,
		ARC_AAR_HEADER };
	struct sealer s = { .in = in, .rg = rg };

	CHECK(arc_seal_may(in->chain) && in->cv != ARC_TROUBLE);
	CHECK(in->cv != ARC_PASS || in->chain->fault == NULL);
	CHECK(in->cv == (in->chain->any ? in->cv : ARC_NONE));
	s.instance = in->chain->highest + 1;
	make_aar(&s);
	if (make_ams(&s, e) == -1 || make_seal(&s, e) == -1)
		return -1;
	for (int i = 0; i < ARC_PARTS; i++) {
		out->name[i] = names[i];
		/* Behind the blank; NUL-terminated, as keep() copies it. */
		out->value[i] = s.fields[i].value.p + 1;
	}
	return 0;
}
