/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/tls_policy.h"

#include <string.h>

/* While a configuration is judged: a value that cannot be read is NULL. */
static bool
is_set(const char *value)
{
	return value != NULL && value[0] != '\0';
}

/* yes, no, or only where TLS is not required. */
static bool
is_allowed(const char *word, bool required)
{
	return !is_set(word) || strcmp(word, "yes") == 0 ||
	    (!required && strcmp(word, "no") != 0);
}

struct tls_allowed
tls_allowed(const struct queue_conf *conf)
{
	return (struct tls_allowed){ .tls10 = is_allowed(conf->smtp_tls10,
					 conf->require_starttls),
		.tls11 = is_allowed(conf->smtp_tls11, conf->require_starttls),
		.tls12 = conf->smtp_tls12,
		.tls13 = conf->smtp_tls13 };
}

/* Mail may go in clear where a certificate is bad; a password not. */
bool
tls_guards_user(const struct queue_conf *conf)
{
	return is_set(conf->auth_username) &&
	    is_set(conf->smtp_tls_authorities);
}

bool
tls_is_needed(const struct queue_conf *conf)
{
	return conf->require_starttls || tls_guards_user(conf);
}

const char *
tls_policy_fault(const struct queue_conf *conf, const char **so_r)
{
	const struct tls_allowed may = tls_allowed(conf);

	*so_r = "its mail could never be sent";
	if (conf->require_starttls && !conf->use_starttls)
		return "require-starttls yes with use-starttls no";
	if (conf->use_starttls && !may.tls10 && !may.tls11 && !may.tls12 &&
	    !may.tls13) {
		if (!conf->require_starttls)
			*so_r = "write use-starttls no where none is meant";
		return "no version of TLS is allowed";
	}
	*so_r = "nobody would look at certificates";
	if (conf->smtp_tls_match.n > 0 && !is_set(conf->smtp_tls_authorities))
		return "smtp-tls-cert-match without smtp-tls-ca-file";
	return NULL;
}

/* Of yes, opportunistic, no. */
static const char *
stricter(const char *a, const char *b)
{
	return strcmp(a, "no") == 0 || strcmp(b, "yes") == 0 ? a : b;
}

void
tls_policy_tighten_old(struct queue_conf *conf, const struct queue_conf *owner)
{
	conf->smtp_tls10 = stricter(conf->smtp_tls10, owner->smtp_tls10);
	conf->smtp_tls11 = stricter(conf->smtp_tls11, owner->smtp_tls11);
}

static bool
same_match(const struct conf_strs *a, const struct conf_strs *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->v[i], b->v[i]) != 0)
			return false;
	return true;
}

/* Does either ask for a certificate that would not do for the other? */
static bool
asks_another(const struct queue_conf *a, const struct queue_conf *b)
{
	return is_set(a->smtp_tls_authorities) &&
	    is_set(b->smtp_tls_authorities) &&
	    (strcmp(a->smtp_tls_authorities, b->smtp_tls_authorities) != 0 ||
		!same_match(&a->smtp_tls_match, &b->smtp_tls_match));
}

static bool
has_modern(const struct queue_conf *conf)
{
	return conf->smtp_tls12 || conf->smtp_tls13;
}

bool
tls_policy_tighten(struct queue_conf *conf, const struct queue_conf *owner)
{
	const char *so;

	if (asks_another(conf, owner))
		return false;
	conf->require_starttls = conf->require_starttls ||
	    owner->require_starttls;
	conf->use_starttls = conf->use_starttls || owner->use_starttls;
	if (is_set(owner->smtp_tls_authorities)) {
		conf->smtp_tls_authorities = owner->smtp_tls_authorities;
		conf->smtp_tls_match = owner->smtp_tls_match;
	}
	tls_policy_tighten_old(conf, owner);
	conf->smtp_tls12 = conf->smtp_tls12 && owner->smtp_tls12;
	conf->smtp_tls13 = conf->smtp_tls13 && owner->smtp_tls13;
	if (is_set(owner->smtp_tls_ciphers))
		conf->smtp_tls_ciphers = owner->smtp_tls_ciphers;
	if (is_set(owner->smtp_tls_suites))
		conf->smtp_tls_suites = owner->smtp_tls_suites;
	return tls_policy_fault(conf, &so) == NULL &&
	    (has_modern(conf) || !has_modern(owner));
}

/*
 * A file of authorities may have others in it than when it was read for the
 * first one: a certificate that has to be good is always judged anew.
 */
bool
tls_policy_holds(const struct queue_conf *opened, const struct queue_conf *now)
{
	return now->smtp_tls_authorities[0] == '\0' &&
	    opened->smtp_tls_authorities[0] == '\0' &&
	    opened->use_starttls == now->use_starttls &&
	    opened->require_starttls == now->require_starttls &&
	    strcmp(opened->smtp_tls10, now->smtp_tls10) == 0 &&
	    strcmp(opened->smtp_tls11, now->smtp_tls11) == 0 &&
	    opened->smtp_tls12 == now->smtp_tls12 &&
	    opened->smtp_tls13 == now->smtp_tls13 &&
	    strcmp(opened->smtp_tls_ciphers, now->smtp_tls_ciphers) == 0 &&
	    strcmp(opened->smtp_tls_suites, now->smtp_tls_suites) == 0;
}
