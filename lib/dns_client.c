/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A question goes: waiting -> sent -> (answered | waiting), until it is
 * answered well, or TRIES_MAX or LAST_TRY_US is reached.
 *
 *	SERVFAIL, REFUSED, garbage   the next server that has not said so
 *	FORMERR                      the same server, without EDNS
 *	truncated                    the same server, over TCP
 *	cut at 512 bytes by c-ares   the same server, over TCP
 *	time-out                     the next server, which then is the first
 *	                             one to be asked by others too
 *	refused connection           the next server, a little later
 */
#include "lib/dns_client.h"

#include <ares.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/dns_answer.h"
#include "lib/dns_packet.h"
#include "lib/log.h"
#include "lib/mem.h"

#define TRY_MS 2000
#define TRIES_MAX 5
#define LAST_TRY_US (5500 * US_PER_MS) /* no try starts later than this */
#define CUT_AT 512                     /* see struct server */
#define REFUSED_WAIT_US (300 * US_PER_MS)

/*
 * Time-outs are looked for this often; ares_timeout(), which would say when,
 * walks through all open questions.
 */
#define TICK_US 100000

/* More at once only make the name server drop some. */
#define SENT_MAX 500

#define FLAGS (ARES_FLAG_NOCHECKRESP | ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES)
#define UDP_FLAGS (ARES_FLAG_IGNTC | ARES_FLAG_EDNS)
#define PLAIN_FLAGS ARES_FLAG_IGNTC
#define TCP_FLAGS ARES_FLAG_USEVC

struct sock { /* one of c-ares' sockets */
	SLIST_ENTRY(sock) link;
	ares_socket_t fd;
	struct event *ev;
	struct channel *channel;
};

struct channel {
	struct dns_client *client;
	ares_channel ares;
	SLIST_HEAD(, sock) socks;
	size_t sent; /* questions out on it */
	bool worn;   /* it may have lost EDNS: make a new one when idle */
};

/*
 * c-ares cuts what comes by UDP at 512 bytes unless its own EDNS is on, and
 * with that on it shortens questions after a FORMERR, ours without OPT too.
 * So those without OPT have a channel of their own.
 */
struct server {
	struct dns_server where;
	struct channel udp, plain, tcp;
};

struct question {
	TAILQ_ENTRY(question) link; /* in waiting, later or sent */
	struct dns_client *client;
	struct channel *channel; /* while it is sent */
	char *name;
	enum dns_type type;
	int64_t asked_us;
	int64_t due_us; /* while in later */
	unsigned tries;
	size_t server;
	uint32_t bad; /* servers whose answer was of no use, as bits */
	bool tcp, no_edns;
	struct dns_answer *last; /* the last failure, or NULL */
};

TAILQ_HEAD(question_list, question);

struct dns_client {
	struct worker *worker;
	dns_client_fn *fn;
	void *ctx;
	struct event *tick;           /* also made active to go on at once */
	struct question_list waiting; /* go as soon as they fit */
	struct question_list later;   /* all wait REFUSED_WAIT_US: in order */
	struct question_list sent;
	size_t sent_count;
	size_t first; /* the server to begin with */
	size_t server_count;
	struct server servers[DNS_SERVERS_MAX];
	bool closing;
};

/* ---- the list of servers ------------------------------------------------- */

static int
parse_server(const char *text, struct dns_server *s, struct err *e)
{
	if (net_addr_parse(slice_of(text), &s->addr, e) == 0) {
		s->port = 53;
		return 0;
	}
	if (net_endpoint_parse(text, &s->addr, &s->port, e) == -1)
		return err_where(e, "name server");
	return 0;
}

static void
take_node(struct dns_servers *s, const struct ares_addr_port_node *node)
{
	struct dns_server *one = &s->v[s->n];

	if (s->n == DNS_SERVERS_MAX)
		return;
	*one = (struct dns_server){ .port = 53 };
	if (node->udp_port > 0)
		one->port = (uint16_t)node->udp_port;
	one->addr.family = (uint8_t)node->family;
	memcpy(one->addr.a, &node->addr, node->family == AF_INET ? 4 : 16);
	s->n++;
}

static int
read_system(struct dns_servers *s, struct err *e)
{
	struct ares_addr_port_node *list = NULL;
	ares_channel ch;
	int rc = ares_init(&ch);

	if (rc == ARES_SUCCESS) {
		rc = ares_get_servers_ports(ch, &list);
		for (struct ares_addr_port_node *n = list; n != NULL;
		     n = n->next)
			take_node(s, n);
		ares_free_data(list);
		ares_destroy(ch);
	}
	if (rc != ARES_SUCCESS)
		return err_set(e, "the system's name servers: %s",
		    ares_strerror(rc));
	if (s->n == 0)
		return err_set(e, "the system has no name server");
	return 0;
}

