/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl_proto - requests and answers between the mailrace command and a daemon:
 * one JSON object a line over a unix socket.
 *
 * A request is {"command": "show queues", ...}.  The answer is any number of
 * {"item": ...} lines, then {"done": true, ...} or {"error": "text"}.  The
 * server side belongs to one worker (main); a request is at most 1 MB.
 *
 * Who is told {"send": true} sends bytes behind its request (lib/ctl_upload.h),
 * and may be told items meanwhile; that request is the last of its connection.
 *
 * A client that does not read holds up nobody: long answers are made as it
 * takes them (ctl_stream), and after a minute without progress it is dropped.
 */

#ifndef LIB_CTL_PROTO_H
#define LIB_CTL_PROTO_H

#include <jansson.h>
#include <stdbool.h>

#include "lib/err.h"
#include "lib/input.h"
#include "lib/worker.h"

/* Clients at once; for one more, one that is idle is closed. */
#define CTL_CONNS_MAX 64

struct ctl_server;
struct ctl_request;

/* Called on the server's worker.  It answers now or later; see below. */
typedef void ctl_fn(void *ctx, struct ctl_request *r, const char *command,
    const json_t *args);

struct ctl_server_options {
	const char *path;
	const char *group; /* that may connect beside the owner; "" none */
	ctl_fn *fn;
	void *ctx;
};

/* Listens on the path, mode 0660. */
int ctl_server_new(struct worker *w, const struct ctl_server_options *opt,
    struct ctl_server **s_r, struct err *e);

/*
 * Before a stop: nobody is let in any more and no further request is read;
 * those under way go on until all of their answers are written.
 */
void ctl_server_drain(struct ctl_server *s);
bool ctl_server_is_drained(const struct ctl_server *s);

void ctl_server_free(struct ctl_server **sp);

/* Each request ends with exactly one of ctl_done() and ctl_fail(). */
void ctl_item(struct ctl_request *r, json_t *item);   /* takes item */
void ctl_done(struct ctl_request *r, json_t *fields); /* takes; may be NULL */
void ctl_fail(struct ctl_request *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * For long answers: calls fn, which sends one ctl_item(), as fast as the
 * client reads.  False: fn has ended the request, or paused it.  Once ctl_is_gone() nobody
 * reads any more, and fn should end it.
 */
typedef bool ctl_more_fn(void *ctx, struct ctl_request *r);
void ctl_stream(struct ctl_request *r, ctl_more_fn *fn, void *ctx);
/* From inside fn, which then returns false: until ctl_stream() again. */
void ctl_pause(struct ctl_request *r);
bool ctl_is_gone(const struct ctl_request *r);

/* Has root connected, or the user that we run as?  False: another, or gone. */
bool ctl_is_owner(const struct ctl_request *r);

/*
 * Asks for bytes of any number; returns a descriptor, of the caller, for
 * ctl_upload_read() on any thread.  Once a request.  That the client goes is
 * seen there.
 */
int ctl_upload(struct ctl_request *r, struct err *e);

/* Text of any origin as JSON: bytes that are no UTF-8 become U+FFFD. */
json_t *ctl_string(const char *text);

/*
 * Client side, blocking: sends one request and reads the whole answer.
 * item may be NULL.  done_r gets the final object; with -1 it is the object
 * that says why the daemon refused, or NULL when there was no answer.
 */
typedef void ctl_item_fn(void *ctx, const json_t *item);
int ctl_call(const char *path, json_t *request, ctl_item_fn *item, void *ctx,
    json_t **done_r, struct err *e);

/* A call, with what read() gives, up to its 0, when the daemon asks for it. */
struct ctl_client {
	const char *path;
	ctl_item_fn *item; /* may be NULL */
	input_read_fn *read;
	void *ctx;       /* of both */
	bool *stopped_r; /* may be NULL; nobody listens there */
};
int ctl_send(const struct ctl_client *client, json_t *request, json_t **done_r,
    struct err *e);

#endif
