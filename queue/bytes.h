/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bytes - a slice of any bytes, for keys and values; header only.  Borrowed:
 * it lives no longer than what p points to.
 */

#ifndef QUEUE_BYTES_H
#define QUEUE_BYTES_H

#include "lib/str.h"

static inline struct slice
bytes(const void *p, size_t len)
{
	return (struct slice){ p, len };
}

#endif
