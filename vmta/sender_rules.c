/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/sender_rules.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/check.h"
#include "lib/conf_hosts.h"
#include "lib/glob.h"
#include "lib/regex.h"
#include "mail/mailbox.h"

#define NOTICE_FROM \
	"MAILER-DAEMON" /* Postfix, Sendmail; Exim's is Mailer-Daemon */

enum { LOCAL_MAX = 255 }; /* of a pattern that lint looks at */

/* ---- patterns ------------------------------------------------------------- */

struct pattern {
	char *local, *domain; /* globs; local NULL: a domain alone */
	struct regex *re;     /* or NULL */
	bool null;
};

struct sender_patterns {
	size_t n;
	struct pattern *v;
};

struct sender_patterns *
sender_patterns_new(void)
{
	return mem_new(struct sender_patterns);
}

void
sender_patterns_free(struct sender_patterns **pp)
{
	struct sender_patterns *p = *pp;

	*pp = NULL;
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->n; i++) {
		free(p->v[i].local);
		free(p->v[i].domain);
		regex_free(&p->v[i].re);
	}
	free(p->v);
	free(p);
}

static int
add_regex(struct pattern *out, const char *text, struct err *e)
{
	struct slice rest = slice_of(text);

	if (regex_take(&rest, &out->re, e) == -1)
		return -1;
	if (slice_trim(rest).len == 0)
		return 0;
	regex_free(&out->re);
	return err_set(e, "\"%s\": something stands behind the last slash",
	    text);
}

/* Wildcards stand for bytes of names; what else is there must be one. */
static bool
is_domain_glob(const char *s)
{
	for (const char *p = s; *p != '\0'; p++)
		if (strchr("*?-_.[]:", *p) == NULL &&
		    !(*p >= '0' && *p <= '9') && !(*p >= 'a' && *p <= 'z'))
			return false;
	return s[0] != '\0';
}

/* Lower case, A-labels. */
static int
plain_domain(const char *domain, struct region *rg, const char **out,
    struct err *e)
{
	char *lower = region_strdup(rg, domain);
	const char *ascii;

	str_lower(lower);
	ascii = mailbox_addr_domain(REGION_JOIN(rg, "@", lower), rg);
	*out = ascii != NULL ? ascii : lower;
	if (!is_domain_glob(*out))
		return err_set(e, "\"%s\" is no domain", domain);
	return 0;
}

static int
add_address(struct pattern *out, const char *text, struct err *e)
{
	const char *at = strrchr(text, '@');
	const char *host = at == NULL ? text : at + 1, *domain;
	bool both = at == NULL && strncmp(host, "[*.]", 4) == 0;
	struct region *rg = region_new();
	int rc;

	rc = plain_domain(host + (both ? 4 : 0), rg, &domain, e);
	if (rc == 0) {
		out->domain = mem_strdup(
		    REGION_JOIN(rg, both ? "[*.]" : "", domain));
		if (at != NULL && at > text)
			out->local = mem_strdup(
			    region_strndup(rg, text, (size_t)(at - text)));
	}
	region_free(&rg);
	return rc;
}

int
sender_patterns_add(struct sender_patterns *p, const char *text, struct err *e)
{
	struct pattern one = { .null = strcmp(text, "<>") == 0 };
	int rc = 0;

	if (text[0] == '/')
		rc = add_regex(&one, text, e);
	else if (!one.null)
		rc = add_address(&one, text, e);
	if (rc == -1)
		return -1;
	p->v = mem_realloc(p->v, (p->n + 1) * sizeof(*p->v));
	p->v[p->n++] = one;
	return 0;
}

/* The domain, as it was given where it is no domain name. */
static const char *
domain_of(const char *address, struct region *rg)
{
	const char *at = strrchr(address, '@');
	const char *domain = mailbox_addr_domain(address, rg);

	if (domain == NULL)
		return at == NULL ? "" : at + 1;
	return domain;
}

static bool
domain_glob_fits(const char *glob, const char *domain)
{
	size_t len;

	if (strncmp(glob, "[*.]", 4) != 0)
		return glob_match(glob, domain);
	len = strlen(domain);
	for (const char *d = domain; d < domain + len; d++)
		if ((d == domain || d[-1] == '.') && glob_match(glob + 4, d))
			return true;
	return false;
}

