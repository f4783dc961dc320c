/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/state.h"

#include <string.h>

#include "lib/check.h"
#include "lib/log.h"
#include "queue/bytes.h"
#include "queue/store_priv.h"

static enum env_result
put(struct store *s, const struct store_state *st, struct err *e)
{
	static const char head[RECORD_HEAD];
	struct slice key = slice_of(st->name);
	struct buf rec = { 0 };
	enum env_result r;

	if (st->len == 0) {
		r = env_del(s->env, TABLE_POLICY, key, e);
		return r == ENV_ABSENT ? ENV_OK : r;
	}
	buf_add(&rec, head, sizeof(head));
	buf_add(&rec, st->value, st->len);
	record_seal(RECORD_POLICY, key, rec.p, rec.len);
	r = env_put(s->env, TABLE_POLICY, key, bytes(rec.p, rec.len), e);
	buf_fini(&rec);
	return r;
}

static enum env_result
put_all(struct store *s, struct store_state **list, size_t count, struct err *e)
{
	enum env_result r = ENV_OK;

	env_begin(s->env);
	for (size_t i = 0; r == ENV_OK && i < count; i++)
		r = put(s, list[i], e);
	if (r == ENV_OK)
		r = env_commit(s->env, e);
	if (r != ENV_OK)
		env_rollback(s->env);
	return r;
}

void
state_commit(struct store *s, struct store_state **list, size_t count)
{
	enum env_result r;
	struct err e;

	if (count == 0)
		return;
	for (size_t i = 0; i < count; i++)
		CHECK(strlen(list[i]->name) <= KEY_POLICY_MAX);
	r = put_all(s, list, count, &e);
	if (r == ENV_NO_SPACE && store_use_reserve(s))
		r = put_all(s, list, count, &e);
	if (r != ENV_OK && r != ENV_NO_SPACE)
		store_die("state", &e);
	for (size_t i = 0; i < count; i++)
		list[i]->kept = r == ENV_OK;
}

void
state_load(struct store *s)
{
	struct slice key, rec, value;
	struct env_scan sc;
	enum env_result r;
	struct err e;

	env_scan_init(&sc, TABLE_POLICY, ENV_SCAN_LARGE);
	while ((r = env_scan_next(s->env, &sc, &key, &rec, &e)) == ENV_OK) {
		if (record_open(RECORD_POLICY, key, rec, &value, &e) == -1)
			log_note(LOG_L_ERROR, "record-damaged", "%s", e.text);
		else if (s->owner.state != NULL)
			s->owner.state(s->ctx, key, value);
	}
	if (r != ENV_ABSENT)
		store_die("state", &e);
	env_scan_fini(&sc);
	if (s->owner.states_loaded != NULL)
		s->owner.states_loaded(s->ctx);
}
