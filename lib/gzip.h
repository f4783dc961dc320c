/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gzip - a stream of bytes in the gzip form (RFC 1952), a piece at a time.
 *
 * Owned by one thread at a time; 270 KB each.
 */

#ifndef LIB_GZIP_H
#define LIB_GZIP_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/str.h"

struct gzip;

struct gzip *gzip_new(void);
void gzip_free(struct gzip **gp);

/* From the beginning, as if it were new. */
void gzip_restart(struct gzip *g);

/*
 * Takes what it can from the front of in; last: nothing comes behind it.
 * Returns how many bytes it put at out.  0 with last: the stream has ended;
 * otherwise it wants more input.
 */
size_t gzip_step(struct gzip *g, struct slice *in, bool last, char *out,
    size_t cap);

#endif
