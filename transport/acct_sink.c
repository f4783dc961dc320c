/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/acct_sink.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "mail/acct_name.h"
#include "transport/acct_rotate.h"
#include "vmta/acct_filter.h"

#define SAY_FULL_US (60 * US_PER_S)
#define BUFFER_FILE_SIZE ((uint64_t)16 << 20)

/* In `takes`, beside the types. */
#define TAKES_KNOWN (UINT64_C(1) << 32)
#define TAKES_FILTER (UINT64_C(1) << 33)

/* ---- life ---------------------------------------------------------------- */

struct acct_sink *
acct_sink_new(uint32_t number, const char *tag, uint64_t next)
{
	struct acct_sink *s = mem_new(struct acct_sink);

	s->number = number;
	s->tag = mem_strdup(tag);
	s->now.next = s->kept.next = s->seen = next;
	s->until = UINT64_MAX;
	s->settled = true;
	acct_file_init(&s->file);
	return s;
}

void
acct_sink_free(struct acct_sink **sp)
{
	struct acct_sink *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	acct_file_fini(&s->file);
	acct_buffer_free(&s->buffer);
	snapshot_unref(&s->snap);
	buf_fini(&s->fresh);
	free(s->error);
	free(s->sender_error);
	free(s->tag);
	free(s);
}

void
acct_sink_set_conf(struct acct_sink *s, const struct snapshot *snap,
    const struct acct_conf *conf)
{
	struct snapshot *before = s->snap;

	s->snap = snap == NULL ? NULL : snapshot_ref(snap);
	s->conf = conf;
	snapshot_unref(&before);
	s->until = UINT64_MAX;
	s->put_off_us = 0;
}

static void
set_name(struct acct_sink *s, const char *name, size_t len)
{
	CHECK(len < sizeof(s->name));
	memcpy(s->name, name, len);
	s->name[len] = '\0';
}

static int
resume_file(struct acct_sink *s, struct err *e)
{
	struct buf path = { 0 };
	int rc;

	if (s->buffer != NULL)
		buf_printf(&path, "%s/", s->buffer->folder);
	else
		acct_rotate_folder(s->conf->path, &path);
	buf_str(&path, s->name);
	/* In the spool nobody replaces it, but to load a dump. */
	rc = acct_file_resume(&s->file, buf_cstr(&path),
	    s->buffer != NULL ? 0 : s->kept.inode, s->kept.length, e);
	if (rc == 0 && s->kept.length > 0)
		log_note(LOG_L_WARN, "acct",
		    "%s is not what it was: somebody moved, cut or replaced "
		    "it; records go on in a new file",
		    path.p);
	buf_fini(&path);
	return rc;
}

int
acct_sink_resume(struct acct_sink *s, const struct acct_state_entry *en,
    const char *spool_dir, struct err *e)
{
	uint64_t current = 0;

	if (s->conf->kind != ACCT_FILE &&
	    acct_buffer_new(spool_dir, s->tag, &s->buffer, e) == -1)
		return -1;
	if (en != NULL) {
		s->now = s->kept = *en;
		s->seen = en->next;
		set_name(s, en->name, en->name_len);
		current = acct_buffer_number(s->name);
	}
	if (s->buffer != NULL) {
		current = acct_buffer_start(s->buffer, s->kept.cursor_number,
		    s->kept.cursor_offset, current);
		s->now.cursor_number = s->buffer->cursor_number;
		s->now.cursor_offset = s->buffer->cursor_offset;
		s->kept.cursor_number = s->now.cursor_number;
		s->kept.cursor_offset = s->now.cursor_offset;
		s->told_number = current;
	}
	if (s->name[0] == '\0')
		return 0;
	s->unfinished = true;
	return resume_file(s, e) == -1 ? -1 : 0;
}

/* ---- a blob -------------------------------------------------------------- */

/* Those not for it at all neither go in nor count. */
static bool
is_for(const struct acct_sink *s, uint64_t seq)
{
	return s->conf != NULL && seq >= s->now.next && seq < s->until;
}

void
acct_sink_begin_blob(struct acct_sink *s, uint64_t seq, uint64_t pos)
{
	buf_clear(&s->fresh);
	memset(&s->share, 0, sizeof(s->share));
	/* In a gap are blobs that it does not have. */
	s->taking = is_for(s, seq) && !s->failed && s->now.next >= pos;
	s->counting = s->taking || is_for(s, seq);
}

