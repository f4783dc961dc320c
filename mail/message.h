/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message - an accepted message as it lives in memory and travels between
 * threads.
 *
 * struct body: the bytes as they go out (CRLF lines, not dot-stuffed);
 * immutable and counted, so that the store may append it while a session
 * sends it.  struct message: envelope bytes and where the body is; owned by
 * the scheduler thread, which alone changes `body` and `loc`; a grant carries
 * copies of the two and a reference.
 */

#ifndef MAIL_MESSAGE_H
#define MAIL_MESSAGE_H

#include <stdint.h>

#include "lib/ref.h"

struct body {
	struct ref refs;
	uint32_t len;
	char bytes[];
};

struct body_loc {
	uint32_t segment; /* number of the segment file */
	uint32_t len;     /* of the body, without the segment's own header */
	uint64_t offset;  /* of the first byte of the body */
};

struct message {
	struct ref refs;
	uint64_t id;
	struct body_loc loc;
	struct body *body; /* NULL: read it from the segment */
	uint32_t env_len;
	unsigned char env[]; /* mail/envelope.h */
};

struct body *body_new(uint32_t len); /* bytes to be filled by the caller */
struct body *body_ref(struct body *b);
void body_unref(struct body **bp);

struct message *message_new(const void *env, uint32_t env_len);
struct message *message_ref(struct message *m);
void message_unref(struct message **mp);

/* The id as it is shown: 16 upper-case hex digits. */
#define MESSAGE_ID_TEXT 17
const char *message_id_text(uint64_t id, char out[MESSAGE_ID_TEXT]);

#endif
