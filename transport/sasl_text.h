/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sasl_text - what both sides of SASL do with lines and secrets: base64 of any
 * length (RFC 4954, section 4), and wiping.  Any thread.
 */

#ifndef TRANSPORT_SASL_TEXT_H
#define TRANSPORT_SASL_TEXT_H

#include <gsasl.h>
#include <stdbool.h>

#include "lib/str.h"

/* Adds what the line stands for, with a NUL behind it.  False: no base64. */
bool sasl_text_read(struct slice line, struct buf *out);

/* Frees it, and nothing of it stays in memory. */
void sasl_text_wipe(struct buf *b);

/* The library's copy, before its session ends. */
void sasl_text_wipe_property(Gsasl_session *session, Gsasl_property what);

#endif
