/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records that include others are frames of a stack.  redirect= puts another
 * record in the place of its own.  Each frame ends with a result, which is that of
 * the term in the frame below, or of all.
 */
#include "mail/spf.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/check.h"
#include "lib/dns_name.h"
#include "mail/spf_macro.h"
#include "mail/spf_record.h"

enum { FRAMES_MAX = SPF_TERMS_MAX + 1 }; /* an include each, and the first */

struct frame {
	const char *domain;
	struct spf_record record;
	bool loaded;
	bool named; /* by include or redirect: it has to have a record */
	size_t at;  /* the next term */
};

struct run {
	const struct spf_in *in;
	struct dns_book *book;
	struct region *rg;
	struct spf *out;
	struct spf_values values; /* %{d} is that of the frame on top */
	bool term_void;           /* this term has been counted */
	size_t depth;
	struct frame frames[FRAMES_MAX];
};

/* Of a term, and of what it takes to judge one. */
enum verdict {
	NO,
	YES,
	TEMP,
	PERM,
	WAIT, /* for answers */
	GO_ON /* there is a frame to look at */
};

const char *
spf_result_text(enum spf_result r)
{
	static const char *const words[] = {
		[SPF_NONE] = "none",
		[SPF_NEUTRAL] = "neutral",
		[SPF_PASS] = "pass",
		[SPF_FAIL] = "fail",
		[SPF_SOFTFAIL] = "softfail",
		[SPF_TEMPERROR] = "temperror",
		[SPF_PERMERROR] = "permerror",
	};

	CHECK((size_t)r < sizeof(words) / sizeof(*words));
	return words[r];
}

/* ---- names ----------------------------------------------------------------- */

/* Section 4.3: of several labels, and no address literal. */
static bool
is_domain(const char *name)
{
	char clean[DNS_NAME_CAP];

	return name[0] != '[' && dns_name_clean_any(name, clean) == 0 &&
	    strchr(clean, '.') != NULL;
}

/* RFC 8616 section 4: as A-labels; what is none stays as it is. */
static const char *
ascii_domain(const char *name, struct region *rg)
{
	char clean[DNS_NAME_CAP];

	for (const char *p = name; *p != '\0'; p++)
		if ((*p & 0x80) != 0 && dns_name_clean(name, clean) == 0)
			return region_strdup(rg, clean);
	return name;
}

static bool
is_ascii(const char *s)
{
	while (*s != '\0' && (*s & 0x80) == 0)
		s++;
	return *s == '\0';
}

/* ---- questions ------------------------------------------------------------- */

/* NULL: not known yet.  What cannot be a name does not exist. */
static const struct dns_answer *
find(const struct run *r, const char *name, enum dns_type type)
{
	static const struct dns_answer none = { .status = DNS_NXDOMAIN };
	char clean[DNS_NAME_CAP];

	if (dns_name_clean_any(name, clean) == -1)
		return &none;
	return dns_book_find(r->book, clean, type);
}

static enum dns_type
address_type(const struct run *r)
{
	return r->in->client.family == AF_INET ? DNS_A : DNS_AAAA;
}

static enum verdict
trouble(struct run *r, const struct dns_answer *a)
{
	r->out->reason = region_strdup(r->rg, a->text);
	return TEMP;
}

static enum verdict
perm(struct run *r, const char *why)
{
	r->out->reason = why;
	return PERM;
}

/* The answer was empty. */
static enum verdict
nothing(struct run *r)
{
	if (r->term_void)
		return NO;
	r->term_void = true;
	if (++r->out->voids > r->in->voids_max)
		return perm(r, "too many terms find nothing in DNS");
	return NO;
}

/* Section 4.6.4; over all records together. */
static enum verdict
count_term(struct run *r)
{
	if (++r->out->terms > SPF_TERMS_MAX)
		return perm(r, "too many terms that need DNS");
	return YES;
}