void
acct_sink_offer(struct acct_sink *s, struct acct_rows *rows,
    const struct acct_record *r, const struct acct_id *id, size_t bytes)
{
	if (!s->counting || (s->conf->types & ACCT_BIT(r->type)) == 0 ||
	    !acct_filter_takes(s->conf->filter, r->type, r->queue))
		return;
	s->share.rows[r->type]++;
	s->share.count++;
	s->share.bytes += bytes;
	if (s->taking)
		acct_row_add(rows, s->conf->layout, r, id, &s->fresh);
}

static void
give_up(struct acct_sink *s)
{
	log_note(LOG_L_ERROR, "acct-dropped",
	    "acct-file %s: %llu records are dropped: more than "
	    "max-buffer-size waited while it could not be written",
	    s->tag, (unsigned long long)s->passed_rows);
	s->now.dropped += s->passed_rows;
	s->now.next = s->seen;
	s->passed_rows = s->passed_bytes = 0;
	s->kept.dropped = s->now.dropped;
	s->kept.next = s->now.next;
}

void
acct_sink_pass(struct acct_sink *s, uint64_t seq)
{
	if (!s->counting || seq < s->seen)
		return;
	s->seen = seq + 1;
	s->passed_rows += s->share.count;
	s->passed_bytes += s->share.bytes;
	/* What it took before it failed is part of it by now. */
	if (s->passed_bytes > s->conf->max_buffer &&
	    s->now.next == s->kept.next)
		give_up(s);
}

static uint64_t
takes_of(const struct acct_conf *c)
{
	return c->types | TAKES_KNOWN | (c->filter == NULL ? 0 : TAKES_FILTER);
}

void
acct_sink_base(struct acct_sink *s, const struct store_ledger *after,
    uint64_t d, uint64_t b)
{
	struct acct_state_entry *n = &s->now;

	if (after == NULL || n->takes == takes_of(s->conf))
		return;
	n->takes = takes_of(s->conf);
	n->base_rows_d = n->rows[ACCT_D];
	n->base_rows_b = n->rows[ACCT_B];
	n->base_ledger_d = acct_ledger_d(after) - d;
	n->base_ledger_b = acct_ledger_b(after) - b;
}

bool
acct_sink_agrees(const struct acct_sink *s, const struct store_ledger *l,
    bool *agrees_r)
{
	const unsigned both = ACCT_BIT(ACCT_D) | ACCT_BIT(ACCT_B);
	const struct acct_state_entry *k = &s->kept;

	if (s->conf == NULL || k->takes != takes_of(s->conf) ||
	    (k->takes & TAKES_FILTER) != 0 || (k->takes & both) != both ||
	    k->dropped > 0)
		return false;
	*agrees_r = k->rows[ACCT_D] - k->base_rows_d ==
		acct_ledger_d(l) - k->base_ledger_d &&
	    k->rows[ACCT_B] - k->base_rows_b ==
		acct_ledger_b(l) - k->base_ledger_b;
	return true;
}

uint64_t
acct_ledger_d(const struct store_ledger *l)
{
	return l->delivered - l->unrecorded_d;
}

uint64_t
acct_ledger_b(const struct store_ledger *l)
{
	return l->failed + l->expired + l->suppressed + l->deleted -
	    l->unrecorded_b;
}

/* A reload may have changed what of a blob is counted. */
static void
take_away(uint64_t *sum, uint64_t n)
{
	*sum -= n < *sum ? n : *sum;
}

/* So much of what passed by has come again. */
static void
count_in(struct acct_sink *s, uint64_t seq)
{
	if (seq < s->seen) {
		take_away(&s->passed_rows, s->share.count);
		take_away(&s->passed_bytes, s->share.bytes);
	} else {
		s->seen = seq + 1;
	}
	s->bytes_now += s->share.bytes;
	s->now.next = seq + 1;
}

bool
acct_sink_drops(struct acct_sink *s, uint64_t seq)
{
	bool full = s->buffer != NULL && s->fresh.len > 0 &&
	    acct_sink_waiting(s) + s->fresh.len > s->conf->max_buffer;

	if (!full)
		return false;
	s->now.dropped += s->share.count;
	count_in(s, seq);
	if (s->said_full_us == 0 ||
	    clock_us() - s->said_full_us >= SAY_FULL_US) {
		log_note(LOG_L_ERROR, "acct-dropped",
		    "acct-file %s: max-buffer-size is reached: records are "
		    "dropped, %llu so far",
		    s->tag, (unsigned long long)s->now.dropped);
		s->said_full_us = clock_us();
	}
	return true;
}

