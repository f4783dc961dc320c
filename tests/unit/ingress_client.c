/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/ingress_client.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/log.h"
#include "transport/ingress_senders.h"
#include "transport/sasl_server.h"

enum { ROUNDS = 12, GOT_MAX = 1 << 20 };

struct ingress_world world;

/* ---- the world ----------------------------------------------------------- */

void
world_init(void)
{
	struct err e;

	(void)signal(SIGPIPE, SIG_IGN);
	log_set_level(LOG_L_ERROR);
	world.worker = worker_new("test", &e);
	world.env.sasl = sasl_library_new(&e);
	world.counts = ingress_counts_new();
	fake_store_init(&world.store);
}

void
world_fini(void)
{
	fake_store_fini(&world.store);
	gate_free(&world.gate);
	gauge_unref(&world.places);
	sasl_library_free(&world.env.sasl);
	ingress_counts_unref(&world.counts);
	sender_counts_free(&world.env.sender_counts);
	worker_free(&world.worker);
}

static int
no_memory(struct memory_use *m, struct err *e)
{
	(void)e;
	*m = (struct memory_use){ .used = 1, .all = 100 };
	return 0;
}

void
world_gate(uint32_t max, int64_t patience_us)
{
	gate_free(&world.gate);
	gauge_unref(&world.places);
	world.places = gauge_new();
	world.conf.global.spool_max_rcpts = max;
	world.gate = gate_new(&(struct gate_options){ .main = world.worker,
	    .places = world.places,
	    .conf = &world.conf.global,
	    .patience_us = patience_us,
	    .memory = no_memory });
	world.env.gate = world.gate;
}

void
world_reset(void)
{
	fake_store_fini(&world.store);
	fake_store_init(&world.store);
	fake_snapshot_init(&world.conf);
	world.dispatch = (struct dispatch){ 0 };
	world.env.worker = world.worker;
	world.env.conf = &world.conf;
	world.env.store = &world.store;
	world.env.dispatch = &world.dispatch;
	sender_counts_free(&world.env.sender_counts);
	world.env.sender_counts = sender_counts_new();
	world_gate(0, 0);
	world.env.ingress_stopping = false;
}

/* ---- the client ---------------------------------------------------------- */

static struct ingress_peer
peer_of(const char *ip)
{
	struct ingress_peer p = { .is_unix = ip == NULL };
	struct err e;

	CHECK(net_addr_parse(slice_of(ip == NULL ? "127.0.0.1" : ip), &p.addr,
		  &e) == 0);
	return p;
}

void
client_open(struct client *c, enum ingress_protocol protocol, const char *ip,
    int type)
{
	struct ingress_door *door = ingress_door_new(protocol, "/door",
	    world.counts);
	struct ingress_peer peer = peer_of(ip);
	int fds[2];

	CHECK(socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		  fds) == 0);
	*c = (struct client){ .fd = fds[0] };
	(void)ingress_session_new(&world.env, fds[1], door, &peer);
	ingress_door_unref(&door);
}

void
client_pump(struct client *c)
{
	static char piece[65536];

	for (int i = 0; i < ROUNDS; i++) {
		ssize_t n;

		(void)event_base_loop(worker_base(world.worker),
		    EVLOOP_NONBLOCK);
		while (!c->closed &&
		    (n = read(c->fd, piece, sizeof(piece))) >= 0) {
			if (n == 0) {
				c->closed = true;
				break;
			}
			c->packets++;
			if (c->got.len < GOT_MAX)
				buf_add(&c->got, piece, (size_t)n);
		}
	}
}

void
client_send(struct client *c, const char *p, size_t len)
{
	for (int i = 0; len > 0 && i < 100000; i++) {
		ssize_t n = send(c->fd, p, len, MSG_NOSIGNAL);

		if (n > 0) {
			p += n;
			len -= (size_t)n;
		} else if (errno != EAGAIN) {
			return;
		}
		if (len > 0)
			client_pump(c);
	}
}

void
client_close(struct client *c)
{
	(void)close(c->fd);
	c->closed = true;
	client_pump(c);
	buf_fini(&c->got);
}

static bool
line_matches(struct slice got, struct slice want)
{
	if (want.len > 0 && want.p[want.len - 1] == '*') {
		want.len--;
		return got.len >= want.len &&
		    memcmp(got.p, want.p, want.len) == 0;
	}
	return got.len == want.len && memcmp(got.p, want.p, want.len) == 0;
}

bool
client_expect(struct client *c, struct slice want)
{
	char *lf = memchr(c->got.p == NULL ? "" : c->got.p, '\n', c->got.len);
	struct slice got;
	bool good;

	if (lf == NULL) {
		(void)printf("#   got nothing, want %.*s\n", (int)want.len,
		    want.p);
		return false;
	}
	got = (struct slice){ c->got.p, (size_t)(lf - c->got.p) };
	good = got.len > 0 && got.p[got.len - 1] == '\r' && got.len < 249;
	got.len -= good;
	good = good && line_matches(got, want);
	if (!good)
		(void)printf("#   got  %.*s\n#   want %.*s\n", (int)got.len,
		    got.p, (int)want.len, want.p);
	buf_drop(&c->got, (size_t)(lf + 1 - c->got.p));
	return good;
}

bool
client_talk(struct client *c, const char *script)
{
	struct buf out = { 0 };
	bool good = true;

	while (*script != '\0' && good) {
		const char *nl = strchr(script, '\n');
		struct slice line = { script + 2, (size_t)(nl - script) - 2 };

		if (script[0] == '>') {
			buf_add(&out, line.p, line.len);
			buf_str(&out, "\r\n");
		} else {
			client_send(c, out.p, out.len);
			buf_clear(&out);
			client_pump(c);
			good = client_expect(c, line);
		}
		script = nl + 1;
	}
	client_send(c, out.p, out.len);
	client_pump(c);
	buf_fini(&out);
	if (good && c->got.len > 0) {
		(void)printf("#   more came: %.*s\n", (int)c->got.len,
		    c->got.p);
		good = false;
	}
	return good;
}
