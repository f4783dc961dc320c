/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/dkim_conf.h"

#include <ctype.h>
#include <string.h>

#include "lib/conf_hosts.h"

#define QUERY_MAX 255 /* it stands in one line of the signature */

static enum dkim_when
when_of(const char *word)
{
	if (strcmp(word, "no") == 0)
		return DKIM_NEVER;
	return strcmp(word, "yes") == 0 ? DKIM_ALWAYS : DKIM_IF_OPTIONS;
}

static enum key_kind
kind_of(const char *word)
{
	if (strcmp(word, "any") == 0)
		return KEY_ANY;
	return strcmp(word, "ed25519-sha256") == 0 ? KEY_ED25519 : KEY_RSA;
}

static enum canon
canon_of(const char *word)
{
	return strcmp(word, "simple") == 0 ? CANON_SIMPLE : CANON_RELAXED;
}

void
dkim_conf_read(const struct queue_conf *q, struct dkim_conf *first,
    struct dkim_conf *second)
{
#define READ(front) \
	{ .when = when_of(q->front##_sign), \
		.identity = q->front##_identity, \
		.fallback = q->front##_fallback, \
		.kind = kind_of(q->front##_algorithm), \
		.headers_canon = canon_of(q->front##_headers_canon), \
		.body_canon = canon_of(q->front##_body_canon), \
		.fields = q->front##_headers.number, \
		.oversign = q->front##_oversign.number, \
		.timestamp = q->front##_timestamp, \
		.body_limit = q->front##_body_limit, \
		.expire_us = q->front##_expire_us, \
		.query = q->front##_query }
	*first = (struct dkim_conf)READ(dkim);
	*second = (struct dkim_conf)READ(second_dkim);
#undef READ
}

/* Letters, digits and what else may stand in an atom, with dots between. */
static bool
is_local(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (isalnum((unsigned char)s.p[i]) == 0 &&
		    strchr("!#$%&'*+-/?^_`{|}~.", s.p[i]) == NULL)
			return false;
	return true;
}

const char *
dkim_conf_identity(struct region *rg, const char *text)
{
	const char *at = strrchr(text, '@');
	struct slice local = { text, at == NULL ? 0 : (size_t)(at - text) };
	const char *domain = at == NULL ? text : at + 1;
	char *out;

	if (str_eq_nocase(text, DKIM_SENDER_OR_FROM))
		return DKIM_SENDER_OR_FROM;
	if (text[0] == '\0' || str_eq_nocase(text, DKIM_NOBODY))
		return DKIM_NOBODY;
	if (!is_local(local) || !conf_is_host_name(slice_of(domain)) ||
	    (at == NULL && strchr(domain, '.') == NULL))
		return NULL;
	out = region_printf(rg, "%.*s@%s", (int)local.len, local.p, domain);
	str_lower(out + local.len);
	return out;
}

bool
dkim_conf_is_query(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (isalnum((unsigned char)s.p[i]) == 0 &&
		    strchr("/:-_.", s.p[i]) == NULL)
			return false;
	return s.len <= QUERY_MAX;
}
