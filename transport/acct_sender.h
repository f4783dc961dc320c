/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acct_sender - what the senders of accounting have in common: a program
 * (acct_pipe), a webhook and a Redis stream.
 *
 * A sender takes rows from its feed, delivers them in order, and says how far
 * it has come.  It keeps nothing of its own: when it is made again it goes on
 * at the feed's cursor.  Trouble never ends it; it tries again by itself.
 *
 * Owned by the thread `senders`.
 */

#ifndef TRANSPORT_ACCT_SENDER_H
#define TRANSPORT_ACCT_SENDER_H

#include "transport/acct_feed.h"
#include "vmta/snapshot.h"

struct acct_sender;
struct http_client;
struct worker;

struct acct_sender_owner {
	/* All before it was delivered. */
	void (*taken)(void *ctx, struct acct_place upto);
	/* What is wrong; NULL: it is well again.  May be said again. */
	void (*said)(void *ctx, const char *error);
	/* After finish(): nothing is under way.  May free the sender. */
	void (*ended)(void *ctx);
};

/* What a sender works with; all of it lives longer than the sender. */
struct acct_sender_env {
	struct worker *worker;
	struct http_client *http;
	const struct acct_conf *conf;
	struct acct_feed *feed;
	const char *name; /* "7c1f09a2-0123456789abcdef": of this buffer */
	const struct acct_sender_owner *owner;
	void *ctx;
};

/* The first member of each kind. */
struct acct_sender {
	/* The feed has grown. */
	void (*more)(struct acct_sender *s);
	/*
	 * Nothing new is begun; owner->ended() follows, which may be called from
	 * inside.
	 */
	void (*finish)(struct acct_sender *s);
	/* At any time; what is under way is cut off. */
	void (*free)(struct acct_sender *s);
};

struct acct_sender *acct_pipe_new(const struct acct_sender_env *env);
struct acct_sender *acct_webhook_new(const struct acct_sender_env *env);
struct acct_sender *acct_redis_new(const struct acct_sender_env *env);

#endif
