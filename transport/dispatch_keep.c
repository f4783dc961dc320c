/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dispatcher's way to what is kept of limits (transport/lessor.h) and of
 * queues (transport/keeper.h).
 */
#include "lib/check.h"
#include "lib/clock.h"
#include "transport/dispatch_priv.h"
#include "transport/keeper.h"
#include "vmta/sched_keep.h"
#include "vmta/sched_lease.h"

void
dispatch_on_lease(void *ctx, struct slice key, const struct lease_record *rec,
    uint64_t ticket)
{
	const struct dispatch *d = ctx;

	lessor_put(d->lessor, key, rec, ticket);
}

static void
on_leased(void *ctx, uint64_t ticket, bool kept)
{
	const struct dispatch *d = ctx;

	sched_leased(d->sched, ticket, kept, clock_us());
}

void
dispatch_on_keep(void *ctx, struct slice name, struct slice bytes,
    uint64_t ticket)
{
	const struct dispatch *d = ctx;

	keeper_put(d->keeper, name, bytes, ticket);
}

static void
on_kept(void *ctx, uint64_t ticket, bool kept)
{
	const struct dispatch *d = ctx;

	sched_kept(d->sched, ticket, kept);
}

void
dispatch_keep_init(struct dispatch *d)
{
	d->lessor = lessor_new(d->worker, d->store, on_leased, d);
	d->keeper = keeper_new(d->worker, d->store, on_kept, d);
}

void
dispatch_keep_fini(struct dispatch *d)
{
	lessor_free(&d->lessor);
	keeper_free(&d->keeper);
}

void
dispatch_keep_flush(const struct dispatch *d)
{
	lessor_flush(d->lessor);
	keeper_flush(d->keeper);
}

void
dispatch_keep_end(const struct dispatch *d, int64_t now_us)
{
	sched_leases_end(d->sched, now_us);
	lessor_end(d->lessor);
	sched_keep_end(d->sched, now_us);
	keeper_end(d->keeper);
}

void
dispatch_keep_lease(struct dispatch *d, struct slice key,
    const struct lease_record *rec)
{
	CHECK(worker_is_self(d->worker));
	lessor_put(d->lessor, key, rec, 0);
}

void
dispatch_keep(struct dispatch *d, struct slice name, struct slice bytes)
{
	CHECK(worker_is_self(d->worker));
	keeper_put(d->keeper, name, bytes, 0);
}

void
dispatch_when_kept(struct dispatch *d, struct keeper_wait *w)
{
	CHECK(worker_is_self(d->worker));
	keeper_wait(d->keeper, w);
}
