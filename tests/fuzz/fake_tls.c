/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fake_tls.h"

#include <event2/bufferevent.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/tls.h"

/*
 * Until the handshake is over the connection is with nobody: what the server
 * says meanwhile waits in the kernel.
 */
struct tls_client {
	struct bufferevent *waiting;
	int fd;
};

static struct tls_client client = { .fd = -1 };

struct tls_client *
fake_tls_client(void)
{
	return &client;
}

bool
fake_tls_is_waiting(void)
{
	return client.waiting != NULL;
}

void
fake_tls_reset(void)
{
	client.waiting = NULL;
	if (client.fd >= 0)
		(void)close(client.fd);
	client.fd = -1;
}

void
fake_tls_finish(bool good)
{
	struct bufferevent *bev = client.waiting;

	if (bev == NULL)
		return;
	CHECK(bufferevent_setfd(bev, client.fd) == 0);
	client.fd = -1;
	client.waiting = NULL;
	bufferevent_trigger_event(bev,
	    good ? BEV_EVENT_CONNECTED : BEV_EVENT_ERROR,
	    BEV_OPT_DEFER_CALLBACKS);
}

struct bufferevent *
tls_client_start(struct tls_client *t, struct event_base *base, int fd,
    const char *server, struct err *e)
{
	(void)server;
	(void)e;
	CHECK(t == &client && t->waiting == NULL);
	t->waiting = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	CHECK(t->waiting != NULL);
	t->fd = fd;
	return t->waiting;
}

int
tls_client_limit(struct bufferevent *bev, const struct tls_limits *l,
    struct err *e)
{
	(void)bev;
	(void)l;
	(void)e;
	return 0;
}

bool
tls_client_judge(struct bufferevent *bev, const struct tls_trust *t,
    const struct tls_names *names, struct err *why)
{
	(void)bev;
	(void)t;
	(void)names;
	(void)why;
	return true;
}

void
tls_close(struct bufferevent *bev)
{
	(void)bev;
}

const char *
tls_describe(struct bufferevent *bev, char *out, size_t cap)
{
	(void)bev;
	(void)snprintf(out, cap, "TLSv1.3 NONE");
	return out;
}

void
tls_client_facts(struct bufferevent *bev, struct tls_facts *out)
{
	(void)bev;
	*out = (struct tls_facts){ .version = "TLSv1.3", .cipher = "NONE" };
}

const char *
tls_error(struct bufferevent *bev, char *out, size_t cap)
{
	(void)bev;
	(void)snprintf(out, cap, "no reason given");
	return out;
}
