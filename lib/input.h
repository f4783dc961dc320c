/* SPDX-License-Identifier: Apache-2.0 */
/*
 * input - a window that moves over what is read from a file or a stream.
 *
 * The caller looks at the bytes from start to end, and moves start past what
 * it is done with; input_more() brings those behind.  Bytes are copied, not
 * mapped: a file that its writer cuts back must not end the reader, and
 * streams take the same way.  The bytes may be changed in place.  Owned by one
 * thread.
 */

#ifndef LIB_INPUT_H
#define LIB_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/err.h"

/* As read(2): 0 at the end, -1 and errno. */
typedef ssize_t input_read_fn(void *ctx, void *p, size_t len);

struct input {
	input_read_fn *read;
	void *ctx;
	char *mem;         /* there from the beginning */
	size_t start, end; /* what is there */
	size_t cap, most;
	uint64_t total; /* bytes read so far */
	bool ended;
};

enum input_got {
	INPUT_MORE,
	INPUT_END,
	INPUT_FULL, /* `most` bytes are there, and start has not moved */
	INPUT_FAILED
};

void input_init(struct input *in, input_read_fn *read, void *ctx, size_t most);
void input_fini(struct input *in);

/* More bytes behind those that are there, which may move. */
enum input_got input_more(struct input *in, struct err *e);

/* The callback for a descriptor: ctx is an int *. */
input_read_fn input_read_fd;

#endif
