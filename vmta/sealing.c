/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/sealing.h"

#include "vmta/assign.h"
#include "vmta/ways.h"

/* The inner one first: the first key that is found counts. */
static void
add(const struct snapshot *conf, bool seal, const char *key,
    struct sealing *out)
{
	out->seal = out->seal || seal;
	if (out->key == NULL)
		out->key = snapshot_sealing_key(conf, key);
}

static void
add_domains(const struct policy_in *in, const struct ways *w,
    struct sealing *out)
{
	for (size_t i = 0; i < w->domain_count; i++) {
		const struct carriers *by = &w->v[w->of_domain[i]];

		for (size_t k = 0; k < by->n; k++) {
			struct queue_conf q;

			snapshot_queue_conf(in->conf, w->domains[i],
			    by->v[k]->name, &q);
			add(in->conf, q.arc_seal, q.arc_key, out);
		}
	}
}

void
sealing_find(const struct policy_in *in, const struct policy_out *assigned,
    struct region *rg, struct sealing *out)
{
	struct source_conf source;
	struct ways w;

	*out = (struct sealing){
		.authserv_id = snapshot_global(in->conf)->authserv_id
	};
	if (!snapshot_seals(in->conf))
		return;
	assign_source(in, &source);
	ways_find(in, assigned, rg, &w);
	add_domains(in, &w, out);
	for (size_t i = 0; i < w.n; i++)
		for (size_t k = 0; k < w.v[i].n; k++)
			add(in->conf, w.v[i].v[k]->arc_seal,
			    w.v[i].v[k]->arc_key, out);
	add(in->conf, source.arc_seal, source.arc_key, out);
	out->check = source.check_arc;
}
