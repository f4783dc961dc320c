/* SPDX-License-Identifier: Apache-2.0 */
/* DKIM keys of transports, and passwords of client authenticators. */
#include <stdlib.h>
#include <string.h>

#include "compat/exim/ex_import_priv.h"
#include "mail/dkim_key.h"

static const char *const dkim_options[] = { "dkim_domain", "dkim_selector",
	"dkim_private_key", "dkim_identity", "dkim_canon", "dkim_sign_headers",
	"dkim_timestamps" };

enum { DKIM_OPTIONS = sizeof(dkim_options) / sizeof(dkim_options[0]) };

/* What signs mail of one transport. */
struct signer {
	struct ex_import *im;
	const struct ex_instance *t;
	struct import_block *in, *domains;
	struct ex_expr domain, selector, key;
	struct ex_points of; /* domains that sign; domain NULL: any other */
	bool fixed;          /* one for all mail */
	size_t named;        /* so many of them are; the rest may have none */
	size_t made;
	enum dkim_algorithm algorithm; /* of the first one's first key */
	bool second;
};

/* ---- DKIM: who signs ------------------------------------------------------- */

void
ex_dkim_read(struct ex_import *im, const struct ex_instance *t)
{
	struct ex_expr x;

	/* Who has a key is a sender of whom something is said. */
	for (size_t i = 0; i < 3; i++) {
		ex_expr_read(im->rg, &im->files,
		    ex_conf_value(t, dkim_options[i]), &x);
		for (size_t j = 0; j < x.keys.n && x.why == NULL; j++)
			if (x.keys.v[j].local == NULL)
				ex_points_add(&im->senders, im->rg,
				    &x.keys.v[j]);
	}
}

static bool
read_signer(struct signer *s)
{
	struct ex_expr *const parts[] = { &s->domain, &s->selector, &s->key };

	for (size_t i = 0; i < 3; i++) {
		ex_expr_read(s->im->rg, &s->im->files,
		    ex_conf_value(s->t, dkim_options[i]), parts[i]);
		if (parts[i]->why == NULL)
			continue;
		if (ex_first(s->im, s->t, dkim_options[i]))
			ex_manual(s->im, IMPORT_LOST, s->t, dkim_options[i],
			    REGION_JOIN(s->im->rg, parts[i]->why,
				"; write domain-key lines"));
		return false;
	}
	if (s->domain.open && ex_first(s->im, s->t, dkim_options[0]))
		ex_manual(s->im, IMPORT_LOST, s->t, dkim_options[0],
		    "not every domain that signs can be known: add domain-key "
		    "lines for those that are missing");
	return true;
}

/* The domains that sign for a sender. */
static void
add_domains(struct signer *s, const struct ex_point *sender)
{
	const struct ex_given given = { .sender = sender };
	const char *list = ex_given(s->im, &s->domain, &given), *item;
	struct ex_cursor at = ex_cursor_of(list == NULL ? "" : list);
	const struct ex_point any = { 0 };
	struct ex_point point;

	while ((item = ex_cursor_next(&at, s->im->rg)) != NULL) {
		if (strcmp(item, EX_OTHER) == 0)
			ex_points_add(&s->of, s->im->rg, &any);
		else if (ex_point_parse(s->im->rg, item, &point) &&
		    point.local == NULL && !point.below)
			ex_points_add(&s->of, s->im->rg, &point);
	}
}

/*
 * The folder of the keys, where their names hang on the domain:
 * "/etc/exim4/dkim" of "${if exists{/etc/exim4/dkim/$dkim_domain.pem}...".
 */
static const char *
key_folder(const struct signer *s)
{
	const char *text = s->key.text, *end = strstr(text, "/$"), *p = end;

	if (end == NULL)
		return "";
	while (p > text && strchr("{} \t", p[-1]) == NULL)
		p--;
	return region_strndup(s->im->rg, p, (size_t)(end - p));
}

