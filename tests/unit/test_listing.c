/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `list` names what fits its pattern, no more of it than was asked for, and
 * says how many there were.  The messages are deferred, so their envelopes are
 * read from a segment.
 */
#include "transport/listing.h"

#include "lib/clock.h"
#include "mail/envelope.h"
#include "queue/segment_priv.h"
#include "tests/support/fake_conf.h"
#include "tests/tap.h"
#include "tests/unit/tmpdir.h"
#include "transport/worker_env.h"

#define NOW US_PER_S

static struct segments *segments;
static struct worker_env reader;

static void
on_conn(void *ctx, struct sched_conn *c)
{
	(void)ctx;
	(void)c;
}

static void
on_grant(void *ctx, struct sched_conn *c, struct grant *g)
{
	(void)ctx;
	(void)c;
	(void)g;
}

static void
on_expired(void *ctx, struct sched_queue *q, struct message *m, uint32_t n,
    uint16_t attempts)
{
	(void)ctx;
	(void)q;
	(void)m;
	(void)n;
	(void)attempts;
}

static const struct sched_owner owner = { on_conn, on_grant, on_conn,
	on_expired };

/* One message to a.example (two recipients), b.example and sub.b.example. */
static void
add_message(struct sched *s, uint64_t id)
{
	struct env_rcpt rcpts[] = {
		{ .addr = "x@a.example", .domain = "a.example", .vmta = "" },
		{ .addr = "y@a.example", .domain = "a.example", .vmta = "" },
		{ .addr = "x@b.example", .domain = "b.example", .vmta = "one" },
		{ .addr = "x@sub.b.example",
		    .domain = "sub.b.example",
		    .vmta = "two" },
	};
	struct envelope env = { .sender = "s@x.example",
		.envid = "",
		.job = "news",
		.pool = "",
		.auth_user = "",
		.host_id = "3F0A",
		.src_mta = "",
		.rcpt_count = 4,
		.rcpts = rcpts };
	struct sched_rcpt_in in[4] = { 0 };
	struct segment_item record = { .id = id, .body = "", .body_len = 0 };
	struct buf bytes = { 0 };
	struct message *m;
	size_t done;
	struct err e;

	envelope_pack(&env, &bytes);
	record.env = bytes.p;
	record.env_len = (uint32_t)bytes.len;
	ok(segments_append(segments, &record, 1, &done, &e) == 0 && done == 1,
	    "message %d is in the spool", (int)id);
	m = message_at(id, &record.loc);
	for (uint32_t i = 0; i < 4; i++) {
		in[i].n = i;
		in[i].domain = rcpts[i].domain;
		in[i].vmta = rcpts[i].vmta;
		in[i].due_us = NOW + 60 * US_PER_S;
		in[i].attempts = 2;
		in[i].queued_us = NOW;
	}
	sched_add(s, m, in, 4, NOW);
	message_unref(&m);
	buf_fini(&bytes);
}

static const struct {
	const char *label, *queue;
	int maxitems;
	int matched, shown;
} cases[] = {
	{ "all", NULL, 0, 8, 8 },
	{ "a star is all", "*/*", 0, 8, 8 },
	{ "a domain, without regard to case", "A.Example", 0, 4, 4 },
	{ "a pattern", "*.b.example", 0, 2, 2 },
	{ "a virtual MTA", "*/one", 0, 2, 2 },
	{ "ours", "*/{default}", 0, 4, 4 },
	{ "both must fit", "a.example/one", 0, 0, 0 },
	{ "two at most", NULL, 2, 8, 2 },
};

static int64_t
number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

/* Takes a listing to its end; the last item, or NULL. */
static json_t *
check_all(struct listing *l, int shown, int matched, const char *what)
{
	json_t *item, *last = NULL, *sum = listing_sum(l);
	int n = 0;

	for (;;) {
		if (listing_wants_read(l))
			listing_read(l, &reader);
		item = listing_next(l);
		if (item == NULL)
			break;
		json_decref(last);
		last = item;
		n++;
	}
	ok(n == shown && number(sum, "shown") == shown &&
		number(sum, "matched") == matched,
	    "%s: %d of %d", what, n, (int)number(sum, "matched"));
	json_decref(sum);
	return last;
}

static void
test_case(struct sched *s, size_t i)
{
	json_t *args = json_pack("{s:s*,s:i}", "queue", cases[i].queue,
	    "maxitems", cases[i].maxitems);
	struct listing *l = listing_new(args);

	listing_take_rcpts(l, s, NOW);
	json_decref(
	    check_all(l, cases[i].shown, cases[i].matched, cases[i].label));
	listing_free(&l);
	json_decref(args);
}

static const char *
text(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static void
test_words(struct sched *s)
{
	json_t *args = json_pack("{s:s}", "queue", "*/two");
	struct listing *l = listing_new(args);
	json_t *item;

	listing_take_rcpts(l, s, NOW);
	item = check_all(l, 2, 2, "recipients of two");
	is_str(text(item, "to"), "x@sub.b.example", "the recipient");
	is_str(text(item, "from"), "s@x.example", "the sender");
	is_str(text(item, "vmta"), "two", "the virtual MTA");
	is_str(text(item, "job"), "news", "the job");
	is_str(text(item, "host_id"), "3F0A", "the host MTA's queue id");
	is_int(number(item, "attempts"), 2, "attempts");
	ok(json_is_false(json_object_get(item, "sending")), "it waits");
	json_decref(item);
	listing_free(&l);
	l = listing_new(args);
	listing_take_rcpts(l, s, NOW);
	listing_free(&l);
	ok(l == NULL, "one that nobody read gives its messages back");
	json_decref(args);
}

int
main(void)
{
	struct snapshot *conf = fake_conf_new();
	struct sched *s;
	struct err e;

	ok(fake_conf_vmta(conf, "one", "max-smtp-out", "1", &e) == 0 &&
		fake_conf_vmta(conf, "two", "max-smtp-out", "1", &e) == 0,
	    "two virtual MTAs");
	s = sched_new(conf, &owner, NULL, NOW);
	snapshot_unref(&conf);
	(void)tmpdir_make();
	if (segments_open(tmpdir, 0, 0, 0, &segments, &e) == -1)
		return 99;
	reader.segments = segment_reader_new(tmpdir);
	add_message(s, 1);
	add_message(s, 2);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		test_case(s, i);
	test_words(s);
	sched_free(&s);
	segment_reader_free(&reader.segments);
	segments_free(&segments);
	tmpdir_remove();
	return done_testing();
}
