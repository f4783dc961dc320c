/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/sim_disk.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "vmta/lease.h"
#include "vmta/sched_keep.h"
#include "vmta/sched_lease.h"

#define COMMIT_US (2 * US_PER_MS)

enum row_kind { ROW_LEASE, ROW_VALUE };

struct sim_row {
	STAILQ_ENTRY(sim_row) link; /* while asked */
	enum row_kind kind;
	int64_t due_us;
	uint64_t ticket;
	bool forget;
	struct lease_record rec; /* of a value: its stamp alone */
	size_t key_len, len;     /* of a value: its bytes behind the key */
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

static struct sim_row *
ask(struct sim_disk *d, enum row_kind kind, struct slice key,
    struct slice bytes, int64_t now_us)
{
	struct sim_row *l = mem_zalloc(sizeof(*l) + key.len + bytes.len);

	l->kind = kind;
	l->due_us = now_us + COMMIT_US;
	l->rec.stamp = stamp(d, now_us);
	l->key_len = key.len;
	memcpy(l->key, key.p, key.len);
	l->len = bytes.len;
	if (bytes.len > 0)
		memcpy(l->key + key.len, bytes.p, bytes.len);
	STAILQ_INSERT_TAIL(&d->asked, l, link);
	return l;
}

void
sim_disk_put(struct sim_disk *d, struct slice key,
    const struct lease_record *rec, uint64_t ticket, int64_t now_us)
{
	static const struct slice nothing;
	struct sim_row *l = ask(d, ROW_LEASE, key, nothing, now_us);
	struct lease_stamp made = l->rec.stamp;

	CHECK(rec != NULL || ticket == 0);
	l->ticket = ticket;
	l->forget = rec == NULL;
	if (rec != NULL)
		l->rec = *rec;
	l->rec.stamp = made;
}

void
sim_disk_keep(struct sim_disk *d, struct slice name, struct slice bytes,
    uint64_t ticket, int64_t now_us)
{
	struct sim_row *l = ask(d, ROW_VALUE, name, bytes, now_us);

	l->ticket = ticket;
	l->forget = bytes.len == 0;
}

int64_t
sim_disk_next(const struct sim_disk *d)
{
	const struct sim_row *l = STAILQ_FIRST(&d->asked);

	return l == NULL ? INT64_MAX : l->due_us;
}

/* Where one of its name is kept, or would be. */
static size_t
place(const struct sim_disk *d, const struct sim_row *l)
{
	size_t i = 0;

	for (; i < d->kept_count; i++)
		if (d->kept[i]->kind == l->kind &&
		    d->kept[i]->key_len == l->key_len &&
		    memcmp(d->kept[i]->key, l->key, l->key_len) == 0)
			break;
	return i;
}

static struct sim_row *
take_first(struct sim_disk *d)
{
	struct sim_row *l = STAILQ_FIRST(&d->asked);

	STAILQ_REMOVE_HEAD(&d->asked, link);
	return l;
}

/* The first that was asked is durable. */
static void
keep_first(struct sim_disk *d)
{
	struct sim_row *l = take_first(d);
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
		    d->kept_cap * sizeof(struct sim_row *));
	}
	d->kept[d->kept_count] = l;
	d->kept_count++;
}

void
sim_disk_commit(struct sim_disk *d, struct sched *s, int64_t now_us)
{
	uint64_t ticket = STAILQ_FIRST(&d->asked)->ticket;
	enum row_kind kind = STAILQ_FIRST(&d->asked)->kind;

	keep_first(d);
	if (ticket > 0 && kind == ROW_LEASE)
		sched_leased(s, ticket, true, now_us);
	else if (ticket > 0)
		sched_kept(s, ticket, true);
}

void
sim_disk_cut(struct sim_disk *d, size_t durable)
{
	for (; durable > 0 && !STAILQ_EMPTY(&d->asked); durable--)
		keep_first(d);
	while (!STAILQ_EMPTY(&d->asked))
		free(take_first(d));
}

/* As transport/lease_load.c does. */
static void
keep_anew(struct sim_disk *d, struct slice key, const struct sim_row *l,
    const struct lease_stamp *now, int64_t now_us)
{
	struct lease_record rec = l->rec;

	if (!lease_is_doubtful(&rec.stamp, now))
		return;
	lease_age(&rec, lease_elapsed(&rec.stamp, now));
	sim_disk_put(d, key, &rec, 0, now_us);
}

static void
restore(struct sim_disk *d, const struct sim_row *l, struct sched *s,
    int64_t now_us)
{
	struct slice key = { l->key, l->key_len };
	struct slice bytes = { l->key + l->key_len, l->len };
	const struct lease_stamp now = stamp(d, now_us);
	int64_t elapsed = lease_elapsed(&l->rec.stamp, &now);
	const struct sched_was_kept was = { key, bytes, elapsed };
	struct err e;

	if (l->kind == ROW_LEASE) {
		sched_restore_lease(s, key, &l->rec, elapsed);
		keep_anew(d, key, l, &now, now_us);
	} else
		CHECK(sched_restore_kept(s, &was, now_us, &e) == 0);
}

static void
restore_all(struct sim_disk *d, enum row_kind kind, struct sched *s,
    int64_t now_us)
{
	for (size_t i = 0; i < d->kept_count; i++)
		if (d->kept[i]->kind == kind)
			restore(d, d->kept[i], s, now_us);
}

void
sim_disk_load(struct sim_disk *d, struct sched *s, int64_t now_us)
{
	restore_all(d, ROW_LEASE, s, now_us);
	sched_restored(s, d->used, false, now_us);
	restore_all(d, ROW_VALUE, s, now_us);
	d->used = true;
}
