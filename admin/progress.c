/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/clock.h"

#define FIRST_US US_PER_S
#define TERMINAL_US (US_PER_S / 2)
#define PLAIN_US (10 * US_PER_S)

void
progress_begin(struct progress *p, bool on, uint64_t total)
{
	*p = (struct progress){ .on = on,
		.terminal = isatty(STDERR_FILENO) == 1,
		.total = total,
		.began_us = clock_us() };
	p->next_us = p->began_us + (p->terminal ? FIRST_US : PLAIN_US);
}

void
progress_text(struct buf *out, const struct progress *p, uint64_t bytes,
    uint64_t rows, int64_t took_us)
{
	double s = (double)took_us / (double)US_PER_S, left;

	if (p->total > 0)
		buf_printf(out, "%d%% of ",
		    bytes >= p->total ?
			100 :
			(int)(100.0 * (double)bytes / (double)p->total));
	buf_printf(out, "%.1f MB, %" PRIu64 " rows, %.0f rows/s",
	    (double)(p->total > 0 ? p->total : bytes) / 1e6, rows,
	    s > 0 ? (double)rows / s : 0.0);
	if (p->total == 0 || bytes == 0 || bytes > p->total)
		return;
	left = s * (double)(p->total - bytes) / (double)bytes;
	buf_printf(out, ", %" PRId64 ":%02d left", (int64_t)left / 60,
	    (int)((int64_t)left % 60));
}

void
progress_tick(struct progress *p, uint64_t bytes, uint64_t rows)
{
	struct buf text = { 0 };
	int64_t now;

	if (!p->on)
		return;
	now = clock_us();
	if (now < p->next_us)
		return;
	p->next_us = now + (p->terminal ? TERMINAL_US : PLAIN_US);
	progress_text(&text, p, bytes, rows, now - p->began_us);
	/* What was found so far stands above the line. */
	if (p->terminal)
		(void)fflush(stdout);
	(void)fprintf(stderr, p->terminal ? "\r%s\033[K" : "%s\n",
	    buf_cstr(&text));
	p->shown = p->terminal;
	buf_fini(&text);
}

void
progress_hide(struct progress *p)
{
	if (p->shown)
		(void)fprintf(stderr, "\r\033[K");
	p->shown = false;
}
