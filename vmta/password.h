/* SPDX-License-Identifier: Apache-2.0 */
/*
 * password - what is stored of a user's password, and whether one is it.
 *
 *	secret, {PLAIN}secret              as it is
 *	{CRYPT}$6$..., {CRYPT}$y$...       crypt(3), as in /etc/shadow
 *	{SCRAM-SHA-256}4096,salt,StoredKey,ServerKey
 *
 * The last is what `gsasl --mkpasswd` writes: values of RFC 5802, 3, with the
 * hash of RFC 7677, in base64.  Of crypt(3) only its strong methods are taken.
 *
 * No text of a password gets into an error, and what was one is wiped before
 * its memory is given back.  A password is immutable once it is read: any
 * thread.  password_is() and password_scram_keys() take milliseconds or more of
 * processor time, as they are meant to: not on a thread that others wait for.
 */

#ifndef VMTA_PASSWORD_H
#define VMTA_PASSWORD_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/str.h"

enum password_form { PASSWORD_PLAIN, PASSWORD_CRYPT, PASSWORD_SCRAM };

enum {
	PASSWORD_MAX = 511,         /* bytes: what crypt(3) takes */
	PASSWORD_SALT_MAX = 64,     /* bytes, of SCRAM */
	PASSWORD_KEY_LEN = 32,      /* of SHA-256 */
	PASSWORD_ITERATIONS = 4096, /* the least, RFC 7677, 4 */
	PASSWORD_ITERATIONS_MAX = 1000000
};

/* What a server needs to know for SCRAM-SHA-256. */
struct password_scram {
	uint32_t iterations;
	uint32_t salt_len;
	char salt[PASSWORD_SALT_MAX];
	char stored_key[PASSWORD_KEY_LEN], server_key[PASSWORD_KEY_LEN];
};

struct password {
	enum password_form form;
	char *text;                  /* PLAIN, CRYPT; NULL for SCRAM */
	struct password_scram scram; /* SCRAM */
};

/* -1: nothing to be freed, and the error says what is wrong, not with what. */
int password_read(struct password *p, struct slice stored, struct err *e);
void password_fini(struct password *p);

/* Whether it is this one.  A text longer than PASSWORD_MAX is none. */
bool password_is(const struct password *p, const char *given);

/*
 * Makes the keys of a plain password from iterations and salt, which the
 * caller has set.  False: it cannot be used so (RFC 4013 forbids what it has).
 */
bool password_scram_keys(struct password_scram *s, const char *plain);

#endif
