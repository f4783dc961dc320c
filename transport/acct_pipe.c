/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sender to a program (`<acct-file |COMMAND>`).
 *
 *	WAITING --> RUNNING --> CLOSING --> its end: again, or over
 *	   ^         | |           |
 *	   |    BROKEN |           |
 *	   |         v v           v
 *	   '-------- ENDING <------'      something was wrong: it is killed
 *
 * What the program has done with its rows nobody can know before it has read
 * them to their end and has ended with status 0.  Short of that, rows count as taken when it
 * has read LAG bytes beyond them: more than that no program is expected to
 * hold back.  When it ends in another way, all that does not count as taken
 * goes to the next one again.
 */
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/child.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "lib/worker.h"
#include "transport/acct_sender.h"

#define LAG ((uint64_t)256 * 1024)
#define PIECE ((size_t)32 * 1024)

/* Between SIGTERM and SIGKILL. */
#define TERM_PATIENCE_US (5 * US_PER_S)
/* When nothing reads the pipe any more: its end tells more than that. */
#define BROKEN_PATIENCE_US (100 * US_PER_MS)
/* How often it is looked whether the program reads. */
#define LOOK_US (1 * US_PER_S)

enum state { WAITING, RUNNING, BROKEN, CLOSING, ENDING };

/* So many bytes were written when all rows before the place were. */
struct mark {
	uint64_t bytes;
	struct acct_place end;
};

/*
 * A mark stands for MARK_BYTES at least, so that there are enough for LAG, a
 * pipe and a piece; if there are not (a program can make its pipe larger) the
 * last one stands for more.
 */
enum { MARKS = 256, MARK_BYTES = 4096 };

struct acct_pipe {
	struct acct_sender sender;
	struct acct_sender_env env;
	const char *command;
	enum state state;
	bool finishing;
	struct child *child;
	struct event *timer;

	/* Of this program: */
	bool headed;
	struct buf header; /* what it was given */
	struct buf out;    /* rows on the way into the pipe */
	size_t out_done;
	struct acct_place out_end;
	uint64_t written;         /* into the pipe, the header included */
	uint64_t read;            /* of that, by the program */
	int64_t moved_us;         /* when it last read, or had all */
	struct err broken;        /* why nothing can be written */
	int64_t closed_us;        /* when its input was closed */
	struct mark marks[MARKS]; /* oldest first, what does not count yet */
	size_t mark_count;
};

static void
set_timer(struct acct_pipe *p, int64_t us)
{
	struct timeval tv = { .tv_sec = us / US_PER_S,
		.tv_usec = us % US_PER_S };

	CHECK(event_add(p->timer, &tv) == 0);
}

/* ---- what counts as taken ------------------------------------------------ */

static void
add_mark(struct acct_pipe *p)
{
	uint64_t before = p->mark_count < 2 ? 0 :
					      p->marks[p->mark_count - 2].bytes;

	if (p->mark_count == 0 ||
	    (p->mark_count < MARKS &&
		p->marks[p->mark_count - 1].bytes - before >= MARK_BYTES))
		p->mark_count++;
	p->marks[p->mark_count - 1] = (struct mark){ p->written, p->out_end };
}

static void
take_until(struct acct_pipe *p, uint64_t bytes)
{
	struct acct_place upto = { 0, 0 };
	size_t n = 0;

	while (n < p->mark_count && p->marks[n].bytes <= bytes)
		upto = p->marks[n++].end;
	if (n == 0)
		return;
	p->mark_count -= n;
	memmove(p->marks, p->marks + n, p->mark_count * sizeof(p->marks[0]));
	p->env.owner->taken(p->env.ctx, upto);
	p->env.owner->said(p->env.ctx, NULL);
}

static void
look_how_far(struct acct_pipe *p)
{
	uint64_t read = p->written - child_unread(p->child);

	if (read == p->read)
		return;
	p->read = read;
	p->moved_us = clock_us();
	if (read > LAG)
		take_until(p, read - LAG);
}

/* ---- its end ------------------------------------------------------------- */

