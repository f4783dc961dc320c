/* SPDX-License-Identifier: Apache-2.0 */
#include "milter/milter_suppress.h"

#include <string.h>

#include "queue/suppress_watch.h"
#include "vmta/assign.h"

void
milter_suppress_set(struct suppress_watch *w, const struct snapshot *conf)
{
	size_t n;
	const struct suppress_watched *lists = snapshot_suppress_watched(conf,
	    &n);

	suppress_watch_set(w, lists, n);
}

bool
milter_suppress_wanted(const struct milter_conf *conf)
{
	return snapshot_suppress_count(conf->snapshot) > 0;
}

static int
has(void *ctx, const struct suppress_list *list, const unsigned char *digest,
    struct err *e)
{
	return suppress_views_has(ctx, list->id, digest, e);
}

void
milter_suppress_ask(const struct milter_env *env, const struct policy_in *in,
    const char *rcpt, struct region *rg, struct milter_suppress *said_r)
{
	struct suppress_views *views;
	struct suppress_ask ask;
	struct suppress_found found;
	struct suppress_set lists;
	struct source_conf source;

	*said_r = (struct milter_suppress){ .state = SUPPRESS_CLEAR };
	assign_source(in, &source);
	suppress_set_of(in->conf, &(struct suppress_scope){ .source = &source },
	    &lists);
	if (suppress_set_is_empty(&lists))
		return;
	views = suppress_watch_get(env->suppress);
	ask = (struct suppress_ask){ .has = has,
		.ctx = views,
		.secret = suppress_views_secret(views) };
	said_r->state = suppress_check(in->conf, &lists, &ask, slice_of(rcpt),
	    rg, &found);
	suppress_views_unref(&views);
	if (said_r->state == SUPPRESS_CLEAR)
		return;
	said_r->list = found.list->name;
	if (said_r->state == SUPPRESS_LISTED)
		said_r->reply = REGION_JOIN(rg,
		    "550 5.7.1 recipient is in suppression list \"",
		    said_r->list, "\"");
	else
		said_r->reply = REGION_JOIN(rg, "451 4.3.0 suppression list \"",
		    said_r->list, "\" cannot be read now");
}
