/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/compact.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "mail/envelope.h"
#include "queue/bytes.h"
#include "queue/commit.h"
#include "queue/crc32c.h"
#include "queue/store_priv.h"

enum { PIECE = 1 << 20, PIECE_RECORDS = 256 };

struct place {
	uint64_t offset; /* of the record */
	struct segment_head head;
};

/* An acknowledgement that is awaited. */
struct move {
	uint64_t id;
	uint32_t old_segment;
};

struct compact {
	struct store *s;
	struct worker *checkpoint;

	/* Of whoever has it: */
	struct post post;
	uint32_t segment;
	struct place *places;
	size_t count, cap, next;
	char *piece; /* envelopes and bodies read from the old file */
	size_t piece_cap;
	struct segment_item items[PIECE_RECORDS];
	size_t item_count;
	bool failed; /* something stays in the old file */

	bool busy; /* checkpoint thread */
	int fd;    /* checkpoint thread */

	/* Store thread: */
	bool committed;
	struct move *moves;
	size_t move_count, move_cap;
};

struct compact *
compact_new(struct store *s, struct worker *checkpoint)
{
	struct compact *c = mem_new(struct compact);

	c->s = s;
	c->checkpoint = checkpoint;
	c->fd = -1;
	return c;
}

void
compact_free(struct compact **cp)
{
	struct compact *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	if (c->fd >= 0)
		(void)close(c->fd);
	free(c->places);
	free(c->piece);
	free(c->moves);
	free(c);
}

static void
send_to(struct compact *c, struct worker *w, void (*fn)(struct post *))
{
	c->post.fn = fn;
	worker_post(w, &c->post);
}

/* ---- checkpoint thread: the end ------------------------------------------ */

static void
on_released(struct post *p)
{
	struct compact *c = post_owner(p, struct compact, post);

	c->busy = false;
}

/* On the store thread.  What could not be moved keeps its file for good. */
static void
on_finish(struct post *p)
{
	struct compact *c = post_owner(p, struct compact, post);

	if (!c->failed)
		segments_release(c->s->segments, c->segment);
	segments_sweep(c->s->segments);
	send_to(c, c->checkpoint, on_released);
}

static void
finish(struct compact *c)
{
	if (c->fd >= 0)
		(void)close(c->fd);
	c->fd = -1;
	c->next = c->count = 0;
	send_to(c, c->s->worker, on_finish);
}

/* ---- checkpoint thread: a piece ------------------------------------------ */

static size_t
bytes_of(const struct place *pl)
{
	return (size_t)pl->head.env_len + pl->head.body_len;
}

/* Names the message, and its recipients' queues as far as they are known. */
static void
log_record(const struct compact *c, const struct place *pl, const char *env,
    const char *what)
{
	struct region *rg = region_new();
	char id[MESSAGE_ID_TEXT];
	struct envelope ev;
	struct log_line l;
	struct err e;

	log_begin(&l, LOG_L_ERROR, message_id_text(pl->head.id, id),
	    "segment-damaged");
	log_fmt(&l, "segment", "%08X", c->segment);
	log_int(&l, "offset", (int64_t)pl->offset);
	if (env != NULL &&
	    envelope_unpack(env, pl->head.env_len, rg, &ev, &e) == 0) {
		log_fmt(&l, "from", "<%s>", ev.sender);
		log_fmt(&l, "to", "<%s>", ev.rcpts[0].addr);
		log_fmt(&l, "queue", "%s/%s", ev.rcpts[0].domain,
		    envelope_vmta_shown(ev.rcpts[0].vmta));
	}
	log_str(&l, "text", what);
	log_end(&l);
	region_free(&rg);
}

/* Envelope, then body. */
static bool
read_record(const struct compact *c, const struct place *pl, char *to)
{
	const struct segment_head *h = &pl->head;
	off_t at = (off_t)pl->offset + SEGMENT_HEAD;

	if (pread(c->fd, to, bytes_of(pl), at) != (ssize_t)bytes_of(pl)) {
		log_record(c, pl, NULL, "it cannot be read");
	} else if (crc32c(0, to, h->env_len) != h->env_crc) {
		log_record(c, pl, NULL, "the envelope is damaged");
	} else if (crc32c(0, to + h->env_len, h->body_len) != h->body_crc) {
		log_record(c, pl, to, "the body is damaged");
	} else {
		return true;
	}
	return false;
}

static void
on_piece(struct post *p) /* store thread */
{
	struct compact *c = post_owner(p, struct compact, post);

	commit_add_move(c->s, c);
}

