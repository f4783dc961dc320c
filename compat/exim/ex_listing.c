/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/exim/ex_listing.h"

#include <inttypes.h>

#include "compat/exim/ex_log.h"
#include "compat/log_text.h"

#define KB UINT64_C(1024)
#define MB (1024 * KB)

/* Minutes up to 90, hours up to 72. */
static void
add_age(int64_t s, struct buf *out)
{
	long long n = s < 0 ? 0 : s / 60;
	char unit = 'm';

	if (n > 90) {
		n = (n + 30) / 60;
		unit = 'h';
	}
	if (unit == 'h' && n > 72) {
		n = (n + 12) / 24;
		unit = 'd';
	}
	buf_printf(out, "%2lld%c ", n, unit);
}

static void
add_size(uint64_t size, struct buf *out)
{
	if (size == 0)
		buf_str(out, "     ");
	else if (size < KB)
		buf_printf(out, "%5" PRIu64, size);
	else if (size < 10 * KB)
		buf_printf(out, "%4.1fK", (double)size / (double)KB);
	else if (size < MB)
		buf_printf(out, "%4" PRIu64 "K", (size + KB / 2) / KB);
	else if (size < 10 * MB)
		buf_printf(out, "%4.1fM", (double)size / (double)MB);
	else
		buf_printf(out, "%4" PRIu64 "M", (size + MB / 2) / MB);
}

static void
add_addr(const char *s, struct buf *out)
{
	log_text(out, s, SIZE_MAX, LOG_AS_EXIM);
}

void
ex_listing_message(const struct listed *m, int64_t now_s, struct buf *out)
{
	char id[EX_ID_TEXT];

	add_age(now_s - m->arrival_s, out);
	add_size(m->size, out);
	buf_printf(out, " %s <", ex_log_id(m->id, m->host_id, id));
	add_addr(m->sender, out);
	buf_str(out, m->state == LISTED_HOLD ? "> *** frozen ***\n" : ">\n");
	for (size_t i = 0; i < m->rcpt_count; i++) {
		buf_str(out, "          ");
		add_addr(m->rcpts[i].addr, out);
		buf_byte(out, '\n');
	}
	buf_byte(out, '\n');
}