void
acct_sink_add(struct acct_sink *s, uint64_t seq)
{
	struct acct_state_entry *n = &s->now;

	count_in(s, seq);
	if (s->fresh.len == 0)
		return;
	if (acct_file_size(&s->file) == 0) {
		acct_row_header(s->conf->layout, &s->file.rows);
		n->crc = s->conf->layout->crc;
		n->begun_us = (uint64_t)clock_wall_us();
		n->file_rows = 0;
	}
	buf_add(&s->file.rows, s->fresh.p, s->fresh.len);
	for (size_t t = 0; t < ACCT_TYPES; t++)
		n->rows[t] += s->share.rows[t];
	n->file_rows += s->share.count;
	if (s->said_full_us != 0) {
		log_note(LOG_L_INFO, "acct-dropped",
		    "acct-file %s: there is room again; %llu records were "
		    "dropped",
		    s->tag, (unsigned long long)n->dropped);
		s->said_full_us = 0;
	}
}

/* ---- which file ---------------------------------------------------------- */

static bool
is_of_today(const struct acct_sink *s)
{
	struct acct_name name;
	char today[ACCT_DAY];

	acct_name_day(today, clock_wall_us());
	return acct_name_parse(s->conf->path, s->name, &name) &&
	    strcmp(name.day, today) == 0;
}

static uint64_t
max_size(const struct acct_conf *c)
{
	return c->kind == ACCT_FILE || c->kind == ACCT_WEBHOOK ?
	    c->max_size :
	    BUFFER_FILE_SIZE;
}

static int64_t
max_age_us(const struct acct_conf *c)
{
	switch (c->kind) {
	case ACCT_FILE:
		return c->move_interval_us;
	case ACCT_WEBHOOK:
		return c->webhook_interval_us;
	case ACCT_PIPE:
	case ACCT_REDIS:
		break;
	}
	return INTERVAL_NEVER;
}

int64_t
acct_sink_due_us(const struct acct_sink *s)
{
	int64_t age = s->conf == NULL ? INTERVAL_NEVER : max_age_us(s->conf);
	int64_t begun = (int64_t)s->now.begun_us;

	/* Without a file the next row begins one, whenever that is. */
	if (s->file.fd == -1 || begun == 0 || age > INT64_MAX - begun)
		return INT64_MAX;
	return begun + age;
}

static bool
is_due(const struct acct_sink *s, uint64_t size)
{
	const struct acct_conf *c = s->conf;

	if (c->kind == ACCT_FILE && (size > 0 || s->fresh.len > 0) &&
	    !is_of_today(s))
		return true;
	if (size == 0)
		return false;
	return clock_wall_us() >= acct_sink_due_us(s) ||
	    (s->fresh.len > 0 && size + s->fresh.len > max_size(c));
}

enum acct_turn
acct_sink_turn(const struct acct_sink *s)
{
	uint64_t size = acct_file_size(&s->file);

	if (s->file.fd == -1)
		return ACCT_TURN_MUST;
	/* Of buffers the layout decides about the suffix, too. */
	if (s->fresh.len > 0 && s->now.crc != s->conf->layout->crc &&
	    (size > 0 || s->buffer != NULL))
		return ACCT_TURN_MUST;
	if (clock_us() >= s->put_off_us && is_due(s, size))
		return ACCT_TURN_SHOULD;
	return ACCT_TURN_NO;
}

/* ---- figures ------------------------------------------------------------- */

uint64_t
acct_sink_waiting(const struct acct_sink *s)
{
	if (s->buffer == NULL)
		return 0;
	return acct_buffer_waiting(s->buffer, acct_file_size(&s->file));
}

uint64_t
acct_sink_rows(const struct acct_state_entry *en)
{
	uint64_t sum = 0;

	for (size_t t = 0; t < ACCT_TYPES; t++)
		sum += en->rows[t];
	return sum;
}

bool
acct_sink_is_dirty(const struct acct_sink *s)
{
	return acct_file_is_dirty(&s->file) || s->now.next != s->kept.next;
}