static bool
has(const struct dns_answer *a, const struct net_addr *client, uint8_t bits)
{
	for (size_t i = 0; i < a->count; i++) {
		const struct net_prefix p = { a->addrs[i], bits };

		if (net_prefix_match(&p, client))
			return true;
	}
	return false;
}

/* ---- names of the client --------------------------------------------------- */

static bool
is_in_domain(const char *name, const char *domain)
{
	size_t len = strlen(name), end = strlen(domain);

	if (len < end || !str_eq_nocase(name + len - end, domain))
		return false;
	return len == end || name[len - end - 1] == '.';
}

/* Does that name of the client have its address? */
static enum verdict
is_validated(const struct run *r, const char *name)
{
	const struct dns_answer *a = find(r, name, address_type(r));

	if (a == NULL)
		return WAIT;
	if (a->status != DNS_OK)
		return NO;
	return has(a, &r->in->client,
		   r->in->client.family == AF_INET ? 32 : 128) ?
	    YES :
	    NO;
}

/*
 * Section 5.5: those of its names that have its address.  DNS that cannot say
 * leaves them out.  WAIT, or YES, and NO: it has no name at all.
 */
static enum verdict
find_names(struct run *r, const char **names_r, size_t *n_r)
{
	char reverse[DNS_BOOK_REVERSE_CAP];
	const struct dns_answer *a = find(r,
	    dns_book_reverse(&r->in->client, reverse), DNS_PTR);
	enum verdict all = YES;

	*n_r = 0;
	if (a == NULL)
		return WAIT;
	if (a->status == DNS_TEMP)
		return YES;
	if (a->status != DNS_OK)
		return NO;
	for (size_t i = 0; i < a->count && i < SPF_NAMES_MAX; i++) {
		enum verdict v = is_validated(r, a->names[i]);

		if (v == YES)
			names_r[(*n_r)++] = a->names[i];
		else if (v == WAIT)
			all = WAIT;
	}
	return all;
}

/* %{p}: the domain itself, else one in it, else any. */
static enum verdict
set_p(struct run *r, const char *domain)
{
	const char *names[SPF_NAMES_MAX], *best = NULL;
	size_t n;

	if (find_names(r, names, &n) == WAIT)
		return WAIT;
	for (size_t i = 0; i < n; i++)
		if (best == NULL || str_eq_nocase(names[i], domain) ||
		    (is_in_domain(names[i], domain) &&
			!is_in_domain(best, domain)))
			best = names[i];
	r->values.of['p' - 'a'] = best == NULL ? "unknown" : best;
	return YES;
}

/* ---- expansion ------------------------------------------------------------- */

/*
 * NO: it cannot be expanded.  A stranger's text may name values by the thousand,
 * in each of the records that it includes.
 */
static enum verdict
expand(struct run *r, const struct frame *f, struct slice spec,
    const char **text_r)
{
	r->values.of['d' - 'a'] = f->domain;
	if (spf_macro_uses(spec, 'p') && set_p(r, f->domain) == WAIT)
		return WAIT;
	if (spf_macro_is_long(spec, &r->values))
		return perm(r,
		    REGION_JOIN(r->rg, "a macro of ", f->domain,
			" stands for too much"));
	*text_r = spf_macro_expand(spec, &r->values, r->rg);
	return *text_r == NULL ? NO : YES;
}

/* target-name (section 4.8). */
static enum verdict
target(struct run *r, const struct frame *f, struct slice spec,
    const char **name_r)
{
	enum verdict v;

	*name_r = f->domain;
	if (spec.p == NULL)
		return YES;
	v = expand(r, f, spec, name_r);
	if (v == YES)
		*name_r = spf_macro_cut(*name_r, r->rg);
	return v;
}

/* ---- mechanisms ------------------------------------------------------------ */

static enum verdict
match_host(struct run *r, const char *name, const struct spf_term *t)
{
	const struct dns_answer *a = find(r, name, address_type(r));

	if (a == NULL)
		return WAIT;
	if (a->status == DNS_TEMP)
		return trouble(r, a);
	if (a->status != DNS_OK)
		return nothing(r);
	return has(a, &r->in->client,
		   r->in->client.family == AF_INET ? t->bits4 : t->bits6) ?
	    YES :
	    NO;
}

