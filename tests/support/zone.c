/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/zone.h"

#include <string.h>

#include "lib/check.h"
#include "lib/dns_answer.h"
#include "lib/mem.h"
#include "lib/str.h"

enum { RECORDS_MAX = 64 };

static struct slice
word(struct slice *line)
{
	struct slice w = { line->p, 0 };

	while (w.len < line->len && w.p[w.len] != ' ')
		w.len++;
	line->p += w.len;
	line->len -= w.len;
	*line = slice_trim(*line);
	return w;
}

static void
add(struct dns_answer *a, enum dns_type type, struct slice value)
{
	struct err e;

	CHECK(a->count < RECORDS_MAX);
	if (type == DNS_TXT)
		a->txt[a->count] = mem_strndup(value.p, value.len);
	else if (type == DNS_PTR)
		a->names[a->count] = mem_strndup(value.p, value.len);
	else if (type == DNS_MX)
		a->mx[a->count].host = mem_strndup(value.p, value.len);
	else
		CHECK(net_addr_parse(value, &a->addrs[a->count], &e) == 0);
	a->count++;
}

static struct dns_answer *
empty(enum dns_type type)
{
	struct dns_answer *a = dns_answer_new(DNS_NXDOMAIN);

	if (type == DNS_TXT)
		a->txt = mem_array(RECORDS_MAX, sizeof(*a->txt));
	else if (type == DNS_PTR)
		a->names = mem_array(RECORDS_MAX, sizeof(*a->names));
	else if (type == DNS_MX)
		a->mx = mem_array(RECORDS_MAX, sizeof(*a->mx));
	else
		a->addrs = mem_array(RECORDS_MAX, sizeof(*a->addrs));
	return a;
}

struct dns_answer *
zone_answer(const char *zone, const char *name, enum dns_type type)
{
	struct dns_answer *a = empty(type);
	bool failed = false;

	while (*zone != '\0') {
		struct slice line = { zone, strcspn(zone, "\n") };
		struct slice owner, what;

		zone += line.len + (zone[line.len] == '\n');
		owner = word(&line);
		what = word(&line);
		if (!slice_eq(owner, name))
			continue;
		if (a->status == DNS_NXDOMAIN)
			a->status = DNS_NODATA;
		if (slice_eq(what, "TEMP"))
			failed = true;
		if (!slice_eq(what, dns_type_name(type)))
			continue;
		if (slice_eq(line, "TEMP"))
			failed = true;
		else
			add(a, type, line);
	}
	if (a->count > 0)
		a->status = DNS_OK;
	if (failed) {
		dns_answer_unref(&a);
		a = dns_answer_temp(name, type, "SERVFAIL", 0);
	}
	return a;
}

size_t
zone_fill(const char *zone, struct dns_book *book)
{
	size_t n = dns_book_wanted(book);

	for (size_t i = 0; i < n; i++)
		dns_book_take(book, i,
		    zone_answer(zone, dns_book_name(book, i),
			dns_book_type(book, i)));
	dns_book_settle(book);
	return n;
}
