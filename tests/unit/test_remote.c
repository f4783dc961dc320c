/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No host of the other side has more connections than its limit allows; who
 * is refused waits where there are enough, comes in his turn, and never waits
 * where there is room.
 */
#include "vmta/remote.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "tests/support/fake_conf.h"
#include "tests/tap.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum { USERS = 8, CONNS = 40 };

struct user {
	struct remote_who who;
	unsigned woken;
};

static struct remotes all;
static struct snapshot *conf;
static struct user users[USERS];
static struct remote_conn conns[CONNS];

static void
on_woken(void *ctx, struct remote_who *who)
{
	CHECK(ctx == &all);
	((struct user *)(void *)who)->woken++;
}

/* Limits as `lines` say, up to NULL, from now on. */
static void
limit(const char *const *lines)
{
	struct snapshot *old = conf;
	struct err e;

	conf = fake_conf_new();
	for (; *lines != NULL; lines++)
		CHECK(fake_conf_line(conf, *lines, &e) == 0);
	remotes_set(&all, conf);
	snapshot_unref(&old);
}

static void
begin(const char *const *lines)
{
	remotes_init(&all, on_woken, &all);
	limit(lines);
	memset(conns, 0, sizeof(conns));
	for (size_t i = 0; i < USERS; i++) {
		users[i].woken = 0;
		remote_who_init(&users[i].who);
	}
}

static void
end(void)
{
	for (size_t i = 0; i < CONNS; i++)
		remote_closed(&all, &conns[i]);
	for (size_t i = 0; i < USERS; i++)
		remote_who_fini(&all, &users[i].who);
	is_int((int64_t)all.scopes.n, 0, "nothing is left");
	remotes_fini(&all);
	snapshot_unref(&conf);
}

static struct net_addr
ip(const char *text)
{
	struct net_addr a;
	struct err e;

	CHECK(net_addr_parse(slice_of(text), &a, &e) == 0);
	return a;
}

/* Connection c, for user u, asks for an address of a host. */
static bool
ask(size_t c, size_t u, const char *host, const char *local, const char *peer)
{
	const struct remote_to to = { host, ip(local), ip(peer) };
	const struct line_key key = { .vmta = &all,
		.priority = 50,
		.vmta_weight = 100,
		.origin_weight = 100 };

	conns[c].who = &users[u].who;
	return remote_ask(&all, &conns[c], &to, &key);
}

static bool
ask_mx(size_t c, size_t u)
{
	return ask(c, u, "mx.example", "10.0.0.1", "192.0.2.1");
}

static void
closed(size_t c)
{
	remote_closed(&all, &conns[c]);
	conns[c] = (struct remote_conn){ 0 };
}

/* As a scheduler does: all that may be opened is, then what is left goes. */
static bool
open_one(size_t c, size_t u)
{
	conns[c].who = &users[u].who;
	if (remote_room(&users[u].who) == 0)
		return false;
	remote_opened(&all, &conns[c]);
	return true;
}

/* ---- where it counts ----------------------------------------------------- */

static void
test_mx(void)
{
	static const char *const two[] = { "mx-connection-limit mx.example 2",
		NULL };

	begin(two);
	ok(ask_mx(0, 0) && ask_mx(1, 1), "two connections to the host");
	ok(!ask_mx(2, 2), "and no third");
	ok(!ask(3, 3, "MX.Example", "10.0.0.1", "192.0.2.9"),
	    "whatever its address, and however it is written");
	ok(ask(4, 4, "mx.example", "10.0.0.2", "192.0.2.1"),
	    "another local address has its own");
	ok(ask(5, 5, "other.example", "10.0.0.1", "192.0.2.1"),
	    "another host has no limit");
	is_int((int64_t)all.scopes.n, 2, "nor a counter");
	end();
}

static void
test_ip(void)
{
	static const char *const lines[] = {
		"ip-connection-limit 192.0.2.0/24 2", NULL
	};

	begin(lines);
	ok(ask(0, 0, "a", "10.0.0.1", "192.0.2.1") &&
		ask(1, 1, "b", "10.0.0.2", "192.0.2.1"),
	    "two connections to the address");
	ok(!ask(2, 2, "c", "10.0.0.3", "192.0.2.1"),
	    "no third, from whatever address of ours");
	ok(ask(3, 3, "c", "10.0.0.3", "192.0.2.2"),
	    "each address of the range has its own");
	ok(ask(4, 4, "c", "10.0.0.3", "198.51.100.1"), "one outside has none");
	end();
}

