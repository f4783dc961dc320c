/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys - domain-keys: files read once, and the first key for a domain.
 *
 * A key fits a signing domain that is its own or below it; of those that fit
 * the first in the file counts, not the longest (1.5 of the reference).
 */
#include <stdlib.h>
#include <string.h>

#include "mail/dkim_key.h"
#include "vmta/snapshot_priv.h"

struct key_index {
	const struct conf_dkeys *keys;
	struct strmap *by_domain; /* of struct conf_dkey */
};

struct key_index *
key_index_new(const struct conf_dkeys *keys)
{
	struct key_index *k = mem_new(struct key_index);

	k->keys = keys;
	k->by_domain = strmap_new();
	for (size_t i = 0; i < keys->n; i++)
		if (strmap_get(k->by_domain, keys->v[i].domain) == NULL)
			strmap_put(k->by_domain, keys->v[i].domain,
			    &keys->v[i]);
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
	free(k);
}

static size_t
look_up(const struct key_index *k, const char *domain)
{
	const struct conf_dkey *key = strmap_get(k->by_domain, domain);

	return key == NULL ? SIZE_MAX : (size_t)(key - k->keys->v);
}

size_t
key_index_find(const struct key_index *k, const char *domain)
{
	char name[NAME_KEY_MAX + 1];
	size_t best, at;

	if (k->keys->n == 0 || !name_key(domain, name))
		return SIZE_MAX;
	best = look_up(k, "*");
	for (const char *p = name; p != NULL;) {
		at = look_up(k, p);
		if (at < best)
			best = at;
		p = strchr(p, '.');
		if (p != NULL)
			p++;
	}
	return best;
}

static struct key_file *
get_file(struct snapshot *s, const struct conf_dkey *k,
    struct conf_errors *errs)
{
	struct key_file *f = strmap_get(s->key_files, k->path);
	struct err e;

	if (f != NULL)
		return f;
	f = region_new_obj(s->rg, struct key_file);
	strmap_put(s->key_files, k->path, f);
	if (dkim_key_read(k->path, &f->key, &f->weak, &e) == -1)
		conf_file_error(errs, k->file, k->line, k->path,
		    "domain-key: %s", e.text);
	else if (f->weak)
		conf_warning(errs, k->file, k->line,
		    "domain-key: %s has less than 2048 bits", k->path);
	return f;
}

void
keys_read(struct snapshot *s, struct conf_dkeys *keys, struct conf_errors *errs)
{
	for (size_t i = 0; i < keys->n; i++)
		keys->v[i].key = get_file(s, &keys->v[i], errs)->key;
}
