/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/sim_disk.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "vmta/lease.h"
#include "vmta/sched_lease.h"

#define COMMIT_US (2 * US_PER_MS)

struct sim_lease {
	STAILQ_ENTRY(sim_lease) link; /* while asked */
	int64_t due_us;
	uint64_t ticket;
	bool forget;
	struct lease_record rec;
	size_t key_len;
	char key[];
};

void
sim_disk_init(struct sim_disk *d)
{
	/* A boot of all zeros would be one that nobody knows. */
	*d = (struct sim_disk){ .boots = 1 };
	STAILQ_INIT(&d->asked);
}

void
sim_disk_fini(struct sim_disk *d)
{
	sim_disk_cut(d, 0);
	for (size_t i = 0; i < d->kept_count; i++)
		free(d->kept[i]);
	free(d->kept);
}

/* The clock of the sim is the wall's, as at a start. */
static struct lease_stamp
stamp(const struct sim_disk *d, int64_t now_us)
{
	return (struct lease_stamp){ .wall_us = now_us,
		.boot_us = now_us - d->stepped_us,
		.boot_id = { d->boots } };
}

void
sim_disk_put(struct sim_disk *d, struct slice key,
    const struct lease_record *rec, uint64_t ticket, int64_t now_us)
{
	struct sim_lease *l = mem_zalloc(sizeof(*l) + key.len);

	CHECK((rec == NULL) == (ticket == 0));
	l->due_us = now_us + COMMIT_US;
	l->ticket = ticket;
	l->forget = rec == NULL;
	if (rec != NULL)
		l->rec = *rec;
	l->rec.stamp = stamp(d, now_us);
	l->key_len = key.len;
	memcpy(l->key, key.p, key.len);
	STAILQ_INSERT_TAIL(&d->asked, l, link);
}

int64_t
sim_disk_next(const struct sim_disk *d)
{
	const struct sim_lease *l = STAILQ_FIRST(&d->asked);

	return l == NULL ? INT64_MAX : l->due_us;
}

/* Where a limit of its name is kept, or would be. */
static size_t
place(const struct sim_disk *d, const struct sim_lease *l)
{
	size_t i = 0;

	for (; i < d->kept_count; i++)
		if (d->kept[i]->key_len == l->key_len &&
		    memcmp(d->kept[i]->key, l->key, l->key_len) == 0)
			break;
	return i;
}

static struct sim_lease *
take_first(struct sim_disk *d)
{
	struct sim_lease *l = STAILQ_FIRST(&d->asked);

	STAILQ_REMOVE_HEAD(&d->asked, link);
	return l;
}

/* The first that was asked is durable. */
static void
keep_first(struct sim_disk *d)
{
	struct sim_lease *l = take_first(d);
	size_t i = place(d, l);

	if (i < d->kept_count) {
		free(d->kept[i]);
		d->kept[i] = d->kept[--d->kept_count];
	}
	if (l->forget) {
		free(l);
		return;
	}
	if (d->kept_count == d->kept_cap) {
		d->kept_cap = 2 * d->kept_cap + 8;
		d->kept = mem_realloc(d->kept,
		    d->kept_cap * sizeof(struct sim_lease *));
	}
	d->kept[d->kept_count] = l;
	d->kept_count++;
}

void
sim_disk_commit(struct sim_disk *d, struct sched *s, int64_t now_us)
{
	uint64_t ticket = STAILQ_FIRST(&d->asked)->ticket;

	keep_first(d);
	if (ticket > 0)
		sched_leased(s, ticket, true, now_us);
}

void
sim_disk_cut(struct sim_disk *d, size_t durable)
{
	for (; durable > 0 && !STAILQ_EMPTY(&d->asked); durable--)
		keep_first(d);
	while (!STAILQ_EMPTY(&d->asked))
		free(take_first(d));
}

void
sim_disk_load(struct sim_disk *d, struct sched *s, int64_t now_us)
{
	struct lease_stamp now = stamp(d, now_us);

	for (size_t i = 0; i < d->kept_count; i++) {
		const struct sim_lease *l = d->kept[i];

		sched_restore_lease(s, (struct slice){ l->key, l->key_len },
		    &l->rec, lease_elapsed(&l->rec.stamp, &now));
	}
	sched_restored(s, d->used, false, now_us);
	d->used = true;
}
