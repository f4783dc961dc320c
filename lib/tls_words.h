/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_words - what OpenSSL says, and what it understands, as text.  Any thread.
 */

#ifndef LIB_TLS_WORDS_H
#define LIB_TLS_WORDS_H

#include "lib/err.h"

/* Its words for what went wrong on this thread; -1. */
int err_tls(struct err *e, const char *what);

/* For those who read configuration: is it a list of ciphers, of suites? */
int tls_ciphers_check(const char *ciphers, struct err *e);
int tls_suites_check(const char *suites, struct err *e);

#endif