static void
test_both(void)
{
	static const char *const lines[] = { "mx-connection-limit * 2",
		"ip-connection-limit 192.0.2.1/32 1", NULL };

	begin(lines);
	ok(ask(0, 0, "mx.a", "10.0.0.1", "192.0.2.1"), "the first");
	ok(!ask(1, 1, "mx.b", "10.0.0.1", "192.0.2.1"),
	    "the address is full, the host is not");
	is_int((int64_t)all.scopes.n, 2,
	    "the host of the refused one has no counter");
	ok(ask(1, 1, "mx.a", "10.0.0.1", "192.0.2.2"),
	    "it goes to another address of the first host");
	ok(!ask(2, 2, "mx.a", "10.0.0.1", "192.0.2.3"),
	    "which is full with these two");
	ok(ask(0, 0, "mx.b", "10.0.0.1", "192.0.2.4"),
	    "the first one failed there and goes on");
	is_int(users[1].woken, 1, "who waited for the address is told");
	is_int(users[2].woken, 1, "and who waited for the host");
	end();
}

/* ---- who waits ----------------------------------------------------------- */

static const char *const one[] = { "mx-connection-limit mx.example 1", NULL };

static void
test_turns(void)
{
	begin(one);
	ok(ask_mx(0, 0), "the first has it");
	ok(!ask_mx(1, 1) && !ask_mx(2, 2) && !ask_mx(3, 1), "others wait");
	for (size_t c = 1; c <= 3; c++)
		closed(c);
	is_int(remote_room(&users[1].who), 0, "and open no connection");
	remotes_settle(&all);
	is_int(users[1].woken + users[2].woken, 0, "until it is free");
	closed(0);
	is_int(users[1].woken, 1, "then the first in line is told");
	is_int(users[2].woken, 0, "and only that one");
	ok(!ask_mx(4, 4), "who comes now is behind them");
	closed(4);
	ok(open_one(5, 1), "the first opens a connection");
	ok(remote_kept(&conns[5]) != NULL &&
		strcmp(remote_kept(&conns[5])->host, "mx.example") == 0,
	    "which knows where it has to go");
	remotes_settle(&all);
	is_int(users[2].woken, 0, "for which the slot is kept");
	ok(ask_mx(5, 1), "and has it");
	is_int(remote_room(&users[1].who), 0, "one at a time");
	closed(5);
	is_int(users[2].woken, 1, "then it is the second's turn");
	remotes_settle(&all);
	is_int(users[4].woken, 1, "who does not open one gives it up");
	is_int(remote_room(&users[2].who), UINT32_MAX, "and waits no more");
	ok(open_one(6, 4) && ask_mx(6, 4), "the next one has it");
	closed(6);
	is_int(users[1].woken, 2, "who has had one is in line again");
	end();
}

/* A slot gets free between the refusal and the end of the connection. */
static void
test_crossing(void)
{
	begin(one);
	ok(ask_mx(0, 0) && !ask_mx(1, 1) && !ask_mx(2, 2), "two wait");
	closed(0);
	is_int(users[1].woken, 1, "one is told before its connection has gone");
	remotes_settle(&all);
	is_int(users[2].woken, 0, "and keeps its turn");
	closed(1);
	ok(open_one(3, 1) && ask_mx(3, 1), "with the next connection");
	end();
}

static void
test_elsewhere(void)
{
	begin(one);
	ok(ask_mx(0, 0) && !ask_mx(1, 1), "the better host is full");
	ok(ask(1, 1, "backup.example", "10.0.0.1", "192.0.2.7"),
	    "another one is not");
	is_int(remote_room(&users[1].who), 0,
	    "nobody knows yet whether that one works");
	remote_connected(&all, &conns[1]);
	is_int(remote_room(&users[1].who), UINT32_MAX, "it does");
	closed(0);
	is_int(users[1].woken, 0, "it does not wait any more");
	end();
}

