/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of the ingress, LMTP or SMTP: whatever it says, in one piece or
 * cut anywhere, it gets the same replies and leaves the same messages behind;
 * these are clean, each is delivered once, and the session ends.
 *
 * The first byte picks the door and what is behind it (OPT_...), the second
 * how long the pieces are, the rest is what the client says.
 */
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/log.h"
#include "tests/fuzz/fake_clock.h"
#include "tests/unit/fake_intake.h"
#include "transport/ingress_priv.h"
#include "transport/sasl_server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
ssize_t __wrap_getrandom(void *p, size_t len, unsigned flags);

enum {
	OPT_SMTP = 1,
	OPT_TCP = 2,   /* not from a unix socket */
	OPT_RELAY = 4, /* may send to anybody */
	OPT_FULL = 8,  /* the store has no room */
	OPT_LIMITS = 16,
	OPT_TROUBLE = 32, /* policy cannot prepare it */
	OPT_MORE = 64,    /* BDAT, XCLIENT and XMRG are taken */
	OPT_PROXY = 128   /* PROXY comes first */
};

/* Both together: no mail without a password. */
#define OPT_AUTH (OPT_RELAY | OPT_LIMITS)
/* By unix socket: a listener for the host MTA alone. */
#define OPT_HOST (OPT_SMTP | OPT_MORE)
/* LMTP has no PROXY; then it is an Exim's. */
#define OPT_EXIM OPT_PROXY

enum { ROUNDS_MAX = 20000, PIECES_MAX = 16 };

static struct worker *worker;
static struct ingress_counts *counts;
static struct gauge *places;
static struct gate *gate;
static struct worker_env env;
static struct snapshot conf;
static struct store store;
static struct dispatch dispatch;
static struct password password;
static struct sasl_library *library;
static struct conf_host dsn_host;
static const char *doors[] = { "/door" };

/* In place of getrandom(2): Message-IDs are the same in each run. */
ssize_t
__wrap_getrandom(void *p, size_t len, unsigned flags)
{
	(void)flags;
	memset(p, 7, len);
	return (ssize_t)len;
}

/* What came of one run. */
struct result {
	struct buf replies, text, envelope, mail, merge;
	unsigned taken, messages, rcpts;
};

/* ---- the client ---------------------------------------------------------- */

static bool
listen_to_it(int fd, struct buf *replies)
{
	char piece[4096];
	ssize_t n = read(fd, piece, sizeof(piece));

	if (n > 0)
		buf_add(replies, piece, (size_t)n);
	return n > 0;
}

static void
settle(int fd, struct result *r)
{
	int quiet = 0;

	for (int i = 0; quiet < 2; i++) {
		CHECK(i < ROUNDS_MAX);
		(void)event_base_loop(worker_base(worker), EVLOOP_NONBLOCK);
		quiet = listen_to_it(fd, &r->replies) ? 0 : quiet + 1;
	}
}

static void
say(int fd, const char *p, size_t len, struct result *r)
{
	while (len > 0) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
		settle(fd, r);
		if (n <= 0 && env.sessions_in == 0)
			return; /* it has hung up */
	}
}

static int
connect_to(unsigned options)
{
	bool smtp = (options & OPT_SMTP) != 0;
	struct ingress_door *door = ingress_door_new(
	    smtp ? INGRESS_SMTP : INGRESS_LMTP, "/door", counts);
	struct ingress_peer peer = { .is_unix = (options & OPT_TCP) == 0,
		.addr = { AF_INET, { 127, 0, 0, 1 } } };
	int pair[2];

	if (!peer.is_unix)
		peer.addr = (struct net_addr){ AF_INET, { 192, 0, 2, 9 } };
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		  pair) == 0);
	(void)ingress_session_new(&env, pair[1], door, &peer);
	ingress_door_unref(&door);
	return pair[0];
}

/* ---- what must be so ----------------------------------------------------- */

/* Challenges of AUTH have a nonce in them, and no limit of ours. */
static void
mask_challenges(struct buf *b)
{
	struct buf out = { 0 };
	size_t line = 0;

	for (size_t i = 0; i < b->len; i++) {
		if (b->p[i] != '\n')
			continue;
		if (i - line > 5 && memcmp(b->p + line, "334 ", 4) == 0)
			buf_str(&out, "334 x\r\n");
		else
			buf_add(&out, b->p + line, i + 1 - line);
		line = i + 1;
	}
	buf_add(&out, b->p + line, b->len - line);
	buf_fini(b);
	*b = out;
}

