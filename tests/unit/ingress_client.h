/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ingress_client - the client of an ingress session in its tests: a
 * transcript over a socket pair, with all that is behind the session in one
 * world.
 *
 * "> text" is sent with CRLF; all that stand together go in one write.  What
 * comes back is compared with the "< text" lines, where a '*' at the end
 * matches the rest; what differs is printed as a comment.
 *
 * One thread: the world has one worker, whose loop runs within
 * client_pump() alone.  A client belongs to the test, which closes it.
 */

#ifndef TESTS_UNIT_INGRESS_CLIENT_H
#define TESTS_UNIT_INGRESS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/str.h"
#include "tests/unit/fake_intake.h"
#include "transport/ingress_priv.h"

/* What the sessions of a test live in. */
struct ingress_world {
	struct worker *worker;
	struct worker_env env;
	struct snapshot conf;
	struct store store;
	struct dispatch dispatch;
	struct ingress_counts *counts; /* of every door */
	struct gauge *places;
	struct gate *gate;
};

extern struct ingress_world world;

/* Once in a program, before and after the tests. */
void world_init(void);
void world_fini(void);
/* As it was at first; sessions must have gone. */
void world_reset(void);
/* With nothing queued and room for all of max, patient for so long. */
void world_gate(uint32_t max, int64_t patience_us);

struct client {
	int fd;
	struct buf got;
	size_t packets; /* reads that brought something */
	bool closed;
};

/* ip NULL: a unix socket. */
void client_open(struct client *c, enum ingress_protocol protocol,
    const char *ip, int type);
void client_close(struct client *c);
/* Lets both sides do all that there is to do. */
void client_pump(struct client *c);
void client_send(struct client *c, const char *p, size_t len);
/* Takes one reply line out of what came; false: it is another one. */
bool client_expect(struct client *c, struct slice want);
/* false: something else was said, or more. */
bool client_talk(struct client *c, const char *script);

#define LMTP_HELLO \
	"< 220 mx.test*\n" \
	"> LHLO host.test\n" \
	"< 250-mx.test\n" \
	"< 250-PIPELINING\n" \
	"< 250-8BITMIME\n" \
	"< 250-SMTPUTF8\n" \
	"< 250-SIZE 0\n" \
	"< 250-ENHANCEDSTATUSCODES\n" \
	"< 250-XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\n" \
	"< 250 DSN\n"
#define SMTP_HELLO \
	"< 220 mx.test*\n" \
	"> HELO client.test\n" \
	"< 250 mx.test\n"
#define OPEN_ONE \
	"> MAIL FROM:<s@a.test>\n> RCPT TO:<r@b.test>\n> DATA\n" \
	"< 250 2.1.0 OK\n< 250 2.1.5 OK\n< 354*\n"

#endif
