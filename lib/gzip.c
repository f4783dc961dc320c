/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/gzip.h"

#include <limits.h>
#include <stdlib.h>
#define ZLIB_CONST /* zlib reads its input only */
#include <zlib.h>

#include "lib/check.h"
#include "lib/mem.h"

/* deflateInit2(): the largest window, and "write a gzip header". */
#define WINDOW_BITS (15 + 16)
#define MEMORY_LEVEL 8

struct gzip {
	z_stream z;
};

struct gzip *
gzip_new(void)
{
	struct gzip *g = mem_new(struct gzip);

	/* It fails for want of memory only, which ends the process. */
	CHECK(deflateInit2(&g->z, Z_DEFAULT_COMPRESSION, Z_DEFLATED,
		  WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) == Z_OK);
	return g;
}

void
gzip_free(struct gzip **gp)
{
	struct gzip *g = *gp;

	*gp = NULL;
	if (g == NULL)
		return;
	(void)deflateEnd(&g->z); /* complains of a stream that was cut short */
	free(g);
}

void
gzip_restart(struct gzip *g)
{
	CHECK(deflateReset(&g->z) == Z_OK);
}

size_t
gzip_step(struct gzip *g, struct slice *in, bool last, char *out, size_t cap)
{
	int code;

	CHECK(cap > 0 && cap <= UINT_MAX && in->len <= UINT_MAX);
	g->z.next_in = (const Bytef *)in->p;
	g->z.avail_in = (uInt)in->len;
	g->z.next_out = (Bytef *)out;
	g->z.avail_out = (uInt)cap;
	code = deflate(&g->z, last ? Z_FINISH : Z_NO_FLUSH);
	/* Z_BUF_ERROR: there was nothing to do. */
	CHECK(code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR);
	in->p += in->len - g->z.avail_in;
	in->len = g->z.avail_in;
	return cap - g->z.avail_out;
}