/* A domain, if the name of a file begins with it; its key is asked later. */
static void
add_domain_of_file(struct signer *s, const char *name)
{
	char *text = region_strdup(s->im->rg, name);
	char *dot = text + strlen(text);

	for (;;) {
		struct ex_point point;

		if (ex_point_parse(s->im->rg, text, &point) &&
		    strchr(text, '.') != NULL)
			add_domains(s, &point);
		while (dot > text && *dot != '.')
			dot--;
		if (dot == text)
			return;
		*dot = '\0';
	}
}

static void
add_domains_of_folder(struct signer *s)
{
	const char *folder = key_folder(s), **names;
	struct err e;
	size_t n;

	if (folder[0] != '/' ||
	    s->im->from->list(s->im->from->ctx, folder, &names, &n, &e) == -1)
		return;
	for (size_t i = 0; i < n; i++)
		add_domain_of_file(s, names[i]);
}

/* Those that are named first, then those of files, then all others. */
static void
find_domains(struct signer *s)
{
	s->fixed = (s->domain.by & (EX_BY_SENDER | EX_BY_FROM)) == 0;
	for (size_t i = s->im->senders.n; i-- > 1;)
		if (!s->im->senders.v[i].below && !s->fixed)
			add_domains(s, &s->im->senders.v[i]);
	s->named = s->of.n;
	if (!s->fixed)
		add_domains_of_folder(s);
	add_domains(s, &s->im->senders.v[0]);
	if (s->fixed)
		s->named = s->of.n;
}

/* ---- DKIM: keys ------------------------------------------------------------ */

static bool
is_none(const char *key)
{
	return key == NULL || key[0] == '\0' || strcmp(key, "0") == 0 ||
	    strcmp(key, "false") == 0 || strcmp(key, "no") == 0;
}

/* Which algorithm the file is for; false: nobody knows. */
static bool
algorithm_of(struct ex_import *im, const char *path, enum dkim_algorithm *a)
{
	struct dkim_key *key = NULL;
	struct slice text;
	bool weak;
	struct err e;

	if (im->from->fetch(im->from->ctx, path, &text, &e) == -1 ||
	    dkim_key_of_text(text.p, text.len, &key, &weak, &e) == -1)
		return false;
	*a = dkim_key_algorithm(key);
	dkim_key_free(&key);
	return true;
}

/*
 * A key of the i-th signature of the domain; false: it is none.  must: one that
 * cannot be read is written all the same, and found by `test config`.
 */
static bool
put_key(struct signer *s, const char *domain, const char *selector, size_t i,
    bool must)
{
	struct ex_import *im = s->im;
	const struct ex_given given = { .dkim_domain = domain,
		.selector = selector };
	const char *path = ex_given(im, &s->key, &given);
	const char *name = strcmp(domain, EX_OTHER) == 0 ? "*" : domain;
	struct import_fact fact = ex_fact(s->t, "dkim_private_key");
	enum dkim_algorithm a = DKIM_RSA_SHA256;
	bool first = ex_first(im, s->t,
	    REGION_JOIN(im->rg, "key ", domain, " ", selector));

	if (is_none(path) || strstr(path, EX_OTHER) != NULL)
		return false;
	if (path[0] != '/') {
		fact.secret = true;
		if (first)
			import_tell(im->report, IMPORT_LOST, &fact,
			    "manual: the key of %s is no file: write it to one, "
			    "and name that in domain-key",
			    name);
		return false;
	}
	if (!algorithm_of(im, path, &a) && !must)
		return false;
	if (i == 0 && s->made == 0)
		s->algorithm = a;
	if (i > 1 || (i == 1 && a == s->algorithm)) {
		if (first)
			import_tell(im->report, IMPORT_LOST, &fact,
			    "the signature of %s with selector %s: there are "
			    "two signatures at most, by keys of different "
			    "algorithms",
			    name, selector);
		return false;
	}
	s->second |= i == 1;
	s->made++;
	fact.value = selector;
	path = REGION_JOIN(im->rg, selector, ", ", name, ", ", path);
	if (first)
		return import_take(s->in, &fact, "domain-key", path,
		    (s->domain.by & EX_BY_SENDER) == 0 ?
			NULL :
			"the domain of From counts, not the sender's");
	return import_add(s->in, "domain-key", path,
	    REGION_JOIN(im->rg, fact.name, ", ", fact.where));
}

