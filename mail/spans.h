/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spans - the times in which a message may be delivered: the windows of its
 * X-Schedule field.
 *
 *	X-Schedule: 2026-11-30 08:00:00 / 2026-11-30 12:00:00,
 *	 2026-12-01 08:00:00 / 2026-12-01 12:00:00
 *
 * Times are local ones of this host, with seconds and without a zone
 * (lib/day.h says what those are that come twice, or never), and the end of a
 * window is not in it.  They may come in any order and overlap; read, they are
 * ascending and apart.  Whatever cannot be read is an error: mail never goes
 * earlier than it was meant to.
 *
 * Pure but for the time zone of the host; any thread.  Arrays are the region's.
 */

#ifndef MAIL_SPANS_H
#define MAIL_SPANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/mem.h"
#include "lib/str.h"
#include "mail/packed.h"

#define SCHEDULE_HEADER "X-Schedule"

enum { SPANS_MAX = 64 };

struct span {
	int64_t start_us, end_us; /* wall clock; not the end itself */
};

/* None: the message may be delivered at any time. */
struct spans {
	size_t n;
	const struct span *v;
};

/* The value of the field; what is wrong says which window it is. */
int spans_parse(struct slice text, struct region *rg, struct spans *out,
    struct err *e);

/*
 * The first time from at_us on that is in one of them: at_us itself where there
 * are none.  INT64_MAX: they are over.
 */
int64_t spans_next(const struct spans *s, int64_t at_us);
/* When that ends in which at_us is; at_us if it is in none. */
int64_t spans_end(const struct spans *s, int64_t at_us);

bool spans_equal(const struct spans *a, const struct spans *b);

/* Bytes: n(1), n times: start(8) end(8).  What is not ascending is bad. */
void spans_pack(const struct spans *s, struct buf *out);
void spans_unpack(struct packed *r, struct region *rg, struct spans *out);

/* The same as a word, for the mark: "START-END,...", in seconds. */
void spans_print(const struct spans *s, struct buf *out);
bool spans_read(struct slice text, struct region *rg, struct spans *out);

#endif
