/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/postfix/pf_listing.h"

#include <inttypes.h>
#include <string.h>

#include "compat/log_text.h"
#include "lib/check.h"
#include "mail/message.h"

/* ---- words --------------------------------------------------------------- */

const char *
pf_state_name(enum listed_state state)
{
	switch (state) {
	case LISTED_ACTIVE:
		return "active";
	case LISTED_DEFERRED:
		return "deferred";
	case LISTED_HOLD:
		return "hold";
	}
	CHECK_NEVER("a state of a message");
}

bool
pf_state_read(const char *name, enum listed_state *state_r)
{
	for (int i = LISTED_ACTIVE; i <= LISTED_HOLD; i++)
		if (strcmp(pf_state_name((enum listed_state)i), name) == 0) {
			*state_r = (enum listed_state)i;
			return true;
		}
	return false;
}

const char *
pf_sender_shown(const char *sender)
{
	return sender[0] == '\0' ? "MAILER-DAEMON" : sender;
}

static void
add_text(struct buf *out, const char *s)
{
	log_text(out, s, SIZE_MAX, LOG_AS_POSTFIX);
}

/* ---- for people ---------------------------------------------------------- */

enum { REASON_END = 78 }; /* the column where a reason ends, if it can */

void
pf_listing_head(struct buf *out)
{
	buf_str(out,
	    "----Queue ID----- --Size-- ---Arrival Time---- "
	    "--Sender/Recipient------\n");
}

static void
add_reason(const char *reason, struct buf *out)
{
	struct buf text = { 0 };

	buf_byte(&text, '(');
	add_text(&text, reason);
	buf_byte(&text, ')');
	buf_printf(out, "%*s\n", REASON_END, buf_cstr(&text));
	buf_fini(&text);
}

void
pf_listing_message(const struct listed *m, const struct tm *tm, struct buf *out)
{
	const char *marks[] = { [LISTED_ACTIVE] = "*",
		[LISTED_DEFERRED] = " ",
		[LISTED_HOLD] = "!" };
	const char *last = "";
	char id[MESSAGE_ID_TEXT], when[32];

	CHECK(strftime(when, sizeof(when), "%a %b %e %H:%M:%S", tm) > 0);
	buf_printf(out, "%s%s %8" PRIu64 " %s ", message_id_text(m->id, id),
	    marks[m->state], m->size, when);
	add_text(out, pf_sender_shown(m->sender));
	buf_byte(out, '\n');
	for (size_t i = 0; i < m->rcpt_count; i++) {
		const struct listed_rcpt *r = &m->rcpts[i];

		if (r->reason[0] != '\0' && strcmp(r->reason, last) != 0)
			add_reason(r->reason, out);
		last = r->reason;
		buf_printf(out, "%-17s %8s %-19s ", "", "", "");
		add_text(out, r->addr);
		buf_byte(out, '\n');
	}
	buf_byte(out, '\n');
}

void
pf_listing_sum(uint64_t kbytes, uint64_t requests, struct buf *out)
{
	if (requests == 0)
		buf_str(out, PF_LISTING_EMPTY "\n");
	else
		buf_printf(out,
		    "-- %" PRIu64 " Kbytes in %" PRIu64 " Request%s.\n", kbytes,
		    requests, requests == 1 ? "" : "s");
}

/* A number with that before it, both taken from s. */
static bool
take_number(struct slice *s, const char *before, uint64_t *v_r)
{
	size_t len = strlen(before), n = 0;
	struct err e;

	if (s->len < len || memcmp(s->p, before, len) != 0)
		return false;
	s->p += len;
	s->len -= len;
	while (n < s->len && s->p[n] >= '0' && s->p[n] <= '9')
		n++;
	if (str_to_u64((struct slice){ s->p, n }, v_r, &e) == -1)
		return false;
	s->p += n;
	s->len -= n;
	return true;
}

bool
pf_listing_read_sum(struct slice line, uint64_t *kbytes_r, uint64_t *requests_r)
{
	*kbytes_r = *requests_r = 0;
	if (slice_eq(line, PF_LISTING_EMPTY))
		return true;
	return take_number(&line, "-- ", kbytes_r) &&
	    take_number(&line, " Kbytes in ", requests_r) &&
	    (slice_eq(line, " Request.") || slice_eq(line, " Requests."));
}

/* ---- for programs -------------------------------------------------------- */

static void
add_json(struct buf *out, const char *key, const char *s)
{
	struct buf text = { 0 };

	add_text(&text, s);
	buf_printf(out, "\"%s\": \"", key);
	for (const char *p = buf_cstr(&text); *p != '\0'; p++) {
		if (*p == '"' || *p == '\\')
			buf_byte(out, '\\');
		buf_byte(out, *p);
	}
	buf_byte(out, '"');
	buf_fini(&text);
}

void
pf_listing_json(const struct listed *m, struct buf *out)
{
	char id[MESSAGE_ID_TEXT];

	buf_printf(out,
	    "{\"queue_name\": \"%s\", \"queue_id\": \"%s\", "
	    "\"arrival_time\": %" PRId64 ", \"message_size\": %" PRIu64
	    ", \"forced_expire\": false, ",
	    pf_state_name(m->state), message_id_text(m->id, id), m->arrival_s,
	    m->size);
	add_json(out, "sender", pf_sender_shown(m->sender));
	buf_str(out, ", \"recipients\": [");
	for (size_t i = 0; i < m->rcpt_count; i++) {
		buf_str(out, i == 0 ? "{" : ", {");
		add_json(out, "address", m->rcpts[i].addr);
		if (m->rcpts[i].reason[0] != '\0') {
			buf_str(out, ", ");
			add_json(out, "delay_reason", m->rcpts[i].reason);
		}
		buf_byte(out, '}');
	}
	buf_str(out, "]}\n");
}
