/* SPDX-License-Identifier: Apache-2.0 */
#include "milter/milter_arc.h"

#include "lib/dns_wait.h"

struct dkim_answers *
milter_arc_ask(const struct milter_env *env, const struct sealing_run *run,
    struct region *rg)
{
	struct dkim_answers *answers = dkim_answers_new();
	struct dns_want *v;
	size_t n;

	sealing_run_names(run, answers);
	n = dkim_answers_count(answers);
	v = region_array(rg, n, sizeof(*v));
	for (size_t i = 0; i < n; i++)
		v[i].name = dkim_answers_name(answers, i);
	dns_wait(env->dns, env->resolver, DNS_TXT, v, n, SEALING_DNS_US);
	for (size_t i = 0; i < n; i++) {
		dkim_answers_take(answers, i, v[i].answer);
		dns_answer_unref(&v[i].answer);
	}
	return answers;
}