int
dns_servers_read(struct dns_servers *s, const char *const *list, size_t count,
    struct err *e)
{
	static const char *const clear[] = { "HOSTALIASES", "LOCALDOMAIN",
		"RES_OPTIONS" };

	/* Read once, before any worker runs. */
	for (size_t i = 0; i < sizeof(clear) / sizeof(clear[0]); i++)
		/* NOLINTNEXTLINE(concurrency-mt-unsafe) */
		(void)unsetenv(clear[i]);
	*s = (struct dns_servers){ 0 };
	CHECK(ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS);
	if (count == 0)
		return read_system(s, e);
	if (count > DNS_SERVERS_MAX)
		return err_set(e, "more than %d name servers", DNS_SERVERS_MAX);
	for (; s->n < count; s->n++)
		if (parse_server(list[s->n], &s->v[s->n], e) == -1)
			return -1;
	return 0;
}

/* ---- sockets ------------------------------------------------------------- */

static void
on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct sock *k = arg;

	/* k may be gone after this. */
	ares_process_fd(k->channel->ares, what & EV_READ ? fd : ARES_SOCKET_BAD,
	    what & EV_WRITE ? fd : ARES_SOCKET_BAD);
}

static struct sock *
find_sock(struct channel *ch, ares_socket_t fd)
{
	struct sock *k;

	SLIST_FOREACH(k, &ch->socks, link)
	if (k->fd == fd)
		return k;
	return NULL;
}

static void
sock_free(struct channel *ch, struct sock **kp)
{
	struct sock *k = *kp;

	*kp = NULL;
	if (k == NULL)
		return;
	SLIST_REMOVE(&ch->socks, k, sock, link);
	event_free(k->ev);
	free(k);
}

/* c-ares tells what it wants to know of a socket; nothing: it closes it. */
static void
on_sock_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct channel *ch = arg;
	struct sock *k = find_sock(ch, fd);
	int events = EV_PERSIST;

	if (readable == 0 && writable == 0) {
		sock_free(ch, &k);
		return;
	}
	if (readable != 0)
		events |= EV_READ;
	if (writable != 0)
		events |= EV_WRITE;
	if (k == NULL) {
		k = mem_new(struct sock);
		k->fd = fd;
		k->channel = ch;
		SLIST_INSERT_HEAD(&ch->socks, k, link);
	} else {
		event_free(k->ev);
	}
	k->ev = event_new(worker_base(ch->client->worker), fd, (short)events,
	    on_socket, k);
	CHECK(k->ev != NULL && event_add(k->ev, NULL) == 0);
}

/* ---- channels ------------------------------------------------------------ */

static int
channel_init(struct channel *ch, struct dns_client *c,
    const struct dns_server *s, int flags, struct err *e)
{
	struct ares_addr_port_node node = { .family = s->addr.family,
		.udp_port = s->port,
		.tcp_port = s->port };
	char lookups[] = "b", nothing[] = "/dev/null";
	struct ares_options opt = { .flags = flags | FLAGS,
		.timeout = TRY_MS,
		.tries = 1,
		.ednspsz = DNS_PAYLOAD,
		.lookups = lookups,
		.resolvconf_path = nothing,
		.sock_state_cb = on_sock_state,
		.sock_state_cb_data = ch };
	int rc;

	ch->client = c;
	ch->worn = false;
	SLIST_INIT(&ch->socks);
	rc = ares_init_options(&ch->ares, &opt,
	    ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
		ARES_OPT_LOOKUPS | ARES_OPT_EDNSPSZ | ARES_OPT_DOMAINS |
		ARES_OPT_RESOLVCONF | ARES_OPT_NOROTATE |
		ARES_OPT_SOCK_STATE_CB);
	if (rc != ARES_SUCCESS) {
		ch->ares = NULL;
		return err_set(e, "c-ares: %s", ares_strerror(rc));
	}
	memcpy(&node.addr, s->addr.a, s->addr.family == AF_INET ? 4 : 16);
	rc = ares_set_servers_ports(ch->ares, &node);
	if (rc != ARES_SUCCESS) {
		ares_destroy(ch->ares);
		ch->ares = NULL;
		return err_set(e, "c-ares: %s", ares_strerror(rc));
	}
	return 0;
}

static void
channel_fini(struct channel *ch)
{
	if (ch->ares != NULL)
		ares_destroy(ch->ares); /* calls back for what is open */
	ch->ares = NULL;
	CHECK(SLIST_EMPTY(&ch->socks) && ch->sent == 0);
}