/* Whole lines of at most 249 bytes, a code in front, no control bytes. */
static void
check_replies(const struct buf *b)
{
	size_t line = 0;

	for (size_t i = 0; i < b->len; i++) {
		unsigned char c = (unsigned char)b->p[i];

		if (c == '\n') {
			size_t len = i - line;

			CHECK(len >= 5 && len < INGRESS_REPLY_MAX);
			CHECK(b->p[i - 1] == '\r');
			CHECK(strchr("245 3", b->p[line]) != NULL);
			CHECK(strchr(" -", b->p[line + 3]) != NULL);
			line = i + 1;
		} else if (c == '\r') {
			CHECK(i + 1 < b->len && b->p[i + 1] == '\n');
		} else {
			CHECK(c >= ' ' && c != 0x7f);
		}
	}
	CHECK(line == b->len);
}

static void
check_clean(const char *s)
{
	for (; *s != '\0'; s++)
		CHECK((unsigned char)*s >= ' ' && *s != 0x7f);
}

/* Lines end in CRLF and in nothing else. */
static void
check_message(const struct store *st)
{
	const struct envelope *e = &st->env;

	CHECK(st->text.len >= 2);
	for (size_t i = 0; i < st->text.len; i++)
		CHECK((st->text.p[i] == '\n') ==
		    (i > 0 && st->text.p[i - 1] == '\r'));
	CHECK(st->text.p[st->text.len - 1] == '\n');
	check_clean(e->sender);
	check_clean(e->envid);
	check_clean(e->host_id);
	check_clean(e->auth_user);
	check_clean(e->src_mta);
	CHECK(e->rcpt_count > 0);
	for (uint32_t i = 0; i < e->rcpt_count; i++) {
		check_clean(e->rcpts[i].addr);
		check_clean(e->rcpts[i].orcpt);
		CHECK(e->rcpts[i].addr[0] != '\0');
		CHECK(strchr(e->rcpts[i].addr, '>') == NULL ||
		    e->rcpts[i].addr[0] == '"');
	}
}

/* What tells of those who bounced. */
static void
check_mail(const struct store *st)
{
	const struct buf *m = &st->mail;

	CHECK((st->mails > 0) == (m->len > 0) && st->mails <= st->failed);
	for (size_t i = 0; i < m->len; i++)
		CHECK((m->p[i] == '\n') == (i > 0 && m->p[i - 1] == '\r'));
}

/* ---- one run ------------------------------------------------------------- */

static void
prepare(unsigned options)
{
	fake_store_fini(&store);
	fake_store_init(&store);
	fake_snapshot_init(&conf);
	dispatch = (struct dispatch){ 0 };
	store.answer = (options & OPT_FULL) != 0 ? STORE_NO_SPACE : STORE_TAKEN;
	conf.source.relay = (options & OPT_RELAY) != 0;
	conf.relay_to = "example.net";
	if ((options & OPT_LIMITS) != 0) {
		conf.source.max_idle_commands = 12;
		conf.source.max_size = 200;
		conf.source.max_rcpts = 2;
	}
	if ((options & OPT_MORE) != 0) {
		conf.global.dsn_hosts.v = &dsn_host;
		conf.global.dsn_hosts.n = 1;
		conf.source.accept_invalid = true;
		conf.source.allow_chunking = true;
		conf.source.allow_mailmerge = true;
		conf.source.allow_xclient = "login";
		conf.source.max_hops = 3;
		conf.listed = "a@example.net";
		conf.listed_late = "x@other.example";
		conf.unsure = "a@b";
		conf.host_domain = "own.example";
	}
	conf.listener.host_mta = (options & OPT_HOST) == OPT_HOST &&
	    (options & OPT_TCP) == 0;
	if ((options & (OPT_EXIM | OPT_SMTP)) == OPT_EXIM)
		conf.global.exim_listeners = (struct conf_strs){ 1, doors };
	if ((options & OPT_PROXY) != 0)
		conf.listener.proxy = conf.source.allow_proxy = true;
	if ((options & OPT_TROUBLE) != 0)
		conf.trouble = "no key";
	conf.password = &password;
	conf.source.require_auth = (options & OPT_AUTH) == OPT_AUTH;
	conf.source.plain_auth = true;
	env = (struct worker_env){ .worker = worker,
		.conf = &conf,
		.store = &store,
		.dispatch = &dispatch,
		.sasl = library,
		.gate = gate };
	LIST_INIT(&env.ingress);
}