/* All are asked for at once; a match counts before trouble with another. */
static enum verdict
match_mx(struct run *r, const char *name, const struct spf_term *t)
{
	const struct dns_answer *a = find(r, name, DNS_MX);
	enum verdict all = NO;

	if (a == NULL)
		return WAIT;
	if (a->status == DNS_TEMP)
		return trouble(r, a);
	if (a->status != DNS_OK)
		return nothing(r);
	if (a->count > SPF_NAMES_MAX)
		return perm(r, "too many mail servers");
	for (size_t i = 0; i < a->count; i++) {
		enum verdict v = match_host(r, a->mx[i].host, t);

		if (v == WAIT)
			all = WAIT;
		else if (all != WAIT && v != NO && all != YES)
			all = v;
	}
	return all;
}

static enum verdict
match_exists(struct run *r, const char *name)
{
	const struct dns_answer *a = find(r, name, DNS_A);

	if (a == NULL)
		return WAIT;
	if (a->status == DNS_TEMP)
		return trouble(r, a);
	return a->status == DNS_OK ? YES : nothing(r);
}

static enum verdict
match_ptr(struct run *r, const char *domain)
{
	const char *names[SPF_NAMES_MAX];
	size_t n;
	enum verdict v = find_names(r, names, &n);

	for (size_t i = 0; i < n; i++)
		if (v != WAIT && is_in_domain(names[i], domain))
			return YES;
	if (v == NO)
		return nothing(r);
	return v == WAIT ? WAIT : NO;
}

/* Another record, above this one; the term is judged when it ends. */
static enum verdict
push(struct run *r, const char *domain)
{
	CHECK(r->depth < FRAMES_MAX);
	r->frames[r->depth++] = (struct frame){ .domain = domain,
		.named = true };
	return GO_ON;
}

static enum verdict
match_asked(struct run *r, const struct frame *f, const struct spf_term *t)
{
	const char *name;
	enum verdict v = count_term(r);

	r->term_void = false;
	if (v == YES)
		v = target(r, f, t->domain, &name);
	if (v != YES)
		return v;
	switch (t->mechanism) {
	case SPF_A:
		return match_host(r, name, t);
	case SPF_EXISTS:
		return match_exists(r, name);
	case SPF_INCLUDE:
		return push(r, name);
	case SPF_MX:
		return match_mx(r, name, t);
	case SPF_PTR:
		return match_ptr(r, name);
	case SPF_ALL:
	case SPF_IP4:
	case SPF_IP6:
		break;
	}
	CHECK_NEVER("a mechanism that asks DNS");
}

static enum verdict
match(struct run *r, const struct frame *f, const struct spf_term *t)
{
	switch (t->mechanism) {
	case SPF_ALL:
		return YES;
	case SPF_IP4:
	case SPF_IP6:
		return net_prefix_match(&t->to, &r->in->client) ? YES : NO;
	case SPF_A:
	case SPF_EXISTS:
	case SPF_INCLUDE:
	case SPF_MX:
	case SPF_PTR:
		break;
	}
	return match_asked(r, f, t);
}

/* ---- records --------------------------------------------------------------- */

/* Section 4.5. */
static enum verdict
select_record(struct run *r, struct frame *f, const struct dns_answer *a)
{
	const char *text = NULL;
	struct err e;

	for (size_t i = 0; a->status == DNS_OK && i < a->count; i++) {
		if (!spf_record_is(a->txt[i]))
			continue;
		if (text != NULL)
			return perm(r,
			    REGION_JOIN(r->rg, f->domain,
				" has more than one SPF record"));
		text = a->txt[i];
	}
	if (text == NULL) {
		r->out->reason = REGION_JOIN(r->rg, f->domain,
		    " has no SPF record");
		return NO;
	}
	if (spf_record_parse(text, r->rg, &f->record, &e) == -1)
		return perm(r,
		    REGION_JOIN(r->rg, "the SPF record of ", f->domain, ": ",
			e.text));
	f->loaded = true;
	return YES;
}

