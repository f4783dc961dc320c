/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/reasons.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/ctl_proto.h"
#include "lib/mem.h"
#include "transport/control_priv.h"
#include "vmta/explain.h"

bool
why_holds(const struct why *w)
{
	switch (w->kind) {
	case WHY_HELD:
	case WHY_PAUSED:
	case WHY_JOB_PAUSED:
	case WHY_RETRY:
	case WHY_RESOLVING:
	case WHY_COUNTING:
	case WHY_ALL_LOST:
	case WHY_NO_FAMILY:
	case WHY_SOURCES_OFF:
	case WHY_WARMUP:
	case WHY_PINNED:
	case WHY_ON_HOLD:
	case WHY_DEFERRED:
	case WHY_SCHEDULED:
	case WHY_LIMIT:
	case WHY_TURN:
	case WHY_RAMPUP:
	case WHY_CROWD:
	case WHY_FRUITLESS:
		return true;
	case WHY_SENDING:
	case WHY_LOST:
	case WHY_OTHER_FAMILY:
	case WHY_BACKOFF:
	case WHY_ROOM:
	case WHY_OPENING:
	case WHY_BUSY:
		return false;
	}
	return false;
}

/* ---- keeping ------------------------------------------------------------- */

static const char *
kept(const char *text)
{
	return text == NULL || text[0] == '\0' ? NULL : mem_strdup(text);
}

void
reasons_add(void *ctx, const struct why *w)
{
	struct reasons *r = ctx;
	struct why *copy;

	if (r->n == REASONS_MAX) {
		r->cut = true;
		return;
	}
	if (r->n == r->cap) {
		r->cap = r->cap * 2 + 4;
		r->v = mem_realloc(r->v, r->cap * sizeof(*r->v));
	}
	copy = &r->v[r->n++];
	*copy = *w;
	copy->name = kept(w->name);
	copy->directive = kept(w->directive);
	copy->text = kept(w->text);
}

static void
drop(const char *text)
{
	union {
		const char *in;
		char *out;
	} u = { .in = text };

	free(u.out);
}

void
reasons_fini(struct reasons *r)
{
	for (size_t i = 0; i < r->n; i++) {
		drop(r->v[i].name);
		drop(r->v[i].directive);
		drop(r->v[i].text);
	}
	free(r->v);
	*r = (struct reasons){ 0 };
}

bool
reasons_hold(const struct reasons *r, uint64_t rcpts)
{
	for (size_t i = 0; i < r->n; i++)
		if (why_holds(&r->v[i]) &&
		    (r->v[i].rcpts == 0 || r->v[i].rcpts >= rcpts))
			return true;
	return false;
}

bool
reasons_hold_by(const struct reasons *r, enum scope_kind scope,
    const char *name)
{
	for (size_t i = 0; i < r->n; i++)
		if (why_holds(&r->v[i]) && r->v[i].name != NULL &&
		    r->v[i].scope == scope &&
		    (r->v[i].kind == WHY_LIMIT || r->v[i].kind == WHY_TURN ||
			r->v[i].kind == WHY_JOB_PAUSED) &&
		    str_eq_nocase(r->v[i].name, name))
			return true;
	return false;
}

/* ---- the line of the configuration --------------------------------------- */

static void
add_line(void *ctx, const struct setting *s)
{
	json_t *out = ctx;

	(void)json_object_set_new(out, "value", ctl_string(s->value));
	if (s->file == NULL)
		return;
	(void)json_object_set_new(out, "file", ctl_string(s->file));
	(void)json_object_set_new(out, "line", json_integer(s->line));
	if (s->block[0] != '\0')
		(void)json_object_set_new(out, "block", ctl_string(s->block));
}

static enum explain_of
owner_of(const struct why *w)
{
	switch (w->scope) {
	case SCOPE_QUEUE:
	case SCOPE_BACKOFF:
	case SCOPE_SOURCE:
	case SCOPE_ROLLUP:
	case SCOPE_ROLLUP_BACKOFF:
		return EXPLAIN_QUEUE;
	case SCOPE_VMTA:
		return EXPLAIN_VMTA;
	case SCOPE_POOL:
		return EXPLAIN_POOL;
	case SCOPE_PROVIDER:
		return EXPLAIN_PROVIDER;
	case SCOPE_JOB:
		return EXPLAIN_JOB;
	case SCOPE_USER:
		return EXPLAIN_USER;
	case SCOPE_PROCESS:
	case SCOPE_MX:
	case SCOPE_REMOTE:
		return EXPLAIN_GLOBAL;
	}
	return EXPLAIN_GLOBAL;
}

/* The name of a group is that of its settings and its virtual MTA. */
static char *
without_vmta(const char *name)
{
	char *out = mem_strdup(name);

	out[strcspn(out, "/")] = '\0';
	return out;
}