static bool
pattern_fits(const struct pattern *p, const char *address, struct region *rg)
{
	const char *at = strrchr(address, '@');
	struct slice local = { address,
		at == NULL ? strlen(address) : (size_t)(at - address) };

	if (p->null || address[0] == '\0')
		return p->null && address[0] == '\0';
	if (p->re != NULL)
		return regex_match(p->re, address, strlen(address));
	return domain_glob_fits(p->domain, domain_of(address, rg)) &&
	    (p->local == NULL || glob_match_slice(p->local, local));
}

const char *
sender_plain(const char *address, struct region *rg)
{
	const char *at = strrchr(address, '@');
	size_t len = at == NULL ? strlen(address) : (size_t)(at - address);
	char *local = region_strndup(rg, address, len);
	size_t n = 0;

	if (len >= 2 && local[0] == '"' && local[len - 1] == '"') {
		for (size_t i = 1; i < len - 1; i++) {
			if (i < len - 2 && local[i] == '\\')
				i++;
			local[n++] = local[i];
		}
		local[n] = '\0';
	}
	return at == NULL ? local :
			    REGION_JOIN(rg, local, "@", domain_of(address, rg));
}

bool
sender_patterns_fit(const struct sender_patterns *p, const char *address,
    struct region *rg)
{
	const char *plain = sender_plain(address, rg);

	for (size_t i = 0; i < p->n; i++)
		if (pattern_fits(&p->v[i], address, rg) ||
		    pattern_fits(&p->v[i], plain, rg))
			return true;
	return false;
}

static bool
has_null(const struct sender_patterns *p)
{
	for (size_t i = 0; p != NULL && i < p->n; i++)
		if (p->v[i].null)
			return true;
	return false;
}

/* ---- domains --------------------------------------------------------------- */

/* Is the name the domain, or one below it? */
static bool
is_within(const char *name, const char *domain)
{
	size_t a = strlen(name), b = strlen(domain);

	return a >= b && strcmp(name + a - b, domain) == 0 &&
	    (a == b || name[a - b - 1] == '.');
}

static bool
domain_covers(const char *by, const char *other)
{
	bool both = strncmp(other, "[*.]", 4) == 0;
	const char *plain = other + (both ? 4 : 0);

	if (strncmp(by, "[*.]", 4) == 0)
		return is_within(plain, by + 4);
	return glob_covers(by, plain) && (!both || by[0] == '*');
}

/* What stands before the last '@', cut; "*": nothing. */
static void
take_local(const char *pattern, char out[LOCAL_MAX + 1])
{
	const char *at = strrchr(pattern, '@');
	size_t len = at == NULL ? 0 : (size_t)(at - pattern);

	if (len > LOCAL_MAX)
		len = LOCAL_MAX;
	memcpy(out, len == 0 ? "*" : pattern, len == 0 ? 1 : len);
	out[len == 0 ? 1 : len] = '\0';
}

bool
sender_pattern_covers(const char *by, const char *other)
{
	const char *a = strrchr(by, '@'), *b = strrchr(other, '@');
	char local[LOCAL_MAX + 1], by_local[LOCAL_MAX + 1];

	if (strcmp(by, other) == 0)
		return true;
	if (by[0] == '/' || by[0] == '<' || other[0] == '/' || other[0] == '<')
		return false;
	take_local(by, by_local);
	take_local(other, local);
	return domain_covers(a == NULL ? by : a + 1,
		   b == NULL ? other : b + 1) &&
	    glob_covers(by_local, local);
}

bool
sender_domain_fits(const char *pattern, const char *domain)
{
	if (strcmp(pattern, "*") == 0)
		return true;
	if (strncmp(pattern, "[*.]", 4) == 0)
		return is_within(domain, pattern + 4);
	if (strncmp(pattern, "*.", 2) == 0)
		return is_within(domain, pattern + 2) &&
		    strcmp(domain, pattern + 2) != 0;
	return strcmp(domain, pattern) == 0;
}

