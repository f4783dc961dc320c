/* SPDX-License-Identifier: Apache-2.0 */
/* A mark is read back as it was made, and refused when one byte differs. */
#include "mail/mark.h"

#include <stdlib.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/str.h"
#include "tests/tap.h"

#define FAR_S INT64_C(4000000000)

static struct mark_key *
key_of(char fill, size_t len, struct err *e)
{
	char path[] = "/tmp/mailrace-mark-XXXXXX";
	int fd = mkstemp(path);
	struct mark_key *key = NULL;

	for (size_t i = 0; i < len; i++)
		if (write(fd, &fill, 1) != 1)
			break;
	(void)close(fd);
	(void)mark_key_read(path, &key, e);
	(void)unlink(path);
	return key;
}

static const struct span times[] = { { 0, 1000000 },
	{ 1796025600000000, 1796029200000000 } };

static const struct mark marks[] = {
	{ "ip4", "news-42", "a@b.example", "4ZqXyz", "app", NULL, "body", 50,
	    false, { 0 } },
	{ "", "", "", "4ZqXyz", "", NULL, "", 0, true, { 0 } },
	{ "pool one", "50%;off", "\"odd; one\"@b", "A1", "a b;c", "", "\xff",
	    100, true, { 0 } },
	{ "\xc3\xa4", "a=b", "j\xc3\xb6rg@b", "id", "j\xc3\xb6",
	    "s=s1; d = example.net;\n i=\"a;b\"@example.net", "\x01", 1, false,
	    { 0 } },
	{ "ip4", "", "a@b", "4ZqXyz", "", NULL, "", 50, false, { 2, times } },
	{ "ip4", "", "a@b", "4ZqXyz", "", "", "", 50, true, { 1, times } },
};

static bool
same(const struct mark *a, const struct mark *b)
{
	return strcmp(a->vmta, b->vmta) == 0 && strcmp(a->job, b->job) == 0 &&
	    (a->later == NULL) == (b->later == NULL) &&
	    (a->later == NULL || strcmp(a->later, b->later) == 0) &&
	    strcmp(a->sender, b->sender) == 0 &&
	    strcmp(a->queue_id, b->queue_id) == 0 &&
	    strcmp(a->user, b->user) == 0 &&
	    memcmp(a->body_hash, b->body_hash, 32) == 0 &&
	    spans_equal(&a->spans, &b->spans) && a->priority == b->priority &&
	    a->dflt == b->dflt;
}

/* No line of a message may be longer than this (RFC 5322 section 2.1.1). */
static size_t
longest_line(const char *text)
{
	size_t longest = 0, col = sizeof(MARK_HEADER ": ") - 1;

	for (; *text != '\0'; text++) {
		col = *text == '\n' ? 0 : col + 1;
		if (col > longest)
			longest = col;
	}
	return longest;
}

static void
test_round(const struct mark_key *key, struct region *rg)
{
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		const char *value = mark_make(key, &marks[i], rg);
		struct mark got;

		ok(mark_read(key, value, rg, &got) && same(&got, &marks[i]),
		    "mark %zu comes back", i);
		ok(longest_line(value) <= 998, "lines are short");
	}
}

