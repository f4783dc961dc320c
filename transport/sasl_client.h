/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sasl_client - one AUTH command of SMTP (RFC 4954), the client's side.
 *
 * PLAIN (RFC 4616), LOGIN, CRAM-MD5 (RFC 2195) and SCRAM-SHA-256 (RFC 7677).
 * No I/O: the caller sends "AUTH", the name of the mechanism and the response
 * of sasl_client_begin(), then an answer to each challenge.  What the server
 * says is never an error of ours: false comes with a reason in words.
 *
 * Whoever made one owns it; it has a library of its own, so any thread.  SCRAM
 * takes processor time in sasl_client_step(): 2.9 ms with 4,096 iterations, and
 * more than SASL_ITERATIONS_MAX are refused.  Responses, and the library's
 * copy of the password, are wiped.
 */

#ifndef TRANSPORT_SASL_CLIENT_H
#define TRANSPORT_SASL_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/str.h"
#include "transport/sasl_server.h"

enum { SASL_ITERATIONS_MAX = 100000 };

/*
 * The best of what a server offers, names with blanks between them; without
 * TLS none that shows the password, unless that is allowed.  SASL_MECHS: none.
 */
enum sasl_mech sasl_client_pick(const char *offered, bool encrypted,
    bool allow_unencrypted_plain);

struct sasl_client;
/* Both texts are borrowed until it is freed. */
struct sasl_client *sasl_client_new(enum sasl_mech mech, const char *user,
    const char *password);
void sasl_client_free(struct sasl_client **cp);

/*
 * The first call.  The response may go with the command if it has not more
 * than room bytes; else it is that to the first challenge.
 */
bool sasl_client_begin(struct sasl_client *c, size_t room);
/* A challenge, as it stands behind "334 ". */
bool sasl_client_step(struct sasl_client *c, struct slice challenge);

/* After each of both: in base64; NULL: none. */
const char *sasl_client_response(struct sasl_client *c);
/* Nothing is missing any more: the server may say that it is content. */
bool sasl_client_is_done(const struct sasl_client *c);
/* After false. */
const char *sasl_client_why(const struct sasl_client *c);

#endif
