/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sasl_server - one AUTH command of SMTP (RFC 4954), the server's side.
 *
 * PLAIN (RFC 4616), LOGIN, CRAM-MD5 (RFC 2195) and SCRAM-SHA-256 (RFC 7677).
 * No I/O: the caller sends "334 " with the challenge, reads a line, and gives
 * it to sasl_server_step(); it wipes that line.  CRAM-MD5 and SCRAM are GNU
 * SASL's; PLAIN and LOGIN are ours, because the library knows no initial
 * response for LOGIN, judges passwords within its call, and leaves copies.
 *
 * One thread owns a library and its servers.  SASL_CHECK says that processor
 * time is wanted: 1 to 15 ms with what crypt(3) and SCRAM have by default, and
 * as much as a stored password asks for.  sasl_server_check() may then run on
 * any thread, while the owner leaves the server alone; sasl_server_checked()
 * is the owner's again.
 *
 * Who does not exist is checked against the decoy and fails at the same step
 * with the same reply; failures are told apart for the log only.  The time is
 * the same as for users whose password is stored like the decoy's.  What a
 * client sent as a password, and keys, are wiped.
 */

#ifndef TRANSPORT_SASL_SERVER_H
#define TRANSPORT_SASL_SERVER_H

#include <stdbool.h>

#include "lib/err.h"
#include "lib/str.h"
#include "vmta/password.h"

/* The best first: so they are offered. */
enum sasl_mech {
	SASL_SCRAM_SHA_256,
	SASL_CRAM_MD5,
	SASL_PLAIN,
	SASL_LOGIN,
	SASL_MECHS /* how many; none */
};

enum sasl_status {
	SASL_CHALLENGE, /* send it, step with the answer */
	SASL_CHECK,     /* sasl_server_check(), then sasl_server_checked() */
	SASL_DONE,      /* sasl_server_user() it is */
	SASL_FAILED     /* sasl_server_failure() says why */
};

enum sasl_failure {
	SASL_NO_FAILURE,
	SASL_BAD_PASSWORD,
	SASL_UNKNOWN_USER,
	SASL_OTHER_USER, /* wants to act as another: nobody may */
	SASL_MALFORMED,
	SASL_TOO_LONG,
	SASL_CANCELLED /* by the client's "*" */
};

enum { SASL_LINE_MAX = 12288 }; /* without CRLF; RFC 4954, 4 */

/* What is stored of a user's password; NULL: there is no such user. */
typedef const struct password *sasl_find_fn(void *ctx, const char *user);

/* Borrowed, with all passwords, until the servers made with it are freed. */
struct sasl_users {
	sasl_find_fn *find;
	void *ctx;
	const struct password *decoy; /* that of any user */
	unsigned char secret[32]; /* random; salts are made of it and the name,
	                             so all threads have the same */
};

struct sasl_library;
struct sasl_library *sasl_library_new(struct err *e);
void sasl_library_free(struct sasl_library **libp); /* has no servers */

/* Bit 1 << enum sasl_mech: what a password of this form can be used with. */
unsigned sasl_mechs_of(enum password_form form);

/*
 * What may be offered and begun: usable is what all users' passwords can be
 * used with (a client takes the best and has no second try), without those
 * that send the password in clear where others could read it.
 */
unsigned sasl_mechs_offered(unsigned usable, bool encrypted,
    bool allow_unencrypted_plain);

const char *sasl_mech_name(enum sasl_mech mech);
enum sasl_mech sasl_mech_find(struct slice name); /* SASL_MECHS: unknown */

struct sasl_server;
struct sasl_server *sasl_server_new(struct sasl_library *lib,
    const struct sasl_users *users, enum sasl_mech mech);
void sasl_server_free(struct sasl_server **sp); /* not while it is checked */

/* The first call; initial is AUTH's second argument, p NULL: there is none. */
enum sasl_status sasl_server_begin(struct sasl_server *s, struct slice initial);
enum sasl_status sasl_server_step(struct sasl_server *s, struct slice line);
void sasl_server_check(struct sasl_server *s); /* slow; any thread */
enum sasl_status sasl_server_checked(struct sasl_server *s);

const char *sasl_server_challenge(struct sasl_server *s); /* base64 */
const char *sasl_server_user(struct sasl_server *s); /* claimed, until done */
enum sasl_failure sasl_server_failure(const struct sasl_server *s);

/* The whole line without CRLF; the same whichever of name and password. */
const char *sasl_failure_reply(enum sasl_failure failure);

#endif
