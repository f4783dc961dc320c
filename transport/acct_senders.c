/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/acct_senders.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/http_post.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/worker.h"
#include "transport/acct.h"
#include "transport/acct_feed.h"
#include "transport/acct_sender.h"
#include "vmta/snapshot.h"

/* How long a stop waits for what is under way. */
#define STOP_PATIENCE_US (5 * US_PER_S)

struct sink {
	TAILQ_ENTRY(sink) link;
	struct acct_senders *all;
	uint32_t number;
	char *tag;
	char *name; /* of its batches */
	struct acct_feed *feed;
	struct snapshot *conf;      /* the sender's */
	struct acct_sender *sender; /* NULL: none for now */
	bool finishing;
	bool replaced; /* the writer knows this buffer by another number */
	char *error;   /* what was said last; NULL: it is well */
	struct post ended;
};

TAILQ_HEAD(sink_list, sink);

struct acct_senders {
	struct worker *worker;
	struct acct *acct;
	struct snapshot *conf;
	struct http_client *http;
	struct sink_list sinks;
	bool stopping;
	struct event *stop_timer;
};

/* ---- one sink ------------------------------------------------------------ */

static const struct acct_conf *
find_conf(const struct snapshot *conf, const char *tag)
{
	for (size_t i = 0; i < snapshot_acct_count(conf); i++) {
		const struct acct_conf *c = snapshot_acct_at(conf, i);

		if (strcmp(c->path, tag) == 0 && c->kind != ACCT_FILE)
			return c;
	}
	return NULL;
}

/* The one that the writer has known longest. */
static struct sink *
find_tag(const struct acct_senders *s, const char *tag)
{
	struct sink *k;

	TAILQ_FOREACH(k, &s->sinks, link)
	if (strcmp(k->tag, tag) == 0)
		return k;
	return NULL;
}

static void
free_sender(struct sink *k)
{
	if (k->sender != NULL)
		k->sender->free(k->sender);
	k->sender = NULL;
	k->finishing = false;
	snapshot_unref(&k->conf);
}

static void
sink_free(struct sink *k)
{
	free_sender(k);
	acct_feed_free(&k->feed);
	free(k->error);
	free(k->name);
	free(k->tag);
	free(k);
}

static void
on_taken(void *ctx, struct acct_place upto)
{
	struct sink *k = ctx;

	acct_feed_taken(k->feed, upto);
	acct_taken(k->all->acct, k->number, upto.number, upto.offset);
}

/* Lines of programs name the command themselves, as PowerMTA's do. */
static void
log_trouble(const struct sink *k)
{
	if (k->tag[0] == '|')
		log_note(LOG_L_ERROR, "acct", "%s", k->error);
	else
		log_note(LOG_L_ERROR, "acct", "acct-file %s: %s", k->tag,
		    k->error);
}

/* How many digits are there before " ms"; 0: none, or not before that. */
static size_t
time_len(const char *p)
{
	size_t n = strspn(p, "0123456789");

	return strncmp(p + n, " ms", 3) == 0 ? n : 0;
}

bool
acct_senders_same_trouble(const char *a, const char *b)
{
	while (*a == *b || (time_len(a) > 0 && time_len(b) > 0)) {
		if (time_len(a) > 0 && time_len(b) > 0) {
			a += time_len(a);
			b += time_len(b);
		} else if (*a == '\0') {
			return true;
		} else {
			a++;
			b++;
		}
	}
	return false;
}

static void
on_said(void *ctx, const char *error)
{
	struct sink *k = ctx;
	bool known = error != NULL && k->error != NULL &&
	    acct_senders_same_trouble(error, k->error);

	if (known || (error == NULL && k->error == NULL))
		return;
	free(k->error);
	k->error = error == NULL ? NULL : mem_strdup(error);
	if (error != NULL)
		log_trouble(k);
	else
		log_note(LOG_L_INFO, "acct", "acct-file %s: well again",
		    k->tag);
	acct_sink_said(k->all->acct, k->number, error);
}

