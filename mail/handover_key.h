/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handover_key - by what a repeated hand-over is recognised.
 *
 * The host MTA hands a message over again when the connection broke between
 * the final dot and our replies.  It is the same message when it came in by
 * the same door, from the same peer, with the same queue id and the same
 * header block; queue ids alone are used again by Postfix.  Within it, a
 * recipient is the same when address, ORCPT and NOTIFY are.
 *
 * The values are kept on disk for a day: they must not change.  Pure.
 */

#ifndef MAIL_HANDOVER_KEY_H
#define MAIL_HANDOVER_KEY_H

#include <stdint.h>

#include "lib/str.h"

#define HANDOVER_KEY_LEN 16

void handover_key(const char *door, const char *peer, const char *queue_id,
    struct slice header, uint8_t key_r[HANDOVER_KEY_LEN]);

uint64_t handover_rcpt_key(const char *addr, const char *orcpt, uint8_t notify);

#endif
