/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An envelope of many recipients is in memory once on a worker, whether it came
 * with the message or is read from its segment, and goes with the last who has
 * it; one of few is everybody's own.
 */
#include "transport/envelope_read.h"

#include <string.h>

#include "queue/segment.h"
#include "queue/segment_priv.h"
#include "tests/tap.h"
#include "tests/unit/tmpdir.h"

enum { MANY = 1000, BODY = 5 };

static struct worker_env worker;
static struct region *rg;
static struct err e;

static void
pack(uint32_t count, struct buf *out)
{
	struct envelope env = envelope_blank;

	env.sender = "b@news.example";
	env.flags = ENVELOPE_VERP;
	env.rcpt_count = count;
	env.rcpts = region_array(rg, count, sizeof(*env.rcpts));
	for (uint32_t i = 0; i < count; i++)
		env.rcpts[i] = (struct env_rcpt){
			.addr = region_printf(rg, "r%u@in.example", i),
			.domain = "in.example",
			.vmta = "",
			.pool = "",
			.orcpt = "",
		};
	envelope_pack(&env, out);
}

static struct message *
make(uint64_t id, uint32_t count)
{
	struct buf packed = { 0 };
	struct message *m;

	pack(count, &packed);
	m = message_new(packed.p, (uint32_t)packed.len);
	m->id = id;
	m->body = body_new(BODY);
	memset(m->body->bytes, 'x', BODY);
	buf_fini(&packed);
	return m;
}

/* The same one in the spool, and not in memory any more. */
static struct message *
put_away(const struct message *m)
{
	struct segment_item item = { .id = m->id,
		.env = m->env,
		.env_len = m->env_len,
		.body = m->body->bytes,
		.body_len = m->body->len };
	struct segments *ss;
	size_t done;

	if (segments_open(tmpdir, 1 << 20, 0, 0, &ss, &e) == -1 ||
	    segments_append(ss, &item, 1, &done, &e) == -1 || done != 1 ||
	    segments_sync(ss, &e) == -1) {
		(void)printf("Bail out! %s\n", e.text);
		exit(99);
	}
	segments_free(&ss);
	return message_at(m->id, &item.loc);
}

static void
test_many(const char *label, struct message *m, struct message *again)
{
	struct envelope_shared *one, *two, *other;
	struct message *m2 = make(8, MANY);
	struct envelope a, b, c;
	struct body *x, *y, *z;

	one = envelope_share(&worker, m, &a, &x);
	two = envelope_share(&worker, again, &b, &y);
	other = envelope_share(&worker, m2, &c, &z);
	ok(one != NULL && one == two && a.rcpts == b.rcpts && x == y,
	    "%s: once in memory", label);
	ok(other != NULL && other != one, "%s: another one's is its own",
	    label);
	message_unref(&m);
	message_unref(&again);
	envelope_unshare(&one);
	body_unref(&x);
	is_str(b.rcpts[MANY - 1].addr, "r999@in.example", label);
	ok(y->len == BODY && y->bytes[BODY - 1] == 'x', "%s: its body", label);
	envelope_unshare(&two);
	body_unref(&y);
	is_str(c.rcpts[0].addr, "r0@in.example", "the other one stays");
	envelope_unshare(&other);
	body_unref(&z);
	message_unref(&m2);
	ok(LIST_EMPTY(&worker.envelopes), "%s: nothing is left", label);
}

static void
test_none(const char *label, struct message *m)
{
	struct envelope_shared *s;
	struct envelope env;
	struct body *body;

	s = envelope_share(&worker, m, &env, &body);
	ok(s == NULL && LIST_EMPTY(&worker.envelopes), "%s", label);
	envelope_unshare(&s);
	message_unref(&m);
}

int
main(void)
{
	struct message *m, *gone;

	tmpdir_make();
	rg = region_new();
	worker.segments = segment_reader_new(tmpdir);
	m = make(7, MANY);
	test_many("in memory", m, message_ref(m));
	m = make(7, MANY);
	gone = put_away(m);
	test_many("one read, one in memory", gone, m);
	m = make(7, MANY);
	gone = message_at(9, &(struct message_loc){ 1, 0, 1 << 16, BODY });
	test_none("one that cannot be read is nobody's", gone);
	m->env[0] = 99;
	test_none("nor one that cannot be understood", m);
	test_none("few recipients", make(7, 10));
	segment_reader_free(&worker.segments);
	region_free(&rg);
	tmpdir_remove();
	return done_testing();
}
