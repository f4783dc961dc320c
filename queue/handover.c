/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/handover.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "queue/bytes.h"
#include "queue/record.h"

enum { KEY = 16, HASH = 8, FIXED = RECORD_HEAD + 8 };

void
handover_init(struct handover *h, struct env *v)
{
	memset(h, 0, sizeof(*h));
	h->env = v;
}

void
handover_fini(struct handover *h)
{
	buf_fini(&h->keys);
	buf_fini(&h->rec);
}

void
handover_begin(struct handover *h, int64_t wall_us)
{
	static const char head[RECORD_HEAD];

	h->bucket = wall_us > 0 ? (uint64_t)(wall_us / HANDOVER_BUCKET_US) : 0;
	buf_clear(&h->keys);
	buf_add(&h->keys, head, sizeof(head));
}

/* ---- one key ------------------------------------------------------------- */

static void
start_rec(struct handover *h)
{
	char fixed[FIXED] = { 0 };

	put_be64(fixed + RECORD_HEAD, h->bucket);
	buf_clear(&h->rec);
	buf_add(&h->rec, fixed, sizeof(fixed));
}

static void
add_hash(struct handover *h, uint64_t hash)
{
	unsigned char b[HASH];

	put_be64(b, hash);
	buf_add(&h->rec, b, sizeof(b));
}

static void
seal(struct handover *h, struct slice key)
{
	record_seal(RECORD_HANDOVER, key, h->rec.p, h->rec.len);
}

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The hashes that are kept, sorted; a bad row is as none. */
static uint64_t *
kept_hashes(struct slice key, struct slice rec, size_t *count_r)
{
	uint64_t *hashes;
	struct slice p;
	struct err e;

	*count_r = 0;
	if (record_open(RECORD_HANDOVER, key, rec, &p, &e) == -1 ||
	    p.len < FIXED - RECORD_HEAD) {
		log_note(LOG_L_ERROR, "handover-damaged",
		    "the record of an earlier hand-over cannot be read");
		return mem_new(uint64_t);
	}
	p = bytes(p.p + FIXED - RECORD_HEAD, p.len - (FIXED - RECORD_HEAD));
	*count_r = p.len / HASH;
	hashes = mem_array(*count_r, sizeof(*hashes));
	for (size_t i = 0; i < *count_r; i++)
		hashes[i] = get_be64(p.p + i * HASH);
	if (*count_r > 0)
		qsort(hashes, *count_r, sizeof(*hashes), compare);
	return hashes;
}

static void
hashes_free(uint64_t *hashes)
{
	free(hashes);
}

/* The key is there: some recipients, mostly all, were handed over before. */
static enum env_result
admit_again(struct handover *h, struct store_accept *a, uint32_t *fresh_r,
    struct err *e)
{
	struct slice key = bytes(a->key, KEY), rec;
	uint64_t *hashes;
	size_t count;
	enum env_result r = env_get(h->env, TABLE_HANDOVER, key, &rec, e);

	if (r != ENV_OK)
		return r == ENV_ABSENT ? ENV_FAILED : r;
	hashes = kept_hashes(key, rec, &count);
	start_rec(h);
	for (size_t i = 0; i < count; i++)
		add_hash(h, hashes[i]);
	*fresh_r = 0;
	for (uint32_t i = 0; i < a->rcpt_count; i++) {
		a->known[i] = count > 0 &&
		    bsearch(&a->rcpt_keys[i], hashes, count, sizeof(*hashes),
			compare) != NULL;
		if (a->known[i])
			continue;
		(*fresh_r)++;
		add_hash(h, a->rcpt_keys[i]);
	}
	hashes_free(hashes);
	if (*fresh_r == 0)
		return ENV_OK;
	seal(h, key);
	buf_add(&h->keys, a->key, KEY);
	return env_put(h->env, TABLE_HANDOVER, key, bytes(h->rec.p, h->rec.len),
	    e);
}

