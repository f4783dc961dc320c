/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/readers.h"

#include <stdlib.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "lib/worker.h"
#include "transport/dispatch.h"

struct dispatch_reader {
	struct post post;
	TAILQ_ENTRY(dispatch_reader) entry;
	struct readers *readers;
	uint64_t number;
};

static void
reader_free(struct dispatch_reader **rp)
{
	struct dispatch_reader *r = *rp;

	*rp = NULL;
	TAILQ_REMOVE(&r->readers->list, r, entry);
	free(r);
}

void
readers_init(struct readers *r, struct worker *home)
{
	*r = (struct readers){ .home = home };
	TAILQ_INIT(&r->list);
}

void
readers_fini(struct readers *r)
{
	while (!TAILQ_EMPTY(&r->list)) {
		struct dispatch_reader *first = TAILQ_FIRST(&r->list);

		reader_free(&first);
	}
}

bool
readers_are_through(const struct readers *r, uint64_t count)
{
	const struct dispatch_reader *first = TAILQ_FIRST(&r->list);

	return first == NULL || first->number > count;
}

struct dispatch_reader *
readers_add(struct readers *r)
{
	struct dispatch_reader *one = mem_new(struct dispatch_reader);

	CHECK(worker_is_self(r->home));
	one->readers = r;
	one->number = ++r->count;
	TAILQ_INSERT_TAIL(&r->list, one, entry);
	return one;
}

static void
on_read(struct post *p)
{
	struct dispatch_reader *r = post_owner(p, struct dispatch_reader, post);

	reader_free(&r);
}

void
dispatch_reader_done(struct dispatch_reader **rp)
{
	struct dispatch_reader *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	r->post.fn = on_read;
	worker_post(r->readers->home, &r->post);
}
