/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sasl_answers - what a client says to a challenge, on OpenSSL alone: both sides
 * of SASL are held against it.  test_sasl_server.c shows that it gives the
 * answers of RFC 2195 and RFC 7677.
 */

#ifndef TESTS_UNIT_SASL_ANSWERS_H
#define TESTS_UNIT_SASL_ANSWERS_H

#include <stddef.h>

void sasl_answer_cram(const char *user, const char *password,
    const char *challenge, char *out, size_t cap);

/* RFC 5802, 3: the answer to server_first, and what the server is to sign. */
void sasl_answer_scram(const char *password, const char *bare,
    const char *server_first, char out[512], char signature[64]);

#endif