/* Not from a callback of the channel.  If it fails, the old one goes on. */
static void
renew_if_idle(struct server *s)
{
	struct channel *ch = &s->udp;
	ares_channel old = ch->ares;
	struct err e;

	if (!ch->worn || ch->sent > 0 || !SLIST_EMPTY(&ch->socks))
		return;
	if (channel_init(ch, ch->client, &s->where, UDP_FLAGS, &e) == -1) {
		ch->ares = old;
		log_note(LOG_L_WARN, "dns", "%s", e.text);
		return;
	}
	ares_destroy(old);
}

/* ---- questions ----------------------------------------------------------- */

static void
question_free(struct question **qp)
{
	struct question *q = *qp;

	*qp = NULL;
	dns_answer_unref(&q->last);
	free(q->name);
	free(q);
}

static void
tick_soon(struct dns_client *c)
{
	event_active(c->tick, EV_TIMEOUT, 0);
}

/* The answer goes out; q is gone. */
static void
finish(struct question *q, struct dns_answer *a)
{
	struct dns_client *c = q->client;

	c->fn(c->ctx, q->name, q->type, a);
	question_free(&q);
}

/* A server that has given no useless answer yet, from `from` on. */
static bool
find_server(const struct question *q, size_t from, size_t *server_r)
{
	size_t n = q->client->server_count;

	for (size_t i = 0; i < n; i++) {
		size_t at = (from + i) % n;

		if ((q->bad & 1U << at) == 0) {
			*server_r = at;
			return true;
		}
	}
	return false;
}

/* Tries again, at once or a little later, or gives up with a. */
static void
again(struct question *q, struct dns_answer *a, bool at_once)
{
	struct dns_client *c = q->client;
	int64_t now = clock_us();

	if (q->tries >= TRIES_MAX || now - q->asked_us > LAST_TRY_US ||
	    !find_server(q, q->server, &q->server)) {
		finish(q, a);
		return;
	}
	dns_answer_unref(&q->last);
	q->last = a;
	if (at_once) {
		TAILQ_INSERT_HEAD(&c->waiting, q, link);
		tick_soon(c);
	} else {
		q->due_us = now + REFUSED_WAIT_US;
		TAILQ_INSERT_TAIL(&c->later, q, link);
	}
}

/* c-ares gave up: there is no packet. */
static void
on_silence(struct question *q, int status)
{
	struct dns_client *c = q->client;
	bool silent = status == ARES_ETIMEOUT;
	struct dns_answer *a = dns_answer_temp(q->name, q->type,
	    silent ? "time-out" : ares_strerror(status), clock_us());

	if (c->first == q->server)
		c->first = (c->first + 1) % c->server_count;
	q->server = (q->server + 1) % c->server_count;
	again(q, a, silent);
}

static void
on_packet(struct question *q, struct channel *ch, const uint8_t *p, size_t len)
{
	struct dns_answer *a = dns_packet_answer(p, len, q->name, q->type,
	    clock_us());
	struct dns_packet_head h;

	if (a->status != DNS_TEMP) {
		finish(q, a);
		return;
	}
	if (dns_packet_head(p, len, &h) && h.truncated && !q->tcp) {
		q->tcp = true;
	} else if (h.rcode == DNS_RCODE_FORMERR && !q->no_edns) {
		q->no_edns = true;
		ch->worn = true;
	} else if (len == CUT_AT && !q->tcp) {
		q->tcp = true;
		ch->worn = true;
	} else {
		q->bad |= 1U << q->server;
	}
	again(q, a, true);
}

static void
on_ares(void *arg, int status, int timeouts, unsigned char *p, int len)
{
	struct question *q = arg;
	struct dns_client *c = q->client;
	struct channel *ch = q->channel;

	(void)timeouts;
	TAILQ_REMOVE(&c->sent, q, link);
	c->sent_count--;
	ch->sent--;
	q->channel = NULL;
	if (c->closing)
		question_free(&q);
	else if (status == ARES_SUCCESS && p != NULL && len > 0)
		on_packet(q, ch, p, (size_t)len);
	else
		on_silence(q, status);
	if (!TAILQ_EMPTY(&c->waiting) && !c->closing)
		tick_soon(c);
}

static uint16_t
random_id(void)
{
	uint16_t id = 0;

	while (getrandom(&id, sizeof(id), 0) != (ssize_t)sizeof(id))
		; /* interrupted; it waits only until the kernel has its seed */
	return id;
}

/* The callback may run before this returns. */
static void
send_question(struct question *q)
{
	struct dns_client *c = q->client;
	struct server *s = &c->servers[q->server];
	uint8_t packet[DNS_QUERY_CAP];
	size_t len = dns_packet_query(packet, q->name, q->type, random_id(),
	    !q->no_edns);

	q->tries++;
	renew_if_idle(s);
	q->channel = q->tcp ? &s->tcp : q->no_edns ? &s->plain : &s->udp;
	q->channel->sent++;
	c->sent_count++;
	TAILQ_INSERT_TAIL(&c->sent, q, link);
	ares_send(q->channel->ares, packet, (int)len, on_ares, q);
}

