/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/reader.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/check.h"

enum {
	PIECE = 65536,   /* read at once */
	KEPT_IDLE = 4096 /* memory that stays when nothing waits */
};

static _Thread_local char piece[PIECE];

/* ---- what waits ---------------------------------------------------------- */

struct slice
reader_input(const struct reader *r)
{
	if (r->fresh.len > 0)
		return r->fresh;
	if (r->kept.len == 0)
		return (struct slice){ "", 0 };
	return (struct slice){ r->kept.p + r->taken, r->kept.len - r->taken };
}

/* Is the event to be there? */
static void
watch(struct reader *r)
{
	bool wanted = !r->paused && !r->ended && reader_input(r).len < r->max;

	if (r->ev == NULL || wanted == r->watched)
		return;
	r->watched = wanted;
	CHECK((wanted ? event_add(r->ev, NULL) : event_del(r->ev)) == 0);
}

void
reader_take(struct reader *r, size_t len)
{
	CHECK(len <= reader_input(r).len);
	if (r->fresh.len > 0) {
		r->fresh = (struct slice){ r->fresh.p + len,
			r->fresh.len - len };
		return;
	}
	r->taken += len;
	if (r->taken == r->kept.len) {
		r->taken = 0;
		if (r->kept.cap > KEPT_IDLE)
			buf_fini(&r->kept);
		else
			buf_clear(&r->kept);
	}
	watch(r);
}

void
reader_wipe(struct reader *r)
{
	size_t taken = r->kept.len == 0 ? r->kept.cap : r->taken;

	if (r->fresh.len == 0) /* nobody's on this thread */
		explicit_bzero(piece, sizeof(piece));
	else
		explicit_bzero(piece, (size_t)(r->fresh.p - piece));
	if (taken > 0)
		explicit_bzero(r->kept.p, taken);
}

/* What input() has left of what came. */
static void
keep(struct reader *r)
{
	struct slice left = r->fresh;

	r->fresh.len = 0;
	if (left.len == 0)
		return;
	if (r->taken > 0) {
		buf_drop(&r->kept, r->taken);
		r->taken = 0;
	}
	buf_add(&r->kept, left.p, left.len);
}

/* ---- reading ------------------------------------------------------------- */

static void
end(struct reader *r, int code)
{
	r->ended = true;
	watch(r);
	r->owner->end(r->ctx, code);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct reader *r = arg;
	size_t room = r->max - reader_input(r).len;
	ssize_t n = recv(fd, piece, room < PIECE ? room : PIECE, MSG_DONTWAIT);

	(void)what;
	if (n > 0) {
		r->fresh = (struct slice){ piece, (size_t)n };
		r->came = (size_t)n;
		if (r->kept.len > 0) /* behind what waits */
			keep(r);
		r->owner->input(r->ctx);
		keep(r);
		watch(r);
	} else if (n == 0) {
		end(r, 0);
	} else if (errno != EAGAIN && errno != EINTR) {
		end(r, errno);
	}
}

/* ---- life ---------------------------------------------------------------- */

void
reader_start(struct reader *r, struct event_base *base, int fd, size_t max,
    const struct reader_owner *owner, void *ctx)
{
	CHECK(r->ev == NULL && max > 0);
	*r = (struct reader){ .max = max, .owner = owner, .ctx = ctx };
	r->ev = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, r);
	CHECK(r->ev != NULL);
	watch(r);
}

void
reader_stop(struct reader *r)
{
	if (r->ev != NULL)
		event_free(r->ev);
	buf_fini(&r->kept);
	*r = (struct reader){ .ended = true };
}

void
reader_pause(struct reader *r, bool pause)
{
	r->paused = pause;
	watch(r);
}
