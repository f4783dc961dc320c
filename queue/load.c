/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/load.h"

#include <stdlib.h>

#include "lib/check.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "queue/store_priv.h"
#include "queue/walk.h"

enum {
	SLICE = 256, /* messages read at once and handed out together */
	AHEAD = 8    /* of those, before the first is taken */
};

struct load {
	struct store *s;
	struct walk *walk;
	bool walked;
	unsigned out;                    /* handed out and not yet given back */
	struct store_arrivals *arrivals; /* being filled, or NULL */
};

struct load *
load_new(struct store *s)
{
	struct load *l = mem_new(struct load);

	l->s = s;
	l->walk = walk_new(s->env);
	return l;
}

void
load_free(struct load **lp)
{
	struct load *l = *lp;

	*lp = NULL;
	if (l == NULL)
		return;
	walk_free(&l->walk);
	free(l);
}

static void
log_damaged(uint64_t id, const char *why)
{
	char text[MESSAGE_ID_TEXT];
	struct log_line l;

	log_begin(&l, LOG_L_ERROR, message_id_text(id, text), "record-damaged");
	log_str(&l, "text", why);
	log_end(&l);
}

/* ---- handing out --------------------------------------------------------- */

static struct store_arrivals *
arrivals_new(struct store *s)
{
	struct store_arrivals *a = mem_new(struct store_arrivals);

	a->store = s;
	a->rg = region_new();
	STAILQ_INIT(&a->list);
	return a;
}

static void
add_arrival(const struct load *l, const struct walk_message *m)
{
	struct region *rg = l->arrivals->rg;
	struct store_arrival *a = region_new_obj(rg, struct store_arrival);
	const struct slice *bill = &m->rec.waybill;
	const char *kept = region_dup(rg, bill->p, bill->len);
	struct err e;

	if (waybill_unpack(kept, bill->len, rg, &a->waybill, &e) == -1) {
		log_damaged(m->id, e.text);
		return;
	}
	a->id = m->id;
	a->loc = m->rec.loc;
	a->count = m->left;
	a->rcpts = region_array(rg, m->left, sizeof(*a->rcpts));
	walk_rcpts(m, a->rcpts);
	STAILQ_INSERT_TAIL(&l->arrivals->list, a, link);
}

void
load_arrivals_free(struct store_arrivals **ap)
{
	struct store_arrivals *a = *ap;

	*ap = NULL;
	region_free(&a->rg);
	free(a);
}

static void
hand_out(struct load *l)
{
	struct store_arrivals *a = l->arrivals;

	CHECK(l->s->owner.recovered != NULL); /* or there were none */
	l->arrivals = NULL;
	if (STAILQ_EMPTY(&a->list)) {
		load_arrivals_free(&a);
		return;
	}
	l->out++;
	l->s->owner.recovered(l->s->ctx, a); /* takes it */
}

void
load_returned(struct load *l)
{
	CHECK(l->out > 0);
	l->out--;
}

/* ---- the walk ------------------------------------------------------------ */

static void
take_in(const struct load *l, const struct walk_message *m)
{
	struct store *s = l->s;
	struct catalog_entry *c = catalog_add(s->catalog, m->id);

	c->left = m->left & UINT32_C(0x1fffffff);
	c->has_states = m->row_count > 0;
	c->segment = m->rec.loc.segment;
	c->size = segment_size(&m->rec.loc);
	segments_born(s->segments, c->segment, c->size);
	if (c->left == 0)
		log_note(LOG_L_ERROR, "message-empty",
		    "a stored message has no recipient left");
	else if (l->arrivals != NULL)
		add_arrival(l, m);
}

static void
walk_some(struct load *l)
{
	struct walk_message m;
	struct err e;

	for (int i = 0; i < SLICE && !l->walked; i++) {
		enum env_result r = walk_next(l->walk, l->s->first_id, &m, &e);

		if (r != ENV_OK && r != ENV_ABSENT)
			store_die("load", &e);
		l->walked = r == ENV_ABSENT;
		if (r == ENV_OK && m.trouble != NULL)
			log_damaged(m.id, m.trouble);
		else if (r == ENV_OK)
			take_in(l, &m);
	}
}

enum load_more
load_slice(struct load *l)
{
	if (!l->walked && l->out < AHEAD) {
		if (l->s->owner.recovered != NULL)
			l->arrivals = arrivals_new(l->s);
		walk_some(l);
		if (l->arrivals != NULL)
			hand_out(l);
	}
	if (l->walked)
		return l->out == 0 ? LOAD_DONE : LOAD_WAITS;
	return l->out < AHEAD ? LOAD_MORE : LOAD_WAITS;
}