/* Reads as many records as make a piece; at least one, of any size. */
static void
send_piece(struct compact *c)
{
	size_t want = 0, used = 0, n = c->next;

	while (n < c->count && n - c->next < PIECE_RECORDS &&
	    (n == c->next || want + bytes_of(&c->places[n]) <= PIECE))
		want += bytes_of(&c->places[n++]);
	if (want > c->piece_cap) {
		c->piece = mem_realloc(c->piece, want);
		c->piece_cap = want;
	}
	c->item_count = 0;
	for (; c->next < n; c->next++) {
		const struct place *pl = &c->places[c->next];

		if (!read_record(c, pl, c->piece + used)) {
			c->failed = true;
			continue;
		}
		c->items[c->item_count++] =
		    (struct segment_item){ .id = pl->head.id,
			    .env = c->piece + used,
			    .env_len = pl->head.env_len,
			    .body = c->piece + used + pl->head.env_len,
			    .body_len = pl->head.body_len };
		used += bytes_of(pl);
	}
	if (c->item_count > 0)
		send_to(c, c->s->worker, on_piece);
	else
		finish(c);
}

static void
on_pieced(struct post *p)
{
	struct compact *c = post_owner(p, struct compact, post);

	if (c->next < c->count && !c->failed)
		send_piece(c);
	else
		finish(c);
}

/* ---- which segment, which messages --------------------------------------- */

/* On the store thread. */
static void
on_places(struct post *p)
{
	struct compact *c = post_owner(p, struct compact, post);
	size_t kept = 0;

	for (size_t i = 0; i < c->count; i++) {
		const struct catalog_entry *entry = catalog_find(c->s->catalog,
		    c->places[i].head.id);

		if (entry != NULL && entry->segment == c->segment)
			c->places[kept++] = c->places[i];
	}
	c->count = kept;
	send_to(c, c->checkpoint, on_pieced);
}

static void
add_place(struct compact *c, const struct segment_head *h, uint64_t offset)
{
	if (c->count == c->cap) {
		c->cap = c->cap == 0 ? 1024 : c->cap * 2;
		c->places = mem_realloc(c->places,
		    c->cap * sizeof(struct place));
	}
	c->places[c->count++] = (struct place){ offset, *h };
}

/* Goes from head to head; a damaged one hides what is behind it. */
static void
list_places(struct compact *c)
{
	unsigned char head[SEGMENT_HEAD];
	uint64_t at = 0;
	ssize_t n;

	while (
	    (n = pread(c->fd, head, sizeof(head), (off_t)at)) == SEGMENT_HEAD) {
		struct segment_head h;

		if (!segment_head_unpack(head, &h))
			break;
		add_place(c, &h, at);
		at += SEGMENT_HEAD + (uint64_t)h.env_len + h.body_len;
	}
	if (n == 0)
		return;
	c->failed = true;
	log_note(LOG_L_ERROR, "segment-damaged",
	    "segment %08X is unreadable from %llu on", c->segment,
	    (unsigned long long)at);
}

static void
on_chosen(struct post *p)
{
	struct compact *c = post_owner(p, struct compact, post);
	char name[SEGMENT_NAME], path[4096];

	if (c->segment == 0) {
		c->busy = false;
		return;
	}
	segment_name(name, c->segment);
	if (snprintf(path, sizeof(path), "%s/seg/%s", c->s->dir, name) >=
	    (int)sizeof(path))
		path[0] = '\0';
	c->count = c->next = 0;
	c->failed = false;
	c->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (c->fd == -1) {
		c->failed = true;
		finish(c);
		return;
	}
	list_places(c);
	send_to(c, c->s->worker, on_places);
}

/* On the store thread. */
static void
on_choose(struct post *p)
{
	struct compact *c = post_owner(p, struct compact, post);
	struct store *s = c->s;

	c->segment = 0;
	if (s->loaded && s->space == STORE_SPACE_OK)
		c->segment = segments_sparse(s->segments);
	if (c->segment != 0)
		segments_hold(s->segments, c->segment);
	send_to(c, c->checkpoint, on_chosen);
}

void
compact_tick(struct compact *c)
{
	if (c->busy)
		return;
	c->busy = true;
	send_to(c, c->s->worker, on_choose);
}

/* ---- store thread: the batch --------------------------------------------- */

static bool
is_live(const struct compact *c, uint64_t id)
{
	const struct catalog_entry *entry = catalog_find(c->s->catalog, id);

	return entry != NULL && entry->segment == c->segment;
}