/* NO: there is none. */
static enum verdict
load(struct run *r, struct frame *f)
{
	const struct dns_answer *a;
	enum verdict v = NO;

	if (is_domain(f->domain)) {
		a = find(r, f->domain, DNS_TXT);
		if (a == NULL)
			return WAIT;
		if (a->status == DNS_TEMP)
			return trouble(r, a);
		v = select_record(r, f, a);
	} else {
		r->out->reason = REGION_JOIN(r->rg, "\"", f->domain,
		    "\" is no domain with a record");
	}
	/* Section 5.2, 6.1 */
	return v == NO && f->named ? PERM : v;
}

/* No term has matched: YES, and the frame begins anew, or NO. */
static enum verdict
redirect(struct run *r, struct frame *f)
{
	const char *name;
	enum verdict v;

	if (f->record.redirect.p == NULL)
		return NO;
	v = count_term(r);
	if (v == YES)
		v = target(r, f, f->record.redirect, &name);
	if (v == NO)
		return perm(r, "redirect= needs what there is not");
	if (v == YES)
		*f = (struct frame){ .domain = name, .named = true };
	return v;
}

static enum spf_result
qualified(char qualifier)
{
	switch (qualifier) {
	case '-':
		return SPF_FAIL;
	case '~':
		return SPF_SOFTFAIL;
	case '?':
		return SPF_NEUTRAL;
	default:
		return SPF_PASS;
	}
}

/* A term has matched. */
static enum spf_result
decided(struct run *r, const struct frame *f, const struct spf_term *t)
{
	struct spf *out = r->out;

	out->term = region_strndup(r->rg, t->text.p, t->text.len);
	out->reason = REGION_JOIN(r->rg, "\"", out->term, "\" of ", f->domain);
	return qualified(t->qualifier);
}

/* Until a term matches, or there is trouble; NO: to the end of the record. */
static enum verdict
run_terms(struct run *r, struct frame *f)
{
	while (f->at < f->record.n) {
		enum verdict v = match(r, f, &f->record.terms[f->at]);

		if (v != NO)
			return v;
		f->at++;
	}
	return NO;
}

/* What the frame on top says; WAIT, GO_ON, or YES and a result. */
static enum verdict
run_frame(struct run *r, enum spf_result *result_r)
{
	struct frame *f = &r->frames[r->depth - 1];
	enum verdict v = f->loaded ? YES : load(r, f);

	if (v == NO) {
		*result_r = SPF_NONE;
		return YES;
	}
	if (v == YES) {
		v = run_terms(r, f);
		if (v == YES) {
			*result_r = decided(r, f, &f->record.terms[f->at]);
			return YES;
		}
		if (v == NO) {
			v = redirect(r, f);
			if (v == YES)
				return GO_ON;
		}
	}
	if (v == WAIT || v == GO_ON)
		return v;
	*result_r = v == TEMP ? SPF_TEMPERROR :
	    v == PERM         ? SPF_PERMERROR :
				SPF_NEUTRAL;
	if (v == NO)
		r->out->reason = REGION_JOIN(r->rg, "no term of ", f->domain,
		    " matches");
	return YES;
}

/*
 * A record that was included has ended so (section 5.2).  YES: that is all of
 * it, else the one below goes on.
 */
static enum verdict
pop(struct run *r, enum spf_result *result)
{
	struct frame *f;

	while (--r->depth > 0) {
		f = &r->frames[r->depth - 1];
		if (*result == SPF_TEMPERROR || *result == SPF_PERMERROR)
			continue;
		if (*result != SPF_PASS) {
			f->at++;
			return GO_ON;
		}
		*result = decided(r, f, &f->record.terms[f->at]);
	}
	return YES;
}

