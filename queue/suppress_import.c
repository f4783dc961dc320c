/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "queue/suppress_sort.h"
#include "queue/suppress_store_priv.h"

enum { RUN_BYTES = 16 << 20 };

int
suppress_import_begin(struct suppress_owned *l,
    const struct suppress_import_conf *conf, struct suppress_import **i_r,
    struct err *e)
{
	struct suppress_import *i;

	*i_r = NULL;
	CHECK(!l->store->in_txn);
	if (l->import != NULL)
		return err_set(e, "list %s is being imported", l->name);
	if (l->fault != NULL && conf->mode == SUPPRESS_MERGE)
		return err_set(e, "%s", l->fault);
	i = mem_new(struct suppress_import);
	i->l = l;
	i->conf = *conf;
	i->mark = l->row.mark;
	i->digest_len = l->digest_len;
	i->sort = suppress_sort_new(l->path, l->digest_len + IMPORT_REST,
	    RUN_BYTES);
	i->origins = suppress_origins_new();
	l->import = i;
	*i_r = i;
	return 0;
}

int
suppress_import_add(struct suppress_import *i,
    const struct suppress_entry *entry, struct err *e)
{
	unsigned char rec[SUPPRESS_LEN_MAX + IMPORT_REST];
	unsigned char *rest = rec + i->digest_len;
	struct suppress_column c;
	bool is_new;

	CHECK(!i->is_committed);
	if (suppress_meta_column(&entry->meta, &c, e) == -1 ||
	    suppress_origins_put(i->origins, entry->meta.reason,
		entry->meta.source, &c.origin, &is_new, e) == -1)
		return -1;
	if (i->count == UINT32_MAX)
		return err_set(e, "more than 2^32 digests");
	memcpy(rec, entry->digest, i->digest_len);
	put_be32(rest, i->count++);
	put_be32(rest + 4, c.origin);
	put_be32(rest + 8, c.created_s);
	put_be32(rest + 12, c.expires_s);
	return suppress_sort_add(i->sort, rec, e);
}

static void
import_free(struct suppress_import *i)
{
	suppress_sort_free(&i->sort);
	suppress_origins_free(&i->origins);
	free(i);
}

void
suppress_import_commit(struct suppress_import **ip)
{
	struct suppress_import *i = *ip;

	*ip = NULL;
	CHECK(!i->is_committed);
	i->is_committed = true;
	if (i->l == NULL) {
		i->conf.on_done(i->conf.ctx, &i->why);
		import_free(i);
		return;
	}
	CHECK(i->l->import == i);
	i->l->retry_us = 0;
}

void
suppress_import_abort(struct suppress_import **ip)
{
	struct suppress_import *i = *ip;

	*ip = NULL;
	if (i == NULL)
		return;
	CHECK(!i->is_committed);
	if (i->l != NULL)
		i->l->import = NULL;
	import_free(i);
}

/* Before its commit it is another's, perhaps another thread's. */
void
suppress_import_end(struct suppress_import **ip, const struct err *e)
{
	struct suppress_import *i = *ip;

	*ip = NULL;
	i->l = NULL;
	if (!i->is_committed) {
		i->why = *e;
		return;
	}
	i->conf.on_done(i->conf.ctx, e);
	import_free(i);
}