/* As header_value() unfolds it, and as another program may fold it. */
static void
test_folds(const struct mark_key *key, struct region *rg)
{
	const char *value = mark_make(key, &marks[0], rg);
	struct buf flat = { 0 }, wide = { 0 };
	struct mark got;

	for (const char *p = value; *p != '\0'; p++) {
		if (*p != '\r' && *p != '\n')
			buf_byte(&flat, *p);
		buf_byte(&wide, *p);
		if (*p == 'e' || *p == '=')
			buf_str(&wide, "\n ");
	}
	ok(mark_read(key, buf_cstr(&flat), rg, &got), "unfolded");
	ok(mark_read(key, buf_cstr(&wide), rg, &got), "folded anew");
	buf_fini(&flat);
	buf_fini(&wide);
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* A blank may become another blank: folding is not covered. */
static void
test_flips(const struct mark_key *key, const struct mark *m, struct region *rg)
{
	char *value = region_strdup(rg, mark_make(key, m, rg));
	size_t len = strlen(value), believed = 0, cut = 0;
	struct mark got;

	for (size_t i = 0; i < len; i++)
		for (unsigned flip = 1; flip < 256; flip++) {
			char was = value[i];

			value[i] = (char)(was ^ (char)flip);
			if (!(is_blank(was) && is_blank(value[i])))
				believed += mark_read(key, value, rg, &got);
			value[i] = was;
		}
	is_int((int64_t)believed, 0, "no changed byte is believed");
	for (size_t i = 0; i < len; i++) {
		char was = value[i];

		value[i] = '\0';
		cut += mark_read(key, value, rg, &got);
		value[i] = was;
	}
	is_int((int64_t)cut, 0, "no part of it is believed");
}

/* Made before there was version 2, with the same key. */
static void
test_version_1(const struct mark_key *key, struct region *rg)
{
	static const char v1[] =
	    "v=1; vmta=ip4; job=news-42; prio=50; user=app;\r\n"
	    "\tfrom=6140622E6578616D706C65; id=4ZqXyz;\r\n"
	    "\tbh=Ym9keQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=;\r\n"
	    "\th=kOj9cAwJuYODeTP9M4FO8HS2jfc60IRUF7hTt2fZlGw=";
	char *other = region_strdup(rg, v1);
	struct mark got;

	ok(mark_read(key, v1, rg, &got) && same(&got, &marks[0]),
	    "one of version 1: its virtual MTA was asked for");
	other[2] = '2';
	ok(!mark_read(key, other, rg, &got), "it cannot be made another");
}

static void
test_junk(const struct mark_key *key, struct region *rg)
{
	static const char *const junk[] = {
		"",
		";",
		"v=1",
		"v=2; vmta=a; job=; prio=50; user=; from=; id=; bh=; h=",
		"v=2; vmta=a; dflt=2; job=; prio=50; user=; from=; id=; bh=; h=",
		("v=4; vmta=a; dflt=1; later=; job=; prio=50; user=; from=; "
		 "id=; bh=; h="),
		("v=4; vmta=a; dflt=1; spans=1; job=; prio=50; user=; from=; "
		 "id=; bh=; h="),
		("v=5; vmta=a; dflt=1; spans=1-2; job=; prio=50; user=; "
		 "from=; id=; bh=; h="),
		"v=3; vmta=a; dflt=1; job=; prio=50; user=; from=; id=; bh=; h=",
		"v=1; vmta=%; job=; prio=50; user=; from=; id=; bh=; h=",
		"v=1; vmta=a; job=; prio=500; user=; from=; id=; bh=; h=",
		"v=1; vmta=a; job=; prio=50; user=; from=6; id=; bh=; h=",
		"v=1; vmta=%00; job=; prio=50; user=; from=00; id=; bh=; h=",
	};
	struct buf huge = { 0 };
	struct mark got;

	for (size_t i = 0; i < sizeof(junk) / sizeof(junk[0]); i++)
		ok(!mark_read(key, junk[i], rg, &got), "junk: %s", junk[i]);
	buf_str(&huge, "v=1; vmta=");
	for (int i = 0; i < 100000; i++)
		buf_byte(&huge, 'x');
	ok(!mark_read(key, buf_cstr(&huge), rg, &got), "huge junk");
	buf_fini(&huge);
}

static void
test_long(const struct mark_key *key, struct region *rg)
{
	struct mark m = marks[0], got;
	char sender[1500], job[600];
	struct span many[SPANS_MAX];
	const char *value;

	memset(sender, 'x', sizeof(sender) - 1);
	memset(job, ';', sizeof(job) - 1);
	sender[sizeof(sender) - 1] = job[sizeof(job) - 1] = '\0';
	m.sender = sender;
	m.job = job;
	for (int i = 0; i < SPANS_MAX; i++)
		many[i] = (struct span){ (2 * i + FAR_S) * US_PER_S,
			(2 * i + 1 + FAR_S) * US_PER_S };
	m.spans = (struct spans){ SPANS_MAX, many };
	value = mark_make(key, &m, rg);
	ok(longest_line(value) <= 998, "a long sender and times are folded");
	ok(mark_read(key, value, rg, &got) && same(&got, &m), "and come back");
}

/* When it came is believed to the second, and no changed octet of it is. */
static void
test_arrival(const struct mark_key *key, const struct mark_key *other,
    struct region *rg)
{
	const int64_t came_us = INT64_C(1790000000000000);
	static const char message[] = "A: b\r\n\r\nhello\r\n";
	uint8_t body[32], other_body[32];
	size_t len, believed = 0;
	int64_t got = 0;
	char *value;

	mark_body_hash(slice_of(message), rg, body);
	mark_body_hash(slice_of("A: b\r\n\r\nhallo\r\n"), rg, other_body);
	value = region_strdup(rg,
	    mark_arrival_make(key, came_us + 7, body, rg));
	len = strlen(value);
	ok(!mark_arrival_read(key, value, other_body, &got),
	    "before another body it says nothing");
	mark_body_hash(slice_of("X: y\r\nA: b\r\n\r\nhello\r\n\r\n"), rg, body);

	ok(mark_arrival_read(key, value, body, &got) && got == came_us,
	    "an arrival comes back: %s", value);
	ok(!mark_arrival_read(other, value, body, &got), "another key says no");
	for (size_t i = 0; i < len; i++) {
		value[i] ^= 1;
		believed += mark_arrival_read(key, value, body, &got);
		value[i] ^= 1;
	}
	for (size_t i = 0; i < len; i++)
		believed += mark_arrival_read(key, region_strndup(rg, value, i),
		    body, &got);
	believed += mark_arrival_read(key, REGION_JOIN(rg, value, "x"), body,
	    &got);
	is_int((int64_t)believed, 0, "changed or cut it is not believed");
	ok(mark_is_field(slice_of("x-mailrace-mark")) &&
		mark_is_field(slice_of("X-Mailrace-Arrival")) &&
		!mark_is_field(slice_of("X-Mailrace-Arrivals")),
	    "fields of ours");
}

int
main(void)
{
	struct region *rg = region_new();
	struct err e;
	struct mark_key *key = key_of('k', MARK_KEY_MIN, &e);
	struct mark_key *other = key_of('l', 64, &e);
	struct mark got;

	ok(key != NULL && other != NULL, "keys of 32 and 64 bytes");
	ok(key_of('k', MARK_KEY_MIN - 1, &e) == NULL, "31 are too few: %s",
	    e.text);
	test_round(key, rg);
	test_folds(key, rg);
	ok(!mark_read(other, mark_make(key, &marks[0], rg), rg, &got),
	    "another key does not believe it");
	test_flips(key, &marks[0], rg);
	test_flips(key, &marks[3], rg);
	test_flips(key, &marks[4], rg);
	test_flips(key, &marks[5], rg);
	test_version_1(key, rg);
	test_junk(key, rg);
	test_long(key, rg);
	test_arrival(key, other, rg);
	mark_key_free(&key);
	mark_key_free(&other);
	region_free(&rg);
	return done_testing();
}
