/* SPDX-License-Identifier: Apache-2.0 */
#include "milter/milter_conf.h"

#include <stdlib.h>

#include "lib/clock.h"
#include "lib/mem.h"

struct milter_conf *
milter_conf_load(const char *path, struct conf_errors *errs)
{
	struct snapshot *snapshot = snapshot_load(path, errs);
	struct mark_key *mark_key = NULL;
	struct milter_conf *c;
	const char *key_file;
	struct err e;

	if (snapshot == NULL)
		return NULL;
	key_file = snapshot_global(snapshot)->mark_key_file;
	if (key_file[0] == '\0') {
		conf_warning(errs, path, 0,
		    "no mark-key-file: the transport cannot see what the "
		    "milter has done and does it again");
	} else if (mark_key_read(key_file, &mark_key, &e) == -1) {
		conf_error(errs, path, 0, "mark-key-file: %s", e.text);
		snapshot_unref(&snapshot);
		return NULL;
	}
	c = mem_new(struct milter_conf);
	ref_init(&c->refs);
	c->snapshot = snapshot;
	c->mark_key = mark_key;
	c->loaded_us = clock_wall_us();
	return c;
}

struct milter_conf *
milter_conf_ref(struct milter_conf *c)
{
	ref_get(&c->refs);
	return c;
}

void
milter_conf_unref(struct milter_conf **cp)
{
	struct milter_conf *c = *cp;

	*cp = NULL;
	if (c == NULL || !ref_put(&c->refs))
		return;
	snapshot_unref(&c->snapshot);
	mark_key_free(&c->mark_key);
	free(c);
}

static void *
ref_any(void *obj)
{
	return milter_conf_ref(obj);
}

static void
unref_any(void *obj)
{
	struct milter_conf *c = obj;

	milter_conf_unref(&c);
}

struct current *
milter_conf_current_take(struct milter_conf *c)
{
	return current_new_take(c, ref_any, unref_any);
}
