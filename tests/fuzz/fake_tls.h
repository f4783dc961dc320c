/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_tls - lib/tls.h without cryptography, for the session's fuzz target:
 * after STARTTLS bytes go on as they are, and the handshake ends when the
 * target says so.  What may be sent when, and what is forgotten, can so be
 * looked at with any server behind it.
 *
 * Linked in place of lib/tls.c.  One session at a time.
 */

#ifndef TESTS_FUZZ_FAKE_TLS_H
#define TESTS_FUZZ_FAKE_TLS_H

#include <stdbool.h>

struct tls_client *fake_tls_client(void);
/* From STARTTLS to the end of the handshake. */
bool fake_tls_is_waiting(void);
void fake_tls_finish(bool good);
/* The session has ended, in a handshake or not. */
void fake_tls_reset(void);

#endif