/* ---- the tick ------------------------------------------------------------ */

/* Waited too long for its turn: the name servers do not keep up. */
static void
give_up(struct question *q)
{
	struct dns_answer *a = q->last;

	q->last = NULL;
	if (a == NULL)
		a = dns_answer_temp(q->name, q->type, "too many open questions",
		    clock_us());
	finish(q, a);
}

/*
 * Sends what is due and fits.  A question that fails at once goes to later,
 * or comes back with one try more, so this ends.
 */
static void
send_waiting(struct dns_client *c)
{
	struct question *q;
	int64_t now = clock_us();

	while ((q = TAILQ_FIRST(&c->later)) != NULL && q->due_us <= now) {
		TAILQ_REMOVE(&c->later, q, link);
		TAILQ_INSERT_TAIL(&c->waiting, q, link);
	}
	while ((q = TAILQ_FIRST(&c->waiting)) != NULL) {
		/*
		 * The analyser does not see that TAILQ_REMOVE() changes what
		 * TAILQ_FIRST() gives.
		 */
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		bool late = now - q->asked_us > LAST_TRY_US + REFUSED_WAIT_US;

		if (!late && c->sent_count >= SENT_MAX)
			break;
		TAILQ_REMOVE(&c->waiting, q, link);
		if (late)
			give_up(q);
		else
			send_question(q);
	}
}

static void
find_timeouts(struct channel *ch)
{
	if (ch->sent > 0)
		ares_process_fd(ch->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct dns_client *c = arg;
	struct timeval tv = { 0, TICK_US };

	(void)fd;
	(void)what;
	for (size_t i = 0; i < c->server_count; i++) {
		find_timeouts(&c->servers[i].udp);
		find_timeouts(&c->servers[i].plain);
		find_timeouts(&c->servers[i].tcp);
	}
	send_waiting(c);
	if (c->sent_count > 0 || !TAILQ_EMPTY(&c->waiting) ||
	    !TAILQ_EMPTY(&c->later))
		CHECK(event_add(c->tick, &tv) == 0);
}

/* ---- life ---------------------------------------------------------------- */

struct dns_client *
dns_client_new(struct worker *w, const struct dns_servers *s, dns_client_fn *fn,
    void *ctx, struct err *e)
{
	struct dns_client *c = mem_new(struct dns_client);

	CHECK(s->n > 0 && s->n <= DNS_SERVERS_MAX);
	c->worker = w;
	c->fn = fn;
	c->ctx = ctx;
	TAILQ_INIT(&c->waiting);
	TAILQ_INIT(&c->later);
	TAILQ_INIT(&c->sent);
	c->tick = event_new(worker_base(w), -1, 0, on_tick, c);
	CHECK(c->tick != NULL);
	for (size_t i = 0; i < s->n; i++) {
		struct server *one = &c->servers[i];

		c->server_count++;
		one->where = s->v[i];
		if (channel_init(&one->udp, c, &s->v[i], UDP_FLAGS, e) == -1 ||
		    channel_init(&one->plain, c, &s->v[i], PLAIN_FLAGS, e) ==
			-1 ||
		    channel_init(&one->tcp, c, &s->v[i], TCP_FLAGS, e) == -1) {
			dns_client_free(&c);
			return NULL;
		}
	}
	return c;
}

void
dns_client_free(struct dns_client **cp)
{
	struct dns_client *c = *cp;
	struct question *q;

	*cp = NULL;
	if (c == NULL)
		return;
	c->closing = true;
	for (size_t i = 0; i < c->server_count; i++) {
		channel_fini(&c->servers[i].udp);
		channel_fini(&c->servers[i].plain);
		channel_fini(&c->servers[i].tcp);
	}
	TAILQ_CONCAT(&c->waiting, &c->later, link);
	while ((q = TAILQ_FIRST(&c->waiting)) != NULL) {
		TAILQ_REMOVE(&c->waiting, q, link);
		question_free(&q);
	}
	CHECK(TAILQ_EMPTY(&c->sent));
	event_free(c->tick);
	free(c);
}

void
dns_client_ask(struct dns_client *c, const char *name, enum dns_type type)
{
	struct question *q = mem_new(struct question);

	q->client = c;
	q->name = mem_strdup(name);
	q->type = type;
	q->server = c->first;
	q->asked_us = clock_us();
	TAILQ_INSERT_TAIL(&c->waiting, q, link);
	tick_soon(c);
}