/* What a file says goes to Exim again: only a name may.  Else it is told. */
static bool
is_selector(struct signer *s, const char *text)
{
	const char *why = "not every value of it can be known: add domain-key "
			  "lines for those that are missing";

	if (strstr(text, EX_OTHER) == NULL && ex_is_plain_host(text))
		return true;
	if (strstr(text, EX_OTHER) == NULL)
		why = REGION_JOIN(s->im->rg, "\"", text,
		    "\" is no selector: write the domain-key line");
	if (ex_first(s->im, s->t, why))
		ex_manual(s->im, IMPORT_LOST, s->t, "dkim_selector", why);
	return false;
}

static void
put_domain(struct signer *s, const struct ex_point *p, bool must)
{
	const char *domain = p->domain == NULL ? EX_OTHER : p->domain;
	const struct ex_given given = { .dkim_domain = domain };
	const char *list = ex_given(s->im, &s->selector, &given), *selector;
	struct ex_cursor at = ex_cursor_of(list == NULL ? "" : list);

	for (size_t i = 0; (selector = ex_cursor_next(&at, s->im->rg)) != NULL;
	     i++)
		if (is_selector(s, selector))
			(void)put_key(s, domain, selector, i, must);
}

/* ---- DKIM: how ------------------------------------------------------------- */

static void
put_sign(struct signer *s, const char *directive, const char *value,
    const char *comment)
{
	(void)import_add(s->domains, directive, value, comment);
}

/* "From : +Subject": names, those with + or = also against later ones. */
static void
put_fields(struct signer *s, const char *value)
{
	struct ex_cursor at = ex_cursor_of(value);
	const char *item, *all = "", *over = "";
	const struct import_fact fact = ex_fact(s->t, "dkim_sign_headers");

	while ((item = ex_cursor_next(&at, s->im->rg)) != NULL) {
		bool more = item[0] == '+' || item[0] == '=';

		item += more;
		all = REGION_JOIN(s->im->rg, all, all[0] == '\0' ? "" : ", ",
		    item);
		if (more)
			over = REGION_JOIN(s->im->rg, over,
			    over[0] == '\0' ? "" : ", ", item);
	}
	put_sign(s, "dkim-headers", all, fact.name);
	put_sign(s, "dkim-disallow-adding-headers", over, fact.name);
	if (ex_first(s->im, s->t, fact.name))
		import_tell(s->im->report, IMPORT_CHANGED, &fact,
		    "dkim-headers and dkim-disallow-adding-headers: those that "
		    "Mailrace always signs are signed, too");
}

static void
put_option(struct signer *s, const char *name, const char *value)
{
	const struct import_fact fact = ex_fact(s->t, name);

	if (strcmp(name, "dkim_identity") == 0) {
		put_sign(s, "dkim-identity", value, name);
	} else if (strcmp(name, "dkim_canon") == 0) {
		put_sign(s, "dkim-headers-canon", value, name);
		put_sign(s, "dkim-body-canon", value, name);
	} else if (strcmp(name, "dkim_timestamps") == 0) {
		put_sign(s, "dkim-add-timestamp", "yes", name);
		put_sign(s, "dkim-expire-after",
		    REGION_JOIN(s->im->rg, value, "s"), name);
	} else {
		put_fields(s, value);
		return;
	}
	if (ex_first(s->im, s->t, name))
		import_tell(s->im->report, IMPORT_TAKEN, &fact,
		    "%s of each signature", value);
}

