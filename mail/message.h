/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message - an accepted message as it lives in memory and travels between
 * threads.
 *
 * struct body: the bytes as they go out (CRLF lines, not dot-stuffed);
 * immutable and counted, so that the store may append it while a session
 * sends it.  struct message: a message in the hands of somebody who sends,
 * shows or ends it.  It never changes once it has its id and its place; a
 * message that only waits is no struct message but a number and a place with
 * the scheduler (vmta/backlog.h).
 */

#ifndef MAIL_MESSAGE_H
#define MAIL_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/ref.h"

struct body {
	struct ref refs;
	uint32_t len;
	char bytes[];
};

/* Where a message is in the spool (queue/segment.h). */
struct message_loc {
	uint32_t segment;  /* number of the segment file */
	uint32_t offset;   /* of its record there */
	uint32_t env_len;  /* of the packed envelope */
	uint32_t body_len; /* of the body */
};

struct message {
	struct ref refs;
	uint64_t id;
	struct message_loc loc; /* when it was last put there, or taken up */
	struct body *body;      /* NULL: read it from the segment */
	uint32_t env_len;       /* 0: likewise */
	unsigned char env[];    /* mail/envelope.h */
};

struct body *body_new(uint32_t len); /* bytes to be filled by the caller */
struct body *body_ref(struct body *b);
void body_unref(struct body **bp);
bool body_has_8bit(const struct body *b); /* some byte is not ASCII */

struct message *message_new(const void *env, uint32_t env_len);
/* One whose envelope and body are in the spool only. */
struct message *message_at(uint64_t id, const struct message_loc *loc);
struct message *message_ref(struct message *m);
void message_unref(struct message **mp);

/* The id as it is shown: 16 upper-case hex digits. */
#define MESSAGE_ID_TEXT 17
const char *message_id_text(uint64_t id, char out[MESSAGE_ID_TEXT]);
/* False: it is not that, in capitals or not, or 0, which is no message's. */
bool message_id_read(const char *text, uint64_t *id_r);

#endif
