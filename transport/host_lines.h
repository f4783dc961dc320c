/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_lines - events as lines of the host MTA's log, where log-style asks for
 * that: what is known of each here becomes what compat/log_style.h wants.
 *
 * Each function appends to the caller's buffer, or does nothing where the style
 * is native: then `accepted', `attempt' and `notice' are in log-file instead.
 * On a worker, unless said otherwise; the buffer is put (host_lines_put) when
 * what it tells is durable, and before the next thing can happen to the message.
 */

#ifndef TRANSPORT_HOST_LINES_H
#define TRANSPORT_HOST_LINES_H

#include <stdbool.h>
#include <stdint.h>

#include "compat/log_style.h"
#include "lib/str.h"
#include "transport/record.h"
#include "transport/worker_env.h"

/* NULL: there are none to be. */
const struct log_style *host_lines_wanted(const struct worker_env *env);

/* A message is queued; client NULL: the host MTA handed it over. */
void host_lines_came(const struct worker_env *env, const struct log_mail *m,
    const struct log_client *client, struct buf *out);

/* A recipient is refused while his message comes. */
void host_lines_refused(const struct worker_env *env,
    const struct log_client *client, const struct log_refused *r,
    struct buf *out);

/* How the transaction came about that an outcome is of; zeroed: by none. */
struct host_lines_way {
	uint16_t port;
	uint32_t use;     /* how-manieth message of its connection */
	uint32_t size;    /* octets of the message */
	int64_t begun_us; /* wall clock: the grant was taken */
	int64_t setup_us; /* what the connection took */
};

/* Of the batch in hand: what lines there have been about its last message. */
struct host_lines_told {
	const struct log_style *style; /* that they are of; NULL: none yet */
	uint64_t id;
	unsigned results; /* bits by enum log_result */
};

/* attempts: with this one. */
void host_lines_attempt(const struct worker_env *env,
    struct host_lines_told *told, const struct record_of *r,
    const struct host_lines_way *way, uint16_t attempts, struct buf *out);

/* It leaves; to be told only if it does. */
void host_lines_gone(const struct worker_env *env, uint64_t id,
    const struct envelope *msg, struct buf *out);

/* Where lines go, and by whose configuration; both borrowed. */
struct host_lines_sink {
	struct host_log *log;
	const struct snapshot *conf;
};

/* (any) Of a message, a notification was made. */
struct host_lines_notice {
	uint64_t about, id;
	const char *host_id; /* of the message */
	uint32_t size;       /* of the notification */
	enum dsn_action action;
};
void host_lines_notice(const struct host_lines_sink *sink,
    const struct host_lines_notice *n, struct buf *out);

/* (any) A copy of a delivered message has come in. */
struct host_lines_copy {
	uint64_t id;
	const char *sender;
	uint32_t rcpts, size;
};
void host_lines_copy(const struct host_lines_sink *sink,
    const struct host_lines_copy *c, struct buf *out);

/* A connection did not come about. */
void host_lines_unreached(const struct worker_env *env, const struct outcome *o,
    uint16_t port);

/* (any) Empties it.  Lines of a style that is no longer in force are lost. */
void host_lines_put(const struct host_lines_sink *sink,
    const struct log_style *style, struct buf *lines);

#endif