/* Called by a sender, which is freed when it is off the stack. */
static void
on_ended(void *ctx)
{
	struct sink *k = ctx;

	worker_post(k->all->worker, &k->ended);
}

static const struct acct_sender_owner sender_owner = { .taken = on_taken,
	.said = on_said,
	.ended = on_ended };

static void
start_sender(struct sink *k, const struct acct_conf *conf)
{
	struct acct_sender_env env = { .worker = k->all->worker,
		.http = k->all->http,
		.conf = conf,
		.feed = k->feed,
		.name = k->name,
		.owner = &sender_owner,
		.ctx = k };

	k->conf = snapshot_ref(k->all->conf);
	if (conf->kind == ACCT_PIPE)
		k->sender = acct_pipe_new(&env);
	else if (conf->kind == ACCT_WEBHOOK)
		k->sender = acct_webhook_new(&env);
	else
		k->sender = acct_redis_new(&env);
}

static bool
is_idle(const struct acct_senders *s)
{
	const struct sink *k;

	TAILQ_FOREACH(k, &s->sinks, link)
	if (k->sender != NULL)
		return false;
	return true;
}

/*
 * Another one goes on, as the configuration has it now.  A buffer has one at a
 * time; one that the configuration does not have waits for a reload.
 */
static void
start_idle(struct acct_senders *s)
{
	struct sink *k;

	TAILQ_FOREACH(k, &s->sinks, link)
	{
		const struct acct_conf *conf = find_conf(s->conf, k->tag);

		if (k->sender == NULL && !k->replaced && conf != NULL &&
		    find_tag(s, k->tag) == k)
			start_sender(k, conf);
	}
}

static void
on_sender_ended(struct post *p)
{
	struct sink *k = post_owner(p, struct sink, ended);
	struct acct_senders *s = k->all;

	free_sender(k);
	if (k->replaced) {
		TAILQ_REMOVE(&s->sinks, k, link);
		sink_free(k);
	}
	if (!s->stopping)
		start_idle(s);
	else if (is_idle(s))
		worker_stop(s->worker);
}

static void
finish_sender(struct sink *k)
{
	if (k->sender == NULL || k->finishing)
		return;
	k->finishing = true;
	k->sender->finish(k->sender);
}

/* ---- buffers that grow --------------------------------------------------- */

struct growth {
	struct post post;
	struct acct_senders *to;
	struct acct_grown g;
	char *tag, *folder;
};

static struct sink *
find_sink(struct acct_senders *s, uint32_t number)
{
	struct sink *k;

	TAILQ_FOREACH(k, &s->sinks, link)
	if (k->number == number)
		return k;
	return NULL;
}

/* "7c1f09a2-0123456789abcdef": the spool's origin and the buffer's folder. */
static char *
name_of(const struct acct_grown *g)
{
	const char *slash = strrchr(g->folder, '/');
	struct buf out = { 0 };

	buf_printf(&out, "%08x-%s", (unsigned)g->origin,
	    slash == NULL ? g->folder : slash + 1);
	return buf_take(&out, NULL);
}

static void
replace_old(struct acct_senders *s, const char *tag)
{
	struct sink *k;

	TAILQ_FOREACH(k, &s->sinks, link)
	{
		if (k->replaced || strcmp(k->tag, tag) != 0)
			continue;
		k->replaced = true;
		if (k->sender == NULL)
			worker_post(s->worker, &k->ended);
		else
			finish_sender(k);
	}
}

static struct sink *
sink_new(struct acct_senders *s, const struct acct_grown *g)
{
	struct sink *k;

	replace_old(s, g->tag);
	k = mem_new(struct sink);

	k->all = s;
	k->ended.fn = on_sender_ended;
	k->number = g->sink;
	k->tag = mem_strdup(g->tag);
	k->name = name_of(g);
	k->feed = acct_feed_new(g->folder,
	    (struct acct_place){ g->cursor_number, g->cursor_offset });
	TAILQ_INSERT_TAIL(&s->sinks, k, link);
	start_idle(s);
	return k;
}

