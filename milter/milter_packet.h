/* SPDX-License-Identifier: Apache-2.0 */
/*
 * milter_packet - packets of the milter protocol: found in what came, and
 * made for what goes out.
 *
 * Pure; any thread.  What is found is borrowed from the input.
 */

#ifndef MILTER_MILTER_PACKET_H
#define MILTER_MILTER_PACKET_H

#include <stddef.h>
#include <stdint.h>

#include "lib/str.h"
#include "milter/milter_proto.h"

/*
 * A header field comes in one packet: Postfix's header_size_limit is 100 KB and
 * may be raised.  The body comes in pieces of 64 KB.
 */
#define MILTER_PACKET_MAX ((size_t)8 << 20)

/* So much may wait for the rest of a packet. */
#define MILTER_INPUT_MAX (4 + MILTER_PACKET_MAX)

struct milter_packet {
	char command;
	struct slice args;
	size_t len; /* of all of it, in the input */
};

enum milter_found {
	MILTER_FOUND,
	MILTER_FOUND_NONE, /* not whole */
	MILTER_FOUND_BAD   /* of a length that none has */
};

enum milter_found milter_packet_find(struct slice in,
    struct milter_packet *p_r);

/* The text in front, which is taken off; NULL: there is no whole one. */
const char *milter_text(struct slice *args);

struct milter_options {
	uint32_t version, actions, steps;
};

/* -1: too short. */
int milter_options_read(struct slice args, struct milter_options *o_r);

/* ---- what goes out, behind what out has ------------------------------------ */

/* Which macros are wanted at a step; the last one has names NULL. */
struct milter_symbols {
	uint32_t at;
	const char *names; /* with blanks between */
};

/* symbols NULL: none are asked for. */
void milter_put_options(struct buf *out, const struct milter_options *o,
    const struct milter_symbols *symbols);

void milter_put_continue(struct buf *out);

/*
 * "550 5.7.1 text".  Sendmail takes it for a format of printf, and Postfix undoes
 * that: each % goes out twice.  Bytes that end a line become question marks.
 */
void milter_put_reply(struct buf *out, const char *reply);

/* The envelope sender, in angle brackets. */
void milter_put_sender(struct buf *out, const char *path);

/* MILTER_SAY_INSERT or MILTER_SAY_CHANGE. */
void milter_put_field(struct buf *out, enum milter_reply what, uint32_t number,
    const char *name, const char *value);

#endif