static void
forget_program(struct acct_pipe *p)
{
	child_free(&p->child);
	(void)event_del(p->timer);
	p->state = WAITING;
	p->headed = false;
	buf_clear(&p->header);
	buf_clear(&p->out);
	p->out_done = 0;
	p->written = p->read = 0;
	p->mark_count = 0;
	acct_feed_rewind(p->env.feed);
}

/* The last call of what calls it: p may be gone. */
static void
wait_or_end(struct acct_pipe *p)
{
	forget_program(p);
	if (p->finishing)
		p->env.owner->ended(p->env.ctx);
	else
		set_timer(p, p->env.conf->retry_interval_us);
}

/* PowerMTA's words. */
static void
trouble(struct acct_pipe *p, const char *doing, const char *details)
{
	struct buf text = { 0 };

	buf_printf(&text, "Error %s \"%s\": %s", doing, p->command, details);
	p->env.owner->said(p->env.ctx, buf_cstr(&text));
	buf_fini(&text);
}

static void
kill_it(struct acct_pipe *p, const char *doing, const char *details)
{
	trouble(p, doing, details);
	p->state = ENDING;
	child_close_input(p->child);
	child_signal(p->child, SIGTERM);
	set_timer(p, TERM_PATIENCE_US);
}

static void
close_input(struct acct_pipe *p)
{
	p->state = CLOSING;
	p->closed_us = clock_us();
	child_close_input(p->child);
	set_timer(p, LOOK_US);
}

/* ---- sending ------------------------------------------------------------- */

static void
look_later(struct acct_pipe *p)
{
	if (!event_pending(p->timer, EV_TIMEOUT, NULL))
		set_timer(p, LOOK_US);
}

/* true: all of p->out is in the pipe. */
static bool
write_out(struct acct_pipe *p)
{
	struct err e;
	ssize_t n;

	if (p->out_done == p->out.len)
		return true;
	if (child_unread(p->child) == 0)
		p->moved_us = clock_us();
	n = child_write(p->child, p->out.p + p->out_done,
	    p->out.len - p->out_done, &e);
	if (n == -1) {
		p->state = BROKEN;
		p->broken = e;
		set_timer(p, BROKEN_PATIENCE_US);
		return false;
	}
	p->written += (uint64_t)n;
	p->out_done += (size_t)n;
	look_later(p);
	if (p->out_done < p->out.len)
		return false;
	add_mark(p);
	buf_clear(&p->out);
	p->out_done = 0;
	return true;
}

/* Is this the header line that the program was given, or its first one? */
static bool
fits(const struct acct_pipe *p, struct slice header)
{
	return !p->headed ||
	    (header.len == p->header.len &&
		(header.len == 0 ||
		    memcmp(header.p, p->header.p, header.len) == 0));
}

/* The next rows into p->out; false: there are none for this program now. */
static bool
take_rows(struct acct_pipe *p)
{
	struct acct_piece piece;
	struct err e;

	switch (acct_feed_read(p->env.feed, PIECE, &piece, &e)) {
	case ACCT_FEED_NONE:
		return false;
	case ACCT_FEED_FAILED:
		p->env.owner->said(p->env.ctx, e.text);
		look_later(p);
		return false;
	case ACCT_FEED_ROWS:
		break;
	}
	if (!fits(p, piece.header)) {
		close_input(p); /* the next program gets them */
		return false;
	}
	if (!p->headed && piece.header.len > 0) {
		buf_add(&p->header, piece.header.p, piece.header.len);
		buf_add(&p->out, piece.header.p, piece.header.len);
	}
	p->headed = true;
	buf_add(&p->out, piece.rows.p, piece.rows.len);
	p->out_end = piece.end;
	return true;
}

static void
send_rows(struct acct_pipe *p)
{
	while (p->state == RUNNING && write_out(p)) {
		if (p->finishing)
			close_input(p);
		else if (!take_rows(p))
			return;
	}
}

/* ---- events -------------------------------------------------------------- */

static void
on_room(void *ctx)
{
	struct acct_pipe *p = ctx;

	if (p->state != RUNNING)
		return;
	look_how_far(p);
	send_rows(p);
}

