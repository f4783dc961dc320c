/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/suppressing.h"

#include <stdlib.h>

#include "lib/clock.h"
#include "queue/suppress_watch.h"

void
suppressing_set(struct suppressing *sp, const struct snapshot *conf)
{
	size_t n;
	const struct suppress_watched *lists = snapshot_suppress_watched(conf,
	    &n);

	suppress_watch_set(sp->watch, lists, n);
}

int
suppressing_new(const struct snapshot *conf, struct suppressing **sp_r,
    struct err *e)
{
	struct suppressing *sp = mem_new(struct suppressing);

	*sp_r = NULL;
	if (suppress_watch_new(snapshot_global(conf)->suppression_dir,
		&sp->watch, e) == -1) {
		free(sp);
		return -1;
	}
	suppressing_set(sp, conf);
	*sp_r = sp;
	return 0;
}

void
suppressing_free(struct suppressing **spp)
{
	struct suppressing *sp = *spp;

	*spp = NULL;
	if (sp == NULL)
		return;
	suppress_watch_free(&sp->watch);
	free(sp);
}

static int
has(void *ctx, const struct suppress_list *list, const unsigned char *digest,
    struct err *e)
{
	return suppress_views_has(ctx, list->id, digest, e);
}

static const char *
in_words(enum suppress_state state, const struct suppress_found *found,
    struct region *rg)
{
	if (state == SUPPRESS_LISTED)
		return REGION_JOIN(rg, "recipient is in suppression list \"",
		    found->list->name, "\"");
	return REGION_JOIN(rg, "suppression list \"", found->list->name,
	    "\" cannot be read now");
}

enum suppress_state
suppressing_ask(const struct suppressing *sp, const struct snapshot *conf,
    const struct suppress_set *lists, const char *addr, struct region *rg,
    struct suppressing_said *said_r)
{
	struct suppress_views *views = NULL;
	struct suppress_ask ask = { 0 };
	struct suppress_found found;

	*said_r = (struct suppressing_said){ .state = SUPPRESS_CLEAR };
	if (suppress_set_is_empty(lists))
		return SUPPRESS_CLEAR;
	if (sp != NULL) {
		views = suppress_watch_get(sp->watch);
		ask = (struct suppress_ask){ .has = has,
			.ctx = views,
			.secret = suppress_views_secret(views) };
	}
	said_r->state = suppress_check(conf, lists, &ask, slice_of(addr), rg,
	    &found);
	if (sp != NULL)
		suppress_views_unref(&views);
	if (said_r->state != SUPPRESS_CLEAR) {
		said_r->list = found.list->name;
		said_r->text = in_words(said_r->state, &found, rg);
	}
	return said_r->state;
}

void
suppressing_refused(struct suppressing *sp)
{
	if (sp != NULL)
		count_add(&sp->refused, 1);
}

void
suppressing_ended(struct suppressing *sp)
{
	if (sp != NULL)
		count_add(&sp->ended, 1);
}

void
suppressing_denied(struct suppressing *sp)
{
	if (sp != NULL)
		count_add(&sp->denied, 1);
}

struct outcome
suppressing_outcome(const struct suppressing_said *said)
{
	return (struct outcome){ .kind = said->state == SUPPRESS_LISTED ?
		    OUTCOME_SUPPRESSED :
		    OUTCOME_LOCAL_TEMP,
		.phase = PHASE_RCPT,
		.ours = true,
		.text = said->text,
		.mx = "",
		.esmtp = "",
		.tls = "",
		.wall_us = clock_wall_us() };
}