int
sender_domain_pattern(const char *text, struct region *rg,
    const char **pattern_r, struct err *e)
{
	size_t front = strncmp(text, "[*.]", 4) == 0 ? 4 :
	    strncmp(text, "*.", 2) == 0              ? 2 :
						       0;
	const char *domain;

	*pattern_r = text;
	if (strcmp(text, "*") == 0)
		return 0;
	domain = mailbox_addr_domain(REGION_JOIN(rg, "@", text + front), rg);
	if (domain == NULL || strchr(text, '@') != NULL ||
	    !conf_is_host_name(slice_of(domain)))
		return err_set(e, "\"%s\" is no domain", text);
	*pattern_r = REGION_JOIN(rg, region_strndup(rg, text, front), domain);
	return 0;
}

bool
sender_is_aligned(enum sender_alignment how, const char *a, const char *b)
{
	const char *above = strlen(a) < strlen(b) ? a : b;

	if (how == ALIGN_NOT || strcmp(a, b) == 0)
		return true;
	return how == ALIGN_RELAXED && strchr(above, '.') != NULL &&
	    is_within(above == a ? b : a, above);
}

/* ---- rules ------------------------------------------------------------------ */

static const struct {
	const char *word, *text;
} faults[SENDER_FAULTS] = {
	[SENDER_FINE] = { "", "" },
#define F(name_, word_, text_) [SENDER_##name_] = { word_, text_ },
#include "vmta/sender_fault.def"
#undef F
};

const char *
sender_fault_word(enum sender_fault f)
{
	CHECK(f < SENDER_FAULTS);
	return faults[f].word;
}

const char *
sender_fault_text(enum sender_fault f)
{
	CHECK(f < SENDER_FAULTS);
	return faults[f].text;
}

static enum sender_alignment
alignment(const char *word)
{
	if (strcmp(word, "strict") == 0)
		return ALIGN_STRICT;
	return strcmp(word, "relaxed") == 0 ? ALIGN_RELAXED : ALIGN_NOT;
}

/* Does anything of it concern the From field's addresses? */
static bool
is_about_from(const struct sender_rule *r)
{
	return r->domains.n > 0 || r->from != ALIGN_NOT ||
	    r->signature != ALIGN_NOT;
}

static void
add(struct sender_rules *rules, const struct sender_rule *r)
{
	if (r->allow != NULL || r->deny != NULL || is_about_from(r))
		rules->v[rules->n++] = *r;
}

void
sender_rules_of(const struct source_conf *source, const struct user_conf *user,
    struct sender_rules *out)
{
	const struct sender_rule of_source = { source->allow_sender.compiled,
		source->deny_sender.compiled, source->sender_domains,
		alignment(source->from_alignment),
		alignment(source->signature_alignment) };

	out->n = 0;
	add(out, &of_source);
	if (user != NULL) {
		const struct sender_rule of_user = {
			user->allow_sender.compiled, user->deny_sender.compiled,
			user->sender_domains, alignment(user->from_alignment),
			alignment(user->signature_alignment)
		};

		add(out, &of_user);
	}
}

static bool
is_in_domains(const struct sender_rule *r, const char *domain)
{
	for (size_t i = 0; i < r->domains.n; i++)
		if (sender_domain_fits(r->domains.v[i], domain))
			return true;
	return r->domains.n == 0;
}

static enum sender_fault
judge_mail(const struct sender_rule *r, const char *address, struct region *rg)
{
	if (r->deny != NULL && sender_patterns_fit(r->deny, address, rg))
		return SENDER_DENIED;
	if (r->allow != NULL && !sender_patterns_fit(r->allow, address, rg))
		return SENDER_NOT_ALLOWED;
	if (address[0] != '\0' && !is_in_domains(r, domain_of(address, rg)))
		return SENDER_DOMAIN;
	return SENDER_FINE;
}

enum sender_fault
sender_rules_mail(const struct sender_rules *r, const char *address,
    struct region *rg)
{
	enum sender_fault f = SENDER_FINE;

	for (size_t i = 0; f == SENDER_FINE && i < r->n; i++)
		f = judge_mail(&r->v[i], address, rg);
	return f;
}

/* ---- the header -------------------------------------------------------------- */

/* What the only From field says. */
static enum sender_fault
read_from(const struct header_list *headers, struct region *rg,
    struct mailbox_domains *from)
{
	size_t at = header_find(headers, "From", 0);

	if (at == headers->n)
		return SENDER_FROM_MISSING;
	if (!mailbox_domains(headers->v[at].value, rg, from))
		return SENDER_FROM_UNREADABLE;
	return from->n == 0 ? SENDER_FROM_MISSING : SENDER_FINE;
}

