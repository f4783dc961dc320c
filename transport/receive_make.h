/* SPDX-License-Identifier: Apache-2.0 */
/*
 * receive_make - the transaction of a session as a letter, and a letter as the
 * store wants it.
 *
 * On the session's worker.  Strings are the session's, of its tx region; what is
 * made is the caller's.
 */

#ifndef TRANSPORT_RECEIVE_MAKE_H
#define TRANSPORT_RECEIVE_MAKE_H

#include <stdint.h>

#include "lib/str.h"
#include "mail/envelope.h"
#include "mail/keys_ask.h"
#include "mail/message.h"
#include "queue/store.h"
#include "transport/ingress_priv.h"
#include "transport/letter.h"

/* A message that the store has not seen yet. */
struct made {
	struct message *msg;
	struct buf waybill; /* of its envelope */
	uint32_t rcpt_count, size;
	/* Records of its recipients, where any are wanted. */
	struct store_receipts receipts;
	struct buf records;
	uint32_t *ends;
};

/* Of s->tx; conf: settings of its source. */
struct letter_work *receive_begin_letter(struct ingress_session *s,
    const struct source_conf *conf);

/* Asks for what a letter wants; fn has what came, and s->keys to clear. */
void receive_ask_keys(struct ingress_session *s, struct dkim_answers *wants,
    void (*fn)(void *arg), void *arg);

struct envelope receive_envelope(struct ingress_session *s,
    const struct letter *l);

/* Takes the body of l. */
void receive_make(struct ingress_session *s, const struct envelope *env,
    struct letter *l, struct made *m_r);
void made_fini(struct made *m);

/* NULL: there are none. */
const struct store_receipts *made_receipts(const struct made *m);

#endif
