/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record    = "v=spf1" *( 1*SP ( directive / modifier ) ) *SP
 * directive = [ "+" / "-" / "?" / "~" ] mechanism
 * mechanism = "all" / "include:" domain-spec / "exists:" domain-spec
 *           / ( "a" / "mx" ) [ ":" domain-spec ] [ dual-cidr-length ]
 *           / "ptr" [ ":" domain-spec ]
 *           / "ip4:" ip4-network [ ip4-cidr-length ]
 *           / "ip6:" ip6-network [ ip6-cidr-length ]
 * modifier  = "redirect=" domain-spec / "exp=" domain-spec
 *           / name "=" macro-string
 * name      = ALPHA *( ALPHA / DIGIT / "-" / "_" / "." )
 */
#include "mail/spf_record.h"

#include <string.h>

#include "mail/spf_macro.h"

#define SPF1 "v=spf1"
#define SHOWN_MAX 60 /* of a term in an error */
#define ALPHAS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define NAME_CHARS ALPHAS "0123456789-_."

enum domain_use { DOMAIN_NONE, DOMAIN_MAY, DOMAIN_MUST, NETWORK };

static const struct {
	const char *name;
	enum spf_mechanism mechanism;
	enum domain_use use;
	bool bits; /* a dual-cidr-length may follow */
} mechanisms[] = {
	{ "all", SPF_ALL, DOMAIN_NONE, false },
	{ "a", SPF_A, DOMAIN_MAY, true },
	{ "exists", SPF_EXISTS, DOMAIN_MUST, false },
	{ "include", SPF_INCLUDE, DOMAIN_MUST, false },
	{ "ip4", SPF_IP4, NETWORK, false },
	{ "ip6", SPF_IP6, NETWORK, false },
	{ "mx", SPF_MX, DOMAIN_MAY, true },
	{ "ptr", SPF_PTR, DOMAIN_MAY, false },
};

static int
bad(struct err *e, const char *why, struct slice term)
{
	size_t len = term.len < SHOWN_MAX ? term.len : SHOWN_MAX;

	return err_set(e, "%s in \"%.*s\"", why, (int)len, term.p);
}

/* ---- lengths of prefixes --------------------------------------------------- */

/*
 * Cuts "/24", or what `mark` says in place of the "/", from the end of s, if it
 * ends so; false: too much, or a number with zeros in front.
 */
static bool
cut_bits(struct slice *s, const char *mark, unsigned max, uint8_t *bits_r)
{
	size_t mark_len = strlen(mark), at = s->len;
	unsigned n = 0;

	while (at > 0 && s->p[at - 1] >= '0' && s->p[at - 1] <= '9')
		at--;
	if (at == s->len || at < mark_len ||
	    memcmp(s->p + at - mark_len, mark, mark_len) != 0)
		return true;
	if (s->len - at > 3 || (s->p[at] == '0' && s->len - at > 1))
		return false;
	for (size_t i = at; i < s->len; i++)
		n = n * 10 + (unsigned)(s->p[i] - '0');
	if (n > max)
		return false;
	*bits_r = (uint8_t)n;
	s->len = at - mark_len;
	return true;
}

/* ---- directives ------------------------------------------------------------ */

/* arg: behind the name, with its ":". */
static const char *
take_network(struct slice arg, struct spf_term *t)
{
	bool v4 = t->mechanism == SPF_IP4;
	struct err e;

	t->to.bits = v4 ? 32 : 128;
	if (arg.len == 0 || arg.p[0] != ':')
		return "no address";
	arg.p++;
	arg.len--;
	if (!cut_bits(&arg, "/", t->to.bits, &t->to.bits))
		return "a bad length of a prefix";
	if (arg.len == 0 ||
	    strchr("0123456789abcdefABCDEF:", arg.p[0]) == NULL ||
	    net_addr_parse(arg, &t->to.addr, &e) == -1 ||
	    t->to.addr.family != (v4 ? AF_INET : AF_INET6))
		return "a bad address";
	return NULL;
}

