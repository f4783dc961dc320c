/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A notification about anything that senders and servers may have said: it
 * has the fields and the parts that it should have and no others, lines of
 * 998 bytes at the most that end in CRLF, and nothing beyond ASCII unless it
 * says so.
 *
 * Bytes: action, kind; then texts that end in NUL (see read_input()); the
 * rest is the original message.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "mail/dsn_write.h"
#include "mail/envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BOUNDARY "=_boundary_of_the_report"

enum {
	OPT_UTF8 = 1,
	OPT_FULL = 2,
	OPT_SMTP = 4,
	OPT_TWO = 8, /* recipients */
	OPT_TRIED = 16,
	LINE_LEN_MAX = 998
};

static const char *const head_fields[] = { "Date", "From", "To", "Subject",
	"Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type",
	"Content-Transfer-Encoding", NULL };
static const char *const status_fields[] = { "Content-Type",
	"Content-Transfer-Encoding", "Original-Envelope-Id", "Reporting-MTA",
	"Received-From-MTA", "Arrival-Date", "X-Mailrace-Queue-ID",
	"X-Mailrace-Host-Queue-ID", "Original-Recipient", "Final-Recipient",
	"Action", "Status", "Remote-MTA", "Diagnostic-Code",
	"Last-Attempt-Date", "Will-Retry-Until", NULL };

/* ---- the input ----------------------------------------------------------- */

struct input {
	const char *p;
	size_t left;
	struct region *rg;
};

static const char *
text(struct input *in)
{
	size_t len = strnlen(in->p, in->left);
	const char *s = region_strndup(in->rg, in->p, len);

	in->p += len + (len < in->left);
	in->left -= len + (len < in->left);
	return s;
}

/* What a message is by the time somebody may be told of it. */
static bool
has_whole_lines(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((s.p[i] == '\n') != (i > 0 && s.p[i - 1] == '\r'))
			return false;
	return s.len == 0 || s.p[s.len - 1] == '\n';
}

static void
read_input(struct input *in, unsigned options, struct dsn_rcpt *r,
    struct dsn *d)
{
	bool two = (options & OPT_TWO) != 0;

	d->to = text(in);
	d->envid = text(in);
	d->from_mta = text(in);
	d->host_id = text(in);
	for (size_t i = 0; i < 1U + two; i++)
		r[i] = (struct dsn_rcpt){ .addr = text(in),
			.orcpt = text(in),
			.status = { 5, 1, 1 },
			.why = text(in),
			.smtp = (options & OPT_SMTP) != 0,
			.diag = text(in),
			.mta = text(in),
			.tried_us = (options & OPT_TRIED) != 0 ? 1 : 0 };
	d->rcpts = r;
	d->rcpt_count = 1U + two;
	d->text = (struct slice){ in->p, in->left };
	if (!has_whole_lines(d->text))
		d->text.len = 0;
}

/* ---- what must be so ----------------------------------------------------- */

/*
 * Is something of the original to be given back?  Not asked of the report:
 * an id of the host MTA may say "is enclosed", too.
 */
static bool
has_original(const struct dsn *d)
{
	const size_t header = d->text.len < DSN_HEADER_MAX ? d->text.len :
							     DSN_HEADER_MAX;

	if (d->text.len == 0)
		return false;
	if (d->full && d->action == DSN_FAILED && d->text.len <= DSN_FULL_MAX)
		return true;
	return memcmp(d->text.p, "\r\n", 2) != 0 &&
	    memchr(d->text.p, '\n', header) != NULL;
}

static bool
is_one_of(const char *p, size_t len, const char *const *names)
{
	for (; *names != NULL; names++)
		if (strlen(*names) == len && memcmp(p, *names, len) == 0)
			return true;
	return false;
}

/* Lines of fields, of the given names only; what is folded goes on. */
static void
check_fields(const char *p, const char *end, const char *const *names)
{
	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		const char *colon;

		CHECK(nl != NULL);
		if (*p != ' ' && *p != '\t' && *p != '\r') {
			colon = memchr(p, ':', (size_t)(nl - p));
			CHECK(colon != NULL);
			CHECK(is_one_of(p, (size_t)(colon - p), names));
		}
		p = nl + 1;
	}
}

/* Everything that is ours: all but the original. */
static void
check_lines(const char *p, const char *end, bool ascii)
{
	const char *line = p;

	for (; p < end; p++) {
		CHECK((unsigned char)*p >= ' ' || strchr("\r\n\t", *p) != NULL);
		CHECK(*p != 0x7f && (!ascii || (*p & 0x80) == 0));
		CHECK((*p == '\n') == (p > line && p[-1] == '\r'));
		if (*p != '\n')
			continue;
		CHECK(p - line - 1 <= LINE_LEN_MAX);
		line = p + 1;
	}
}

static const char *
next_part(const char *p, const char *end)
{
	static const char delimiter[] = "\r\n--" BOUNDARY;
	size_t len = sizeof(delimiter) - 1;
	const char *at = memmem(p, (size_t)(end - p), delimiter, len);

	CHECK(at != NULL);
	return at + len;
}

/* The third part, up to its end delimiter, has the first bytes of it. */
static void
check_original(struct slice original, const char *part, const char *end)
{
	const char *p = memmem(part, (size_t)(end - part), "\r\n\r\n", 4);
	size_t len;

	CHECK(p != NULL);
	p += 4;
	CHECK(p < end);
	len = (size_t)(end - p);
	CHECK(len <= original.len && memcmp(p, original.p, len) == 0);
}

static void
check_report(const struct dsn *d, const struct buf *out, uint8_t flags)
{
	const char *end = out->p + out->len;
	const char *empty = memmem(out->p, out->len, "\r\n\r\n", 4);
	const char *words = next_part(out->p, end);
	const char *status = next_part(words, end);
	const char *third = next_part(status, end);
	const char *last = has_original(d) ? next_part(third, end) : third;
	const char *ours = third - strlen("\r\n--" BOUNDARY);

	CHECK(empty != NULL && empty < words);
	CHECK(end - last == 4 && memcmp(last, "--\r\n", 4) == 0);
	check_fields(out->p, empty + 2, head_fields);
	CHECK(memcmp(status, "\r\n", 2) == 0);
	check_fields(status + 2, ours + 2, status_fields);
	if (last != third)
		check_original(d->text, third,
		    last - strlen("\r\n--" BOUNDARY));
	check_lines(out->p, ours, (flags & ENVELOPE_UTF8) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dsn_rcpt rcpts[2];
	struct dsn d = { .host = "mx.example.org",
		.boundary = BOUNDARY,
		.message_id = "id@mx.example.org",
		.id = "0123456789ABCDEF",
		.retry_until_us = 1 };
	struct input in = { .left = size - 2 };
	struct buf out = { 0 };
	uint8_t flags;

	if (size < 2 || memmem(data, size, BOUNDARY, sizeof(BOUNDARY) - 1))
		return 0;
	in.rg = region_new();
	in.p = (const char *)data + 2;
	d.action = (enum dsn_action)(data[0] % (DSN_DELAYED + 1));
	d.utf8 = (data[1] & OPT_UTF8) != 0;
	d.full = (data[1] & OPT_FULL) != 0;
	read_input(&in, data[1], rcpts, &d);
	flags = dsn_write(&d, in.rg, &out);
	check_report(&d, &out, flags);
	buf_fini(&out);
	region_free(&in.rg);
	return 0;
}