void
compact_append(struct compact *c)
{
	size_t kept = 0, done;
	struct err e;

	for (size_t i = 0; i < c->item_count; i++)
		if (is_live(c, c->items[i].id))
			c->items[kept++] = c->items[i];
	if (segments_append(c->s->segments, c->items, kept, &done, &e) == -1)
		store_die("append", &e);
	if (done < kept)
		c->failed = true; /* no space: another day */
	c->item_count = done;
}

static enum env_result
move_row(struct compact *c, const struct segment_item *it, struct buf *out,
    struct err *e)
{
	unsigned char key[KEY_ID];
	struct slice k = bytes(key, sizeof(key)), rec;
	struct record_message m;
	enum env_result r;

	if (!is_live(c, it->id)) /* ended in this very batch */
		return ENV_OK;
	key_id(key, it->id);
	r = env_get(c->s->env, TABLE_MESSAGE, k, &rec, e);
	if (r != ENV_OK)
		return r == ENV_ABSENT ? ENV_FAILED : r;
	if (record_message_unpack(k, rec, &m, e) == -1)
		return ENV_FAILED;
	m.loc = it->loc;
	record_message_pack(out, k, &m);
	return env_put(c->s->env, TABLE_MESSAGE, k, bytes(out->p, out->len), e);
}

void
compact_commit(struct compact *c)
{
	struct ledger next = c->s->ledger;
	enum env_result r = ENV_OK;
	struct buf out = { 0 };
	struct err e;

	env_begin(c->s->env);
	for (size_t i = 0; r == ENV_OK && i < c->item_count; i++)
		r = move_row(c, &c->items[i], &out, &e);
	buf_fini(&out);
	next.row.tail = segments_tail(c->s->segments, &next.row.tail_len);
	if (r == ENV_OK)
		r = ledger_save(c->s->env, &next, &e);
	if (r == ENV_OK)
		r = env_commit(c->s->env, &e);
	c->committed = r == ENV_OK;
	if (r == ENV_OK) {
		c->s->ledger = next;
		return;
	}
	env_rollback(c->s->env);
	if (r != ENV_NO_SPACE)
		store_die("compact", &e);
	c->failed = true;
}

static void
await_move(struct compact *c, struct catalog_entry *entry)
{
	if (c->move_count == c->move_cap) {
		c->move_cap = c->move_cap == 0 ? 256 : c->move_cap * 2;
		c->moves = mem_realloc(c->moves,
		    c->move_cap * sizeof(struct move));
	}
	c->moves[c->move_count++] = (struct move){ entry->id, c->segment };
	entry->moving = 1;
	segments_hold(c->s->segments, c->segment);
}

void
compact_answer(struct compact *c)
{
	struct store *s = c->s;

	for (size_t i = 0; c->committed && i < c->item_count; i++) {
		const struct segment_item *it = &c->items[i];
		struct catalog_entry *entry = catalog_find(s->catalog, it->id);

		if (entry == NULL || entry->segment != c->segment)
			continue;
		segments_dead(s->segments, entry->segment, entry->size);
		entry->segment = it->loc.segment;
		segments_born(s->segments, entry->segment, entry->size);
		if (s->owner.moved != NULL) {
			await_move(c, entry);
			s->owner.moved(s->ctx, it->id, c->segment, &it->loc);
		}
	}
	send_to(c, c->checkpoint, on_pieced);
}

/* ---- store thread: acknowledgements -------------------------------------- */

static void
drop_move(struct compact *c, size_t i)
{
	segments_release(c->s->segments, c->moves[i].old_segment);
	c->moves[i] = c->moves[--c->move_count];
}

/* A message may be moved again before the first move is acknowledged. */
void
compact_moved_done(struct compact *c, uint64_t id, uint32_t old_segment)
{
	struct catalog_entry *entry = catalog_find(c->s->catalog, id);
	bool others = false;

	if (entry == NULL || !entry->moving)
		return; /* it has ended: forgotten already */
	for (size_t i = c->move_count; i-- > 0;) {
		if (c->moves[i].id != id)
			continue;
		if (c->moves[i].old_segment == old_segment)
			drop_move(c, i);
		else
			others = true;
	}
	entry->moving = others;
}

void
compact_forget(struct compact *c, struct catalog_entry *entry)
{
	for (size_t i = c->move_count; i-- > 0;)
		if (c->moves[i].id == entry->id)
			drop_move(c, i);
	entry->moving = 0;
}
