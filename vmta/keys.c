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

struct first_key {
	const char *domain;
	size_t at; /* in conf_dkeys */
	UT_hash_handle hh;
};

struct key_index {
	struct first_key *by_domain;
};

struct key_index *
key_index_new(struct region *rg, const struct conf_dkeys *keys)
{
	struct key_index *k = mem_new(struct key_index);

	for (size_t i = 0; i < keys->n; i++) {
		const char *domain = keys->v[i].domain;
		struct first_key *f = NULL;

		HASH_FIND_STR(k->by_domain, domain, f);
		if (f != NULL)
			continue;
		f = region_new_obj(rg, struct first_key);
		f->domain = domain;
		f->at = i;
		HASH_ADD_KEYPTR(hh, k->by_domain, f->domain, strlen(f->domain),
		    f);
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
	HASH_CLEAR(hh, k->by_domain);
	free(k);
}

static size_t
look_up(const struct key_index *k, const char *domain)
{
	struct first_key *f = NULL;

	HASH_FIND_STR(k->by_domain, domain, f);
	return f == NULL ? SIZE_MAX : f->at;
}

size_t
key_index_find(const struct key_index *k, const char *domain)
{
	char name[NAME_KEY_MAX + 1];
	size_t best, at;

	if (k->by_domain == NULL || !name_key(domain, name))
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

void
keys_read(struct snapshot *s, struct conf_dkeys *keys, struct conf_errors *errs)
{
	for (size_t i = 0; i < keys->n; i++) {
		struct conf_dkey *k = &keys->v[i];
		struct key_file *f = NULL;
		struct err e;

		HASH_FIND_STR(s->key_files, k->path, f);
		if (f == NULL) {
			f = region_new_obj(s->rg, struct key_file);
			f->path = k->path;
			HASH_ADD_KEYPTR(hh, s->key_files, f->path,
			    strlen(f->path), f);
			if (dkim_key_read(k->path, &f->key, &f->weak, &e) == -1)
				conf_error(errs, k->file, k->line,
				    "domain-key: %s", e.text);
			else if (f->weak)
				conf_warning(errs, k->file, k->line,
				    "domain-key: %s has less than 2048 bits",
				    k->path);
		}
		k->key = f->key;
	}
}