static bool
all_in_domains(const struct sender_rule *r, const struct mailbox_domains *d)
{
	for (size_t i = 0; i < d->n; i++)
		if (!is_in_domains(r, d->v[i]))
			return false;
	return true;
}

/* One is enough for a mail reader to show it, so all of them count. */
static enum sender_fault
judge_sender_fields(const struct sender_rule *r,
    const struct header_list *headers, struct region *rg)
{
	struct mailbox_domains d;

	for (size_t i = header_find(headers, "Sender", 0); i < headers->n;
	     i = header_find(headers, "Sender", i + 1)) {
		if (!mailbox_domains(headers->v[i].value, rg, &d))
			return SENDER_SENDER_UNREADABLE;
		if (!all_in_domains(r, &d))
			return SENDER_SENDER_DOMAIN;
	}
	return SENDER_FINE;
}

static bool
is_aligned(const struct sender_rule *r, const struct mailbox_domains *from,
    const char *address, struct region *rg)
{
	const char *domain = mailbox_addr_domain(address, rg);

	if (address[0] == '\0')
		return has_null(r->allow);
	for (size_t i = 0; i < from->n; i++)
		if (domain == NULL ||
		    !sender_is_aligned(r->from, from->v[i], domain))
			return false;
	return true;
}

static enum sender_fault
judge_header(const struct sender_rule *r, const struct mailbox_domains *from,
    const char *address, const struct header_list *headers, struct region *rg)
{
	enum sender_fault f = SENDER_FINE;

	if (!all_in_domains(r, from))
		return SENDER_FROM_DOMAIN;
	if (r->domains.n > 0)
		f = judge_sender_fields(r, headers, rg);
	if (f == SENDER_FINE && r->from != ALIGN_NOT &&
	    !is_aligned(r, from, address, rg))
		f = SENDER_UNALIGNED;
	return f;
}

static bool
has_from_twice(const struct header_list *headers)
{
	size_t at = header_find(headers, "From", 0);

	return at < headers->n &&
	    header_find(headers, "From", at + 1) < headers->n;
}

bool
sender_is_notice(const struct header_list *headers, struct region *rg)
{
	size_t at = header_find(headers, "From", 0);
	struct mailbox_domains from;
	const char *address;

	if (has_from_twice(headers) ||
	    read_from(headers, rg, &from) != SENDER_FINE || from.n != 1)
		return false;
	address = mailbox_address(headers->v[at].value, rg);
	return address != NULL &&
	    strncasecmp(address, NOTICE_FROM "@",
		sizeof(NOTICE_FROM "@") - 1) == 0;
}

enum sender_fault
sender_rules_header(const struct sender_rules *r, const char *address,
    const struct header_list *headers, struct region *rg)
{
	enum sender_fault f = sender_rules_mail(r, address, rg);
	struct mailbox_domains from;

	if (f != SENDER_FINE || r->n == 0)
		return f;
	if (has_from_twice(headers))
		return SENDER_FROM_TWICE;
	for (size_t i = 0; f == SENDER_FINE && i < r->n; i++) {
		if (!is_about_from(&r->v[i]))
			continue;
		f = read_from(headers, rg, &from);
		if (f == SENDER_FINE)
			f = judge_header(&r->v[i], &from, address, headers, rg);
	}
	return f;
}

/* ---- signatures ---------------------------------------------------------------- */

bool
sender_rules_want_signature(const struct sender_rules *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].signature != ALIGN_NOT)
			return true;
	return false;
}

static bool
has_signature(const struct signing *s, enum sender_alignment how,
    const char *domain)
{
	for (size_t i = 0; i < s->n; i++)
		if (sender_is_aligned(how, s->v[i].domain, domain))
			return true;
	return false;
}

bool
sender_rules_signed(const struct sender_rules *r,
    const struct header_list *headers, const struct signing *s,
    struct region *rg)
{
	struct mailbox_domains from;

	if (read_from(headers, rg, &from) != SENDER_FINE)
		return false;
	for (size_t i = 0; i < r->n; i++)
		for (size_t k = 0; r->v[i].signature != ALIGN_NOT && k < from.n;
		     k++)
			if (!has_signature(s, r->v[i].signature, from.v[k]))
				return false;
	return true;
}
