/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_disk - what the sim's store keeps of limits, and of queues: durable a
 * moment after it was asked for, and still there after a crash.
 */

#ifndef TESTS_SUPPORT_SIM_DISK_H
#define TESTS_SUPPORT_SIM_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "lib/str.h"
#include "mail/lease_record.h"

struct sched;
struct sim_row;

struct sim_disk {
	STAILQ_HEAD(, sim_row) asked;
	size_t kept_count, kept_cap;
	struct sim_row **kept;
	bool used; /* by an earlier start */
	/* How far the wall clock has been set, and the boot: from 1 on. */
	int64_t stepped_us;
	unsigned char boots;
};

void sim_disk_init(struct sim_disk *d);
void sim_disk_fini(struct sim_disk *d);

void sim_disk_put(struct sim_disk *d, struct slice key,
    const struct lease_record *rec, uint64_t ticket, int64_t now_us);

void sim_disk_keep(struct sim_disk *d, struct slice name, struct slice bytes,
    uint64_t ticket, int64_t now_us);

/* When the next one is durable, or INT64_MAX. */
int64_t sim_disk_next(const struct sim_disk *d);
/* It is; the scheduler hears of it. */
void sim_disk_commit(struct sim_disk *d, struct sched *s, int64_t now_us);
/* A process ends: so many of those that were asked are durable as well. */
void sim_disk_cut(struct sim_disk *d, size_t durable);
/* The next one starts. */
void sim_disk_load(struct sim_disk *d, struct sched *s, int64_t now_us);

#endif
