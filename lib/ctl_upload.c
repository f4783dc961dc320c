/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/ctl_upload.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "lib/str.h"

static int
wait_for(const struct ctl_upload *u)
{
	struct pollfd p[] = { { .fd = u->fd, .events = POLLIN },
		{ .fd = u->stop_fd, .events = POLLIN } };

	if (poll(p, 2, -1) == -1)
		return errno == EINTR ? 0 : -1;
	if (p[1].revents == 0)
		return 0;
	errno = ECANCELED;
	return -1;
}

/* At least one byte; a stop is seen before what else there is to read. */
static ssize_t
take(const struct ctl_upload *u, void *p, size_t len)
{
	for (;;) {
		ssize_t n;

		if (wait_for(u) == -1)
			return -1;
		n = recv(u->fd, p, len, MSG_DONTWAIT);
		if (n > 0)
			return n;
		if (n == 0)
			errno = ECONNRESET;
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			return -1;
	}
}

ssize_t
ctl_upload_read(void *ctx, void *p, size_t len)
{
	struct ctl_upload *u = ctx;
	ssize_t n;

	while (u->left == 0 && !u->ended) {
		n = take(u, u->head + u->head_len,
		    sizeof(u->head) - u->head_len);
		if (n == -1)
			return -1;
		u->head_len += (size_t)n;
		if (u->head_len < sizeof(u->head))
			continue;
		u->head_len = 0;
		u->left = get_be32(u->head);
		u->ended = u->left == 0;
	}
	if (u->ended)
		return 0;
	n = take(u, p, len < u->left ? len : u->left);
	if (n > 0)
		u->left -= (uint32_t)n;
	return n;
}
