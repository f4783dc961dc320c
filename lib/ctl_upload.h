/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl_upload - the daemon's end of what a client sends behind a request of
 * ctl_proto: frames of be32 length and so many bytes, up to one of length 0.
 * So a client that is killed in the middle is not taken for one that is done.
 *
 * Blocks, for a thread that may wait for a client; another one can end the
 * wait by making stop_fd readable.  Does not own its descriptors.
 */

#ifndef LIB_CTL_UPLOAD_H
#define LIB_CTL_UPLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/input.h"

enum { CTL_UPLOAD_HEAD = 4, CTL_UPLOAD_FRAME = 1 << 17 /* a client's */ };

struct ctl_upload {
	int fd, stop_fd;
	unsigned char head[CTL_UPLOAD_HEAD];
	size_t head_len;
	uint32_t left; /* of the frame */
	bool ended;
};

/*
 * ctx is a struct ctl_upload, of which the first two are the caller's and the
 * rest zeroed.  -1: ECONNRESET, the client has gone before its end; ECANCELED,
 * it was stopped; or what else the kernel says.
 */
input_read_fn ctl_upload_read;

#endif