static void
test_unused(void)
{
	begin(one);
	ok(ask_mx(0, 0) && !ask_mx(1, 1) && !ask_mx(2, 2), "two wait");
	closed(1);
	closed(2);
	closed(0);
	ok(open_one(3, 1), "the first opens a connection");
	ok(ask(3, 1, "backup.example", "10.0.0.1", "192.0.2.7"),
	    "which goes elsewhere");
	is_int(users[2].woken, 0, "it may still come back to the first host");
	remote_connected(&all, &conns[3]);
	is_int(users[2].woken, 1, "it works: the next one's turn");
	end();
}

static void
test_others(void)
{
	begin(one);
	ok(ask_mx(0, 0), "one is there");
	ok(remote_other(&conns[0]) == NULL, "and nobody waits");
	ok(!ask_mx(1, 0), "its own queue would like another");
	ok(remote_other(&conns[0]) == NULL, "to which it need not yield");
	ok(!ask_mx(2, 2), "another queue, too");
	ok(remote_other(&conns[0]) == &users[2].who, "to that it has to");
	is_int(users[0].who.n, 1, "who waits for more goes behind it");
	remote_closing(&conns[0]);
	ok(!remote_is_surplus(&conns[0]), "it is on its way out");
	closed(0);
	is_int(users[2].woken, 1, "which is the next one");
	end();
}

/* ---- reloads ------------------------------------------------------------- */

static void
test_reload(void)
{
	static const char *const two[] = { "mx-connection-limit mx.example 2",
		NULL };
	static const char *const none[] = { NULL };

	begin(two);
	ok(ask_mx(0, 0) && ask_mx(1, 1) && !ask_mx(2, 2), "two of two");
	limit(one);
	ok(remote_is_surplus(&conns[0]), "lowered: there is one too many");
	remote_closing(&conns[0]);
	ok(!remote_is_surplus(&conns[1]), "and only one");
	closed(0);
	is_int(users[2].woken, 0, "which makes no room");
	limit(two);
	is_int(users[2].woken, 1, "raised: there is room for who waits");
	ok(open_one(2, 2) && ask_mx(2, 2) && !ask_mx(3, 3), "and no more");
	limit(none);
	is_int(users[3].woken, 1, "removed: nobody waits");
	ok(ask_mx(4, 4), "everybody goes");
	ok(open_one(3, 3) && ask_mx(3, 3), "who waited, too");
	limit(one);
	remote_note(&all, &conns[4],
	    &(struct remote_to){ "mx.example", ip("10.0.0.1"),
		ip("192.0.2.1") });
	remote_note(&all, &conns[3],
	    &(struct remote_to){ "mx.example", ip("10.0.0.1"),
		ip("192.0.2.1") });
	ok(!ask_mx(5, 5), "back: those that are there count");
	ok(remote_is_surplus(&conns[3]), "and are too many");
	end();
}

/* What was kept for one is no longer there when his connection asks. */
static void
test_lowered_while_kept(void)
{
	static const char *const two[] = { "mx-connection-limit mx.example 2",
		NULL };

	begin(two);
	ok(ask_mx(0, 0) && ask_mx(1, 1) && !ask_mx(2, 2), "two of two");
	closed(2);
	closed(1);
	ok(open_one(3, 2), "the one that waits opens a connection");
	limit(one);
	ok(!ask_mx(3, 2), "and then there is no room for it");
	closed(3);
	is_int(remote_room(&users[2].who), 0, "it waits again");
	closed(0);
	is_int(users[2].woken, 2, "until there is");
	ok(open_one(4, 2) && ask_mx(4, 2), "and has it");
	end();
}

/* ---- whatever happens ---------------------------------------------------- */

static uint64_t seed = 88172645463325252u;

static unsigned
random_below(unsigned n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed % n);
}

static const char *const hosts[] = { "mx.a", "mx.b", "mx.c" };
static const char *const locals[] = { "10.0.0.1", "10.0.0.2" };
static const char *const peers[] = { "192.0.2.1", "192.0.2.2", "192.0.2.3" };

enum state { NONE, TRIES, THERE, WORKS };

