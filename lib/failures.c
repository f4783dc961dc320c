/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/failures.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "lib/check.h"
#include "lib/mem.h"

struct record {
	UT_hash_handle hh; /* in the order in which they came */
	int64_t since_us;
	uint32_t count;
	char who[];
};

struct failures {
	pthread_mutex_t lock; /* guards: */
	struct record *records;
};

struct failures *
failures_new(void)
{
	struct failures *f = mem_new(struct failures);

	CHECK(pthread_mutex_init(&f->lock, NULL) == 0);
	return f;
}

/* What uthash's macros turn into is not ours to simplify. */
/* NOLINTBEGIN(readability-function-*,clang-analyzer-*) */
static struct record *
find(struct failures *f, const char *who)
{
	struct record *r = NULL;

	HASH_FIND_STR(f->records, who, r);
	return r;
}

static void
forget(struct failures *f, struct record *r)
{
	HASH_DEL(f->records, r);
	free(r);
}

static struct record *
add(struct failures *f, const char *who)
{
	size_t len = strlen(who) + 1;
	struct record *r = mem_zalloc(sizeof(*r) + len);

	memcpy(r->who, who, len);
	if (HASH_COUNT(f->records) >= FAILURES_MAX)
		forget(f, f->records); /* the head is the oldest */
	HASH_ADD_STR(f->records, who, r);
	return r;
}
/* NOLINTEND(readability-function-*,clang-analyzer-*) */

void
failures_free(struct failures **fp)
{
	struct failures *f = *fp;

	*fp = NULL;
	if (f == NULL)
		return;
	while (f->records != NULL)
		forget(f, f->records);
	(void)pthread_mutex_destroy(&f->lock);
	free(f);
}

bool
failures_allows(struct failures *f, const char *who, const struct rate *rate,
    int64_t now_us)
{
	const struct record *r;
	bool allows = true;

	if (rate->period_us == 0)
		return true;
	CHECK(pthread_mutex_lock(&f->lock) == 0);
	r = find(f, who);
	if (r != NULL && now_us - r->since_us < rate->period_us)
		allows = r->count < rate->count;
	CHECK(pthread_mutex_unlock(&f->lock) == 0);
	return allows;
}

/*
 * A period that is over begins anew at the end of the row, so that its head
 * stays the oldest.
 */
void
failures_add(struct failures *f, const char *who, int64_t period_us,
    int64_t now_us)
{
	struct record *r;

	CHECK(pthread_mutex_lock(&f->lock) == 0);
	r = find(f, who);
	if (r != NULL && now_us - r->since_us >= period_us) {
		forget(f, r);
		r = NULL;
	}
	if (r == NULL) {
		r = add(f, who);
		r->since_us = now_us;
	}
	if (r->count < UINT32_MAX)
		r->count++;
	CHECK(pthread_mutex_unlock(&f->lock) == 0);
}
