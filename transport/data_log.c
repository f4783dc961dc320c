/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/data_log.h"

#include <string.h>

#include "lib/check.h"
#include "lib/log.h"

static void
begin(struct log_line *l, const struct data_log_of *of, uint64_t at)
{
	if (of->sent)
		log_begin(l, LOG_L_INFO, of->id, "smtp-data");
	else
		log_begin(l, LOG_L_INFO, of->id, "ingress-data");
	log_int(l, "at", (int64_t)at);
}

/* What stands in the row, and begins at that byte. */
static void
put_row(struct data_log *d, const struct data_log_of *of, uint64_t at)
{
	static const char digits[] = "0123456789abcdef";
	char hex[2 * DATA_LOG_ROW + 1], text[DATA_LOG_ROW + 1];
	struct log_line l;

	for (size_t i = 0; i < d->len; i++) {
		unsigned char c = (unsigned char)d->row[i];

		hex[2 * i] = digits[c >> 4];
		hex[2 * i + 1] = digits[c & 15];
		text[i] = c >= ' ' && c < 0x7f ? d->row[i] : '.';
	}
	hex[2 * d->len] = text[d->len] = '\0';
	begin(&l, of, at);
	log_str(&l, "hex", hex);
	log_str(&l, "text", text);
	log_end(&l);
	d->len = 0;
}

/* Of so many bytes that come: those that are told. */
static size_t
told_of(const struct data_log *d, size_t len)
{
	if (d->seen >= DATA_LOG_MAX)
		return 0;
	return len < DATA_LOG_MAX - d->seen ? len :
					      (size_t)(DATA_LOG_MAX - d->seen);
}

void
data_log_put(struct data_log *d, const struct data_log_of *of,
    struct slice bytes)
{
	size_t told = told_of(d, bytes.len);

	for (size_t n; told > 0; told -= n) {
		n = DATA_LOG_ROW - d->len;
		if (n > told)
			n = told;
		memcpy(d->row + d->len, bytes.p, n);
		d->len += n;
		d->seen += n;
		bytes.p += n;
		bytes.len -= n;
		if (d->len == DATA_LOG_ROW)
			put_row(d, of, d->seen - DATA_LOG_ROW);
	}
	d->seen += bytes.len;
}

void
data_log_end(struct data_log *d, const struct data_log_of *of)
{
	struct log_line l;

	CHECK(d->len < DATA_LOG_ROW);
	if (d->len > 0)
		put_row(d, of, d->seen - d->len);
	if (d->seen > DATA_LOG_MAX) {
		begin(&l, of, DATA_LOG_MAX);
		log_int(&l, "more", (int64_t)(d->seen - DATA_LOG_MAX));
		log_end(&l);
	}
	d->seen = 0;
}