/* ---- the domain's own words ------------------------------------------------ */

/*
 * Section 6.2: of the record that was begun with, or that it redirects to.
 * Whatever is wrong with it, then there is none.
 */
static enum verdict
explain(struct run *r)
{
	const struct frame *f = &r->frames[0];
	const struct dns_answer *a;
	const char *name, *text;
	struct slice whole;
	enum verdict v;

	if (f->record.exp.p == NULL)
		return NO;
	v = target(r, f, f->record.exp, &name);
	if (v != YES)
		return v;
	a = find(r, name, DNS_TXT);
	if (a == NULL)
		return WAIT;
	if (a->status != DNS_OK || a->count != 1)
		return NO;
	whole = slice_of(a->txt[0]);
	if (spf_macro_fault(whole, SPF_MACRO_TEXT) != NULL)
		return NO;
	v = expand(r, f, whole, &text);
	if (v == YES && is_ascii(text))
		r->out->explanation = region_strndup(r->rg, text,
		    strnlen(text, SPF_EXPLAIN_MAX));
	return v;
}

/* ---- all together ---------------------------------------------------------- */

/* %{i}: of IPv6 each half byte is a label. */
static const char *
address_labels(const struct net_addr *a, struct region *rg)
{
	char text[NET_ADDR_TEXT], *out, *p;

	if (a->family == AF_INET)
		return region_strdup(rg, net_addr_text(a, text));
	p = out = region_alloc(rg, 64);
	for (size_t i = 0; i < 16; i++) {
		*p++ = "0123456789abcdef"[a->a[i] >> 4];
		*p++ = '.';
		*p++ = "0123456789abcdef"[a->a[i] & 15];
		*p++ = '.';
	}
	p[-1] = '\0';
	return out;
}

static void
set_values(struct run *r)
{
	const struct spf_in *in = r->in;
	const char **of = r->values.of, *at = strrchr(in->sender, '@');
	const char *local = "postmaster", *domain;
	char text[NET_ADDR_TEXT];

	r->out->of_helo = in->sender[0] == '\0';
	domain = r->out->of_helo ? in->helo : at == NULL ? in->sender : at + 1;
	if (at != NULL && at > in->sender)
		local = region_strndup(r->rg, in->sender,
		    (size_t)(at - in->sender));
	domain = ascii_domain(domain, r->rg);
	r->out->domain = domain;
	of['o' - 'a'] = domain;
	if (is_ascii(local)) {
		of['l' - 'a'] = local;
		of['s' - 'a'] = REGION_JOIN(r->rg, local, "@", domain);
	}
	of['i' - 'a'] = address_labels(&in->client, r->rg);
	of['v' - 'a'] = in->client.family == AF_INET ? "in-addr" : "ip6";
	of['h' - 'a'] = in->helo[0] == '\0' ? "unknown" :
					      ascii_domain(in->helo, r->rg);
	of['c' - 'a'] = region_strdup(r->rg, net_addr_text(&in->client, text));
	of['r' - 'a'] = in->receiver;
	of['t' - 'a'] = region_printf(r->rg, "%" PRId64, in->now_s);
}

bool
spf_check(const struct spf_in *in, struct dns_book *book, struct region *rg,
    struct spf *out)
{
	struct run *r = region_new_obj(rg, struct run);
	enum verdict v = GO_ON;
	const char *reason;

	*out = (struct spf){ .reason = "", .explanation = "", .term = "" };
	r->in = in;
	r->book = book;
	r->rg = rg;
	r->out = out;
	set_values(r);
	(void)push(r, out->domain);
	r->frames[0].named = false;
	/* Each round ends a frame or begins one, of which terms count. */
	while (v == GO_ON) {
		v = run_frame(r, &out->result);
		if (v == YES)
			v = pop(r, &out->result);
	}
	reason = out->reason;
	if (v == YES && out->result == SPF_FAIL && explain(r) == WAIT)
		v = WAIT;
	out->reason = reason;
	return v == YES;
}