static void
run_one(unsigned options, const char *p, size_t len, size_t step,
    struct result *r)
{
	int fd;

	*r = (struct result){ 0 };
	prepare(options);
	fd = connect_to(options);
	settle(fd, r);
	while (len > 0 && env.sessions_in > 0) {
		size_t piece = len < step ? len : step;

		say(fd, p, piece, r);
		p += piece;
		len -= piece;
	}
	(void)shutdown(fd, SHUT_WR);
	settle(fd, r);
	CHECK(env.sessions_in == 0);
	(void)close(fd);

	if (r->replies.len > 0)
		mask_challenges(&r->replies);
	check_replies(&r->replies);
	if ((options & (OPT_SMTP | OPT_AUTH | OPT_MORE)) ==
		(OPT_SMTP | OPT_AUTH) &&
	    store.taken > 0)
		CHECK(strcmp(store.env.auth_user, "tim") == 0);
	if (store.taken > 0)
		check_message(&store);
	check_mail(&store);
	CHECK(dispatch.messages == store.taken + store.mails + store.merged);
	gauge_give(places, gauge_inside(places)); /* the store's to do */
	CHECK(dispatch.rcpts ==
	    store.rcpts_new + store.mails + store.merged_rcpts);
	r->taken = store.taken;
	r->rcpts = store.rcpts_new;
	buf_add(&r->text, store.text.p, store.text.len);
	buf_add(&r->envelope, store.env_bytes.p, store.env_bytes.len);
	buf_add(&r->mail, store.mail.p, store.mail.len);
	buf_add(&r->merge, store.merge.p, store.merge.len);
}

static bool
is_same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len &&
	    (a->len == 0 || memcmp(a->p, b->p, a->len) == 0);
}

static void
result_fini(struct result *r)
{
	buf_fini(&r->replies);
	buf_fini(&r->text);
	buf_fini(&r->envelope);
	buf_fini(&r->mail);
	buf_fini(&r->merge);
}

static int
no_memory(struct memory_use *m, struct err *e)
{
	(void)e;
	*m = (struct memory_use){ .used = 1, .all = 100 };
	return 0;
}

static void
start(void)
{
	struct err e;

	if (worker != NULL)
		return;
	(void)signal(SIGPIPE, SIG_IGN);
	log_set_level(LOG_L_ERROR);
	(void)log_open("/dev/null", &e); /* trouble is logged as an error */
	worker = worker_new("fuzz", &e);
	CHECK(worker != NULL);
	library = sasl_library_new(&e);
	CHECK(library != NULL);
	CHECK(password_read(&password, slice_of("tanstaaf"), &e) == 0);
	counts = ingress_counts_new();
	places = gauge_new();
	gate = gate_new(&(struct gate_options){ .main = worker,
	    .places = places,
	    .conf = &conf.global,
	    .patience_us = -1,
	    .memory = no_memory });
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data + 2;
	struct result whole, pieces;
	size_t step;

	if (size < 2)
		return 0;
	start();
	step = 1 + data[1] % 64;
	if (step < size / PIECES_MAX)
		step = size / PIECES_MAX;
	run_one(data[0], p, size - 2, size, &whole);
	run_one(data[0], p, size - 2, step, &pieces);
	CHECK(whole.taken == pieces.taken && whole.rcpts == pieces.rcpts);
	CHECK(is_same(&whole.replies, &pieces.replies));
	CHECK(is_same(&whole.text, &pieces.text));
	CHECK(is_same(&whole.envelope, &pieces.envelope));
	CHECK(is_same(&whole.mail, &pieces.mail));
	CHECK(is_same(&whole.merge, &pieces.merge));
	result_fini(&whole);
	result_fini(&pieces);
	return 0;
}
