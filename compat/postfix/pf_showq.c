/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/postfix/pf_showq.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "compat/postfix/pf_listing.h"
#include "mail/message.h"

static void
add(struct buf *out, const char *name, const char *value)
{
	buf_add(out, name, strlen(name) + 1);
	buf_add(out, value, strlen(value) + 1);
}

static void
add_number(struct buf *out, const char *name, int64_t v)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRId64, v);
	add(out, name, text);
}

static void
end(struct buf *out)
{
	buf_byte(out, '\0');
}

void
pf_showq_begin(struct buf *out)
{
	add(out, "protocol", "mail_queue_list_protocol");
	end(out);
}

void
pf_showq_message(const struct listed *m, struct buf *out)
{
	char id[MESSAGE_ID_TEXT];

	add(out, "queue_name", pf_state_name(m->state));
	add(out, "queue_id", message_id_text(m->id, id));
	add_number(out, "time", m->arrival_s);
	add_number(out, "size", (int64_t)m->size);
	add_number(out, "forced_expire", 0);
	add(out, "sender", pf_sender_shown(m->sender));
	for (size_t i = 0; i < m->rcpt_count; i++) {
		add(out, "recipient", m->rcpts[i].addr);
		add(out, "reason", m->rcpts[i].reason);
	}
	end(out);
}

void
pf_showq_end(struct buf *out)
{
	end(out);
}
