/* SPDX-License-Identifier: Apache-2.0 */
/* acct_sink: its files - made durable, given up, followed by the next. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "mail/acct_name.h"
#include "transport/acct_rotate.h"
#include "transport/acct_sink.h"

#define RETRY_US (5 * US_PER_S)

static struct acct_place
place_of(const struct acct_sink *s)
{
	return (struct acct_place){ s->conf->path, s->conf->move_to, s->name };
}

/* ---- trouble ------------------------------------------------------------- */

int
acct_sink_back(struct acct_sink *s, struct err *e)
{
	s->passed_rows += acct_sink_rows(&s->now) - acct_sink_rows(&s->kept) +
	    s->now.dropped - s->kept.dropped;
	s->passed_bytes += s->bytes_now - s->bytes_kept;
	s->now = s->kept;
	s->bytes_now = s->bytes_kept;
	buf_clear(&s->fresh);
	return s->file.fd == -1 ? 0 : acct_file_drop(&s->file, e);
}

void
acct_sink_fail(struct acct_sink *s, const char *text)
{
	struct err e;

	if (s->error == NULL)
		log_note(LOG_L_ERROR, "acct",
		    "%s; records are kept and tried again", text);
	free(s->error);
	s->error = mem_strdup(text);
	(void)acct_sink_back(s, &e); /* else what is written next cuts it */
	s->failed = true;
	s->retry_us = clock_us() + RETRY_US;
}

void
acct_sink_well(struct acct_sink *s)
{
	if (s->error == NULL)
		return;
	log_note(LOG_L_INFO, "acct",
	    "acct-file %s: written again, with all that was kept", s->tag);
	free(s->error);
	s->error = NULL;
}

/* ---- durable ------------------------------------------------------------- */

/*
 * Somebody moved the file away, removed it, or cut it (as copytruncate of
 * logrotate(8) does): what the state does not say it has goes to the next one.
 */
static int
follow(struct acct_sink *s, struct err *e)
{
	if (acct_sink_back(s, e) == -1)
		return -1;
	log_note(LOG_L_INFO, "acct",
	    "%s was moved, removed or cut: a new file is begun", s->file.path);
	acct_file_close(&s->file);
	return 0;
}

int
acct_sink_sync(struct acct_sink *s, struct err *e)
{
	if (acct_file_is_dirty(&s->file)) {
		if (acct_file_is_gone(&s->file))
			return follow(s, e);
		if (acct_file_sync(&s->file, e) == -1)
			return -1;
		acct_sink_well(s);
	}
	s->now.length = s->file.fd == -1 ? s->kept.length : s->file.length;
	s->kept = s->now;
	s->bytes_kept = s->bytes_now;
	return 0;
}

int
acct_sink_write(struct acct_sink *s, struct err *e)
{
	if (acct_file_is_gone(&s->file))
		return follow(s, e);
	return acct_file_write(&s->file, e);
}

/* ---- the next file ------------------------------------------------------- */

static int
next_path(const struct acct_sink *s, struct buf *out, struct err *e)
{
	const struct acct_place p = place_of(s);
	uint64_t number = s->told_number;

	if (s->buffer == NULL)
		return acct_rotate_next(&p, clock_wall_us(), out, e);
	if (s->name[0] != '\0')
		number = acct_buffer_number(s->name) + 1;
	acct_buffer_path(s->buffer->folder, number, s->conf->layout->json, out);
	return 0;
}

mode_t
acct_sink_mode(const struct acct_sink *s)
{
	if (s->buffer != NULL)
		return 0600;
	return s->conf->world_readable ? 0644 : 0640;
}

static void
say_finished(const struct acct_sink *s, const char *path)
{
	struct log_line l;

	if (s->buffer != NULL)
		return;
	log_begin(&l, LOG_L_INFO, NULL, "acct-finished");
	log_str(&l, "file", path);
	log_int(&l, "bytes", (int64_t)s->kept.length);
	if (s->conf->count_moved)
		log_int(&l, "records", (int64_t)s->kept.file_rows);
	log_end(&l);
}

/* What was current is one of those before; names do not come back. */
static void
leave(struct acct_sink *s, const char *path)
{
	const struct acct_place p = place_of(s);

	if (s->buffer != NULL && s->name[0] != '\0')
		acct_buffer_finished(s->buffer,
		    path == NULL ? 0 : s->kept.length);
	if (path == NULL)
		return;
	if (s->kept.length > 0)
		say_finished(s, path);
	else if (s->buffer == NULL)
		acct_rotate_leave_empty(&p);
	s->unfinished = true;
}

static void
enter(struct acct_sink *s)
{
	struct acct_state_entry *k = &s->kept;

	(void)snprintf(s->name, sizeof(s->name), "%s",
	    strrchr(s->file.path, '/') + 1);
	k->inode = s->file.inode;
	k->length = 0;
	k->crc = s->conf->layout->crc;
	k->begun_us = k->file_rows = 0;
	s->now = *k;
	s->settled = false;
}

int
acct_sink_open_next(struct acct_sink *s, struct err *e)
{
	struct buf path = { 0 };
	char *before = s->file.fd == -1 ? NULL : mem_strdup(s->file.path);
	int rc = next_path(s, &path, e);

	/* The name goes into the state. */
	if (rc == 0 &&
	    strlen(strrchr(buf_cstr(&path), '/') + 1) >= sizeof(s->name))
		rc = err_set(e, "%s: its name is too long", path.p);
	if (rc == 0)
		rc = acct_file_create(&s->file, path.p, acct_sink_mode(s), e);
	if (rc == 0) {
		leave(s, before);
		enter(s);
	} else {
		s->put_off_us = clock_us() + RETRY_US;
	}
	buf_fini(&path);
	free(before);
	return rc;
}

/* ---- finished ones ------------------------------------------------------- */

void
acct_sink_tidy(struct acct_sink *s)
{
	struct acct_place p;
	struct err e;
	int rc = 0;

	if (s->conf == NULL || s->buffer != NULL || !s->settled)
		return;
	p = place_of(s);
	if (p.move_to[0] != '\0')
		rc = acct_rotate_move(&p, &e);
	else if (s->conf->delete_after_us != INTERVAL_NEVER)
		rc = acct_rotate_expire(&p,
		    clock_wall_us() - s->conf->delete_after_us, &e);
	if (rc == -1 && !s->said_tidy)
		log_note(LOG_L_ERROR, "acct", "%s; tried again each hour",
		    e.text);
	s->said_tidy = rc == -1;
	s->unfinished = false;
}