static void
find_line(json_t *out, const struct why *w, const struct snapshot *conf,
    const char *domain, const char *vmta)
{
	struct explain_ask ask = { .of = owner_of(w),
		.name = w->name,
		.domain = domain,
		.directive = w->directive };
	struct net_addr addr;
	char *group = NULL;
	struct err e;

	/* What is not a limit is a setting of the queue, such as retry-after. */
	if (w->kind != WHY_LIMIT && w->kind != WHY_ROOM && w->kind != WHY_TURN)
		ask.of = EXPLAIN_QUEUE;
	if (ask.of == EXPLAIN_QUEUE)
		ask.name = vmta;
	if (w->scope == SCOPE_MX)
		ask.domain = w->name;
	if ((w->scope == SCOPE_SOURCE || w->scope == SCOPE_REMOTE) &&
	    w->name != NULL &&
	    net_addr_parse(slice_of(w->name), &addr, &e) == 0)
		ask.addr = &addr;
	if (ask.of == EXPLAIN_QUEUE && (domain == NULL || vmta == NULL))
		return;
	if ((w->scope == SCOPE_ROLLUP || w->scope == SCOPE_ROLLUP_BACKOFF) &&
	    w->name != NULL)
		ask.domain = group = without_vmta(w->name);
	(void)explain_one(conf, &ask, add_line, out);
	free(group);
}

/* ---- the answer ---------------------------------------------------------- */

static void
set_numbers(json_t *out, const struct why *w)
{
	(void)json_object_set_new(out, "scope",
	    json_string(why_scope_word(w->scope)));
	if (w->name != NULL)
		(void)json_object_set_new(out, "name", ctl_string(w->name));
	(void)json_object_set_new(out, "limit",
	    json_string(why_limit_word(w->limit)));
	if (w->waiting > 0)
		(void)json_object_set_new(out, "waiting",
		    json_integer((json_int_t)w->waiting));
	if (w->place > 0)
		(void)json_object_set_new(out, "place",
		    json_integer((json_int_t)w->place));
	if (w->kind == WHY_TURN)
		return;
	(void)json_object_set_new(out, "used",
	    json_integer((json_int_t)w->used));
	(void)json_object_set_new(out, "max", json_integer((json_int_t)w->max));
	(void)json_object_set_new(out, "left",
	    json_integer(
		w->used < w->max ? (json_int_t)(w->max - w->used) : 0));
	if (w->period_us > 0)
		(void)json_object_set_new(out, "period_s",
		    json_real((double)w->period_us / US_PER_S));
}

static void
set_time(json_t *out, const char *when, const char *in, int64_t at_us)
{
	int64_t in_us = at_us - clock_us();

	(void)json_object_set_new(out, when, control_when(at_us));
	(void)json_object_set_new(out, in,
	    json_integer(in_us < 0 ? 0 : (in_us + US_PER_S - 1) / US_PER_S));
}

/* A time that is promised; or what ends it, and when at the earliest. */
static void
set_end(json_t *out, const struct why *w)
{
	if (w->kind == WHY_ROOM)
		return;
	if (w->until_us != 0 && w->until_us != INT64_MAX) {
		set_time(out, "until", "in_s", w->until_us);
		return;
	}
	(void)json_object_set_new(out, "ends_when", json_string(why_ends(w)));
	if (w->not_before_us > 0)
		set_time(out, "not_before", "not_before_in_s",
		    w->not_before_us);
}

static json_t *
reason_json(const struct why *w, const struct snapshot *conf,
    const char *domain, const char *vmta)
{
	json_t *out = json_pack("{s:s,s:s,s:b}", "kind", why_word(w->kind),
	    "meaning", why_meaning(w->kind), "holds", (int)why_holds(w));

	CHECK(out != NULL);
	if (w->kind == WHY_LIMIT || w->kind == WHY_ROOM || w->kind == WHY_TURN)
		set_numbers(out, w);
	else if (w->name != NULL &&
	    (w->kind == WHY_JOB_PAUSED || w->kind == WHY_SOURCES_OFF ||
		w->kind == WHY_BACKOFF))
		(void)json_object_set_new(out, "name", ctl_string(w->name));
	if (w->directive != NULL) {
		(void)json_object_set_new(out, "directive",
		    ctl_string(w->directive));
		find_line(out, w, conf, domain, vmta);
	}
	set_end(out, w);
	if (w->rcpts > 0)
		(void)json_object_set_new(out, "recipients",
		    json_integer((json_int_t)w->rcpts));
	if (w->text != NULL)
		(void)json_object_set_new(out, "text", ctl_string(w->text));
	return out;
}

json_t *
reasons_json(const struct reasons *r, const struct snapshot *conf,
    const char *domain, const char *vmta)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->n; i++)
		(void)json_array_append_new(list,
		    reason_json(&r->v[i], conf, domain, vmta));
	return list;
}