enum env_result
handover_admit(struct handover *h, struct store_accept *a, uint32_t *fresh_r,
    struct err *e)
{
	struct slice key = bytes(a->key, KEY);
	enum env_result r;

	CHECK(a->has_key && a->known != NULL && a->rcpt_keys != NULL);
	start_rec(h);
	for (uint32_t i = 0; i < a->rcpt_count; i++)
		add_hash(h, a->rcpt_keys[i]);
	seal(h, key);
	r = env_add(h->env, TABLE_HANDOVER, key, bytes(h->rec.p, h->rec.len),
	    e);
	if (r == ENV_EXISTS)
		return admit_again(h, a, fresh_r, e);
	if (r == ENV_OK) {
		*fresh_r = a->rcpt_count;
		buf_add(&h->keys, a->key, KEY);
	}
	return r;
}

/* ---- buckets ------------------------------------------------------------- */

enum env_result
handover_end(struct handover *h, uint64_t id, struct err *e)
{
	unsigned char key[KEY_BUCKET];
	struct slice k = bytes(key, sizeof(key));

	if (h->keys.len == RECORD_HEAD)
		return ENV_OK;
	put_be64(key, h->bucket);
	put_be64(key + 8, id);
	record_seal(RECORD_BUCKET, k, h->keys.p, h->keys.len);
	return env_put(h->env, TABLE_BUCKET, k, bytes(h->keys.p, h->keys.len),
	    e);
}

/* Unless the same key was handed over again in a later bucket. */
static enum env_result
expire_key(struct handover *h, struct slice key, uint64_t bucket, struct err *e)
{
	struct slice rec, p;
	enum env_result r = env_get(h->env, TABLE_HANDOVER, key, &rec, e);

	if (r != ENV_OK)
		return r == ENV_ABSENT ? ENV_OK : r;
	if (record_open(RECORD_HANDOVER, key, rec, &p, e) == 0 && p.len >= 8 &&
	    get_be64(p.p) > bucket)
		return ENV_OK;
	return env_del(h->env, TABLE_HANDOVER, key, e);
}

static enum env_result
expire_bucket(struct handover *h, struct slice key, struct slice rec,
    struct err *e)
{
	uint64_t bucket = get_be64(key.p);
	enum env_result r = ENV_OK;
	struct slice p;

	/* The keys of a damaged row stay: space lost, nothing else. */
	if (record_open(RECORD_BUCKET, key, rec, &p, e) == -1)
		p = bytes(NULL, 0);
	for (size_t i = 0; r == ENV_OK && i + KEY <= p.len; i += KEY)
		r = expire_key(h, bytes(p.p + i, KEY), bucket, e);
	return r == ENV_OK ? env_del(h->env, TABLE_BUCKET, key, e) : r;
}

enum env_result
handover_expire(struct handover *h, int64_t wall_us, bool *more_r,
    struct err *e)
{
	uint64_t over = 0; /* buckets before this one are */
	struct slice key, rec;
	struct env_scan sc;
	enum env_result r;

	*more_r = false;
	if (wall_us > HANDOVER_KEEP_US)
		over = (uint64_t)((wall_us - HANDOVER_KEEP_US) /
		    HANDOVER_BUCKET_US);
	env_scan_init(&sc, TABLE_BUCKET, ENV_SCAN_SMALL);
	r = env_scan_next(h->env, &sc, &key, &rec, e);
	if (r != ENV_OK || key.len != KEY_BUCKET)
		goto out;
	if (get_be64(key.p) >= over)
		goto out;
	*more_r = true;
	env_begin(h->env);
	r = expire_bucket(h, key, rec, e);
	if (r == ENV_OK)
		r = env_commit(h->env, e);
	if (r != ENV_OK)
		env_rollback(h->env);
out:
	env_scan_fini(&sc);
	return r == ENV_ABSENT ? ENV_OK : r;
}
