/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who handed the mail in, job and user: what the configuration says of them.
 *
 * There may be as many jobs as messages, so each is looked up when it is used
 * first after a reload, not by the reload.
 */
#include "vmta/sched_priv.h"

struct origin *
sched_origin(const struct sched *s, uint32_t number)
{
	struct origin *o = origins_at(&s->backlog.origins, number);
	const struct job_conf *job;

	if (o->generation == s->generation)
		return o;
	o->generation = s->generation;
	job = snapshot_job(s->conf,
	    names_text(&s->backlog.origins.jobs, o->job));
	o->weight = job == NULL ? SHARE_WEIGHT : (uint16_t)job->fair_share;
	return o;
}