struct model {
	enum state state;
	size_t user, host, local, peer;
};

static struct model models[CONNS];
static unsigned mx_max[COUNT(hosts)], ip_max[COUNT(peers)];
static unsigned broken, gone;

static void
random_limits(void)
{
	char text[6][80];
	const char *lines[7] = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < COUNT(hosts); i++) {
		mx_max[i] = random_below(5);
		if (mx_max[i] == 0)
			continue;
		(void)snprintf(text[n], sizeof(text[n]),
		    "mx-connection-limit %s %u", hosts[i], mx_max[i]);
		lines[n] = text[n];
		n++;
	}
	for (size_t i = 0; i < COUNT(peers); i++) {
		ip_max[i] = random_below(6);
		if (ip_max[i] == 0)
			continue;
		(void)snprintf(text[n], sizeof(text[n]),
		    "ip-connection-limit %s/32 %u", peers[i], ip_max[i]);
		lines[n] = text[n];
		n++;
	}
	limit(lines);
	for (size_t i = 0; i < CONNS; i++)
		if (models[i].state >= THERE)
			remote_note(&all, &conns[i],
			    &(struct remote_to){ hosts[models[i].host],
				ip(locals[models[i].local]),
				ip(peers[models[i].peer]) });
}

/* Is it within the limits that one more goes there? */
static bool
may_go(const struct model *m)
{
	unsigned mx = 0, at = 0;

	for (size_t i = 0; i < CONNS; i++) {
		const struct model *o = &models[i];

		if (o == m || o->state < THERE)
			continue;
		mx += o->host == m->host && o->local == m->local;
		at += o->peer == m->peer;
	}
	return (mx_max[m->host] == 0 || mx < mx_max[m->host]) &&
	    (ip_max[m->peer] == 0 || at < ip_max[m->peer]);
}

static void
step(size_t i)
{
	struct model *m = &models[i];

	switch (m->state) {
	case NONE:
		m->user = random_below(USERS);
		m->local = m->user % COUNT(locals);
		if (open_one(i, m->user))
			m->state = TRIES;
		return;
	case TRIES:
	case THERE:
		if (random_below(4) == 0)
			break;
		if (m->state == THERE && random_below(2) == 0) {
			m->state = WORKS;
			remote_connected(&all, &conns[i]);
			return;
		}
		m->state = TRIES;
		m->host = random_below(COUNT(hosts));
		m->peer = random_below(COUNT(peers));
		if (!ask(i, m->user, hosts[m->host], locals[m->local],
			peers[m->peer]))
			return;
		broken += !may_go(m);
		gone++;
		m->state = THERE;
		return;
	case WORKS:
		if (conns[i].closing || random_below(3) > 0)
			break;
		remote_closing(&conns[i]);
		return;
	}
	m->state = NONE;
	closed(i);
}

static void
test_random(void)
{
	unsigned in_line = 0, waited = 0;

	memset(models, 0, sizeof(models));
	begin((const char *const[]){ NULL });
	for (unsigned n = 0; n < 200000; n++) {
		if (n % 500 == 0)
			random_limits();
		step(random_below(CONNS));
		if (random_below(8) == 0)
			remotes_settle(&all);
	}
	ok(broken == 0, "%u connections, %u over a limit", gone, broken);
	ok(gone > 10000, "and many were made");
	for (size_t u = 0; u < USERS; u++)
		waited += users[u].woken;
	ok(waited > 1000, "%u times somebody had to wait", waited);
	for (size_t i = 0; i < CONNS; i++)
		closed(i);
	for (unsigned n = 0; n < USERS; n++)
		remotes_settle(&all);
	for (size_t u = 0; u < USERS; u++)
		in_line += remote_waits_at(&users[u].who) != NULL;
	is_int(in_line, 0, "nobody waits where there is room");
	end();
}

int
main(void)
{
	test_mx();
	test_ip();
	test_both();
	test_turns();
	test_crossing();
	test_elsewhere();
	test_unused();
	test_others();
	test_reload();
	test_lowered_while_kept();
	test_random();
	is_int(fake_conf_alive(), 0, "no snapshot is left");
	return done_testing();
}