static const char *
take_domain(struct slice arg, enum domain_use use, struct spf_term *t)
{
	if (arg.len == 0)
		return use == DOMAIN_MUST ? "no domain" : NULL;
	if (arg.p[0] != ':' || use == DOMAIN_NONE)
		return "something unknown behind the name";
	t->domain = (struct slice){ arg.p + 1, arg.len - 1 };
	return spf_macro_fault(t->domain, SPF_MACRO_DOMAIN);
}

static const char *
take_directive(struct slice text, struct spf_term *t)
{
	struct slice arg;
	size_t len = 0;

	*t = (struct spf_term){ .qualifier = '+',
		.text = text,
		.bits4 = 32,
		.bits6 = 128 };
	if (strchr("+-~?", text.p[0]) != NULL) {
		t->qualifier = text.p[0];
		text.p++;
		text.len--;
	}
	while (len < text.len && text.p[len] != ':' && text.p[len] != '/')
		len++;
	arg = (struct slice){ text.p + len, text.len - len };
	text.len = len;
	for (size_t i = 0; i < sizeof(mechanisms) / sizeof(*mechanisms); i++) {
		if (!slice_eq_nocase(text, mechanisms[i].name))
			continue;
		t->mechanism = mechanisms[i].mechanism;
		if (mechanisms[i].use == NETWORK)
			return take_network(arg, t);
		if (mechanisms[i].bits &&
		    (!cut_bits(&arg, "//", 128, &t->bits6) ||
			!cut_bits(&arg, "/", 32, &t->bits4)))
			return "a bad length of a prefix";
		return take_domain(arg, mechanisms[i].use, t);
	}
	return "an unknown mechanism";
}

/* ---- modifiers ------------------------------------------------------------- */

/* How long the name is, if it is a modifier; else 0. */
static size_t
modifier_name(struct slice text)
{
	size_t len = 0;

	if (strchr(ALPHAS, text.p[0]) == NULL)
		return 0;
	while (len < text.len && strchr(NAME_CHARS, text.p[len]) != NULL)
		len++;
	return len < text.len && text.p[len] == '=' ? len : 0;
}

static const char *
take_modifier(struct slice text, size_t name_len, struct spf_record *out)
{
	struct slice name = { text.p, name_len };
	struct slice value = { text.p + name_len + 1, text.len - name_len - 1 };
	struct slice *place = NULL;

	if (slice_eq_nocase(name, "redirect"))
		place = &out->redirect;
	else if (slice_eq_nocase(name, "exp"))
		place = &out->exp;
	if (place == NULL)
		return spf_macro_fault(value, SPF_MACRO_MODIFIER);
	if (place->p != NULL)
		return "a second one";
	*place = value;
	return spf_macro_fault(value, SPF_MACRO_DOMAIN);
}

/* ---- records --------------------------------------------------------------- */

bool
spf_record_is(const char *text)
{
	size_t len = strlen(SPF1);

	return strlen(text) >= len &&
	    slice_eq_nocase((struct slice){ text, len }, SPF1) &&
	    (text[len] == ' ' || text[len] == '\0');
}

int
spf_record_parse(const char *text, struct region *rg, struct spf_record *out,
    struct err *e)
{
	*out = (struct spf_record){ 0 };
	for (const char *p = text; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			return err_set(e, "a byte that is not printable ASCII");
	for (text += strlen(SPF1); *text != '\0';) {
		struct slice term = { text, strcspn(text, " ") };
		const char *why;
		size_t name_len;

		text += term.len + (text[term.len] == ' ');
		if (term.len == 0)
			continue;
		name_len = modifier_name(term);
		if (name_len > 0) {
			why = take_modifier(term, name_len, out);
		} else {
			out->terms = region_grow(rg, out->terms, out->n,
			    sizeof(*out->terms));
			why = take_directive(term, &out->terms[out->n++]);
		}
		if (why != NULL)
			return bad(e, why, term);
	}
	return 0;
}
