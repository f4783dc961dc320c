/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/key_index.h"

#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "lib/strmap.h"

#define DOMAIN_MAX 255

struct entry {
	const struct conf_dkey *key;
	struct entry *next; /* of the same domain, later in the file */
};

struct key_index {
	struct entry *entries;
	struct strmap *by_domain; /* of the first struct entry of each */
};

struct key_index *
key_index_new(const struct conf_dkeys *keys)
{
	struct key_index *k = mem_new(struct key_index);

	k->by_domain = strmap_new();
	k->entries = mem_array(keys->n + 1, sizeof(*k->entries));
	/* From the end, so that each chain begins with the first of the file. */
	for (size_t i = keys->n; i-- > 0;) {
		struct entry *e = &k->entries[i];

		e->key = &keys->v[i];
		e->next = strmap_get(k->by_domain, e->key->domain);
		strmap_put(k->by_domain, e->key->domain, e);
	}
	return k;
}

void
key_index_free(struct key_index **kp)
{
	struct key_index *k = *kp;

	*kp = NULL;
	if (k == NULL)
		return;
	strmap_free(&k->by_domain);
	free(k->entries);
	free(k);
}

bool
key_index_is_empty(const struct key_index *k)
{
	return strmap_count(k->by_domain) == 0;
}

static bool
is_of_kind(const struct dkim_key *key, enum key_kind kind)
{
	switch (kind) {
	case KEY_ANY:
		return true;
	case KEY_RSA:
		return dkim_key_algorithm(key) == DKIM_RSA_SHA256;
	case KEY_ED25519:
		return dkim_key_algorithm(key) == DKIM_ED25519_SHA256;
	}
	return false;
}

static bool
fits(const struct conf_dkey *key, const struct key_wish *w)
{
	return key->key != NULL &&
	    (w->selector == NULL ||
		str_eq_nocase(key->selector, w->selector)) &&
	    is_of_kind(key->key, w->kind);
}

/* Entries are in the order of the file: the lower one comes first. */
static const struct entry *
look_up(const struct key_index *k, const char *domain, const struct key_wish *w,
    const struct entry *best)
{
	const struct entry *e = strmap_get(k->by_domain, domain);

	for (; e != NULL && (best == NULL || e < best); e = e->next)
		if (fits(e->key, w))
			return e;
	return best;
}

bool
key_index_find(const struct key_index *k, const struct key_wish *w,
    struct key_found *out)
{
	size_t len = strlen(w->domain);
	const struct entry *best;
	char name[DOMAIN_MAX + 1];

	if (key_index_is_empty(k) || len == 0 || len > DOMAIN_MAX)
		return false;
	memcpy(name, w->domain, len + 1);
	str_lower(name);
	best = look_up(k, "*", w, NULL);
	for (const char *p = name; p != NULL;) {
		best = look_up(k, p, w, best);
		p = w->exact ? NULL : strchr(p, '.');
		if (p != NULL)
			p++;
	}
	if (best == NULL)
		return false;
	out->key = best->key->key;
	out->selector = best->key->selector;
	out->domain = strcmp(best->key->domain, "*") == 0 ? w->domain :
							    best->key->domain;
	return true;
}