static void
on_grown(struct post *p)
{
	struct growth *w = post_owner(p, struct growth, post);
	struct acct_senders *s = w->to;
	struct sink *k = find_sink(s, w->g.sink);

	if (k == NULL && !s->stopping)
		k = sink_new(s, &w->g);
	if (k != NULL) {
		acct_feed_grown(k->feed, w->g.number, w->g.length);
		if (k->sender != NULL)
			k->sender->more(k->sender);
	}
	free(w->tag);
	free(w->folder);
	free(w);
}

void
acct_senders_grown(struct acct_senders *s, const struct acct_grown *g)
{
	struct growth *w = mem_new(struct growth);

	w->post.fn = on_grown;
	w->to = s;
	w->g = *g;
	w->g.tag = w->tag = mem_strdup(g->tag);
	w->g.folder = w->folder = mem_strdup(g->folder);
	worker_post(s->worker, &w->post);
}

/* ---- another configuration, and the end ---------------------------------- */

struct change {
	struct post post;
	struct acct_senders *to;
	struct snapshot *conf;
};

static void
on_reload(struct post *p)
{
	struct change *c = post_owner(p, struct change, post);
	struct acct_senders *s = c->to;
	struct sink *k;

	snapshot_unref(&s->conf);
	s->conf = c->conf;
	TAILQ_FOREACH(k, &s->sinks, link)
	finish_sender(k);
	start_idle(s);
	free(c);
}

void
acct_senders_reload(struct acct_senders *s, const struct snapshot *conf)
{
	struct change *c = mem_new(struct change);

	c->post.fn = on_reload;
	c->to = s;
	c->conf = snapshot_ref(conf);
	worker_post(s->worker, &c->post);
}

static void
on_stop_timer(evutil_socket_t fd, short what, void *arg)
{
	struct acct_senders *s = arg;

	(void)fd;
	(void)what;
	log_note(LOG_L_WARN, "stop",
	    "a program or server of accounting was still at work: what it was "
	    "given last is sent again");
	worker_stop(s->worker);
}

static void
on_stop(struct post *p)
{
	static const struct timeval patience = { STOP_PATIENCE_US / US_PER_S,
		0 };
	struct change *c = post_owner(p, struct change, post);
	struct acct_senders *s = c->to;
	struct sink *k;

	free(c);
	s->stopping = true;
	CHECK(event_add(s->stop_timer, &patience) == 0);
	TAILQ_FOREACH(k, &s->sinks, link)
	finish_sender(k);
	if (is_idle(s))
		worker_stop(s->worker);
}

void
acct_senders_stop(struct acct_senders *s)
{
	struct change *c;

	if (s == NULL)
		return;
	c = mem_new(struct change);
	c->post.fn = on_stop;
	c->to = s;
	worker_post(s->worker, &c->post);
	worker_join(s->worker);
}

/* ---- life ---------------------------------------------------------------- */

int
acct_senders_new(const struct snapshot *conf, struct acct_senders **s_r,
    struct err *e)
{
	struct worker *w = worker_new("senders", e);
	struct acct_senders *s;

	*s_r = NULL;
	if (w == NULL)
		return -1;
	s = *s_r = mem_new(struct acct_senders);
	s->worker = w;
	s->conf = snapshot_ref(conf);
	s->http = http_client_new(w);
	TAILQ_INIT(&s->sinks);
	s->stop_timer = event_new(worker_base(w), -1, 0, on_stop_timer, s);
	CHECK(s->stop_timer != NULL);
	return 0;
}

int
acct_senders_start(struct acct_senders *s, struct acct *acct, struct err *e)
{
	s->acct = acct;
	return worker_start(s->worker, e);
}

void
acct_senders_free(struct acct_senders **sp)
{
	struct acct_senders *s = *sp;
	struct sink *k;

	*sp = NULL;
	if (s == NULL)
		return;
	while ((k = TAILQ_FIRST(&s->sinks)) != NULL) {
		TAILQ_REMOVE(&s->sinks, k, link);
		sink_free(k);
	}
	http_client_free(&s->http);
	event_free(s->stop_timer);
	snapshot_unref(&s->conf);
	worker_free(&s->worker);
	free(s);
}
