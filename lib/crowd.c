/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/crowd.h"

#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "lib/check.h"
#include "lib/mem.h"

/* One group or guest of whom somebody is inside. */
struct crowd_count {
	UT_hash_handle hh;
	uint32_t inside;
	char name[];
};

struct crowd {
	pthread_mutex_t lock; /* guards: all below */
	uint32_t inside;
	struct crowd_count *groups, *guests; /* by name */
};

enum { NAME_MAX_LEN = 255 };

struct crowd *
crowd_new(void)
{
	struct crowd *c = mem_new(struct crowd);

	CHECK(pthread_mutex_init(&c->lock, NULL) == 0);
	return c;
}

void
crowd_free(struct crowd **cp)
{
	struct crowd *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	CHECK(c->inside == 0 && c->groups == NULL && c->guests == NULL);
	(void)pthread_mutex_destroy(&c->lock);
	free(c);
}

/* ---- counts -------------------------------------------------------------- */

/* What uthash's macros turn into is not ours to simplify. */
/* NOLINTBEGIN(readability-function-*,clang-analyzer-*) */
static struct crowd_count *
find(struct crowd_count *list, const char *name)
{
	struct crowd_count *n = NULL;

	HASH_FIND_STR(list, name, n);
	return n;
}

static void
count_in(struct crowd_count **list, const char *name, struct crowd_count **n_r)
{
	struct crowd_count *n = find(*list, name);
	size_t len = strlen(name) + 1;

	if (n == NULL) {
		n = mem_zalloc(sizeof(*n) + len);
		memcpy(n->name, name, len);
		HASH_ADD_STR(*list, name, n);
	}
	n->inside++;
	*n_r = n;
}

static void
count_out(struct crowd_count **list, struct crowd_count **np)
{
	struct crowd_count *n = *np;

	*np = NULL;
	if (n == NULL || --n->inside > 0)
		return;
	HASH_DEL(*list, n);
	free(n);
}
/* NOLINTEND(readability-function-*,clang-analyzer-*) */

static uint32_t
inside_of(struct crowd_count *list, const char *name)
{
	const struct crowd_count *n = find(list, name);

	return n == NULL ? 0 : n->inside;
}

static void
fold(const char *name, char out[NAME_MAX_LEN + 1])
{
	size_t i = 0;

	for (; i < NAME_MAX_LEN && name[i] != '\0'; i++)
		out[i] = (char)tolower((unsigned char)name[i]);
	out[i] = '\0';
}

/* ---- entering ------------------------------------------------------------ */

/* Places that are free, and kept so for other groups than his. */
static uint64_t
kept_for_others(struct crowd *c, const struct crowd_ask *ask, const char *group)
{
	char name[NAME_MAX_LEN + 1];
	uint64_t kept = 0;

	for (size_t i = 0; i < ask->group_count; i++) {
		uint32_t inside;

		fold(ask->groups[i].name, name);
		if (strcmp(name, group) == 0)
			continue;
		inside = inside_of(c->groups, name);
		if (ask->groups[i].reserved > inside)
			kept += ask->groups[i].reserved - inside;
	}
	return kept;
}

static uint32_t
group_max(const struct crowd_ask *ask, const char *group)
{
	char name[NAME_MAX_LEN + 1];

	for (size_t i = 0; i < ask->group_count; i++) {
		fold(ask->groups[i].name, name);
		if (strcmp(name, group) == 0)
			return ask->groups[i].max;
	}
	return 0;
}

static enum crowd_answer
judge(struct crowd *c, const struct crowd_ask *ask, const char *group)
{
	uint32_t most = group_max(ask, group);

	if ((uint64_t)c->inside + 1 + kept_for_others(c, ask, group) > ask->max)
		return CROWD_FULL;
	if (most != 0 && inside_of(c->groups, group) >= most)
		return CROWD_GROUP_FULL;
	if (ask->guest_max != 0 &&
	    inside_of(c->guests, ask->guest) >= ask->guest_max)
		return CROWD_GUEST_FULL;
	return CROWD_IN;
}

enum crowd_answer
crowd_enter(struct crowd *c, const struct crowd_ask *ask,
    struct crowd_place *place)
{
	char group[NAME_MAX_LEN + 1];
	enum crowd_answer answer;

	CHECK(!place->inside);
	fold(ask->group, group);
	CHECK(pthread_mutex_lock(&c->lock) == 0);
	answer = judge(c, ask, group);
	if (answer == CROWD_IN) {
		place->inside = true;
		c->inside++;
		count_in(&c->guests, ask->guest, &place->guest);
		if (group[0] != '\0')
			count_in(&c->groups, group, &place->group);
	}
	CHECK(pthread_mutex_unlock(&c->lock) == 0);
	return answer;
}

void
crowd_leave(struct crowd *c, struct crowd_place *place)
{
	if (!place->inside)
		return;
	CHECK(pthread_mutex_lock(&c->lock) == 0);
	CHECK(c->inside > 0);
	c->inside--;
	count_out(&c->guests, &place->guest);
	count_out(&c->groups, &place->group);
	place->inside = false;
	CHECK(pthread_mutex_unlock(&c->lock) == 0);
}

uint32_t
crowd_inside(struct crowd *c)
{
	uint32_t n;

	CHECK(pthread_mutex_lock(&c->lock) == 0);
	n = c->inside;
	CHECK(pthread_mutex_unlock(&c->lock) == 0);
	return n;
}
