/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/dns_cache.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "lib/check.h"
#include "lib/dns_answer.h"
#include "lib/dns_name.h"
#include "lib/mem.h"

/* One byte of type, then the name. */
#define KEY_CAP (1 + DNS_NAME_CAP)

/*
 * answer and asked: a refresh is under way.  Without answer it is the first
 * question; an entry is never without both.
 */
struct entry {
	UT_hash_handle hh;
	TAILQ_ENTRY(entry) link; /* in idle while it is not asked */
	bool asked;
	struct dns_waiters waiters;
	struct dns_answer *answer; /* NULL: not yet */
	int64_t fresh_until_us;
	size_t key_len;
	char key[];
};

struct dns_cache {
	size_t max, answers;
	struct entry *table;
	TAILQ_HEAD(, entry) idle; /* least recently used first */
};

static size_t
make_key(char key[KEY_CAP], const char *name, enum dns_type type)
{
	size_t len = strlen(name);

	CHECK(len < DNS_NAME_CAP);
	key[0] = (char)type;
	/* Keys have a length, no NUL. */
	/* NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
	memcpy(key + 1, name, len);
	return len + 1;
}

/* What uthash's macros turn into is not ours to simplify. */
/* NOLINTBEGIN(readability-function-cognitive-complexity) */
/* NOLINTBEGIN(readability-function-size) */
static struct entry *
find(struct dns_cache *c, const char *name, enum dns_type type)
{
	char key[KEY_CAP];
	size_t len = make_key(key, name, type);
	struct entry *en;

	HASH_FIND(hh, c->table, key, len, en);
	return en;
}

static struct entry *
add(struct dns_cache *c, const char *name, enum dns_type type)
{
	char key[KEY_CAP];
	size_t len = make_key(key, name, type);
	struct entry *en = mem_zalloc(sizeof(*en) + len);

	STAILQ_INIT(&en->waiters);
	en->key_len = len;
	memcpy(en->key, key, len);
	HASH_ADD(hh, c->table, key, len, en);
	return en;
}

static void
entry_free(struct dns_cache *c, struct entry **ep)
{
	struct entry *en = *ep;

	*ep = NULL;
	/*
	 * The analyser does not see that TAILQ_REMOVE() below changes what
	 * make_room() gets from TAILQ_FIRST().
	 */
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
	HASH_DEL(c->table, en);
	if (!en->asked)
		TAILQ_REMOVE(&c->idle, en, link);
	if (en->answer != NULL)
		c->answers--;
	dns_answer_unref(&en->answer);
	free(en);
}

/* NOLINTEND(readability-function-size) */
/* NOLINTEND(readability-function-cognitive-complexity) */

struct dns_cache *
dns_cache_new(size_t max)
{
	struct dns_cache *c = mem_new(struct dns_cache);

	CHECK(max > 0);
	c->max = max;
	TAILQ_INIT(&c->idle);
	return c;
}

void
dns_cache_free(struct dns_cache **cp)
{
	struct dns_cache *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	while (c->table != NULL) {
		struct entry *en = c->table;

		entry_free(c, &en);
	}
	free(c);
}

enum dns_cache_result
dns_cache_ask(struct dns_cache *c, const char *name, enum dns_type type,
    int64_t now_us, struct dns_waiter *w, struct dns_answer **answer_r)
{
	struct entry *en = find(c, name, type);

	*answer_r = NULL;
	if (en != NULL && en->asked) {
		STAILQ_INSERT_TAIL(&en->waiters, w, link);
		return DNS_CACHE_WAIT;
	}
	if (en != NULL) {
		TAILQ_REMOVE(&c->idle, en, link);
		if (now_us < en->fresh_until_us) {
			TAILQ_INSERT_TAIL(&c->idle, en, link);
			*answer_r = dns_answer_ref(en->answer);
			return DNS_CACHE_HIT;
		}
	} else {
		en = add(c, name, type);
	}
	en->asked = true;
	STAILQ_INSERT_TAIL(&en->waiters, w, link);
	return DNS_CACHE_SEND;
}

static bool
may_serve_stale(const struct entry *en, enum dns_type type, int64_t now_us)
{
	return type == DNS_MX && en->answer != NULL &&
	    en->answer->status == DNS_OK &&
	    now_us < en->answer->expires_us + DNS_STALE_US;
}

static void
make_room(struct dns_cache *c)
{
	while (c->answers > c->max) {
		struct entry *oldest = TAILQ_FIRST(&c->idle);

		if (oldest == NULL)
			break; /* what is left are refreshes under way */
		entry_free(c, &oldest);
	}
}

struct dns_answer *
dns_cache_put(struct dns_cache *c, const char *name, enum dns_type type,
    struct dns_answer *a, int64_t now_us, struct dns_waiters *out)
{
	struct entry *en = find(c, name, type);
	struct dns_answer *given;

	CHECK(en != NULL && en->asked);
	/* The next try comes when the failure would have been forgotten. */
	en->fresh_until_us = a->expires_us;
	if (a->status == DNS_TEMP && may_serve_stale(en, type, now_us)) {
		dns_answer_unref(&a);
	} else {
		if (en->answer == NULL)
			c->answers++;
		dns_answer_unref(&en->answer);
		en->answer = a;
	}
	STAILQ_CONCAT(out, &en->waiters);
	en->asked = false;
	TAILQ_INSERT_TAIL(&c->idle, en, link);
	given = dns_answer_ref(en->answer);
	make_room(c);
	return given;
}

size_t
dns_cache_count(const struct dns_cache *c)
{
	return c->answers;
}
