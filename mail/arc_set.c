/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/arc_set.h"

#include <string.h>

#include "lib/check.h"

/* The first fault is the one that is told. */
static void
fault(struct arc_chain *c, const char *text)
{
	if (c->fault == NULL)
		c->fault = text;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void
skip_space(struct slice *s)
{
	while (s->len > 0 && is_space(s->p[0])) {
		s->p++;
		s->len--;
	}
}

static bool
skip_char(struct slice *s, char c)
{
	skip_space(s);
	if (s->len == 0 || s->p[0] != c)
		return false;
	s->p++;
	s->len--;
	return true;
}

/* instance = 1*2DIGIT ; 1 to 50.  0: it is none; more than 50 is 51. */
static unsigned
instance_of(struct slice *s)
{
	unsigned v = 0;
	size_t digits = 0;

	skip_space(s);
	while (s->len > 0 && s->p[0] >= '0' && s->p[0] <= '9') {
		v = v > ARC_SETS_MAX ? v : 10 * v + (unsigned)(s->p[0] - '0');
		s->p++;
		s->len--;
		digits++;
	}
	if (digits == 0)
		return 0;
	return v > ARC_SETS_MAX ? ARC_SETS_MAX + 1 : v;
}

/* arc-info = instance ";" authres-payload (RFC 8617 section 4.1.1) */
static unsigned
aar_instance(const struct header *h)
{
	struct slice s = h->value;
	unsigned i;

	if (!skip_char(&s, 'i') || !skip_char(&s, '='))
		return 0;
	i = instance_of(&s);
	return skip_char(&s, ';') ? i : 0;
}

static unsigned
tag_instance(const struct tag_list *tags)
{
	const struct slice *value = tag_list_get(tags, "i");
	struct slice s;
	unsigned i;

	if (value == NULL)
		return 0;
	s = *value;
	i = instance_of(&s);
	return s.len == 0 ? i : 0;
}

/* ---- each field to its set ----------------------------------------------- */

/* The set, or NULL: there is a fault. */
static struct arc_set *
set_of(struct arc_chain *c, unsigned instance, const char *name,
    struct region *rg)
{
	if (instance == 0) {
		fault(c, region_printf(rg, "%s without an instance", name));
		return NULL;
	}
	if (instance > ARC_SETS_MAX) {
		fault(c, "more than 50 sets");
		c->highest = ARC_SETS_MAX + 1;
		return NULL;
	}
	if (instance > c->highest)
		c->highest = instance;
	return &c->set[instance];
}

static void
add_aar(struct arc_chain *c, const struct header *h, struct region *rg)
{
	struct arc_set *set = set_of(c, aar_instance(h), ARC_AAR_HEADER, rg);

	if (set == NULL)
		return;
	if (set->aar != NULL)
		fault(c, "two " ARC_AAR_HEADER " of one instance");
	set->aar = h;
}

static void
add_signed(struct arc_chain *c, const struct header *h, bool seal,
    struct region *rg)
{
	const char *name = seal ? ARC_SEAL_HEADER : ARC_AMS_HEADER;
	struct arc_set *set;
	struct arc_field *to, f = { .field = h };
	struct err e;

	if (tag_list_parse(h->value, rg, &f.tags, &e) == -1) {
		fault(c, region_printf(rg, "%s: %s", name, e.text));
		return;
	}
	set = set_of(c, tag_instance(&f.tags), name, rg);
	if (set == NULL)
		return;
	to = seal ? &set->seal : &set->ams;
	/* Two seals may not agree about the end of the chain: then it ends. */
	if (seal && to->field != NULL && tag_list_is(&to->tags, "cv", "fail"))
		f.tags = to->tags;
	if (to->field != NULL)
		fault(c, region_printf(rg, "two %s of one instance", name));
	*to = f;
}

/* ---- whole sets ---------------------------------------------------------- */

static bool
is_number(const struct slice *s)
{
	for (size_t i = 0; i < s->len; i++)
		if (s->p[i] < '0' || s->p[i] > '9')
			return false;
	return s->len > 0 && s->len <= 12; /* RFC 6376 section 3.5, t= */
}

/* What is NULL if all of them are there and not empty; else the tag. */
static const char *
missing_tag(const struct tag_list *tags, const char *const *names)
{
	for (; *names != NULL; names++) {
		const struct slice *v = tag_list_get(tags, *names);

		if (v == NULL || v->len == 0)
			return *names;
	}
	return NULL;
}

static void
check_field(struct arc_chain *c, const struct arc_field *f, const char *name,
    const char *const *needed, struct region *rg)
{
	const struct slice *t = tag_list_get(&f->tags, "t");
	const char *missing = missing_tag(&f->tags, needed);

	if (missing != NULL)
		fault(c, region_printf(rg, "%s without %s=", name, missing));
	else if (t != NULL && !is_number(t))
		fault(c, region_printf(rg, "%s: t= is no number", name));
}

/* h= may be empty (nothing but the body is signed), but must be there. */
static void
check_set(struct arc_chain *c, const struct arc_set *set, unsigned i,
    struct region *rg)
{
	static const char *const ams[] = { "a", "b", "bh", "d", "s", NULL };
	static const char *const seal[] = { "a", "b", "cv", "d", "s", NULL };

	if (set->aar == NULL || set->ams.field == NULL ||
	    set->seal.field == NULL) {
		fault(c,
		    region_printf(rg, "no %s of instance %u",
			set->aar == NULL           ? ARC_AAR_HEADER :
			    set->ams.field == NULL ? ARC_AMS_HEADER :
						     ARC_SEAL_HEADER,
			i));
		return;
	}
	check_field(c, &set->ams, ARC_AMS_HEADER, ams, rg);
	check_field(c, &set->seal, ARC_SEAL_HEADER, seal, rg);
	if (tag_list_get(&set->ams.tags, "h") == NULL)
		fault(c, ARC_AMS_HEADER " without h=");
	/* RFC 8617 section 4.1.3 */
	if (tag_list_get(&set->seal.tags, "h") != NULL)
		fault(c, ARC_SEAL_HEADER " with h=");
	if (!tag_list_is(&set->seal.tags, "cv", i == 1 ? "none" : "pass"))
		fault(c,
		    region_printf(rg, "cv= of instance %u is not %s", i,
			i == 1 ? "none" : "pass"));
}

void
arc_chain_read(const struct header_list *headers, struct region *rg,
    struct arc_chain *c)
{
	*c = (struct arc_chain){ 0 };
	for (size_t i = 0; i < headers->n; i++) {
		const struct header *h = &headers->v[i];
		bool aar = slice_eq_nocase(h->name, ARC_AAR_HEADER);
		bool seal = slice_eq_nocase(h->name, ARC_SEAL_HEADER);

		if (!aar && !seal && !slice_eq_nocase(h->name, ARC_AMS_HEADER))
			continue;
		c->any = true;
		if (aar)
			add_aar(c, h, rg);
		else
			add_signed(c, h, seal, rg);
	}
	if (c->highest > ARC_SETS_MAX)
		return;
	c->ended = tag_list_is(&c->set[c->highest].seal.tags, "cv", "fail");
	if (c->ended)
		fault(c, "the last seal says cv=fail");
	for (unsigned i = 1; i <= c->highest; i++)
		check_set(c, &c->set[i], i, rg);
	if (c->any && c->highest == 0)
		fault(c, "no set");
}
