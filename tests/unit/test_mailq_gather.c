/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recipients become messages: one that is alone at once, others when they are
 * complete or nobody else comes, in the order of the envelope, none twice.
 */
#include "admin/mailq_gather.h"

#include "lib/str.h"
#include "tests/tap.h"

#define REPLY \
	"{'of': 'recipient', 'kind': 'reply', 'phase': 'RCPT', 'code': 451, " \
	"'text': '451 4.2.1 later', 'host': 'mx.example', " \
	"'address': '192.0.2.1'}"
#define LOST \
	"{'of': 'recipient', 'kind': 'lost', 'phase': 'DOT', 'text': 'x', " \
	"'host': 'mx.example', 'address': '192.0.2.1'}"

struct seen {
	struct buf text;
};

/* "id state sender: rcpt (reason), ...;" */
static void
on_message(void *ctx, const struct listed *m)
{
	struct seen *s = ctx;

	buf_printf(&s->text, "%llx %c %s:", (unsigned long long)m->id,
	    "ADH"[m->state], m -> sender);
	for (size_t i = 0; i < m->rcpt_count; i++)
		buf_printf(&s->text, " %s (%s)", m->rcpts[i].addr,
		    m->rcpts[i].reason);
	buf_str(&s->text, ";");
}

/* of: how many recipients its message has. */
static void
add(struct mailq_gather *g, int id, int n, int of, const char *more)
{
	struct buf text = { 0 };
	json_t *item;

	buf_printf(&text,
	    "{'id': '%016X', 'recipient': %d, 'recipients': %d, "
	    "'size': 7, 'arrival': 9, 'from': 's', 'to': 'r%d', %s}",
	    (unsigned)id, n, of, n, more);
	for (size_t i = 0; i < text.len; i++)
		if (text.p[i] == '\'')
			text.p[i] = '"';
	item = json_loads(buf_cstr(&text), 0, NULL);
	mailq_gather_add(g, item);
	json_decref(item);
	buf_fini(&text);
}

static void
is_seen(struct seen *s, const char *want, const char *what)
{
	is_str(buf_cstr(&s->text), want, what);
	buf_clear(&s->text);
}

static void
test_alone(struct mailq_gather *g, struct seen *s)
{
	add(g, 0x11, 0, 1, "'state': 'deferred', 'last_reply': " REPLY);
	is_seen(s,
	    "11 D s: r0 (host mx.example[192.0.2.1] said: 451 4.2.1 later "
	    "(in reply to RCPT TO command));",
	    "a reply");
	add(g, 0x12, 0, 1, "'state': 'deferred', 'last_reply': " LOST);
	is_seen(s,
	    "12 D s: r0 (lost connection with mx.example[192.0.2.1] while "
	    "sending end of data -- message may be sent more than once);",
	    "no reply");
	add(g, 0x13, 0, 1,
	    "'state': 'hold', 'last_reply': {'of': 'queue', 'text': 'no MX'}");
	is_seen(s, "13 H s: r0 (no MX);", "what its queue knows");
	add(g, 0x14, 0, 1, "'state': 'active', 'last_reply': " REPLY);
	is_seen(s, "14 A s: r0 ();", "one that does not wait");
	add(g, 0x15, 0, 1, "'state': 'deferred', 'last_reply': null");
	is_seen(s, "15 D s: r0 ();", "no reason is known");
	add(g, 0x16, 0, 1, "'state': 'deferred', 'error': 'segment 1: gone'");
	is_seen(s, "16 D s: unknown (segment 1: gone);", "it cannot be read");
}

static void
test_together(struct mailq_gather *g, struct seen *s)
{
	add(g, 2, 1, 3, "'state': 'hold'");
	add(g, 3, 5, 2, "'state': 'hold'");
	add(g, 2, 2, 3, "'state': 'deferred'");
	is_seen(s, "", "they wait for the others");
	add(g, 2, 0, 3, "'state': 'hold'");
	is_seen(s, "2 D s: r0 () r1 () r2 ();",
	    "complete; one that is not held back is enough");
	add(g, 4, 1, 4, "'state': 'hold'");
	add(g, 4, 1, 4, "'state': 'active'");
	add(g, 4, 0, 4, "'state': 'hold'");
	mailq_gather_end(g);
	is_seen(s, "3 H s: r5 ();4 A s: r0 () r1 ();",
	    "who has left meanwhile does not come, who has moved once");
}

/* What a queue that moves on gives a walk through it. */
static void
test_moving(struct mailq_gather *g, struct seen *s)
{
	add(g, 0x21, 0, 1, "'state': 'active'");
	is_seen(s, "21 A s: r0 ();", "it is being sent");
	add(g, 0x21, 0, 1, "'state': 'deferred'");
	is_seen(s, "", "and waits then: it was told");

	add(g, 0x22, 0, 2, "'state': 'hold'");
	add(g, 0x22, 1, 1, "'state': 'hold'");
	mailq_gather_end(g);
	is_seen(s, "22 H s: r0 () r1 ();",
	    "the first one ended meanwhile: one message all the same");

	add(g, 0x23, 0, 3, "'state': 'hold'");
	add(g, 0x23, 0, 3, "'state': 'hold'");
	add(g, 0x23, 2, 3, "'state': 'hold'");
	is_seen(s, "", "two of three, one of them twice");
	add(g, 0x23, 1, 3, "'state': 'hold'");
	is_seen(s, "23 H s: r0 () r1 () r2 ();", "now all");
	add(g, 0x23, 1, 3, "'state': 'hold'");
	mailq_gather_end(g);
	is_seen(s, "", "which was told");

	add(g, 0x24, 0, 3, "'state': 'hold'");
	add(g, 0x24, 1, 2, "'state': 'hold'");
	is_seen(s, "", "one ended, perhaps the one that is not there yet");
	add(g, 0x24, 2, 2, "'state': 'hold'");
	is_seen(s, "24 H s: r0 () r1 () r2 ();", "it was not");
}

/* More than the set of what was told has room for at first. */
static void
test_many(struct mailq_gather *g, struct seen *s)
{
	int told = 0;

	for (int turn = 0; turn < 2; turn++)
		for (int i = 0; i < 5000; i++) {
			add(g, 0x10000 + i * 64, 0, 1, "'state': 'active'");
			told += s->text.len > 0;
			buf_clear(&s->text);
		}
	is_int(told, 5000, "each once");
}

int
main(void)
{
	struct seen s = { 0 };
	struct mailq_gather *g = mailq_gather_new(on_message, &s);

	test_alone(g, &s);
	test_together(g, &s);
	test_moving(g, &s);
	test_many(g, &s);
	add(g, 5, 0, 2, "'state': 'hold'");
	mailq_gather_free(&g);
	is_seen(&s, "", "what is left is freed");
	buf_fini(&s.text);
	return done_testing();
}
