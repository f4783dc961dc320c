/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/mem.h"

/* As much as a read takes well at once, and as stays in the caches. */
#define FIRST_CAP ((size_t)256 * 1024)

void
input_init(struct input *in, input_read_fn *read_fn, void *ctx, size_t most)
{
	*in = (struct input){ .read = read_fn, .ctx = ctx, .most = most };
	in->cap = most < FIRST_CAP ? most : FIRST_CAP;
	in->mem = mem_alloc(in->cap);
}

void
input_fini(struct input *in)
{
	free(in->mem);
	*in = (struct input){ 0 };
}

/* Room for at least one byte; false: all that may be there is there. */
static bool
make_room(struct input *in)
{
	if (in->start > 0) {
		memmove(in->mem, in->mem + in->start, in->end - in->start);
		in->end -= in->start;
		in->start = 0;
	}
	if (in->end < in->cap)
		return true;
	if (in->cap >= in->most)
		return false;
	in->cap *= 2;
	if (in->cap > in->most)
		in->cap = in->most;
	in->mem = mem_realloc(in->mem, in->cap);
	return true;
}

enum input_got
input_more(struct input *in, struct err *e)
{
	ssize_t n;

	if (in->ended)
		return INPUT_END;
	if (!make_room(in))
		return INPUT_FULL;
	n = in->read(in->ctx, in->mem + in->end, in->cap - in->end);
	if (n == -1) {
		(void)err_sys(e, "read");
		return INPUT_FAILED;
	}
	if (n == 0) {
		in->ended = true;
		return INPUT_END;
	}
	in->end += (size_t)n;
	in->total += (uint64_t)n;
	return INPUT_MORE;
}

ssize_t
input_read_fd(void *ctx, void *p, size_t len)
{
	const int *fd = ctx;
	ssize_t n;

	do
		n = read(*fd, p, len);
	while (n == -1 && errno == EINTR);
	return n;
}