/* Ends the program that does not do its part. */
static void
look(struct acct_pipe *p)
{
	int64_t patience_us = p->env.conf->write_timeout_us;
	struct buf text = { 0 };

	str_interval(&text, patience_us);
	if (p->state == CLOSING) {
		if (clock_us() - p->closed_us < patience_us) {
			set_timer(p, LOOK_US);
		} else {
			buf_str(&text,
			    " after its input was closed it had not "
			    "ended");
			kill_it(p, "executing", buf_cstr(&text));
		}
	} else {
		look_how_far(p);
		if (p->read > 0) /* for a while by now */
			p->env.owner->said(p->env.ctx, NULL);
		if (child_unread(p->child) > 0 &&
		    clock_us() - p->moved_us >= patience_us) {
			buf_str(&text, " long it has read nothing");
			kill_it(p, "writing to", buf_cstr(&text));
		} else {
			if (child_unread(p->child) > 0)
				set_timer(p, LOOK_US);
			send_rows(p);
		}
	}
	buf_fini(&text);
}

/* What a shell says of a command that it cannot run. */
static bool
never_ran(const struct child_end *end)
{
	return !end->killed && (end->code == 126 || end->code == 127);
}

static void
on_ended(void *ctx, const struct child_end *end)
{
	struct acct_pipe *p = ctx;
	bool done = p->state == CLOSING && !end->killed && end->code == 0 &&
	    child_unread(p->child) == 0;
	char text[64];

	if (p->state != ENDING)
		look_how_far(p);
	if (done) {
		take_until(p, UINT64_MAX);
		p->env.owner->said(p->env.ctx, NULL);
		forget_program(p);
		if (p->finishing)
			p->env.owner->ended(p->env.ctx);
		else
			set_timer(p, 0);
		return;
	}
	if (p->state != ENDING)
		trouble(p, never_ran(end) ? "starting" : "executing",
		    child_end_text(end, text, sizeof(text)));
	wait_or_end(p);
}

static void
start(struct acct_pipe *p)
{
	static const struct child_owner owner = { .room = on_room,
		.ended = on_ended };
	struct err e;

	p->child = child_new(p->env.worker, p->command, &owner, p, &e);
	if (p->child == NULL) {
		trouble(p, "starting", e.text);
		wait_or_end(p);
		return;
	}
	p->state = RUNNING;
	p->moved_us = clock_us();
	send_rows(p);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct acct_pipe *p = arg;

	(void)fd;
	(void)what;
	switch (p->state) {
	case WAITING:
		start(p);
		break;
	case RUNNING:
	case CLOSING:
		look(p);
		break;
	case BROKEN:
		kill_it(p, "writing to", p->broken.text);
		break;
	case ENDING:
		child_signal(p->child, SIGKILL);
		break;
	}
}

/* ---- life ---------------------------------------------------------------- */

static struct acct_pipe *
pipe_of(struct acct_sender *s)
{
	return post_owner(s, struct acct_pipe, sender);
}

static void
pipe_more(struct acct_sender *s)
{
	send_rows(pipe_of(s));
}

static void
pipe_finish(struct acct_sender *s)
{
	struct acct_pipe *p = pipe_of(s);

	p->finishing = true;
	if (p->state == WAITING) {
		(void)event_del(p->timer);
		p->env.owner->ended(p->env.ctx); /* p may be gone */
	} else {
		send_rows(p);
	}
}

static void
pipe_free(struct acct_sender *s)
{
	struct acct_pipe *p = pipe_of(s);

	child_free(&p->child);
	event_free(p->timer);
	buf_fini(&p->header);
	buf_fini(&p->out);
	free(p);
}

/* The program is there from the beginning, also while there are no rows. */
struct acct_sender *
acct_pipe_new(const struct acct_sender_env *env)
{
	struct acct_pipe *p = mem_new(struct acct_pipe);

	CHECK(env->conf->path[0] == '|');
	p->sender = (struct acct_sender){ .more = pipe_more,
		.finish = pipe_finish,
		.free = pipe_free };
	p->env = *env;
	p->command = env->conf->path + 1;
	p->timer = event_new(worker_base(env->worker), -1, 0, on_timer, p);
	CHECK(p->timer != NULL);
	acct_feed_rewind(env->feed);
	set_timer(p, 0);
	return &p->sender;
}