/* What the transport of most mail has, and this one has not. */
static void
put_defaults(struct signer *s, const struct ex_instance *base)
{
	static const struct {
		const char *option, *directive, *value;
	} lines[] = {
		{ "dkim_canon", "dkim-headers-canon", "relaxed" },
		{ "dkim_canon", "dkim-body-canon", "relaxed" },
		{ "dkim_sign_headers", "dkim-headers", "\"\"" },
		{ "dkim_sign_headers", "dkim-disallow-adding-headers", "\"\"" },
		{ "dkim_timestamps", "dkim-add-timestamp", "no" },
		{ "dkim_timestamps", "dkim-expire-after", "never" },
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (ex_conf_value(s->t, lines[i].option)[0] == '\0' &&
		    ex_conf_value(base, lines[i].option)[0] != '\0')
			put_sign(s, lines[i].directive, lines[i].value,
			    "Exim's default");
	if (!s->fixed && ex_conf_value(s->t, "dkim_identity")[0] == '\0')
		put_sign(s, "dkim-identity", "sender-or-from", s->t->where);
	if (!s->second) {
		put_sign(s, "dkim-algorithm", "any", s->t->where);
		put_sign(s, "second-dkim-sign", "no", s->t->where);
	}
}

/* All but keys. */
static void
put_options(struct signer *s)
{
	for (size_t i = 3; i < DKIM_OPTIONS; i++) {
		const char *text = ex_conf_value(s->t, dkim_options[i]), *why;
		const char *value;

		if (text[0] == '\0')
			continue;
		value = ex_constant(s->im, text, &why);
		if (value == NULL) {
			if (ex_first(s->im, s->t, dkim_options[i]))
				ex_manual(s->im, IMPORT_LOST, s->t,
				    dkim_options[i], why);
		} else if (value[0] != '\0') {
			put_option(s, dkim_options[i], value);
		}
	}
	if (s->fixed && ex_conf_value(s->t, "dkim_identity")[0] == '\0' &&
	    s->of.n == 1 && s->of.v[0].domain != NULL)
		put_sign(s, "dkim-identity",
		    REGION_JOIN(s->im->rg, "@", s->of.v[0].domain),
		    "one domain signs all mail");
}

static void
put_second(struct signer *s)
{
	bool rsa = s->algorithm == DKIM_RSA_SHA256;

	if (!s->second)
		return;
	put_sign(s, "dkim-algorithm", rsa ? "rsa-sha256" : "ed25519-sha256",
	    "dkim_selector");
	put_sign(s, "second-dkim-sign", "yes", "dkim_selector");
	put_sign(s, "second-dkim-algorithm",
	    rsa ? "ed25519-sha256" : "rsa-sha256", "dkim_selector");
	if (s->fixed && s->of.n == 1 && s->of.v[0].domain != NULL)
		put_sign(s, "second-dkim-identity",
		    REGION_JOIN(s->im->rg, "@", s->of.v[0].domain),
		    "one domain signs all mail");
}

static bool
signs_alike(const struct ex_instance *a, const struct ex_instance *b)
{
	for (size_t i = 0; i < DKIM_OPTIONS; i++)
		if (strcmp(ex_conf_value(a, dkim_options[i]),
			ex_conf_value(b, dkim_options[i])) != 0)
			return false;
	return true;
}

void
ex_dkim(struct ex_import *im, const struct ex_instance *t,
    const struct ex_instance *base, struct import_block *in)
{
	struct signer s = { .im = im, .t = t, .in = in };
	bool none = ex_conf_value(t, "dkim_domain")[0] == '\0';

	if (base != NULL ? signs_alike(t, base) : none)
		return;
	s.domains = import_block(im->out, in, "domain", "*");
	if (none) {
		put_sign(&s, "dkim-sign", "no", t->where);
		put_sign(&s, "second-dkim-sign", "no", t->where);
		return;
	}
	if (!read_signer(&s))
		return;
	find_domains(&s);
	for (size_t i = 0; i < s.of.n; i++)
		put_domain(&s, &s.of.v[i], i < s.named);
	if (s.made == 0) {
		if (ex_first(im, t, "no key"))
			ex_manual(im, IMPORT_LOST, t, "dkim_private_key",
			    "no key is found that signs");
		return;
	}
	put_sign(&s, "dkim-sign", "yes", t->where);
	if (base != NULL)
		put_defaults(&s, base);
	put_options(&s);
	put_second(&s);
}

/* ---- passwords ------------------------------------------------------------- */

struct credentials {
	const char *user, *password;
};

/* "^" is a NUL, which ends a part; "^^" stands for itself. */
static const char *
take_part(struct region *rg, const char **at)
{
	struct buf b = { 0 };
	const char *text;

	for (; **at != '\0'; (*at)++) {
		if (**at == '^' && *++*at != '^')
			break;
		buf_byte(&b, **at);
	}
	text = region_strdup(rg, buf_cstr(&b));
	buf_fini(&b);
	return text;
}

/* client_send: ["authorization"] "^user^password", or "" "user" "password". */
static bool
of_plaintext(struct ex_import *im, const char *text, struct credentials *c)
{
	struct ex_cursor at = ex_cursor_of(text);
	const char *one = ex_cursor_next(&at, im->rg);
	const char *two = ex_cursor_next(&at, im->rg);

	if (one == NULL)
		return false;
	if (two == NULL) {
		(void)take_part(im->rg, &one);
		c->user = take_part(im->rg, &one);
		c->password = take_part(im->rg, &one);
	} else {
		c->user = take_part(im->rg, &one);
		c->password = take_part(im->rg, &two);
	}
	return c->user[0] != '\0' && c->password[0] != '\0';
}

/* An option of an authenticator for a host; NULL: it fails. */
static const char *
for_host(struct ex_import *im, const struct ex_instance *d, const char *name,
    const char *host)
{
	const struct ex_given given = { .host = host };
	struct ex_expr x;

	ex_expr_read(im->rg, &im->files, ex_conf_value(d, name), &x);
	return ex_given(im, &x, &given);
}

static bool
credentials_of(struct ex_import *im, const struct ex_instance *a,
    const char *host, struct credentials *c)
{
	const char *text;

	if (strcmp(ex_conf_value(a, "driver"), "plaintext") == 0) {
		text = for_host(im, a, "client_send", host);
		return text != NULL && of_plaintext(im, text, c);
	}
	c->user = for_host(im, a, "client_name", host);
	c->password = for_host(im, a, "client_secret", host);
	return strcmp(ex_conf_value(a, "driver"), "cram_md5") == 0 &&
	    c->user != NULL && c->user[0] != '\0' && c->password != NULL &&
	    c->password[0] != '\0';
}

static const char *const auth_options[] = { "hosts_require_auth",
	"hosts_try_auth" };

/* Does the transport sign in there? */
static bool
wants_password(struct ex_import *im, const struct ex_instance *t,
    const char *host)
{
	for (size_t i = 0; i < 2; i++) {
		const struct ex_point point = { NULL, host, false };
		const char *list;
		struct ex_list l;

		if (ex_conf_value(t, auth_options[i])[0] == '\0')
			continue;
		list = for_host(im, t, auth_options[i], host);
		if (list == NULL) {
			if (ex_first(im, t, auth_options[i]))
				ex_manual(im, IMPORT_LOST, t, auth_options[i],
				    "it cannot be evaluated for a host");
			continue;
		}
		ex_list_read(im->conf, &im->files, "hostlist", list, &l);
		if (l.unknown != NULL) {
			if (ex_first(im, t, auth_options[i]))
				ex_manual(im, IMPORT_LOST, t, auth_options[i],
				    REGION_JOIN(im->rg,
					"not a list of plain names: ",
					l.unknown));
			continue;
		}
		if (ex_list_has(&l, &point)) {
			const struct import_fact fact = ex_fact(t,
			    auth_options[i]);

			if (ex_first(im, t, auth_options[i]))
				import_tell(im->report, IMPORT_CHANGED, &fact,
				    i == 0 ?
					"with auth-username" :
					"with auth-username: where it is "
					"refused, mail waits, and does not "
					"go without");
			return true;
		}
	}
	return false;
}

/* False: told. */
static bool
put_password(const struct ex_instance *a, const char *host,
    const struct credentials *c, struct import_block *b)
{
	const bool plain = strcmp(ex_conf_value(a, "driver"), "plaintext") == 0;
	const struct import_fact user = { plain ? "client_send" : "client_name",
		host, a->where, false };
	const struct import_fact password = { plain ? "client_send" :
						      "client_secret",
		"", a->where, true };

	return import_password(b, &user, &password, c->user, c->password);
}

/* What signs in at a host; NULL: nothing does. */
static const struct ex_instance *
authenticator_of(struct ex_import *im, const struct ex_hop *hop,
    const char *host, struct credentials *c)
{
	if (!wants_password(im, hop->transport, host))
		return NULL;
	for (const struct ex_instance *a = im->conf->first[EX_AUTHENTICATOR];
	     a != NULL; a = a->next)
		if (credentials_of(im, a, host, c))
			return a;
	if (ex_first(im, hop->transport, REGION_JOIN(im->rg, "auth ", host)))
		ex_manual(im, IMPORT_LOST, hop->transport, "hosts_require_auth",
		    REGION_JOIN(im->rg,
			"no authenticator has user and password for ",
			strcmp(host, EX_OTHER) == 0 ? "MX hosts" : host));
	return NULL;
}

static bool
same_credentials(const struct credentials *a, const struct credentials *b)
{
	return strcmp(a->user, b->user) == 0 &&
	    strcmp(a->password, b->password) == 0;
}

/*
 * That of all hosts; MX hosts are whatever DNS says, so theirs is that of a host
 * that nothing names.  NULL: none, or not the same, which is told.
 */
static const struct ex_instance *
authenticator_of_all(struct ex_import *im, const struct ex_hop *hop,
    struct credentials *c)
{
	const struct ex_instance *first = NULL;
	const char *at = hop->hosts, *host;
	bool mx;

	for (size_t n = 0; (host = ex_next_host(im->rg, &at, &mx)) != NULL;
	     n++) {
		struct credentials own = { "", "" };
		const struct ex_instance *a = authenticator_of(im, hop,
		    mx ? EX_OTHER : host, &own);

		if (n == 0) {
			first = a;
			*c = own;
		} else if ((a == NULL) != (first == NULL) ||
		    (a != NULL && !same_credentials(&own, c))) {
			if (ex_first(im, hop->transport,
				REGION_JOIN(im->rg, "auth ", hop->hosts)))
				ex_manual(im, IMPORT_LOST, hop->transport,
				    "hosts_require_auth",
				    REGION_JOIN(im->rg,
					"not the same user and password for "
					"all of ",
					hop->hosts, ": none of them gets one"));
			return NULL;
		}
	}
	return first;
}

/* Has a wider <domain> a password that this may get, too? */
static bool
may_inherit(const struct ex_import *im)
{
	const struct ex_instance *t = im->conf->first[EX_TRANSPORT];

	while (t != NULL && ex_conf_value(t, auth_options[0])[0] == '\0' &&
	    ex_conf_value(t, auth_options[1])[0] == '\0')
		t = t->next;
	return im->signs_in || (im->below && t != NULL);
}

/* Those hosts are no others', and get nothing of theirs. */
static void
put_no_password(struct ex_import *im, const struct ex_hop *hop,
    struct import_block *b)
{
	const struct import_fact fact = { "hosts_require_auth", "",
		hop->transport->where, false };

	if (ex_first(im, hop->transport, "no password"))
		(void)import_take(b, &fact, "auth-username", "\"\"",
		    "its hosts have no password");
	else
		(void)import_add(b, "auth-username", "\"\"", fact.where);
}

void
ex_password(struct ex_import *im, const struct ex_hop *hop,
    struct import_block *in, const char *pattern)
{
	struct credentials c = { "", "" };
	const struct ex_instance *a = authenticator_of_all(im, hop, &c);
	const bool first = in == import_top(im->out) &&
	    strcmp(pattern, "*") == 0;
	const bool inherits = !first && may_inherit(im);
	struct import_block *b;

	for (size_t i = 0; i < 2 && hop->hosts[0] == '\0'; i++)
		if (ex_is_set(hop->transport, auth_options[i]) &&
		    ex_first(im, hop->transport, auth_options[i]))
			ex_manual(im, IMPORT_LOST, hop->transport,
			    auth_options[i],
			    "mail goes to MX hosts, and passwords are by "
			    "domain");
	if (a == NULL && !inherits)
		return;
	b = import_block(im->out, in, "domain", pattern);
	if (a != NULL && put_password(a, hop->hosts, &c, b))
		im->signs_in = im->signs_in || strcmp(pattern, "*") == 0;
	else if (inherits)
		put_no_password(im, hop, b);
}
